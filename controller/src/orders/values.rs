//! Checks a value as the box will: by type, list of values, range and length.

use line3_proto::Wall;
use line3_proto::catalogue::FieldEntry;
use line3_proto::path::Number;
use line3_proto::value::{Value, ValueType};

use super::{BadOrder, bad, names, typed};
use crate::fleet::is_secret;

/// Checks the value of an argument or parameter.
pub(super) fn check(field: &FieldEntry, name: &str, value: &str) -> Result<(), BadOrder> {
    // An empty text is as good as nothing where nothing is needed.
    if value.is_empty() && !field.mandatory && !field.writable && field.default.is_none() {
        return Ok(());
    }
    if field.list {
        return Vec::<String>::read(value).unwrap_or_default().iter().try_for_each(|item| check_one(field, name, item));
    }
    check_one(field, name, value)
}

fn check_one(field: &FieldEntry, name: &str, value: &str) -> Result<(), BadOrder> {
    let fits = is_of(field.ty, value) && (field.values.is_empty() || field.values.iter().any(|one| one == value)) && in_range(field, value);
    if fits {
        return Ok(());
    }
    let shown = match value {
        _ if is_secret(name) => "what was given".to_owned(),
        _ if !field.ty.is_number() && too_long(field, value) => format!("{} bytes", value.len()),
        _ => format!("{:?}", typed(value)),
    };
    Err(bad(format!("{} takes {}, not {shown}", typed(name), takes(field))))
}

fn is_of(ty: ValueType, text: &str) -> bool {
    match ty {
        ValueType::Boolean => bool::read(text).is_some(),
        ValueType::DateTime => Wall::read(text).is_some(),
        ValueType::Decimal => Number::parse(text.trim()).is_some(),
        ValueType::Int => i32::read(text).is_some(),
        ValueType::Long => i64::read(text).is_some(),
        ValueType::UnsignedInt => u32::read(text).is_some(),
        ValueType::UnsignedLong => u64::read(text).is_some(),
        ValueType::HexBinary => text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit()),
        ValueType::Base64 | ValueType::String => true,
    }
}

fn in_range(field: &FieldEntry, text: &str) -> bool {
    if !field.ty.is_number() {
        return !too_long(field, text);
    }
    // A decimal with a fraction is left to the box, as its bounds are whole numbers.
    let Ok(number) = text.trim().parse::<i128>() else { return true };
    field.min.is_none_or(|min| number >= i128::from(min)) && field.max.is_none_or(|max| number <= i128::from(max))
}

fn too_long(field: &FieldEntry, text: &str) -> bool {
    let sized = matches!(field.ty, ValueType::String | ValueType::Base64 | ValueType::HexBinary);
    sized && field.max.is_some_and(|max| i128::try_from(text.len()).unwrap_or(i128::MAX) > i128::from(max))
}

/// What a field takes: `1 to 10000 milliseconds`, `text of at most 256 bytes`.
pub(super) fn takes(field: &FieldEntry) -> String {
    let what = if !field.values.is_empty() {
        format!("one of {}", names::listed(field.values.iter().map(String::as_str)))
    } else if field.ty.is_number() {
        match (field.min, field.max) {
            (Some(min), Some(max)) => format!("{min} to {max}"),
            (Some(min), None) => format!("{min} or more"),
            (None, Some(max)) => format!("at most {max}"),
            (None, None) => number(field.ty).to_owned(),
        }
    } else {
        let kind = match field.ty {
            ValueType::Boolean => "true or false",
            ValueType::DateTime => "a moment like 2026-01-31T12:00:00Z",
            ValueType::HexBinary => "hexadecimal digits, two for each byte",
            ValueType::Base64 => "Base64 text",
            _ => "text",
        };
        let sized = matches!(field.ty, ValueType::String | ValueType::Base64 | ValueType::HexBinary);
        field.max.filter(|_| sized).map_or_else(|| kind.to_owned(), |max| format!("{kind} of at most {max} bytes"))
    };
    let unit = if field.unit.is_empty() { String::new() } else { format!(" {}", field.unit) };
    let each = if field.list { ", or several of them with commas between" } else { "" };
    format!("{what}{unit}{each}")
}

fn number(ty: ValueType) -> &'static str {
    match ty {
        ValueType::Decimal => "a number",
        ValueType::Int => "a whole number of 32 bits",
        ValueType::Long => "a whole number of 64 bits",
        ValueType::UnsignedInt => "a whole number from 0 to 4294967295",
        _ => "a whole number from 0 to 18446744073709551615",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The box has the last word on values, so what is let through here must be what the box takes: both are asked the same.
    #[test]
    fn a_value_is_judged_as_the_box_judges_it() {
        use line3_proto::row;
        use line3_proto::row::{Field, Row};
        row! {
            /// One field of each kind.
            struct Kinds {
                /// A number.
                Small: u32 [range(1, 10)] = "3",
                /// A large one.
                Large: u64,
                /// A signed one.
                Signed: i32 [range(-5, 5)] = "0",
                /// A signed, large one.
                Long: i64,
                /// A fraction.
                Fraction: f64 [range(0, 100)] = "1",
                /// Yes or no.
                Flag: bool,
                /// Text.
                Text: String [len(8)],
                /// A moment.
                Moment: Wall,
                /// Several numbers.
                Several: Vec<u32> [range(1, 10)] = "1",
                /// Several texts.
                Texts: Vec<String> [len(3)] = "a",
            }
        }
        let texts = "| |0|1| 7 |10|11|-1|-5|-6|4294967295|4294967296|18446744073709551615|18446744073709551616|-9223372036854775808|\
            1.5|100.5|NaN|inf|1e3|true|false|True|yes|12345678|123456789|ääää|äääää|2026-01-31T12:00:00Z|2026-01-31|\
            1,2|1,11|1, 2|1,,2|a,b|abcd,a|a%2Cb|\0";
        let fields: &[Field] = Kinds::FIELDS;
        for (field, entry) in fields.iter().zip(FieldEntry::list(fields)) {
            for text in texts.split('|') {
                assert_eq!(check(&entry, field.name, text).is_ok(), field.check(text).is_ok(), "{} = {text:?}", field.name);
            }
        }
    }
}
