//! A broker that does exactly what the test says, packet by packet, and a driver that carries a link.

use std::pin::Pin;
use std::time::Duration;

use bytes::BytesMut;
use line3_proto::backoff::Backoff;
use line3_proto::mqtt::{MqttConfig, MqttLink};
use line3_proto::{Link, LinkEvent};
use rumqttc::{
    ConnAck, ConnAckProperties, Connect, ConnectReturnCode, LastWill, Packet, PubAck, PubAckReason, Publish, SubAck, Subscribe,
    SubscribeReasonCode,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Nothing in these tests takes so long, however slow the machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Broker(pub(crate) TcpListener);

impl Broker {
    pub(crate) async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// A link's settings for this broker: quick retries, else the defaults.
    pub(crate) fn config(&self) -> MqttConfig {
        let mut config = MqttConfig::new("127.0.0.1", self.0.local_addr().unwrap().port(), "box-1", 7);
        config.backoff = Backoff { m: Duration::from_millis(10), k: 1000, cap: Duration::from_millis(10) };
        config
    }

    /// The next connection, with its CONNECT read and not answered.
    pub(crate) async fn accept(&self) -> Peer {
        let (stream, _) = timeout(PATIENCE, self.0.accept()).await.expect("nobody connects").unwrap();
        Peer::new(stream).await
    }

    /// The next connection, accepted, its one SUBSCRIBE (if it is to come) granted.
    pub(crate) async fn welcome(&self, session_present: bool, properties: ConnAckProperties, subscribes: bool) -> Peer {
        let mut peer = self.accept().await;
        peer.connack(session_present, properties).await;
        if subscribes {
            peer.grant().await;
        }
        peer
    }
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}

pub(crate) struct Peer {
    stream: Pin<Box<dyn Stream>>,
    buffer: BytesMut,
    pub(crate) connect: Connect,
    pub(crate) will: Option<LastWill>,
}

impl Peer {
    pub(crate) async fn new(stream: impl Stream + 'static) -> Self {
        let connect = Connect { keep_alive: 0, client_id: String::new(), clean_start: true, properties: None };
        let mut peer = Self { stream: Box::pin(stream), buffer: BytesMut::new(), connect, will: None };
        let Packet::Connect(connect, will, _) = peer.read().await else { panic!("no CONNECT") };
        (peer.connect, peer.will) = (connect, will);
        peer
    }

    pub(crate) async fn read(&mut self) -> Packet {
        timeout(PATIENCE, self.try_read()).await.expect("the client says nothing").expect("the client is gone")
    }

    /// `None` at the end of the connection.
    pub(crate) async fn try_read(&mut self) -> Option<Packet> {
        loop {
            if let Ok(packet) = Packet::read(&mut self.buffer, None) {
                return Some(packet);
            }
            if self.stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
        }
    }

    pub(crate) async fn write(&mut self, packet: Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, None).unwrap();
        self.stream.write_all(&bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    pub(crate) async fn connack(&mut self, session_present: bool, properties: ConnAckProperties) {
        let code = ConnectReturnCode::Success;
        self.write(Packet::ConnAck(ConnAck { session_present, code, properties: Some(properties) })).await;
    }

    pub(crate) async fn subscribe(&mut self) -> Subscribe {
        match self.read().await {
            Packet::Subscribe(subscribe) => subscribe,
            packet => panic!("no SUBSCRIBE but {packet:?}"),
        }
    }

    /// Grants everything that the next SUBSCRIBE asks for.
    pub(crate) async fn grant(&mut self) -> Vec<String> {
        let subscribe = self.subscribe().await;
        let return_codes = vec![SubscribeReasonCode::Success(rumqttc::QoS::AtLeastOnce); subscribe.filters.len()];
        self.write(Packet::SubAck(SubAck { pkid: subscribe.pkid, return_codes, properties: None })).await;
        subscribe.filters.into_iter().map(|filter| filter.path).collect()
    }

    pub(crate) async fn publish(&mut self) -> Publish {
        match self.read().await {
            Packet::Publish(publish) => publish,
            packet => panic!("no PUBLISH but {packet:?}"),
        }
    }

    pub(crate) async fn puback(&mut self, pkid: u16, reason: PubAckReason) {
        self.write(Packet::PubAck(PubAck { pkid, reason, properties: None })).await;
    }

    /// The payloads of the next so many publications, each acknowledged.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<String> {
        let mut payloads = vec![];
        for _ in 0..count {
            let publish = self.publish().await;
            if publish.pkid != 0 {
                self.puback(publish.pkid, PubAckReason::Success).await;
            }
            payloads.push(String::from_utf8_lossy(&publish.payload).into_owned());
        }
        payloads
    }

    pub(crate) async fn send(&mut self, topic: &str, payload: impl Into<Vec<u8>>, pkid: u16) {
        let qos = if pkid == 0 { rumqttc::QoS::AtMostOnce } else { rumqttc::QoS::AtLeastOnce };
        let mut publish = Publish::new(topic, qos, payload.into(), None);
        publish.pkid = pkid;
        self.write(Packet::Publish(publish)).await;
    }
}

/// CONNACK without properties.
pub(crate) const fn plain() -> ConnAckProperties {
    ConnAckProperties {
        session_expiry_interval: None,
        receive_max: None,
        max_qos: None,
        retain_available: None,
        max_packet_size: None,
        assigned_client_identifier: None,
        topic_alias_max: None,
        reason_string: None,
        user_properties: vec![],
        wildcard_subscription_available: None,
        subscription_identifiers_available: None,
        shared_subscription_available: None,
        server_keep_alive: None,
        response_information: None,
        server_reference: None,
        authentication_method: None,
        authentication_data: None,
    }
}

type Order = Box<dyn FnOnce(&mut MqttLink) + Send>;

/// Carries a link as a daemon does: `next` in a `select!` that cancels it all the time.
pub(crate) struct Driver {
    orders: mpsc::UnboundedSender<Order>,
    events: mpsc::UnboundedReceiver<LinkEvent>,
}

impl Driver {
    pub(crate) fn new(mut link: MqttLink) -> Self {
        let (orders, mut orders_rx) = mpsc::unbounded_channel::<Order>();
        let (events_tx, events) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_millis(1));
            loop {
                tokio::select! {
                    _ = tick.tick() => {}
                    order = orders_rx.recv() => match order {
                        Some(order) => order(&mut link),
                        None => return,
                    },
                    event = link.next() => if events_tx.send(event).is_err() { return },
                }
            }
        });
        Self { orders, events }
    }

    /// Does something with the link.
    pub(crate) fn order(&self, order: impl FnOnce(&mut MqttLink) + Send + 'static) {
        self.orders.send(Box::new(order)).unwrap();
    }

    pub(crate) async fn event(&mut self) -> LinkEvent {
        timeout(PATIENCE, self.events.recv()).await.expect("nothing happens").expect("the link is gone")
    }

    /// The next event, which is `Up`.
    pub(crate) async fn up(&mut self) -> line3_proto::link::Session {
        match self.event().await {
            LinkEvent::Up(session) => session,
            event => panic!("not up but {event:?}"),
        }
    }

    /// The next event, which is `Down`.
    pub(crate) async fn down(&mut self) -> (String, Duration) {
        match self.event().await {
            LinkEvent::Down { reason, retry_in } => (reason, retry_in),
            event => panic!("not down but {event:?}"),
        }
    }
}
