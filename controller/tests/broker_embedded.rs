//! What only the embedded broker does: reports before acknowledgements, new certificates while it runs, bounds, errors.
#![allow(clippy::disallowed_methods, reason = "tests do what the code may not")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod broker_rig;

use std::{
    net::Ipv4Addr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use broker_rig::{Door, LIMIT, Rig, does_not_start, id};
use line3_controller::{
    broker::{Broker, BrokerConfig, BrokerError, Busy, Ingest, Limits, Stored},
    pki::{Issued, Pki},
};
use line3_proto::EndpointId;
use rcgen::{CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber, date_time_ymd};
use tokio::sync::Semaphore;
use x509_parser::pem::parse_x509_pem;

const BOX: &str = "os::00256D-1";
const REPORT: &str = "telemetry/os::00256D-1";

/// Stores a report once it is allowed to, or is busy.
struct Store {
    allowed: Semaphore,
    busy: AtomicBool,
    asked: AtomicUsize,
    stored: Mutex<Vec<(String, Vec<u8>)>>,
}

impl Store {
    fn new(allowed: usize) -> Arc<Self> {
        let (busy, asked, stored) = (AtomicBool::new(false), AtomicUsize::new(0), Mutex::default());
        Arc::new(Self { allowed: Semaphore::new(allowed), busy, asked, stored })
    }

    fn payloads(&self) -> Vec<String> {
        self.stored.lock().unwrap().iter().map(|(_, payload)| String::from_utf8(payload.clone()).unwrap()).collect()
    }

    async fn wait_until_asked(&self, times: usize) {
        let end = Instant::now() + LIMIT;
        while self.asked.load(Ordering::SeqCst) < times {
            assert!(Instant::now() < end, "no report came");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Ingest for Store {
    fn report(&self, from: EndpointId, payload: Vec<u8>) -> Stored<'_> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            if self.busy.load(Ordering::SeqCst) {
                return Err(Busy);
            }
            self.allowed.acquire().await.unwrap().forget();
            self.stored.lock().unwrap().push((from.to_string(), payload));
            Ok(())
        })
    }
}

#[tokio::test]
async fn a_report_is_acknowledged_when_it_is_stored() {
    let store = Store::new(0);
    let rig = Rig::embedded_with(Some(Arc::clone(&store) as _), Limits::default()).await;
    let (mut controller, mut boxed) = (rig.a_controller().await, rig.a_box(BOX).await);
    boxed.begin_publish(REPORT, "1").await;
    store.wait_until_asked(1).await;
    assert!(!boxed.acknowledged_within(Duration::from_millis(300)).await, "not stored yet");
    store.allowed.add_permits(1);
    assert!(boxed.acknowledged_within(LIMIT).await);
    assert_eq!(*store.stored.lock().unwrap(), [(BOX.to_owned(), b"1".to_vec())]);
    controller.hears(&[(REPORT, "1")]).await;

    // What is no report does not go there.
    boxed.publish("usp/controller/self::line3/os::00256D-1", "record").await.unwrap();
    assert_eq!(store.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_report_that_is_not_stored_is_not_acknowledged() {
    let store = Store::new(10);
    store.busy.store(true, Ordering::SeqCst);
    let rig = Rig::embedded_with(Some(Arc::clone(&store) as _), Limits::default()).await;
    let mut controller = rig.a_controller().await;
    let refused = rig.a_box(BOX).await.publish(REPORT, "1").await;
    assert!(refused.is_err(), "the connection ends without PUBACK: {refused:?}");
    store.busy.store(false, Ordering::SeqCst);
    rig.a_box(BOX).await.publish(REPORT, "2").await.unwrap();
    assert_eq!(store.payloads(), ["2"]);
    controller.hears(&[(REPORT, "2")]).await;
}

#[tokio::test]
async fn a_store_that_hangs_is_busy() {
    let store = Store::new(0);
    let limits = Limits { ingest_timeout: Duration::from_millis(100), ..Limits::default() };
    let rig = Rig::embedded_with(Some(Arc::clone(&store) as _), limits).await;
    assert!(rig.a_box(BOX).await.publish(REPORT, "1").await.is_err());
    store.allowed.add_permits(1);
    rig.a_box(BOX).await.publish(REPORT, "2").await.unwrap();
    assert_eq!(store.payloads(), ["2"]);
}

#[tokio::test]
async fn anothers_report_does_not_reach_the_store() {
    let store = Store::new(10);
    let rig = Rig::embedded_with(Some(Arc::clone(&store) as _), Limits::default()).await;
    let mut mallory = rig.a_box("os::00256D-2").await;
    let _ = mallory.publish(REPORT, "a lie").await;
    mallory.publish("telemetry/os::00256D-2", "the truth").await.unwrap();
    assert_eq!(*store.stored.lock().unwrap(), [("os::00256D-2".to_owned(), b"the truth".to_vec())]);
}

/// A CRL of the rig's authority for boxes that takes this certificate back.
fn revoke(rig: &Rig, issued: &Issued) -> String {
    let (_, pem) = parse_x509_pem(issued.cert_pem.as_bytes()).unwrap();
    let serial = SerialNumber::from_slice(pem.parse_x509().unwrap().raw_serial());
    let read = |file| std::fs::read_to_string(rig.dir.path().join("pki").join(file)).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&read("ca.pem"), KeyPair::from_pem(&read("ca.key")).unwrap()).unwrap();
    let revoked =
        RevokedCertParams { serial_number: serial, revocation_time: date_time_ymd(2024, 1, 1), reason_code: None, invalidity_date: None };
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2024, 1, 1),
        next_update: date_time_ymd(2040, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![revoked],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    list.signed_by(&issuer).unwrap().pem().unwrap()
}

#[tokio::test]
async fn a_certificate_that_is_taken_back_ends_its_connection() {
    let rig = Rig::embedded().await;
    let (mut controller, mut good) = (rig.a_controller().await, rig.a_box("os::00256D-2").await);
    let issued = rig.pki.issue_box(&id(BOX)).unwrap();
    let mut bad = rig.try_connect(Door::Boxes, Some(&issued), BOX, None).await.unwrap();
    assert_eq!(rig.broker().connected(), 3);

    let mut tls = rig.pki.broker_tls(&["127.0.0.1"]).unwrap();
    tls.crl_pem = Some("nonsense".to_owned());
    assert!(matches!(rig.broker().reload(&tls), Err(BrokerError::BadPem { what: "the CRL", .. })));
    tls.crl_pem = Some(revoke(&rig, &issued));
    rig.broker().reload(&tls).unwrap();
    bad.ended().await;
    assert!(rig.try_connect(Door::Boxes, Some(&issued), BOX, None).await.is_err(), "it stays out");

    // Everybody else stays, and the box comes back with a new certificate.
    let mut back = rig.a_box(BOX).await;
    for (client, topic) in [(&mut good, "usp/agent/os::00256D-2"), (&mut back, "usp/agent/os::00256D-1")] {
        controller.publish(topic, "still there").await.unwrap();
        client.hears(&[(topic, "still there")]).await;
    }
}

#[tokio::test]
async fn connections_are_bounded() {
    let rig = Rig::embedded_with(None, Limits { connections: 2, ..Limits::default() }).await;
    let (_one, two) = (rig.a_box("os::00256D-2").await, rig.a_box("os::00256D-3").await);
    let issued = rig.pki.issue_box(&id(BOX)).unwrap();
    assert!(rig.try_connect(Door::Boxes, Some(&issued), BOX, None).await.is_err(), "the broker is full");
    two.cut().await;
    let end = Instant::now() + LIMIT;
    while rig.try_connect(Door::Boxes, Some(&issued), BOX, None).await.is_err() {
        assert!(Instant::now() < end, "a place is free again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn who_says_nothing_is_sent_away() {
    let rig = Rig::embedded_with(None, Limits { handshake_timeout: Duration::from_millis(100), ..Limits::default() }).await;
    let silent = tokio::net::TcpStream::connect(rig.address(Door::Boxes)).await.unwrap();
    let mut byte = [0];
    let end = tokio::time::timeout(LIMIT, silent.readable()).await;
    end.expect("closed in time").unwrap();
    assert!(!matches!(silent.try_read(&mut byte), Ok(1..)), "closed, and nothing said");
}

#[tokio::test]
async fn a_stop_tells_the_clients_and_frees_the_port() {
    let rig = Rig::embedded().await;
    let address = rig.address(Door::Boxes);
    let tls = rig.pki.broker_tls(&["127.0.0.1"]).unwrap();
    let mut boxed = rig.a_box(BOX).await;
    rig.stop().await;
    boxed.ended().await;
    Broker::start(BrokerConfig::new(address, tls), None).await.unwrap().stop().await;
}

#[tokio::test]
async fn what_keeps_it_from_starting_is_said() {
    let rig = Rig::embedded().await;
    let tls = rig.pki.broker_tls(&["127.0.0.1"]).unwrap();
    let error = does_not_start(BrokerConfig::new(rig.address(Door::Boxes), tls.clone())).await;
    assert!(matches!(error, BrokerError::PortBusy(_)) && error.to_string().contains("choose another port"), "{error}");

    let anywhere = (Ipv4Addr::LOCALHOST, 0).into();
    let mut one = tls.clone();
    one.controller_ca_pem.push_str(&one.box_ca_pem);
    assert!(matches!(does_not_start(BrokerConfig::new(anywhere, one)).await, BrokerError::OneAuthority));

    let mut broken = tls.clone();
    broken.key_pem = "nonsense".to_owned();
    let error = does_not_start(BrokerConfig::new(anywhere, broken)).await.to_string();
    assert!(error.contains("the broker's certificate and key"), "{error}");

    let elsewhere = tempfile::tempdir().unwrap();
    let mut mixed = tls;
    mixed.key_pem = Pki::create(elsewhere.path()).unwrap().issue_server(&["127.0.0.1"]).unwrap().key_pem;
    assert!(matches!(does_not_start(BrokerConfig::new(anywhere, mixed)).await, BrokerError::BadPem { .. }));
}
