//! `cargo cross`: the agent for the processors of boxes. See `cross/README.md`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use line3_cross::place::{self, Prefix};
use line3_cross::target::Target;
use line3_cross::{build, package, say, setup};

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
    /// Pack the agent that was built last for a target: .deb, .ipk, .tar.gz, and what goes with them
    Package {
        /// A target, or `all`
        target: String,
        /// The secret key that signs; without one nothing is signed
        #[arg(long, env = "LINE3_SIGNING_KEY", value_name = "FILE")]
        key: Option<PathBuf>,
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
        What::Package { target, key } => {
            let prefix = Prefix::ready()?;
            for target in Target::named(&root, &target)? {
                let folder = package::package(&root, &prefix, &target, key.as_deref())?;
                say::result(&folder.display().to_string());
            }
        }
    }
    Ok(())
}
