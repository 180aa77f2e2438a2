//! The daemon on the box: a USP agent over MQTT 5 that reports health and runs diagnostics and repairs on command.

pub mod agent;
pub mod clock;
pub mod commands;
pub mod config;
pub mod driver;
pub mod host;
pub mod objects;
pub mod privileges;
pub mod run;
pub mod saved;
pub mod self_test;
pub mod settings;
pub mod view;
pub mod watched;
