//! Catalogues that come before their boxes.

use axum::http::StatusCode;
use expect_test::expect;
use line3_proto::catalogue::digest;
use serde_json::json;

use crate::rig::{LEAD, REPAIR, Rig, catalogue, troubles};

#[tokio::test]
async fn a_catalogue_is_kept_under_the_digest_that_its_boxes_will_tell() {
    let rig = Rig::new().await;
    let text = catalogue().to_json();
    let body = json!({"catalogue": format!("{text}\n"), "reason": "T-1"});
    let (status, view) = rig.post("/api/catalogues", LEAD, body).await;
    assert_eq!((status, &view["digest"], &view["objects"]), (StatusCode::OK, &json!(digest(text.as_bytes())), &json!(2)));
    let told = catalogue().digest();
    let kept = rig.keeper.run(move |kept| kept.store.catalogue(&told)).await.unwrap().unwrap();
    assert_eq!(kept, Some(text.into_bytes()));
    let rows = rig.fine("/api/audit").await;
    assert_eq!(rows[0]["entry"]["words"], json!(format!("keep the catalogue {}", catalogue().digest())));
}

#[tokio::test]
async fn it_is_for_a_whole_firmware_so_not_every_role_may() {
    let rig = Rig::new().await;
    let body = json!({"catalogue": catalogue().to_json(), "reason": "T-1"});
    let (status, _) = rig.post("/api/catalogues", REPAIR, body).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let told = catalogue().digest();
    assert_eq!(rig.keeper.run(move |kept| kept.store.catalogue(&told)).await.unwrap().unwrap(), None);
}

#[tokio::test]
async fn what_is_no_catalogue_is_refused() {
    let rig = Rig::new().await;
    let post = |text: &str, reason: &str| ("POST", "/api/catalogues", Some(json!({"catalogue": text, "reason": reason})));
    let none = r#"{"objects": [], "commands": [], "events": []}"#;
    let said = troubles(&rig, &[post("{}", "T-1"), post("", "T-1"), post(none, "T-1"), post(&catalogue().to_json(), "")]).await;
    expect![[r#"
        400 bad-request: this is no catalogue as `line3-agent --catalogue` prints it: missing field `objects` at line 1 column 2
        400 bad-request: this is no catalogue as `line3-agent --catalogue` prints it: EOF while parsing a value at line 1 column 0
        400 bad-request: this catalogue has no objects; no firmware has none
        400 bad-request: the reason must be 1 to 200 printable characters: say why this is done, e.g. the ticket's number
    "#]]
    .assert_eq(&said);
}
