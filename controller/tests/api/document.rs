//! What holds at every address: errors, and the document.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use expect_test::expect;
use line3_controller::api::MAX_BODY;
use serde_json::{Value, json};

use crate::rig::{Ask, REPAIR, Rig, read, request, troubles};

#[tokio::test]
async fn whatever_goes_wrong_is_said_in_json() {
    let rig = Rig::new().await;
    let get = |address| ("GET", address, None);
    let said = troubles(
        &rig,
        &[
            get("/"),
            get("/api/nothing%1b"),
            get("/api/boxes?colour=red"),
            get("/api/boxes?limit=0"),
            get("/api/boxes?limit=10001"),
            get("/api/boxes?online=maybe"),
            get("/api/boxes?label=Lyon"),
            get("/api/boxes?label=a=b&label=c=d"),
            get("/api/calls?limit=1001"),
            get("/api/calls?box=SN-0"),
            get("/api/audit?limit=0"),
            get("/api/audit?from=-1"),
            ("DELETE", "/api/boxes", None),
            ("POST", "/api/boxes/SN-77", Some(json!({}))),
        ],
    )
    .await;
    expect![[r#"
        404 not-found: nothing answers at /; /api/openapi.json describes all that there is
        404 not-found: nothing answers at /api/nothing%1b; /api/openapi.json describes all that there is
        400 bad-request: GET /api/boxes: the query does not fit: colour: unknown field `colour`, expected one of `q`, `model`, `online`, `simulated`, `label`, `limit`
        400 bad-request: limit takes 1 to 10000, not 0
        400 bad-request: limit takes 1 to 10000, not 10001
        400 bad-request: GET /api/boxes: the query does not fit: online: provided string was not `true` or `false`
        400 bad-request: label takes name=value, not "Lyon"
        400 bad-request: GET /api/boxes: the query does not fit: duplicate field `label`
        400 bad-request: limit takes 1 to 1000, not 1001
        404 no-such-box: no box "SN-0"; `line3 boxes` lists those that were heard of
        400 bad-request: limit takes 1 to 1000, not 0
        400 bad-request: GET /api/audit: the query does not fit: from: invalid digit found in string
        405 bad-request: DELETE /api/boxes: this address does not take that method; /api/openapi.json tells which it takes
        405 bad-request: POST /api/boxes/SN-77: this address does not take that method; /api/openapi.json tells which it takes
    "#]].assert_eq(&said);

    let raw = |body: Vec<u8>| {
        Request::post("/api/calls")
            .header("authorization", format!("Bearer {REPAIR}"))
            .header("content-type", "application/json")
            .body(Body::from(body))
            .unwrap()
    };
    let mut said = String::new();
    for body in [b"{".to_vec(), b"\xff".to_vec(), b"[".repeat(500), vec![b' '; MAX_BODY + 1]] {
        let (status, body) = read(rig.send(raw(body)).await).await;
        said.push_str(&format!("{} {}\n", status.as_u16(), body["message"].as_str().unwrap()));
    }
    expect![[r#"
        400 POST /api/calls: the body is no JSON: EOF while parsing an object at line 1 column 1
        400 POST /api/calls: the body is no JSON: expected value at line 1 column 1
        400 POST /api/calls: the body does not fit: [0]: invalid type: sequence, expected a string at line 1 column 1
        413 POST /api/calls: the body is too large; at most 1048576 bytes are taken
    "#]]
    .assert_eq(&said);
    let (status, body) = read(rig.send(request("POST", "/api/calls", REPAIR, None)).await).await;
    assert_eq!((status, body["error"].as_str()), (StatusCode::UNSUPPORTED_MEDIA_TYPE, Some("bad-request")));

    let answer = rig.send(request("DELETE", "/api/boxes", REPAIR, None)).await;
    assert_eq!(answer.headers()["allow"], "GET,HEAD");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert!(answer.headers().keys().all(|name| !name.as_str().starts_with("access-control")), "no other origin");
}

#[tokio::test]
async fn the_document_has_every_address() {
    let rig = Rig::new().await;
    let (status, document) = rig.ask(Ask("GET", "/api/openapi.json", "", None)).await;
    assert_eq!(status, StatusCode::OK);
    let mut lines = String::new();
    for (address, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let words = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{method} {address}: {operation}")).to_owned();
            assert!(!words(&operation["summary"]).is_empty());
            let named = |parameter: &Value| {
                assert!(!words(&parameter["description"]).is_empty(), "{address} {parameter}");
                words(&parameter["name"])
            };
            let parameters: Vec<String> = operation["parameters"].as_array().into_iter().flatten().map(named).collect();
            let statuses: Vec<&str> = operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
            let id = words(&operation["operationId"]);
            lines.push_str(&format!("{method} {address} {id}({}) {}\n", parameters.join(", "), statuses.join(" ")));

            // It is really there: whatever is wrong with this request, address and method are right.
            let asked = address.replace("{name}", "nobody").replace("{id}", "none");
            let answer = rig.send(request(&method.to_uppercase(), &asked, "", None)).await;
            let open = operation["security"] == json!([{}]);
            assert_eq!(answer.status(), if open { StatusCode::OK } else { StatusCode::UNAUTHORIZED }, "{method} {address}");
        }
    }
    expect![[r#"
        get /api/audit list_audit(from, limit) 200 400 401 500 503
        get /api/audit/verify verify_audit() 200 400 401 500 503
        get /api/boxes list_boxes(q, model, online, simulated, label, limit) 200 400 401 500 503
        get /api/boxes/{name} show_box(name) 200 400 401 404 409 500 503
        get /api/boxes/{name}/catalogue show_catalogue(name) 200 400 401 404 409 500 503
        put /api/boxes/{name}/labels label_box(name) 200 400 401 403 404 409 500 503
        get /api/boxes/{name}/paths list_paths(name) 200 400 401 404 409 500 503
        get /api/boxes/{name}/series show_series(name, path, from, to) 200 400 401 404 409 500 503
        get /api/calls list_calls(box, limit) 200 400 401 404 409 500 503
        post /api/calls make_call() 202 400 401 403 404 409 500 503
        get /api/calls/{id} show_call(id, wait) 200 400 401 404 500 503
        post /api/calls/{id}/cancel cancel_call(id) 200 400 401 403 404 409 500 503
        post /api/catalogues keep_catalogue() 200 400 401 403 500 503
        get /api/events follow_events(box, call) 200 400 401 404 409 500 503
        get /api/health health() 200
        get /api/me show_me() 200 400 401 500 503
        get /api/openapi.json openapi() 200
    "#]]
    .assert_eq(&lines);

    // Nothing is spoken of that is not described.
    let mut missing = Vec::new();
    let mut look = vec![&document];
    while let Some(value) = look.pop() {
        match value {
            Value::Object(map) => {
                let reference = map.get("$ref").and_then(Value::as_str);
                missing.extend(reference.filter(|to| document.pointer(to.trim_start_matches('#')).is_none()));
                look.extend(map.values());
            }
            Value::Array(list) => look.extend(list),
            _ => {}
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(document["security"], json!([{"token": []}]));
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
}
