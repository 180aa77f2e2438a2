//! `cargo cross selftest`: proves that a built agent works. It says what it can do, holds a session with the real controller, and
//! where it needs no emulator its memory and its start are
//! measured.

mod measure;
mod session;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::build::Built;
use crate::operation::{Operation, digest};
use crate::place::{self, Prefix};
use crate::process::finished;
use crate::say;
use crate::size::grouped;
use crate::table::Table;
use crate::target::{Flavour, Target};
use measure::Measured;

/// How long the agent may take to say what it is. Under an emulator, on a busy machine.
const SAYS: Duration = Duration::from_secs(60);

/// A built agent, how it is run here, and where its test leaves what it wrote.
struct Subject<'a> {
    target: &'a Target,
    program: PathBuf,
    /// The emulator with its options, or nothing.
    through: Vec<PathBuf>,
    folder: PathBuf,
}

/// What was found out about an agent that works.
struct Proof {
    /// The digest of its catalogue.
    catalogue: String,
    /// The last line of its `--self-test`.
    tells: String,
    /// Whether it pinged.
    pinged: bool,
    /// None under an emulator.
    measured: Option<Measured>,
}

/// Tests the agents of these targets, which must have been built. All are tried before this ends.
///
/// # Errors
/// One of them does not work, or is over its budget; or two of one flavour do not have the same catalogue.
pub fn selftest(root: &Path, targets: &[Target]) -> Result<()> {
    let mut failures = 0;
    let mut catalogues: Vec<(Flavour, &str, String)> = Vec::new();
    let mut table = Table::new(&["target", "result", "self-test", "start", "RSS", "anonymous"]);
    for target in targets {
        let start = Instant::now();
        let tested = Subject::of(root, target).and_then(|subject| subject.prove(root)).and_then(|proof| {
            // What a flavour can show and do does not depend on the processor.
            if let Some((_, name, _)) =
                catalogues.iter().find(|(flavour, _, other)| *flavour == target.flavour && *other != proof.catalogue)
            {
                bail!("its catalogue is another than that of {name}; if they were not built of the same sources, build all again");
            }
            catalogues.push((target.flavour, &target.name, proof.catalogue.clone()));
            Ok(proof)
        });
        match tested {
            Ok(proof) => {
                say::doing(&format!("{}: passed in {:.0} s", target.name, start.elapsed().as_secs_f64()));
                table.row(row(target, &proof));
            }
            Err(error) => {
                say::doing(&format!("{}: FAILED: {error:#}", target.name));
                failures += 1;
                table.row([&target.name, "FAILED", "", "", "", ""].map(str::to_owned));
            }
        }
    }
    table.lines().iter().for_each(|line| say::result(line));
    ensure!(failures == 0, "{failures} of {} failed; why is said above", targets.len());
    Ok(())
}

fn row(target: &Target, proof: &Proof) -> [String; 6] {
    let (start, rss, anonymous) = match &proof.measured {
        None => ("not measured under an emulator".to_owned(), String::new(), String::new()),
        Some(measured) => (
            format!("{:.1} ms of {}", measured.start.as_secs_f64() * 1000.0, measure::START.as_millis()),
            format!("{} of {}", grouped(measured.memory.rss), grouped(target.budget.rss)),
            grouped(measured.memory.anonymous),
        ),
    };
    let result = if proof.pinged { "passed" } else { "passed, IPPing not tried" };
    [target.name.clone(), result.to_owned(), proof.tells.clone(), start, rss, anonymous]
}

impl<'a> Subject<'a> {
    fn of(root: &Path, target: &'a Target) -> Result<Self> {
        let program = Built::found(root, target)?.program;
        let mut through = Vec::new();
        if let Some(emulator) = &target.emulator {
            through.push(Prefix::ready()?.bin().join(emulator));
            if let Some(libraries) = &target.emulator_root {
                let needs = || format!("the C library of {} is not in {}; run `cargo cross setup`", target.name, libraries.display());
                ensure!(libraries.is_dir(), needs());
                through.extend(["-L".into(), libraries.clone()]);
            }
        }
        let folder = place::built(root).join(&target.name).join("selftest");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(Self { target, program, through, folder })
    }

    fn prove(&self, root: &Path) -> Result<Proof> {
        let name = &self.target.name;
        say::doing(&format!("{name}: what it says of itself"));
        let version = self.says(&["--version"])?;
        let expected = concat!("line3-agent ", env!("CARGO_PKG_VERSION"), "\n");
        ensure!(version == expected, "--version says {version:?} and not {expected:?}; build it again");
        let text = self.says(&["--catalogue"])?;
        let catalogue = catalogue(&text)?;
        // An empty configuration is a whole one, and the test must not depend on one of this machine.
        let empty = self.folder.join("empty.toml");
        std::fs::write(&empty, "").with_context(|| empty.display().to_string())?;
        let told = self.says(&["--config", &empty.to_string_lossy(), "--self-test"])?;
        let tells = told.lines().next_back().unwrap_or_default().to_owned();
        let mut operation = Operation::start(root, &self.folder, IpAddr::from([127, 0, 0, 1]))?;
        let pinged = session::hold(self, &mut operation, &catalogue)?;
        let measured = if self.target.is_native() { Some(measure::measure(self, &mut operation)?) } else { None };
        Ok(Proof { catalogue, tells, pinged, measured })
    }

    /// The agent with these arguments, as it is run here.
    fn command(&self, words: &[&str]) -> Command {
        let mut all = self.through.iter().chain([&self.program]);
        let mut command = Command::new(all.next().unwrap_or(&self.program));
        command.args(all).args(words);
        command
    }

    fn says(&self, words: &[&str]) -> Result<String> {
        finished(&format!("line3-agent {}", words.join(" ")), &self.command(words), SAYS, &self.folder.join("says.log"))
    }
}

/// Checks that a text is the catalogue of an agent, and gives its digest, as the agent makes it.
fn catalogue(text: &str) -> Result<String> {
    let text = text.trim_end();
    let catalogue: Value = serde_json::from_str(text).context("--catalogue prints no JSON")?;
    for part in ["objects", "commands"] {
        match catalogue.get(part).and_then(Value::as_array) {
            Some(list) if !list.is_empty() && list.iter().all(|entry| entry.get("path").is_some_and(Value::is_string)) => {}
            _ => bail!("--catalogue lists no {part}"),
        }
    }
    Ok(digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalogue_has_objects_and_commands_with_paths() {
        let good = r#"{"objects":[{"path":"Device."}],"commands":[{"path":"Device.Reboot()"}]}"#;
        let digest = catalogue(&format!("{good}\n")).expect("a catalogue");
        assert_eq!(digest, catalogue(good).expect("a catalogue"));
        assert_eq!(digest.len(), 64);
        for bad in
            ["", "{}", r#"{"objects":[{"path":"Device."}],"commands":[]}"#, r#"{"objects":[{}],"commands":[{"path":"Device.Reboot()"}]}"#]
        {
            assert!(catalogue(bad).is_err(), "{bad}");
        }
    }
}
