//! One connection to the broker: a rumqttc client that is made for it and thrown away with it. What must outlive it is in the
//! outbox and in the link. Requests and acknowledgements are matched by the events that rumqttc gives, which come in order.
#![allow(clippy::disallowed_methods, reason = "the real link lives in real time")]

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use rumqttc::{
    AsyncClient, ClientError, ConnAck, ConnectionError, Event, EventLoop, ManualAck, Outgoing, Packet, PubAck, PubAckReason, Publish,
    PublishOptions, SubAck, SubscribeFilterInput, SubscribeReasonCode,
};
use tokio::time::Instant;

use super::options::{blank_options, properties, received, wire_qos};
use super::outbox::{Entry, Outbox, Seq};
use super::subscriptions::is_topic;
use super::{MqttConfig, Ready};
use crate::link::{LinkEvent, QoS, Receipt, Session};
use crate::sorted::{Map, Set};

/// The room in each request channel above what may be in flight: SUBSCRIBE, UNSUBSCRIBE, DISCONNECT. More waits here.
const SPARE_REQUESTS: usize = 8;

/// What a poll of the event loop has given and nobody has taken yet.
type Polled = Arc<Mutex<Option<Result<Event, ConnectionError>>>>;

/// The event loop and the poll of it that is under way, so that it goes on where it was when [`next`](crate::Link::next) is
/// cancelled. One future for the whole connection: one for each poll would be some KB to allocate and to copy, for every packet.
struct Polling {
    running: Pin<Box<dyn Future<Output = ()> + Send>>,
    polled: Polled,
}

/// How long DISCONNECT may take to be written.
pub(super) const GOODBYE: Duration = Duration::from_secs(1);

/// The end that this side has decided on: DISCONNECT is being written.
pub(super) struct Leaving {
    /// Why, to be read after `broker host:port`.
    pub(super) reason: String,
    /// Whether the next try is to come at once.
    pub(super) at_once: bool,
    by: Instant,
}

/// A change of the subscriptions.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Subscribe(Vec<(String, QoS)>),
    Unsubscribe(String),
}

/// See the module.
pub(super) struct Connection {
    client: AsyncClient,
    polling: Polling,
    session: Session,
    leaving: Option<Leaving>,
    /// CONNACK has come.
    acknowledged: bool,
    /// Every subscription has been answered, publications may go.
    up: bool,
    /// How many publications may be under way: ours and the broker's Receive Maximum, the smaller.
    window: usize,
    /// How many of the broker's may be unacknowledged here (our Receive Maximum).
    receive_window: usize,
    /// CONNACK Maximum Packet Size, in bytes.
    max_packet: usize,
    takes_qos1: bool,
    takes_retained: bool,
    /// What rumqttc's channel had no room for.
    changes: VecDeque<Change>,
    /// The filters of each SUBSCRIBE that has no packet identifier yet, and of those that have one.
    asked: VecDeque<Vec<String>>,
    subscribing: Map<u16, Vec<String>>,
    /// Publications given to rumqttc and not yet written: QoS 0 and QoS 1, each in order.
    handed0: VecDeque<Seq>,
    handed1: VecDeque<Seq>,
    /// QoS 1 publications without a PUBACK, by packet identifier.
    in_flight: Map<u16, Seq>,
    /// Received QoS 1 publications that have not been acknowledged. rumqttc ends the connection on a wrong acknowledgement.
    received: Set<u16>,
    /// Acknowledgements that rumqttc's channel had no room for; at most as many as `received` may hold.
    acks: VecDeque<u16>,
    /// Acknowledgements given to rumqttc and not yet written.
    acks_handed: usize,
    keep_alive: Duration,
    stuck_after: Duration,
    last_heard: Instant,
    /// When something was last acknowledged, or when the first thing that waits for an acknowledgement was sent.
    last_progress: Instant,
}

impl Connection {
    /// Begins to connect. Nothing happens until [`poll`](Self::poll).
    pub(super) fn open(config: &MqttConfig, client_id: &str, number: u32) -> Self {
        let window = usize::from(config.in_flight.max(1));
        let options = blank_options(config, client_id, number);
        let (client, eventloop) = AsyncClient::builder(options).capacity(window + SPARE_REQUESTS).build();
        let now = Instant::now();
        Self {
            client,
            polling: Polling::of(eventloop),
            session: Session { connection: number, ..Session::default() },
            leaving: None,
            acknowledged: false,
            up: false,
            window,
            receive_window: window,
            max_packet: usize::MAX,
            takes_qos1: true,
            takes_retained: true,
            changes: VecDeque::new(),
            asked: VecDeque::new(),
            subscribing: Map::new(),
            handed0: VecDeque::new(),
            handed1: VecDeque::new(),
            in_flight: Map::new(),
            received: Set::new(),
            acks: VecDeque::new(),
            acks_handed: 0,
            keep_alive: config.keep_alive,
            stuck_after: config.stuck_after,
            last_heard: now,
            last_progress: now,
        }
    }

    pub(super) const fn number(&self) -> u32 {
        self.session.connection
    }

    pub(super) const fn is_acknowledged(&self) -> bool {
        self.acknowledged
    }

    /// Whether every acknowledgement has been written.
    pub(super) fn has_acknowledged_all(&self) -> bool {
        self.acks.is_empty() && self.acks_handed == 0
    }

    /// What CONNACK has told.
    pub(super) const fn session(&self) -> &Session {
        &self.session
    }

    /// The next thing that rumqttc does. Cancel-safe: the poll under way is kept in `self`.
    pub(super) async fn poll(&mut self) -> Result<Event, ConnectionError> {
        poll_fn(|context| self.polling.poll(context)).await
    }

    /// Asks for a change as soon as there is room for it.
    pub(super) fn change(&mut self, change: Change) {
        self.changes.push_back(change);
    }

    /// Acknowledges a publication that came on this connection; anything else is ignored.
    pub(super) fn acknowledge(&mut self, packet: u16) {
        if self.received.remove(&packet) {
            self.acks.push_back(packet);
        }
    }

    /// DISCONNECT, so that the broker forgets the Will.
    pub(super) fn disconnect(&self) -> bool {
        self.client.try_disconnect_now().is_ok()
    }

    /// Ends this connection by DISCONNECT. Nothing else is sent any more, and what still comes is not looked at.
    pub(super) fn leave(&mut self, reason: &str, at_once: bool) {
        if self.leaving.is_none() {
            // Where rumqttc has no room for it the connection is cut when the time is up.
            self.disconnect();
            self.leaving = Some(Leaving { reason: reason.to_owned(), at_once, by: Instant::now() + GOODBYE });
        }
    }

    /// Why this side ends the connection, if it does.
    pub(super) const fn leaving(&self) -> Option<&Leaving> {
        self.leaving.as_ref()
    }

    /// Gives rumqttc what it has room for.
    pub(super) fn pump(&mut self, outbox: &mut Outbox, ready: &mut VecDeque<Ready>) {
        if !self.acknowledged || self.leaving.is_some() {
            return;
        }
        while let Some(change) = self.changes.front().cloned() {
            if !self.hand_change(change) {
                return;
            }
            self.changes.pop_front();
        }
        while let Some(packet) = self.acks.front() {
            if self.client.try_manual_ack(ManualAck::PubAck(PubAck::new(*packet, None))).is_err() {
                return;
            }
            self.acks.pop_front();
            self.acks_handed += 1;
        }
        while self.up && self.handed0.len() < self.window && self.handed1.len() + self.in_flight.len() < self.window {
            let Some((seq, entry)) = outbox.waiting() else { return };
            let (token, qos) = (entry.token, entry.publication.qos);
            match self.hand_publication(entry) {
                Ok(true) => {
                    self.note_waiting();
                    outbox.handed(seq);
                    if qos == QoS::AtMostOnce { self.handed0.push_back(seq) } else { self.handed1.push_back(seq) }
                }
                Ok(false) => return,
                Err(reason) => {
                    outbox.remove(seq);
                    ready.push_back(LinkEvent::Refused(token, reason).into());
                }
            }
        }
    }

    /// `Ok(false)` if there is no room.
    fn hand_change(&mut self, change: Change) -> bool {
        match change {
            Change::Subscribe(filters) => {
                let inputs = filters.iter().map(|(filter, qos)| SubscribeFilterInput::new(filter.as_str(), wire_qos(*qos)));
                if self.client.try_subscribe_many(inputs).is_err() {
                    return false;
                }
                self.note_waiting();
                self.asked.push_back(filters.into_iter().map(|(filter, _)| filter).collect());
                true
            }
            // Nobody waits for the UNSUBACK: what still comes is for a filter that nobody wants any more.
            Change::Unsubscribe(filter) => self.client.try_unsubscribe(filter).is_ok(),
        }
    }

    /// `Ok(false)` if there is no room; an error says why the broker can never take it.
    fn hand_publication(&self, entry: &Entry) -> Result<bool, String> {
        // Here, before rumqttc knows of it: it would end the connection over it, and again after each reconnect (trap 3).
        if entry.size > self.max_packet {
            return Err(format!("too large: {} bytes, and the broker takes {}", entry.size, self.max_packet));
        }
        if entry.publication.retain && !self.takes_retained {
            return Err("the broker keeps no retained messages".to_owned());
        }
        if entry.publication.qos == QoS::AtLeastOnce && !self.takes_qos1 {
            return Err("the broker takes QoS 0 only".to_owned());
        }
        let left = entry.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let options = PublishOptions::new(wire_qos(entry.publication.qos))
            .retain(entry.publication.retain)
            .properties(properties(&entry.publication, left));
        match self.client.try_publish(entry.publication.topic.as_str(), entry.payload.clone(), options) {
            Ok(()) => Ok(true),
            Err(ClientError::InvalidRequest(_)) => Err("its topic is none to publish to".to_owned()),
            Err(_) => Ok(false),
        }
    }

    /// What rumqttc has done or received.
    ///
    /// # Errors
    /// The broker breaks the rules: the connection has to end.
    pub(super) fn handle(&mut self, event: Event, outbox: &mut Outbox, ready: &mut VecDeque<Ready>) -> Result<(), String> {
        if self.leaving.is_some() {
            return Ok(());
        }
        match event {
            Event::Incoming(packet) => {
                self.last_heard = Instant::now();
                match packet {
                    Packet::ConnAck(connack) => self.on_connack(connack),
                    Packet::SubAck(suback) => self.on_suback(suback, ready),
                    Packet::PubAck(puback) => self.on_puback(&puback, outbox, ready),
                    Packet::Publish(publish) => self.on_publish(publish, ready)?,
                    _ => {}
                }
            }
            Event::Outgoing(Outgoing::Subscribe(packet)) => {
                let filters = self.asked.pop_front().unwrap_or_default();
                self.subscribing.insert(packet, filters);
            }
            Event::Outgoing(Outgoing::Publish(0)) => {
                if let Some(token) = self.handed0.pop_front().and_then(|seq| outbox.remove(seq)) {
                    ready.push_back(LinkEvent::Sent(token).into());
                }
            }
            Event::Outgoing(Outgoing::Publish(packet)) => {
                if let Some(seq) = self.handed1.pop_front() {
                    self.in_flight.insert(packet, seq);
                }
            }
            Event::Outgoing(Outgoing::PubAck(_)) => self.acks_handed = self.acks_handed.saturating_sub(1),
            _ => {}
        }
        Ok(())
    }

    /// The news that the link is up, once.
    pub(super) fn rise(&mut self) -> Option<Session> {
        if self.up
            || !self.acknowledged
            || self.leaving.is_some()
            || !(self.changes.is_empty() && self.asked.is_empty() && self.subscribing.is_empty())
        {
            return None;
        }
        self.up = true;
        Some(self.session.clone())
    }

    fn on_connack(&mut self, connack: ConnAck) {
        self.acknowledged = true;
        self.session.present = connack.session_present;
        let Some(told) = connack.properties else { return };
        self.window = told.receive_max.map_or(self.window, |max| self.window.min(usize::from(max))).max(1);
        self.max_packet = told.max_packet_size.and_then(|max| usize::try_from(max).ok()).unwrap_or(usize::MAX);
        self.takes_qos1 = told.max_qos != Some(0);
        self.takes_retained = told.retain_available != Some(0);
        self.session.server_keep_alive = told.server_keep_alive.map(|secs| Duration::from_secs(secs.into()));
        self.keep_alive = self.session.server_keep_alive.unwrap_or(self.keep_alive);
        self.session.response_information = told.response_information.filter(|topic| is_topic(topic));
        self.session.assigned_client_id = told.assigned_client_identifier;
        self.session.user_properties = told.user_properties;
    }

    fn on_suback(&mut self, suback: SubAck, ready: &mut VecDeque<Ready>) {
        self.last_progress = Instant::now();
        let filters = self.subscribing.remove(&suback.pkid).unwrap_or_default();
        let mut codes = suback.return_codes.into_iter();
        for filter in filters {
            match codes.next() {
                Some(SubscribeReasonCode::Success(_)) if self.up => ready.push_back(LinkEvent::Subscribed(filter).into()),
                Some(SubscribeReasonCode::Success(_)) => self.session.subscribed.push(filter),
                code => {
                    let reason = code.map_or_else(|| "the broker said nothing of it".to_owned(), |code| format!("{code:?}"));
                    ready.push_back(LinkEvent::NotSubscribed { filter, reason }.into());
                }
            }
        }
    }

    fn on_puback(&mut self, puback: &PubAck, outbox: &mut Outbox, ready: &mut VecDeque<Ready>) {
        self.last_progress = Instant::now();
        let Some(token) = self.in_flight.remove(&puback.pkid).and_then(|seq| outbox.remove(seq)) else { return };
        ready.push_back(match puback.reason {
            PubAckReason::Success => LinkEvent::Sent(token).into(),
            PubAckReason::NoMatchingSubscribers => LinkEvent::Unheard(token).into(),
            reason => {
                let said = puback.properties.as_ref().and_then(|told| told.reason_string.as_deref()).map(super::reason::foreign);
                let said = said.map(|text| format!(" ({text})")).unwrap_or_default();
                LinkEvent::Refused(token, format!("the broker refused it: {reason:?}{said}")).into()
            }
        });
    }

    fn on_publish(&mut self, publish: Publish, ready: &mut VecDeque<Ready>) -> Result<(), String> {
        let packet = publish.pkid;
        let publication = received(publish)?;
        let receipt = (publication.qos == QoS::AtLeastOnce).then(|| Receipt { connection: self.number(), packet });
        if receipt.is_some() {
            self.received.insert(packet);
            if self.received.len() > self.receive_window {
                return Err(format!("sent more than {} messages without an acknowledgement", self.receive_window));
            }
        }
        ready.push_back(Ready { event: LinkEvent::Received(publication, None), receipt });
        Ok(())
    }

    /// Starts the clock of [`verdict`](Self::verdict) when the first thing is sent that wants an acknowledgement.
    fn note_waiting(&mut self) {
        if !self.is_waiting() {
            self.last_progress = Instant::now();
        }
    }

    fn is_waiting(&self) -> bool {
        let idle = self.asked.is_empty() && self.subscribing.is_empty() && self.handed1.is_empty() && self.in_flight.is_empty();
        !idle || !self.handed0.is_empty()
    }

    /// When the silence of the broker is too long: two and a half keep-alives (rumqttc itself sees a dead peer after two), or
    /// nothing acknowledged for `stuck_after`. While connecting, `connect_timeout` rules.
    fn silence(&self) -> Option<Instant> {
        (self.acknowledged && !self.keep_alive.is_zero()).then(|| self.last_heard + self.keep_alive.mul_f32(2.5))
    }

    fn stuck(&self) -> Option<Instant> {
        (self.acknowledged && self.is_waiting()).then(|| self.last_progress + self.stuck_after)
    }

    /// When to ask for a [`verdict`](Self::verdict).
    pub(super) fn deadline(&self) -> Option<Instant> {
        let leaving = self.leaving.as_ref().map(|leaving| leaving.by);
        leaving.or_else(|| self.silence().into_iter().chain(self.stuck()).min())
    }

    /// Why this connection has to be given up, if it has to.
    pub(super) fn verdict(&self) -> Option<String> {
        let now = Instant::now();
        if let Some(leaving) = &self.leaving {
            return (leaving.by <= now).then(|| leaving.reason.clone());
        }
        if self.silence().is_some_and(|at| at <= now) {
            return Some("has not been heard for two and a half keep-alive times: the line is dead".to_owned());
        }
        if self.stuck().is_some_and(|at| at <= now) {
            return Some(format!("has acknowledged nothing for {} s: connecting anew", self.stuck_after.as_secs()));
        }
        None
    }
}

impl Polling {
    fn of(eventloop: EventLoop) -> Self {
        let polled = Polled::default();
        Self { running: Box::pin(poll_on(eventloop, Arc::clone(&polled))), polled }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Event, ConnectionError>> {
        // It never ends; what it has done is in `polled`.
        let _ = self.running.as_mut().poll(context);
        let result = self.polled.lock().unwrap_or_else(PoisonError::into_inner).take();
        result.map_or(Poll::Pending, Poll::Ready)
    }
}

/// Polls on and on, and stands still after each result until that is taken. The first packet of a connection is CONNACK; from then
/// on the blank session store has done its work, and without one rumqttc need not copy all that is in flight at every step.
async fn poll_on(mut eventloop: EventLoop, polled: Polled) {
    loop {
        let result = eventloop.poll().await;
        if let Ok(Event::Incoming(Packet::ConnAck(_))) = &result {
            eventloop.options.clear_session_store();
        }
        *polled.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        // Whoever polls takes it at once, and so polls again only for the next.
        let mut stood_still = false;
        poll_fn(|_| if std::mem::replace(&mut stood_still, true) { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}
