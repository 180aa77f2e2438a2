//! The controller as a library: what `line3` is made of, for its binary, its tests and its benches.

pub mod api;
pub mod audit;
pub mod board;
pub mod broker;
pub mod certificates;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
#[cfg(feature = "demo")]
pub mod demo;
pub mod desk;
pub mod driver;
pub mod fleet;
pub mod keeper;
pub mod orders;
pub mod pki;
pub mod report;
pub mod rights;
pub mod serve;
pub mod setup;
pub mod store;
pub mod telemetry;
pub mod views;
