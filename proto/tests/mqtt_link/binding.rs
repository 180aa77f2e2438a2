//! USP's rules for an MQTT client: where it listens, what it says first, when it leaves.
#![allow(clippy::disallowed_methods, reason = "tests do what the code may not")]

use std::time::Duration;

use line3_proto::backoff::Backoff;
use line3_proto::link::ClientSettings;
use line3_proto::mqtt::MqttLink;
use line3_proto::{Link, LinkEvent, Publication, QoS};
use rumqttc::{ConnAckProperties, Packet, PubAckReason, SubAck, SubscribeReasonCode};
use tokio::time::timeout;

use crate::broker::{Broker, Driver, PATIENCE, Peer, plain};
use crate::message;

fn settings(broker: &Broker) -> ClientSettings {
    ClientSettings {
        broker: broker.config().broker,
        tls: false,
        client_id: "box-1".to_owned(),
        username: None,
        password: None,
        clean_start: false,
        keep_alive: Duration::from_secs(60),
        session_expiry: Duration::from_secs(3600),
        in_flight: 16,
        will: None,
        will_delay: Duration::ZERO,
        backoff: broker.config().backoff,
        filters: vec![("row".to_owned(), QoS::AtMostOnce)],
        inbox: Some("inbox".to_owned()),
    }
}

/// A link that is driven by settings.
fn link(broker: &Broker, change: impl FnOnce(&mut ClientSettings)) -> MqttLink {
    let (mut link, mut settings) = (MqttLink::new(broker.config()), settings(broker));
    change(&mut settings);
    link.configure(settings);
    link
}

async fn refuse(peer: &mut Peer) {
    let subscribe = peer.subscribe().await;
    let return_codes = vec![SubscribeReasonCode::NotAuthorized; subscribe.filters.len()];
    peer.write(Packet::SubAck(SubAck { pkid: subscribe.pkid, return_codes, properties: None })).await;
}

#[tokio::test]
async fn settings_make_the_connection_and_the_subscriptions() {
    let broker = Broker::new().await;
    let will = Publication { topic: "w".to_owned(), payload: b"gone".to_vec(), retain: true, ..Publication::default() };
    let mut driver = Driver::new(link(&broker, |settings| {
        (settings.client_id, settings.clean_start) = ("other".to_owned(), true);
        (settings.will, settings.will_delay) = (Some(will), Duration::from_secs(5));
        (settings.keep_alive, settings.session_expiry) = (Duration::from_secs(61), Duration::from_secs(62));
    }));
    let mut peer = broker.accept().await;
    assert_eq!((&peer.connect.client_id[..], peer.connect.clean_start, peer.connect.keep_alive), ("other", true, 61));
    assert_eq!(peer.connect.properties.as_ref().unwrap().session_expiry_interval, Some(62));
    let will = peer.will.clone().unwrap();
    assert_eq!((&will.topic[..], will.retain, will.properties.unwrap().delay_interval), (&b"w"[..], true, Some(5)));
    let named = ["named", "row", "a#"].map(|topic| ("subscribe-topic".to_owned(), topic.to_owned()));
    let told = ConnAckProperties { user_properties: named.to_vec(), response_information: Some("given".to_owned()), ..plain() };
    peer.connack(false, told).await;
    assert_eq!(peer.grant().await, ["row", "named", "given"]);
    assert_eq!(driver.up().await.subscribed, ["row", "named", "given"]);
    drop(peer);
    driver.down().await;
    // This time the broker names nothing and gives no Response Information.
    let mut peer = broker.accept().await;
    peer.connack(false, plain()).await;
    assert_eq!(peer.grant().await, ["row", "inbox"]);
}

#[tokio::test]
async fn changed_settings_subscribe_and_unsubscribe_at_once_and_connect_anew_on_demand() {
    let (broker, other) = (Broker::new().await, Broker::new().await);
    let mut driver = Driver::new(link(&broker, |_| ()));
    let mut peer = broker.welcome(false, plain(), true).await;
    driver.up().await;
    let mut changed = settings(&broker);
    changed.broker = settings(&other).broker;
    changed.filters = vec![("new".to_owned(), QoS::AtLeastOnce), ("no#".to_owned(), QoS::AtMostOnce)];
    driver.order(|link| link.configure(changed));
    assert_eq!(peer.grant().await, ["new"]);
    assert!(matches!(peer.read().await, Packet::Unsubscribe(unsubscribe) if unsubscribe.filters == ["row"]));
    assert!(matches!(driver.event().await, LinkEvent::NotSubscribed { filter, .. } if filter == "no#"));
    assert_eq!(driver.event().await, LinkEvent::Unsubscribed("row".to_owned()));
    assert_eq!(driver.event().await, LinkEvent::Subscribed("new".to_owned()));
    // What was still to be said is said first.
    driver.order(|link| {
        link.reconnect();
        link.publish(1, message("last words")).unwrap();
    });
    assert_eq!(peer.take(1).await, ["last words"]);
    assert!(matches!(peer.read().await, Packet::Disconnect(_)));
    assert_eq!(driver.event().await, LinkEvent::Sent(1));
    let (reason, retry_in) = driver.down().await;
    assert!(reason.contains("as ordered") && retry_in.is_zero(), "{reason} {retry_in:?}");
    let mut peer = other.accept().await;
    peer.connack(false, plain()).await;
    assert_eq!(peer.grant().await, ["new", "inbox"]);
}

#[tokio::test]
async fn connecting_anew_does_not_wait_for_a_broker_that_says_nothing() {
    let broker = Broker::new().await;
    let mut driver = Driver::new(link(&broker, |_| ()));
    let mut peer = broker.welcome(false, plain(), true).await;
    driver.up().await;
    driver.order(|link| {
        link.publish(1, message("unanswered")).unwrap();
        link.reconnect();
    });
    assert_eq!(peer.publish().await.payload, "unanswered");
    assert!(matches!(peer.read().await, Packet::Disconnect(_)));
    assert!(driver.down().await.1.is_zero());
    let mut peer = broker.welcome(true, plain(), true).await;
    driver.up().await;
    assert_eq!(peer.take(1).await, ["unanswered"]);
}

#[tokio::test]
async fn what_a_kept_session_still_has_and_nobody_wants_is_taken_back() {
    let broker = Broker::new().await;
    let mut driver = Driver::new(link(&broker, |_| ()));
    let peer = broker.welcome(false, plain(), true).await;
    driver.up().await;
    drop(peer);
    driver.down().await;
    let mut changed = settings(&broker);
    changed.filters.clear();
    driver.order(|link| link.configure(changed));
    let mut peer = broker.accept().await;
    peer.connack(true, plain()).await;
    assert_eq!(peer.grant().await, ["inbox"]);
    assert!(matches!(peer.read().await, Packet::Unsubscribe(unsubscribe) if unsubscribe.filters == ["row"]));
}

#[tokio::test]
async fn a_greeting_goes_before_what_waits_and_is_not_repeated() {
    let broker = Broker::new().await;
    let mut link = MqttLink::new(broker.config());
    link.publish(1, message("waits")).unwrap();
    let (mut peer, up) = tokio::join!(broker.welcome(false, plain(), false), link.next());
    assert!(matches!(up, LinkEvent::Up(_)));
    link.greet(2, message("hello")).unwrap();
    let mut driver = Driver::new(link);
    assert_eq!([peer.publish().await.payload, peer.publish().await.payload], ["hello", "waits"]);
    drop(peer);
    driver.down().await;
    let mut peer = broker.welcome(true, plain(), false).await;
    let waits = peer.publish().await;
    assert_eq!(waits.payload, "waits");
    peer.puback(waits.pkid, PubAckReason::Success).await;
    driver.up().await;
    assert_eq!(driver.event().await, LinkEvent::Sent(1));
}

#[tokio::test]
async fn without_a_topic_the_link_leaves_and_backs_off() {
    let broker = Broker::new().await;
    let m = Duration::from_millis(50);
    let mut driver = Driver::new(link(&broker, |settings| {
        settings.filters.clear();
        settings.inbox = None;
        settings.backoff = Backoff { m, k: 2000, cap: Duration::from_secs(60) };
    }));
    for round in 0..3 {
        let mut peer = broker.accept().await;
        peer.connack(false, plain()).await;
        assert!(matches!(peer.read().await, Packet::Disconnect(_)), "nothing before it");
        assert!(timeout(PATIENCE, peer.try_read()).await.unwrap().is_none(), "nothing after it");
        let (reason, retry_in) = driver.down().await;
        assert!(reason.contains("names no topic"), "{reason}");
        assert!(retry_in >= m * 2_u32.pow(round) && retry_in <= m * 2_u32.pow(round + 1), "{retry_in:?}");
    }
    // A topic of the broker is enough.
    let told = ConnAckProperties { user_properties: vec![("subscribe-topic".to_owned(), "t".to_owned())], ..plain() };
    let mut peer = broker.accept().await;
    peer.connack(false, told).await;
    assert_eq!(peer.grant().await, ["t"]);
    assert_eq!(driver.up().await.subscribed, ["t"]);
}

#[tokio::test]
async fn with_every_subscription_refused_nothing_is_published_and_the_link_leaves() {
    let broker = Broker::new().await;
    let mut link = link(&broker, |_| ());
    link.publish(1, message("secret")).unwrap();
    let mut driver = Driver::new(link);
    for _ in 0..2 {
        let mut peer = broker.accept().await;
        peer.connack(false, plain()).await;
        refuse(&mut peer).await;
        assert!(matches!(peer.read().await, Packet::Disconnect(_)), "nothing before it");
        for refused in ["row", "inbox"] {
            assert!(matches!(driver.event().await, LinkEvent::NotSubscribed { filter, .. } if filter == refused));
        }
        assert!(driver.down().await.0.contains("refused every subscription"));
    }
}

#[tokio::test]
async fn tls_without_certificates_never_becomes_plain_tcp() {
    let broker = Broker::new().await;
    let mut driver = Driver::new(link(&broker, |settings| settings.tls = true));
    assert!(driver.down().await.0.contains("no certificates"));
    assert!(timeout(Duration::from_millis(100), broker.0.accept()).await.is_err());
}
