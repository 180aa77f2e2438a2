//! What an Object may look at: the time, the box, and what the agent knows about itself. It cannot act.

use line3_proto::link::ClientSettings;
use line3_proto::link::Traffic;
use line3_proto::sorted::Map;
use line3_proto::value::{Absent, Known};
use line3_proto::{EndpointId, Mono, Now};

use crate::host::Host;
use crate::settings::Settings;

mod cpu;

pub use cpu::{CpuMeter, Ticks};

/// What the agent knows about itself.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The agent's own endpoint id.
    pub id: EndpointId,
    /// Random at each agent start.
    pub run_id: String,
    /// The kernel's boot id (`/proc/sys/kernel/random/boot_id`), or why there is none.
    pub boot_id: Result<String, String>,
    /// When the agent started.
    pub started: Mono,
    /// How the box introduces itself: vendor, model and so on, from the configuration, else from what cannot change in a run.
    pub device: Device,
    /// What `Device.Reboot()` does.
    pub reboot: RebootMode,
    /// The state of the MQTT client.
    pub link: LinkState,
    /// What is being done: `Device.LocalAgent.Request.{i}.`.
    pub requests: Vec<Request>,
    /// The digest of the catalogue.
    pub catalogue_digest: String,
    /// The sequence number of the report being made, or of the last one made, by the instance number of its profile.
    pub sequences: Vec<(u32, u64)>,
    /// Remembers the last look at the processor's counters, for `Device.DeviceInfo.ProcessStatus.CPUUsage`.
    pub cpu: CpuMeter,
}

/// How the box introduces itself; in the configuration: where that knows better than the kernel. Empty: unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// `Device.DeviceInfo.Manufacturer`.
    pub manufacturer: String,
    /// `Device.DeviceInfo.ManufacturerOUI`: six hexadecimal digits.
    pub oui: String,
    /// `Device.DeviceInfo.ModelName`.
    pub model: String,
    /// `Device.DeviceInfo.ProductClass`.
    pub product_class: String,
    /// `Device.DeviceInfo.SerialNumber`.
    pub serial_number: String,
    /// `Device.DeviceInfo.HardwareVersion`.
    pub hardware_version: String,
    /// `Device.DeviceInfo.SoftwareVersion`: the firmware's, not the agent's.
    pub software_version: String,
}

/// What `Device.Reboot()` does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RebootMode {
    /// Restarts the box.
    System,
    /// Restarts the agent only, and says so: for an engineer's own machine, tests and demos.
    #[default]
    RestartAgent,
}

impl RebootMode {
    /// Its name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::RestartAgent => "restart-agent",
        }
    }
}

/// The state of the MQTT client, with the counters of `Device.MQTT.Client.{i}.Stats.`.
#[derive(Clone, Debug, Default)]
pub struct LinkState {
    /// Connected and subscribed.
    pub up: bool,
    /// How often it connected since the agent started.
    pub connections: u32,
    /// When it last connected.
    pub since: Option<Mono>,
    /// Why it is down, for a person.
    pub trouble: String,
    /// CONNACK Response Information.
    pub response_information: String,
    /// The concrete path of the `Device.MQTT.Client.{i}.` row that is used.
    pub client: String,
    /// The concrete path of the `Device.LocalAgent.MTP.{i}.` row that is used.
    pub mtp: String,
    /// What the broker said to each filter that it was asked for: granted, or refused. Bounded by what the link asks for.
    pub filters: Map<String, bool>,
    /// Whether the broker itself named a topic to listen on.
    pub named: bool,
    /// Publications handed to the broker.
    pub sent: u64,
    /// Publications that came from the broker.
    pub received: u64,
    /// MQTT packets of every kind.
    pub traffic: Traffic,
    /// When the last publication was handed to the broker.
    pub last_sent: Option<Mono>,
    /// When the last publication came from the broker.
    pub last_received: Option<Mono>,
    /// SUBSCRIBE packets.
    pub subscribes: u64,
    /// UNSUBSCRIBE packets.
    pub unsubscribes: u64,
    /// Publications that the broker did not take.
    pub refused: u64,
    /// Failed tries to connect, and lost connections.
    pub errors: u64,
}

impl LinkState {
    /// A publication was handed to the broker.
    pub fn has_sent(&mut self, now: Mono) {
        (self.sent, self.last_sent) = (self.sent.saturating_add(1), Some(now));
    }

    /// The client has other settings: with another broker it counts anew (TR-181); new filters are asked for in one SUBSCRIBE.
    pub fn count_change(&mut self, old: &ClientSettings, new: &ClientSettings) {
        if old.broker != new.broker {
            (self.sent, self.received, self.subscribes, self.unsubscribes, self.refused, self.errors) = (0, 0, 0, 0, 0, 0);
            (self.last_sent, self.last_received) = (None, None);
        }
        let inbox = self.response_information.is_empty() && new.inbox.is_some() && new.inbox != old.inbox;
        if self.up && (inbox || new.filters.iter().any(|filter| !old.filters.contains(filter))) {
            self.subscribes = self.subscribes.saturating_add(1);
        }
    }

    /// The state of a subscription to `topic` that is wanted or not (`enable`), as `Device.MQTT.Client.{i}.Subscription.{i}.Status`
    /// has it. `client` is the concrete path of its Client row.
    #[must_use]
    pub fn subscription(&self, client: &str, topic: &str, enable: bool) -> &'static str {
        match self.filters.get(topic) {
            _ if !enable || client != self.client => "Unsubscribed",
            Some(true) => "Subscribed",
            Some(false) => "Error",
            None if self.up => "Subscribing",
            None => "Unsubscribed",
        }
    }
}

/// A row of `Device.LocalAgent.Request.{i}.`.
#[derive(Clone, Debug)]
pub struct Request {
    /// The instance number.
    pub instance: u32,
    /// The endpoint id of the controller that asked.
    pub originator: String,
    /// The command's path.
    pub command: String,
    /// The controller's key.
    pub command_key: String,
    /// `Requested`, `Active`, `Canceling`, `Canceled`, `Success` or `Error`.
    pub status: &'static str,
}

/// What an Object may look at.
pub struct View<'a> {
    /// The time.
    pub now: Now,
    /// The box.
    pub host: &'a dyn Host,
    /// The agent itself.
    pub facts: &'a Facts,
    /// The agent's settings.
    pub settings: &'a Settings,
    /// The only parameter that whoever looks will look at; `None`: any.
    pub only: Option<&'a str>,
}

impl View<'_> {
    /// A value that is dear to read: it is left out where nobody will look at it.
    pub fn dear<T>(&self, name: &str, read: impl FnOnce(&dyn Host) -> Known<T>) -> Known<T> {
        if self.only.is_none_or(|only| only == name) { read(self.host) } else { Err(Absent::because("nobody asked for it")) }
    }
}
