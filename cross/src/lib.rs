//! The rooms of `cargo cross`: the agent for the processors of boxes. See `cross/README.md`.
#![allow(clippy::disallowed_methods, reason = "it runs programs and writes files, on a developer's machine")]

pub mod archive;
pub mod build;
pub mod crates;
pub mod licences;
pub mod manifest;
pub mod operation;
pub mod package;
pub mod parts;
pub mod place;
pub mod process;
pub mod recipes;
pub mod reduced;
pub mod reproduce;
pub mod rootfs;
pub mod say;
pub mod sbom;
pub mod selftest;
pub mod setup;
pub mod sign;
pub mod size;
pub mod source;
pub mod table;
pub mod target;
pub mod verify;
pub mod weigh;
