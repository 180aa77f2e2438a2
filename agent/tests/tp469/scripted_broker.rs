//! A broker that does exactly what a case says, packet by packet, and shows every packet of the agent: MQTT 5 over plain TCP on the
//! loopback interface, one connection at a time.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use line3_proto::record::{self, Content};
use line3_proto::usp::{
    Add, AddResp, CreateObject, CreateParamSetting, Error, Get, GetResp, Msg, MsgContent, Operate, Request, Response, Set, SetResp,
    UpdateObject, UpdateParamSetting,
};
use line3_proto::{EndpointId, Topic};
use rumqttc::{
    ConnAck, ConnAckProperties, Connect, ConnectAuth, ConnectReturnCode, Disconnect, DisconnectReasonCode, Packet, PubAck, PubAckReason,
    Publish, PublishProperties, QoS, SubAck, Subscribe, SubscribeReasonCode, UnsubAck, UnsubAckReason, Unsubscribe,
};

use crate::controller::LIMIT;
use crate::eut::{CONTROLLER, Process};
use crate::lab::Lab;

/// What is added to the configuration of an agent under such a broker: no health report goes out while a case runs.
const QUIET: &str = "[report]\ninterval = 86400\nparameters = []\n";

/// See the module.
pub(crate) struct ScriptedBroker {
    listener: TcpListener,
}

impl ScriptedBroker {
    /// Listens on a free port.
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { listener }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// An agent of factory settings with this broker. It does not run yet.
    pub(crate) fn agent(&self, lab: &Arc<Lab>, case: &str) -> Process {
        Process::new(lab, &format!("self::{case}"), self.address(), false, QUIET)
    }

    /// The next connection, as a bare stream; `None`: nobody comes in this time.
    pub(crate) fn knock(&self, limit: Duration) -> Option<TcpStream> {
        let until = Instant::now() + limit;
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false).unwrap();
                    stream.set_nodelay(true).unwrap();
                    return Some(stream);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(_) => return None,
            }
        }
    }

    /// The next connection of this agent, with its CONNECT read and not answered.
    pub(crate) fn accept(&self, agent: &Process) -> Client {
        let client = self.try_accept(agent, Instant::now() + LIMIT);
        client.unwrap_or_else(|| panic!("the agent does not connect:\n{}", agent.log()))
    }

    /// The same, if it comes by then.
    pub(crate) fn try_accept(&self, agent: &Process, until: Instant) -> Option<Client> {
        let stream = self.knock(until.saturating_duration_since(Instant::now()))?;
        let mut client = Client {
            me: EndpointId::parse(CONTROLLER).unwrap(),
            agent: agent.id.clone(),
            stream,
            buffer: BytesMut::new(),
            connect: Connect { keep_alive: 0, client_id: String::new(), clean_start: true, properties: None },
            login: ConnectAuth::None,
            seen: Vec::new(),
            asked: 0,
        };
        match client.packet(LIMIT) {
            Some(Packet::Connect(connect, _, login)) => (client.connect, client.login) = (connect, login),
            other => panic!("no CONNECT of MQTT 5, but {other:?}"),
        }
        Some(client)
    }

    /// The next connection, with a CONNACK that has nothing to say and every subscription granted.
    pub(crate) fn welcome(&self, agent: &Process) -> Client {
        let mut client = self.accept(agent);
        client.connack(|_| ());
        client.grant();
        client
    }
}

/// A connection of the agent's client.
pub(crate) struct Client {
    me: EndpointId,
    agent: EndpointId,
    stream: TcpStream,
    buffer: BytesMut,
    pub(crate) connect: Connect,
    pub(crate) login: ConnectAuth,
    /// Every packet after CONNECT.
    pub(crate) seen: Vec<Packet>,
    asked: u32,
}

impl Client {
    // -- what the agent sends

    /// The next packet; `None`: the connection is at its end, or there is none in this time. Pings and QoS 1 publications are
    /// answered.
    pub(crate) fn packet(&mut self, limit: Duration) -> Option<Packet> {
        let until = Instant::now() + limit;
        loop {
            if let Ok(packet) = Packet::read(&mut self.buffer, None) {
                self.seen.push(packet.clone());
                match &packet {
                    Packet::PingReq => self.write(Packet::PingResp),
                    Packet::Publish(publish) if publish.pkid != 0 => {
                        self.write(Packet::PubAck(PubAck { pkid: publish.pkid, reason: PubAckReason::Success, properties: None }));
                    }
                    _ => {}
                }
                return Some(packet);
            }
            let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            self.stream.set_read_timeout(Some(left)).unwrap();
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(count) => self.buffer.extend_from_slice(bytes.get(..count).unwrap()),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
                Err(_) => return None,
            }
        }
    }

    /// Passes over packets until one is what is looked for.
    pub(crate) fn until<T>(&mut self, what: &str, limit: Duration, mut found: impl FnMut(&Packet) -> Option<T>) -> T {
        let until = Instant::now() + limit;
        while let Some(packet) = self.packet(until.saturating_duration_since(Instant::now())) {
            if let Some(found) = found(&packet) {
                return found;
            }
        }
        panic!("no {what} in {limit:?}; the agent sent {:?}", self.seen)
    }

    /// The next SUBSCRIBE.
    pub(crate) fn subscribe(&mut self) -> Subscribe {
        self.until("SUBSCRIBE", LIMIT, |packet| match packet {
            Packet::Subscribe(subscribe) => Some(subscribe.clone()),
            _ => None,
        })
    }

    /// The next UNSUBSCRIBE.
    pub(crate) fn unsubscribe(&mut self) -> Unsubscribe {
        self.until("UNSUBSCRIBE", LIMIT, |packet| match packet {
            Packet::Unsubscribe(unsubscribe) => Some(unsubscribe.clone()),
            _ => None,
        })
    }

    /// The next PUBLISH.
    pub(crate) fn publish(&mut self, limit: Duration) -> Publish {
        self.until("PUBLISH", limit, |packet| match packet {
            Packet::Publish(publish) => Some(publish.clone()),
            _ => None,
        })
    }

    /// The next DISCONNECT.
    pub(crate) fn disconnect(&mut self) {
        self.until("DISCONNECT", LIMIT, |packet| matches!(packet, Packet::Disconnect(_)).then_some(()));
    }

    /// Whether the agent has published anything on this connection.
    pub(crate) fn has_published(&self) -> bool {
        self.seen.iter().any(|packet| matches!(packet, Packet::Publish(_)))
    }

    // -- what it is sent

    pub(crate) fn write(&mut self, packet: Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, None).unwrap();
        // An agent that has just gone does not want it.
        let _ = self.stream.write_all(&bytes);
    }

    /// CONNACK with what `say` puts in.
    pub(crate) fn connack(&mut self, say: impl FnOnce(&mut ConnAckProperties)) {
        let mut properties = ConnAckProperties {
            session_expiry_interval: None,
            receive_max: None,
            max_qos: None,
            retain_available: None,
            max_packet_size: None,
            assigned_client_identifier: None,
            topic_alias_max: None,
            reason_string: None,
            user_properties: Vec::new(),
            wildcard_subscription_available: None,
            subscription_identifiers_available: None,
            shared_subscription_available: None,
            server_keep_alive: None,
            response_information: None,
            server_reference: None,
            authentication_method: None,
            authentication_data: None,
        };
        say(&mut properties);
        let connack = ConnAck { session_present: false, code: ConnectReturnCode::Success, properties: Some(properties) };
        self.write(Packet::ConnAck(connack));
    }

    /// SUBACK with the same for every filter.
    pub(crate) fn suback(&mut self, subscribe: &Subscribe, code: SubscribeReasonCode) {
        let return_codes = vec![code; subscribe.filters.len()];
        self.write(Packet::SubAck(SubAck { pkid: subscribe.pkid, return_codes, properties: None }));
    }

    /// Grants the next SUBSCRIBE; gives its filters.
    pub(crate) fn grant(&mut self) -> Vec<String> {
        let subscribe = self.subscribe();
        self.suback(&subscribe, SubscribeReasonCode::Success(QoS::AtLeastOnce));
        subscribe.filters.into_iter().map(|filter| filter.path).collect()
    }

    /// UNSUBACK: success.
    pub(crate) fn unsuback(&mut self, unsubscribe: &Unsubscribe) {
        let reasons = vec![UnsubAckReason::Success; unsubscribe.filters.len()];
        self.write(Packet::UnsubAck(UnsubAck { pkid: unsubscribe.pkid, reasons, properties: None }));
    }

    /// DISCONNECT of the server.
    pub(crate) fn send_away(&mut self, reason: DisconnectReasonCode) {
        self.write(Packet::Disconnect(Disconnect::new(reason)));
    }

    // -- the plan's controller, behind this broker

    /// Its Response Topic.
    pub(crate) fn reply_topic(&self) -> String {
        format!("{}/reply/tp", Topic::Controller { controller: self.me.clone(), sender: self.agent.clone() })
    }

    /// Sends a request to the agent on this topic; gives the answer and the PUBLISH that it came in.
    pub(crate) fn ask_on(&mut self, topic: &str, qos: QoS, request: Request) -> (Result<Response, Error>, Publish) {
        self.asked += 1;
        let id = format!("tp-{}", self.asked);
        let payload = record::seal(&self.me, &self.agent, &Msg::request(&id, request));
        let properties = PublishProperties {
            response_topic: Some(self.reply_topic()),
            content_type: Some("usp.msg".to_owned()),
            ..PublishProperties::default()
        };
        let mut publish = Publish::new(topic, qos, payload, Some(properties));
        publish.pkid = if qos == QoS::AtMostOnce { 0 } else { u16::try_from(self.asked).unwrap() };
        self.write(Packet::Publish(publish));
        let me = self.me.clone();
        self.until("answer", LIMIT, |packet| {
            let Packet::Publish(publish) = packet else { return None };
            let Content::Message(message) = record::open(&publish.payload, &me).ok()?.content else { return None };
            let answer = match message.into_content()? {
                (known, MsgContent::Response(response)) if known == id => Ok(response),
                (known, MsgContent::Error(error)) if known == id => Err(error),
                _ => return None,
            };
            Some((answer, publish.clone()))
        })
    }

    /// The same on the agent's own topic with QoS 1; an Error fails the case.
    pub(crate) fn ask(&mut self, request: Request) -> Response {
        let topic = Topic::Agent(self.agent.clone()).to_string();
        self.ask_on(&topic, QoS::AtLeastOnce, request).0.unwrap_or_else(|error| panic!("{error:?}"))
    }

    pub(crate) fn get(&mut self, path: &str) -> GetResp {
        match self.ask(get(path)) {
            Response::GetResp(response) => response,
            other => panic!("no GetResp: {other:?}"),
        }
    }

    /// The value of one parameter.
    pub(crate) fn value(&mut self, path: &str) -> String {
        let response = self.get(path);
        crate::setup::all(&response).remove(path).unwrap_or_else(|| panic!("{path} has no value: {response:?}"))
    }

    /// Sets parameters of one object.
    pub(crate) fn set(&mut self, object: &str, params: &[(&str, &str)]) -> SetResp {
        let setting = |(param, value): &(&str, &str)| UpdateParamSetting { param: (*param).into(), value: (*value).into(), required: true };
        let update = UpdateObject { obj_path: object.to_owned(), param_settings: params.iter().map(setting).collect() };
        match self.ask(Request::Set(Set { allow_partial: false, update_objs: vec![update] })) {
            Response::SetResp(response) => {
                crate::setup::updated(&response, 0);
                response
            }
            other => panic!("no SetResp: {other:?}"),
        }
    }

    /// Sends an Operate without waiting for its end.
    pub(crate) fn operate(&mut self, command: &str) {
        let operate = Operate { command: command.to_owned(), send_resp: true, ..Operate::default() };
        match self.ask(Request::Operate(operate)) {
            Response::OperateResp(_) => {}
            other => panic!("no OperateResp: {other:?}"),
        }
    }

    /// Adds a row; the answer may come after a SUBSCRIBE, which stays in [`seen`](Self::seen).
    pub(crate) fn add(&mut self, table: &str, params: &[(&str, &str)]) -> AddResp {
        let setting = |(param, value): &(&str, &str)| CreateParamSetting { param: (*param).into(), value: (*value).into(), required: true };
        let row = CreateObject { obj_path: table.to_owned(), param_settings: params.iter().map(setting).collect() };
        match self.ask(Request::Add(Add { allow_partial: false, create_objs: vec![row] })) {
            Response::AddResp(response) => response,
            other => panic!("no AddResp: {other:?}"),
        }
    }

    /// The SUBSCRIBE packets so far.
    pub(crate) fn subscribed(&self) -> Vec<Subscribe> {
        let subscribe = |packet: &Packet| match packet {
            Packet::Subscribe(subscribe) => Some(subscribe.clone()),
            _ => None,
        };
        self.seen.iter().filter_map(subscribe).collect()
    }
}

pub(crate) fn get(path: &str) -> Request {
    Request::Get(Get { param_paths: vec![path.to_owned()], max_depth: 0 })
}
