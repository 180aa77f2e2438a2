//! Programs that run while this one watches them: their output goes to a file, they end with this program whatever way it ends, and
//! every wait for them has a bound.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::say;

/// How often something is looked at while it is waited for.
const PACE: Duration = Duration::from_millis(50);

/// How many of a program's last lines an error quotes.
const QUOTED: usize = 15;

/// A program that runs. It is killed when this is dropped, and by the kernel when this program dies.
#[derive(Debug)]
pub struct Process {
    what: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; what it says, on both outputs, is added to the file `log`. `what` names it in errors.
    ///
    /// # Errors
    /// The log cannot be written, or there is no `setpriv` (Debian's util-linux). A program that is not there is found by
    /// [`Self::lives`].
    pub fn start(what: &str, command: &Command, log: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log).with_context(|| log.display().to_string())?;
        let mut command = dies_with_us(command);
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("{what}: setpriv cannot be run; it is of Debian's package util-linux"))?;
        Ok(Self { what: what.to_owned(), child, log: log.to_owned() })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it has said, with what earlier ones said to the same file.
    #[must_use]
    pub fn said(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The last of it, for an error.
    #[must_use]
    pub fn last_lines(&self) -> String {
        let said = self.said();
        let lines: Vec<_> = said.lines().collect();
        let last = lines.get(lines.len().saturating_sub(QUOTED)..).unwrap_or_default();
        format!("the last lines of {}, in {}:\n  {}", self.what, self.log.display(), last.join("\n  "))
    }

    /// Whether it has ended, and how.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| self.what.clone())
    }

    /// Fails if it has ended.
    pub fn lives(&mut self) -> Result<()> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => bail!("{} ended with {status}; its log is {}", self.what, self.log.display()),
        }
    }

    /// `kill -9`, and it is gone when this returns.
    pub fn kill(mut self) {
        self.end();
    }

    /// SIGTERM, upon which it must end well within `limit`.
    ///
    /// # Errors
    /// It does not end, or with another exit code than 0.
    pub fn stop(mut self, limit: Duration) -> Result<()> {
        say::quietly("SIGTERM", Command::new("sh").args(["-c", &format!("kill {}", self.pid())]))?;
        let ended = until(&format!("{} ends by SIGTERM", self.what), limit, || self.ended());
        let status = ended.map_err(|error| anyhow!("{error:#}; {}", self.last_lines()))?;
        ensure!(status.success(), "{} ended by SIGTERM with {status}; {}", self.what, self.last_lines());
        Ok(())
    }

    fn end(&mut self) {
        // Both fail only where it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// The same command, killed by the kernel when this program ends without saying so.
fn dies_with_us(command: &Command) -> Command {
    let mut bound = Command::new("setpriv");
    bound.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => bound.env(name, value),
            None => bound.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        bound.current_dir(folder);
    }
    bound
}

/// Runs a program to its end, which must come within `limit`, and gives what it said on both outputs; `log` keeps it.
///
/// # Errors
/// It did not end in time, or ended with another exit code than 0.
pub fn finished(what: &str, command: &Command, limit: Duration, log: &Path) -> Result<String> {
    File::create(log).with_context(|| log.display().to_string())?;
    let mut process = Process::start(what, command, log)?;
    let ended = until(&format!("{what} has ended"), limit, || process.ended());
    let status = ended.map_err(|error| anyhow!("{error:#}; {}", process.last_lines()))?;
    ensure!(status.success(), "{what} ended with {status}; {}", process.last_lines());
    Ok(process.said())
}

/// Waits until `look` gives something, but not longer than `limit`. `what` says what should be, for the error: "the box is online".
///
/// # Errors
/// It did not come about in time, or `look` failed.
pub fn until<T>(what: &str, limit: Duration, look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    until_every(PACE, what, limit, look)
}

/// The same, looking every `pace`.
pub fn until_every<T>(pace: Duration, what: &str, limit: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        let left = limit.saturating_sub(start.elapsed());
        ensure!(!left.is_zero(), "it did not come about within {} s that {what}", limit.as_secs_f32());
        std::thread::sleep(pace.min(left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_wait_ends_by_what_it_waits_for_or_at_its_bound() {
        let mut looks = 0;
        let third = until("a third look", Duration::from_secs(5), || {
            looks += 1;
            Ok((looks == 3).then_some(looks))
        });
        assert_eq!(third.expect("it comes"), 3);
        let never = until::<()>("pigs fly", Duration::from_millis(120), || Ok(None)).expect_err("they do not");
        assert_eq!(never.to_string(), "it did not come about within 0.12 s that pigs fly");
        assert!(until::<()>("nothing", Duration::from_secs(5), || bail!("no")).is_err());
    }

    #[test]
    fn a_program_is_quoted_when_it_fails_and_killed_when_it_lasts() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        assert_eq!(finished("sh", &shell("echo yes"), Duration::from_secs(5), &log).expect("it ends well"), "yes\n");
        let error = finished("sh", &shell("seq 20; echo no >&2; exit 3"), Duration::from_secs(5), &log).expect_err("it fails").to_string();
        assert!(error.starts_with("sh ended with exit status: 3; the last lines of sh, in "), "{error}");
        assert!(error.ends_with(":\n  7\n  8\n  9\n  10\n  11\n  12\n  13\n  14\n  15\n  16\n  17\n  18\n  19\n  20\n  no"), "{error}");
        let error = finished("sh", &shell("echo $$; exec sleep 60"), Duration::from_millis(300), &log).expect_err("it lasts");
        assert!(error.to_string().starts_with("it did not come about within 0.3 s that sh has ended; the last lines of sh, "), "{error}");
        let pid = std::fs::read_to_string(&log).expect("a log");
        assert!(!Path::new("/proc").join(pid.trim()).exists(), "{pid} still runs");
    }

    #[test]
    fn a_program_that_has_ended_does_not_live() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut process = Process::start("sh", &shell("echo out of here"), &folder.path().join("log")).expect("it starts");
        until("it has ended", Duration::from_secs(5), || process.ended()).expect("it does");
        assert!(process.lives().expect_err("it is gone").to_string().starts_with("sh ended with exit status: 0; its log is "));
        assert!(process.last_lines().ends_with("\n  out of here"));
    }
}
