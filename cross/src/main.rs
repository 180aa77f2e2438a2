//! `cargo cross`: the agent for the processors of boxes. See `cross/README.md`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use line3_cross::place::{self, Prefix};
use line3_cross::table::Table;
use line3_cross::target::Target;
use line3_cross::{archive, build, package, recipes, reproduce, rootfs, say, selftest, setup, sign, size, verify};

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
    /// Run a built agent, under an emulator where this machine is none of its kind: a whole session with a real controller, over mutual
    /// TLS; and where it runs natively, what it holds in memory and how fast it starts
    Selftest {
        /// A target, or `all`
        target: String,
    },
    /// Install the packed agent for 32-bit ARM on root file systems made for it, under an emulator: started, watched, upgraded, killed and
    /// brought back there by each init that can run so. Needs root
    Rootfs,
    /// Pack the agent that was built last for a target: .deb, .ipk, .tar.gz, and what goes with them
    Package {
        /// A target, or `all`
        target: String,
        /// The secret key that signs; without one nothing is signed
        #[arg(long, env = "LINE3_SIGNING_KEY", value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Build and pack the agent for a target here and in a clone in another folder, and compare all files byte by byte
    Reproduce {
        /// A target, or `all`
        target: String,
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
            let mut table = Table::new(&["target", "flavour", "library", "kernel", "budget", "processor"]);
            for target in Target::all(&root)? {
                let library = if target.is_static() { "musl, in it" } else { "the box's glibc" };
                let budget = target.budget.binary.to_string();
                table.row([target.name, target.flavour.name().to_owned(), library.to_owned(), target.kernel, budget, target.cpu]);
            }
            table.lines().iter().for_each(|line| say::result(line));
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
        What::Selftest { target } => selftest::selftest(&root, &Target::named(&root, &target)?)?,
        What::Rootfs => rootfs::rootfs(&root, &Prefix::ready()?)?,
        What::Package { target, key } => {
            let prefix = Prefix::ready()?;
            for target in Target::named(&root, &target)? {
                let folder = package::package(&root, &prefix, &target, key.as_deref())?;
                say::result(&folder.display().to_string());
            }
        }
        What::Reproduce { target } => {
            let prefix = Prefix::ready()?;
            for target in Target::named(&root, &target)? {
                let files = reproduce::reproduce(&root, &prefix, &target)?;
                say::result(&format!("{}  {files} files are the same byte by byte", target.name));
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
            say::result(&format!("{}  secret: who has it can sign", file.display()));
            say::result(&format!("{}  public: for who verifies", public.display()));
        }
        What::Verify { folder, public_key } => say::result(&verify::verify(&folder, public_key.as_deref())?),
        What::Size { target, json, write } => size::size(&root, &Target::named(&root, &target)?, json, write)?,
        What::Source => {
            let made = archive::make(&root)?;
            say::result(&format!("{}  {} bytes\nSHA-256 {}", made.file.display(), made.bytes, made.sha256));
            say::result(&format!("{}  the recipes for it", made.recipes.display()));
        }
        What::Recipes { check } => recipes::generate(&root, check)?,
    }
    Ok(())
}
