//! The HTTP API, every address of it, from outside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "api/calls.rs"]
mod calls;
#[path = "api/catalogues.rs"]
mod catalogues;
#[path = "api/document.rs"]
mod document;
#[path = "api/events.rs"]
mod events;
#[path = "api/rig.rs"]
mod rig;

use axum::http::StatusCode;
use expect_test::expect;
use line3_proto::Wall;
use serde_json::json;

use rig::{Ask, DIAGNOSE, HOSTILE, LYON, OBSERVER, PARIS, Rig, SIM, ids, read, request, troubles};

#[tokio::test]
async fn nobody_comes_in_without_a_token() {
    let rig = Rig::new().await;
    for (token, words) in [("", "no token; send the header"), ("wrong", "nobody has this token"), (&OBSERVER[1..], "nobody has this token")]
    {
        for (method, address) in
            [("GET", "/api/me"), ("GET", "/api/boxes"), ("POST", "/api/calls"), ("GET", "/api/events"), ("GET", "/api/calls/x")]
        {
            let answer = rig.send(request(method, address, token, None)).await;
            assert_eq!(answer.headers()["www-authenticate"], "Bearer");
            let (status, body) = read(answer).await;
            assert_eq!((status, body["error"].as_str()), (StatusCode::UNAUTHORIZED, Some("unauthorized")), "{address}");
            assert!(body["message"].as_str().unwrap().starts_with(words), "{body}");
        }
    }
    let (status, health) = rig.ask(Ask("GET", "/api/health", "", None)).await;
    assert_eq!((status, health), (StatusCode::OK, json!({"status": "ok"})));
    let me = rig.fine("/api/me").await;
    assert_eq!(me, json!({"name": "olga", "role": "observer", "version": env!("CARGO_PKG_VERSION")}));
}

#[tokio::test]
async fn boxes_are_found() {
    let rig = Rig::new().await;
    let found = async |query: &str| ids(&rig.fine(&format!("/api/boxes{query}")).await).join(" ");
    assert_eq!(found("").await, [LYON, PARIS, HOSTILE, SIM].join(" "));
    assert_eq!(found("?limit=2").await, [LYON, PARIS].join(" "));
    assert_eq!(found("?model=STREAMBOX").await, PARIS);
    assert_eq!(found("?online=false").await, PARIS);
    assert_eq!(found("?simulated=true").await, SIM);
    assert_eq!(found("?label=city%3DLyon&simulated=false").await, LYON);
    assert_eq!(found("?label=city=").await, HOSTILE);
    assert_eq!(found("?q=sn-7").await, [LYON, PARIS, HOSTILE].join(" "));
    assert_eq!(found("?q=paris&limit=1").await, PARIS);
    assert_eq!(found("?q=nothing").await, "");
}

#[tokio::test]
async fn one_box_has_many_names() {
    let rig = Rig::new().await;
    for (name, whose) in [(LYON, LYON), ("SN-78", PARIS), ("0000000002", PARIS), ("os::00256D-1%252F..", HOSTILE), ("%252F..", HOSTILE)] {
        assert_eq!(rig.fine(&format!("/api/boxes/{name}")).await["id"], whose);
    }
    let get = |address| ("GET", address, None);
    let said = troubles(
        &rig,
        &[
            get("/api/boxes/1"),
            get("/api/boxes/nobody"),
            get("/api/boxes/os::00256d-0000000001"),
            get("/api/boxes/os::00256D-1%2F.."),
            get("/api/boxes/%1b%5B31mred%E2%80%AE"),
            get("/api/boxes/%ff"),
            get("/api/boxes/..%2F..%2Fetc%2Fpasswd"),
            get("/api/boxes/%00"),
        ],
    )
    .await;
    expect![[r#"
        409 ambiguous-box: "1" names 2 boxes, os::00256D-0000000001, proto::sim-1 among them; give the whole id
        404 no-such-box: no box "nobody"; `line3 boxes` lists those that were heard of
        404 no-such-box: no box "os::00256d-0000000001"; did you mean os::00256D-0000000001?
        404 no-such-box: no box "os::00256D-1/.."; did you mean os::00256D-1%2F.., os::00256D-0000000001, os::00256D-0000000002?
        404 no-such-box: no box "[31mred"; `line3 boxes` lists those that were heard of
        400 bad-request: GET /api/boxes/%ff: Invalid URL: Invalid UTF-8 in `name`
        404 no-such-box: no box "../../etc/passwd"; `line3 boxes` lists those that were heard of
        404 no-such-box: no box ""; `line3 boxes` lists those that were heard of
    "#]]
    .assert_eq(&said);
    let (status, _) = rig.get(&format!("/api/boxes/{}", "x".repeat(10_000))).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_a_box_can_do() {
    let rig = Rig::new().await;
    let catalogue = rig.fine("/api/boxes/SN-77/catalogue").await;
    assert_eq!(catalogue, serde_json::to_value(rig::catalogue()).unwrap());
    let get = |address| ("GET", address, None);
    let said =
        troubles(&rig, &[get("/api/boxes/SN-78/catalogue"), get("/api/boxes/SN-79/catalogue"), get("/api/boxes/SN-0/catalogue")]).await;
    expect![[r#"
        404 not-found: what os::00256D-0000000002 can do is not known yet: it is offline; it is asked when it connects
        404 not-found: what os::00256D-1%2F.. can do is not known yet: it is being asked; try again in a few seconds
        404 no-such-box: no box "SN-0"; `line3 boxes` lists those that were heard of
    "#]]
    .assert_eq(&said);
}

#[tokio::test]
async fn what_a_box_reported() {
    let rig = Rig::new().await;
    let now = line3_controller::clock::wall().0;
    rig.report(LYON, Wall(now - 7_200_000), 1, 10).await;
    rig.report(LYON, Wall(now - 60_000), 4, 20).await;
    assert_eq!(rig.fine("/api/boxes/SN-77/paths").await, json!(["Device.Thing.Load"]));
    assert_eq!(rig.fine("/api/boxes/SN-77").await["health"], json!({"Device.Thing.Load": 20}));

    let series = rig.fine("/api/boxes/SN-77/series?path=Device.Thing.Load").await;
    assert_eq!((&series["box"], &series["unit"]), (&json!(LYON), &json!("percent")));
    assert_eq!(series["points"], json!([{"at": now - 60_000, "value": 20}]), "the last hour");
    assert_eq!(series["gaps"], json!([{"run": "run-1", "from": 2, "to": 3}]));
    let (from, to) = (now - 7_200_000, now - 60_000);
    let series = rig.fine(&format!("/api/boxes/SN-77/series?path=Device.Thing.Load&from={from}&to={to}")).await;
    assert_eq!(series["points"], json!([{"at": from, "value": 10}]), "the end is not included");
    let series = rig.fine("/api/boxes/SN-77/series?path=Device.Other").await;
    assert_eq!(series["points"], json!([]));

    let get = |address| ("GET", address, None);
    let said = troubles(
        &rig,
        &[
            get("/api/boxes/SN-77/series"),
            get("/api/boxes/SN-77/series?path=Device.*.x"),
            get("/api/boxes/SN-77/series?path=Device.Thing.Load&from=5&to=5"),
            get("/api/boxes/SN-77/series?path=Device.Thing.Load&from=yesterday"),
            get("/api/boxes/SN-0/series?path=Device.Thing.Load"),
            get("/api/boxes/SN-0/paths"),
        ],
    )
    .await;
    expect![[r#"
        400 bad-request: GET /api/boxes/SN-77/series: the query does not fit: missing field `path`
        400 bad-request: path takes the whole path of one parameter; /api/boxes/{name}/paths lists those there are
        400 bad-request: from must be before to: 5 is not before 5
        400 bad-request: GET /api/boxes/SN-77/series: the query does not fit: from: invalid digit found in string
        404 no-such-box: no box "SN-0"; `line3 boxes` lists those that were heard of
        404 no-such-box: no box "SN-0"; `line3 boxes` lists those that were heard of
    "#]]
    .assert_eq(&said);
    let (status, _) = rig.get(&format!("/api/boxes/SN-77/series?path=Device.Thing.Load&from={}&to={}", i64::MIN, i64::MAX)).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn labels_are_written_and_audited() {
    let rig = Rig::new().await;
    let put = async |token, body| rig.ask(Ask("PUT", "/api/boxes/os::00256D-1%252F../labels", token, Some(body))).await;
    let (status, view) = put(DIAGNOSE, json!({"labels": {"city": "Nice", "rack": "7"}, "reason": "T-1"})).await;
    assert_eq!((status, &view["labels"]), (StatusCode::OK, &json!({"city": "Nice", "rack": "7"})));
    let (_, view) = put(DIAGNOSE, json!({"labels": {"rack": ""}, "reason": "T-1"})).await;
    assert_eq!(view["labels"], json!({"city": "Nice"}));

    let (status, denied) = put(OBSERVER, json!({"labels": {"city": "x"}, "reason": "T-2"})).await;
    assert_eq!((status, denied["error"].as_str()), (StatusCode::FORBIDDEN, Some("denied")));
    let rows = rig.fine("/api/audit").await;
    let last = rows.as_array().unwrap().last().unwrap();
    assert_eq!((&last["entry"]["kind"], &last["entry"]["actor"]), (&json!("refused"), &json!("olga")));

    let to = "/api/boxes/SN-77/labels";
    let said = troubles(
        &rig,
        &[
            ("PUT", to, Some(json!({"labels": {"a": "b"}, "reason": ""}))),
            ("PUT", to, Some(json!({"labels": {"a": "b\u{1b}"}, "reason": "T-1"}))),
            ("PUT", to, Some(json!({"labels": {"a": "b"}, "reason": "T-1", "force": true}))),
            ("PUT", "/api/boxes/SN-0/labels", Some(json!({"labels": {}, "reason": "T-1"}))),
        ],
    )
    .await;
    expect![[r#"
        400 bad-request: the reason must be 1 to 200 printable characters: say why this is done, e.g. the ticket's number
        400 bad-request: the label "a=b" takes a name and a value of at most 64 printable bytes
        400 bad-request: PUT /api/boxes/SN-77/labels: the body does not fit: force: unknown field `force`, expected `labels` or `reason` at line 1 column 8
        404 no-such-box: no box "SN-0"; `line3 boxes` lists those that were heard of
    "#]].assert_eq(&said);
}
