//! A controller that keeps so many requests in flight.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use line3_proto::link::{Link, LinkEvent};
use line3_proto::mqtt::{MqttConfig, MqttLink};
use line3_proto::record::{self, Content};
use line3_proto::usp::{Get, Msg, MsgContent, Request, Response, Set, UpdateObject, UpdateParamSetting};
use line3_proto::{EndpointId, Publication, QoS, Topic};
use tokio::runtime::Runtime;

/// Nothing takes this long unless it never comes.
const LIMIT: Duration = Duration::from_secs(20);

/// So many Gets of one kind.
pub(crate) struct Phase {
    pub(crate) path: &'static str,
    /// Of the requests; and of the answers, if the agent lets itself be told.
    pub(crate) qos: QoS,
    pub(crate) window: usize,
    pub(crate) requests: u32,
}

/// What came of it.
pub(crate) struct Took {
    /// Requests a second.
    pub(crate) rate: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// Of the last record that answered.
    pub(crate) bytes: usize,
}

/// See the module.
pub(crate) struct Client {
    runtime: Runtime,
    link: MqttLink,
    me: EndpointId,
    agent: EndpointId,
    reply: String,
    asked: u64,
    at_once: bool,
}

impl Client {
    /// Connects as the controller that agents know.
    pub(crate) fn connect(port: u16, agent: &EndpointId) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let me = EndpointId::parse("self::line3").unwrap();
        let topic = Topic::Controller { controller: me.clone(), sender: agent.clone() }.to_string();
        let reply = format!("{topic}/reply/load");
        let link = runtime.block_on(async {
            let mut config = MqttConfig::new("127.0.0.1", port, me.to_string(), 7);
            config.session_expiry = Duration::ZERO;
            let mut link = MqttLink::new(config);
            link.subscribe(&reply, QoS::AtLeastOnce);
            while !matches!(event(&mut link).await, LinkEvent::Up(_)) {}
            link
        });
        Self { runtime, link, me, agent: agent.clone(), reply, asked: 0, at_once: false }
    }

    fn seal(&mut self, request: Request, qos: QoS) -> (String, Publication) {
        self.asked += 1;
        let id = self.asked.to_string();
        let publication = Publication {
            topic: Topic::Agent(self.agent.clone()).to_string(),
            payload: record::seal(&self.me, &self.agent, &Msg::request(&id, request)),
            qos,
            response_topic: Some(self.reply.clone()),
            content_type: Some("usp.msg".to_owned()),
            ..Publication::default()
        };
        (id, publication)
    }

    /// Whether the agent's QoS can be set; it is 0 then.
    pub(crate) fn answers_at_most_once(&mut self) -> bool {
        self.at_once = self.answer_with(QoS::AtMostOnce);
        self.at_once
    }

    /// Tells the agent with which QoS to answer; whether it does.
    fn answer_with(&mut self, qos: QoS) -> bool {
        let value = u8::from(qos == QoS::AtLeastOnce).to_string();
        let setting = UpdateParamSetting { param: "PublishQoS".to_owned(), value, required: true };
        let update = UpdateObject { obj_path: "Device.LocalAgent.MTP.1.MQTT.".to_owned(), param_settings: vec![setting] };
        let (_, publication) = self.seal(Request::Set(Set { allow_partial: false, update_objs: vec![update] }), QoS::AtLeastOnce);
        let Self { runtime, link, me, .. } = self;
        runtime.block_on(async {
            link.publish(0, publication).unwrap();
            loop {
                if let LinkEvent::Received(publication, _) = event(link).await {
                    let Ok(Content::Message(message)) = record::open(&publication.payload, me).map(|opened| opened.content) else {
                        continue;
                    };
                    return matches!(message.into_content(), Some((_, MsgContent::Response(Response::SetResp(_)))));
                }
            }
        })
    }

    /// Runs a phase to its end.
    pub(crate) fn run(&mut self, phase: &Phase) -> Took {
        if self.at_once {
            assert!(self.answer_with(phase.qos), "the agent changed its mind about PublishQoS");
        }
        let mut flying: HashMap<String, Instant> = HashMap::new();
        let (mut left, mut times, mut bytes) = (phase.requests, Vec::new(), 0);
        let start = Instant::now();
        while left > 0 || !flying.is_empty() {
            while left > 0 && flying.len() < phase.window {
                let request = Request::Get(Get { param_paths: vec![phase.path.to_owned()], max_depth: 0 });
                let (id, publication) = self.seal(request, phase.qos);
                flying.insert(id, Instant::now());
                self.link.publish(0, publication).unwrap();
                left -= 1;
            }
            let publication = self.runtime.block_on(async {
                loop {
                    if let LinkEvent::Received(publication, _) = event(&mut self.link).await {
                        return publication;
                    }
                }
            });
            bytes = publication.payload.len();
            let Ok(Content::Message(message)) = record::open(&publication.payload, &self.me).map(|opened| opened.content) else {
                panic!("no message came");
            };
            let Some((id, MsgContent::Response(Response::GetResp(answer)))) = message.into_content() else { panic!("no GetResp came") };
            assert!(answer.req_path_results.iter().all(|result| result.err_code == 0), "{answer:?}");
            times.extend(flying.remove(&id).map(|sent| sent.elapsed()));
        }
        let rate = f64::from(phase.requests) / start.elapsed().as_secs_f64();
        times.sort_unstable();
        let of = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
        Took { rate, p50: of(50), p99: of(99), bytes }
    }
}

async fn event(link: &mut MqttLink) -> LinkEvent {
    let event = tokio::time::timeout(LIMIT, link.next()).await.expect("the agent is silent");
    match event {
        LinkEvent::Down { reason, .. } | LinkEvent::Refused(_, reason) | LinkEvent::NotSubscribed { reason, .. } => panic!("{reason}"),
        event => event,
    }
}
