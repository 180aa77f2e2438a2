//! What the orders are checked against.

#[cfg(feature = "demo")]
use std::time::Duration;

use line3_proto::Effect;
use line3_proto::catalogue::{Catalogue, CommandEntry, FieldEntry, ObjectEntry};
use line3_proto::value::ValueType;

/// The catalogue of a simulated box with the lists of this build.
#[cfg(feature = "demo")]
pub(super) fn of_agent() -> Catalogue {
    use std::rc::Rc;

    use line3_agent::agent::Agent;
    use line3_agent::config::Config;
    use line3_agent::host::sim::{CountedClock, SimBox, SimHost};
    use line3_proto::{EndpointId, Mono, Now, Wall};

    let host = Rc::new(SimHost::new(SimBox::of(7), Rc::new(CountedClock::new())));
    let now = Now { mono: Mono(Duration::from_secs(100)), wall: Wall(1_767_225_600_000) };
    let agent = Agent::new(now, host, &Config::default(), EndpointId::parse("proto::sim-7").unwrap());
    serde_json::from_str(&agent.catalogue()).unwrap()
}

fn field(name: &str, ty: ValueType) -> FieldEntry {
    serde_json::from_value(serde_json::json!({"name": name, "type": ty})).unwrap()
}

/// A small box: a table that takes rows and one that does not, commands with and without a row, of the same last word, and one
/// that does not say what it does.
pub(super) fn small() -> Catalogue {
    let object = |path: &str, creatable, parameters| ObjectEntry {
        path: path.to_owned(),
        doc: String::new(),
        creatable,
        unique_keys: Vec::new(),
        parameters,
    };
    let command = |path: &str, effect, input| CommandEntry {
        path: path.to_owned(),
        doc: String::new(),
        effect,
        asynchronous: true,
        limit: Some(20),
        input,
        output: Vec::new(),
    };
    let rw = |field: FieldEntry| FieldEntry { writable: true, ..field };
    let host = FieldEntry { mandatory: true, max: Some(8), doc: "Whom to ping.".to_owned(), ..field("Host", ValueType::String) };
    let timeout =
        FieldEntry { min: Some(1), max: Some(10_000), unit: "milliseconds".to_owned(), ..field("Timeout", ValueType::UnsignedInt) };
    let version = FieldEntry {
        values: vec!["Any".into(), "IPv4".into()],
        default: Some("Any".into()),
        ..field("ProtocolVersion", ValueType::String)
    };
    Catalogue {
        objects: vec![
            object(
                "Device.DeviceInfo.",
                false,
                vec![field("SerialNumber", ValueType::String), rw(field("ProvisioningCode", ValueType::String))],
            ),
            object("Device.IP.Interface.{i}.", false, vec![field("Status", ValueType::String), rw(field("Enable", ValueType::Boolean))]),
            object("Device.IP.Interface.{i}.Stats.", false, vec![field("BytesSent", ValueType::UnsignedLong)]),
            object(
                "Device.Time.Server.{i}.",
                true,
                vec![
                    rw(field("Name", ValueType::String)),
                    rw(FieldEntry { list: true, max: Some(99), ..field("Ports", ValueType::UnsignedInt) }),
                    rw(field("SharedSecret", ValueType::HexBinary)),
                    field("Alive", ValueType::Boolean),
                ],
            ),
        ],
        commands: vec![
            command(
                "Device.IP.Diagnostics.IPPing()",
                Some(Effect::Read),
                vec![host, timeout, version, field("Interface", ValueType::UnsignedInt), field("Hop.{i}.Host", ValueType::String)],
            ),
            command("Device.IP.Interface.{i}.Renew()", Some(Effect::Disrupt), Vec::new()),
            command("Device.Reboot()", Some(Effect::Disrupt), Vec::new()),
            command("Device.DNS.Reset()", Some(Effect::Disrupt), Vec::new()),
            command("Device.IP.Reset()", Some(Effect::Disrupt), Vec::new()),
            command("Device.X_ACME_Wipe()", None, Vec::new()),
        ],
        events: Vec::new(),
    }
}
