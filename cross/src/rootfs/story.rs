//! What happens to one box, from its first package to its last.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::image;
use super::inits::{self, Manner};
use super::machine::{self, Machine, Network, Who};
use super::packages::Packages;
use super::watch::{Absence, Watch, missing};
use crate::operation::Operation;
use crate::package::layout::PROGRAM;
use crate::place::Prefix;
use crate::process::{finished, until};
use crate::say;
use crate::target::Init;

/// How long the box may take to be there, to be noticed as gone, or to come back. An emulator is slow, and a cable that is pulled shows
/// only when the broker has missed a few signs of life.
const LIMIT: Duration = Duration::from_secs(90);

/// How long the cable is out once that is noticed. Reports come each second.
const CUT: Duration = Duration::from_secs(4);

/// The only right of root that the agent keeps: CAP_NET_RAW, as a bit.
const NET_RAW: u64 = 1 << 13;

/// A setting that an engineer changes, and its value; no firmware sets it so.
const SETTING: (&str, &str, &str) = ("Device.LocalAgent.Controller.1.", "PeriodicNotifInterval", "7777");

/// How many of its last lines an error quotes.
const QUOTED: usize = 15;

const USER: &str = "line3-agent";
const STATE: &str = "var/lib/line3-agent";
const CERTIFICATES: &str = "etc/line3-agent";
const CONFIGURATION: &str = "etc/line3-agent.toml";

/// A parameter that every report carries.
const REPORTED: &str = "Device.DeviceInfo.UpTime";

/// What is needed to tell it.
pub struct Story<'a> {
    /// The tools, and the image with them.
    pub prefix: &'a Prefix,
    /// For the logs.
    pub folder: &'a Path,
    /// The init of the box.
    pub init: Init,
    /// What is installed on it.
    pub packages: &'a Packages,
    /// Where its cable ends.
    pub network: &'a Network,
    /// Who watches it.
    pub operation: &'a mut Operation,
}

/// The answer to `line3 series`.
#[derive(Deserialize)]
struct Series {
    gaps: Vec<serde_json::Value>,
}

impl Story<'_> {
    /// Does everything with a box.
    pub fn tell(mut self) -> Result<()> {
        let start = Instant::now();
        let (root, id) = (self.folder.join("root"), format!("os::00256D-{}", self.init.name().to_uppercase()));
        say::result(&format!("{}, box {id}", self.init.name()));
        let manner = Manner::of(self.init)?;
        image::fresh(self.prefix, &root)?;
        inits::prepare(self.init, &root)?;
        self.keep_log(&root)?;
        let user = self.install(&root)?;
        self.configure(&root, &id, user)?;
        let machine = self.switch_on(&root, &manner, &id)?;
        let first_run = self.operation.seen(&id)?.and_then(|seen| seen.run_id).unwrap_or_default();
        let mut watch = Watch::start(&self.operation.line3, &self.folder.join("watch.json"), &id)?;
        self.rights(&root, &machine, user)?;
        self.answers(&id)?;
        self.operation.line3.says(&["set", &id, SETTING.0, &format!("{}={}", SETTING.1, SETTING.2), "--reason", "test"])?;
        step("an engineer sets a setting", &format!("{}{} = {}", SETTING.0, SETTING.1, SETTING.2));

        let away = self.away(&mut watch, &id, |_| machine.runs(self.folder, manner.restart).map(drop))?;
        self.back("the agent is restarted by its init", &id, &away, true)?;

        let machine = self.reboot(&root, machine, &manner, &mut watch, &id)?;
        self.upgrade(&root, &machine, &mut watch, &id)?;
        self.rights(&root, &machine, user)?;

        let agent = agent(&machine)?;
        let away = self.away(&mut watch, &id, |_| machine::signal(agent, "KILL"))?;
        self.back("the agent is killed (kill -9), and its init brings it back", &id, &away, true)?;

        self.cut(&mut watch, &id)?;
        self.count(&mut watch, &id, &first_run)?;
        self.purge(&root, &machine, &watch)?;
        let off = self.off(machine, manner.off)?;
        step("the box is turned off", &format!("it was off after {}", seconds(off)));
        drop(watch);
        image::gone(&root)?;
        say::result(&format!("{}: all as it should be, in {} s", self.init.name(), start.elapsed().as_secs()));
        Ok(())
    }

    /// The box's log stays when the box is gone.
    fn keep_log(&self, root: &Path) -> Result<()> {
        let log = self.folder.join("log");
        std::fs::create_dir_all(&log)?;
        say::quietly("the box's log", Command::new("mount").arg("--bind").arg(&log).arg(root.join("var/log")))?;
        Ok(())
    }

    /// Installs the package as a firmware's build does: by the package manager of the image, which does not run. Gives the numbers of
    /// the agent's user and group.
    fn install(&self, root: &Path) -> Result<(u32, u32)> {
        let before = Instant::now();
        self.put(root, &self.packages.first)?;
        let mut dpkg = Command::new("chroot");
        dpkg.arg(root).args(["env", "-i"]).args(machine::ENVIRONMENT).args(["dpkg", "--install", "/package.deb"]);
        finished("dpkg", &dpkg, LIMIT, &self.folder.join("install.log"))?;
        let user = numbers(root)?;
        let state = machine::owner(root, STATE)?;
        ensure!(state == (user.0, user.1, 0o700), "/{STATE} belongs to {}:{}, mode {:o}; the user is {user:?}", state.0, state.1, state.2);
        let program = machine::owner(root, PROGRAM)?;
        ensure!(program == (0, 0, 0o755), "/{PROGRAM} belongs to {}:{}, mode {:o}", program.0, program.1, program.2);
        let what = format!(
            "version {}, user {USER} {}:{}, /{STATE} is its own; {}",
            self.packages.version,
            user.0,
            user.1,
            seconds(before.elapsed())
        );
        step("the image's dpkg installs the package", &what);
        Ok(user)
    }

    /// Puts a package into the image.
    fn put(&self, root: &Path, package: &[u8]) -> Result<()> {
        std::fs::write(root.join("package.deb"), package).context("a package")
    }

    /// What a factory or an installer does: the certificate of this box, and its configuration.
    fn configure(&self, root: &Path, id: &str, user: (u32, u32)) -> Result<()> {
        let made = self.operation.line3.certificate(id)?;
        for name in ["ca.pem", "box.pem", "box.key"] {
            let to = root.join(CERTIFICATES).join(name);
            std::fs::copy(made.join(name), &to).with_context(|| name.to_owned())?;
            say::quietly("who owns it", Command::new("chown").arg(format!("0:{}", user.1)).arg(&to))?;
            say::quietly("who may read it", Command::new("chmod").arg("0640").arg(&to))?;
        }
        let file = root.join(CONFIGURATION);
        let text = std::fs::read_to_string(&file).with_context(|| CONFIGURATION.to_owned())?;
        let broker = self.operation.broker;
        let certificate = |name: &str| format!("/{CERTIFICATES}/{name}");
        let values = [
            ("endpoint-id", quoted(id)),
            ("host", quoted(&broker.ip().to_string())),
            ("port", broker.port().to_string()),
            ("ca", quoted(&certificate("ca.pem"))),
            ("certificate", quoted(&certificate("box.pem"))),
            ("key", quoted(&certificate("box.key"))),
            ("keep-alive", "5".to_owned()),
            ("interval", "1".to_owned()),
            ("serial-number", quoted(self.init.name())),
        ];
        std::fs::write(&file, filled_in(&text, &values)?)?;
        step("configured", "its certificate by `line3 pki box`, the lines of the package's configuration filled in");
        Ok(())
    }

    fn switch_on(&mut self, root: &Path, manner: &Manner, id: &str) -> Result<Machine> {
        let start = Instant::now();
        let machine = Machine::start(self.network, self.folder, root, manner.first)?;
        let on = self.operation.until(id, "ready, and reports", LIMIT, |seen| Ok(seen.ready && seen.reported.is_some()));
        on.with_context(|| self.last_lines())?;
        step("switched on", &format!("its init started the agent; ready, with a first report, after {}", seconds(start.elapsed())));
        Ok(machine)
    }

    /// Who the agent is, as the kernel says, and whom its files belong to.
    fn rights(&self, root: &Path, machine: &Machine, user: (u32, u32)) -> Result<()> {
        let who = Who::is(agent(machine)?)?;
        let least = Who { user: user.0, group: user.1, capabilities: NET_RAW };
        ensure!(who == least, "the agent runs as {who}; it should as {least}");
        let mut files = 0;
        for entry in std::fs::read_dir(root.join(STATE))? {
            let path = Path::new(STATE).join(entry?.file_name());
            let (owner, _, mode) = machine::owner(root, &path.to_string_lossy())?;
            ensure!(owner == user.0 && mode & 0o077 == 0, "/{} belongs to {owner}, mode {mode:o}", path.display());
            files += 1;
        }
        step(
            "what it may do",
            &format!("it is {USER} ({}:{}) with CAP_NET_RAW alone; {files} files of its state, all its own", who.user, who.group),
        );
        Ok(())
    }

    fn answers(&self, id: &str) -> Result<()> {
        let info = self.operation.get(id, "Device.DeviceInfo.SerialNumber")?;
        ensure!(info.values().eq([self.init.name()]), "it says its serial number is {info:?}");
        let pinged = self.operation.ping(id, &self.operation.broker.ip().to_string())?;
        let answered = pinged.get("SuccessCount").map(String::as_str);
        ensure!(answered == Some("3"), "its pings: {pinged:?}");
        step("asked", "its serial number is as configured, and 3 of 3 pings from it are answered");
        Ok(())
    }

    fn setting(&self, id: &str) -> Result<()> {
        let values = self.operation.get(id, &format!("{}{}", SETTING.0, SETTING.1))?;
        ensure!(values.values().eq([SETTING.2]), "the setting is lost: {values:?}");
        Ok(())
    }

    /// Does something that takes the box away for a time, and waits until it is back.
    fn away(&self, watch: &mut Watch, id: &str, act: impl FnOnce(&Watch) -> Result<()>) -> Result<Absence> {
        let before = watch.absences()?.len();
        act(watch)?;
        let back = until(&format!("{id} is away and back"), LIMIT, || Ok(watch.absences()?.into_iter().nth(before)));
        back.with_context(|| self.last_lines())
    }

    /// Tells of an absence that is over, if it was as it should be.
    fn back(&self, what: &str, id: &str, away: &Absence, new_run: bool) -> Result<()> {
        ensure!(away.new_run == new_run, "{what}: it is back as {} run", if away.new_run { "another" } else { "the same" });
        self.setting(id)?;
        step(
            what,
            &format!("away for {}; back as {} run, the setting kept", seconds(away.lasted), if new_run { "another" } else { "the same" }),
        );
        Ok(())
    }

    /// Restarts the box by its init, and gives the same box, on again.
    fn reboot(&mut self, root: &Path, machine: Machine, manner: &Manner, watch: &mut Watch, id: &str) -> Result<Machine> {
        let boot = |operation: &Operation| operation.get(id, "Device.LocalAgent.X_LINE3_BootID");
        let (before, farewells) = (boot(self.operation)?, self.farewells());
        let absences = watch.absences()?.len();
        let off = self.off(machine, manner.reboot)?;
        ensure!(self.farewells() == farewells + 1, "the agent did not say good-bye; {}", self.last_lines());
        ensure!(watch.is_away(), "the box is off, and the controller sees it");
        let machine = Machine::start(self.network, self.folder, root, manner.first)?;
        let away = until(&format!("{id} is back"), LIMIT, || Ok(watch.absences()?.into_iter().nth(absences)));
        let away = away.with_context(|| self.last_lines())?;
        ensure!(boot(self.operation)? != before, "the box says that it has not restarted");
        self.back(&format!("the box restarts: its init stops all in {}, the agent says good-bye", seconds(off)), id, &away, true)?;
        Ok(machine)
    }

    /// Runs what makes the box go off, and waits until it is.
    fn off(&self, machine: Machine, words: &[&str]) -> Result<Duration> {
        // The program may be gone before it can say that it did well: that matters only where the box stays.
        let told = machine.runs(self.folder, words);
        machine.until_off().or_else(|error| told.and(Err(error)))
    }

    fn farewells(&self) -> usize {
        self.said().matches("good-bye").count()
    }

    fn upgrade(&self, root: &Path, machine: &Machine, watch: &mut Watch, id: &str) -> Result<()> {
        let configuration = std::fs::read(root.join(CONFIGURATION))?;
        self.put(root, &self.packages.second)?;
        let away = self.away(watch, id, |_| machine.runs(self.folder, &["dpkg", "--install", "/package.deb"]).map(drop))?;
        let installed = machine.runs(self.folder, &["dpkg-query", "--show", "--showformat=${Version} ${Status}", "line3-agent"])?;
        ensure!(installed == format!("{} install ok installed", self.packages.newer), "dpkg says: {installed}");
        ensure!(std::fs::read(root.join(CONFIGURATION))? == configuration, "/{CONFIGURATION} is another");
        self.back(&format!("its dpkg upgrades the package to {}", self.packages.newer), id, &away, true)
    }

    /// Pulls the cable, and puts it in again once the controller has noticed.
    fn cut(&self, watch: &mut Watch, id: &str) -> Result<()> {
        let away = self.away(watch, id, |watch| {
            self.network.cable(false)?;
            until("the controller sees the box as gone", LIMIT, || Ok(watch.is_away().then_some(())))?;
            std::thread::sleep(CUT);
            self.network.cable(true)
        })?;
        self.back("its cable is pulled, and put in again", id, &away, false)
    }

    /// Every report of every run came.
    fn count(&self, watch: &mut Watch, id: &str, watched_from: &str) -> Result<()> {
        let series: Series = self.operation.line3.answers(&["series", id, REPORTED, "--all"])?;
        let gaps: Vec<_> = series.gaps.iter().map(ToString::to_string).collect();
        ensure!(gaps.is_empty(), "the controller misses reports: {}", gaps.join(", "));
        let runs = watch.reports();
        for (run, numbers) in &runs {
            // The watch began when the first run had reported already.
            let first = if run == watched_from { numbers.first().copied().unwrap_or(1) } else { 1 };
            let lost = missing(numbers, first);
            ensure!(lost == 0, "of run {run} {lost} reports never came: {numbers:?}");
        }
        let came: usize = runs.values().map(std::collections::BTreeSet::len).sum();
        step("reports", &format!("{came} came of {} runs while it was watched, none is missing", runs.len()));
        let away: Vec<_> = watch.absences()?.iter().map(|absence| seconds(absence.lasted)).collect();
        step("the controller saw it away", &format!("{} times: {}", away.len(), away.join(", ")));
        Ok(())
    }

    /// Removes the package and what it made.
    fn purge(&self, root: &Path, machine: &Machine, watch: &Watch) -> Result<()> {
        machine.runs(self.folder, &["dpkg", "--purge", "line3-agent"])?;
        until("the controller sees the box as gone", LIMIT, || Ok(watch.is_away().then_some(())))?;
        ensure!(machine.process(&format!("/{PROGRAM}")).is_none(), "the agent still runs");
        let mut find = Command::new("find");
        find.arg(root).args(["-xdev", "-name", "*line3*", "-printf", "/%P\n"]);
        let left = say::quietly("what is left", &mut find)?;
        let mut left: Vec<_> = left.lines().collect();
        for file in ["etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/inittab"] {
            if std::fs::read_to_string(root.join(file)).is_ok_and(|text| text.contains("line3")) {
                left.push(file);
            }
        }
        step(
            "its dpkg purges the package",
            &format!("the agent is gone; of it is left: {}", if left.is_empty() { "nothing".to_owned() } else { left.join(", ") }),
        );
        Ok(())
    }

    /// What the box's console showed, and what its log holds.
    fn said(&self) -> String {
        let files = [self.folder.join("console.log"), self.folder.join("log").join("messages")];
        files.iter().map(|file| std::fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()).collect()
    }

    /// The last of it, for an error.
    fn last_lines(&self) -> String {
        let said = self.said();
        let lines: Vec<_> = said.lines().collect();
        format!("the box said last:\n  {}", lines.get(lines.len().saturating_sub(QUOTED)..).unwrap_or_default().join("\n  "))
    }
}

fn agent(machine: &Machine) -> Result<u32> {
    until("the agent is a process of the box", LIMIT, || Ok(machine.process(&format!("/{PROGRAM}"))))
}

/// The numbers of the agent's user and group.
fn numbers(root: &Path) -> Result<(u32, u32)> {
    let text = std::fs::read_to_string(root.join("etc/passwd"))?;
    let line =
        text.lines().find_map(|line| line.strip_prefix(&format!("{USER}:"))).with_context(|| format!("the package made no user {USER}"))?;
    let mut fields = line.split(':').skip(1).map(str::parse);
    match (fields.next(), fields.next()) {
        (Some(Ok(user)), Some(Ok(group))) => Ok((user, group)),
        _ => bail!("the user {USER} has no numbers: {line}"),
    }
}

/// The configuration with some of its settings, each of which it has as a comment or as a line.
fn filled_in(text: &str, values: &[(&str, String)]) -> Result<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (name, value) in values {
        let is = |line: &&mut String| line.trim_start_matches('#').starts_with(&format!("{name} ="));
        let line = lines.iter_mut().find(is).with_context(|| format!("the package's configuration does not know {name}"))?;
        *line = format!("{name} = {value}");
    }
    Ok(lines.join("\n") + "\n")
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f32())
}

fn step(what: &str, came: &str) {
    say::result(&format!("  {what}: {came}"));
}
