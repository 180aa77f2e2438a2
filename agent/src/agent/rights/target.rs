//! The targets of a permission: which paths one is about.

use line3_proto::Fault;
use line3_proto::path::{Path, Segment, Target as Named};

use crate::settings::controller_trust::target_path;

/// How far something covers a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cover {
    /// Not at all.
    No,
    /// For some instances of this path of the supported data model.
    Some,
    /// Whole.
    All,
}

/// One step down.
#[derive(Clone, Debug)]
enum Level {
    Name(String),
    Number(String),
    /// Every row: `*` or `{i}`.
    Any,
}

/// A target without a search: only the path itself tells whether it is covered.
#[derive(Clone, Debug)]
pub(super) struct Target {
    levels: Vec<Level>,
    /// What is named in the object that the levels lead to, with its `()` or `!`; none: the object and all below it.
    name: Option<String>,
}

/// What an entry of `Targets` is.
pub(super) enum Entry {
    /// It needs no look at the data model. `Device.A` can be a parameter or, as TR-369's examples have it, an object.
    Fixed(Vec<Target>),
    /// A search, or a reference to follow: what it covers has to be looked up.
    Search(Path),
}

/// Reads an entry of `Targets`.
///
/// # Errors
/// 7008: it is no path.
pub(super) fn entry(text: &str) -> Result<Entry, Fault> {
    let parsed = target_path(text)?;
    if parsed.segments.iter().any(|segment| matches!(segment, Segment::Search(_) | Segment::Follow { .. })) {
        return Ok(Entry::Search(parsed));
    }
    let mut targets = vec![Target::of(&parsed)];
    if let Named::Parameter(name) = &parsed.target {
        let mut segments = parsed.segments;
        segments.push(Segment::Name(name.clone()));
        targets.push(Target::of(&Path { segments, target: Named::Object }));
    }
    Ok(Entry::Fixed(targets))
}

impl Target {
    /// The target of a path; a search in it stands for every row, and it ends before the first reference to follow.
    fn of(path: &Path) -> Self {
        let level = |segment: &Segment| match segment {
            Segment::Name(name) => Some(Level::Name(name.clone())),
            Segment::Instance(number) => Some(Level::Number(number.to_string())),
            Segment::Wildcard | Segment::Template | Segment::Search(_) => Some(Level::Any),
            Segment::Follow { .. } => None,
        };
        let name = match &path.target {
            Named::Object => None,
            Named::Parameter(name) => Some(name.clone()),
            Named::Command(name) => Some(format!("{name}()")),
            Named::Event(name) => Some(format!("{name}!")),
        };
        Self { levels: path.segments.iter().map_while(level).collect(), name: name.filter(|_| !path.follows()) }
    }

    /// All that a search could find: it is denied if it cannot be made, and counts in part for the supported data model.
    pub(super) fn widest(search: &Path) -> Self {
        Self::of(search)
    }

    /// Whether it is about every path there is.
    pub(super) fn is_everything(&self) -> bool {
        self.name.is_none() && matches!(self.levels.as_slice(), [Level::Name(name)] if name == "Device")
    }

    /// Whether it names something in the object at `path`, so that what is in it is not all alike.
    pub(super) fn names_in(&self, path: &str) -> bool {
        self.name.is_some() && self.reaches(path).is_some_and(|(_, rest)| rest.is_empty())
    }

    /// How far it covers a path, concrete or of the supported data model.
    pub(super) fn cover(&self, path: &str) -> Cover {
        let Some((cover, rest)) = self.reaches(path) else { return Cover::No };
        match &self.name {
            Some(name) if name != rest => Cover::No,
            _ => cover,
        }
    }

    /// Goes down the levels; gives what is left of the path then.
    fn reaches<'a>(&self, path: &'a str) -> Option<(Cover, &'a str)> {
        let (mut cover, mut rest) = (Cover::All, path);
        for level in &self.levels {
            let (piece, below) = rest.split_once('.')?;
            match level {
                Level::Number(_) if piece == "{i}" => cover = Cover::Some,
                Level::Name(same) | Level::Number(same) if same == piece => {}
                Level::Any if piece == "{i}" || piece.starts_with(|c: char| c.is_ascii_digit()) => {}
                _ => return None,
            }
            rest = below;
        }
        Some((cover, rest))
    }
}
