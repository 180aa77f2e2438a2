//! What is received: large, acknowledged once, never more than the driver can bear.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use line3_proto::link::Receipt;
use line3_proto::mqtt::MqttLink;
use line3_proto::{Link, LinkEvent, QoS};
use rumqttc::Packet;
use tokio::time::timeout;

use crate::broker::{Broker, Driver, plain};

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
