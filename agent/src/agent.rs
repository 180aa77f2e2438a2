//! wip
mod get;
mod model;
mod supported;
