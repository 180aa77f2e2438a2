//! `Device.MQTT.Capabilities.`

use line3_proto::{Fault, row};

use super::{Found, Object};
use crate::settings::mqtt_client::MAX_SUBSCRIPTIONS;
use crate::view::View;

/// `Device.MQTT.Capabilities.`
pub struct MqttCapabilities;

row! {
    /// The parameters of `Device.MQTT.Capabilities.`
    pub struct Values {
        /// The versions of MQTT that the agent speaks.
        ProtocolVersionsSupported: Vec<String>,
        /// How it can connect.
        TransportProtocolSupported: Vec<String>,
        /// The most rows of `Client.{i}.Subscription.{i}.`
        MaxNumberOfClientSubscriptions: u32,
    }
}

impl Object for MqttCapabilities {
    const PATH: &'static str = "Device.MQTT.Capabilities.";
    const DOC: &'static str = "What of MQTT the agent can.";
    type Row = Values;

    fn read(_: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        Ok(Found::single(Values {
            ProtocolVersionsSupported: vec!["5.0".to_owned()],
            TransportProtocolSupported: vec!["TCP/IP".to_owned(), "TLS".to_owned()],
            MaxNumberOfClientSubscriptions: u32::try_from(MAX_SUBSCRIPTIONS).unwrap_or(u32::MAX),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn it_tells_what_the_agent_can() {
        let said = "ProtocolVersionsSupported = 5.0\nTransportProtocolSupported = TCP/IP,TLS\nMaxNumberOfClientSubscriptions = 16\n";
        assert_eq!(Bench::empty().show::<MqttCapabilities>(), said);
    }
}
