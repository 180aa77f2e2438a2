//! `cargo cross`: the agent for the processors of boxes. See `cross/README.md`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use line3_cross::place::{self, Prefix};
use line3_cross::target::Target;
use line3_cross::{build, say, setup, size};

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
    /// Build the agent for a target, and print where it is; fails if it is over its budget
    Build {
        /// A target, or `all`
        target: String,
    },
    /// Show what is built against budgets and the committed table, and what weighs most in one target
    Size {
        /// A target, or `all`
        #[arg(default_value = "all")]
        target: String,
        /// As JSON
        #[arg(long)]
        json: bool,
        /// Make it the committed table, `cross/sizes.json`
        #[arg(long)]
        write: bool,
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
            let targets = Target::named(&root, &target)?;
            let mut built = Vec::new();
            for target in &targets {
                built.push((target, build::build(&root, &prefix, target)?));
            }
            size::summary(&root, &built)?.iter().for_each(|line| say::doing(line));
            built.iter().for_each(|(_, built)| say::result(&built.program.display().to_string()));
        }
        What::Size { target, json, write } => size::size(&root, &Target::named(&root, &target)?, json, write)?,
    }
    Ok(())
}
