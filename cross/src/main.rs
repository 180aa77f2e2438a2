//! `cargo cross`: the agent for the processors of boxes. See `cross/README.md`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use line3_cross::place::{self, Prefix};
use line3_cross::target::Target;
use line3_cross::{build, say, selftest, setup};

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
    /// Run a built agent, under an emulator where this machine is none of its kind: a whole session with a real controller, over mutual
    /// TLS; and where it runs natively, what it holds in memory and how fast it starts
    Selftest {
        /// A target, or `all`
        target: String,
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
        What::Selftest { target } => selftest::selftest(&root, &Target::named(&root, &target)?)?,
    }
    Ok(())
}
