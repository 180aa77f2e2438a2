//! How this program speaks: results to standard output, what it is doing to standard error.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is where the program speaks")]

use std::process::Command;

use anyhow::{Context, Result, bail};

/// A result, for people and pipes.
pub fn result(text: &str) {
    println!("{text}");
}

/// What is being done.
pub fn doing(text: &str) {
    eprintln!("cross: {text}");
}

/// Runs a program whose output matters only if it fails; `what` says what it was to do.
pub fn quietly(what: &str, command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{what}: {} cannot be run", command.get_program().display()))?;
    if !output.status.success() {
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        bail!("{what}: {} ended with {}\n{}", command.get_program().display(), output.status, String::from_utf8_lossy(&said).trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program that shows its own progress; `what` says what it was to do.
pub fn aloud(what: &str, command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{what}: {} cannot be run", command.get_program().display()))?;
    if !status.success() {
        bail!("{what}: {} ended with {status}; see above", command.get_program().display());
    }
    Ok(())
}
