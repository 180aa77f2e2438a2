//! Connecting: sessions, subscriptions, back-off, the Will, CONNACK, silence.
#![allow(clippy::disallowed_methods, reason = "tests do what the code may not")]

use std::time::{Duration, Instant};

use line3_proto::backoff::Backoff;
use line3_proto::mqtt::MqttLink;
use line3_proto::{Link, LinkEvent, Publication, QoS};
use rumqttc::{ConnAckProperties, Packet, PubAckReason};
use tokio::time::timeout;

use crate::broker::{Broker, Driver, plain};
use crate::message;

#[tokio::test]
async fn a_lost_session_resends_and_resubscribes() {
    let broker = Broker::new().await;
    let mut link = MqttLink::new(broker.config());
    link.subscribe("a", QoS::AtLeastOnce);
    link.subscribe("b", QoS::AtMostOnce);
    for (token, text) in [(1, "one"), (2, "two"), (3, "three")] {
        link.publish(token, message(text)).unwrap();
    }
    let mut driver = Driver::new(link);

    let mut peer = broker.accept().await;
    assert!(!peer.connect.clean_start);
    peer.connack(false, plain()).await;
    assert_eq!(peer.grant().await, ["a", "b"]);
    assert_eq!(driver.up().await.connection, 1);
    let first = peer.publish().await;
    peer.puback(first.pkid, PubAckReason::Success).await;
    assert_eq!(driver.event().await, LinkEvent::Sent(1));
    assert_eq!(peer.publish().await.payload, "two");
    drop(peer);

    driver.down().await;
    // The broker has forgotten the session.
    let mut peer = broker.accept().await;
    peer.connack(false, plain()).await;
    assert_eq!(peer.grant().await, ["a", "b"]);
    let session = driver.up().await;
    assert_eq!((session.connection, session.present), (2, false));
    assert_eq!(peer.take(2).await, ["two", "three"]);
    assert_eq!([driver.event().await, driver.event().await], [LinkEvent::Sent(2), LinkEvent::Sent(3)]);
}

#[tokio::test]
async fn a_kept_session_resends_and_resubscribes_too_even_for_a_new_process() {
    let broker = Broker::new().await;
    let mut link = MqttLink::new(broker.config());
    link.subscribe("a", QoS::AtLeastOnce);
    link.publish(1, message("one")).unwrap();
    let mut driver = Driver::new(link);

    // This link has just started, but the broker still has the session of the process before.
    let mut peer = broker.welcome(true, plain(), true).await;
    assert!(driver.up().await.present);
    assert_eq!(peer.publish().await.payload, "one");
    drop(peer);
    driver.down().await;
    let mut peer = broker.welcome(true, plain(), true).await;
    assert!(driver.up().await.present);
    assert_eq!(peer.take(1).await, ["one"]);
    assert_eq!(driver.event().await, LinkEvent::Sent(1));
}

#[tokio::test]
async fn subscriptions_change_on_a_live_link() {
    let broker = Broker::new().await;
    let mut link = MqttLink::new(broker.config());
    link.subscribe("a", QoS::AtLeastOnce);
    let mut driver = Driver::new(link);
    let mut peer = broker.welcome(false, plain(), true).await;
    driver.up().await;
    driver.order(|link| {
        link.subscribe("b", QoS::AtLeastOnce);
        link.unsubscribe("a");
        link.unsubscribe("never asked for");
    });
    assert_eq!(peer.grant().await, ["b"]);
    assert!(matches!(peer.read().await, Packet::Unsubscribe(unsubscribe) if unsubscribe.filters == ["a"]));
    assert_eq!(driver.event().await, LinkEvent::Unsubscribed("a".to_owned()));
    assert_eq!(driver.event().await, LinkEvent::Subscribed("b".to_owned()));
    drop(peer);
    driver.down().await;
    let mut peer = broker.accept().await;
    peer.connack(true, plain()).await;
    assert_eq!(peer.grant().await, ["b"]);
    driver.up().await;
}

#[tokio::test]
async fn back_off_really_waits() {
    let broker = Broker::new().await;
    let mut config = broker.config();
    config.backoff = Backoff { m: Duration::from_millis(200), k: 2000, cap: Duration::from_secs(60) };
    let mut driver = Driver::new(MqttLink::new(config));
    for shortest in [200, 400, 800] {
        drop(broker.accept().await);
        let (reason, retry_in) = driver.down().await;
        assert!(reason.contains(&format!("127.0.0.1:{}", broker.0.local_addr().unwrap().port())), "{reason}");
        let (shortest, began) = (Duration::from_millis(shortest), Instant::now());
        assert!(retry_in >= shortest && retry_in <= shortest * 2, "{retry_in:?}");
        // Nobody comes while the link says that it waits.
        assert!(timeout(retry_in - Duration::from_millis(50), broker.0.accept()).await.is_err(), "{:?}", began.elapsed());
    }
    // Once it has been up, it begins anew.
    let mut peer = broker.accept().await;
    peer.connack(false, plain()).await;
    driver.up().await;
    drop(peer);
    let (_, retry_in) = driver.down().await;
    assert!(retry_in <= Duration::from_millis(400), "{retry_in:?}");
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_named() {
    let broker = Broker::new().await;
    let config = broker.config();
    drop(broker);
    let address = format!("127.0.0.1:{}", config.broker.1);
    let (reason, _) = Driver::new(MqttLink::new(config)).down().await;
    assert!(reason.starts_with(&format!("broker {address} refused the connection: ")), "{reason}");
}

#[tokio::test]
async fn the_will_carries_the_number_of_the_connection() {
    let broker = Broker::new().await;
    let mut config = broker.config();
    config.will_run = "run7".to_owned();
    config.will = Some(Publication {
        topic: "usp/will".to_owned(),
        payload: b"bye".to_vec(),
        content_type: Some("usp.msg".to_owned()),
        user_properties: vec![("k".to_owned(), "v".to_owned())],
        ..Publication::default()
    });
    config.user_properties = vec![("usp-endpoint-id".to_owned(), "os::1".to_owned())];
    let mut driver = Driver::new(MqttLink::new(config));
    for number in 1..=3 {
        let mut peer = broker.accept().await;
        let will = peer.will.clone().unwrap();
        assert_eq!((&will.topic[..], &will.message[..]), (&b"usp/will"[..], &b"bye"[..]));
        let told = will.properties.unwrap();
        let line = ("line3-conn".to_owned(), format!("run7.{number}"));
        assert_eq!((told.delay_interval, told.content_type.as_deref()), (None, Some("usp.msg")));
        assert_eq!(told.user_properties, [("k".to_owned(), "v".to_owned()), line]);
        let asked = peer.connect.properties.clone().unwrap();
        assert_eq!((asked.request_response_info, asked.session_expiry_interval), (Some(1), Some(3600)));
        assert_eq!((asked.receive_maximum, asked.max_packet_size), (Some(16), Some((1024 + 64) * 1024)));
        assert_eq!(asked.user_properties, [("usp-endpoint-id".to_owned(), "os::1".to_owned())]);
        assert_eq!(peer.connect.keep_alive, 300);
        if number != 2 {
            peer.connack(number > 1, plain()).await;
            assert_eq!(driver.up().await.connection, number);
        }
        drop(peer);
        driver.down().await;
    }
}

#[tokio::test]
async fn connack_is_told_and_an_assigned_identifier_is_kept() {
    let broker = Broker::new().await;
    let mut config = broker.config();
    config.client_id = String::new();
    let mut driver = Driver::new(MqttLink::new(config));
    let mut peer = broker.accept().await;
    assert_eq!(peer.connect.client_id, "");
    let told = ConnAckProperties {
        assigned_client_identifier: Some("auto-9".to_owned()),
        response_information: Some("usp/reply/9".to_owned()),
        server_keep_alive: Some(60),
        user_properties: vec![("subscribe-topic".to_owned(), "t".to_owned())],
        ..plain()
    };
    peer.connack(false, told).await;
    let session = driver.up().await;
    assert_eq!(session.assigned_client_id.as_deref(), Some("auto-9"));
    assert_eq!(session.response_information.as_deref(), Some("usp/reply/9"));
    assert_eq!(session.server_keep_alive, Some(Duration::from_secs(60)));
    assert_eq!(session.user_properties, [("subscribe-topic".to_owned(), "t".to_owned())]);
    drop(peer);
    driver.down().await;
    let mut peer = broker.accept().await;
    assert_eq!(peer.connect.client_id, "auto-9");
    peer.connack(true, plain()).await;
    assert!(driver.up().await.present);
}

#[tokio::test]
async fn silence_ends_the_connection() {
    let broker = Broker::new().await;
    let mut driver = Driver::new(MqttLink::new(broker.config()));
    // The broker asks for a ping each second and does not answer.
    let mut peer = broker.welcome(false, ConnAckProperties { server_keep_alive: Some(1), ..plain() }, false).await;
    driver.up().await;
    assert_eq!(peer.read().await, Packet::PingReq);
    let (reason, _) = driver.down().await;
    assert!(reason.contains("the line is dead"), "{reason}");
}
