//! What the box and the controller share. Without features this crate knows no runtime, no socket, no file and no clock.

pub mod backoff;
pub mod catalogue;
pub mod effect;
pub mod endpoint;
pub mod fault;
#[cfg(any(feature = "mqtt", feature = "sim"))]
mod filter;
pub mod health;
pub mod link;
pub mod machine;
#[cfg(feature = "mqtt")]
pub mod mqtt;
pub mod path;
pub mod record;
pub mod rng;
pub mod row;
#[cfg(feature = "sim")]
pub mod sim;
pub mod sorted;
pub mod topic;
pub mod usp;
pub mod value;

pub use effect::Effect;
pub use fault::Fault;
pub use link::{Link, LinkEvent, Publication, QoS};
pub use machine::{Machine, Mono, Now, Wall};
pub use path::Path;
pub use topic::{EndpointId, Topic};
pub use value::ValueType;
