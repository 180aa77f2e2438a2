//! The controller as a library: what `line3` is made of, for its binary, its tests and its benches.

pub mod audit;
pub mod cli;
pub mod client;
pub mod fleet;
pub mod report;
pub mod rights;
pub mod store;
pub mod views;
