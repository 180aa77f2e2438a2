//! What kind of value a parameter holds.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! value_types {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal $spelling:literal;)*) => {
        /// The type of a parameter, as TR-106 names them. The numbers are those of GetSupportedDM's `ParamValueType`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[repr(i32)]
        pub enum ValueType {
            $($(#[doc = $doc])* #[serde(rename = $spelling)] $name = $number,)*
        }

        impl ValueType {
            /// Every type.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// TR-106's spelling.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $spelling,)* }
            }

            /// The type of this number in GetSupportedDM; `None` for 0 (unknown) and what was added later.
            #[must_use]
            pub const fn from_number(number: i32) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }
        }
    };
}

value_types! {
    /// Bytes, in base64.
    Base64 = 1 "base64";
    /// `true` or `false` (`1` and `0` are read too).
    Boolean = 2 "boolean";
    /// A moment, ISO 8601 in UTC.
    DateTime = 3 "dateTime";
    /// A number with a decimal point.
    Decimal = 4 "decimal";
    /// Bytes, in hexadecimal digits.
    HexBinary = 5 "hexBinary";
    /// 32 bits with a sign.
    Int = 6 "int";
    /// 64 bits with a sign.
    Long = 7 "long";
    /// Text; also every comma-separated list.
    String = 8 "string";
    /// 32 bits without a sign.
    UnsignedInt = 9 "unsignedInt";
    /// 64 bits without a sign.
    UnsignedLong = 10 "unsignedLong";
}

impl ValueType {
    /// GetSupportedDM's number for it.
    #[must_use]
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// Whether its values are numbers.
    #[must_use]
    pub const fn is_number(self) -> bool {
        matches!(self, Self::Decimal | Self::Int | Self::Long | Self::UnsignedInt | Self::UnsignedLong)
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn types_keep_the_standards_numbers_and_names() {
        assert_eq!(ValueType::ALL.iter().map(|t| t.number()).collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
        for &kind in ValueType::ALL {
            assert_eq!(ValueType::from_number(kind.number()), Some(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
        assert_eq!((ValueType::from_number(0), ValueType::from_number(11)), (None, None));
        assert_eq!(ValueType::DateTime.to_string(), "dateTime");
    }
}
