//! `cargo cross`: the agent for the processors of boxes. See `cross/README.md`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use line3_cross::place::{self, Prefix};
use line3_cross::target::Target;
use line3_cross::{build, package, say, setup, sign, verify};

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
    /// Print the list of what is in the agent for a target, in CycloneDX's form
    Sbom {
        /// A target
        target: String,
    },
    /// Make a pair of keys for signing: the secret one in FILE, without a password, the public one in FILE.pub
    Key {
        /// Where the secret key goes; nothing may be there
        file: PathBuf,
    },
    /// Check a folder of packages: its signature, its sums, and that what is in it agrees
    Verify {
        /// The folder
        folder: PathBuf,
        /// The public key of who must have signed it; without one it must not be signed
        #[arg(long, value_name = "FILE")]
        public_key: Option<PathBuf>,
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
        What::Sbom { target } => {
            let prefix = Prefix::ready()?;
            for target in Target::named(&root, &target)? {
                say::result(package::sbom(&root, &prefix, &target)?.trim_end());
            }
        }
        What::Key { file } => {
            let public = sign::make_key(&file)?;
            say::result(&format!(
                "{}  secret: who has it can sign
{}  public: for who verifies",
                file.display(),
                public.display()
            ));
        }
        What::Verify { folder, public_key } => say::result(&verify::verify(&folder, public_key.as_deref())?),
    }
    Ok(())
}
