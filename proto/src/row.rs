//! Rows: typed, documented parameters. A name exists once: the TR-181 spelling is the Rust field name, from the standard to
//! the screen.

use std::collections::BTreeMap;

use crate::fault::{Fault, code};
use crate::path::Number;
use crate::value::{Absent, Known, Value, ValueType};

/// Named values as they travel: command arguments, parameter settings.
pub type Args = BTreeMap<String, String>;

/// Collects pairs; of two with one name the later stays. It inserts one by one: `collect()` would sort them first, and on a box the
/// code that sorts weighs 4 KB.
pub fn map(pairs: impl IntoIterator<Item = (String, String)>) -> Args {
    let mut map = Args::new();
    pairs.into_iter().for_each(|(name, value)| {
        map.insert(name, value);
    });
    map
}

/// Who may write a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nobody from outside.
    ReadOnly,
    /// Any time.
    ReadWrite,
    /// Once: at Add, or by the first Set (TR-106 writeOnceReadOnly; also every non-functional unique key).
    WriteOnce,
}

/// A unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// None.
    None,
    /// s.
    Seconds,
    /// ms.
    Milliseconds,
    /// us.
    Microseconds,
    /// B.
    Bytes,
    /// KiB.
    KiB,
    /// Mbit/s.
    Mbps,
    /// %.
    Percent,
    /// °C.
    Celsius,
}

impl Unit {
    /// As TR-181 spells it; empty: none.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
            Self::Bytes => "bytes",
            Self::KiB => "KiB",
            Self::Mbps => "Mbps",
            Self::Percent => "percent",
            Self::Celsius => "degrees celsius",
        }
    }
}

/// Between what a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The least value (numbers).
    pub min: Option<i64>,
    /// The greatest value (numbers), or the greatest length in bytes (text).
    pub max: Option<i64>,
}

/// What there is to know about a parameter or argument. There are hundreds of them on a box: what many share or few have is behind
/// a pointer.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its TR-181 name.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// What its Rust type tells about it.
    pub shape: &'static Shape,
    /// Its unit.
    pub unit: Unit,
    /// Between what it must be.
    pub bounds: &'static Bounds,
    /// Who may write it.
    pub access: Access,
    /// Never given out: read as empty.
    pub secret: bool,
    /// Given out only to who is trusted with it (TR-106 secured): others read it as empty.
    pub secured: bool,
    /// What stands for it when it is not given.
    pub default: Option<&'static &'static str>,
    /// It changes all the time by nature, as a clock or a counter does: no ValueChange is told of it.
    pub ticks: bool,
}

/// Words that say more about a field, used in `row!` between brackets.
#[allow(non_snake_case)]
impl Field {
    /// A read-only field of this shape.
    #[must_use]
    pub const fn new(name: &'static str, doc: &'static str, shape: &'static Shape) -> Self {
        Self {
            name,
            doc,
            shape,
            unit: Unit::None,
            bounds: &Bounds { min: None, max: None },
            access: Access::ReadOnly,
            secret: false,
            secured: false,
            ticks: false,
            default: None,
        }
    }
    const fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }
    /// In seconds.
    #[must_use]
    pub const fn s(self) -> Self {
        self.unit(Unit::Seconds)
    }
    /// In milliseconds.
    #[must_use]
    pub const fn ms(self) -> Self {
        self.unit(Unit::Milliseconds)
    }
    /// In microseconds.
    #[must_use]
    pub const fn us(self) -> Self {
        self.unit(Unit::Microseconds)
    }
    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> Self {
        self.unit(Unit::Bytes)
    }
    /// In KiB.
    #[must_use]
    pub const fn KiB(self) -> Self {
        self.unit(Unit::KiB)
    }
    /// In Mbit/s.
    #[must_use]
    pub const fn Mbps(self) -> Self {
        self.unit(Unit::Mbps)
    }
    /// In percent.
    #[must_use]
    pub const fn percent(self) -> Self {
        self.unit(Unit::Percent)
    }
    /// In degrees Celsius.
    #[must_use]
    pub const fn celsius(self) -> Self {
        self.unit(Unit::Celsius)
    }
    /// A number from `MIN` to `MAX`.
    #[must_use]
    pub const fn range<const MIN: i64, const MAX: i64>(mut self) -> Self {
        self.bounds = &Bounds { min: Some(MIN), max: Some(MAX) };
        self
    }
    /// A text of at most `MAX` bytes.
    #[must_use]
    pub const fn len<const MAX: i64>(mut self) -> Self {
        self.bounds = &Bounds { min: None, max: Some(MAX) };
        self
    }
    /// Writable.
    #[must_use]
    pub const fn rw(mut self) -> Self {
        self.access = Access::ReadWrite;
        self
    }
    /// Writable once.
    #[must_use]
    pub const fn once(mut self) -> Self {
        self.access = Access::WriteOnce;
        self
    }
    /// Never given out.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
    /// Given out only to who is trusted with it.
    #[must_use]
    pub const fn secured(mut self) -> Self {
        self.secured = true;
        self
    }
    /// Changing all the time by nature: no ValueChange is told of it. Only where the standard lets an agent refuse that
    /// (`activeNotify="canDeny"`), and for parameters of our own.
    #[must_use]
    pub const fn ticks(mut self) -> Self {
        self.ticks = true;
        self
    }
    /// What stands for it when it is not given, in lexical form.
    #[must_use]
    pub const fn or(mut self, default: &'static &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// Whether an argument must be given.
    #[must_use]
    pub const fn is_mandatory(&self) -> bool {
        self.default.is_none() && !self.shape.optional && self.shape.rows.is_empty()
    }

    /// Checks a text against type, list of values and range. The fault is 7011 or 7012 and says what would be right.
    pub fn check(&self, text: &str) -> Result<(), Fault> {
        if self.shape.list {
            let items = Vec::<String>::read(text).unwrap_or_default();
            return items.iter().try_for_each(|item| self.check_one(item));
        }
        self.check_one(text)
    }

    fn check_one(&self, text: &str) -> Result<(), Fault> {
        let shown = || text.chars().take(60).collect::<String>();
        let number: Option<i128> = text.trim().parse().ok();
        let of_type = match self.shape.ty {
            ValueType::Boolean => bool::read(text).is_some(),
            ValueType::DateTime => crate::Wall::read(text).is_some(),
            ValueType::Decimal => Number::parse(text.trim()).is_some(),
            ValueType::Int => i32::read(text).is_some(),
            ValueType::Long => i64::read(text).is_some(),
            ValueType::UnsignedInt => u32::read(text).is_some(),
            ValueType::UnsignedLong => u64::read(text).is_some(),
            ValueType::HexBinary => text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit()),
            ValueType::Base64 | ValueType::String => true,
        };
        if !of_type {
            return Err(Fault::new(code::INVALID_TYPE, format!("{} takes {}, not {:?}", self.name, self.shape.ty, shown())));
        }
        if !self.shape.values.is_empty() && !self.shape.values.contains(&text) {
            return Err(Fault::new(
                code::INVALID_VALUE,
                format!("{} takes one of {}, not {:?}", self.name, self.shape.values.join(", "), shown()),
            ));
        }
        let (low, high) = (self.bounds.min.map(i128::from), self.bounds.max.map(i128::from));
        if let Some(number) = number.filter(|_| self.shape.ty.is_number()) {
            if low.is_some_and(|low| number < low) || high.is_some_and(|high| number > high) {
                let bound = |b: Option<i128>| b.map(|b| b.to_string()).unwrap_or_default();
                return Err(Fault::new(
                    code::INVALID_VALUE,
                    format!(
                        "{} takes {} to {}{}{}, not {number}",
                        self.name,
                        bound(low),
                        bound(high),
                        if self.unit == Unit::None { "" } else { " " },
                        self.unit.text()
                    ),
                ));
            }
        } else if matches!(self.shape.ty, ValueType::String | ValueType::Base64 | ValueType::HexBinary)
            && high.is_some_and(|high| i128::try_from(text.len()).unwrap_or(i128::MAX) > high)
        {
            return Err(Fault::new(
                code::INVALID_VALUE,
                format!("{} takes at most {} bytes, not {}", self.name, high.unwrap_or(0), text.len()),
            ));
        }
        Ok(())
    }
}

/// What the Rust type of a field tells about it.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Its base type.
    pub ty: ValueType,
    /// Whether it is a list.
    pub list: bool,
    /// The values of an enumeration.
    pub values: &'static [&'static str],
    /// Whether it may be left out.
    pub optional: bool,
    /// The fields of nested rows.
    pub rows: &'static [Field],
}

/// Named values as they leave a row: the name, and the value or why there is none.
pub type Emit<'a> = dyn FnMut(&str, Known<String>) + 'a;

/// A type that can stand in a `row!`: a value, a [`Known`] value, an optional value, or nested rows.
pub trait FieldType: Sized {
    /// What it tells about the field.
    const SHAPE: Shape;
    /// Gives out the value under `name`.
    fn emit(&self, name: &str, out: &mut Emit<'_>);
    /// Takes the value from arguments.
    fn take(field: &Field, args: &Args) -> Result<Self, Fault>;
}

impl<T: Value> FieldType for T {
    const SHAPE: Shape = Shape { ty: T::TYPE, list: T::LIST, values: T::VALUES, optional: false, rows: &[] };
    fn emit(&self, name: &str, out: &mut Emit<'_>) {
        out(name, Ok(self.write()));
    }
    fn take(field: &Field, args: &Args) -> Result<Self, Fault> {
        let Some(text) = args.get(field.name).map(String::as_str).or(field.default.copied()) else {
            return Err(Fault::new(code::INVALID_COMMAND_ARGUMENTS, format!("the argument {} is missing; it is mandatory", field.name)));
        };
        field.check(text)?;
        T::read(text).ok_or_else(|| Fault::new(code::INVALID_TYPE, format!("{} takes {}", field.name, field.shape.ty)))
    }
}

impl<T: Value> FieldType for Known<T> {
    const SHAPE: Shape = Shape { ty: T::TYPE, list: T::LIST, values: T::VALUES, optional: true, rows: &[] };
    fn emit(&self, name: &str, out: &mut Emit<'_>) {
        out(name, self.as_ref().map(Value::write).map_err(Absent::clone));
    }
    fn take(field: &Field, args: &Args) -> Result<Self, Fault> {
        if args.contains_key(field.name) { T::take(field, args).map(Ok) } else { Ok(Err(Absent::because("not given"))) }
    }
}

impl<T: Value> FieldType for Option<T> {
    const SHAPE: Shape = Shape { ty: T::TYPE, list: T::LIST, values: T::VALUES, optional: true, rows: &[] };
    fn emit(&self, name: &str, out: &mut Emit<'_>) {
        if let Some(value) = self {
            out(name, Ok(value.write()));
        }
    }
    fn take(field: &Field, args: &Args) -> Result<Self, Fault> {
        if args.get(field.name).is_some_and(|text| !text.is_empty()) { T::take(field, args).map(Some) } else { Ok(None) }
    }
}

/// Rows within a row: `Result.1.Status`, `Result.2.Status`.
#[derive(Clone, Debug, Default)]
pub struct Rows<R>(pub Vec<R>);

impl<R: Row> FieldType for Rows<R> {
    const SHAPE: Shape = Shape { ty: ValueType::String, list: false, values: &[], optional: true, rows: R::FIELDS };
    fn emit(&self, name: &str, out: &mut Emit<'_>) {
        for (index, row) in self.0.iter().enumerate() {
            row.emit(&mut |inner, value| out(&format!("{name}.{}.{inner}", index + 1), value));
        }
    }
    fn take(field: &Field, _: &Args) -> Result<Self, Fault> {
        // Nothing takes nested rows yet; a command that will must say how many it takes.
        Err(Fault::new(code::INVALID_COMMAND_ARGUMENTS, format!("{} takes no rows", field.name)))
    }
}

/// Typed, documented, named values; made by [`row!`](macro@crate::row).
pub trait Row: Sized {
    /// Its fields, in order.
    const FIELDS: &'static [Field];
    /// Gives out every value, in order.
    fn emit(&self, out: &mut Emit<'_>);
    /// Reads arguments: checks types, ranges and values, fills in defaults. Unknown names are ignored (R-OPR.6).
    fn take(args: &Args) -> Result<Self, Fault>;

    /// Every value that is known, by name.
    fn to_args(&self) -> Args {
        let mut args = Args::new();
        self.emit(&mut |name, value| {
            if let Ok(value) = value {
                args.insert(name.to_owned(), value);
            }
        });
        args
    }
}

/// Declares a row: `Name: type [unit, range(1, 9), rw] = "default",` with the TR-181 name and its documentation.
#[macro_export]
macro_rules! row {
    ($(#[doc = $doc:literal])* $vis:vis struct $name:ident {
        $($(#[doc = $fdoc:literal])* $field:ident : $ty:ty $([$($word:ident $(($($arg:expr),*))?),*])? $(= $default:literal)?,)*
    }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug)]
        #[allow(non_snake_case)]
        $vis struct $name { $($(#[doc = $fdoc])* pub $field: $ty,)* }

        #[allow(unused_variables, unused_mut, non_snake_case)]
        impl $crate::row::Row for $name {
            const FIELDS: &'static [$crate::row::Field] = &[$(
                $crate::row::Field::new(stringify!($field), concat!($($fdoc),*), &<$ty as $crate::row::FieldType>::SHAPE)
                    $($(.$word$(::<$({ $arg }),*>)?())*)? $(.or(&$default))?
            ),*];
            fn emit(&self, out: &mut $crate::row::Emit<'_>) {
                $($crate::row::FieldType::emit(&self.$field, stringify!($field), out);)*
            }
            fn take(args: &$crate::row::Args) -> Result<Self, $crate::Fault> {
                let mut fields = <Self as $crate::row::Row>::FIELDS.iter();
                $(let $field = <$ty as $crate::row::FieldType>::take(
                    fields.next().ok_or_else(|| $crate::Fault::new($crate::fault::code::INTERNAL, "a field is not declared"))?, args)?;)*
                Ok(Self { $($field),* })
            }
        }
    };
}

#[cfg(test)]
mod tests;
