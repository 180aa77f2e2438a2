//! What a command does to the box and its viewer. The box declares it with each command, the catalogue carries it, and the
//! controller's rights hang on it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a command does to the box and its viewer, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Effect {
    /// It looks and measures: the viewer notices nothing and nothing stays changed (a ping, a capture of counters).
    Read,
    /// The viewer notices: the picture stops, the box restarts, a setting changes. No data is lost.
    Disrupt,
    /// Data of the viewer or of the box is lost for good (a factory reset, a wiped cache of recordings).
    Destroy,
}

impl Effect {
    /// Every effect, mildest first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Disrupt, Self::Destroy];

    /// The word for it on the wire, in files and on the screen.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "Read",
            Self::Disrupt => "Disrupt",
            Self::Destroy => "Destroy",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Why a text names no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no effect: expected Read, Disrupt or Destroy")]
pub struct BadEffect(String);

impl FromStr for Effect {
    type Err = BadEffect;

    fn from_str(text: &str) -> Result<Self, BadEffect> {
        Self::ALL.into_iter().find(|effect| effect.word() == text).ok_or_else(|| BadEffect(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_spelling_everywhere() {
        for effect in Effect::ALL {
            assert_eq!(effect.to_string().parse(), Ok(effect));
            assert_eq!(serde_json::to_string(&effect).unwrap(), format!("\"{effect}\""));
        }
        assert!("read".parse::<Effect>().is_err());
    }

    #[test]
    fn they_are_ordered_by_harm() {
        assert!(Effect::Read < Effect::Disrupt && Effect::Disrupt < Effect::Destroy);
    }
}
