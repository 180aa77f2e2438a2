//! The MQTT link against a scripted broker on the loopback interface. The traps that these tests guard are listed in
//! `src/mqtt.rs`.
#![cfg(feature = "mqtt")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "mqtt_link/binding.rs"]
mod binding;
#[path = "mqtt_link/broker.rs"]
mod broker;
#[path = "mqtt_link/connecting.rs"]
mod connecting;
#[path = "mqtt_link/receiving.rs"]
mod receiving;
#[path = "mqtt_link/sending.rs"]
mod sending;
#[path = "mqtt_link/tls.rs"]
mod tls;

use line3_proto::Publication;

fn message(payload: &str) -> Publication {
    Publication { topic: "usp/controller".to_owned(), payload: payload.as_bytes().to_vec(), ..Publication::default() }
}
