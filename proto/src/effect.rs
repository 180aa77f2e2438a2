//! What a command does to the viewer: the only thing that decides who may run it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What running a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Effect {
    /// It looks and measures; the viewer notices nothing.
    Read,
    /// The viewer notices: a picture freezes, the box restarts.
    Disrupt,
    /// Data is lost: settings, recordings, keys.
    Destroy,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Read => "Read",
            Self::Disrupt => "Disrupt",
            Self::Destroy => "Destroy",
        })
    }
}

impl std::str::FromStr for Effect {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Read, Self::Disrupt, Self::Destroy].into_iter().find(|effect| effect.to_string() == text).ok_or(())
    }
}
