//! What a search condition compares with: text in quotes; numbers, booleans and dateTimes without.

use std::fmt;

use crate::Wall;

/// The right side of a search condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Literal {
    /// Text, its quotes and percent-escapes taken off.
    Text(String),
    /// A number.
    Number(Number),
    /// `true` or `false`.
    Bool(bool),
    /// A moment.
    DateTime(Wall),
}

impl Literal {
    /// Reads a literal that stands without quotes.
    #[must_use]
    pub fn unquoted(text: &str) -> Option<Self> {
        // A leap second at the very end of 9999 would be spelled with a year of five digits.
        const YEAR_10000: Wall = Wall(253_402_300_800_000);
        match text {
            "true" => Some(Self::Bool(true)),
            "false" => Some(Self::Bool(false)),
            _ => Number::parse(text).map(Self::Number).or_else(|| text.parse().ok().filter(|&wall| wall < YEAR_10000).map(Self::DateTime)),
        }
    }

    /// What it is, for a person.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text in quotes",
            Self::Number(_) => "a number",
            Self::Bool(_) => "a boolean",
            Self::DateTime(_) => "a dateTime",
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => {
                f.write_str("\"")?;
                for c in text.chars() {
                    if matches!(c, '"' | '%') || c.is_control() {
                        c.encode_utf8(&mut [0; 4]).bytes().try_for_each(|byte| write!(f, "%{byte:02X}"))?;
                    } else {
                        write!(f, "{c}")?;
                    }
                }
                f.write_str("\"")
            }
            Self::Number(number) => write!(f, "{number}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::DateTime(wall) => write!(f, "{wall}"),
        }
    }
}

/// Takes the percent-escapes (`%22`, `%25`, any `%XX`) off; `None` for a `%` without two hexadecimal digits, or for what is
/// then no UTF-8.
pub(super) fn unescape(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut plain = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
            plain.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            plain.push(byte);
        }
    }
    String::from_utf8(plain).ok()
}

/// A decimal number, exact: every USP number fits, from `long` to `unsignedLong`, with up to 18 places after the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(i128);

impl Number {
    /// How many digits after the point are kept; a number with more is no number here.
    const PLACES: u32 = 18;
    const ONE: i128 = 10_i128.pow(Self::PLACES);

    /// Reads a number: `0`, `-17`, `3.25`. No exponent, digits on both sides of the point.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, places) = unsigned.split_once('.').map_or((unsigned, None), |(whole, places)| (whole, Some(places)));
        if !digits(whole) || !places.is_none_or(digits) {
            return None;
        }
        let places = places.unwrap_or("");
        let missing = Self::PLACES.checked_sub(u32::try_from(places.len()).ok()?)?;
        let fraction = if places.is_empty() { 0 } else { places.parse::<i128>().ok()? * 10_i128.pow(missing) };
        let value = whole.parse::<i128>().ok()?.checked_mul(Self::ONE)?.checked_add(fraction)?;
        Some(Self(if text.starts_with('-') { -value } else { value }))
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self(i128::from(value) * Self::ONE)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = Self::ONE.unsigned_abs();
        let (whole, fraction) = (self.0.unsigned_abs() / one, self.0.unsigned_abs() % one);
        let sign = if self.0 < 0 { "-" } else { "" };
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let places = format!("{fraction:018}");
        write!(f, "{sign}{whole}.{}", places.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_are_exact_and_compare_by_worth() {
        for text in ["0", "-1", "18446744073709551615", "-9223372036854775808", "0.000000000000000001", "-2.5"] {
            assert_eq!(Number::parse(text).unwrap().to_string(), text);
        }
        for (text, canonical) in [("007", "7"), ("+4", "4"), ("1.50", "1.5"), ("-0", "0"), ("2.0", "2")] {
            assert_eq!(Number::parse(text).unwrap().to_string(), canonical);
        }
        assert!(Number::parse("-2.5") < Number::parse("-2.25") && Number::parse("9") < Number::parse("10"));
        assert_eq!(Number::from(-3), Number::parse("-3").unwrap());
        let long = "9".repeat(40);
        for bad in ["", "-", ".5", "5.", "1e3", "0x10", "1 ", "--1", "+-1", "1.2.3", "1.-2", "\u{661}", "0.0000000000000000001", &long] {
            assert_eq!(Number::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_literal_shows_nothing_that_a_terminal_obeys() {
        assert_eq!(Literal::Text("a\"b%c\u{1b}[0m\u{9b}\u{e9}".into()).to_string(), "\"a%22b%25c%1B[0m%C2%9B\u{e9}\"");
        assert_eq!(unescape("%22%C3%A9%2c").as_deref(), Some("\"\u{e9},"));
        for bad in ["%", "%2", "%zz", "%C3", "%+1", "%\u{e9}"] {
            assert_eq!(unescape(bad), None, "{bad}");
        }
    }
}
