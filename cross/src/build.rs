//! `cargo cross build`: the agent for a target, and what it weighs against its budget.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::crates;
use crate::place::{self, Prefix};
use crate::target::{Flavour, Target, Tools};
use crate::{say, size};

/// The profile in `Cargo.toml`; recipes whose tool builds only `release` set the same by `CARGO_PROFILE_RELEASE_*`.
const PROFILE: &str = "box";

/// Sections that no program on a box reads. MIPS has the most of them.
const USELESS: [&str; 3] = [".comment", ".pdr", ".mdebug.abi32"];

/// An agent that is built.
#[derive(Clone, Debug)]
pub struct Built {
    /// What goes on the box.
    pub program: PathBuf,
    /// The same with its symbols: for reading a crash, and for [`crate::size`].
    pub symbols: PathBuf,
    /// The size of [`Self::program`].
    pub bytes: u64,
}

impl Built {
    /// The one that was built last, which must be there.
    pub fn found(root: &Path, target: &Target) -> Result<Self> {
        let folder = place::built(root).join(&target.name);
        let (program, symbols) = (folder.join("line3-agent"), folder.join("line3-agent.symbols"));
        let bytes =
            std::fs::metadata(&program).with_context(|| format!("{}; run `cargo cross build {}`", program.display(), target.name))?.len();
        Ok(Self { program, symbols, bytes })
    }
}

/// Builds the agent for `target` and says what it weighs.
///
/// # Errors
/// It cannot be built, or is over its budget.
pub fn build(root: &Path, prefix: &Prefix, target: &Target) -> Result<Built> {
    say::doing(&format!("building the agent for {}", target.name));
    let folder = place::built(root).join(&target.name);
    if let Tools::Zig { unwinder: Some(name), .. } = &target.tools {
        unwinder(root, prefix, target, name)?;
    }
    let mut cargo = cargo(root, prefix, target)?;
    cargo.arg("--target-dir").arg(&folder);
    say::aloud(&target.name, &mut cargo)?;
    let symbols = folder.join("line3-agent.symbols");
    std::fs::copy(folder.join(&target.triple).join(PROFILE).join("line3-agent"), &symbols).context("what cargo built")?;
    let program = folder.join("line3-agent");
    let mut strip = prefix.command("llvm-objcopy")?;
    strip.arg("--strip-all").args(USELESS.map(|section| format!("--remove-section={section}"))).args([&symbols, &program]);
    say::quietly("stripping the agent", &mut strip)?;
    let built = Built::found(root, target)?;
    let budget = target.budget.binary;
    let over = built.bytes.saturating_sub(budget);
    if over > 0 {
        let by_what = size::blame(root, target, &built)?;
        bail!("{}: {} bytes are {over} over the budget of {budget}; {by_what}", target.name, built.bytes);
    }
    Ok(built)
}

/// The object made of `cross/unwinder.c`, from the project's folder on: an absolute path would be part of what cargo names things by,
/// and two folders would give two programs.
fn unwinder_object(target: &Target) -> String {
    format!("target/unwinder-{}.o", target.name)
}

fn unwinder(root: &Path, prefix: &Prefix, target: &Target, name: &str) -> Result<()> {
    let object = root.join(unwinder_object(target));
    std::fs::create_dir_all(root.join("target")).context("the folder target")?;
    let mut zig = prefix.command("zig")?;
    zig.args(["cc", "-target", name, "-Oz", "-fno-pic", "-fno-asynchronous-unwind-tables", "-c", "-o"]).arg(&object);
    say::quietly("cross/unwinder.c", zig.arg(root.join("cross").join("unwinder.c")))?;
    Ok(())
}

fn cargo(root: &Path, prefix: &Prefix, target: &Target) -> Result<Command> {
    let mut cargo = prefix.command("cargo")?;
    cargo.arg(if target.is_static() { "zigbuild" } else { "build" }).current_dir(root);
    cargo.args(["--locked", "--profile", PROFILE, "--package", "line3-agent", "--bin", "line3-agent", "--target", &target.triple]);
    cargo.args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"]);
    cargo.args(["--config", &format!("profile.{PROFILE}.strip=\"none\"")]);
    if target.flavour == Flavour::Tiny {
        cargo.args(["--no-default-features", "--features", "tiny"]);
    }
    crates::clean(&mut cargo, prefix);
    // 64-bit time on 32-bit musl: without it a box cannot tell the time after 2038.
    cargo.env("RUST_LIBC_UNSTABLE_MUSL_V1_2_3", "1");
    cargo.env("CARGO_ENCODED_RUSTFLAGS", rustflags(prefix, target).join("\u{1f}"));
    let triple = target.triple.replace('-', "_");
    match &target.tools {
        Tools::Zig { cflags, .. } => {
            cargo.env("CARGO_ZIGBUILD_ZIG_PATH", prefix.bin().join("zig")).env(format!("CFLAGS_{triple}"), format!("-fno-pic {cflags}"));
        }
        Tools::Gcc { prefix: programs, cflags } => {
            let linker = format!("CARGO_TARGET_{}_LINKER", triple.to_uppercase());
            cargo.env(format!("CC_{triple}"), format!("{programs}gcc")).env(format!("AR_{triple}"), format!("{programs}ar"));
            cargo.env(format!("CFLAGS_{triple}"), cflags).env(linker, format!("{programs}gcc"));
        }
    }
    Ok(cargo)
}

fn rustflags(prefix: &Prefix, target: &Target) -> Vec<String> {
    // SHA-256 without unrolled loops, for it digests a few KB at a time.
    let mut flags = vec!["--cfg", "sha2_backend=\"soft\"", "--cfg", "sha2_backend_soft=\"compact\""];
    // A panic ends the process, so nothing unwinds.
    flags.extend(["-Zunstable-options", "-Cforce-unwind-tables=no"]);
    match target.flavour {
        // A derived Debug text is the name of its variant: 30 KB. Of texts and of variants without fields, all that we print so, nothing is lost.
        Flavour::Fleet => flags.push("-Zfmt-debug=shallow"),
        // A panic leaves no message, so nothing that would only stand in one.
        Flavour::Tiny => flags.extend(["-Cpanic=immediate-abort", "-Zlocation-detail=none", "-Zfmt-debug=none"]),
    }
    if target.is_static() {
        // zig's static program stands at a fixed address whatever it is made of, so nothing is lost by code that knows where it stands.
        flags.extend(["-Ctarget-feature=+crt-static", "-Clink-self-contained=no", "-Crelocation-model=static"]);
    }
    let mut flags: Vec<String> = flags.into_iter().map(str::to_owned).collect();
    if let Tools::Zig { unwinder: Some(_), .. } = &target.tools {
        flags.push(format!("-Clink-arg={}", unwinder_object(target)));
    }
    flags.extend(target.rustflags.iter().cloned());
    flags.extend(remap(prefix).into_iter().map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())));
    flags
}

/// Shorter names for the sources, which stand in the messages of panics: they are the same wherever it is built, and tell nothing
/// of who built it. The project's own are named from its folder on, by cargo; that folder is in no flag, so that a clone elsewhere
/// uses what another has built.
fn remap(prefix: &Prefix) -> Vec<(PathBuf, &'static str)> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))).unwrap_or_default();
    let registries = std::fs::read_dir(home.join("registry").join("src")).into_iter().flatten().flatten();
    let mut names: Vec<_> = registries.map(|registry| (registry.path(), "")).collect();
    names.push((prefix.rust_src(), "rust"));
    names
}
