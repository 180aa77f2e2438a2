//! The Agent machine in counted time, by text scripts: what happens to a box, and what it says to that.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bench;
mod commands;
mod editing;
mod editing_rules;
mod hostile;
mod looking;
mod notifying;
mod notifying_acts;
mod notifying_changes;
mod once;
mod operating;
mod reading;
mod reporting;
mod rows;
mod script;
mod show;
mod storm;
mod trusting;
