//! An MQTT client that tells what it saw, step by step.

use std::{collections::VecDeque, net::SocketAddr, sync::Arc, time::Duration};

use line3_controller::pki::Issued;
use rumqttc::{
    AsyncClient, BrokerSessionResumePolicy, Event, Incoming, LastWill, MqttOptions, PubAckReason, Publish, PublishOptions,
    PublishProperties, QoS, TlsConfiguration, Transport,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use super::LIMIT;

/// Topic and payload.
pub(crate) type Will<'a> = Option<(&'a str, &'a str)>;

enum Seen {
    Up,
    Message(Publish),
    Acked(PubAckReason),
    Subscribed,
    Down(String),
}

pub(crate) struct Client {
    handle: AsyncClient,
    seen: mpsc::UnboundedReceiver<Seen>,
    inbox: VecDeque<Publish>,
    task: JoinHandle<()>,
}

impl Client {
    pub(crate) async fn connect(
        address: SocketAddr,
        ca_pem: &str,
        issued: Option<&Issued>,
        client_id: &str,
        will: Will<'_>,
        clean_start: bool,
    ) -> Result<Self, String> {
        let mut options = MqttOptions::new(client_id, ("127.0.0.1", address.port()));
        options
            .set_transport(Transport::Tls(TlsConfiguration::Rustls(Arc::new(tls(ca_pem, issued)))))
            .set_keep_alive(30)
            .set_clean_start(clean_start)
            .set_session_expiry_interval(Some(3600))
            .set_broker_session_resume_policy(BrokerSessionResumePolicy::AllowBrokerOnly);
        if let Some((topic, payload)) = will {
            options.set_last_will(LastWill::new(topic, payload, QoS::AtLeastOnce, false, None));
        }
        let (handle, mut events) = AsyncClient::builder(options).capacity(100).build();
        let (tell, seen) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            loop {
                let seen = match events.poll().await {
                    Ok(Event::Incoming(Incoming::ConnAck(_))) => Seen::Up,
                    Ok(Event::Incoming(Incoming::Publish(message))) => Seen::Message(message),
                    Ok(Event::Incoming(Incoming::PubAck(ack))) => Seen::Acked(ack.reason),
                    Ok(Event::Incoming(Incoming::SubAck(_))) => Seen::Subscribed,
                    Ok(_) => continue,
                    Err(error) => {
                        let _ = tell.send(Seen::Down(error.to_string()));
                        return;
                    }
                };
                if tell.send(seen).is_err() {
                    return;
                }
            }
        });
        let mut client = Self { handle, seen, inbox: VecDeque::new(), task };
        match client.next().await {
            Seen::Up => Ok(client),
            Seen::Down(why) => Err(why),
            _ => panic!("a message before CONNACK"),
        }
    }

    async fn next(&mut self) -> Seen {
        let next = timeout(LIMIT, self.seen.recv()).await.expect("the broker said nothing");
        next.unwrap_or_else(|| Seen::Down("it had ended".to_owned()))
    }

    /// Whether the broker answered; granted or not says the answer, and Mosquitto's is always yes.
    pub(crate) async fn subscribe(&mut self, filter: &str) {
        self.handle.subscribe(filter, QoS::AtLeastOnce).await.unwrap();
        loop {
            match self.next().await {
                Seen::Subscribed => return,
                Seen::Message(message) => self.inbox.push_back(message),
                Seen::Down(why) => panic!("disconnected at SUBSCRIBE {filter}: {why}"),
                Seen::Up | Seen::Acked(_) => {}
            }
        }
    }

    pub(crate) async fn publish(&mut self, topic: &str, payload: &str) -> Result<PubAckReason, String> {
        self.publish_as(topic, payload, PublishOptions::new(QoS::AtLeastOnce)).await
    }

    pub(crate) async fn publish_with(&mut self, topic: &str, payload: &str, properties: PublishProperties) -> Result<PubAckReason, String> {
        self.publish_as(topic, payload, PublishOptions::new(QoS::AtLeastOnce).properties(properties)).await
    }

    /// The acknowledgement, or why the connection ended without one.
    async fn publish_as(&mut self, topic: &str, payload: &str, options: PublishOptions) -> Result<PubAckReason, String> {
        self.handle.publish(topic, payload.to_owned(), options).await.unwrap();
        loop {
            match self.next().await {
                Seen::Acked(reason) => return Ok(reason),
                Seen::Message(message) => self.inbox.push_back(message),
                Seen::Down(why) => return Err(why),
                Seen::Up | Seen::Subscribed => {}
            }
        }
    }

    /// Sends, and does not wait.
    pub(crate) async fn begin_publish(&mut self, topic: &str, payload: &str) {
        self.handle.publish(topic, payload.to_owned(), PublishOptions::new(QoS::AtLeastOnce)).await.unwrap();
    }

    /// The acknowledgement of [`Client::begin_publish`] if it comes in this time.
    pub(crate) async fn acknowledged_within(&mut self, limit: Duration) -> bool {
        matches!(timeout(limit, self.next()).await, Ok(Seen::Acked(_)))
    }

    pub(crate) async fn message(&mut self) -> Publish {
        if let Some(message) = self.inbox.pop_front() {
            return message;
        }
        loop {
            match self.next().await {
                Seen::Message(message) => return message,
                Seen::Down(why) => panic!("disconnected while waiting for a message: {why}"),
                Seen::Up | Seen::Acked(_) | Seen::Subscribed => {}
            }
        }
    }

    /// Expects exactly these messages, as (topic, payload), and in this order.
    pub(crate) async fn hears(&mut self, expected: &[(&str, &str)]) {
        for wanted in expected {
            let message = self.message().await;
            let heard = (String::from_utf8_lossy(&message.topic).into_owned(), String::from_utf8_lossy(&message.payload).into_owned());
            assert_eq!((heard.0.as_str(), heard.1.as_str()), *wanted);
        }
    }

    /// Why the connection ended.
    pub(crate) async fn ended(&mut self) -> String {
        loop {
            if let Seen::Down(why) = self.next().await {
                return why;
            }
        }
    }

    /// The cable is cut: no DISCONNECT.
    pub(crate) async fn cut(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn tls(ca_pem: &str, issued: Option<&Issued>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    match issued {
        Some(Issued { cert_pem, key_pem }) => {
            let chain = CertificateDer::pem_slice_iter(cert_pem.as_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).unwrap()).unwrap()
        }
        None => builder.with_no_client_auth(),
    }
}
