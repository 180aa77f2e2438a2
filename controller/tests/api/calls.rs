//! Calls: made, refused, waited for, stopped.

use std::time::Duration;

use axum::http::StatusCode;
use expect_test::expect;
use line3_controller::fleet::{Input, Order};
use line3_controller::store::CallState;
use serde_json::{Value, json};

use crate::rig::{DIAGNOSE, LYON, OBSERVER, PARIS, REPAIR, Rig, ids, read, request, troubles};

fn operate(name: &str, command: &str, reason: &str) -> Value {
    json!({"box": name, "order": {"kind": "operate", "command": command}, "reason": reason})
}

#[tokio::test]
async fn a_call_goes_to_the_fleet() {
    let mut rig = Rig::new().await;
    let answer = rig.send(request("POST", "/api/calls", REPAIR, Some(operate("SN-77", "Reboot", "T-7")))).await;
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let (status, call) = read(answer).await;
    assert_eq!((status, location), (StatusCode::ACCEPTED, format!("/api/calls/{}", call["id"].as_str().unwrap())));
    assert_eq!((&call["box"], &call["command"], &call["state"]), (&json!(LYON), &json!("Device.Reboot()"), &json!("queued")));
    let Some(Input::Call(audited)) = rig.fleet.recv().await else { panic!("a call was expected") };
    assert_eq!((audited.actor().name(), audited.reason().as_str()), ("rita", "T-7"));
    assert!(matches!(&audited.act().order, Order::Operate { command, .. } if command == "Device.Reboot()"));

    let other = rig.call(PARIS).await;
    assert_eq!(ids(&rig.fine("/api/calls").await), [other["id"].as_str().unwrap(), call["id"].as_str().unwrap()]);
    assert_eq!(ids(&rig.fine("/api/calls?box=SN-77").await), [call["id"].as_str().unwrap()]);
    assert_eq!(ids(&rig.fine("/api/calls?limit=1").await), [other["id"].as_str().unwrap()]);
    assert_eq!(rig.fine(&format!("/api/calls/{}", other["id"].as_str().unwrap())).await, other);
}

#[tokio::test]
async fn an_order_that_makes_no_sense_goes_nowhere() {
    let mut rig = Rig::new().await;
    let post = |body: Value| ("POST", "/api/calls", Some(body));
    let look = |more: Value| {
        let mut body = json!({"box": "SN-77", "order": {"kind": "get", "paths": ["Device."]}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        post(body)
    };
    let said = troubles(
        &rig,
        &[
            post(operate("SN-77", "Rebot", "T-1")),
            post(operate("SN-77", "IPPing", "T-1")),
            post(operate("SN-77", "Reboot", "")),
            post(operate("SN-0", "Reboot", "T-1")),
            look(json!({"deadline": 999})),
            look(json!({"dead_line": 1000})),
            look(json!({"order": {"kind": "get", "paths": ["Device."], "maxDepths": 1}})),
            look(json!({"order": {"kind": "explode"}})),
            look(json!({"order": "get"})),
            look(json!({"reason": "x".repeat(201)})),
            look(json!({"box": 7})),
        ],
    )
    .await;
    expect![[r#"
        400 bad-request: Rebot is no command of this box's firmware; did you mean Device.Reboot()?
        400 bad-request: Device.IP.Diagnostics.IPPing() needs Host (text): Whom.
        400 bad-request: the reason must be 1 to 200 printable characters: say why this is done, e.g. the ticket's number
        404 no-such-box: no box "SN-0"; `line3 boxes` lists those that were heard of
        400 bad-request: the deadline takes 1000 to 86400000 ms, not 999
        400 bad-request: POST /api/calls: the body does not fit: dead_line: unknown field `dead_line`, expected one of `box`, `order`, `reason`, `deadline`, `wait` at line 1 column 26
        400 bad-request: POST /api/calls: the body does not fit: order: unknown field `maxDepths`, expected `paths` or `maxDepth` at line 1 column 72
        400 bad-request: POST /api/calls: the body does not fit: order.kind: unknown variant `explode`, expected one of `get`, `getInstances`, `getSupported`, `operate`, `add`, `set`, `delete` at line 1 column 40
        400 bad-request: POST /api/calls: the body does not fit: order: invalid type: string "get", expected internally tagged enum Order at line 1 column 28
        400 bad-request: the reason must be 1 to 200 printable characters: say why this is done, e.g. the ticket's number
        400 bad-request: POST /api/calls: the body does not fit: box: invalid type: integer `7`, expected a string at line 1 column 8
    "#]].assert_eq(&said);
    assert!(rig.fleet.try_recv().is_err(), "nothing reached the fleet");
    assert_eq!(rig.fine("/api/calls").await, json!([]));
}

#[tokio::test]
async fn a_role_bounds_what_is_done_and_the_attempt_is_kept() {
    let mut rig = Rig::new().await;
    let (status, denied) = rig.post("/api/calls", DIAGNOSE, operate("SN-77", "Reboot", "T-9")).await;
    assert_eq!((status, denied["error"].as_str()), (StatusCode::FORBIDDEN, Some("denied")));
    assert!(rig.fleet.try_recv().is_err(), "nothing reached the fleet");
    assert_eq!(rig.fine("/api/calls").await, json!([]));
    // A box never met: a command counts as the worst.
    let (status, _) = rig.post("/api/calls", REPAIR, operate("SN-78", "Device.Reboot()", "T-9")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);

    let rows = rig.fine("/api/audit?from=1&limit=1").await;
    let entry = &rows[0]["entry"];
    assert_eq!((&entry["kind"], &entry["actor"], &entry["reason"]), (&json!("refused"), &json!("dan"), &json!("T-9")));
    assert_eq!(rig.fine("/api/audit?from=2").await.as_array().unwrap().len(), 1);
    let verified = rig.fine("/api/audit/verify").await;
    assert_eq!((&verified["whole"], &verified["rows"]), (&json!(true), &json!(2)));
}

#[tokio::test]
async fn a_call_is_waited_for() {
    let mut rig = Rig::new().await;
    let call = rig.call(LYON).await;
    let address = format!("/api/calls/{}", call["id"].as_str().unwrap());
    assert_eq!(rig.fine(&format!("{address}?wait=50")).await["state"], "queued", "the wait is over, the call is not");

    let waiting = format!("{address}?wait=60000");
    let (waited, ()) = tokio::join!(rig.fine(&waiting), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        rig.step(&call, CallState::Running).await;
        rig.step(&call, CallState::Succeeded).await;
    });
    assert_eq!(waited["state"], "succeeded");
    assert_eq!(rig.fine(&format!("{address}?wait=60000")).await["state"], "succeeded", "at once");

    let get = |address| ("GET", address, None);
    let said =
        troubles(&rig, &[get("/api/calls/x?wait=60001"), get("/api/calls/x?wait=1000"), get("/api/calls/%1b[2J%27;--?wait=1")]).await;
    expect![[r#"
        400 bad-request: wait takes 0 to 60000 ms, not 60001
        404 not-found: no call "x"; `line3 calls` lists the newest
        404 not-found: no call "[2J';--"; `line3 calls` lists the newest
    "#]]
    .assert_eq(&said);
}

#[tokio::test]
async fn a_call_is_cancelled() {
    let mut rig = Rig::new().await;
    let call = rig.call(LYON).await;
    let address = format!("/api/calls/{}/cancel", call["id"].as_str().unwrap());
    let (status, _) = rig.post(&address, OBSERVER, json!({"reason": "T-1"})).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, _) = rig.post(&address, DIAGNOSE, json!({"reason": "T-1"})).await;
    assert_eq!(status, StatusCode::OK);
    let Some(Input::Cancel(audited)) = rig.fleet.recv().await else { panic!("a cancel was expected") };
    assert_eq!(audited.act().call, call["id"]);

    rig.step(&call, CallState::Cancelled).await;
    let (status, ended) = rig.post(&address, DIAGNOSE, json!({"reason": "T-1"})).await;
    assert_eq!((status, ended["error"].as_str()), (StatusCode::CONFLICT, Some("ended")));
    let cancel = |body| ("POST", "/api/calls/none/cancel", Some(body));
    let said = troubles(&rig, &[cancel(json!({"reason": "T-1"})), cancel(json!({"reason": " "})), cancel(json!({}))]).await;
    expect![[r#"
        404 not-found: no call "none"; `line3 calls` lists the newest
        400 bad-request: the reason must be 1 to 200 printable characters: say why this is done, e.g. the ticket's number
        400 bad-request: POST /api/calls/none/cancel: the body does not fit: missing field `reason` at line 1 column 2
    "#]]
    .assert_eq(&said);
}

/// The client hangs up while the fleet is behind: the call stands in the log, so it must reach the fleet.
#[tokio::test]
async fn what_was_admitted_is_done_even_if_nobody_listens() {
    let mut rig = Rig::new().await;
    let body = json!({"box": LYON, "order": {"kind": "get", "paths": ["Device.DeviceInfo."]}});
    for _ in 0..16 {
        assert_eq!(rig.post("/api/calls", OBSERVER, body.clone()).await.0, StatusCode::ACCEPTED);
    }
    let late = tokio::time::timeout(Duration::from_millis(500), rig.post("/api/calls", OBSERVER, body)).await;
    assert!(late.is_err(), "the fleet's queue is full");
    for n in 0..17 {
        let next = tokio::time::timeout(Duration::from_secs(30), rig.fleet.recv()).await;
        assert!(matches!(next, Ok(Some(Input::Call(_)))), "call {n}");
    }
}

#[tokio::test]
async fn a_server_that_stops_says_so() {
    let mut rig = Rig::new().await;
    rig.fleet.close();
    let body = json!({"box": LYON, "order": {"kind": "get", "paths": ["Device.DeviceInfo."]}});
    let (status, body) = rig.post("/api/calls", OBSERVER, body).await;
    assert_eq!((status, body["error"].as_str()), (StatusCode::SERVICE_UNAVAILABLE, Some("stopping")));
}
