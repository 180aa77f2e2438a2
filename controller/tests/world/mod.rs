//! A whole operation on this machine, for the end-to-end tests: the server, a broker (ours or a real Mosquitto with the configuration that
//! we write), and the real agent as a process of its own.
#![allow(dead_code)]

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use line3_controller::audit::Actor;
use line3_controller::config::Config;
use line3_controller::fleet::{Order, Outcome};
use line3_controller::pki::Pki;
use line3_controller::pki::mosquitto::Mosquitto;
use line3_controller::rights::Role;
use line3_controller::serve::Server;
use line3_controller::setup::prepare;
use line3_controller::views::{BoxView, CallRequest, CallView};
use line3_proto::link::{Link, LinkEvent};
use line3_proto::mqtt::{MqttConfig, MqttLink, client_tls};
use line3_proto::record::{Content, open, seal};
use line3_proto::topic::{reply_filter, reply_topic};
use line3_proto::usp::{Msg, MsgContent, Operate, OperateRespOperationResp, Request, Response};
use line3_proto::{EndpointId, Publication, QoS, Topic};
use tempfile::TempDir;

/// Which broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Embedded,
    Mosquitto,
}

/// How often boxes report here.
pub(crate) const INTERVAL: u64 = 1;

pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) kind: Kind,
    pub(crate) config: Config,
    pub(crate) pki: Pki,
    pub(crate) server: Option<Server>,
    /// The port that boxes connect to.
    pub(crate) boxes: SocketAddr,
    /// The port that controllers connect to, with Mosquitto.
    pub(crate) controllers: SocketAddr,
    mosquitto: Option<Child>,
    pub(crate) agent: Option<Child>,
}

pub(crate) fn free() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

pub(crate) fn id(text: &str) -> EndpointId {
    EndpointId::parse(text).unwrap()
}

/// The real box of these tests.
pub(crate) const BOX: &str = "os::00256D-REAL-1";

impl World {
    /// A server and its broker; no box yet.
    pub(crate) async fn new(kind: Kind) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (mut config, pki, _) = prepare(dir.path()).unwrap();
        let (boxes, controllers) = (free(), free());
        config.api_listen = free();
        config.embedded_broker.listen = boxes;
        if kind == Kind::Mosquitto {
            config.broker =
                Some(toml::from_str(&format!("host = \"127.0.0.1\"\nport = {}\ngroup = \"s3cretgroup\"", controllers.port())).unwrap());
        }
        let mut world = Self { dir, kind, config, pki, server: None, boxes, controllers, mosquitto: None, agent: None };
        world.start_broker();
        world.start_server().await;
        world
    }

    pub(crate) fn start_broker(&mut self) {
        if self.kind == Kind::Embedded {
            return;
        }
        let dir = self.dir.path().join("mosquitto");
        let mosquitto = Mosquitto { boxes: self.boxes, controllers: self.controllers, names: &["127.0.0.1"], user: Some("root") };
        let conf = if dir.join("mosquitto.conf").exists() { dir.join("mosquitto.conf") } else { mosquitto.write(&self.pki, &dir).unwrap() };
        let program = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto"].into_iter().find(|path| Path::new(path).exists());
        let program = program.expect("these tests need Debian's package `mosquitto`: apt-get install mosquitto");
        let child = Command::new(program).arg("-c").arg(conf).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.mosquitto = Some(child);
        let until = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(self.boxes).is_err() {
            assert!(Instant::now() < until, "mosquitto does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Takes the broker away. The embedded one goes with its server.
    pub(crate) async fn stop_broker(&mut self) {
        match self.kind {
            Kind::Embedded => self.stop_server().await,
            Kind::Mosquitto => end(self.mosquitto.take()),
        }
    }

    pub(crate) async fn bring_broker_back(&mut self) {
        match self.kind {
            Kind::Embedded => self.start_server().await,
            Kind::Mosquitto => self.start_broker(),
        }
    }

    pub(crate) async fn start_server(&mut self) {
        let server = Server::start(self.dir.path(), &self.config, &self.pki, Vec::new()).await.unwrap();
        self.server = Some(server);
    }

    pub(crate) async fn stop_server(&mut self) {
        self.server.take().unwrap().stop().await;
    }

    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    pub(crate) fn actor() -> Actor {
        Actor::new("ann", Role::Lead).unwrap()
    }

    /// Writes the files of a box, and gives the path of its configuration.
    pub(crate) fn box_files(&self, id: &EndpointId) -> PathBuf {
        let dir = self.dir.path().join("boxes").join(id.as_str());
        if !dir.join("box.pem").exists() {
            self.pki.write_box(&dir, id).unwrap();
        }
        let config = dir.join("agent.toml");
        let text = format!(
            "endpoint-id = {:?}\nstate-dir = {:?}\n[device]\nserial-number = \"REAL-1\"\n[broker]\nport = {}\nca = {:?}\ncertificate = {:?}\nkey = {:?}\nkeep-alive = 5\n[report]\ninterval = {INTERVAL}\n",
            id.as_str(),
            dir.join("state"),
            self.boxes.port(),
            dir.join("ca.pem"),
            dir.join("box.pem"),
            dir.join("box.key"),
        );
        std::fs::write(&config, text).unwrap();
        config
    }

    /// Starts the real agent as a process.
    pub(crate) fn start_agent(&mut self) {
        let config = self.box_files(&id(BOX));
        self.agent = Some(agent_process(&config));
    }

    /// `kill -9`.
    pub(crate) fn kill_agent(&mut self) {
        end(self.agent.take());
    }

    pub(crate) fn view(&self) -> Option<BoxView> {
        self.server().desk.board().find(&id(BOX))
    }

    /// Waits until something holds of the box, and gives how long that took.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&BoxView) -> bool) -> Duration {
        let start = Instant::now();
        // Far above what is promised: this only ends a test that hangs.
        while !self.view().is_some_and(|view| holds(&view)) {
            assert!(start.elapsed() < Duration::from_secs(60), "the box is never {what}: {:?}\n{}", self.view(), self.agent_log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        start.elapsed()
    }

    pub(crate) async fn until_ready(&self) -> Duration {
        self.until("ready", |view| view.online && view.ready).await
    }

    pub(crate) fn agent_log(&self) -> String {
        let log = self.dir.path().join("boxes").join(BOX).join("agent.log");
        std::fs::read_to_string(log).unwrap_or_default()
    }

    /// Makes a call and waits for its end.
    pub(crate) async fn call(&self, order: Order) -> CallView {
        let request = CallRequest { box_name: BOX.to_owned(), order, reason: "T-1".to_owned(), deadline: Some(20_000), wait: false };
        let desk = &self.server().desk;
        let mut view = desk.call(&Self::actor(), request).await.unwrap();
        while !view.state.is_final() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            view = desk.call_view(&view.id).await.unwrap();
        }
        view
    }

    /// Sends the Operate of a call that was made before again, as a broker that delivers twice would, and gives the answers.
    pub(crate) async fn deliver_again(&self, call: &str, command: &str, times: usize) -> Vec<&'static str> {
        let me = &self.config.id;
        let issued = self.pki.issue_controller(me).unwrap();
        let port = if self.kind == Kind::Embedded { self.boxes.port() } else { self.controllers.port() };
        let mut config = MqttConfig::new("127.0.0.1", port, format!("{me}.again"), 7);
        config.tls = Some(client_tls(self.pki.ca_pem().as_bytes(), issued.cert_pem.as_bytes(), issued.key_pem.as_bytes()).unwrap());
        let mut link = MqttLink::new(config);
        link.subscribe(&reply_filter(me, "again"), QoS::AtLeastOnce);
        let mut answers = Vec::new();
        for n in 0..times {
            let input_args = [("X_LINE3_CallId".to_owned(), call.to_owned())].into();
            let operate = Operate { command: command.to_owned(), command_key: call.to_owned(), send_resp: true, input_args };
            let message = Msg::request(format!("again-{n}"), Request::Operate(operate));
            let publication = Publication {
                topic: Topic::Agent(id(BOX)).to_string(),
                payload: seal(me, &id(BOX), &message),
                response_topic: Some(reply_topic(me, "again", &id(BOX))),
                content_type: Some("usp.msg".to_owned()),
                ..Publication::default()
            };
            link.publish(n as u64, publication).unwrap();
            let answer = tokio::time::timeout(Duration::from_secs(20), async {
                loop {
                    if let LinkEvent::Received(publication, _) = link.next().await {
                        return publication;
                    }
                }
            });
            let Content::Message(message) = open(&answer.await.unwrap().payload, me).unwrap().content else { panic!("no message") };
            let Some((_, MsgContent::Response(Response::OperateResp(response)))) = message.into_content() else { panic!("no OperateResp") };
            answers.push(match response.operation_results[0].operation_resp {
                Some(OperateRespOperationResp::ReqOutputArgs(_)) => "done",
                Some(OperateRespOperationResp::ReqObjPath(_)) => "under way",
                _ => "failed",
            });
        }
        answers
    }

    pub(crate) async fn get(&self, path: &str) -> CallView {
        self.call(Order::Get { paths: vec![path.to_owned()], max_depth: 0 }).await
    }

    pub(crate) async fn run(&self, command: &str, args: &[(&str, &str)]) -> CallView {
        let args = args.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.call(Order::Operate { command: command.to_owned(), args }).await
    }
}

impl Drop for World {
    fn drop(&mut self) {
        end(self.agent.take());
        end(self.mosquitto.take());
    }
}

/// The agent as a process: the same code as on a box, by the program's own child command.
pub(crate) fn agent_process(config: &Path) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(config.with_extension("log")).unwrap();
    // Its standard input stays open: when this process ends, whatever way, it ends too.
    Command::new(env!("CARGO_BIN_EXE_line3"))
        .args(["agent", "--config"])
        .arg(config)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

pub(crate) fn end(child: Option<Child>) {
    if let Some(mut child) = child {
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// One value of a Get.
pub(crate) fn value(view: &CallView, path: &str) -> String {
    match &view.result {
        Some(Outcome::Values { values, .. }) => values.get(path).unwrap_or_else(|| panic!("{path} is not in {values:?}")).clone(),
        other => panic!("{other:?}: {}", view.words),
    }
}

/// One output of a command.
pub(crate) fn output(view: &CallView, name: &str) -> String {
    match &view.result {
        Some(Outcome::Outputs { outputs, .. }) => {
            outputs.values().next().and_then(|outputs| outputs.get(name)).cloned().unwrap_or_default()
        }
        other => panic!("{other:?}: {}", view.words),
    }
}
