//! The rooms of `cargo cross`: the agent for the processors of boxes. See `cross/README.md`.
#![allow(clippy::disallowed_methods, reason = "it runs programs and writes files, on a developer's machine")]

pub mod archive;
pub mod build;
pub mod place;
pub mod recipes;
pub mod reduced;
pub mod say;
pub mod setup;
pub mod source;
pub mod target;
