//! `cargo cross`: builds the agent for a box and says what it weighs.
#![allow(clippy::disallowed_methods, reason = "it runs cargo")]

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};

/// The most bytes that the stripped agent may have on this machine, with the profile `box`: what it has, and a little. It may only
/// shrink. It rose once, from 2,260,000, when the agent became a whole USP agent: with settings, rights, subscriptions and bulk data.
const BUDGET: u64 = 2_530_000;

/// What it is to have. 190 KB of the difference are the standard library's symbolizer, which only a build of `std` without it can
/// leave out; such builds are for the targets of real boxes.
const AIM: u64 = 2_000_000;

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
            say(&format!("line3-agent for this machine, profile box, stripped: {bytes} bytes (budget {BUDGET}, aim {AIM})"));
            ensure!(bytes <= BUDGET, "the agent is {} bytes over its budget", bytes - BUDGET);
        }
    }
    Ok(())
}

#[allow(clippy::print_stdout, reason = "this is where the program speaks")]
fn say(text: &str) {
    println!("{text}");
}

/// For every crate: SHA-256 without unrolled loops, for it digests a few KB at a time.
const RUSTFLAGS: [&str; 4] = ["--cfg", "sha2_backend=\"soft\"", "--cfg", "sha2_backend_soft=\"compact\""];

/// The linker script, see there.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/box.ld");

/// For the linker, besides the script.
const LINK: &[&str] = &[
    // Relocations of one bit each. The box's libc must know them: glibc 2.36 or musl 1.2.4, and later ones; 90 KB.
    "-Wl,-z,pack-relative-relocs",
    // Functions with the same code become one. Only lld can do it, with which rustc links on this target.
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    "-Wl,--icf=all",
];

fn build() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // Its own directory: with other flags cargo builds everything anew.
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from).join("cross");
    let status = Command::new(cargo)
        .args(["rustc", "--locked", "--profile", "box", "--package", "line3-agent", "--bin", "line3-agent", "--target-dir"])
        .arg(&target)
        .args(["--", &format!("-Clink-arg=-Wl,-T,{SCRIPT}")])
        .args(LINK.iter().map(|arg| format!("-Clink-arg={arg}")))
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags().join("\u{1f}"))
        .status()
        .context("cargo")?;
    ensure!(status.success(), "the agent cannot be built; see above");
    Ok(target.join("box").join("line3-agent"))
}

/// The caller's own, [`RUSTFLAGS`], and shorter names for the sources of dependencies: they stand in the messages of panics, 60
/// bytes longer each, and would tell who built the firmware.
fn rustflags() -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))).unwrap_or_default();
    let registries = std::fs::read_dir(home.join("registry").join("src")).into_iter().flatten().flatten();
    let remap = registries.map(|registry| format!("--remap-path-prefix={}/=", registry.path().display()));
    let own = std::env::var("RUSTFLAGS").unwrap_or_default();
    own.split_whitespace().chain(RUSTFLAGS).map(str::to_owned).chain(remap).collect()
}
