//! One link of the audit chain, and how it is bound to the one before.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// One link of the audit chain, as it is stored and exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Its number, from 1, without holes.
    pub n: u64,
    /// The hash of the row before, in hex; 64 zeros for the first.
    pub prev: String,
    /// What happened: JSON, hashed byte by byte as it stands here.
    pub body: String,
    /// SHA-256 over `prev`, `n` (8 bytes, big-endian) and `body`, in hex.
    pub hash: String,
}

/// The newest link of the audit chain as remembered in a second place, so that a cut-off tail shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its number.
    pub n: u64,
    /// Its hash, in hex.
    pub hash: String,
}

impl AuditRow {
    /// What the first row has for the hash of the row before.
    pub const ROOT: &'static str = "0000000000000000000000000000000000000000000000000000000000000000";

    /// The row that follows `last`, or the first.
    #[must_use]
    pub fn after(last: Option<&Head>, body: &str) -> Self {
        let (n, prev) = last.map_or((1, Self::ROOT), |last| (last.n + 1, last.hash.as_str()));
        let mut row = Self { n, prev: prev.to_owned(), body: body.to_owned(), hash: String::new() };
        row.hash = row.computed();
        row
    }

    /// What [`hash`](Self::hash) has to be.
    #[must_use]
    pub fn computed(&self) -> String {
        use std::fmt::Write;
        let mut digest = Sha256::new();
        digest.update(self.prev.as_bytes());
        digest.update(self.n.to_be_bytes());
        digest.update(self.body.as_bytes());
        digest.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing into a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// This row as the head of the chain.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { n: self.n, hash: self.hash.clone() }
    }
}
