//! Values: the types of TR-106 and their lexical forms. On the wire every value is text.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::Wall;

/// The base types of TR-106, with the numbers of USP's `GetSupportedDMResp.ParamValueType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ValueType {
    /// Base64 text.
    Base64 = 1,
    /// `true` or `false` (`1` and `0` are taken too).
    Boolean = 2,
    /// ISO 8601 in UTC.
    DateTime = 3,
    /// A decimal fraction.
    Decimal = 4,
    /// Hexadecimal digits, two a byte.
    HexBinary = 5,
    /// 32 bits, signed.
    Int = 6,
    /// 64 bits, signed.
    Long = 7,
    /// Text.
    String = 8,
    /// 32 bits, unsigned.
    UnsignedInt = 9,
    /// 64 bits, unsigned.
    UnsignedLong = 10,
}

impl ValueType {
    /// The type of a number of USP's `ParamValueType`; an unknown one is text.
    #[must_use]
    pub fn from_number(number: i32) -> Self {
        [
            Self::Base64,
            Self::Boolean,
            Self::DateTime,
            Self::Decimal,
            Self::HexBinary,
            Self::Int,
            Self::Long,
            Self::String,
            Self::UnsignedInt,
            Self::UnsignedLong,
        ]
        .into_iter()
        .find(|ty| *ty as i32 == number)
        .unwrap_or(Self::String)
    }

    /// Whether values of this type are numbers.
    #[must_use]
    pub fn is_number(self) -> bool {
        matches!(self, Self::Decimal | Self::Int | Self::Long | Self::UnsignedInt | Self::UnsignedLong)
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Base64 => "base64",
            Self::Boolean => "boolean",
            Self::DateTime => "dateTime",
            Self::Decimal => "decimal",
            Self::HexBinary => "hexBinary",
            Self::Int => "int",
            Self::Long => "long",
            Self::String => "string",
            Self::UnsignedInt => "unsignedInt",
            Self::UnsignedLong => "unsignedLong",
        })
    }
}

/// Why a value cannot be known on this box. It is said instead of a 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent(pub Cow<'static, str>);

impl Absent {
    /// Absent for this reason: what is missing, e.g. "the kernel has no /sys/class/thermal".
    pub fn because(reason: impl Into<Cow<'static, str>>) -> Self {
        Self(reason.into())
    }
}

/// A value, or why there is none.
pub type Known<T> = Result<T, Absent>;

/// A type with a TR-106 lexical form.
pub trait Value: Sized {
    /// Its base type.
    const TYPE: ValueType;
    /// Whether the lexical form is a comma-separated list of the base type.
    const LIST: bool = false;
    /// The values of an enumeration; empty: any.
    const VALUES: &'static [&'static str] = &[];

    /// The lexical form.
    fn write(&self) -> String;

    /// Reads the lexical form; `None` if it is none.
    fn read(text: &str) -> Option<Self>;
}

macro_rules! number {
    ($($ty:ty => $kind:ident,)*) => {$(
        impl Value for $ty {
            const TYPE: ValueType = ValueType::$kind;
            fn write(&self) -> String {
                self.to_string()
            }
            fn read(text: &str) -> Option<Self> {
                text.trim().parse().ok()
            }
        }
    )*};
}

number! {
    u32 => UnsignedInt,
    u64 => UnsignedLong,
    i32 => Int,
    i64 => Long,
    IpAddr => String,
}

impl Value for f64 {
    const TYPE: ValueType = ValueType::Decimal;
    fn write(&self) -> String {
        self.to_string()
    }
    fn read(text: &str) -> Option<Self> {
        text.trim().parse().ok().filter(|number: &Self| number.is_finite())
    }
}

impl Value for bool {
    const TYPE: ValueType = ValueType::Boolean;
    fn write(&self) -> String {
        self.to_string()
    }
    fn read(text: &str) -> Option<Self> {
        match text.trim() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }
}

impl Value for String {
    const TYPE: ValueType = ValueType::String;
    fn write(&self) -> String {
        self.clone()
    }
    fn read(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Value for Wall {
    const TYPE: ValueType = ValueType::DateTime;
    fn write(&self) -> String {
        self.to_string()
    }
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// A list is written with commas; a comma within an item is `%2C`, a percent sign `%25` (TR-106 3.2.3).
impl<T: Value> Value for Vec<T> {
    const TYPE: ValueType = T::TYPE;
    const LIST: bool = true;
    const VALUES: &'static [&'static str] = T::VALUES;
    fn write(&self) -> String {
        let items: Vec<String> = self.iter().map(|item| item.write().replace('%', "%25").replace(',', "%2C")).collect();
        items.join(",")
    }
    fn read(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self::new());
        }
        text.split(',').map(|item| T::read(&item.trim().replace("%2C", ",").replace("%25", "%"))).collect()
    }
}

/// An enumeration whose variants are spelled as in TR-181.
#[macro_export]
macro_rules! values {
    ($(#[doc = $doc:literal])* $vis:vis enum $name:ident { $($(#[doc = $vdoc:literal])* $variant:ident $(= $text:literal)?,)* }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(non_camel_case_types, dead_code)]
        $vis enum $name { $($(#[doc = $vdoc])* $variant,)* }

        impl $crate::value::Value for $name {
            const TYPE: $crate::value::ValueType = $crate::value::ValueType::String;
            const VALUES: &'static [&'static str] = &[$($crate::values!(@text $variant $($text)?)),*];
            fn write(&self) -> String {
                match self { $(Self::$variant => $crate::values!(@text $variant $($text)?),)* }.to_owned()
            }
            fn read(text: &str) -> Option<Self> {
                $(if text == $crate::values!(@text $variant $($text)?) { return Some(Self::$variant); })*
                None
            }
        }
    };
    (@text $variant:ident $text:literal) => { $text };
    (@text $variant:ident) => { stringify!($variant) };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Value + PartialEq + fmt::Debug>(value: T, text: &str) {
        assert_eq!(value.write(), text);
        assert_eq!(T::read(text), Some(value));
    }

    #[test]
    fn lexical_forms() {
        check(true, "true");
        check(u32::MAX, "4294967295");
        check(-5_i32, "-5");
        check(u64::MAX, "18446744073709551615");
        check(vec!["a,b".to_owned(), "50%2C".to_owned()], "a%2Cb,50%252C");
        check(Vec::<u32>::new(), "");
        check(Wall(0), "1970-01-01T00:00:00Z");
        assert_eq!(bool::read("1"), Some(true));
        assert_eq!(bool::read("yes"), None);
        assert_eq!(u32::read("-1"), None);
        assert_eq!(u32::read("4294967296"), None);
        assert_eq!(f64::read("NaN"), None);
    }

    values! {
        /// Colours.
        enum Colour {
            /// Red.
            Red,
            /// Not a Rust name.
            LightBlue = "light blue",
        }
    }

    #[test]
    fn an_enumeration_knows_its_words() {
        check(Colour::LightBlue, "light blue");
        assert_eq!(Colour::VALUES, ["Red", "light blue"]);
        assert_eq!(Colour::read("red"), None);
    }
}
