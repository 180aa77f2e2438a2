//! Things to look at. An Object is one file: path, documentation, typed fields, how to read it, and its test. Adding one
//! touches that file and one line of [`OBJECTS`]; one that not every box carries is under a feature of `Cargo.toml` in both.

use line3_proto::row::{Args, Emit, Field, Row};
use line3_proto::value::Known;
use line3_proto::{Fault, fault::code};

use crate::view::View;

#[cfg(test)]
pub(crate) mod bench;
#[cfg_attr(not(feature = "fleet"), allow(dead_code, reason = "fewer Objects use less of it"))]
mod kernel;
#[cfg_attr(not(feature = "fleet"), allow(dead_code, reason = "fewer Objects use less of it"))]
mod net;

pub mod device;
pub mod device_info;
#[cfg(feature = "dns")]
pub mod dns_client;
#[cfg(feature = "dns")]
pub mod dns_server;
#[cfg(feature = "ethernet")]
pub mod ethernet;
#[cfg(feature = "ethernet")]
pub mod ethernet_interface;
#[cfg(feature = "ethernet")]
pub mod ethernet_stats;
pub mod firmware_image;
#[cfg(feature = "ip")]
pub mod ip;
#[cfg(feature = "ip-ping")]
pub mod ip_diagnostics;
#[cfg(feature = "ip")]
pub mod ip_interface;
#[cfg(feature = "ip")]
pub mod ip_stats;
#[cfg(feature = "ip")]
pub mod ipv4_address;
#[cfg(feature = "ip")]
pub mod ipv6_address;
pub mod local_agent;
pub mod memory_status;
pub mod mqtt;
pub mod mqtt_capabilities;
pub mod mqtt_stats;
#[cfg(feature = "processes")]
pub mod process;
pub mod process_status;
pub mod processor;
pub mod request;
#[cfg(feature = "temperature")]
pub mod temperature_sensor;
#[cfg(feature = "temperature")]
pub mod temperature_status;
pub mod time;

/// A thing to look at. It cannot act.
pub trait Object {
    /// Its path in the supported data model, ending in a dot; `{i}` stands for an instance number.
    const PATH: &'static str;
    /// What it is.
    const DOC: &'static str;
    /// The sets of parameters that are unique in the table (none for an object that is no table).
    const KEYS: &'static [&'static [&'static str]] = &[];
    /// Whether the key of a row is its instance number: the agent counts these rows itself.
    const NUMBERED: bool = false;
    /// Its parameters.
    type Row: Row;
    /// Looks. An object that is no table, in no table, gives one row; a table gives a row an instance. A fault says that
    /// nothing can be known about it, and why.
    fn read(view: &View<'_>) -> Result<Vec<Found<Self::Row>>, Fault>;
}

/// A row that was found, with what names it: one key for each `{i}` of the path, parents first. The engine alone maps keys to
/// instance numbers: stable while the row lives, never used again in the same run.
#[derive(Clone, Debug)]
pub struct Found<R> {
    /// The keys.
    pub keys: Vec<String>,
    /// The values.
    pub row: R,
}

impl<R> Found<R> {
    /// The only row of an object that is no table.
    pub fn single(row: R) -> Vec<Self> {
        vec![Self { keys: Vec::new(), row }]
    }

    /// A row of a table.
    pub fn keyed<K: Into<String>>(keys: impl IntoIterator<Item = K>, row: R) -> Self {
        Self { keys: keys.into_iter().map(Into::into).collect(), row }
    }
}

/// A row as the engine handles it: keys, and every value by name.
pub struct AnyRow {
    /// One key for each `{i}` of the path.
    pub keys: Vec<String>,
    /// The values, in the order of the fields.
    pub values: Vec<(&'static str, Known<String>)>,
}

/// An Object as the engine handles it.
pub struct ObjectDef {
    /// [`Object::PATH`].
    pub path: &'static str,
    /// [`Object::DOC`].
    pub doc: &'static str,
    /// [`Object::KEYS`].
    pub keys: &'static [&'static [&'static str]],
    /// [`Object::NUMBERED`].
    pub numbered: bool,
    /// Its fields.
    pub fields: &'static [Field],
    /// [`Object::read`].
    pub read: fn(&View<'_>) -> Result<Vec<AnyRow>, Fault>,
}

impl ObjectDef {
    /// The definition of an Object, for [`OBJECTS`].
    #[must_use]
    pub const fn of<O: Object>() -> Self {
        Self { path: O::PATH, doc: O::DOC, keys: O::KEYS, numbered: O::NUMBERED, fields: O::Row::FIELDS, read: read_any::<O> }
    }
}

fn read_any<O: Object>(view: &View<'_>) -> Result<Vec<AnyRow>, Fault> {
    let mut rows = Vec::new();
    for found in O::read(view)? {
        rows.push(any_row(O::PATH, O::Row::FIELDS, found.keys, &|out| found.row.emit(out))?);
    }
    Ok(rows)
}

/// A row of any type, for the engine. It is apart from [`read_any`], which is compiled anew for each Object.
fn any_row(path: &str, fields: &'static [Field], keys: Vec<String>, emit: &dyn Fn(&mut Emit<'_>)) -> Result<AnyRow, Fault> {
    let depth = path.matches("{i}").count();
    if keys.len() != depth {
        return Err(Fault::new(code::INTERNAL, format!("{path} gave a row with {} keys, not {depth}", keys.len())));
    }
    // A row emits its fields in their order, so the names need not be copied.
    let mut names = fields.iter().map(|field| field.name);
    let mut values = Vec::with_capacity(fields.len());
    emit(&mut |_, value| {
        if let Some(name) = names.next() {
            values.push((name, value));
        }
    });
    Ok(AnyRow { keys, values })
}

/// The values of an object's first row by name, for tests.
#[doc(hidden)]
pub fn first_row<O: Object>(view: &View<'_>) -> Result<Args, Fault> {
    Ok(O::read(view)?.first().map(|found| found.row.to_args()).unwrap_or_default())
}

/// Every Object, by path.
pub const OBJECTS: &[ObjectDef] = &[
    ObjectDef::of::<device::Device>(),
    #[cfg(feature = "dns")]
    ObjectDef::of::<dns_client::DnsClient>(),
    #[cfg(feature = "dns")]
    ObjectDef::of::<dns_server::DnsServer>(),
    ObjectDef::of::<device_info::DeviceInfo>(),
    ObjectDef::of::<firmware_image::FirmwareImage>(),
    ObjectDef::of::<memory_status::MemoryStatus>(),
    ObjectDef::of::<process_status::ProcessStatus>(),
    #[cfg(feature = "processes")]
    ObjectDef::of::<process::Process>(),
    ObjectDef::of::<processor::Processor>(),
    #[cfg(feature = "temperature")]
    ObjectDef::of::<temperature_status::TemperatureStatus>(),
    #[cfg(feature = "temperature")]
    ObjectDef::of::<temperature_sensor::TemperatureSensor>(),
    #[cfg(feature = "ethernet")]
    ObjectDef::of::<ethernet::Ethernet>(),
    #[cfg(feature = "ethernet")]
    ObjectDef::of::<ethernet_interface::Interface>(),
    #[cfg(feature = "ethernet")]
    ObjectDef::of::<ethernet_stats::EthernetStats>(),
    #[cfg(feature = "ip")]
    ObjectDef::of::<ip::Ip>(),
    #[cfg(feature = "ip-ping")]
    ObjectDef::of::<ip_diagnostics::IpDiagnostics>(),
    #[cfg(feature = "ip")]
    ObjectDef::of::<ip_interface::IpInterface>(),
    #[cfg(feature = "ip")]
    ObjectDef::of::<ipv4_address::Ipv4Address>(),
    #[cfg(feature = "ip")]
    ObjectDef::of::<ipv6_address::Ipv6Address>(),
    #[cfg(feature = "ip")]
    ObjectDef::of::<ip_stats::IpStats>(),
    ObjectDef::of::<local_agent::LocalAgent>(),
    ObjectDef::of::<request::Request>(),
    ObjectDef::of::<mqtt::Mqtt>(),
    ObjectDef::of::<mqtt_capabilities::MqttCapabilities>(),
    ObjectDef::of::<mqtt_stats::MqttStats>(),
    ObjectDef::of::<time::Time>(),
];
