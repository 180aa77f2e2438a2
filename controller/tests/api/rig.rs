//! The API over a real desk and store, with boxes put on the board by hand and a channel standing for the fleet.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use line3_controller::api::{ApiState, Engineer, Engineers, router, token_sha256};
use line3_controller::board::Board;
use line3_controller::desk::Desk;
use line3_controller::fleet::Input;
use line3_controller::keeper::Keeper;
use line3_controller::rights::Role;
use line3_controller::store::{Arrived, BoxRow, CallState};
use line3_controller::views::Event;
use line3_proto::catalogue::Catalogue;
use line3_proto::{EndpointId, Wall};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tower::ServiceExt;

/// A box with a percent sign in its id.
pub(crate) const HOSTILE: &str = "os::00256D-1%2F..";
pub(crate) const LYON: &str = "os::00256D-0000000001";
pub(crate) const PARIS: &str = "os::00256D-0000000002";
pub(crate) const SIM: &str = "proto::sim-1";

/// The engineers, by their tokens.
pub(crate) const OBSERVER: &str = "token of olga";
pub(crate) const DIAGNOSE: &str = "token of dan";
pub(crate) const REPAIR: &str = "token of rita";
pub(crate) const LEAD: &str = "token of lena";

pub(crate) struct Rig {
    pub(crate) router: Router,
    pub(crate) keeper: Keeper,
    pub(crate) board: Arc<Board>,
    /// What the fleet is told.
    pub(crate) fleet: mpsc::Receiver<Input>,
    _directory: TempDir,
}

/// A request: method, address, token, body.
pub(crate) struct Ask<'a>(pub &'a str, pub &'a str, pub &'a str, pub Option<Value>);

pub(crate) fn id(text: &str) -> EndpointId {
    EndpointId::parse(text).unwrap()
}

/// One table, one command without and one with arguments.
pub(crate) fn catalogue() -> Catalogue {
    let fields = |names: &[&str]| names.iter().map(|name| json!({"name": name, "type": "string"})).collect::<Vec<_>>();
    serde_json::from_value(json!({
        "objects": [{"path": "Device.DeviceInfo.", "parameters": fields(&["SerialNumber", "ModelName"])},
            {"path": "Device.Thing.", "parameters": [{"name": "Load", "type": "unsignedInt", "unit": "percent"}]}],
        "commands": [{"path": "Device.Reboot()", "effect": "Disrupt", "asynchronous": true, "limit": 300},
            {"path": "Device.IP.Diagnostics.IPPing()", "effect": "Read", "asynchronous": true, "limit": 60,
                "input": [{"name": "Host", "type": "string", "mandatory": true, "doc": "Whom."}]}],
        "events": []
    }))
    .unwrap()
}

impl Rig {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keeper = Keeper::open(&directory.path().join("line3.db"), Wall(0)).unwrap();
        let board = Arc::new(Board::default());
        let (to_fleet, fleet) = mpsc::channel(16);
        let engineer = |name: &str, role, token| Engineer { name: name.to_owned(), role, token_sha256: token_sha256(token) };
        let engineers = Engineers::new(vec![
            engineer("olga", Role::Observer, OBSERVER),
            engineer("dan", Role::Diagnose, DIAGNOSE),
            engineer("rita", Role::Repair, REPAIR),
            engineer("lena", Role::Lead, LEAD),
        ]);
        let desk = Desk::new(keeper.clone(), Arc::clone(&board), to_fleet);
        let router = router(ApiState { desk, engineers: Arc::new(engineers.unwrap()) });
        let rig = Self { router, keeper, board, fleet, _directory: directory };
        rig.put(LYON, "StreamBox 4K", "SN-77", "Lyon", true).await;
        rig.put(PARIS, "streambox", "SN-78", "Paris", false).await;
        rig.put(HOSTILE, "odd", "SN-79", "", true).await;
        rig.put(SIM, "StreamBox 4K", "sim-1", "Lyon", true).await;
        rig.board.knows(&id(LYON), Arc::new(catalogue()));
        rig
    }

    async fn put(&self, name: &str, model: &str, serial: &str, city: &str, online: bool) {
        let mut row = BoxRow::new(id(name), Wall(1000));
        row.online = online;
        row.identity.insert("Device.DeviceInfo.ModelName".to_owned(), model.to_owned());
        row.identity.insert("Device.DeviceInfo.SerialNumber".to_owned(), serial.to_owned());
        if !city.is_empty() {
            row.labels.insert("city".to_owned(), city.to_owned());
        }
        self.board.put_box(&row);
        self.keeper.run(move |kept| kept.store.put_boxes(&[row])).await.unwrap().unwrap();
    }

    /// A health report of a box comes: `Device.Thing.Load` is this.
    pub(crate) async fn report(&self, name: &str, at: Wall, sequence: u64, load: u64) {
        let payload = json!({"Report": [{
            "CollectionTime": "x", "Device.LocalAgent.X_LINE3_RunID": "run-1", "Device.LocalAgent.X_LINE3_BootID": "boot-1",
            "Device.BulkData.Profile.1.X_LINE3_Sequence": sequence, "Device.Thing.Load": load}]});
        let report = line3_controller::report::decode(&id(name), payload.to_string().as_bytes()).unwrap().remove(0);
        let arrived = Arrived { box_id: id(name), received: at, report: report.clone() };
        self.keeper.run(move |kept| kept.store.append(&[arrived])).await.unwrap().unwrap();
        self.board.reported(&id(name), at, &report);
    }

    /// A call moves on, as the fleet's driver has it.
    pub(crate) async fn step(&self, call: &Value, state: CallState) {
        let of = call["id"].as_str().unwrap().to_owned();
        self.keeper.run(move |kept| kept.store.update_call(&of, state, Wall(5000), None, None)).await.unwrap().unwrap();
        let mut view: line3_controller::views::CallView = serde_json::from_value(call.clone()).unwrap();
        view.state = state;
        self.board.tell(Event::Call { call: Box::new(view) });
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Body> {
        let answer = self.router.clone().oneshot(request);
        tokio::time::timeout(Duration::from_secs(60), answer).await.expect("an answer").unwrap()
    }

    /// The status and the body of an answer.
    pub(crate) async fn ask(&self, Ask(method, address, token, body): Ask<'_>) -> (StatusCode, Value) {
        read(self.send(request(method, address, token, body)).await).await
    }

    pub(crate) async fn get(&self, address: &str) -> (StatusCode, Value) {
        self.ask(Ask("GET", address, OBSERVER, None)).await
    }

    /// The body of an answer that must be fine.
    pub(crate) async fn fine(&self, address: &str) -> Value {
        let (status, body) = self.get(address).await;
        assert_eq!(status, StatusCode::OK, "{address}: {body}");
        body
    }

    pub(crate) async fn post(&self, address: &str, token: &str, body: Value) -> (StatusCode, Value) {
        self.ask(Ask("POST", address, token, Some(body))).await
    }

    /// Makes a call that must be taken.
    pub(crate) async fn call(&mut self, name: &str) -> Value {
        let order = json!({"kind": "get", "paths": ["Device.DeviceInfo."]});
        let (status, call) = self.post("/api/calls", OBSERVER, json!({"box": name, "order": order})).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{call}");
        assert!(matches!(self.fleet.recv().await, Some(Input::Call(_))));
        call
    }
}

pub(crate) fn request(method: &str, address: &str, token: &str, body: Option<Value>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(address);
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    match body {
        Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap(),
        None => request.body(Body::empty()).unwrap(),
    }
}

pub(crate) async fn read(answer: Response<Body>) -> (StatusCode, Value) {
    let (status, kind) = (answer.status(), answer.headers().get("content-type").cloned());
    let body = to_bytes(answer.into_body(), 64 * 1024 * 1024).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_else(|_| panic!("no JSON: {status} {}", String::from_utf8_lossy(&body)));
    assert_eq!(kind.unwrap(), "application/json");
    (status, body)
}

/// The ids of a list.
pub(crate) fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect()
}

/// What is answered to each request: status, and what went wrong.
pub(crate) async fn troubles(rig: &Rig, requests: &[(&str, &str, Option<Value>)]) -> String {
    let mut said = String::new();
    for (method, address, body) in requests {
        let (status, answer) = rig.ask(Ask(method, address, REPAIR, body.clone())).await;
        let words = |name: &str| answer[name].as_str().unwrap_or("-").to_owned();
        said.push_str(&format!("{} {}: {}\n", status.as_u16(), words("error"), words("message")));
    }
    said
}
