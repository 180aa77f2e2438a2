//! Bad input, end to end: the real server and the real agent process before certificates that are wrong, a twin, garbage, lies and
//! damaged files. Each is named, nothing is lost and everybody goes on. What is wrong in an order is in `e2e.rs`, `api.rs` and `cli.rs`,
//! who gets past a broker in `broker.rs`, damaged records and reports one by one in the unit tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

#[path = "bad_input/files.rs"]
mod files;
#[path = "bad_input/hands.rs"]
mod hands;
mod world;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use hands::{Hand, certificate, oversized, relay};
use line3_controller::broker::{Broker, BrokerConfig, BrokerTls};
use line3_controller::clock::wall;
use line3_controller::pki::Pki;
use line3_controller::store::CallState;
use line3_controller::views::Event;
use line3_proto::health::{BOOT_ID, RUN_ID, UP_TIME, sequence_path};
use line3_proto::record::{seal_connect, seal_disconnect};
use line3_proto::topic::reply_topic;
use line3_proto::{Topic, Wall};
use rcgen::ExtendedKeyUsagePurpose;
use tokio::sync::watch;
use world::{BOX, Kind, World, agent_process, end, id, value};

const MALLORY: &str = "os::00256D-MALLORY";
const CONTROLLER: &str = "self::line3";
const FREE: &str = "Device.DeviceInfo.MemoryStatus.Free";
const UP: &str = "Device.DeviceInfo.UpTime";

macro_rules! over_both_brokers {
    ($($check:ident)*) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $check() { super::$check(super::Kind::Embedded).await; })*
        }
        mod mosquitto {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $check() { super::$check(super::Kind::Mosquitto).await; })*
        }
    };
}

over_both_brokers! {
    a_box_whose_certificate_has_expired_is_told
    two_boxes_of_one_name_lose_nothing_and_one_alone_works
    garbage_hurts_nobody
}

/// Waits until a log says all of this in one line.
async fn says(log: impl Fn() -> String, parts: &[&str]) {
    let until = Instant::now() + Duration::from_secs(60);
    while !log().lines().any(|line| parts.iter().all(|part| line.contains(part))) {
        assert!(Instant::now() < until, "no line has all of {parts:?}:\n{}", log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A broker in the place of the right one, with this certificate; then the right one. The agent names what is wrong, tries on, and comes
/// in by itself.
async fn wrong_broker(tls: impl FnOnce(&World) -> BrokerTls, parts: &[&str]) {
    let mut world = World::new(Kind::Embedded).await;
    let wrong = Broker::start(BrokerConfig::new((Ipv4Addr::LOCALHOST, 0).into(), tls(&world)), None).await.unwrap();
    // The port stays ours while the broker behind it changes.
    let (to, target) = watch::channel(wrong.local_addr());
    let right = world.boxes;
    world.boxes = relay(target).await;
    world.start_agent();
    let name = world.boxes.to_string();
    let parts: Vec<&str> = std::iter::once(name.as_str()).chain(parts.iter().copied()).collect();
    says(|| world.agent_log(), &parts).await;
    assert!(world.view().is_none(), "it has spoken to nobody");
    to.send(right).unwrap();
    world.until_ready().await;
    wrong.stop().await;
    world.stop_server().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_of_another_authority_is_named_and_tried_again() {
    let elsewhere = tempfile::tempdir().unwrap();
    let strangers = Pki::create(elsewhere.path()).unwrap();
    wrong_broker(|_| strangers.broker_tls(&["127.0.0.1"]).unwrap(), &["is not trusted", "give us the present CA"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_whose_certificate_has_expired_is_named_and_tried_again() {
    let expired = |world: &World| {
        let issued = certificate(world.dir.path(), "127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth, 2001);
        BrokerTls { cert_pem: issued.cert_pem, key_pem: issued.key_pem, ..world.pki.broker_tls(&["127.0.0.1"]).unwrap() }
    };
    wrong_broker(expired, &["has expired on 2001-01-01", "renew it"]).await;
}

async fn a_box_whose_certificate_has_expired_is_told(kind: Kind) {
    let mut world = World::new(kind).await;
    let config = world.box_files(&id(BOX));
    let issued = certificate(world.dir.path(), BOX, ExtendedKeyUsagePurpose::ClientAuth, 2001);
    std::fs::write(config.with_file_name("box.pem"), issued.cert_pem).unwrap();
    std::fs::write(config.with_file_name("box.key"), issued.key_pem).unwrap();
    world.start_agent();
    let name = world.boxes.to_string();
    says(|| world.agent_log(), &[&name, "our certificate has expired", "renew it"]).await;
    assert!(world.view().is_none(), "it is not let in");

    // With a new one it is.
    world.kill_agent();
    world.pki.write_box(config.parent().unwrap(), &id(BOX)).unwrap();
    world.start_agent();
    world.until_ready().await;
    world.stop_server().await;
}

async fn two_boxes_of_one_name_lose_nothing_and_one_alone_works(kind: Kind) {
    let mut world = World::new(kind).await;
    world.start_agent();
    world.until_ready().await;

    // The same certificate in another box, which has a memory of its own and reports less.
    let config = world.box_files(&id(BOX));
    let text = std::fs::read_to_string(&config).unwrap().replace("/state\"", "/twin\"");
    let text = text + "parameters = [\"Device.DeviceInfo.MemoryStatus.Total\"]\n";
    let twin_config = config.with_file_name("twin.toml");
    std::fs::write(&twin_config, text).unwrap();
    let twin = agent_process(&twin_config);
    // Each takes the connection from the other in turn. Neither broker says why it ends (MQTT 5 has SessionTakenOver for it), so the
    // logs name the broker and what to think of; the server, which sees both, says it outright.
    let name = world.boxes.to_string();
    let ended = [name.as_str(), "the connection", "same client identifier"];
    says(|| world.agent_log(), &ended).await;
    says(|| std::fs::read_to_string(twin_config.with_extension("log")).unwrap(), &ended).await;
    end(Some(twin));

    world.until("connected once more", |view| view.online && view.ready).await;
    let made = async || {
        let got = world.get(&sequence_path(1)).await;
        assert_eq!(got.state, CallState::Succeeded, "{}", got.words);
        value(&got, &sequence_path(1)).parse::<usize>().unwrap()
    };
    // All that the first box has reported is there once, and of the twin's nothing is missing in between.
    let before = made().await;
    assert!(before > 5, "reports were made while they fought");
    let desk = &world.server().desk;
    let until = Instant::now() + Duration::from_secs(60);
    let kept = loop {
        let series = desk.series(&id(BOX), FREE, Wall(0), Wall(wall().0 + 60_000)).await.unwrap();
        if series.points.len() >= before && series.gaps.is_empty() {
            break series.points.len();
        }
        assert!(Instant::now() < until, "{before} were made, {} are kept, missing are {:?}", series.points.len(), series.gaps);
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let after = made().await;
    assert!(kept <= after, "{after} were made, {kept} are kept");
    // The fight is forgotten: when the last of them dies, that is seen.
    world.kill_agent();
    world.until("offline", |view| !view.online).await;
    world.stop_server().await;
}

fn report(sequence: u64) -> Vec<u8> {
    let element = serde_json::json!({ "CollectionTime": 0, RUN_ID: "r", BOOT_ID: "b", UP_TIME: sequence, sequence_path(1): sequence, "Device.X": sequence });
    serde_json::json!({ "Report": [element] }).to_string().into_bytes()
}

async fn garbage_hurts_nobody(kind: Kind) {
    let mut world = World::new(kind).await;
    world.start_agent();
    world.until_ready().await;
    let run = world.view().unwrap().run_id;
    let (real, mallory, controller) = (id(BOX), id(MALLORY), id(CONTROLLER));

    // A box that says what is no record and no report, too much of it, and what only the other box may say.
    let own = Topic::Controller { controller: controller.clone(), sender: mallory.clone() }.to_string();
    let (answers, reports) = (reply_topic(&controller, "1", &mallory), Topic::Telemetry(mallory.clone()).to_string());
    let record = seal_connect(&mallory, &controller, &Topic::Agent(mallory.clone()).to_string());
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let bad = [
        Vec::new(),
        b"\xff\x00\x1b[2J garbage \xfe".repeat(50),
        half(&record),
        half(&report(1)),
        b"{\"Report\": 7}".to_vec(),
        b"[".repeat(100_000),
        vec![b' '; 1_000_000],
    ];
    let mut hand = Hand::of(world.pki.issue_box(&mallory).unwrap(), &world, world.boxes, MALLORY);
    for payload in &bad {
        for topic in [&own, &answers, &reports] {
            hand.send(topic, payload).await;
        }
    }
    let mut events = world.server().desk.events();
    hand.send(&own, &seal_disconnect(&real, &controller, "a lie", 0)).await;
    hand.send(&own, &seal_connect(&real, &controller, "usp/agent/x")).await;
    // What is above the broker's bound is not sent by us, and ends the connection of whoever sends it.
    assert!(hand.refused(&own, &vec![0; (1 << 20) + 1]).await.contains("bytes"));
    let issued = world.pki.issue_box(&id("os::00256D-LARGE")).unwrap();
    oversized(&world, &issued, "os::00256D-LARGE", "telemetry/os::00256D-LARGE").await;

    // Somebody with the controller's certificate speaks nonsense to the agent.
    let door = if kind == Kind::Embedded { world.boxes } else { world.controllers };
    let mut false_controller = Hand::of(world.pki.issue_controller(&controller).unwrap(), &world, door, "self::line3.false");
    let to_box = Topic::Agent(real.clone()).to_string();
    for payload in &bad {
        // The largest is more than the agent takes: the broker keeps it.
        false_controller.send(&to_box, payload).await;
    }

    // Everybody goes on, and what is good is taken.
    let got = world.get(UP).await;
    assert_eq!(got.state, CallState::Succeeded, "{}", got.words);
    let last = world.view().unwrap().reported;
    world.until("reporting on", |view| view.reported > last).await;
    assert_eq!(world.view().unwrap().run_id, run, "it is the same process");
    says(|| world.agent_log(), &["no USP record"]).await;
    assert!(!world.agent_log().contains('\u{1b}'), "garbage does not reach a terminal");

    hand.send(&reports, &report(2)).await;
    let desk = &world.server().desk;
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let kept = desk.series(&mallory, "Device.X", Wall(0), Wall(wall().0 + 60_000)).await.unwrap().points;
        if !kept.is_empty() {
            assert_eq!(kept.iter().map(|point| point.value.as_f64()).collect::<Vec<_>>(), [Some(2.0)], "only the good report is kept");
            break;
        }
        assert!(Instant::now() < until, "the good report is not kept");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(desk.verify().await.unwrap().whole);
    while let Ok(event) = events.try_recv() {
        if let Event::Box { view } = event.as_ref()
            && view.id == real
        {
            assert!(view.online && view.run_id == run, "the lie was believed for a moment: {view:?}");
        }
    }
    world.stop_server().await;
}
