//! A USP controller for one agent, as plain as a case wants it: every call waits for its answer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use line3_proto::mqtt::{MqttConfig, client_tls};
use line3_proto::record::{self, Content};
use line3_proto::usp::{
    Add, AddResp, CreateObject, CreateParamSetting, Delete, DeleteResp, Error, Get, GetInstances, GetInstancesResp, GetResp,
    GetSupportedDm, GetSupportedDmResp, GetSupportedProtocol, GetSupportedProtocolResp, Msg, MsgContent, Notify, Operate, OperateResp,
    Record, Request, Response, Set, SetResp, UpdateObject, UpdateParamSetting,
};
use line3_proto::{EndpointId, Publication, Topic};
use prost::Message as _;

use crate::lab::Lab;
use crate::line::{Line, Seen};

/// Nothing takes this long unless it never comes.
pub(crate) const LIMIT: Duration = Duration::from_secs(15);

/// Parameters to set: name, value, required.
pub(crate) type Params<'a> = &'a [(&'a str, &'a str, bool)];

/// See the module. It listens on `usp/controller/<me>/<agent>` and on its reply topic below that.
pub(crate) struct Controller {
    pub(crate) me: EndpointId,
    pub(crate) agent: EndpointId,
    /// Where requests go.
    pub(crate) agent_topic: String,
    /// The Response Topic of requests.
    pub(crate) reply_topic: String,
    line: Line,
    asked: u32,
    /// What came and was not fetched yet.
    notifies: VecDeque<Notify>,
    answers: Vec<(String, MsgContent)>,
    records: VecDeque<Content>,
    /// Everything that came, for a case that looks at publications.
    heard: Vec<Publication>,
    /// Filters that the broker has granted.
    granted: Vec<String>,
}

impl Controller {
    /// Connects as this endpoint id and listens to the agent.
    pub(crate) fn connect(lab: &Arc<Lab>, id: &str, agent: &EndpointId) -> Self {
        let me = EndpointId::parse(id).unwrap();
        let files = lab.issue(&lab.dir("controller"), id);
        let read = |path: &std::path::Path| std::fs::read(path).unwrap();
        let tls = client_tls(&read(&files.ca), &read(&files.certificate), &read(&files.key)).unwrap();
        let mut config = MqttConfig::new("127.0.0.1", lab.controllers().port(), format!("{me}.{agent}"), 469);
        config.tls = Some(tls);
        config.session_expiry = Duration::ZERO;
        let topic = Topic::Controller { controller: me.clone(), sender: agent.clone() }.to_string();
        let agent_topic = Topic::Agent(agent.clone()).to_string();
        let line = Line::open(config, &me, &agent_topic, vec![format!("{topic}/#")]);
        let mut controller = Self {
            reply_topic: format!("{topic}/reply/tp"),
            agent: agent.clone(),
            agent_topic,
            me,
            line,
            asked: 0,
            notifies: VecDeque::new(),
            answers: Vec::new(),
            records: VecDeque::new(),
            heard: Vec::new(),
            granted: Vec::new(),
        };
        loop {
            match controller.line.seen.recv_timeout(LIMIT) {
                Ok(Seen::Up) => return controller,
                Ok(Seen::Subscribed(filter)) => controller.granted.push(filter),
                Ok(Seen::Refused(why)) => panic!("{id} cannot connect: {why}"),
                Ok(Seen::Heard(publication, content)) => controller.file(publication, content),
                Err(_) => panic!("{id} cannot connect: the broker is silent"),
            }
        }
    }

    // -- requests

    /// Sends a request and gives its answer. Fails where none comes.
    pub(crate) fn request(&mut self, request: Request) -> Result<Response, Error> {
        let shown = format!("{request:?}");
        let id = self.send(request);
        self.answer(&id, LIMIT).unwrap_or_else(|| panic!("no answer to {shown}; {}", self.rest()))
    }

    /// Sends a request and does not wait; gives its message id.
    pub(crate) fn send(&mut self, request: Request) -> String {
        self.asked += 1;
        let id = format!("tp-{}", self.asked);
        self.send_message(&Msg::request(&id, request));
        id
    }

    /// Sends a message as it is.
    pub(crate) fn send_message(&mut self, message: &Msg) {
        let payload = record::seal(&self.me, &self.agent, message);
        self.publish(payload);
    }

    /// Sends a record as it is.
    pub(crate) fn send_record(&mut self, record: &Record) {
        self.publish(record.encode_to_vec());
    }

    /// Sends these bytes where a record belongs.
    pub(crate) fn publish(&mut self, payload: Vec<u8>) {
        let publication = Publication {
            topic: self.agent_topic.clone(),
            payload,
            response_topic: Some(self.reply_topic.clone()),
            content_type: Some("usp.msg".to_owned()),
            ..Publication::default()
        };
        self.raw_publish(publication);
    }

    /// Sends a publication as it is.
    pub(crate) fn raw_publish(&mut self, publication: Publication) {
        self.line.publish(publication);
    }

    /// Listens on one more topic, from now on.
    pub(crate) fn subscribe(&mut self, filter: &str) {
        self.line.subscribe(filter);
        let granted = |me: &mut Self| me.granted.iter().any(|known| known == filter).then_some(());
        self.wait(LIMIT, granted).unwrap_or_else(|| panic!("the broker grants no subscription to {filter}; {}", self.rest()));
    }

    /// The answer to the request with this message id, if it comes in this time.
    pub(crate) fn answer(&mut self, id: &str, limit: Duration) -> Option<Result<Response, Error>> {
        let found = |me: &mut Self| {
            let index = me.answers.iter().position(|(known, _)| known == id)?;
            Some(me.answers.remove(index).1)
        };
        match self.wait(limit, found)? {
            MsgContent::Response(response) => Some(Ok(response)),
            MsgContent::Error(error) => Some(Err(error)),
            MsgContent::Request(_) => None,
        }
    }

    /// Nothing was answered that nobody waited for: twice, to a request that wants no answer, or under another message's id.
    pub(crate) fn no_answer_is_left(&mut self) {
        self.wait(Duration::ZERO, |_| None::<()>);
        assert!(self.answers.is_empty(), "answers that nobody waited for: {:?}", self.answers);
    }

    /// For a case that has judged all answers in [`heard`](Self::heard).
    pub(crate) fn forget_answers(&mut self) {
        self.answers.clear();
    }

    pub(crate) fn get(&mut self, paths: &[&str]) -> Result<GetResp, Error> {
        self.get_to_depth(paths, 0)
    }

    pub(crate) fn get_to_depth(&mut self, paths: &[&str], max_depth: u32) -> Result<GetResp, Error> {
        match self.request(Request::Get(Get { param_paths: owned(paths), max_depth }))? {
            Response::GetResp(response) => Ok(response),
            other => panic!("no GetResp: {other:?}"),
        }
    }

    /// Each object with its parameters.
    pub(crate) fn add(&mut self, allow_partial: bool, objects: &[(&str, Params<'_>)]) -> Result<AddResp, Error> {
        let setting =
            |&(param, value, required): &(&str, &str, bool)| CreateParamSetting { param: param.into(), value: value.into(), required };
        let object = |(path, params): &(&str, Params<'_>)| CreateObject {
            obj_path: (*path).to_owned(),
            param_settings: params.iter().map(setting).collect(),
        };
        match self.request(Request::Add(Add { allow_partial, create_objs: objects.iter().map(object).collect() }))? {
            Response::AddResp(response) => Ok(response),
            other => panic!("no AddResp: {other:?}"),
        }
    }

    /// Each object with its parameters.
    pub(crate) fn set(&mut self, allow_partial: bool, objects: &[(&str, Params<'_>)]) -> Result<SetResp, Error> {
        let setting =
            |&(param, value, required): &(&str, &str, bool)| UpdateParamSetting { param: param.into(), value: value.into(), required };
        let object = |(path, params): &(&str, Params<'_>)| UpdateObject {
            obj_path: (*path).to_owned(),
            param_settings: params.iter().map(setting).collect(),
        };
        match self.request(Request::Set(Set { allow_partial, update_objs: objects.iter().map(object).collect() }))? {
            Response::SetResp(response) => Ok(response),
            other => panic!("no SetResp: {other:?}"),
        }
    }

    pub(crate) fn delete(&mut self, allow_partial: bool, paths: &[&str]) -> Result<DeleteResp, Error> {
        match self.request(Request::Delete(Delete { allow_partial, obj_paths: owned(paths) }))? {
            Response::DeleteResp(response) => Ok(response),
            other => panic!("no DeleteResp: {other:?}"),
        }
    }

    /// Operate with send_resp.
    pub(crate) fn operate(&mut self, command: &str, command_key: &str, args: &[(&str, &str)]) -> Result<OperateResp, Error> {
        match self.request(Request::Operate(operation(command, command_key, true, args)))? {
            Response::OperateResp(response) => Ok(response),
            other => panic!("no OperateResp: {other:?}"),
        }
    }

    /// Operate without send_resp, so nothing is waited for; gives the message id.
    pub(crate) fn operate_silently(&mut self, command: &str, command_key: &str, args: &[(&str, &str)]) -> String {
        self.send(Request::Operate(operation(command, command_key, false, args)))
    }

    pub(crate) fn instances(&mut self, paths: &[&str], first_level_only: bool) -> Result<GetInstancesResp, Error> {
        match self.request(Request::GetInstances(GetInstances { obj_paths: owned(paths), first_level_only }))? {
            Response::GetInstancesResp(response) => Ok(response),
            other => panic!("no GetInstancesResp: {other:?}"),
        }
    }

    pub(crate) fn supported(&mut self, request: GetSupportedDm) -> Result<GetSupportedDmResp, Error> {
        match self.request(Request::GetSupportedDm(request))? {
            Response::GetSupportedDmResp(response) => Ok(response),
            other => panic!("no GetSupportedDMResp: {other:?}"),
        }
    }

    pub(crate) fn supported_protocol(&mut self, versions: &str) -> Result<GetSupportedProtocolResp, Error> {
        let request = GetSupportedProtocol { controller_supported_protocol_versions: versions.to_owned() };
        match self.request(Request::GetSupportedProtocol(request))? {
            Response::GetSupportedProtocolResp(response) => Ok(response),
            other => panic!("no GetSupportedProtocolResp: {other:?}"),
        }
    }

    // -- notifications

    /// The next Notify. Those that come are answered at once, see [`answer_notify`](Self::answer_notify).
    pub(crate) fn notify(&mut self, limit: Duration) -> Notify {
        self.wait(limit, |me| me.notifies.pop_front()).unwrap_or_else(|| panic!("no Notify in {limit:?}; {}", self.rest()))
    }

    /// The next Notify of this subscription; others stay for later.
    pub(crate) fn notify_of(&mut self, subscription: &str, limit: Duration) -> Notify {
        let found = |me: &mut Self| {
            let index = me.notifies.iter().position(|notify| notify.subscription_id == subscription)?;
            me.notifies.remove(index)
        };
        self.wait(limit, found).unwrap_or_else(|| panic!("no Notify of {subscription:?} in {limit:?}; {}", self.rest()))
    }

    /// The next Notify, if there is one in this time.
    pub(crate) fn maybe_notify(&mut self, limit: Duration) -> Option<Notify> {
        self.wait(limit, |me| me.notifies.pop_front())
    }

    /// Nothing is notified for so long.
    pub(crate) fn no_notify(&mut self, limit: Duration) {
        if let Some(notify) = self.wait(limit, |me| me.notifies.pop_front()) {
            panic!("there should be no Notify, but there is {notify:?}");
        }
    }

    /// Nothing is notified to this subscription for so long.
    pub(crate) fn no_notify_of(&mut self, subscription: &str, limit: Duration) {
        let found = |me: &mut Self| me.notifies.iter().find(|notify| notify.subscription_id == subscription).cloned();
        if let Some(notify) = self.wait(limit, found) {
            panic!("there should be no Notify, but there is {notify:?}");
        }
    }

    /// Whether Notify messages that want an answer get a NotifyResp; at first they do.
    pub(crate) fn answer_notify(&mut self, answer: bool) {
        self.line.answers.store(answer, Ordering::Relaxed);
    }

    // -- what else came

    /// Connect and disconnect records that came so far and were not fetched yet.
    pub(crate) fn records(&mut self) -> Vec<Content> {
        self.wait(Duration::ZERO, |_| None::<()>);
        self.records.drain(..).collect()
    }

    /// The next connect or disconnect record.
    pub(crate) fn record(&mut self, limit: Duration) -> Content {
        self.wait(limit, |me| me.records.pop_front())
            .unwrap_or_else(|| panic!("no connect or disconnect record in {limit:?}; {}", self.rest()))
    }

    /// Waits for a connect record; what came before it is forgotten.
    pub(crate) fn until_online(&mut self) {
        while !matches!(self.record(LIMIT), Content::Connect { .. }) {}
    }

    pub(crate) fn forget_records(&mut self) {
        self.records();
    }

    /// Every publication that came so far.
    pub(crate) fn heard(&mut self) -> &[Publication] {
        self.wait(Duration::ZERO, |_| None::<()>);
        &self.heard
    }

    /// Nothing at all comes from the agent for so long.
    pub(crate) fn hears_nothing(&mut self, limit: Duration) {
        let before = self.heard().len();
        if self.wait(limit, |me| (me.heard.len() > before).then_some(())).is_some() {
            panic!("the agent should be silent: {}", self.rest());
        }
    }

    /// Takes in what comes until `found` finds something.
    fn wait<T>(&mut self, limit: Duration, mut found: impl FnMut(&mut Self) -> Option<T>) -> Option<T> {
        let until = Instant::now() + limit;
        loop {
            if let Some(what) = found(self) {
                return Some(what);
            }
            match self.line.seen.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Seen::Heard(publication, content)) => self.file(publication, content),
                Ok(Seen::Up) => {}
                Ok(Seen::Subscribed(filter)) => self.granted.push(filter),
                Ok(Seen::Refused(why)) => panic!("the broker serves the controller no more: {why}"),
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => panic!("the controller's line has died"),
            }
        }
    }

    fn file(&mut self, publication: Publication, content: Result<Content, String>) {
        // On another topic are no records: a case listens there for something else.
        if !publication.topic.starts_with("usp/") {
            self.heard.push(publication);
            return;
        }
        // What the agent sends has to be a record for this controller, whatever the case is about.
        let content = content.unwrap_or_else(|why| panic!("the agent sends what is no record for {}: {why}", self.me));
        crate::universal::check(&publication, &self.agent, &self.me);
        self.heard.push(publication);
        match content {
            Content::Message(message) => match message.into_content() {
                Some((_, MsgContent::Request(Request::Notify(notify)))) => self.notifies.push_back(notify),
                Some((_, MsgContent::Request(request))) => panic!("an agent sends no such request: {request:?}"),
                Some(answer) => self.answers.push(answer),
                None => panic!("a message without content"),
            },
            record => self.records.push_back(record),
        }
    }

    /// What came and nobody fetched, for the words of a failure.
    fn rest(&self) -> String {
        let Self { notifies, answers, records, .. } = self;
        format!("what came besides: {notifies:?} {answers:?} {records:?}")
    }
}

pub(crate) fn operation(command: &str, command_key: &str, send_resp: bool, args: &[(&str, &str)]) -> Operate {
    let input_args = args.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Operate { command: command.to_owned(), command_key: command_key.to_owned(), send_resp, input_args }
}

fn owned(paths: &[&str]) -> Vec<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}
