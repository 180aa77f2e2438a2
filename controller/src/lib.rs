//! The controller as a library: what `line3` is made of, for its binary, its tests and its benches.

pub mod audit;
pub mod broker;
pub mod fleet;
pub mod pki;
pub mod report;
pub mod rights;
pub mod store;
pub mod views;
