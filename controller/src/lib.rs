//! The server behind the command `line3`, as a library, so that tests and the command share it.

pub mod broker;
pub mod pki;
