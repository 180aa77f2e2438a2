//! The real box.
