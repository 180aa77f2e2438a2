//! The MQTT binding: section 11.

cases! {}
