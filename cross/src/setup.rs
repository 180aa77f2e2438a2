//! `cargo cross setup`: brings the tools that a fresh Debian 12 machine lacks, into a folder of their own.
//!
//! The compiler is Debian's `rustc-web`, unpacked and not installed, for it brings the sources of its standard library: the targets
//! of old boxes have none ready-made, and one made for size is smaller. The linker and the musl are zig's, from PyPI.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::place::Prefix;
use crate::say;

/// Debian's packages that are unpacked into the prefix.
const UNPACKED: [&str; 13] = [
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "libstd-rust-web-dev",
    "libstd-rust-web-1.96",
    "libllvm22",
    "libgit2-1.5",
    "libmbedcrypto7",
    "libmbedtls14",
    "libmbedx509-1",
    "libhttp-parser2.9",
    "llvm-22",
    "qemu-user-static",
];

/// What must be installed, as a command that it brings and Debian's package: a linker for build scripts, a Python that makes folders
/// of its own, the gcc that stands for a vendor's SDK, and what the root file systems of `cargo cross rootfs` are made with.
const INSTALLED: [(&str, &[&str]); 6] = [
    ("cc", &["gcc", "libc6-dev"]),
    ("python3", &["python3", "python3-venv"]),
    ("arm-linux-gnueabihf-gcc", &["gcc-arm-linux-gnueabihf", "libc6-dev-armhf-cross"]),
    ("debootstrap", &["debootstrap"]),
    ("ip", &["iproute2"]),
    ("kill", &["procps"]),
];

/// The one that writes the list of what is in the agent.
const CYCLONEDX: (&str, &str) = ("cargo-cyclonedx", "0.5.9");

/// What is in the prefix.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub struct Tools {
    /// What was wanted when it was made; another list makes it anew.
    wanted: Vec<String>,
    /// Names and versions of what came.
    pub tools: BTreeMap<String, String>,
}

impl Tools {
    /// Reads what is in the prefix.
    pub fn read(prefix: &Prefix) -> Result<Self> {
        let text = std::fs::read(prefix.stamp()).with_context(|| prefix.stamp().display().to_string())?;
        serde_json::from_slice(&text).with_context(|| prefix.stamp().display().to_string())
    }
}

/// Brings everything, or says that it is there.
pub fn setup(root: &Path) -> Result<()> {
    let prefix = Prefix::locate()?;
    let python_tools = root.join("cross").join("python-tools.txt");
    let wanted = wanted(&python_tools)?;
    if Tools::read(&prefix).is_ok_and(|tools| tools.wanted == wanted) && missing().is_empty() {
        say::result(&format!("everything is in {}", prefix.path().display()));
        return Ok(());
    }
    std::fs::create_dir_all(prefix.bin()).with_context(|| prefix.path().display().to_string())?;
    install()?;
    let mut tools = unpack(&prefix)?;
    wrap(&prefix)?;
    say::doing("zig and cargo-zigbuild, from PyPI");
    let venv = prefix.path().join("venv");
    say::quietly("a folder for Python's packages", Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let pip = venv.join("bin").join("pip");
    say::quietly("zig", Command::new(pip).args(["install", "--quiet", "--require-hashes", "--requirement"]).arg(&python_tools))?;
    say::doing("cargo-cyclonedx, from its sources; it takes some minutes");
    let (name, version) = CYCLONEDX;
    let mut cargo = prefix.command("cargo")?;
    cargo.args(["install", "--quiet", "--locked", name, "--version", version, "--root"]).arg(prefix.path());
    cargo.env_remove("RUSTFLAGS").env("CARGO_TARGET_DIR", prefix.path().join("build"));
    say::aloud("cargo-cyclonedx", &mut cargo)?;
    std::fs::remove_dir_all(prefix.path().join("build")).ok();
    for name in ["rustc", "cargo", "zig"] {
        let flag = if name == "zig" { "version" } else { "--version" };
        tools.insert(name.to_owned(), say::quietly(name, prefix.command(name)?.arg(flag))?.trim().to_owned());
    }
    tools.insert(name.to_owned(), version.to_owned());
    std::fs::write(prefix.stamp(), serde_json::to_vec_pretty(&Tools { wanted, tools })?)?;
    say::result(&format!("everything is in {}; next: cargo cross build all", prefix.path().display()));
    Ok(())
}

fn wanted(python_tools: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(python_tools).with_context(|| python_tools.display().to_string())?;
    let python = text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned);
    let cyclonedx = format!("{} {}", CYCLONEDX.0, CYCLONEDX.1);
    Ok(UNPACKED.iter().map(|&name| name.to_owned()).chain(python).chain([cyclonedx]).collect())
}

fn missing() -> Vec<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // What root runs is not in everybody's PATH.
    let folders: Vec<PathBuf> = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).collect();
    let there = |name: &str| folders.iter().any(|folder| folder.join(name).is_file());
    INSTALLED.iter().filter(|(name, _)| !there(name)).flat_map(|(_, packages)| packages.iter().copied()).collect()
}

fn install() -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    say::doing(&format!("installing Debian's {}", missing.join(", ")));
    say::quietly("the list of Debian's packages", Command::new("apt-get").args(["update", "-qq"]))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(&missing).env("DEBIAN_FRONTEND", "noninteractive");
    let advice = || format!("this needs root, once: apt-get install --no-install-recommends {}", missing.join(" "));
    say::quietly("Debian's packages", &mut install).with_context(advice)?;
    Ok(())
}

/// Fetches and unpacks Debian's packages; apt checks their signatures. Returns names and versions.
fn unpack(prefix: &Prefix) -> Result<BTreeMap<String, String>> {
    let (folder, target) = (prefix.path().join("packages"), prefix.debian());
    for folder in [&folder, &target] {
        if folder.exists() {
            std::fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    say::doing("the compiler, its library's sources and the emulators, from Debian (230 MB)");
    let mut download = Command::new("apt-get");
    download.args(["download", "-qq"]).args(UNPACKED).current_dir(&folder);
    if say::quietly("Debian's packages", &mut download).is_err() {
        // The machine's list of packages may be old, or there is none.
        say::quietly("the list of Debian's packages", Command::new("apt-get").args(["update", "-qq"]))?;
        say::quietly("Debian's packages", &mut download).context("this machine must be a Debian 12, with its security updates")?;
    }
    let mut tools = BTreeMap::new();
    for entry in std::fs::read_dir(&folder)? {
        let file = entry?.path();
        let show = Command::new("dpkg-deb").args(["--show", "--showformat=${Package} ${Version}"]).arg(&file).output();
        let shown = String::from_utf8(show.context("dpkg-deb")?.stdout)?;
        let (name, version) = shown.split_once(' ').with_context(|| format!("{} is no package", file.display()))?;
        say::doing(&format!("unpacking {name} {version}"));
        say::quietly(name, Command::new("dpkg-deb").arg("--extract").arg(&file).arg(&target))?;
        tools.insert(name.to_owned(), version.to_owned());
    }
    ensure!(tools.len() == UNPACKED.len(), "{} of {} packages came", tools.len(), UNPACKED.len());
    std::fs::remove_dir_all(&folder)?;
    Ok(tools)
}

/// Writes the commands of the prefix: what is unpacked finds its libraries only if it is told where they are.
fn wrap(prefix: &Prefix) -> Result<()> {
    let (usr, venv) = (prefix.debian().join("usr"), prefix.path().join("venv"));
    let libraries = usr.join("lib/x86_64-linux-gnu");
    let programs = [
        ("cargo", usr.join("bin/cargo")),
        ("rustc", usr.join("bin/rustc")),
        ("rustdoc", usr.join("bin/rustdoc")),
        ("llvm-objcopy", usr.join("lib/llvm-22/bin/llvm-objcopy")),
        ("cargo-zigbuild", venv.join("bin/cargo-zigbuild")),
        ("zig", venv.join("bin/python")),
    ];
    for (name, program) in programs {
        let rest = if name == "zig" { " -m ziglang" } else { "" };
        let text = format!("#!/bin/sh\nLD_LIBRARY_PATH='{}' exec '{}'{rest} \"$@\"\n", libraries.display(), program.display());
        let file = prefix.bin().join(name);
        std::fs::write(&file, text)?;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))?;
    }
    for emulator in ["qemu-arm-static", "qemu-aarch64-static", "qemu-mipsel-static"] {
        let (program, link) = (usr.join("bin").join(emulator), prefix.bin().join(emulator));
        if !program.is_file() {
            bail!("Debian's qemu-user-static brought no {emulator}");
        }
        std::fs::remove_file(&link).ok();
        std::os::unix::fs::symlink(program, link)?;
    }
    Ok(())
}
