//! One condition of a search, and whether it holds.

use std::cmp::Ordering;
use std::fmt;

use super::literal::unescape;
use super::{Literal, Number, Segment};
use crate::fault::code::INVALID_PATH_SYNTAX;
use crate::{Fault, ValueType, Wall};

/// One condition of a search: `Stats.ErrorsSent>0`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Condition {
    /// The parameter, from the row: names, the last one the parameter's; before that also references to follow.
    /// Never through a child table.
    pub left: Vec<Segment>,
    /// How it is compared.
    pub op: Op,
    /// With what.
    pub value: Literal,
}

/// How a condition compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `~=`: the comma-separated list has this item.
    Contains,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Op {
    /// Every operator; the longer spellings first, as the reader needs it.
    pub(super) const ALL: [Self; 7] =
        [Self::Equal, Self::NotEqual, Self::Contains, Self::LessOrEqual, Self::GreaterOrEqual, Self::Less, Self::Greater];

    /// How it is spelled.
    #[must_use]
    pub const fn spelling(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Contains => "~=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Contains => false,
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.spelling())
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.left_path(), self.op, self.value)
    }
}

impl Condition {
    /// The left side as it is spelled: `Stats.ErrorsSent`.
    #[must_use]
    pub fn left_path(&self) -> String {
        self.left.iter().map(Segment::to_string).collect::<Vec<_>>().join(".")
    }

    /// Whether it holds for a parameter of type `kind`, or, with `list`, for a comma-separated list of that type, whose value is
    /// `actual`. Numbers compare by worth, dateTimes by time, hexBinary without regard to case; the Unknown Time is before and after
    /// nothing. Nothing holds for a value that is not of its own type (an empty number, say).
    ///
    /// # Errors
    /// 7008 where the operator or the right side does not fit the type; the same for every value, so the search is at fault.
    pub fn holds(&self, actual: &str, kind: ValueType, list: bool) -> Result<bool, Fault> {
        match (self.op, list) {
            (Op::Contains, false) => Err(self.misfit(kind, "~= looks into a comma-separated list; use == here")),
            (Op::Contains, true) => {
                // An empty list has no item, yet the right side must fit.
                self.compares("", kind, Op::Equal)?;
                // TR-106: spaces round the commas do not count, items may be percent-escaped.
                let mut items = actual.split(',').map(str::trim).filter(|_| !actual.trim().is_empty());
                Ok(items.any(|item| {
                    let plain = unescape(item).unwrap_or_else(|| item.to_owned());
                    self.compares(&plain, kind, Op::Equal).unwrap_or(false)
                }))
            }
            // As a whole, a list is text.
            (op, true) => self.compares(actual, ValueType::String, op),
            (op, false) => self.compares(actual, kind, op),
        }
    }

    fn compares(&self, actual: &str, kind: ValueType, op: Op) -> Result<bool, Fault> {
        let equality = matches!(op, Op::Equal | Op::NotEqual);
        let order = match (kind, &self.value) {
            (ValueType::DateTime, Literal::DateTime(wanted)) => {
                if !equality && *wanted == Wall::UNKNOWN {
                    return Err(self.misfit(kind, "only == and != compare the Unknown Time"));
                }
                actual.parse::<Wall>().ok().filter(|wall| equality || *wall != Wall::UNKNOWN).map(|wall| wall.cmp(wanted))
            }
            (ValueType::DateTime, _) => return Err(self.misfit(kind, "write e.g. 2024-02-29T12:34:56Z, without quotes")),
            (kind, Literal::Number(wanted)) if kind.is_number() => Number::parse(actual.trim()).map(|number| number.cmp(wanted)),
            (kind, _) if kind.is_number() => return Err(self.misfit(kind, "write a number without quotes")),
            _ if !equality => return Err(self.misfit(kind, "only == and != compare it")),
            (ValueType::Boolean, wanted) => match boolean(wanted) {
                Some(wanted) => Literal::unquoted(actual).as_ref().and_then(boolean).map(|value| value.cmp(&wanted)),
                None => return Err(self.misfit(kind, "write true or false without quotes")),
            },
            (ValueType::HexBinary, Literal::Text(wanted)) => Some(actual.to_ascii_lowercase().cmp(&wanted.to_ascii_lowercase())),
            // TR-369 has an example without quotes; leading zeros are lost then.
            (ValueType::HexBinary, Literal::Number(wanted)) => {
                Number::parse(actual).map(|number| number.cmp(wanted)).or(Some(Ordering::Less))
            }
            (_, Literal::Text(wanted)) => Some(actual.cmp(wanted.as_str())),
            _ => return Err(self.misfit(kind, "write the text in double quotes")),
        };
        Ok(order.is_some_and(|order| op.accepts(order)))
    }

    fn misfit(&self, kind: ValueType, advice: &str) -> Fault {
        let text =
            format!("search condition {self}: {} is of type {kind}, the right side is {}; {advice}", self.left_path(), self.value.kind());
        Fault::new(INVALID_PATH_SYNTAX, text)
    }
}

/// The boolean that a literal means: TR-106 takes 1 and 0 for true and false.
fn boolean(literal: &Literal) -> Option<bool> {
    match literal {
        Literal::Bool(value) => Some(*value),
        Literal::Number(number) if *number == Number::from(1) => Some(true),
        Literal::Number(number) if *number == Number::from(0) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::Path;

    fn holds(condition: &str, actual: &str, kind: ValueType) -> Result<bool, Fault> {
        let path = Path::parse(&format!("Device.T.[{condition}].")).unwrap();
        match path.segments.last() {
            Some(Segment::Search(conditions)) => conditions[0].holds(actual, kind, conditions[0].left_path() == "L"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_compare_by_their_type() {
        use ValueType::*;
        for (condition, actual, kind, expected) in [
            ("N==10", "10", UnsignedInt, true),
            ("N>9", "10", UnsignedInt, true),
            ("N<9", "10", Int, false),
            ("N>=-5", "-5", Long, true),
            ("N<=1.5", "1.50", Decimal, true),
            ("N!=1.5", "1.50", Decimal, false),
            ("N==18446744073709551615", "18446744073709551615", UnsignedLong, true),
            ("N!=1", "", UnsignedInt, false),
            ("S==\"a\"", "a", String, true),
            ("S==\"a\"", "A", String, false),
            ("S!=\"a\"", "b", String, true),
            ("S==\"10\"", "10", String, true),
            ("S==\"\"", "", String, true),
            ("S==\"say %22hi%22\"", "say \"hi\"", String, true),
            ("B==true", "true", Boolean, true),
            ("B==true", "1", Boolean, true),
            ("B!=true", "false", Boolean, true),
            ("B==0", "false", Boolean, true),
            ("B!=true", "", Boolean, false),
            ("T>2024-01-01T00:00:00Z", "2024-01-01T00:00:00.5Z", DateTime, true),
            ("T==2024-01-01T00:00:00Z", "2024-01-01T00:00:00.000Z", DateTime, true),
            ("T<2024-01-01T00:00:00Z", "1970-01-01T00:00:00Z", DateTime, true),
            // The Unknown Time is no moment before all others.
            ("T<2024-01-01T00:00:00Z", "0001-01-01T00:00:00Z", DateTime, false),
            ("T==0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", DateTime, true),
            ("T!=0001-01-01T00:00:00Z", "2024-01-01T00:00:00Z", DateTime, true),
            ("H==\"00ff\"", "00FF", HexBinary, true),
            ("H==08", "08", HexBinary, true),
            ("H!=08", "0A", HexBinary, true),
            ("N==+123", "0123", Int, true),
            ("X==\"aGk=\"", "AGk=", Base64, false),
            ("L~=\"n\"", "b, g ,n", String, true),
            ("L~=\"g\"", "b, g ,n", String, true),
            ("L~=\"n\"", "an,nn", String, false),
            ("L~=\"a,b\"", "x,a%2Cb", String, true),
            ("L~=\"3\"", "1,3", String, true),
            ("L~=\"\"", "", String, false),
            ("L~=3", "1, 03", UnsignedInt, true),
            ("L~=3", "1,33", UnsignedInt, false),
            ("L~=true", "0,1", Boolean, true),
            ("L==\"1,3\"", "1,3", UnsignedInt, true),
            ("L!=\"1\"", "1,3", String, true),
        ] {
            assert_eq!(holds(condition, actual, kind), Ok(expected), "{condition} of {actual:?} as {kind}");
        }
    }

    #[test]
    fn what_does_not_fit_the_type_is_told() {
        use ValueType::*;
        for (condition, kind, advice) in [
            ("S>\"a\"", String, "only == and !="),
            ("S==3", String, "double quotes"),
            ("B<true", Boolean, "only == and !="),
            ("B==\"true\"", Boolean, "without quotes"),
            ("B==2", Boolean, "true or false"),
            ("N==\"3\"", Int, "a number without quotes"),
            ("N~=3", UnsignedInt, "=="),
            ("S~=\"a\"", String, "=="),
            ("L~=3", String, "double quotes"),
            ("L~=\"3\"", UnsignedInt, "without quotes"),
            ("L>3", UnsignedInt, "only == and !="),
            ("T>0001-01-01T00:00:00Z", DateTime, "only == and !="),
            ("T==\"2024-01-01T00:00:00Z\"", DateTime, "without quotes"),
            ("T~=2024-01-01T00:00:00Z", DateTime, "=="),
            ("H<\"00\"", HexBinary, "only == and !="),
        ] {
            let fault = holds(condition, "", kind).unwrap_err();
            assert_eq!(fault.code, INVALID_PATH_SYNTAX);
            assert!(fault.text.contains(advice), "{condition}: {}", fault.text);
        }
    }
}
