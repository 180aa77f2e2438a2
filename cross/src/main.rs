//! `cargo cross`: the agent for the processors of boxes. See `cross/README.md`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use line3_cross::place::{self, Prefix};
use line3_cross::target::Target;
use line3_cross::{archive, build, recipes, say, setup};

/// Builds, weighs, tests and packs the agent for the processors of boxes.
#[derive(Parser)]
#[command(name = "cargo cross", version)]
struct Cli {
    #[command(subcommand)]
    command: What,
}

#[derive(Subcommand)]
enum What {
    /// List the targets
    Targets,
    /// Bring the tools that a fresh Debian 12 machine lacks, into a folder of their own (LINE3_CROSS, else in the user's cache)
    Setup,
    /// Build the agent for a target, and print where it is and what it weighs; fails if it is over its budget
    Build {
        /// A target, or `all`
        target: String,
    },
    /// Make the archive of the agent's sources with all their crates, and the recipes for Yocto, Buildroot and OpenWrt that know its sum
    Source,
    /// Write what the recipes have from Cargo.lock
    Recipes {
        /// Write nothing; fail if they are of another Cargo.lock or version
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::doing(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: What) -> Result<()> {
    let root = place::root();
    match command {
        What::Targets => {
            for target in Target::all(&root)? {
                say::result(&format!("{}  {}", target.name, target.cpu));
            }
        }
        What::Setup => setup::setup(&root)?,
        What::Build { target } => {
            let prefix = Prefix::ready()?;
            for target in Target::named(&root, &target)? {
                let built = build::build(&root, &prefix, &target)?;
                say::result(&format!("{}  {} bytes, budget {}", built.program.display(), built.bytes, target.budget.binary));
            }
        }
        What::Source => {
            let made = archive::make(&root)?;
            say::result(&format!("{}  {} bytes\nSHA-256 {}", made.file.display(), made.bytes, made.sha256));
            say::result(&format!("{}  the recipes for it", made.recipes.display()));
        }
        What::Recipes { check } => recipes::generate(&root, check)?,
    }
    Ok(())
}
