//! `cargo cross`: builds the agent for a box and says what it weighs.
#![allow(clippy::disallowed_methods, reason = "it runs cargo")]

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};

/// The most bytes that the stripped agent may have on this machine, with the profile `box`.
const BUDGET: u64 = 2_000_000;

/// Builds the agent for a box and says what it weighs.
#[derive(Parser)]
#[command(name = "cargo cross", version)]
struct Cli {
    #[command(subcommand)]
    command: What,
}

#[derive(Clone, Copy, Subcommand)]
enum What {
    /// Build the agent for this machine with the profile `box`
    Build,
    /// Build it, and print its size; fails if it is over its budget
    Size,
}

fn main() -> Result<()> {
    match Cli::parse().command {
        What::Build => {
            let path = build()?;
            say(&format!("{}", path.display()));
        }
        What::Size => {
            let path = build()?;
            let bytes = std::fs::metadata(&path).with_context(|| path.display().to_string())?.len();
            say(&format!("line3-agent for this machine, profile box, stripped: {bytes} bytes of {BUDGET}"));
            ensure!(bytes <= BUDGET, "the agent is {} bytes over its budget", bytes - BUDGET);
        }
    }
    Ok(())
}

#[allow(clippy::print_stdout, reason = "this is where the program speaks")]
fn say(text: &str) {
    println!("{text}");
}

fn build() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--locked", "--profile", "box", "--package", "line3-agent", "--bin", "line3-agent"])
        .status()
        .context("cargo")?;
    ensure!(status.success(), "the agent cannot be built; see above");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    Ok(target.join("box").join("line3-agent"))
}
