//! A server that says what it was told to, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, Request, Response, StatusCode, Uri};
use serde_json::{Value, json};

use super::said::{
    BROKEN, CALL, LOST, audit, broken, call, catalogue, events, failed, hostile, made, moved, offline, pinged, real, report, series,
    simulated,
};

/// The token that is let in.
pub(crate) const TOKEN: &str = "secret-of-the-test";

type Asked = Arc<Mutex<Vec<String>>>;

/// A running server; it stops when this is dropped.
pub(crate) struct Server {
    /// Where it is.
    pub(crate) url: String,
    asked: Asked,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (told, ready) = std::sync::mpsc::channel();
        let asked = Asked::default();
        let state = asked.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                told.send(listener.local_addr().unwrap()).unwrap();
                let app = Router::new().fallback(answer).with_state(state);
                tokio::select! {
                    _ = axum::serve(listener, app) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { url: format!("http://{}", ready.recv().unwrap()), asked, _stop: stop }
    }

    /// What was asked so far, one line each.
    pub(crate) fn asked(&self) -> String {
        self.asked.lock().unwrap().join("\n")
    }
}

async fn answer(State(asked): State<Asked>, method: Method, uri: Uri, request: Request<Body>) -> Response<Body> {
    let allowed = request.headers().get("authorization").is_some_and(|value| value.as_bytes() == format!("Bearer {TOKEN}").as_bytes());
    let body: Bytes = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let times = {
        let mut asked = asked.lock().unwrap();
        let line = format!("{method} {uri} {}", String::from_utf8_lossy(&body));
        asked.push(line.trim_end().to_owned());
        asked.iter().filter(|line| line.starts_with(&format!("{method} {}", uri.path()))).count()
    };
    let (status, body) = if allowed {
        say(&method, uri.path(), uri.query().unwrap_or_default(), &body, times)
    } else {
        refusal(401, "unauthorized", "no such token")
    };
    let kind = if uri.path() == "/api/events" && status == 200 { "text/event-stream" } else { "application/json" };
    Response::builder().status(StatusCode::from_u16(status).unwrap()).header("content-type", kind).body(Body::from(body)).unwrap()
}

fn refusal(status: u16, error: &str, message: &str) -> (u16, String) {
    (status, json!({ "error": error, "message": message }).to_string())
}

/// What is said to the `times`-th request of that kind.
fn say(method: &Method, path: &str, query: &str, body: &[u8], times: usize) -> (u16, String) {
    let ok = |value: Value| (200, value.to_string());
    let parts: Vec<&str> = path.trim_start_matches("/api/").split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("GET", ["me"]) => ok(json!({ "name": "anna", "role": "repair", "version": "0.1.0" })),
        ("GET", ["boxes"]) if query.contains("q=nothing") => ok(json!([])),
        ("GET", ["boxes"]) => ok(json!([real(), offline(), hostile(), simulated()])),
        ("GET", ["boxes", "os::00256D-77"]) => ok(real()),
        ("GET", ["boxes", "os::00256D-88"]) => ok(offline()),
        ("GET", ["boxes", "7"]) => refusal(409, "ambiguous-box", "7 names 2 boxes: give more of the id"),
        ("GET", ["boxes", "os::00256D-77" | "os::00256D-88", "catalogue"]) => ok(catalogue()),
        ("GET", ["boxes", _, "paths"]) => ok(json!([
            "Device.DeviceInfo.UpTime",
            "Device.IP.Interface.10.Stats.BytesReceived",
            "Device.IP.Interface.2.Stats.BytesReceived"
        ])),
        ("GET", ["boxes", "os::00256D-77" | "os::00256D-88", "series"]) => ok(series(query)),
        ("PUT", ["boxes", "os::00256D-77", "labels"]) => ok(real()),
        ("GET" | "PUT", ["boxes", name, ..]) => refusal(404, "no-such-box", &format!("there is no box {name}")),
        ("POST", ["catalogues"]) => ok(json!({ "digest": "5f3a", "objects": 31, "commands": 9, "events": 6 })),
        ("POST", ["calls"]) => made(&serde_json::from_slice(body).unwrap()),
        ("GET", ["calls"]) => ok(json!([call("Device.IP.Diagnostics.IPPing()", "running", "2 of 3: 2 answered"), failed()])),
        ("GET", ["calls", CALL]) if times == 1 => ok(call("Device.IP.Diagnostics.IPPing()", "accepted", "")),
        ("GET", ["calls", CALL]) => ok(pinged()),
        ("GET", ["calls", LOST]) => (502, "<html>a proxy speaks</html>".to_owned()),
        ("GET", ["calls", BROKEN]) if times == 1 => ok(broken(call("Device.IP.Diagnostics.IPPing()", "accepted", ""))),
        ("GET", ["calls", BROKEN]) => ok(broken(pinged())),
        ("GET", ["calls", "ffff456789abcdef0123456789abcdef"]) => ok(failed()),
        ("GET", ["calls", id]) => refusal(404, "not-found", &format!("there is no call {id}")),
        ("POST", ["calls", CALL, "cancel"]) => ok(call("Device.IP.Diagnostics.IPPing()", "running", "2 of 3")),
        ("GET", ["events"]) if query.contains(BROKEN) => (200, events(&[])),
        ("GET", ["events"]) if query.contains("box=") && times > 1 => refusal(401, "unauthorized", "the token was withdrawn"),
        ("GET", ["events"]) if query.contains("box=") => (
            200,
            events(&[
                json!({ "event": "box", "box": real() }),
                json!({ "event": "from-the-future" }),
                report(),
                json!({ "event": "call", "call": pinged() }),
            ]),
        ),
        ("GET", ["events"]) => (
            200,
            events(&[
                moved("running", "1 of 3: 1 answered"),
                moved("running", "2 of 3: 2 answered"),
                json!({ "event": "call", "call": pinged() }),
            ]),
        ),
        ("GET", ["audit"]) => ok(audit()),
        ("GET", ["audit", "verify"]) => ok(
            json!({ "whole": false, "rows": 7, "head": "ab", "troubles": ["the audit log is broken at row 3: its hash is not that of its content: it was edited"] }),
        ),
        _ => refusal(404, "not-found", "nothing is here"),
    }
}
