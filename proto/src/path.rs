//! USP paths (TR-369 "Path Names", TR-106): where an object, a parameter, a command or an event is.
//!
//! A path is read whole or refused with [`code::INVALID_PATH_SYNTAX`](crate::fault::code::INVALID_PATH_SYNTAX), column and
//! expectation named. Whether such a place exists is the data model's to say.

mod condition;
mod literal;
mod parse;

use std::fmt;

pub use condition::{Condition, Op};
pub use literal::{Literal, Number};

use crate::Fault;

/// The longest path taken, in bytes, as it comes and in its canonical spelling; a longer one is refused.
pub const MAX_LEN: usize = 512;
/// The most segments a path may have, its target not counted; a deeper one is refused.
pub const MAX_SEGMENTS: usize = 32;
/// The most search conditions a path may have, all its searches together; one with more is refused.
pub const MAX_CONDITIONS: usize = 10;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// An object's name: `Interface`.
    Name(String),
    /// A row of the table named before, by its number (1 or more): `3`.
    Instance(u32),
    /// Every row: `*`.
    Wildcard,
    /// The rows for which all conditions hold, or the one row with this unique key: `[Name=="eth0"&&Enable==true]`.
    Search(Vec<Condition>),
    /// Any row, of the supported data model: `{i}`.
    Template,
    /// The object that a reference parameter names: `LowerLayers#1+`.
    Follow {
        /// The reference parameter.
        name: String,
        /// Which item of its list.
        item: Item,
    },
}

/// Which item of a list of references is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Item {
    /// The value is a single reference: `Ref+`.
    Only,
    /// The item with this number, the first being 1: `Ref#2+`.
    At(u32),
    /// Every item: `Ref#*+`.
    All,
}

/// What a path names, in the object that its segments lead to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The object itself: the path ends in `.`.
    Object,
    /// A parameter of it.
    Parameter(String),
    /// A command of it; the name stands here without `()`.
    Command(String),
    /// An event of it; the name stands here without `!`.
    Event(String),
}

/// A USP path. [`Path::parse`] reads it, [`fmt::Display`] gives the canonical spelling, which is read back as the same path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// The objects from the root down. The first is a [`Segment::Name`]; what picks rows follows a name.
    pub segments: Vec<Segment>,
    /// What is named there.
    pub target: Target,
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// 7008 for what is no path or is over a bound ([`MAX_LEN`], [`MAX_SEGMENTS`], [`MAX_CONDITIONS`]).
    pub fn parse(text: &str) -> Result<Self, Fault> {
        parse::path(text)
    }

    /// Reads the value of a reference parameter as the object that it names: there, the last `.` is left out (TR-106).
    ///
    /// # Errors
    /// 7008, as [`Path::parse`].
    pub fn parse_reference(value: &str) -> Result<Self, Fault> {
        if value.ends_with('.') || value.len() > MAX_LEN { parse::path(value) } else { parse::path(&format!("{value}.")) }
    }

    /// Whether it may lead to several places, or none, without that being an error: a search, a wildcard or a list of references.
    #[must_use]
    pub fn is_search(&self) -> bool {
        let many = |s: &Segment| matches!(s, Segment::Search(_) | Segment::Wildcard | Segment::Follow { item: Item::All, .. });
        self.segments.iter().any(many)
    }

    /// Whether a `*` picks rows.
    #[must_use]
    pub fn has_wildcard(&self) -> bool {
        self.segments.contains(&Segment::Wildcard)
    }

    /// Whether it follows a reference, so that only a value can tell where it leads.
    #[must_use]
    pub fn follows(&self) -> bool {
        self.segments.iter().any(|s| matches!(s, Segment::Follow { .. }))
    }

    /// Whether it names one place of the instantiated data model: names and instance numbers only.
    #[must_use]
    pub fn is_concrete(&self) -> bool {
        self.segments.iter().all(|s| matches!(s, Segment::Name(_) | Segment::Instance(_)))
    }

    /// Its spelling in the supported data model, `{i}` for whatever picks rows: `Device.IP.Interface.{i}.Status`.
    /// A reference to follow stays as it is: no data model has such a path, the reference must be followed first.
    #[must_use]
    pub fn template(&self) -> String {
        let segments = self.segments.iter().map(|segment| match segment {
            Segment::Name(_) | Segment::Follow { .. } => segment.clone(),
            Segment::Instance(_) | Segment::Wildcard | Segment::Search(_) | Segment::Template => Segment::Template,
        });
        Self { segments: segments.collect(), target: self.target.clone() }.to_string()
    }

    /// The object that it names, or in which what it names is.
    #[must_use]
    pub fn object(&self) -> Self {
        Self { segments: self.segments.clone(), target: Target::Object }
    }

    /// Whether this reference covers that concrete path: an object covers all that is below it, `*` and `{i}` cover every row.
    /// Searches and references cover nothing, as only values can tell: resolve them first.
    #[must_use]
    pub fn covers(&self, concrete: &Self) -> bool {
        let same = |(mine, its): (&Segment, &Segment)| match mine {
            Segment::Name(_) | Segment::Instance(_) => mine == its,
            Segment::Wildcard | Segment::Template => matches!(its, Segment::Instance(_)),
            Segment::Search(_) | Segment::Follow { .. } => false,
        };
        let long_enough = match self.target {
            Target::Object => self.segments.len() <= concrete.segments.len(),
            _ => self.segments.len() == concrete.segments.len() && self.target == concrete.target,
        };
        long_enough && self.segments.iter().zip(&concrete.segments).all(same)
    }
}

impl std::str::FromStr for Path {
    type Err = Fault;
    fn from_str(text: &str) -> Result<Self, Fault> {
        Self::parse(text)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segments.iter().try_for_each(|segment| write!(f, "{segment}."))?;
        match &self.target {
            Target::Object => Ok(()),
            Target::Parameter(name) => f.write_str(name),
            Target::Command(name) => write!(f, "{name}()"),
            Target::Event(name) => write!(f, "{name}!"),
        }
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Instance(number) => write!(f, "{number}"),
            Self::Wildcard => f.write_str("*"),
            Self::Template => f.write_str("{i}"),
            Self::Follow { name, item: Item::Only } => write!(f, "{name}+"),
            Self::Follow { name, item: Item::At(number) } => write!(f, "{name}#{number}+"),
            Self::Follow { name, item: Item::All } => write!(f, "{name}#*+"),
            Self::Search(conditions) => {
                for (index, condition) in conditions.iter().enumerate() {
                    write!(f, "{}{condition}", if index == 0 { "[" } else { "&&" })?;
                }
                f.write_str("]")
            }
        }
    }
}
