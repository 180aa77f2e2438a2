//! The agent and its link: what it has configured, where it listens, what it says on a new connection.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use line3_proto::link::ClientSettings;
use line3_proto::record::{self, Content};
use line3_proto::usp::{
    Add, CreateObject, CreateParamSetting, Get, Msg, MsgContent, Operate, Record, RecordType, Request, Response, SessionContextRecord, Set,
    UpdateObject, UpdateParamSetting,
};
use line3_proto::{QoS, Wall};
use prost::Message as _;

use super::*;
use crate::agent::Input;
use crate::config::Config;
use crate::host::Host;
use crate::host::sim::{CountedClock, SimBox, SimFlash, SimHost};

const CLIENT: &str = "Device.MQTT.Client.1.";
const INBOX: &str = "usp/agent/proto::sim-1";

/// What the agent wanted from its link.
#[derive(Debug, PartialEq)]
enum Did {
    Configure(Box<ClientSettings>),
    Greet(Publication),
    Publish(Publication),
    Reconnect,
}

/// An agent without a link.
struct Bench {
    agent: Agent,
    flash: SimFlash,
    clock: CountedClock,
    me: EndpointId,
    asked: u32,
    log: Vec<String>,
}

impl Bench {
    fn new() -> Self {
        let (clock, flash) = (CountedClock::new(), SimFlash::new());
        let agent = start(&clock, &flash);
        Self { agent, flash, clock, me: EndpointId::parse("self::line3").unwrap(), asked: 0, log: Vec::new() }
    }

    /// What it does now, commands run to their end.
    fn did(&mut self) -> Vec<Did> {
        let mut all = Vec::new();
        while let Some(output) = self.agent.poll() {
            match output {
                Output::Configure(settings) => all.push(Did::Configure(settings)),
                Output::Greet(_, publication) => all.push(Did::Greet(publication)),
                Output::Publish(_, publication) => all.push(Did::Publish(publication)),
                Output::Reconnect => all.push(Did::Reconnect),
                Output::Log(text) => self.log.push(text),
                Output::Start(mut job) => {
                    let Poll::Ready(result) = job.running.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
                        panic!("it waits")
                    };
                    self.agent.handle(now(), Input::Done(job.id, result));
                }
                other => panic!("{other:?}"),
            }
        }
        all
    }

    fn link(&mut self, event: LinkEvent) -> Vec<Did> {
        self.agent.handle(now(), Input::Link(event));
        self.did()
    }

    fn up(&mut self, session: Session) -> Vec<Did> {
        self.link(LinkEvent::Up(Session { connection: 1, ..session }))
    }

    /// A publication of the controller with a request.
    fn request(&mut self, request: Request) -> Publication {
        self.asked += 1;
        let payload = record::seal(&self.me, self.agent.id(), &Msg::request(format!("{}", self.asked), request));
        Publication { topic: INBOX.to_owned(), payload, response_topic: Some("reply".to_owned()), ..Publication::default() }
    }

    fn ask(&mut self, request: Request) -> Vec<Did> {
        let publication = self.request(request);
        self.link(LinkEvent::Received(publication, None))
    }

    fn set(&mut self, path: &str, name: &str, value: &str) -> Vec<Did> {
        let param_settings = vec![UpdateParamSetting { param: name.to_owned(), value: value.to_owned(), required: true }];
        let update = UpdateObject { obj_path: path.to_owned(), param_settings };
        self.ask(Request::Set(Set { allow_partial: false, update_objs: vec![update] }))
    }

    fn add(&mut self, table: &str, params: &[(&str, &str)]) -> Vec<Did> {
        let setting = |(param, value): &(&str, &str)| CreateParamSetting { param: (*param).into(), value: (*value).into(), required: true };
        let row = CreateObject { obj_path: table.to_owned(), param_settings: params.iter().map(setting).collect() };
        self.ask(Request::Add(Add { allow_partial: false, create_objs: vec![row] }))
    }

    fn value(&mut self, path: &str) -> String {
        let did = self.ask(Request::Get(Get { param_paths: vec![path.to_owned()], max_depth: 0 }));
        let Some(Ok(Response::GetResp(response))) = did.iter().find_map(answer) else { panic!("{did:?}") };
        let found = &response.req_path_results[0].resolved_path_results[0].result_params;
        found.values().next().unwrap().clone()
    }
}

fn start(clock: &CountedClock, flash: &SimFlash) -> Agent {
    let host: Rc<dyn Host> = Rc::new(SimHost::restarted(SimBox::of(1), Rc::new(clock.clone()), flash.clone()));
    let config = Config::parse("").unwrap();
    Agent::new(now(), host, &config, EndpointId::parse("proto::sim-1").unwrap())
}

fn now() -> Now {
    Now { mono: Mono(Duration::from_secs(9)), wall: Wall(1_767_225_600_000) }
}

fn configured(did: &[Did]) -> &ClientSettings {
    let found = did.iter().find_map(|did| match did {
        Did::Configure(settings) => Some(settings),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("nothing is configured: {did:?}"))
}

fn opened(publication: &Publication) -> Content {
    record::open(&publication.payload, &EndpointId::parse("self::line3").unwrap()).unwrap().content
}

/// An Error: its code, and what is to blame.
type Blamed = (u32, Vec<(String, u32)>);

/// The answer in a publication.
fn answer(did: &Did) -> Option<Result<Response, Blamed>> {
    let Did::Publish(publication) = did else { return None };
    let Content::Message(message) = opened(publication) else { return None };
    match message.into_content()? {
        (_, MsgContent::Response(response)) => Some(Ok(response)),
        (_, MsgContent::Error(error)) => {
            Some(Err((error.err_code, error.param_errs.into_iter().map(|param| (param.param_path, param.err_code)).collect())))
        }
        (_, MsgContent::Request(_)) => None,
    }
}

fn subscribed_topic(did: &Did) -> Option<String> {
    let (Did::Greet(publication) | Did::Publish(publication)) = did else { return None };
    match opened(publication) {
        Content::Connect { subscribed_topic, .. } => Some(subscribed_topic),
        _ => None,
    }
}

#[test]
fn the_settings_make_the_client() {
    let mut bench = Bench::new();
    let did = bench.did();
    let settings = configured(&did).clone();
    assert_eq!(settings.broker, ("127.0.0.1".to_owned(), 8883));
    assert_eq!((settings.tls, settings.client_id.as_str()), (false, "proto::sim-1"));
    assert_eq!((settings.filters.len(), settings.inbox.as_deref()), (0, Some(INBOX)));
    assert_eq!((settings.keep_alive.as_secs(), settings.session_expiry.as_secs()), (60, 86_400));
    let will = settings.will.clone().unwrap();
    assert_eq!((will.topic.as_str(), will.qos), ("usp/controller/self::line3/proto::sim-1", QoS::AtLeastOnce));
    assert!(matches!(opened(&will), Content::Disconnect { .. }));
    bench.up(Session::default());

    let did = bench.set(CLIENT, "KeepAliveTime", "61");
    assert_eq!(*configured(&did), ClientSettings { keep_alive: Duration::from_secs(61), ..settings.clone() });
    let did = bench.add("Device.MQTT.Client.1.Subscription.", &[("Enable", "true"), ("Topic", "a/+"), ("QoS", "0"), ("Alias", "a")]);
    assert_eq!(configured(&did).filters, [("a/+".to_owned(), QoS::AtMostOnce)]);
    bench.set(CLIENT, "WillTopic", "gone");
    let did = bench.set(CLIENT, "WillValue", "bye");
    let will = configured(&did).will.clone().unwrap();
    assert_eq!((will.topic.as_str(), &will.payload[..]), ("gone", &b"bye"[..]));
    // What has nothing to do with the client leaves the link alone.
    let did = bench.set("Device.LocalAgent.Controller.1.", "USPNotifRetryMinimumWaitInterval", "7");
    assert!(!did.iter().any(|did| matches!(did, Did::Configure(_))), "{did:?}");
    // QoS of what the agent publishes.
    let did = bench.set("Device.LocalAgent.MTP.1.MQTT.", "PublishQoS", "0");
    assert!(matches!(&did[..], [Did::Publish(answer)] if answer.qos == QoS::AtMostOnce), "{did:?}");
}

#[test]
fn an_edit_that_would_leave_no_way_is_refused() {
    let mut bench = Bench::new();
    bench.up(Session::default());
    let inbox = "Device.LocalAgent.MTP.1.MQTT.";
    let did = bench.set(inbox, "ResponseTopicConfigured", "");
    let Some(Err((code, params))) = did.iter().find_map(answer) else { panic!("{did:?}") };
    assert_eq!((code, params), (7002, vec![(format!("{inbox}ResponseTopicConfigured"), 7012)]));
    assert_eq!(bench.value(&format!("{inbox}ResponseTopicConfigured")), INBOX);
    let did = bench.set(CLIENT, "BrokerAddress", "broker.example");
    let Some(Err((7002, params))) = did.iter().find_map(answer) else { panic!("{did:?}") };
    assert_eq!(params, [(format!("{CLIENT}TransportProtocol"), 7012)]);
    // Where the broker names a topic, the configured one is not the only way.
    bench.up(Session { response_information: Some("given".to_owned()), ..Session::default() });
    let did = bench.set(inbox, "ResponseTopicConfigured", "");
    assert_eq!(configured(&did).inbox, None);
}

#[test]
fn the_greeting_comes_first_and_names_where_the_agent_listens() {
    let mut bench = Bench::new();
    bench.did();
    // It waits for the link, written with the configured topic.
    let waits = bench.ask(Request::Get(Get { param_paths: vec!["Device.LocalAgent.EndpointID".to_owned()], max_depth: 0 }));
    assert!(waits.is_empty());
    let did =
        bench.up(Session { response_information: Some("given".to_owned()), subscribed: vec!["given".to_owned()], ..Session::default() });
    let did: Vec<&Did> = did.iter().filter(|did| !matches!(did, Did::Configure(_))).collect();
    let [greeting @ Did::Greet(publication), Did::Publish(answer)] = &did[..] else { panic!("{did:?}") };
    assert_eq!(subscribed_topic(greeting).as_deref(), Some("given"));
    for publication in [publication, answer] {
        assert_eq!(publication.response_topic.as_deref(), Some("given"));
        assert_eq!(publication.content_type.as_deref(), Some("usp.msg"));
    }
}

#[test]
fn a_topic_that_was_refused_is_not_where_the_agent_listens() {
    let mut bench = Bench::new();
    bench.did();
    let refused = LinkEvent::NotSubscribed { filter: INBOX.to_owned(), reason: "NotAuthorized".to_owned() };
    bench.link(refused.clone());
    let did = bench.up(Session { subscribed: vec!["a/#".to_owned(), "b".to_owned()], ..Session::default() });
    assert_eq!(did.iter().find_map(subscribed_topic).as_deref(), Some("b"));
    // Said once, however often it happens.
    bench.link(LinkEvent::Down { reason: "gone".to_owned(), retry_in: Duration::ZERO });
    bench.link(refused);
    let said = bench.log.iter().filter(|text| text.contains("refused the subscription")).count();
    assert_eq!(said, 1, "{:?}", bench.log);
    // Granted on the live connection after all: the controller is told.
    bench.up(Session { subscribed: vec!["b".to_owned()], ..Session::default() });
    let did = bench.link(LinkEvent::Subscribed(INBOX.to_owned()));
    assert_eq!(did.iter().find_map(subscribed_topic).as_deref(), Some(INBOX));
}

#[test]
fn the_status_of_a_subscription_is_what_the_broker_said() {
    let mut bench = Bench::new();
    bench.up(Session::default());
    let row = "Device.MQTT.Client.1.Subscription.1.";
    bench.add("Device.MQTT.Client.1.Subscription.", &[("Enable", "true"), ("Topic", "t"), ("Alias", "a")]);
    let status = |bench: &mut Bench| bench.value(&format!("{row}Status"));
    assert_eq!(status(&mut bench), "Subscribing");
    bench.link(LinkEvent::Subscribed("t".to_owned()));
    assert_eq!(status(&mut bench), "Subscribed");
    bench.set(row, "Enable", "false");
    assert_eq!(status(&mut bench), "Unsubscribed");
    bench.link(LinkEvent::Unsubscribed("t".to_owned()));
    bench.set(row, "Enable", "true");
    bench.link(LinkEvent::NotSubscribed { filter: "t".to_owned(), reason: "NotAuthorized".to_owned() });
    assert_eq!(status(&mut bench), "Error");
    // A broker that names other topics without end fills no memory.
    for number in 0..1000 {
        bench.link(LinkEvent::NotSubscribed { filter: format!("x/{number}"), reason: String::new() });
    }
    assert_eq!(bench.agent.facts.link.filters.len(), MAX_FILTERS);
}

#[test]
fn who_names_no_response_topic_is_answered_where_its_settings_say() {
    let mut bench = Bench::new();
    bench.up(Session::default());
    let request = bench.request(Request::Get(Get { param_paths: vec!["Device.LocalAgent.EndpointID".to_owned()], max_depth: 0 }));
    let session = Record {
        version: "1.4".to_owned(),
        to_id: bench.agent.id().to_string(),
        from_id: bench.me.to_string(),
        record_type: Some(RecordType::SessionContext(SessionContextRecord { session_id: 2, ..SessionContextRecord::default() })),
        ..Record::default()
    };
    for payload in [request.payload, session.encode_to_vec()] {
        let publication = Publication { topic: INBOX.to_owned(), payload, ..Publication::default() };
        let did = bench.link(LinkEvent::Received(publication, None));
        let [Did::Publish(answer)] = &did[..] else { panic!("{did:?}") };
        assert_eq!(answer.topic, "usp/controller/self::line3/proto::sim-1");
        if let Content::Disconnect { reason_code, .. } = opened(answer) {
            assert_eq!(reason_code, 7106);
        }
    }
    // The link stays.
    assert!(bench.agent.facts.link.up);
}

#[test]
fn an_assigned_client_identifier_is_kept_for_good() {
    let mut bench = Bench::new();
    bench.up(Session::default());
    let did = bench.set(CLIENT, "ClientID", "");
    assert_eq!(configured(&did).client_id, "");
    let did = bench.up(Session { assigned_client_id: Some("auto-9".to_owned()), ..Session::default() });
    assert_eq!(configured(&did).client_id, "auto-9");
    assert_eq!(bench.value(&format!("{CLIENT}ClientID")), "auto-9");
    bench.agent = start(&bench.clock, &bench.flash);
    let did = bench.did();
    assert_eq!(configured(&did).client_id, "auto-9");
    bench.set(CLIENT, "ClientID", "");
    let long = Some("x".repeat(MAX_CLIENT_ID + 1));
    bench.up(Session { assigned_client_id: long, ..Session::default() });
    assert_eq!(bench.value(&format!("{CLIENT}ClientID")), "");
}

/// A broker that gives a new name at each connection, asked or not.
#[test]
fn a_client_identifier_that_nobody_asked_for_wears_out_no_flash() {
    let mut bench = Bench::new();
    bench.up(Session::default());
    bench.set(CLIENT, "ClientID", "");
    let before = bench.flash.saves();
    for number in 1..=20 {
        bench.up(Session { assigned_client_id: Some(format!("auto-{number}")), ..Session::default() });
    }
    assert_eq!(bench.flash.saves(), before + 1);
    assert_eq!(bench.value(&format!("{CLIENT}ClientID")), "auto-1");
}

#[test]
fn force_reconnect_connects_anew() {
    let mut bench = Bench::new();
    bench.up(Session::default());
    let command = "Device.MQTT.Client.1.ForceReconnect()".to_owned();
    let did = bench.ask(Request::Operate(Operate { command, send_resp: true, ..Operate::default() }));
    assert_eq!(did.iter().filter(|did| **did == Did::Reconnect).count(), 1, "{did:?}");
    assert!(matches!(did.iter().find_map(answer), Some(Ok(Response::OperateResp(_)))), "{did:?}");
}

#[test]
fn after_a_disconnect_record_a_connect_record_comes_first() {
    let mut bench = Bench::new();
    bench.did();
    bench.up(Session::default());
    let me = bench.agent.id().clone();
    let session = Record {
        version: "1.4".to_owned(),
        to_id: me.to_string(),
        from_id: bench.me.to_string(),
        record_type: Some(RecordType::SessionContext(SessionContextRecord { session_id: 2, ..SessionContextRecord::default() })),
        ..Record::default()
    };
    // Once a controller says so, and once the agent does, to a session.
    for payload in [record::seal_disconnect(&bench.me, &me, "pause", 0), session.encode_to_vec()] {
        let publication =
            Publication { topic: INBOX.to_owned(), payload, response_topic: Some("reply".to_owned()), ..Publication::default() };
        let did = bench.link(LinkEvent::Received(publication, None));
        assert!(!did.iter().any(|did| subscribed_topic(did).is_some()), "it waits for something to say: {did:?}");
        let get = || Request::Get(Get { param_paths: vec!["Device.LocalAgent.EndpointID".to_owned()], max_depth: 0 });
        let did = bench.ask(get());
        let [connect, told] = &did[..] else { panic!("{did:?}") };
        assert!(subscribed_topic(connect).is_some() && answer(told).is_some(), "{did:?}");
        assert_eq!(bench.ask(get()).len(), 1, "once");
    }
}
