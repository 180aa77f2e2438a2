//! What the tests of Objects look at: a box, and an agent that knows little.

use std::rc::Rc;
use std::time::Duration;

use line3_proto::value::Known;
use line3_proto::{EndpointId, Mono, Now, Wall};

use super::{Object, ObjectDef, device_info};
use crate::host::sim::{CountedClock, SimBox, SimHost};
use crate::settings::Settings;
use crate::view::{CpuMeter, Device, Facts, LinkState, RebootMode, View};

pub(crate) struct Bench {
    pub(crate) host: SimHost,
    pub(crate) clock: CountedClock,
    pub(crate) facts: Facts,
    pub(crate) settings: Settings,
    pub(crate) now: Now,
}

impl Bench {
    /// A box without a single file.
    pub(crate) fn empty() -> Self {
        Self::build(|clock| SimHost::empty(Rc::new(clock)))
    }

    /// A simulated box.
    pub(crate) fn of(seed: u64) -> Self {
        Self::build(|clock| SimHost::new(SimBox::of(seed), Rc::new(clock)))
    }

    fn build(host: impl Fn(CountedClock) -> SimHost) -> Self {
        let clock = CountedClock::new();
        let facts = Facts {
            id: EndpointId::parse("proto::sim-7").expect("an id"),
            run_id: "run-1".to_owned(),
            boot_id: Ok("boot-1".to_owned()),
            started: Mono(Duration::from_secs(100)),
            device: Device::default(),
            reboot: RebootMode::RestartAgent,
            link: LinkState::default(),
            requests: Vec::new(),
            catalogue_digest: "digest".to_owned(),
            sequences: Vec::new(),
            cpu: CpuMeter::default(),
        };
        let now = Now { mono: Mono(Duration::from_secs(160)), wall: Wall(1_767_225_600_000) };
        Self { host: host(clock.clone()), clock, facts, settings: Settings::default(), now }.with(&[])
    }

    /// The same, with these files when the agent starts.
    pub(crate) fn with(mut self, files: &[(&str, &str)]) -> Self {
        files.iter().for_each(|(path, text)| self.host.set_file(path, *text));
        self.facts.device = device_info::introduced(&self.host, &Device::default());
        self
    }

    /// Time passes.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.clock.advance(time);
        self.now = self.now.after(time);
    }

    pub(crate) fn view(&self) -> View<'_> {
        View { now: self.now, host: &self.host, facts: &self.facts, settings: &self.settings, only: None }
    }

    /// What an Object gives, as text.
    pub(crate) fn show<O: Object>(&self) -> String {
        match (ObjectDef::of::<O>().read)(&self.view()) {
            Err(fault) => format!("{fault}\n"),
            Ok(rows) => {
                let value = |(name, value): &(&str, Known<String>)| match value {
                    Ok(value) => format!("{name} = {value}\n"),
                    Err(why) => format!("{name}: {}\n", why.0),
                };
                let row = |row: &super::AnyRow| {
                    let head = if row.keys.is_empty() { String::new() } else { format!("[{}]\n", row.keys.join("] [")) };
                    head + &row.values.iter().map(value).collect::<String>()
                };
                rows.iter().map(row).collect()
            }
        }
    }
}
