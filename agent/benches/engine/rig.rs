//! An agent on its link, and a controller that asks.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use line3_agent::agent::{Agent, Input, Job, JobId, Output};
use line3_agent::config::Config;
use line3_agent::host::sim::{CountedClock, SimBox, SimHost};
use line3_proto::link::{LinkEvent, Session};
use line3_proto::record::{self, Content};
use line3_proto::usp::{
    Add, CreateObject, CreateParamSetting, Delete, Get, GetInstances, GetSupportedDm, Msg, MsgContent, Operate, Request, Response, Set,
    UpdateObject, UpdateParamSetting,
};
use line3_proto::{EndpointId, Machine, Mono, Now, Publication, Topic, Wall};

use crate::memory::Memory;
use crate::timed;

/// A request as it comes from the broker.
pub(crate) type Wire = Publication;

/// See the module.
pub(crate) struct Rig {
    agent: Agent,
    me: EndpointId,
    controller: EndpointId,
    now: Now,
    jobs: Vec<Job>,
    /// What the agent published last.
    last: Vec<u8>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let mut config = Config::parse("").unwrap();
        config.device.software_version = "1.0".to_owned();
        let (me, controller) = (EndpointId::parse("proto::sim-1").unwrap(), config.controller.clone());
        let host = Memory::new(SimHost::new(SimBox::of(1), Rc::new(CountedClock::new())));
        let now = Now { mono: Mono(Duration::from_secs(100)), wall: Wall(1_767_225_600_000) };
        let agent = Agent::new(now, Rc::new(host), &config, me.clone());
        let mut rig = Self { agent, me, controller, now, jobs: Vec::new(), last: Vec::new() };
        rig.handle(Input::Link(LinkEvent::Up(Session { connection: 1, ..Session::default() })));
        rig
    }

    /// The bytes of a request, as a link has them.
    pub(crate) fn seal(&self, request: Request) -> Wire {
        Publication {
            topic: Topic::Agent(self.me.clone()).to_string(),
            payload: record::seal(&self.controller, &self.me, &Msg::request("1", request)),
            response_topic: Some(format!("usp/controller/{}/{}/reply/1", self.controller, self.me)),
            content_type: Some("usp.msg".to_owned()),
            ..Publication::default()
        }
    }

    /// Hands in a request and carries out what the agent wants, to the end; gives the size of the last thing that it published.
    pub(crate) fn exchange(&mut self, request: &Wire) -> usize {
        self.handle(Input::Link(LinkEvent::Received(request.clone(), None)));
        self.last.len()
    }

    fn handle(&mut self, input: Input) {
        self.agent.handle(self.now, input);
        loop {
            while let Some(output) = self.agent.poll() {
                match output {
                    Output::Greet(token, publication) | Output::Publish(token, publication) => {
                        self.last = publication.payload;
                        self.agent.handle(self.now, Input::Link(LinkEvent::Sent(token)));
                    }
                    Output::Start(job) => self.jobs.push(job),
                    Output::Cancel(_) | Output::Restart(_) | Output::Log(_) | Output::Configure(_) | Output::Reconnect => {}
                }
            }
            // A synchronous command ends as it is polled; one that waits is left.
            let mut context = Context::from_waker(Waker::noop());
            let done = self.jobs.iter_mut().enumerate().find_map(|(index, job)| match job.running.as_mut().poll(&mut context) {
                Poll::Ready(result) => Some((index, result)),
                Poll::Pending => None,
            });
            let Some((index, result)) = done else { return };
            let job = self.jobs.swap_remove(index);
            self.agent.handle(self.now, Input::Done(job.id, result));
        }
    }

    /// The answer to a request.
    pub(crate) fn answer(&mut self, request: Request) -> Response {
        let sealed = self.seal(request);
        self.exchange(&sealed);
        let opened = record::open(&self.last, &self.controller).unwrap();
        let Content::Message(message) = opened.content else { panic!("no message") };
        match message.into_content() {
            Some((_, MsgContent::Response(response))) => response,
            other => panic!("refused: {other:?}"),
        }
    }

    /// Whether a request is answered, and not refused: what is measured must be the right thing.
    pub(crate) fn check(&mut self, request: &Wire) {
        self.exchange(request);
        let opened = record::open(&self.last, &self.controller).unwrap();
        let Content::Message(message) = opened.content else { panic!("no message") };
        match message.into_content() {
            Some((_, MsgContent::Response(_))) => {}
            other => panic!("refused: {other:?}"),
        }
    }

    /// The same request, so many times.
    pub(crate) fn ask_often(&mut self, times: u32, request: Request) -> (Duration, usize) {
        let sealed = self.seal(request);
        self.check(&sealed);
        timed(self, times, |rig, _| rig.exchange(&sealed))
    }

    /// Makes sure of the first Subscription.
    pub(crate) fn some_subscription(&mut self) {
        let Response::GetInstancesResp(response) = self.answer(instances(crate::SUBSCRIPTIONS)) else { panic!("no GetInstancesResp") };
        if response.req_path_results.iter().all(|result| result.curr_insts.is_empty()) {
            self.answer(add(crate::SUBSCRIPTIONS, &[("NotifType", "Event"), ("ReferenceList", "Device.Boot!")]));
        }
    }

    /// Begins a ping that never ends by itself.
    pub(crate) fn start_ping(&mut self) -> JobId {
        self.answer(operate("Device.IP.Diagnostics.IPPing()", &[("Host", "192.0.2.1")]));
        self.jobs.last().expect("a job").id
    }

    /// Ends it; gives the size of what is told of it.
    pub(crate) fn complete(&mut self, id: JobId) -> usize {
        self.jobs.clear();
        self.last.clear();
        let outputs = [("Status", "Complete"), ("SuccessCount", "3"), ("FailureCount", "0"), ("AverageResponseTime", "12")];
        let outputs: BTreeMap<String, String> = outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        self.handle(Input::Done(id, Ok(outputs)));
        assert!(!self.last.is_empty(), "nothing was told");
        self.last.len()
    }
}

fn owned(values: &[(&str, &str)]) -> BTreeMap<String, String> {
    values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn get(paths: &[&str]) -> Request {
    Request::Get(Get { param_paths: paths.iter().map(|path| (*path).to_owned()).collect(), max_depth: 0 })
}

pub(crate) fn instances(path: &str) -> Request {
    Request::GetInstances(GetInstances { obj_paths: vec![path.to_owned()], first_level_only: false })
}

pub(crate) fn supported(path: &str) -> Request {
    Request::GetSupportedDm(GetSupportedDm {
        obj_paths: vec![path.to_owned()],
        first_level_only: false,
        return_commands: true,
        return_events: true,
        return_params: true,
        return_unique_key_sets: true,
    })
}

pub(crate) fn operate(command: &str, args: &[(&str, &str)]) -> Request {
    Request::Operate(Operate { command: command.to_owned(), command_key: "k".to_owned(), send_resp: true, input_args: owned(args) })
}

pub(crate) fn set(object: &str, name: &str, value: &str) -> Request {
    let setting = UpdateParamSetting { param: name.to_owned(), value: value.to_owned(), required: true };
    let update = UpdateObject { obj_path: object.to_owned(), param_settings: vec![setting] };
    Request::Set(Set { allow_partial: false, update_objs: vec![update] })
}

pub(crate) fn add(table: &str, values: &[(&str, &str)]) -> Request {
    let setting = |(param, value)| CreateParamSetting { param, value, required: true };
    let create = CreateObject { obj_path: table.to_owned(), param_settings: owned(values).into_iter().map(setting).collect() };
    Request::Add(Add { allow_partial: false, create_objs: vec![create] })
}

pub(crate) fn delete(path: &str) -> Request {
    Request::Delete(Delete { allow_partial: false, obj_paths: vec![path.to_owned()] })
}
