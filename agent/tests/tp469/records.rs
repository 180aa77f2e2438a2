//! Records: whom the agent listens to, what it does with bad ones, and how the line is protected.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use line3_proto::record::{self, Content, VERSION};
use line3_proto::usp::{
    Body, Get, Msg, MsgContent, NoSessionContextRecord, PayloadSarState, Record, RecordType, Request, Response, SessionContextRecord,
};
use prost::Message as _;
use rcgen::{CertifiedIssuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ProtocolVersion, RootCertStore, ServerConfig, ServerConnection};

use crate::eut::{CONTROLLER, Eut, Process};
use crate::lab::{authority, issue};
use crate::setup::value;

cases! {
    tp_2_1_own_endpoint_id,
    tp_2_2_foreign_to_id,
    tp_3_1_bad_request,
    tp_4_1_certificates,
}

/// What the agent would answer to: a Get, as the payload of a record.
fn payload() -> Vec<u8> {
    let get = Get { param_paths: vec!["Device.LocalAgent.EndpointID".to_owned()], max_depth: 0 };
    Msg::request("forbidden", Request::Get(get)).encode_to_vec()
}

fn plain(payload: Vec<u8>) -> RecordType {
    RecordType::NoSessionContext(NoSessionContextRecord { payload })
}

fn session(payload: Vec<u8>) -> RecordType {
    let complete = PayloadSarState::None.into();
    RecordType::SessionContext(SessionContextRecord {
        session_id: 1,
        sequence_id: 1,
        expected_id: 1,
        retransmit_id: 0,
        payload_sar_state: complete,
        payloadrec_sar_state: complete,
        payload: vec![payload],
    })
}

fn sealed(to: &str, from: &str, record_type: RecordType) -> Record {
    Record {
        version: VERSION.to_owned(),
        to_id: to.to_owned(),
        from_id: from.to_owned(),
        record_type: Some(record_type),
        ..Record::default()
    }
}

/// How long an answer that must not come is waited for. One that comes takes a few milliseconds.
const SILENCE: Duration = Duration::from_secs(2);

/// The agent is silent, and well.
fn no_answer(eut: &mut Eut) {
    eut.hears_nothing(SILENCE);
    assert_eq!(value(eut, "Device.LocalAgent.EndpointID"), eut.agent.as_str());
}

fn tp_2_1_own_endpoint_id(eut: &mut Eut) {
    let id = eut.agent.to_string();
    eut.send_record(&sealed(&id, &id, session(payload())));
    eut.send_record(&sealed(&id, &id, plain(payload())));
    no_answer(eut);
}

fn tp_2_2_foreign_to_id(eut: &mut Eut) {
    let id = eut.agent.to_string();
    for to in ["self::another", "", "no endpoint id"] {
        eut.send_record(&sealed(to, &id, plain(payload())));
        // The plan's from_id is the EUT's own; what is asked for holds for a known Controller too.
        eut.send_record(&sealed(to, CONTROLLER, plain(payload())));
        eut.send_record(&sealed(to, CONTROLLER, session(payload())));
    }
    no_answer(eut);
}

fn tp_3_1_bad_request(eut: &mut Eut) {
    let id = eut.agent.to_string();
    let whole = sealed(&id, CONTROLLER, plain(payload())).encode_to_vec();
    let empty = Msg { body: Some(Body::default()), ..Msg::request("empty", Request::Get(Get::default())) };
    let bad = [
        b"this is no record".to_vec(),
        Vec::new(),
        vec![0xFF; 100],
        whole[..whole.len() - 3].to_vec(),
        sealed(&id, CONTROLLER, plain(b"this is no message".to_vec())).encode_to_vec(),
        sealed(&id, CONTROLLER, plain(Vec::new())).encode_to_vec(),
        sealed(&id, CONTROLLER, plain(payload()[..20].to_vec())).encode_to_vec(),
        sealed(&id, CONTROLLER, plain(empty.encode_to_vec())).encode_to_vec(),
        Record { record_type: None, ..sealed(&id, CONTROLLER, plain(Vec::new())) }.encode_to_vec(),
        Record { version: String::new(), ..sealed(&id, CONTROLLER, plain(payload())) }.encode_to_vec(),
    ];
    let before = eut.heard().len();
    assert!(eut.records().is_empty());
    for bytes in bad {
        eut.publish(bytes);
    }
    // What is asked last is answered last, so all that the bad ones bring has come by then.
    assert_eq!(value(eut, "Device.LocalAgent.EndpointID"), eut.agent.as_str());
    let me = eut.me.clone();
    let heard = eut.heard()[before..].to_vec();
    let (last, answers) = heard.split_last().unwrap();
    let Content::Message(last) = record::open(&last.payload, &me).unwrap().content else { panic!("{last:?}") };
    assert!(matches!(last.into_content(), Some((_, MsgContent::Response(Response::GetResp(_))))), "the last answer is that of the Get");
    for answer in answers {
        match record::open(&answer.payload, &me).unwrap().content {
            Content::Message(message) => {
                let (_, content) = message.into_content().unwrap();
                assert!(matches!(content, MsgContent::Error(_)), "{content:?}");
            }
            Content::Disconnect { reason_code, .. } => assert_ne!(reason_code, 0),
            other => panic!("{other:?}"),
        }
    }
    eut.forget_answers();
}

fn tp_4_1_certificates(eut: &mut Eut) {
    // Mosquitto takes nobody without TLS and a certificate of its authority.
    let response = eut.supported_protocol("1.0,1.1,1.2,1.3,1.4").unwrap();
    assert!(response.agent_supported_protocol_versions.split(',').any(|version| version == "1.4"), "{response:?}");
    // The agent shows its own certificate to a broker that it trusts, and speaks to no other.
    let own = |agent: &Process| CertificateDer::from_pem_file(agent.dir.join("certificate.pem")).unwrap();
    let (agent, shown) = handshake(eut, "right", eut.lab.authority(), "127.0.0.1");
    assert_eq!(shown, Ok(own(&agent)));
    let (_, foreign) = handshake(eut, "foreign", &authority("somebody else"), "127.0.0.1");
    assert!(foreign.as_ref().is_err_and(|why| why.contains("UnknownCA")), "{foreign:?}");
    // One that is another server's.
    let (_, misplaced) = handshake(eut, "misplaced", eut.lab.authority(), "127.0.0.2");
    assert!(misplaced.as_ref().is_err_and(|why| why.contains("fatal alert")), "{misplaced:?}");
}

/// Starts an agent and plays its broker, with a certificate of this authority for this address. Gives the agent, and its certificate
/// once it has sent something over the protected line, or why it does not come to that.
fn handshake(
    eut: &Eut,
    name: &str,
    authority: &CertifiedIssuer<'static, KeyPair>,
    address: &str,
) -> (Process, Result<CertificateDer<'static>, String>) {
    let files = issue(authority, &eut.lab.dir("broker"), address);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(eut.lab.authority().pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![CertificateDer::from_pem_file(files.certificate).unwrap()], PrivateKeyDer::from_pem_file(files.key).unwrap())
        .unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut agent = Process::new(&eut.lab, &format!("self::tp-4-1-{name}"), listener.local_addr().unwrap(), true, "");
    agent.start();
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(crate::controller::LIMIT)).unwrap();
    let mut connection = ServerConnection::new(Arc::new(config)).unwrap();
    let mut tls = rustls::Stream::new(&mut connection, &mut stream);
    let mut first = [0];
    if let Err(error) = tls.read_exact(&mut first) {
        return (agent, Err(error.to_string()));
    }
    assert_eq!(first[0], 0x10, "the agent begins with something else than CONNECT");
    let version = connection.protocol_version();
    assert!(matches!(version, Some(ProtocolVersion::TLSv1_2 | ProtocolVersion::TLSv1_3)), "{version:?}");
    let shown = connection.peer_certificates().unwrap()[0].clone().into_owned();
    (agent, Ok(shown))
}
