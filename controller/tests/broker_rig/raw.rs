//! A client that does what a well-made one refuses to do.

use std::{net::SocketAddr, sync::Arc};

use line3_controller::pki::Issued;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{LIMIT, client::tls};

/// Connects and sends a retained message although CONNACK says that there are none. Returns when the broker has closed the
/// connection.
pub(crate) async fn send_retained(address: SocketAddr, ca_pem: &str, issued: &Issued, client_id: &str, topic: &str) {
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut stream = TlsConnector::from(Arc::new(tls(ca_pem, Some(issued)))).connect(name, stream).await.unwrap();

    // MQTT, version 5, clean start, keep-alive 30 s, no properties.
    let mut connect = b"\0\x04MQTT\x05\x02\0\x1e\0".to_vec();
    connect.extend(text(client_id));
    stream.write_all(&packet(0x10, &connect)).await.unwrap();
    let mut connack = [0; 4];
    timeout(LIMIT, stream.read_exact(&mut connack)).await.unwrap().unwrap();
    assert_eq!((connack[0], connack[3]), (0x20, 0), "CONNACK, success");

    // QoS 0, retain, no properties.
    let mut publish = text(topic);
    publish.extend(b"\0for ever");
    stream.write_all(&packet(0x31, &publish)).await.unwrap();
    let mut rest = Vec::new();
    // An end without close_notify is an end too.
    let _ = timeout(LIMIT, stream.read_to_end(&mut rest)).await.expect("the broker closes the connection");
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    assert!(body.len() < 128, "one length byte");
    let mut bytes = vec![kind, u8::try_from(body.len()).unwrap()];
    bytes.extend(body);
    bytes
}
