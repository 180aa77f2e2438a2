//! The streams of events.

use std::time::Duration;

use axum::http::StatusCode;
use futures_util::StreamExt;
use line3_controller::api::MAX_STREAMS;
use line3_controller::store::CallState;
use line3_proto::Wall;
use serde_json::{Value, json};

use crate::rig::{HOSTILE, LYON, OBSERVER, PARIS, Rig, id, request};

/// The next piece of a stream.
async fn piece(stream: &mut axum::body::BodyDataStream) -> String {
    let piece = tokio::time::timeout(Duration::from_secs(30), stream.next()).await.expect("a piece").unwrap().unwrap();
    String::from_utf8(piece.to_vec()).unwrap()
}

#[tokio::test]
async fn events_are_told() {
    let mut rig = Rig::new().await;
    let call = rig.call(LYON).await;
    let of = format!("/api/events?call={}", call["id"].as_str().unwrap());
    let mut streams = Vec::new();
    for address in ["/api/events", "/api/events?box=os::00256D-1%252F..", &of] {
        let answer = rig.send(request("GET", address, OBSERVER, None)).await;
        assert_eq!((answer.status(), &answer.headers()["content-type"]), (StatusCode::OK, &"text/event-stream".parse().unwrap()));
        streams.push(answer.into_body().into_data_stream());
    }
    rig.report(PARIS, Wall(2000), 1, 5).await;
    rig.board.change(&id(HOSTILE), |view| view.labels = [("city".to_owned(), "a\n\ndata: b\r".to_owned())].into()).unwrap();
    rig.step(&call, CallState::Sent).await;

    let report = piece(&mut streams[0]).await;
    let json: Value = serde_json::from_str(report.strip_prefix("data: ").unwrap().strip_suffix("\n\n").unwrap()).unwrap();
    assert_eq!(
        json,
        json!({"event": "report", "box": PARIS, "received": 2000, "runId": "run-1", "sequence": 1, "values": {"Device.Thing.Load": 5}})
    );
    assert!(piece(&mut streams[0]).await.contains(r#""event":"box""#));
    assert!(piece(&mut streams[0]).await.contains(r#""state":"sent""#));
    let of_box = piece(&mut streams[1]).await;
    assert!(of_box.contains(r#""event":"box""#) && of_box.contains(HOSTILE), "{of_box}");
    assert_eq!(of_box.trim_end().lines().count(), 1, "no text of a box starts a line of its own: {of_box}");
    assert!(piece(&mut streams[2]).await.contains(r#""event":"call""#), "the call alone");
    let (status, body) = rig.get("/api/events?box=nobody").await;
    assert_eq!((status, body["error"].as_str()), (StatusCode::NOT_FOUND, Some("no-such-box")));
}

#[tokio::test]
async fn a_slow_reader_is_told_what_it_lost() {
    let rig = Rig::new().await;
    let mut stream = rig.send(request("GET", "/api/events", OBSERVER, None)).await.into_body().into_data_stream();
    for n in 0..5000_u64 {
        rig.board.change(&id(LYON), |view| view.last_seen = Wall(i64::try_from(n).unwrap())).unwrap();
    }
    assert_eq!(piece(&mut stream).await, "event: lost\ndata: {\"lost\":904}\n\n");
    assert!(piece(&mut stream).await.contains(r#""lastSeen":904"#), "it goes on with the oldest that is there");
}

/// It takes the 15 s that the stream is quiet.
#[tokio::test]
async fn a_quiet_stream_shows_that_it_is_alive() {
    let rig = Rig::new().await;
    let mut stream = rig.send(request("GET", "/api/events", OBSERVER, None)).await.into_body().into_data_stream();
    assert_eq!(piece(&mut stream).await, ":\n\n");
}

#[tokio::test]
async fn streams_are_bounded() {
    let rig = Rig::new().await;
    let mut open = Vec::new();
    for _ in 0..MAX_STREAMS {
        open.push(rig.send(request("GET", "/api/events", OBSERVER, None)).await);
    }
    let (status, body) = rig.get("/api/events").await;
    assert_eq!((status, body["error"].as_str()), (StatusCode::SERVICE_UNAVAILABLE, Some("busy")));
    open.pop();
    assert_eq!(rig.send(request("GET", "/api/events", OBSERVER, None)).await.status(), StatusCode::OK, "a place was given back");
}
