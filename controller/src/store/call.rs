//! A call as it is kept.

use line3_proto::{EndpointId, Wall};
use serde::{Deserialize, Serialize};

/// The longest arguments or result of a call, in bytes; longer ones are refused with [`super::StoreError::TooLarge`].
pub const MAX_CALL_JSON: usize = 1024 * 1024;

/// Where a call is in its life. The last seven are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// Held by the controller: the box is offline.
    Queued,
    /// Handed to the broker.
    Sent,
    /// The box answered that it took it.
    Accepted,
    /// The box reports progress.
    Running,
    /// It did what it should.
    Succeeded,
    /// It ran and did not.
    Failed,
    /// The box or the rights refused it.
    Refused,
    /// It was stopped on request.
    Cancelled,
    /// It provably never ran before its deadline.
    Expired,
    /// It ran past its limit and was stopped.
    TimedOut,
    /// Nobody can tell whether it ran.
    Lost,
}

impl CallState {
    /// Every state.
    pub const ALL: [Self; 11] = [
        Self::Queued,
        Self::Sent,
        Self::Accepted,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Refused,
        Self::Cancelled,
        Self::Expired,
        Self::TimedOut,
        Self::Lost,
    ];

    /// Whether a call in this state has ended: nothing changes it any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Sent | Self::Accepted | Self::Running)
    }

    /// The word for it in the database, in the API and on the screen.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Accepted => "accepted",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::TimedOut => "timed_out",
            Self::Lost => "lost",
        }
    }

    /// The state of a [`word`](Self::word).
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// One call of a command on a box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRow {
    /// Its id, unique for ever.
    pub id: String,
    /// On which box.
    pub box_id: EndpointId,
    /// The command's path.
    pub command: String,
    /// Its input arguments, JSON of at most [`MAX_CALL_JSON`] bytes.
    pub args: String,
    /// Who asked for it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// Where it is in its life.
    pub state: CallState,
    /// When it was made.
    pub created: Wall,
    /// When it reached a final state.
    pub ended: Option<Wall>,
    /// Its output arguments, JSON of at most [`MAX_CALL_JSON`] bytes.
    pub result: Option<String>,
    /// What went wrong, for a person.
    pub error: Option<String>,
}
