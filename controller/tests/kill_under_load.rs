//! `kill -9` of the whole server under load: every report that a box saw acknowledged is in the store after the restart.
#![allow(clippy::print_stdout, reason = "what was measured")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use line3_controller::pki::Pki;
use line3_controller::report::Reading;
use line3_controller::setup::prepare;
use line3_controller::store::Store;
use line3_controller::store::sqlite::SqliteStore;
use line3_proto::backoff::Backoff;
use line3_proto::health::{BOOT_ID, RUN_ID, UP_TIME, sequence_path};
use line3_proto::link::{Link, LinkEvent};
use line3_proto::mqtt::{MqttConfig, MqttLink, client_tls};
use line3_proto::{EndpointId, Publication, QoS, Topic, Wall};

/// How many boxes report.
const BOXES: usize = 8;

/// How often the server is killed.
const KILLS: u64 = 3;

fn free() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// Starts `line3 serve` and waits until it says where it listens.
fn serve(data: &Path) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_line3"))
        .args(["serve", "--data"])
        .arg(data)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("Ctrl-C")), "the server says that it runs");
    child
}

fn report(run: &str, sequence: u64) -> Vec<u8> {
    let element = serde_json::json!({
        "CollectionTime": 0, RUN_ID: run, BOOT_ID: "boot", UP_TIME: sequence, sequence_path(1): sequence, "Device.X": sequence,
    });
    serde_json::json!({ "Report": [element] }).to_string().into_bytes()
}

/// Reports as fast as the broker acknowledges, and notes what it acknowledged.
async fn load(id: EndpointId, port: u16, pki: Arc<Pki>, acknowledged: Arc<Mutex<BTreeMap<EndpointId, u64>>>) {
    let issued = pki.issue_box(&id).unwrap();
    let mut config = MqttConfig::new("127.0.0.1", port, id.as_str(), id.as_str().len() as u64);
    config.tls = Some(client_tls(pki.ca_pem().as_bytes(), issued.cert_pem.as_bytes(), issued.key_pem.as_bytes()).unwrap());
    config.backoff = Backoff { m: Duration::from_millis(100), k: 1500, cap: Duration::from_secs(1) };
    let mut link = MqttLink::new(config);
    let topic = Topic::Telemetry(id.clone()).to_string();
    let mut sequence = 0;
    loop {
        sequence += 1;
        let publication = Publication {
            topic: topic.clone(),
            payload: report(&format!("run-{id}"), sequence),
            qos: QoS::AtLeastOnce,
            ..Publication::default()
        };
        link.publish(sequence, publication).unwrap();
        loop {
            match link.next().await {
                LinkEvent::Sent(token) if token == sequence => break,
                LinkEvent::Refused(_, why) => panic!("{why}"),
                _ => {}
            }
        }
        acknowledged.lock().unwrap().insert(id.clone(), sequence);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (_, pki, _) = prepare(dir.path()).unwrap();
    let (api, broker) = (free(), free());
    let file = dir.path().join("line3.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("api-listen = \"{api}\"\n[embedded-broker]\nlisten = \"{broker}\"\n{text}")).unwrap();

    let (pki, acknowledged) = (Arc::new(pki), Arc::new(Mutex::new(BTreeMap::new())));
    let mut server = serve(dir.path());
    let boxes: Vec<EndpointId> = (0..BOXES).map(|n| EndpointId::parse(&format!("os::00256D-LOAD{n}")).unwrap()).collect();
    let mut loads: Vec<_> =
        boxes.iter().map(|id| tokio::spawn(load(id.clone(), broker.port(), Arc::clone(&pki), Arc::clone(&acknowledged)))).collect();
    let total = || acknowledged.lock().unwrap().values().sum::<u64>();
    for kill in 1..=KILLS {
        let (before, until) = (total(), Instant::now() + Duration::from_secs(60));
        // Every box is under way, and the moment differs from kill to kill.
        while total() < before + 200 + kill * 37 || acknowledged.lock().unwrap().len() < BOXES {
            assert!(Instant::now() < until, "nothing is acknowledged: {:?}", acknowledged.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.kill().unwrap();
        server.wait().unwrap();
        server = serve(dir.path());
    }
    loads.iter_mut().for_each(|load| load.abort());
    for load in loads {
        let _ = load.await;
    }
    server.kill().unwrap();
    server.wait().unwrap();

    let mut store = SqliteStore::open(&dir.path().join("line3.db")).unwrap();
    for (id, last) in acknowledged.lock().unwrap().iter() {
        let points = store.series(id, "Device.X", Wall(0), Wall(i64::MAX)).unwrap();
        let mut kept: Vec<u64> = points
            .iter()
            .map(|(_, reading)| match reading {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small whole numbers")]
                Reading::Number(number) => *number as u64,
                other => panic!("{other:?}"),
            })
            .collect();
        let stored = kept.len();
        kept.sort_unstable();
        kept.dedup();
        assert_eq!(stored, kept.len(), "{id}: nothing is kept twice");
        let missing: Vec<u64> = (1..=*last).filter(|n| kept.binary_search(n).is_err()).collect();
        assert_eq!(missing, Vec::<u64>::new(), "{id}: {last} were acknowledged, {} are kept", kept.len());
    }
    println!("{} reports acknowledged over {KILLS} kills, all kept once", total());
}
