//! The real box.

pub mod dns;
pub mod icmp;
