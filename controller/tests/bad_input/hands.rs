//! Hands that say what no well-made program says, and certificates that nobody issues.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use line3_controller::pki::Issued;
use line3_proto::Publication;
use line3_proto::link::{Link, LinkEvent, QoS};
use line3_proto::mqtt::{MqttConfig, MqttLink, client_tls};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType, date_time_ymd};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use super::world::World;

/// Nothing takes this long unless it never comes.
const LIMIT: Duration = Duration::from_secs(60);

/// Somebody with a good certificate who publishes anything.
pub(crate) struct Hand {
    link: MqttLink,
    sent: u64,
}

impl Hand {
    pub(crate) fn of(issued: Issued, world: &World, broker: SocketAddr, client_id: &str) -> Self {
        let mut config = MqttConfig::new("127.0.0.1", broker.port(), client_id, 7);
        config.tls = Some(client_tls(world.pki.ca_pem().as_bytes(), issued.cert_pem.as_bytes(), issued.key_pem.as_bytes()).unwrap());
        config.max_sent = 4 << 20;
        config.outbox_bytes = 8 << 20;
        Self { link: MqttLink::new(config), sent: 0 }
    }

    async fn outcome(&mut self, topic: &str, payload: &[u8]) -> Result<(), String> {
        self.sent += 1;
        let publication = Publication {
            topic: topic.to_owned(),
            payload: payload.to_vec(),
            qos: QoS::AtLeastOnce,
            content_type: Some("usp.msg".to_owned()),
            ..Publication::default()
        };
        self.link.publish(self.sent, publication).unwrap();
        let told = async {
            loop {
                match self.link.next().await {
                    LinkEvent::Sent(token) if token == self.sent => return Ok(()),
                    LinkEvent::Refused(token, why) if token == self.sent => return Err(why),
                    LinkEvent::Down { reason, .. } => panic!("the broker ended the connection: {reason}"),
                    _ => {}
                }
            }
        };
        timeout(LIMIT, told).await.expect("the broker said nothing")
    }

    /// Sends, and waits until the broker has acknowledged it.
    pub(crate) async fn send(&mut self, topic: &str, payload: &[u8]) {
        self.outcome(topic, payload).await.unwrap();
    }

    /// Why it was not sent.
    pub(crate) async fn refused(&mut self, topic: &str, payload: &[u8]) -> String {
        self.outcome(topic, payload).await.unwrap_err()
    }
}

/// Sends a packet of more than the broker takes, by hand. Returns when the broker has ended the connection.
pub(crate) async fn oversized(world: &World, issued: &Issued, client_id: &str, topic: &str) {
    let tls = client_tls(world.pki.ca_pem().as_bytes(), issued.cert_pem.as_bytes(), issued.key_pem.as_bytes()).unwrap();
    let stream = TcpStream::connect(world.boxes).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(Arc::clone(&tls)).connect(name, stream).await.unwrap();
    // MQTT, version 5, clean start, keep-alive 30 s, no properties.
    let mut connect = b"\0\x04MQTT\x05\x02\0\x1e\0".to_vec();
    text(&mut connect, client_id);
    stream.write_all(&[&[0x10, u8::try_from(connect.len()).unwrap()], connect.as_slice()].concat()).await.unwrap();
    let mut connack = [0; 4];
    timeout(LIMIT, stream.read_exact(&mut connack)).await.unwrap().unwrap();
    assert_eq!((connack[0], connack[3]), (0x20, 0), "CONNACK, success");
    // QoS 0; the length, 2 MiB, takes four bytes.
    let mut publish = vec![0x30, 0x80, 0x80, 0x80, 0x01];
    text(&mut publish, topic);
    publish.resize(publish.len() + (2 << 20), b' ');
    // The broker may be gone before all of it is written.
    let _ = timeout(LIMIT, stream.write_all(&publish)).await.expect("the broker takes it or ends");
    let _ = timeout(LIMIT, stream.read_to_end(&mut Vec::new())).await.expect("the broker ends the connection");
}

/// A port that leads to whatever address was told last. It ends with the test's runtime.
pub(crate) async fn relay(target: watch::Receiver<SocketAddr>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let to = *target.borrow();
            tokio::spawn(async move {
                if let Ok(mut far) = TcpStream::connect(to).await {
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                }
            });
        }
    });
    address
}

fn text(to: &mut Vec<u8>, text: &str) {
    to.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
    to.extend(text.as_bytes());
}

/// A certificate from the authority of this data directory, made out to an address or an endpoint, that ends with this year's beginning.
pub(crate) fn certificate(data: &Path, name: &str, purpose: ExtendedKeyUsagePurpose, until: i32) -> Issued {
    let read = |file| std::fs::read_to_string(data.join("pki").join(file)).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&read("ca.pem"), KeyPair::from_pem(&read("ca.key")).unwrap()).unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = Default::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.subject_alt_names = vec![match name.parse() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::URI(format!("urn:bbf:usp:id:{name}").try_into().unwrap()),
    }];
    params.extended_key_usages = vec![purpose];
    (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(until, 1, 1));
    let key = KeyPair::generate().unwrap();
    Issued { cert_pem: params.signed_by(&key, &issuer).unwrap().pem(), key_pem: key.serialize_pem() }
}
