//! What is sent: kept until it is acknowledged, bounded, refused when it must be.
#![allow(clippy::disallowed_methods, reason = "tests do what the code may not")]

use std::time::{Duration, Instant};

use line3_proto::link::LinkError;
use line3_proto::mqtt::MqttLink;
use line3_proto::{Link, LinkEvent, Publication, QoS};
use rumqttc::{ConnAckProperties, Packet, PubAckReason, SubAck, SubscribeReasonCode};
use tokio::time::timeout;

use crate::broker::{Broker, Driver, PATIENCE, plain};
use crate::message;

#[tokio::test]
async fn nothing_is_lost_over_many_broken_connections() {
    let broker = Broker::new().await;
    let mut config = broker.config();
    config.in_flight = 4;
    let mut link = MqttLink::new(config);
    for token in 0..40 {
        link.publish(token, message(&token.to_string())).unwrap();
    }
    let mut driver = Driver::new(link);

    let (mut arrived, mut sent) = (vec![], vec![]);
    for round in 0.. {
        let mut peer = broker.welcome(round % 2 == 0, plain(), false).await;
        driver.up().await;
        // Some arrive and are never acknowledged, some are; then the broker falls over.
        for _ in 0..5 {
            if arrived.len() >= 40 && sent.len() == 40 {
                break;
            }
            let Ok(Some(Packet::Publish(publish))) = timeout(Duration::from_millis(500), peer.try_read()).await else { break };
            arrived.push(String::from_utf8(publish.payload.to_vec()).unwrap());
            if arrived.len() % 5 != 0 {
                peer.puback(publish.pkid, PubAckReason::Success).await;
            }
        }
        drop(peer);
        loop {
            match driver.event().await {
                LinkEvent::Sent(token) => sent.push(token),
                LinkEvent::Down { .. } => break,
                event => panic!("{event:?}"),
            }
        }
        if sent.len() == 40 {
            break;
        }
    }
    for token in 0..40 {
        assert!(arrived.contains(&token.to_string()), "{token} is lost");
    }
    sent.sort_unstable();
    assert_eq!(sent, (0..40).collect::<Vec<_>>(), "each is reported once");
}

#[tokio::test]
async fn more_than_the_window_gets_through() {
    let broker = Broker::new().await;
    let mut link = MqttLink::new(broker.config());
    for token in 0..60 {
        let qos = if token % 3 == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
        link.publish(token, Publication { qos, ..message(&token.to_string()) }).unwrap();
    }
    let mut driver = Driver::new(link);
    // The broker's own window is smaller than ours and is kept.
    let mut peer = broker.welcome(false, ConnAckProperties { receive_max: Some(2), ..plain() }, false).await;
    driver.up().await;
    let (first, second, third) = (peer.publish().await, peer.publish().await, peer.publish().await);
    assert_eq!((first.pkid, [&second.payload[..], &third.payload[..]]), (0, [&b"1"[..], b"2"]));
    assert!(timeout(Duration::from_millis(200), peer.try_read()).await.is_err(), "a third one is under way");
    peer.puback(second.pkid, PubAckReason::Success).await;
    peer.puback(third.pkid, PubAckReason::Success).await;
    let rest: Vec<String> = (3..60).map(|token| token.to_string()).collect();
    assert_eq!(peer.take(57).await, rest);
    let mut sent = vec![];
    for _ in 0..60 {
        match driver.event().await {
            LinkEvent::Sent(token) => sent.push(token),
            event => panic!("{event:?}"),
        }
    }
    sent.sort_unstable();
    assert_eq!(sent, (0..60).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_the_next_one_passes() {
    let broker = Broker::new().await;
    let mut link = MqttLink::new(broker.config());
    let huge = "x".repeat(2 * 1024 * 1024);
    assert!(matches!(link.publish(1, message(&huge)), Err(LinkError::TooLarge { size, limit }) if size > limit));
    link.publish(2, message(&"x".repeat(1000))).unwrap();
    link.publish(3, message("small")).unwrap();
    let mut driver = Driver::new(link);
    let mut peer = broker.welcome(false, ConnAckProperties { max_packet_size: Some(500), ..plain() }, false).await;
    driver.up().await;
    assert!(matches!(driver.event().await, LinkEvent::Refused(2, why) if why.contains("the broker takes 500")));
    assert_eq!(peer.take(1).await, ["small"]);
    assert_eq!(driver.event().await, LinkEvent::Sent(3));
}

#[tokio::test]
async fn what_cannot_be_written_is_refused_and_the_next_one_passes() {
    let broker = Broker::new().await;
    let mut link = MqttLink::new(broker.config());
    link.subscribe("a/#/b", QoS::AtLeastOnce);
    link.publish(1, Publication { topic: "a/+".to_owned(), ..message("") }).unwrap();
    link.publish(2, Publication { content_type: Some("a\0b".to_owned()), ..message("") }).unwrap();
    link.publish(3, Publication { retain: true, ..message("kept") }).unwrap();
    link.publish(4, message("fine")).unwrap();
    let mut driver = Driver::new(link);
    let mut peer = broker.welcome(false, ConnAckProperties { retain_available: Some(0), ..plain() }, false).await;
    assert!(matches!(driver.event().await, LinkEvent::NotSubscribed { filter, .. } if filter == "a/#/b"));
    assert!(matches!(driver.event().await, LinkEvent::Refused(1, _)));
    assert!(matches!(driver.event().await, LinkEvent::Refused(2, _)));
    driver.up().await;
    assert!(matches!(driver.event().await, LinkEvent::Refused(3, why) if why.contains("retained")));
    assert_eq!(peer.take(1).await, ["fine"]);
    assert_eq!(driver.event().await, LinkEvent::Sent(4));
}

#[tokio::test]
async fn refusals_of_the_broker_are_told() {
    let broker = Broker::new().await;
    let mut link = MqttLink::new(broker.config());
    link.subscribe("mine", QoS::AtLeastOnce);
    link.subscribe("theirs", QoS::AtLeastOnce);
    link.publish(1, message("one")).unwrap();
    link.publish(2, message("two")).unwrap();
    let mut driver = Driver::new(link);
    let mut peer = broker.accept().await;
    peer.connack(false, plain()).await;
    let subscribe = peer.subscribe().await;
    let return_codes = vec![SubscribeReasonCode::Success(rumqttc::QoS::AtLeastOnce), SubscribeReasonCode::NotAuthorized];
    // Not up before the broker has answered, and nothing is published.
    assert!(timeout(Duration::from_millis(100), driver.event()).await.is_err());
    assert!(timeout(Duration::from_millis(100), peer.try_read()).await.is_err());
    peer.write(Packet::SubAck(SubAck { pkid: subscribe.pkid, return_codes, properties: None })).await;
    let reason = "NotAuthorized".to_owned();
    assert_eq!(driver.event().await, LinkEvent::NotSubscribed { filter: "theirs".to_owned(), reason });
    driver.up().await;

    let first = peer.publish().await;
    peer.puback(first.pkid, PubAckReason::NotAuthorized).await;
    assert!(matches!(driver.event().await, LinkEvent::Refused(1, why) if why.contains("NotAuthorized")));
    let second = peer.publish().await;
    peer.puback(second.pkid, PubAckReason::NoMatchingSubscribers).await;
    assert_eq!(driver.event().await, LinkEvent::Unheard(2));
}

#[tokio::test]
async fn a_full_outbox_gives_the_publication_back() {
    let broker = Broker::new().await;
    let mut config = broker.config();
    (config.outbox_messages, config.outbox_bytes) = (3, 1000);
    let mut link = MqttLink::new(config);
    link.publish(1, message("one")).unwrap();
    link.publish(2, message(&"x".repeat(800))).unwrap();
    let Err(LinkError::Full(back)) = link.publish(3, message(&"y".repeat(300))) else { panic!("taken") };
    assert_eq!(*back, message(&"y".repeat(300)));
    link.publish(3, message("three")).unwrap();
    assert!(matches!(link.publish(4, message("four")), Err(LinkError::Full(_))));

    let mut driver = Driver::new(link);
    let mut peer = broker.welcome(false, plain(), false).await;
    driver.up().await;
    assert_eq!(peer.take(3).await.len(), 3);
    assert_eq!(driver.event().await, LinkEvent::Sent(1));
}

#[tokio::test]
async fn what_is_too_old_is_not_sent_and_the_rest_of_its_life_is() {
    let broker = Broker::new().await;
    let mut link = MqttLink::new(broker.config());
    let expiring = |text: &str, millis| Publication { expiry: Some(Duration::from_millis(millis)), ..message(text) };
    link.publish(1, expiring("short", 100)).unwrap();
    link.publish(2, expiring("long", 59_500)).unwrap();
    let mut driver = Driver::new(link);
    let mut peer = broker.accept().await;
    // The broker takes its time; the first one is over before there is a connection.
    assert!(matches!(driver.event().await, LinkEvent::Refused(1, why) if why.starts_with("expired")));
    peer.connack(false, plain()).await;
    driver.up().await;
    let publish = peer.publish().await;
    let left = publish.properties.unwrap().message_expiry_interval.unwrap();
    assert!(publish.payload == "long" && (40..=60).contains(&left), "{left}");
}

#[tokio::test]
async fn properties_travel_both_ways() {
    let broker = Broker::new().await;
    let mut link = MqttLink::new(broker.config());
    let publication = Publication {
        topic: "usp/controller".to_owned(),
        payload: vec![0, 255],
        retain: true,
        response_topic: Some("usp/box".to_owned()),
        content_type: Some("usp.msg".to_owned()),
        expiry: Some(Duration::from_secs(1000)),
        user_properties: vec![("a".to_owned(), "b".to_owned()), ("a".to_owned(), "c".to_owned())],
        ..Publication::default()
    };
    link.publish(1, publication.clone()).unwrap();
    let mut driver = Driver::new(link);
    let mut peer = broker.welcome(false, plain(), false).await;
    driver.up().await;
    let mut echo = peer.publish().await;
    peer.puback(echo.pkid, PubAckReason::Success).await;
    assert_eq!(driver.event().await, LinkEvent::Sent(1));
    echo.properties.as_mut().unwrap().message_expiry_interval = Some(1000);
    peer.write(Packet::Publish(echo)).await;
    assert_eq!(driver.event().await, LinkEvent::Received(publication, None));
}

#[tokio::test]
async fn a_broker_that_acknowledges_nothing_is_left() {
    let broker = Broker::new().await;
    let mut config = broker.config();
    config.stuck_after = Duration::from_millis(300);
    let mut link = MqttLink::new(config);
    link.publish(1, message("one")).unwrap();
    let mut driver = Driver::new(link);
    let mut peer = broker.welcome(false, plain(), false).await;
    driver.up().await;
    peer.publish().await;
    let (reason, _) = driver.down().await;
    assert!(reason.contains("acknowledged nothing"), "{reason}");
    let mut peer = broker.welcome(true, plain(), false).await;
    driver.up().await;
    assert_eq!(peer.take(1).await, ["one"]);
    assert_eq!(driver.event().await, LinkEvent::Sent(1));
    // With nothing under way it may be quiet for longer.
    assert!(timeout(Duration::from_millis(600), driver.event()).await.is_err());
}

#[tokio::test]
async fn close_sends_what_waits_and_says_goodbye() {
    let broker = Broker::new().await;
    let mut link = MqttLink::new(broker.config());
    let serve = async {
        let mut peer = broker.welcome(false, plain(), false).await;
        let payloads = peer.take(2).await;
        (payloads, peer.read().await)
    };
    let drive = async {
        assert!(matches!(link.next().await, LinkEvent::Up(_)));
        link.publish(1, message("last")).unwrap();
        link.publish(2, Publication { qos: QoS::AtMostOnce, ..message("words") }).unwrap();
        link.close(PATIENCE).await;
    };
    let ((payloads, goodbye), ()) = tokio::join!(serve, drive);
    assert_eq!(payloads, ["last", "words"]);
    assert!(matches!(goodbye, Packet::Disconnect(told) if told.reason_code == rumqttc::DisconnectReasonCode::NormalDisconnection));
}

#[tokio::test]
async fn close_without_a_broker_does_not_wait() {
    let broker = Broker::new().await;
    let mut link = MqttLink::new(broker.config());
    link.publish(1, message("never")).unwrap();
    let began = Instant::now();
    link.close(PATIENCE).await;
    assert!(began.elapsed() < PATIENCE / 2);
}
