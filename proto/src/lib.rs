//! What the box and the controller share. Without features this crate knows no runtime, no socket, no file and no clock.

pub mod effect;
pub mod fault;
pub mod health;
pub mod link;
pub mod machine;
#[cfg(feature = "mqtt")]
pub mod mqtt;
pub mod path;
pub mod record;
#[cfg(feature = "sim")]
pub mod sim;
pub mod topic;
pub mod usp;

pub use effect::Effect;
pub use fault::Fault;
pub use link::{Link, LinkEvent, Publication, QoS};
pub use machine::{Machine, Mono, Now, Wall};
pub use topic::{EndpointId, Topic};
