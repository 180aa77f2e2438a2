//! The MQTT binding: section 11. Most cases look at packets, or want a broker that says what Mosquitto does not: they have a
//! [`ScriptedBroker`] of their own. "Reboot" there is a new start of the agent.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use line3_proto::record::{self, Content};
use line3_proto::usp::{GetSupportedDm, MqttVersion, Msg, Response};
use line3_proto::{EndpointId, Publication};
use rumqttc::{ConnectAuth, DisconnectReasonCode, Packet, QoS, SubscribeReasonCode};

use crate::controller::{Controller, LIMIT};
use crate::eut::{CONTROLLER, Eut, Process};
use crate::lab::Lab;
use crate::scripted_broker::{Client, ScriptedBroker, get};
use crate::setup::{added, all};

cases! {
    tp_11_1_support_of_required_profiles,
    own tp_11_2_session_establishment,
    own tp_11_3_use_of_tls: "the plan's path lacks the last dot",
    own tp_11_4_client_id,
    own tp_11_5_client_id_persistence,
    own tp_11_6_message_retry,
    own tp_11_7_keep_alive,
    own tp_11_8_subscribe_packet,
    own tp_11_9_new_subscription: "the plan's path in step 5 lacks the last dot",
    own tp_11_10_no_topic_in_connack: "ResponseTopicConfigured, which names a topic too, is emptied",
    own tp_11_11_failure_to_subscribe,
    own tp_11_12_publish_packet: "the plan's path lacks the last dot",
    own tp_11_13_qos,
    tp_11_14_reply_to_topic: "the plan's path lacks the last dot",
    tp_11_15_content_type: "the plan's paths lack the last dot",
    own tp_11_16_connection_retry,
    own tp_11_17_connect_record,
}

/// The active MQTT client.
const CLIENT: &str = "Device.MQTT.Client.1.";

/// Its subscriptions.
const SUBSCRIPTIONS: &str = "Device.MQTT.Client.1.Subscription.";

/// A started agent and its first connection, every subscription granted.
fn connected(lab: &Arc<Lab>, case: &str) -> (ScriptedBroker, Process, Client) {
    let broker = ScriptedBroker::new();
    let mut agent = broker.agent(lab, case);
    agent.start();
    let client = broker.welcome(&agent);
    (broker, agent, client)
}

/// Ends the agent and starts it again.
fn reboot(agent: &mut Process) {
    agent.kill();
    agent.start();
}

fn is_answer(answer: &Result<Response, line3_proto::usp::Error>) -> bool {
    matches!(answer, Ok(Response::GetResp(response)) if !all(response).is_empty())
}

fn tp_11_1_support_of_required_profiles(eut: &mut Eut) {
    let response = eut.supported(GetSupportedDm {
        obj_paths: vec!["Device.MQTT.".to_owned(), "Device.LocalAgent.".to_owned()],
        return_params: true,
        ..GetSupportedDm::default()
    });
    let response = response.unwrap();
    let objects = response.req_obj_results.iter().flat_map(|result| &result.supported_objs);
    let supported: Vec<String> = objects
        .flat_map(|object| object.supported_params.iter().map(|param| format!("{}{}", object.supported_obj_path, param.param_name)))
        .collect();
    // TR-181's profiles, and those that they build on. MessageRetryTime is excused where only MQTT 5.0 is spoken.
    let profiles = [
        // MQTTClientCon:1
        ("Device.MQTT.", "ClientNumberOfEntries"),
        ("Device.MQTT.Capabilities.", "ProtocolVersionsSupported TransportProtocolSupported"),
        (
            "Device.MQTT.Client.{i}.",
            "Enable Status ProtocolVersion BrokerAddress BrokerPort CleanSession KeepAliveTime Name ClientID Username Password \
             TransportProtocol ConnectRetryTime ConnectRetryIntervalMultiplier ConnectRetryMaxInterval ResponseInformation",
        ),
        // MQTTClientBase:1, as far as the one before has it not
        ("Device.MQTT.Client.{i}.Stats.", "BrokerConnectionEstablished MQTTMessagesSent MQTTMessagesReceived ConnectionErrors"),
        // MQTTClientSubscribe:1
        ("Device.MQTT.Client.{i}.", "SubscriptionNumberOfEntries"),
        ("Device.MQTT.Client.{i}.Subscription.{i}.", "Topic QoS Enable"),
        // LocalAgent:1
        ("Device.LocalAgent.", "EndpointID AdvertisedDeviceSubtypes MTPNumberOfEntries"),
        ("Device.LocalAgent.MTP.{i}.", "Alias Protocol"),
        // MQTTAgent:1
        ("Device.LocalAgent.MTP.{i}.MQTT.", "Reference ResponseTopicConfigured ResponseTopicDiscovered"),
        // Controllers:1
        ("Device.LocalAgent.", "ControllerNumberOfEntries"),
        ("Device.LocalAgent.Controller.{i}.", "Enable Alias EndpointID AssignedRole PeriodicNotifInterval MTPNumberOfEntries"),
        ("Device.LocalAgent.Controller.{i}.MTP.{i}.", "Enable Alias Protocol"),
        // MQTTController:1
        ("Device.LocalAgent.Controller.{i}.MTP.{i}.MQTT.", "Reference Topic"),
    ];
    for (object, names) in profiles {
        for name in names.split(' ') {
            // Each once: a parameter that is told twice is one too many.
            let count = supported.iter().filter(|path| **path == format!("{object}{name}")).count();
            assert_eq!(count, 1, "{object}{name}");
        }
    }
    // Besides publications there was CONNECT and a SUBSCRIBE, and the answers to them.
    let stats = crate::setup::values(eut, "Device.MQTT.Client.1.Stats.");
    let number = |name: &str| stats[&format!("Device.MQTT.Client.1.Stats.{name}")].parse::<u64>().unwrap();
    assert!(number("MQTTMessagesSent") >= number("PublishSent") + 2, "{stats:?}");
    assert!(number("MQTTMessagesReceived") >= number("PublishReceived") + 2, "{stats:?}");
}

fn tp_11_2_session_establishment(lab: &Arc<Lab>) {
    let (broker, mut agent, mut client) = connected(lab, "tp_11_2");
    client.set(CLIENT, &[("Username", "the user"), ("Password", "the password")]);
    reboot(&mut agent);
    // The codec takes MQTT 5.0 only.
    let client = broker.accept(&agent);
    let told = client.connect.properties.clone().unwrap();
    assert_eq!(told.user_properties, [("usp-endpoint-id".to_owned(), agent.id.to_string())]);
    let ConnectAuth::UsernamePassword { username, password } = &client.login else { panic!("{:?}", client.login) };
    assert_eq!((username.as_str(), &password[..]), ("the user", &b"the password"[..]));
}

fn tp_11_3_use_of_tls(lab: &Arc<Lab>) {
    let tap = Tap::before(lab.boxes());
    let mut agent = Process::new(lab, "self::tp_11_3", tap.address, true, "[report]\ninterval = 86400\nparameters = []\n");
    let mut controller = Controller::connect(lab, CONTROLLER, &agent.id);
    agent.start();
    controller.until_online();
    agent.kill();
    tap.forget();
    controller.forget_records();
    agent.start();
    controller.until_online();
    assert!(!all(&controller.get(&["Device.DeviceInfo."]).unwrap()).is_empty());
    for (who, bytes) in ["agent", "broker"].into_iter().zip(tap.bytes()) {
        assert!(bytes.len() > 1000, "{who} sent {} bytes only", bytes.len());
        let mut rest = &bytes[..];
        // TLS records and nothing else: type, version 3.1 (of the first ClientHello) or 3.3, length. Up to the last whole one.
        while let [kind, 3, version @ (1 | 3), high, low, tail @ ..] = rest {
            assert!((20..=23).contains(kind), "{who}: a record of type {kind}");
            assert!(*version == 3 || (who == "agent" && *kind == 22), "{who}: version 3.{version}");
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            match tail.get(length..) {
                Some(tail) => rest = tail,
                None => rest = &[],
            }
        }
        assert!(rest.len() < 5, "{who} sent something that is no TLS: {:?}", &rest[..rest.len().min(20)]);
        // A ServerHello of TLS 1.0 or 1.1 would say so in its body.
        if who == "broker" {
            assert_eq!(bytes[5], 2, "no ServerHello");
            assert_eq!(bytes[9..11], [3, 3], "TLS 1.2 or later says 3.3 there");
        }
    }
    refuses_tls_1_1(lab);
}

/// A broker of TLS 1.1 hears nothing but that it is too old.
fn refuses_tls_1_1(lab: &Arc<Lab>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut agent = Process::new(lab, "self::tp_11_3_old", listener.local_addr().unwrap(), true, "");
    agent.start();
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let record = |stream: &mut TcpStream| {
        let mut head = [0; 5];
        stream.read_exact(&mut head).unwrap();
        let mut body = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        stream.read_exact(&mut body).unwrap();
        (head[0], body)
    };
    let (kind, hello) = record(&mut stream);
    assert_eq!((kind, hello[0]), (22, 1), "no ClientHello");
    // ServerHello of version 3.2: random, no session, ECDHE with RSA and AES-128-CBC, no compression.
    let body = [&[3, 2][..], &[7; 32], &[0, 0xC0, 0x13, 0]].concat();
    stream.write_all(&[&[22, 3, 2, 0, 42, 2, 0, 0, 38][..], &body].concat()).unwrap();
    assert_eq!(record(&mut stream), (21, vec![2, 70]), "no alert protocol_version");
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0, "it goes on");
}

fn tp_11_4_client_id(lab: &Arc<Lab>) {
    let (broker, mut agent, mut client) = connected(lab, "tp_11_4");
    client.set(CLIENT, &[("ClientID", "")]);
    reboot(&mut agent);
    let mut client = broker.accept(&agent);
    assert_eq!(client.connect.client_id, "");
    client.connack(|told| told.assigned_client_identifier = Some("assigned-469".to_owned()));
    client.grant();
    assert_eq!(client.value("Device.MQTT.Client.1.ClientID"), "assigned-469");
}

fn tp_11_5_client_id_persistence(lab: &Arc<Lab>) {
    let (broker, mut agent, mut client) = connected(lab, "tp_11_5");
    let configured = client.value("Device.MQTT.Client.1.ClientID");
    assert_eq!(client.connect.client_id, configured);
    reboot(&mut agent);
    let mut client = broker.welcome(&agent);
    assert_eq!(client.connect.client_id, configured);
    // The one that a broker has assigned is kept just the same.
    client.set(CLIENT, &[("ClientID", "")]);
    reboot(&mut agent);
    let mut client = broker.accept(&agent);
    client.connack(|told| told.assigned_client_identifier = Some("assigned-469".to_owned()));
    client.grant();
    assert_eq!(client.value("Device.MQTT.Client.1.ClientID"), "assigned-469");
    reboot(&mut agent);
    assert_eq!(broker.accept(&agent).connect.client_id, "assigned-469");
}

/// How late a retry may be on a busy machine.
const LATE: Duration = Duration::from_secs(1);

/// Asserts that a wait was in the range of this retry.
fn in_range(waited: Duration, m: Duration, k: u32, retry: u32) {
    let (low, high) = (m.mul_f64((f64::from(k) / 1000.0).powi(retry as i32 - 1)), m.mul_f64((f64::from(k) / 1000.0).powi(retry as i32)));
    // The clocks of two processes: what was waited for may have begun a little before it was seen.
    assert!(waited + Duration::from_millis(100) >= low && waited <= high + LATE, "retry {retry} after {waited:?}, not {low:?} to {high:?}");
}

fn tp_11_6_message_retry(lab: &Arc<Lab>) {
    let (broker, agent, mut client) = connected(lab, "tp_11_6");
    let values = all(&client.get("Device.MQTT.Client."));
    let number = |name: &str| values[&format!("{CLIENT}{name}")].parse::<u32>().unwrap();
    let (m, k) = (Duration::from_secs(number("ConnectRetryTime").into()), number("ConnectRetryIntervalMultiplier"));
    client.operate("Device.Reboot()");
    client.disconnect();
    // Disabled: nobody gets a word out of the broker.
    let knock = || {
        let stream = broker.knock(Duration::from_secs(30)).unwrap_or_else(|| panic!("no try:\n{}", agent.log()));
        drop(stream);
        Instant::now()
    };
    let (first, second) = (knock(), knock());
    in_range(second - first, m, k, 1);
    let third = knock();
    in_range(third - second, m, k, 2);
    // Enabled again; the third retry comes after 20 to 40 s.
    let mut client = broker.try_accept(&agent, Instant::now() + Duration::from_secs(45)).expect("the agent comes back");
    client.connack(|_| ());
    client.grant();
}

fn tp_11_7_keep_alive(lab: &Arc<Lab>) {
    let (broker, mut agent, mut client) = connected(lab, "tp_11_7");
    client.set(CLIENT, &[("KeepAliveTime", "60")]);
    reboot(&mut agent);
    let mut client = broker.accept(&agent);
    assert_eq!(client.connect.keep_alive, 60);
    client.connack(|told| told.server_keep_alive = Some(30));
    client.grant();
    client.until("PINGREQ", Duration::from_secs(45), |packet| matches!(packet, Packet::PingReq).then_some(()));
}

fn tp_11_8_subscribe_packet(lab: &Arc<Lab>) {
    let (broker, mut agent, _) = connected(lab, "tp_11_8");
    reboot(&mut agent);
    let mut client = broker.accept(&agent);
    assert_eq!(client.connect.properties.as_ref().unwrap().request_response_info, Some(1));
    client.connack(|told| {
        told.user_properties.push(("subscribe-topic".to_owned(), "topic-11-8".to_owned()));
        told.response_information = Some("response-11-8".to_owned());
    });
    let filters = client.grant();
    assert!(filters.contains(&"topic-11-8".to_owned()), "{filters:?}");
    assert!(filters.contains(&"response-11-8".to_owned()), "{filters:?}");
}

fn tp_11_9_new_subscription(lab: &Arc<Lab>) {
    let (_broker, _agent, mut client) = connected(lab, "tp_11_9");
    let (row, _) = subscribe(&mut client, "newTopic-11-9", None);
    let (answer, _) = client.ask_on("newTopic-11-9", QoS::AtLeastOnce, get(&row));
    assert!(is_answer(&answer), "{answer:?}");
    assert_eq!(client.value(&format!("{row}Status")), "Subscribed");
    assert!(!client.seen.iter().any(|packet| matches!(packet, Packet::Unsubscribe(_))), "{:?}", client.seen);
    client.set(&row, &[("Enable", "false")]);
    let unsubscribe = match client.seen.iter().find(|packet| matches!(packet, Packet::Unsubscribe(_))) {
        Some(Packet::Unsubscribe(unsubscribe)) => unsubscribe.clone(),
        _ => client.unsubscribe(),
    };
    assert_eq!(unsubscribe.filters, ["newTopic-11-9"]);
    client.unsuback(&unsubscribe);
    assert_eq!(client.value(&format!("{row}Status")), "Unsubscribed");
}

/// Adds a Subscription row, finds its SUBSCRIBE and grants it. Gives the row's path and the QoS that was asked for.
fn subscribe(client: &mut Client, topic: &str, qos: Option<&str>) -> (String, QoS) {
    let before = client.subscribed().len();
    let mut params = vec![("Enable", "true"), ("Topic", topic)];
    params.extend(qos.map(|qos| ("QoS", qos)));
    let row = added(&client.add(SUBSCRIPTIONS, &params), 0).instantiated_path.clone();
    // It may have come before the answer.
    let subscribe = client.subscribed().into_iter().nth(before).unwrap_or_else(|| client.subscribe());
    assert_eq!(subscribe.filters.len(), 1, "{subscribe:?}");
    assert_eq!(subscribe.filters[0].path, topic);
    client.suback(&subscribe, SubscribeReasonCode::Success(subscribe.filters[0].qos));
    (row, subscribe.filters[0].qos)
}

fn tp_11_10_no_topic_in_connack(lab: &Arc<Lab>) {
    let broker = ScriptedBroker::new();
    let mut agent = broker.agent(lab, "tp_11_10");
    agent.start();
    let mut client = broker.accept(&agent);
    client.connack(|told| told.user_properties.push(("subscribe-topic".to_owned(), "named".to_owned())));
    client.grant();
    // No Subscription rows are there from the start; the topic of the MTP goes, too.
    assert_eq!(client.value("Device.MQTT.Client.1.SubscriptionNumberOfEntries"), "0");
    client.set("Device.LocalAgent.MTP.1.MQTT.", &[("ResponseTopicConfigured", "")]);
    reboot(&mut agent);
    let mut client = broker.accept(&agent);
    client.connack(|_| ());
    client.disconnect();
    assert!(!client.has_published());
}

fn tp_11_11_failure_to_subscribe(lab: &Arc<Lab>) {
    let (broker, mut agent, mut client) = connected(lab, "tp_11_11");
    client.set("Device.LocalAgent.Controller.1.", &[("PeriodicNotifInterval", "60")]);
    let periodic = [
        ("Enable", "true"),
        ("ID", "periodic"),
        ("NotifType", "Event"),
        ("ReferenceList", "Device.LocalAgent.Periodic!"),
        ("Persistent", "true"),
    ];
    added(&client.add("Device.LocalAgent.Subscription.", &periodic), 0);
    reboot(&mut agent);
    let until = Instant::now() + Duration::from_secs(120);
    let mut refused = 0;
    while Instant::now() < until {
        let Some(mut client) = broker.try_accept(&agent, until) else { break };
        client.connack(|_| ());
        let subscribe = client.subscribe();
        client.suback(&subscribe, SubscribeReasonCode::NotAuthorized);
        client.disconnect();
        assert!(!client.has_published(), "{:?}", client.seen);
        refused += 1;
    }
    assert!(refused >= 2, "the agent tried {refused} times");
}

fn tp_11_12_publish_packet(lab: &Arc<Lab>) {
    let (broker, mut agent, _) = connected(lab, "tp_11_12");
    reboot(&mut agent);
    let mut client = broker.accept(&agent);
    client.connack(|told| told.response_information = Some("response-11-12".to_owned()));
    assert_eq!(client.grant(), ["response-11-12"]);
    let (answer, publish) = client.ask_on("response-11-12", QoS::AtLeastOnce, get("Device.DeviceInfo."));
    assert!(is_answer(&answer), "{answer:?}");
    let told = publish.properties.unwrap();
    assert_eq!(told.response_topic.as_deref(), Some("response-11-12"));
    assert_eq!(told.content_type.as_deref(), Some("usp.msg"));
}

fn tp_11_13_qos(lab: &Arc<Lab>) {
    let (_broker, _agent, mut client) = connected(lab, "tp_11_13");
    let (zero, asked) = subscribe(&mut client, "newTopic-11-13-QoS0", Some("0"));
    assert_eq!(asked, QoS::AtMostOnce);
    let (one, asked) = subscribe(&mut client, "newTopic-11-13-QoS1", Some("1"));
    assert_eq!(asked, QoS::AtLeastOnce);
    let (answer, _) = client.ask_on("newTopic-11-13-QoS0", QoS::AtMostOnce, get(&zero));
    assert!(is_answer(&answer), "{answer:?}");
    let (answer, _) = client.ask_on("newTopic-11-13-QoS1", QoS::AtLeastOnce, get(&one));
    assert!(is_answer(&answer), "{answer:?}");
    assert!(client.seen.iter().any(|packet| matches!(packet, Packet::PubAck(_))), "what came with QoS 1 is acknowledged");
}

fn tp_11_14_reply_to_topic(eut: &mut Eut) {
    let before = eut.heard().len();
    assert!(!all(&eut.get(&["Device.DeviceInfo."]).unwrap()).is_empty());
    let (reply_topic, agent_topic) = (eut.reply_topic.clone(), eut.agent_topic.clone());
    let answer = eut.heard()[before..].iter().find(|publication| publication.topic == reply_topic).expect("an answer on the reply topic");
    assert_eq!(answer.response_topic.as_deref(), Some(agent_topic.as_str()));
}

fn tp_11_15_content_type(eut: &mut Eut) {
    for (id, content_type) in [("one", "usp.msg"), ("two", "application/vnd.bbf.usp.msg")] {
        let publication = Publication {
            topic: eut.agent_topic.clone(),
            payload: record::seal(&eut.me, &eut.agent, &Msg::request(id, get("Device.DeviceInfo."))),
            response_topic: Some(eut.reply_topic.clone()),
            content_type: Some(content_type.to_owned()),
            ..Publication::default()
        };
        eut.raw_publish(publication);
        let answer = eut.answer(id, LIMIT).unwrap_or_else(|| panic!("no answer to {content_type}"));
        assert!(is_answer(&answer), "{answer:?}");
    }
}

fn tp_11_16_connection_retry(lab: &Arc<Lab>) {
    let (broker, agent, mut client) = connected(lab, "tp_11_16");
    let number = |client: &mut Client, name: &str| client.value(&format!("{CLIENT}{name}")).parse::<u32>().unwrap();
    let m = Duration::from_secs(number(&mut client, "ConnectRetryTime").into());
    let k = number(&mut client, "ConnectRetryIntervalMultiplier");
    let began = Instant::now();
    client.send_away(DisconnectReasonCode::ServerShuttingDown);
    let mut client = broker.accept(&agent);
    in_range(began.elapsed(), m, k, 1);
    client.connack(|_| ());
    client.grant();
}

fn tp_11_17_connect_record(lab: &Arc<Lab>) {
    let (broker, mut agent, _) = connected(lab, "tp_11_17");
    reboot(&mut agent);
    let mut client = broker.accept(&agent);
    client.connack(|_| ());
    let filters = client.grant();
    let first = client.publish(Duration::from_secs(30));
    let opened = record::open(&first.payload, &EndpointId::parse(CONTROLLER).unwrap()).unwrap();
    let Content::Connect { mqtt, subscribed_topic } = opened.content else { panic!("{:?}", opened.content) };
    assert_eq!(mqtt, MqttVersion::V5);
    assert!(filters.contains(&subscribed_topic), "{subscribed_topic} is not among {filters:?}");
}

/// Passes everything on between the agent and the broker, and keeps a copy.
struct Tap {
    address: SocketAddr,
    /// What the agent sent, and what the broker sent.
    heard: [Arc<Mutex<Vec<u8>>>; 2],
}

impl Tap {
    fn before(broker: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let tap = Self { address: listener.local_addr().unwrap(), heard: Default::default() };
        let heard = tap.heard.clone();
        std::thread::spawn(move || {
            for agent in listener.incoming() {
                let (Ok(agent), Ok(broker)) = (agent, TcpStream::connect(broker)) else { return };
                for (from, to, heard) in [(&agent, &broker, &heard[0]), (&broker, &agent, &heard[1])] {
                    let (mut from, mut to, heard) = (from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(heard));
                    std::thread::spawn(move || {
                        let mut bytes = [0; 4096];
                        while let Ok(count @ 1..) = from.read(&mut bytes) {
                            heard.lock().unwrap().extend_from_slice(&bytes[..count]);
                            if to.write_all(&bytes[..count]).is_err() {
                                break;
                            }
                        }
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        tap
    }

    fn forget(&self) {
        // What the old connection still has to say comes before this.
        std::thread::sleep(Duration::from_millis(300));
        self.heard.iter().for_each(|heard| heard.lock().unwrap().clear());
    }

    fn bytes(&self) -> [Vec<u8>; 2] {
        self.heard.each_ref().map(|heard| heard.lock().unwrap().clone())
    }
}
