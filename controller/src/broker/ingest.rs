//! Health reports on their way in: stored first, acknowledged then.

use std::{pin::Pin, sync::Arc, time::Duration};

use line3_proto::Topic;
use mqtt5::{
    QoS,
    broker::{BrokerEventHandler, ClientPublishEvent, PublishAction, router::MessageRouter},
    packet::publish::PublishPacket,
};
use tokio::time::timeout;

use super::{Busy, Ingest};

/// A topic that nobody may subscribe.
const NOWHERE: &str = "line3/refused";

/// The engine asks this about every PUBLISH that the sender was allowed to make, before it acknowledges it.
pub(super) struct Gate {
    pub(super) router: Arc<MessageRouter>,
    pub(super) ingest: Option<Arc<dyn Ingest>>,
    pub(super) timeout: Duration,
}

impl Gate {
    async fn decide(&self, event: ClientPublishEvent) -> PublishAction {
        // CONNACK said that there are none; MQTT 5 [3.2.2-14] calls this a protocol error.
        if event.retain {
            tracing::warn!(client = %event.client_id, topic = %event.topic, "disconnected: it sent a retained message");
            return self.refuse(&event).await;
        }
        let (Some(ingest), Some(Topic::Telemetry(from))) = (&self.ingest, Topic::parse(&event.topic)) else {
            return PublishAction::Continue;
        };
        let id = from.clone();
        match timeout(self.timeout, ingest.report(from, event.payload.to_vec())).await.unwrap_or(Err(Busy)) {
            // Not `Handled`: others may have subscribed to the reports, and routing one to nobody costs a microsecond.
            Ok(()) => PublishAction::Continue,
            Err(Busy) => {
                tracing::warn!(box_id = %id, "a report could not be stored; the box is disconnected and will send it again");
                self.refuse(&event).await
            }
        }
    }

    /// The engine knows no way to refuse here, and a PUBACK with an error would make the box forget the report. So the message
    /// becomes one of QoS 0 to nobody, which is not acknowledged, and the connection ends.
    async fn refuse(&self, event: &ClientPublishEvent) -> PublishAction {
        self.router.disconnect_client(&event.client_id).await;
        PublishAction::Transform(PublishPacket::new(NOWHERE, Vec::new(), QoS::AtMostOnce))
    }
}

impl BrokerEventHandler for Gate {
    fn on_client_publish<'a>(&'a self, event: ClientPublishEvent) -> Pin<Box<dyn Future<Output = PublishAction> + Send + 'a>> {
        Box::pin(self.decide(event))
    }
}
