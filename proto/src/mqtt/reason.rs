//! Says for a person why a link is down: what happened, to what, what to do.
#![allow(clippy::disallowed_methods, reason = "the real link lives in real time")]

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use rumqttc::{ConnectReturnCode, ConnectionError, DisconnectReasonCode, StateError};
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError};

use crate::machine::Wall;

/// What to think of when a broker drops a connection and does not say why: many say nothing when another client takes over.
const PERHAPS_A_TWIN: &str = ": the broker or the line went away, or another client came with the same client identifier";

/// The longest text taken over from the broker, in characters.
const MAX_FOREIGN: usize = 200;

/// Why there is no connection to `broker` (`host:port`).
pub(super) fn describe(broker: &str, error: &ConnectionError) -> String {
    if let Some(error) = io_cause(error) {
        return tls_cause(error).map_or_else(|| of_io(broker, error), |tls| of_tls(broker, tls));
    }
    match error {
        ConnectionError::Tls(rumqttc::TlsError::TLS(error)) => of_tls(broker, error),
        ConnectionError::Timeout(_) => {
            format!("broker {broker} did not answer in time: check that the host is up and that no firewall drops the port")
        }
        ConnectionError::ConnectionRefused(code) => of_connack(broker, *code),
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, reason_string }) => {
            of_disconnect(broker, *reason_code, reason_string.as_deref())
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => {
            format!("broker {broker} closed the connection without a word{PERHAPS_A_TWIN}")
        }
        ConnectionError::MqttState(StateError::AwaitPingResp) => format!("broker {broker} did not answer a ping: the line is dead"),
        ConnectionError::MqttState(StateError::Deserialization(error)) => {
            format!("broker {broker} sent what is no MQTT 5, or more than we take: {error}: check that this port speaks MQTT 5")
        }
        error => format!("broker {broker}: {error}"),
    }
}

/// Text from outside, short and without control characters.
pub(super) fn foreign(text: &str) -> String {
    text.chars().take(MAX_FOREIGN).map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn of_io(broker: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("broker {broker} refused the connection: {error}: check that the broker runs and listens on this port")
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => {
            // rustls explains an end without a farewell at length, with a link: the cause is all that is wanted here.
            let cause = error.to_string();
            let cause = cause.split(": http").next().unwrap_or("").split(" without sending TLS").next().unwrap_or("").to_owned();
            format!("broker {broker}: the connection broke off: {cause}{PERHAPS_A_TWIN}")
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            format!("broker {broker} cannot be reached: {error}: check the network")
        }
        _ => format!("broker {broker} cannot be reached: {error}: check its name and the network"),
    }
}

fn of_connack(broker: &str, code: ConnectReturnCode) -> String {
    use ConnectReturnCode as Code;
    let advice = match code {
        Code::NotAuthorized => "check that the client identifier is the one in our certificate and that the broker knows it",
        Code::BadUserNamePassword => "check user name and password",
        Code::Banned => "the operator has banned this client",
        Code::ClientIdentifierNotValid | Code::BadClientId => "the broker does not take this client identifier",
        Code::ServerUnavailable | Code::ServiceUnavailable | Code::ServerBusy | Code::ConnectionRateExceeded => "it will be tried again",
        Code::UnsupportedProtocolVersion | Code::RefusedProtocolVersion => "the broker must speak MQTT 5",
        _ => "see the broker's log",
    };
    format!("broker {broker} refused us: {code:?}: {advice}")
}

fn of_disconnect(broker: &str, code: DisconnectReasonCode, reason: Option<&str>) -> String {
    let advice = match code {
        DisconnectReasonCode::SessionTakenOver => ": another client came with the same client identifier",
        DisconnectReasonCode::ServerShuttingDown | DisconnectReasonCode::ServerBusy => ": it will be tried again",
        DisconnectReasonCode::NotAuthorized => ": the operator may have revoked our certificate",
        _ => "",
    };
    let reason = reason.map(|text| format!(" ({})", foreign(text))).unwrap_or_default();
    format!("broker {broker} ended the connection: {code:?}{reason}{advice}")
}

/// The I/O error in this one; rumqttc has four places for it.
const fn io_cause(error: &ConnectionError) -> Option<&io::Error> {
    match error {
        ConnectionError::Io(error)
        | ConnectionError::Tls(rumqttc::TlsError::Io(error))
        | ConnectionError::MqttState(StateError::Io(error) | StateError::Deserialization(rumqttc::Error::Io(error))) => Some(error),
        _ => None,
    }
}

/// The TLS error at the bottom of this one. (`io::Error::source` skips the error that it wraps, hence the detour.)
fn tls_cause(error: &io::Error) -> Option<&rustls::Error> {
    let mut inner = error.get_ref()?;
    while let Some(error) = inner.downcast_ref::<io::Error>() {
        inner = error.get_ref()?;
    }
    inner.downcast_ref()
}

fn of_tls(broker: &str, error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(error) => format!("the certificate of broker {broker} {}", of_certificate(error)),
        rustls::Error::AlertReceived(alert) => {
            let advice = match alert {
                AlertDescription::UnknownCA => "it does not know the authority of our certificate: give the broker our CA",
                AlertDescription::CertificateExpired => "our certificate has expired: renew it",
                AlertDescription::CertificateRevoked => "our certificate has been revoked: the box needs a new one",
                AlertDescription::CertificateRequired => "it wants a certificate from us: configure certificate and key",
                AlertDescription::BadCertificate
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::AccessDenied
                | AlertDescription::DecryptError => "it does not take our certificate: check that it is ours and signed by the broker's CA",
                _ => "see the broker's log",
            };
            format!("broker {broker} ended the TLS handshake ({alert:?}): {advice}")
        }
        rustls::Error::InvalidMessage(_) => format!("broker {broker} does not speak TLS: {error}: check the port"),
        error => format!("broker {broker}: TLS failed: {error}"),
    }
}

fn of_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "is not trusted: no authority in our CA file signed it: give us the CA of this broker (or somebody else answers in its place)"
                .to_owned()
        }
        CertificateError::BadSignature => {
            "is not trusted: it names an authority of our CA file but another key of that name signed it: give us the present CA".to_owned()
        }
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("has expired on {}: renew it (our clock shows {})", date(*not_after), our_clock())
        }
        CertificateError::Expired => format!("has expired: renew it (our clock shows {})", our_clock()),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("is not valid before {}: check our clock, it shows {}", date(*not_before), our_clock())
        }
        CertificateError::NotValidYet => format!("is not valid yet: check our clock, it shows {}", our_clock()),
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names = foreign(&presented.join(", "));
            format!("is for another name ({names}): connect by a name that it has, or issue one for this name")
        }
        CertificateError::NotValidForName => "is for another name: issue one for this name".to_owned(),
        CertificateError::Revoked => "has been revoked: the broker needs a new one".to_owned(),
        error => format!("cannot be accepted: {error}"),
    }
}

fn date(time: UnixTime) -> Wall {
    Wall(i64::try_from(time.as_secs()).map_or(i64::MAX, |secs| secs.saturating_mul(1000)))
}

fn our_clock() -> Wall {
    date(UnixTime::since_unix_epoch(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: &ConnectionError, parts: &[&str]) {
        let text = describe("b.example:8883", error);
        for part in parts {
            assert!(text.contains(part), "{text:?} lacks {part:?}");
        }
    }

    fn tls(error: rustls::Error) -> ConnectionError {
        ConnectionError::Io(io::Error::other(error))
    }

    #[test]
    fn certificate_errors_are_told_apart() {
        let when = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_700_000_000));
        let bad = |error| tls(rustls::Error::InvalidCertificate(error));
        check(&bad(CertificateError::UnknownIssuer), &["b.example:8883", "is not trusted", "CA"]);
        check(&bad(CertificateError::ExpiredContext { time: when, not_after: when }), &["has expired on 2023-11-14T22:13:20Z", "renew"]);
        check(&bad(CertificateError::NotValidYetContext { time: when, not_before: when }), &["not valid before 2023-11-14", "clock"]);
        check(&tls(rustls::Error::AlertReceived(AlertDescription::CertificateRevoked)), &["our certificate has been revoked"]);
    }

    #[test]
    fn a_tls_error_is_found_in_any_wrapping() {
        let expired = || io::Error::new(io::ErrorKind::InvalidData, rustls::Error::InvalidCertificate(CertificateError::Expired));
        for error in [
            ConnectionError::Io(expired()),
            ConnectionError::Tls(rumqttc::TlsError::Io(expired())),
            ConnectionError::MqttState(StateError::Io(expired())),
            ConnectionError::MqttState(StateError::Deserialization(rumqttc::Error::Io(expired()))),
            ConnectionError::Io(io::Error::other(expired())),
        ] {
            check(&error, &["has expired"]);
        }
    }

    #[test]
    fn what_the_broker_says_cannot_write_on_a_terminal() {
        let reason_string = Some("bye\u{1b}[2J".to_owned() + &"x".repeat(500));
        let error = StateError::ServerDisconnect { reason_code: DisconnectReasonCode::SessionTakenOver, reason_string };
        check(&ConnectionError::MqttState(error), &["SessionTakenOver", "bye?[2J", "another client"]);
        assert_eq!(foreign(&"x".repeat(500)).len(), MAX_FOREIGN);
    }
}
