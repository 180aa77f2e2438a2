//! `Device.MQTT.`

use line3_proto::{Fault, row};

use super::local_agent::rows_of;
use super::{Found, Object};
use crate::view::View;

/// `Device.MQTT.`
pub struct Mqtt;

row! {
    /// The parameters of `Device.MQTT.`
    pub struct Values {
        /// How many rows `Client.{i}.` has.
        ClientNumberOfEntries: u32,
    }
}

impl Object for Mqtt {
    const PATH: &'static str = "Device.MQTT.";
    const DOC: &'static str = "The agent's way to its controllers.";
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        Ok(Found::single(Values { ClientNumberOfEntries: rows_of(view.settings, "Device.MQTT.Client.") }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn it_counts_its_clients() {
        let mut bench = Bench::empty();
        assert_eq!(bench.show::<Mqtt>(), "ClientNumberOfEntries = 0\n");
        bench.settings.instances.insert("Device.MQTT.Client.1.".to_owned(), row::Args::new());
        assert_eq!(bench.show::<Mqtt>(), "ClientNumberOfEntries = 1\n");
    }
}
