//! The MQTT link against a scripted broker on the loopback interface. The traps that these tests guard are listed in
//! `src/mqtt.rs`.
#![cfg(feature = "mqtt")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "mqtt_link/broker.rs"]
mod broker;
#[path = "mqtt_link/tls.rs"]
mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use broker::{Broker, Driver, PATIENCE, plain};
use line3_proto::backoff::Backoff;
use line3_proto::link::{LinkError, Receipt};
use line3_proto::mqtt::MqttLink;
use line3_proto::{Link, LinkEvent, Publication, QoS};
use rumqttc::{ConnAckProperties, Packet, PubAckReason, SubAck, SubscribeReasonCode};
use tokio::time::timeout;

fn message(payload: &str) -> Publication {
    Publication { topic: "usp/controller".to_owned(), payload: payload.as_bytes().to_vec(), ..Publication::default() }
}

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
    assert_eq!(peer.take(1).await, ["two"]);
    assert_eq!(driver.event().await, LinkEvent::Sent(2));
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
async fn a_large_message_comes_in() {
    let broker = Broker::new().await;
    let mut driver = Driver::new(MqttLink::new(broker.config()));
    let mut peer = broker.welcome(false, plain(), false).await;
    driver.up().await;
    let text = "x".repeat(1024 * 1024);
    peer.send("usp/box", text.clone(), 5).await;
    let LinkEvent::Received(publication, None) = driver.event().await else { panic!("nothing received") };
    assert!(publication.topic == "usp/box" && publication.payload == text.as_bytes() && publication.qos == QoS::AtLeastOnce);
    // Acknowledged by the link as it was handed out.
    assert!(matches!(peer.read().await, Packet::PubAck(ack) if ack.pkid == 5));
}

#[tokio::test]
async fn an_acknowledgement_for_an_old_connection_is_dropped() {
    let broker = Broker::new().await;
    let mut config = broker.config();
    config.manual_acks = true;
    let mut driver = Driver::new(MqttLink::new(config));
    let mut peer = broker.welcome(false, plain(), false).await;
    driver.up().await;
    peer.send("t", "hello", 5).await;
    let LinkEvent::Received(_, Some(old)) = driver.event().await else { panic!("no receipt") };
    assert_eq!(old, Receipt { connection: 1, packet: 5 });
    assert!(timeout(Duration::from_millis(100), peer.try_read()).await.is_err(), "acknowledged by itself");
    drop(peer);
    driver.down().await;

    let mut peer = broker.welcome(true, plain(), false).await;
    driver.up().await;
    peer.send("t", "hello", 5).await;
    let LinkEvent::Received(_, Some(new)) = driver.event().await else { panic!("no receipt") };
    let (bogus, twice) = (Receipt { connection: 2, packet: 77 }, new.clone());
    driver.order(move |link| {
        link.acknowledge(old);
        link.acknowledge(bogus);
    });
    assert!(timeout(Duration::from_millis(200), peer.try_read()).await.is_err(), "an old one is sent");
    driver.order(move |link| {
        link.acknowledge(new);
        link.acknowledge(twice);
    });
    assert!(matches!(peer.read().await, Packet::PubAck(ack) if ack.pkid == 5));
    assert!(timeout(Duration::from_millis(200), peer.try_read()).await.is_err(), "acknowledged twice");
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

#[tokio::test]
async fn a_broker_that_breaks_the_rules_is_left() {
    let broker = Broker::new().await;
    let mut config = broker.config();
    (config.manual_acks, config.in_flight) = (true, 2);
    let mut driver = Driver::new(MqttLink::new(config));
    let mut peer = broker.welcome(false, plain(), false).await;
    driver.up().await;
    for packet in 1..=3 {
        peer.send("t", "x", packet).await;
    }
    driver.event().await;
    driver.event().await;
    assert!(driver.down().await.0.contains("more than 2 messages without an acknowledgement"));

    let mut peer = broker.welcome(false, plain(), false).await;
    driver.up().await;
    let mut publish = rumqttc::Publish::new("t", rumqttc::QoS::ExactlyOnce, "x", None);
    publish.pkid = 1;
    peer.write(Packet::Publish(publish)).await;
    assert!(driver.down().await.0.contains("QoS 2"));
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

#[tokio::test]
async fn a_flood_starves_nobody() {
    const COUNT: u32 = 3000;
    let broker = Broker::new().await;
    let mut link = MqttLink::new(broker.config());
    let (peer, up) = tokio::join!(broker.welcome(false, plain(), false), link.next());
    assert!(matches!(up, LinkEvent::Up(_)));
    let mut peer = peer;
    for _ in 0..COUNT {
        peer.send("t", "x", 0).await;
    }
    let turns = Arc::new(AtomicU32::new(0));
    let others = Arc::clone(&turns);
    let other = tokio::spawn(async move {
        loop {
            others.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    for _ in 0..COUNT {
        assert!(matches!(link.next().await, LinkEvent::Received(..)));
    }
    other.abort();
    assert!(turns.load(Ordering::Relaxed) >= COUNT / 100, "{turns:?}");
}
