//! `Device.MQTT.Client.{i}.Stats.`

use line3_proto::value::{Absent, Known};
use line3_proto::{Fault, Mono, Wall, row};

use super::{Found, Object};
use crate::view::View;

/// `Device.MQTT.Client.{i}.Stats.`
pub struct MqttStats;

row! {
    /// The parameters of `Device.MQTT.Client.{i}.Stats.`
    pub struct Values {
        /// When the present connection was made, on the box's clock as it is now.
        BrokerConnectionEstablished: Known<Wall>,
        /// When the last publication was handed to the broker, on the box's clock as it is now.
        LastPublishMessageSent: Known<Wall> [ticks],
        /// When the last publication came from the broker, on the box's clock as it is now.
        LastPublishMessageReceived: Known<Wall> [ticks],
        /// Publications handed to the broker since the agent started, or was given another broker.
        PublishSent: u64 [ticks],
        /// Publications that came from the broker since then.
        PublishReceived: u64 [ticks],
        /// MQTT packets of every kind sent to the broker since the agent started.
        MQTTMessagesSent: u64 [ticks],
        /// MQTT packets of every kind that came from the broker since the agent started.
        MQTTMessagesReceived: u64 [ticks],
        /// SUBSCRIBE packets since then.
        SubscribeSent: u64 [ticks],
        /// UNSUBSCRIBE packets since then, those left out that only take back what an earlier connection had asked for.
        UnSubscribeSent: u64 [ticks],
        /// Failed tries to connect, and lost connections, since then.
        ConnectionErrors: u32 [ticks],
        /// Publications since then that the broker did not take.
        PublishErrors: u32 [ticks],
        /// How often the agent has connected since it started.
        X_LINE3_Connections: u32,
    }
}

impl Object for MqttStats {
    const PATH: &'static str = "Device.MQTT.Client.{i}.Stats.";
    const DOC: &'static str = "How the agent's connection to its broker has fared. There is one client, number 1.";
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        let link = &view.facts.link;
        // The clock that is shown may have jumped since: counted back from now on the one that does not.
        let wall = |since: Mono| {
            let ago = i64::try_from(view.now.mono.since(since).as_millis()).unwrap_or(i64::MAX);
            Wall(view.now.wall.0.saturating_sub(ago))
        };
        let at = |since: Option<Mono>, why| since.map(wall).ok_or(Absent::because(why));
        // StatsCounter32 begins anew after its end.
        let short = |count: u64| (count & u64::from(u32::MAX)) as u32;
        let values = Values {
            BrokerConnectionEstablished: at(link.since, "the agent is not connected"),
            LastPublishMessageSent: at(link.last_sent, "nothing was sent yet"),
            LastPublishMessageReceived: at(link.last_received, "nothing has come yet"),
            PublishSent: link.sent,
            PublishReceived: link.received,
            MQTTMessagesSent: link.traffic.sent,
            MQTTMessagesReceived: link.traffic.received,
            SubscribeSent: link.subscribes,
            UnSubscribeSent: link.unsubscribes,
            ConnectionErrors: short(link.errors),
            PublishErrors: short(link.refused),
            X_LINE3_Connections: link.connections,
        };
        Ok(vec![Found::keyed(["1"], values)])
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect;
    use line3_proto::link::Traffic;

    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn it_tells_how_the_link_has_fared() {
        let mut bench = Bench::empty();
        assert!(bench.show::<MqttStats>().contains("BrokerConnectionEstablished: the agent is not connected\n"));
        let link = &mut bench.facts.link;
        (link.since, link.sent, link.received, link.errors) = (Some(bench.now.mono - Duration::from_secs(30)), 5, 6, (1 << 32) + 7);
        link.connections = 2;
        link.traffic = Traffic { sent: 8, received: 9 };
        link.last_received = Some(bench.now.mono - Duration::from_secs(10));
        (link.subscribes, link.unsubscribes, link.refused) = (8, 9, 10);
        expect![[r#"
            [1]
            BrokerConnectionEstablished = 2025-12-31T23:59:30Z
            LastPublishMessageSent: nothing was sent yet
            LastPublishMessageReceived = 2025-12-31T23:59:50Z
            PublishSent = 5
            PublishReceived = 6
            MQTTMessagesSent = 8
            MQTTMessagesReceived = 9
            SubscribeSent = 8
            UnSubscribeSent = 9
            ConnectionErrors = 7
            PublishErrors = 10
            X_LINE3_Connections = 2
        "#]]
        .assert_eq(&bench.show::<MqttStats>());
    }
}
