//! The same checks over both brokers: the embedded one, and a real Mosquitto with the configuration that we write.
//! What a box must not get is shown by what it gets instead: every silence here ends with a message that does come.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod broker_rig;

use broker_rig::{CONTROLLER, Door, Rig, id};
use line3_controller::pki::{Issued, Pki};
use line3_proto::topic::{reply_topic, shared};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType, date_time_ymd};
use rumqttc::PublishProperties;

/// Its name begins with the other's, and a dot is what a controller's client id may go on with.
const VICTIM: &str = "os::00256D-1.2";
const MALLORY: &str = "os::00256D-1";

/// One check, over both brokers.
macro_rules! over_both_brokers {
    ($($check:ident)*) => {
        mod embedded {
            $(#[tokio::test] async fn $check() { super::$check(&super::Rig::embedded().await).await; })*
        }
        mod mosquitto {
            $(#[tokio::test] async fn $check() { super::$check(&super::Rig::mosquitto().await).await; })*
        }
    };
}

over_both_brokers! {
    a_box_hears_only_what_is_for_it
    a_box_speaks_only_for_itself
    a_box_leaves_no_will_in_anothers_name
    a_box_cannot_take_over_another
    a_box_with_the_controllers_name_is_a_box
    only_good_certificates_come_in
    properties_arrive
    a_shared_subscription_divides_the_reports_and_a_box_hears_none
    what_was_sent_while_it_was_away_waits
    nothing_is_retained
    a_long_id_comes_in
}

async fn a_box_hears_only_what_is_for_it(rig: &Rig) {
    let (mut controller, mut victim, mut mallory) = (rig.a_controller().await, rig.a_box(VICTIM).await, rig.a_box(MALLORY).await);
    for filter in [
        "#",
        "+/#",
        "+/+/+",
        "usp/agent/+",
        "usp/agent/os::00256D-1.2",
        "usp/controller/#",
        "usp/controller/self::line3/+",
        "telemetry/+",
        "telemetry/os::00256D-1.2",
        "$share/g/usp/agent/+",
        "$share/g/telemetry/+",
        "$share/g/#",
        "$SYS/#",
    ] {
        mallory.subscribe(filter).await;
    }
    let (to_victim, report) = (format!("usp/agent/{VICTIM}"), format!("telemetry/{VICTIM}"));
    let record = format!("usp/controller/{CONTROLLER}/{VICTIM}");
    controller.publish(&to_victim, "secret").await.unwrap();
    victim.publish(&report, "report").await.unwrap();
    victim.publish(&record, "record").await.unwrap();
    victim.hears(&[(&to_victim, "secret")]).await;
    controller.hears(&[(&report, "report"), (&record, "record")]).await;

    let to_mallory = format!("usp/agent/{MALLORY}");
    controller.publish(&to_mallory, "for you").await.unwrap();
    mallory.hears(&[(&to_mallory, "for you")]).await;
}

async fn a_box_speaks_only_for_itself(rig: &Rig) {
    let (mut controller, mut victim, mut mallory) = (rig.a_controller().await, rig.a_box(VICTIM).await, rig.a_box(MALLORY).await);
    let (to_victim, to_mallory) = (format!("usp/agent/{VICTIM}"), format!("usp/agent/{MALLORY}"));
    for topic in [
        &format!("telemetry/{VICTIM}"),
        &format!("usp/controller/{CONTROLLER}/{VICTIM}"),
        &reply_topic(&id(CONTROLLER), "i", &id(VICTIM)),
        &to_victim,
        &to_mallory,
        "usp/agent/x",
        "usp/controller/self::line3",
        "else/where",
    ] {
        // Refused or dropped: what counts is that nobody hears it.
        let _ = mallory.publish(topic, "a lie").await;
    }
    let (report, record) = (format!("telemetry/{MALLORY}"), format!("usp/controller/{CONTROLLER}/{MALLORY}"));
    let reply = reply_topic(&id(CONTROLLER), "i", &id(MALLORY));
    for topic in [&report, &record, &reply] {
        mallory.publish(topic, "the truth").await.unwrap();
    }
    controller.hears(&[(&report, "the truth"), (&record, "the truth"), (&reply, "the truth")]).await;
    for (client, topic) in [(&mut victim, &to_victim), (&mut mallory, &to_mallory)] {
        controller.publish(topic, "the truth").await.unwrap();
        client.hears(&[(topic, "the truth")]).await;
    }
}

async fn a_box_leaves_no_will_in_anothers_name(rig: &Rig) {
    let mut controller = rig.a_controller().await;
    let mallorys = rig.pki.issue_box(&id(MALLORY)).unwrap();
    for lie in [&format!("usp/controller/{CONTROLLER}/{VICTIM}"), &format!("telemetry/{VICTIM}")] {
        // Mosquitto refuses the connection, the embedded broker the Will.
        if let Ok(mallory) = rig.try_connect(Door::Boxes, Some(&mallorys), MALLORY, Some((lie, "a lie"))).await {
            mallory.cut().await;
        }
    }
    let own = format!("usp/controller/{CONTROLLER}/{VICTIM}");
    rig.a_box_with(VICTIM, Some((&own, "gone"))).await.cut().await;
    controller.hears(&[(&own, "gone")]).await;

    // The session has one connection at a time: once the new one is in, the old one's end is dealt with.
    let report = format!("telemetry/{MALLORY}");
    rig.a_box(MALLORY).await.publish(&report, "the truth").await.unwrap();
    controller.hears(&[(&report, "the truth")]).await;
}

async fn a_box_cannot_take_over_another(rig: &Rig) {
    let (mut controller, mut victim) = (rig.a_controller().await, rig.a_box(VICTIM).await);
    let (to_victim, to_mallory) = (format!("usp/agent/{VICTIM}"), format!("usp/agent/{MALLORY}"));
    let mallorys = rig.pki.issue_box(&id(MALLORY)).unwrap();
    for clean_start in [false, true] {
        // Mosquitto lets it in under its own name.
        let address = rig.address(Door::Boxes);
        let mut mallory = broker_rig::Client::connect(address, rig.pki.ca_pem(), Some(&mallorys), VICTIM, None, clean_start).await.ok();
        if let Some(mallory) = &mut mallory {
            mallory.subscribe(&to_victim).await;
            mallory.subscribe(&to_mallory).await;
        }
        controller.publish(&to_victim, "still there").await.unwrap();
        victim.hears(&[(&to_victim, "still there")]).await;
        if let Some(mallory) = &mut mallory {
            controller.publish(&to_mallory, "for you").await.unwrap();
            mallory.hears(&[(&to_mallory, "for you")]).await;
        }
    }
}

async fn a_box_with_the_controllers_name_is_a_box(rig: &Rig) {
    let (mut controller, mut victim) = (rig.a_quiet_controller("self::line3.1").await, rig.a_box(VICTIM).await);
    controller.subscribe("telemetry/+").await;
    let forged = rig.pki.issue_box(&id(CONTROLLER)).unwrap();
    let to_victim = format!("usp/agent/{VICTIM}");
    for door in [Door::Boxes, Door::Controllers] {
        if let Ok(mut mallory) = rig.try_connect(door, Some(&forged), CONTROLLER, None).await {
            mallory.subscribe("telemetry/+").await;
            let _ = mallory.publish(&to_victim, "a lie").await;
            mallory.cut().await;
        }
    }
    let report = format!("telemetry/{VICTIM}");
    victim.publish(&report, "report").await.unwrap();
    controller.hears(&[(&report, "report")]).await;
    controller.publish(&to_victim, "the truth").await.unwrap();
    victim.hears(&[(&to_victim, "the truth")]).await;
}

async fn only_good_certificates_come_in(rig: &Rig) {
    let good = rig.pki.issue_box(&id(VICTIM)).unwrap();
    let client = rig.try_connect(Door::Boxes, Some(&good), VICTIM, None).await;
    client.expect("a good one comes in").cut().await;

    let elsewhere = tempfile::tempdir().unwrap();
    let strangers = Pki::create(elsewhere.path()).unwrap();
    let now_and_then = |until| own_certificate(rig, VICTIM, until);
    for (what, issued) in [
        ("a stranger's", Some(strangers.issue_box(&id(VICTIM)).unwrap())),
        ("an expired one", Some(now_and_then(2001))),
        ("none", None),
        ("the broker's", Some(rig.pki.issue_server(&["127.0.0.1"]).unwrap())),
        ("one without an endpoint", Some(own_certificate(rig, "nobody/#", 2040))),
    ] {
        let outcome = rig.try_connect(Door::Boxes, issued.as_ref(), VICTIM, None).await;
        if what == "one without an endpoint" && outcome.is_ok() {
            // Mosquitto takes any name; its ACL then gives it nothing.
            continue;
        }
        assert!(outcome.is_err(), "{what} came in");
    }
    // The same maker's certificate that has not expired is good: the date was the reason.
    let client = rig.try_connect(Door::Boxes, Some(&now_and_then(2040)), VICTIM, None).await;
    client.expect("a good one comes in").cut().await;
}

/// A certificate from the rig's own authority, but with this name and end.
fn own_certificate(rig: &Rig, name: &str, until: i32) -> Issued {
    let dir = rig.dir.path().join("pki");
    let read = |file| std::fs::read_to_string(dir.join(file)).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&read("ca.pem"), KeyPair::from_pem(&read("ca.key")).unwrap()).unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = Default::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.subject_alt_names = vec![SanType::URI(format!("urn:bbf:usp:id:{name}").try_into().unwrap())];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(until, 1, 1));
    let key = KeyPair::generate().unwrap();
    Issued { cert_pem: params.signed_by(&key, &issuer).unwrap().pem(), key_pem: key.serialize_pem() }
}

async fn properties_arrive(rig: &Rig) {
    let (mut controller, mut boxed) = (rig.a_controller().await, rig.a_box(VICTIM).await);
    let properties = PublishProperties {
        content_type: Some("usp.msg".to_owned()),
        response_topic: Some(reply_topic(&id(CONTROLLER), "i", &id(VICTIM))),
        message_expiry_interval: Some(600),
        user_properties: vec![("line3-conn".to_owned(), "r.1".to_owned()), ("line3-conn".to_owned(), "r.2".to_owned())],
        ..PublishProperties::default()
    };
    let record = format!("usp/controller/{CONTROLLER}/{VICTIM}");
    for (from_controller, topic) in [(true, &format!("usp/agent/{VICTIM}")), (false, &record)] {
        let (sender, receiver) = if from_controller { (&mut controller, &mut boxed) } else { (&mut boxed, &mut controller) };
        sender.publish_with(topic, "\u{0}record", properties.clone()).await.unwrap();
        let message = receiver.message().await;
        assert_eq!(message.payload, "\u{0}record");
        let got = message.properties.expect("properties");
        assert_eq!((&got.content_type, &got.response_topic), (&properties.content_type, &properties.response_topic));
        let left = got.message_expiry_interval.expect("an expiry");
        assert!((1..=600).contains(&left), "{left}");
        let ours: Vec<_> = got.user_properties.iter().filter(|(name, _)| name == "line3-conn").cloned().collect();
        assert_eq!(ours, properties.user_properties, "both, in order");
    }
}

async fn a_shared_subscription_divides_the_reports_and_a_box_hears_none(rig: &Rig) {
    let (mut one, mut other) = (rig.a_quiet_controller("self::line3.1").await, rig.a_quiet_controller("self::line3.2").await);
    let (mut victim, mut mallory) = (rig.a_box(VICTIM).await, rig.a_box(MALLORY).await);
    let secret = shared("6b1f0a7c2d", "telemetry/+");
    one.subscribe(&secret).await;
    other.subscribe(&secret).await;
    for guess in ["$share/line3/telemetry/+", "$share/line3/telemetry/#", "$share/line3/usp/agent/+"] {
        mallory.subscribe(guess).await;
    }
    let report = format!("telemetry/{VICTIM}");
    for number in 0..10 {
        victim.publish(&report, &number.to_string()).await.unwrap();
    }
    // Each instance has a mark of its own after its share.
    one.subscribe("telemetry/+").await;
    other.subscribe("telemetry/+").await;
    victim.publish(&report, "end").await.unwrap();
    let mut heard = Vec::new();
    for instance in [&mut one, &mut other] {
        let before = heard.len();
        loop {
            let message = instance.message().await;
            match std::str::from_utf8(&message.payload).unwrap() {
                "end" => break,
                number => heard.push(number.parse::<u32>().unwrap()),
            }
        }
        assert!(heard.len() > before, "each instance gets a share");
    }
    heard.sort_unstable();
    assert_eq!(heard, (0..10).collect::<Vec<_>>(), "none lost, none twice");
    let to_mallory = format!("usp/agent/{MALLORY}");
    one.publish(&to_mallory, "for you").await.unwrap();
    mallory.hears(&[(&to_mallory, "for you")]).await;
}

async fn what_was_sent_while_it_was_away_waits(rig: &Rig) {
    let mut controller = rig.a_controller().await;
    rig.a_box(VICTIM).await.cut().await;
    let topic = format!("usp/agent/{VICTIM}");
    for number in ["1", "2", "3"] {
        controller.publish(&topic, number).await.unwrap();
    }
    let issued = rig.pki.issue_box(&id(VICTIM)).unwrap();
    let address = rig.address(Door::Boxes);
    let back = broker_rig::Client::connect(address, rig.pki.ca_pem(), Some(&issued), VICTIM, None, false).await;
    back.unwrap().hears(&[(&topic, "1"), (&topic, "2"), (&topic, "3")]).await;
}

async fn nothing_is_retained(rig: &Rig) {
    let topic = format!("telemetry/{VICTIM}");
    let issued = rig.pki.issue_box(&id(VICTIM)).unwrap();
    broker_rig::raw::send_retained(rig.address(Door::Boxes), rig.pki.ca_pem(), &issued, VICTIM, &topic).await;
    let mut controller = rig.a_controller().await;
    rig.a_box(VICTIM).await.publish(&topic, "now").await.unwrap();
    controller.hears(&[(&topic, "now")]).await;
}

async fn a_long_id_comes_in(rig: &Rig) {
    // Longer than X.520 lets a CN be.
    let long = format!("oui:00256D:{}{}", "%20".repeat(30), "x".repeat(20));
    let (mut controller, mut boxed) = (rig.a_controller().await, rig.a_box(&long).await);
    let (report, to_box) = (format!("telemetry/{long}"), format!("usp/agent/{long}"));
    boxed.publish(&report, "report").await.unwrap();
    controller.hears(&[(&report, "report")]).await;
    controller.publish(&to_box, "record").await.unwrap();
    boxed.hears(&[(&to_box, "record")]).await;
}
