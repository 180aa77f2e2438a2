//! One ICMP echo: the request, and the wait for its answer. Over the kernel's datagram socket for ICMP where the agent's group
//! may use it (`net.ipv4.ping_group_range`), else over a raw socket, which needs CAP_NET_RAW.
#![allow(clippy::disallowed_methods, reason = "a round trip is measured where it is made")]

use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use nix::net::if_::if_nametoindex;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout};

use crate::host::{Echo, EchoError};

/// The most data in one echo: the longest IPv4 packet less the headers of IPv4 and ICMP. More is refused.
pub const MAX_DATA: usize = 65_535 - 20 - HEADER;

/// The header of ICMP echo: type, code, checksum, identifier, sequence number.
const HEADER: usize = 8;

/// The longest header of IPv4, which a raw socket gives along with every packet.
const MAX_IP_HEADER: usize = 60;

/// Sends one ICMP echo request and waits for its answer: the round-trip time on the clock that never jumps.
///
/// Packets for others, which a raw socket sees too, are passed over until the time is up.
pub async fn echo(echo: Echo) -> Result<Duration, EchoError> {
    if echo.size > MAX_DATA {
        return Err(EchoError::Other(format!("an echo carries at most {MAX_DATA} bytes of data, not {}", echo.size)));
    }
    let (socket, raw) = open(echo.to)?;
    prepare(&socket, &echo)?;
    let socket = UdpSocket::from_std(socket.into()).map_err(failed)?;
    Request::new(&echo, raw)?.ask(&socket, echo.timeout).await
}

/// A socket for ICMP, and whether it is a raw one.
fn open(to: IpAddr) -> Result<(Socket, bool), EchoError> {
    let (domain, protocol) = match to {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    // Not only a missing right makes the first one fail: some kernels are built without datagram sockets for ICMP.
    Socket::new(domain, Type::DGRAM, Some(protocol))
        .map(|socket| (socket, false))
        .or_else(|_| Socket::new(domain, Type::RAW, Some(protocol)).map(|socket| (socket, true)))
        .map_err(not_permitted)
}

/// Gives the socket the interface, the DiffServ code point and the address of the other end.
fn prepare(socket: &Socket, echo: &Echo) -> Result<(), EchoError> {
    socket.set_nonblocking(true).map_err(failed)?;
    if let Some(interface) = &echo.interface {
        socket.bind_device(Some(interface.as_bytes())).map_err(|error| match error.raw_os_error().map(nix::Error::from_raw) {
            Some(nix::Error::ENODEV) => EchoError::Other(format!("there is no network interface {interface}")),
            _ => not_permitted(error),
        })?;
    }
    let class = u32::from(echo.dscp) << 2;
    // Without RECVERR the kernel keeps to itself what a router said, e.g. "host unreachable".
    let (classed, told) = match echo.to {
        IpAddr::V4(_) => (socket.set_tos_v4(class), setsockopt(socket, sockopt::Ipv4RecvErr, &true)),
        IpAddr::V6(_) => (socket.set_tclass_v6(class), setsockopt(socket, sockopt::Ipv6RecvErr, &true)),
    };
    classed.map_err(failed)?;
    told.map_err(|error| failed(error.into()))?;
    // Connected, the kernel passes on only what came from that address.
    socket.connect(&target(echo)?.into()).map_err(failed)
}

/// The address of the other end; a link-local one means nothing without its interface.
fn target(echo: &Echo) -> Result<SocketAddr, EchoError> {
    let IpAddr::V6(address) = echo.to else { return Ok(SocketAddr::new(echo.to, 0)) };
    if !address.is_unicast_link_local() {
        return Ok(SocketAddr::new(echo.to, 0));
    }
    let Some(interface) = &echo.interface else {
        return Err(EchoError::Other(format!("{address} is link-local: say from which interface to send")));
    };
    let index = if_nametoindex(interface.as_str()).map_err(|error| failed(error.into()))?;
    Ok(SocketAddrV6::new(address, 0, 0, index).into())
}

/// An echo request, and what knows its answer.
struct Request {
    packet: Vec<u8>,
    reply_type: u8,
    /// A raw socket sees the echoes of others and gives IPv4's header along; a datagram socket puts its own identifier in.
    raw: bool,
    v4: bool,
}

impl Request {
    fn new(echo: &Echo, raw: bool) -> Result<Self, EchoError> {
        // Identifier and token are random, so that the answers to others' echoes, and late ones to our own, are not taken for ours.
        let mut random = [0; 10];
        getrandom::fill(&mut random).map_err(|error| EchoError::Other(format!("no random bits: {error}")))?;
        let [id @ .., _, _, _, _, _, _, _, _] = random;
        let token = random.into_iter().skip(id.len());

        let v4 = echo.to.is_ipv4();
        let (request_type, reply_type) = if v4 { (8, 0) } else { (128, 129) };
        let mut packet = Vec::with_capacity(HEADER + echo.size);
        packet.extend([request_type, 0, 0, 0]);
        packet.extend(id);
        packet.extend(echo.sequence.to_be_bytes());
        packet.extend(token.chain((0..=u8::MAX).cycle()).take(echo.size));
        if v4 {
            // For ICMPv6 the kernel does it: that sum covers addresses which only the kernel knows.
            let sum = checksum(&packet).to_be_bytes();
            packet.splice(2..4, sum);
        }
        Ok(Self { packet, reply_type, raw, v4 })
    }

    async fn ask(&self, socket: &UdpSocket, limit: Duration) -> Result<Duration, EchoError> {
        timeout(limit, self.round_trip(socket)).await.map_or(Err(EchoError::Timeout), |answered| answered.map_err(failed))
    }

    async fn round_trip(&self, socket: &UdpSocket) -> io::Result<Duration> {
        let mut buffer = vec![0; MAX_IP_HEADER + self.packet.len()];
        let sent = Instant::now();
        socket.send(&self.packet).await?;
        loop {
            // What a router said makes the socket ready by ERROR alone.
            let length = socket.async_io(Interest::READABLE | Interest::ERROR, || (&*SockRef::from(socket)).read(&mut buffer)).await?;
            let took = sent.elapsed();
            if buffer.get(..length).is_some_and(|packet| self.is_answered_by(packet)) {
                return Ok(took);
            }
        }
    }

    /// Whether this is the answer: an echo reply with our identifier, sequence number and every byte of our data.
    fn is_answered_by(&self, packet: &[u8]) -> bool {
        let message = if self.raw && self.v4 {
            let header = packet.first().map_or(0, |byte| usize::from(byte & 0x0f) * 4);
            packet.get(header..).unwrap_or_default()
        } else {
            packet
        };
        let from = if self.raw { 4 } else { 6 };
        message.starts_with(&[self.reply_type, 0]) && message.get(from..) == self.packet.get(from..)
    }
}

/// The Internet checksum (RFC 1071) of a message whose own checksum field is zero.
fn checksum(message: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in message.chunks(2) {
        let word = u16::from_be_bytes([pair.first().copied().unwrap_or(0), pair.get(1).copied().unwrap_or(0)]);
        sum += u32::from(word);
        // Folding each time keeps the sum within 17 bits.
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

/// What the error of making a socket means.
fn not_permitted(error: io::Error) -> EchoError {
    if error.kind() == ErrorKind::PermissionDenied { EchoError::NotPermitted } else { failed(error) }
}

/// What an error of a made socket means. "Not permitted" here is a firewall's or a broadcast address's, and no right would help.
fn failed(error: io::Error) -> EchoError {
    match error.kind() {
        // The last one: no address of our own would do for the other end.
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown | ErrorKind::AddrNotAvailable => {
            EchoError::NoRoute
        }
        _ => EchoError::Other(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use nix::sys::socket::getsockopt;

    use super::*;

    fn to(address: &str, size: usize) -> Echo {
        Echo { to: address.parse().unwrap(), interface: None, size, dscp: 0, timeout: Duration::from_secs(1), sequence: 7 }
    }

    fn with_ip_header(message: &[u8], words: u8) -> Vec<u8> {
        let mut packet = vec![0; usize::from(words) * 4];
        packet[0] = 0x40 | words;
        packet.extend(message);
        packet
    }

    #[test]
    fn the_checksum_is_that_of_rfc_1071() {
        // The example of RFC 1071, section 3: the words add up to ddf2.
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(checksum(&[0x01]), !0x0100, "an odd byte counts as the higher one");
        assert_eq!(checksum(&[0xff; 65_536]), 0);
        let request = Request::new(&to("127.0.0.1", 13), true).unwrap();
        assert_eq!(checksum(&request.packet), 0, "with the sum in its place the whole adds up to nothing");
    }

    #[test]
    fn only_the_own_answer_is_taken() {
        let request = Request::new(&to("127.0.0.1", 16), true).unwrap();
        let mut reply = request.packet.clone();
        reply[0] = 0;
        assert!(request.is_answered_by(&with_ip_header(&reply, 5)));
        assert!(request.is_answered_by(&with_ip_header(&reply, 15)), "IP options are passed over");
        assert!(!request.is_answered_by(&with_ip_header(&request.packet, 5)), "the request itself, heard on loopback");
        // Each byte but the checksum's counts.
        for at in (0..reply.len()).filter(|at| !(2..4).contains(at)) {
            let mut other = reply.clone();
            other[at] ^= 1;
            assert!(!request.is_answered_by(&with_ip_header(&other, 5)), "byte {at}");
        }
        for length in 0..reply.len() + 20 {
            assert!(!request.is_answered_by(&with_ip_header(&reply, 5)[..length]), "cut to {length} bytes");
        }
        assert!(!request.is_answered_by(&with_ip_header(&[reply.as_slice(), &[0]].concat(), 5)), "one byte more");
    }

    #[test]
    fn a_datagram_socket_has_an_identifier_and_no_ip_header_of_its_own() {
        for (address, reply_type) in [("127.0.0.1", 0), ("::1", 129)] {
            let request = Request::new(&to(address, 0), false).unwrap();
            let mut reply = request.packet.clone();
            reply[0] = reply_type;
            reply[4] ^= 0xff;
            assert!(request.is_answered_by(&reply));
            reply[7] ^= 1;
            assert!(!request.is_answered_by(&reply), "the answer to another echo");
        }
    }

    #[test]
    fn errors_of_the_socket_become_reasons() {
        let kind = |errno: nix::Error| failed(errno.into());
        assert_eq!(kind(nix::Error::EHOSTUNREACH), EchoError::NoRoute);
        assert_eq!(kind(nix::Error::ENETUNREACH), EchoError::NoRoute);
        assert!(matches!(kind(nix::Error::EPERM), EchoError::Other(_)), "a firewall, not a missing right");
        assert_eq!(not_permitted(nix::Error::EPERM.into()), EchoError::NotPermitted);
        assert_eq!(not_permitted(nix::Error::EACCES.into()), EchoError::NotPermitted);
    }

    #[test]
    fn the_socket_is_told_interface_class_and_address() {
        // UDP stands in for ICMP: no right is needed.
        let told = |domain: Domain, echo: &Echo| {
            let socket = Socket::new(domain, Type::DGRAM, None).unwrap();
            prepare(&socket, echo).map(|()| socket)
        };
        let from_lo = |address: &str| Echo { interface: Some("lo".to_owned()), dscp: 46, ..to(address, 0) };
        let v4 = told(Domain::IPV4, &from_lo("127.0.0.1")).unwrap();
        assert_eq!(v4.tos_v4().unwrap(), 0xb8);
        assert!(v4.device().unwrap().is_some_and(|name| name.starts_with(b"lo")));
        assert!(getsockopt(&v4, sockopt::Ipv4RecvErr).unwrap());
        assert_eq!(v4.local_addr().unwrap().as_socket().unwrap().ip(), IpAddr::from([127, 0, 0, 1]), "connected: it knows its source");
        // Some containers have no IPv6; real_ping.rs says so.
        if let Ok(v6) = told(Domain::IPV6, &from_lo("::1")) {
            assert_eq!(v6.tclass_v6().unwrap(), 0xb8);
            assert!(getsockopt(&v6, sockopt::Ipv6RecvErr).unwrap());
        }
        let wrong = Echo { interface: Some("nosuch0".to_owned()), ..to("127.0.0.1", 0) };
        assert_eq!(told(Domain::IPV4, &wrong).map(drop), Err(EchoError::Other("there is no network interface nosuch0".to_owned())));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_not_the_answer_is_passed_over_until_the_time_is_up() {
        // UDP stands in for ICMP: it lets the test choose the answers.
        let (socket, peer) = (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
        socket.connect(peer.local_addr().unwrap()).await.unwrap();
        peer.connect(socket.local_addr().unwrap()).await.unwrap();
        let request = Request::new(&to("127.0.0.1", 32), false).unwrap();
        let mut reply = request.packet.clone();
        reply[0] = 0;
        let answer = async {
            let mut heard = [0; 100];
            assert_eq!(peer.recv(&mut heard).await.unwrap(), request.packet.len());
            for other in [request.packet.as_slice(), &reply[..10], &[], &[0; 5000], &reply] {
                peer.send(other).await.unwrap();
            }
        };
        let (asked, ()) = tokio::join!(request.ask(&socket, Duration::from_secs(10)), answer);
        assert!(asked.is_ok(), "{asked:?}");
        assert_eq!(request.ask(&socket, Duration::from_millis(50)).await, Err(EchoError::Timeout));
        drop(peer);
        let refused = request.ask(&socket, Duration::from_secs(10)).await;
        assert!(matches!(&refused, Err(EchoError::Other(text)) if text.contains("refused")), "{refused:?}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_cannot_be_sent_is_refused() {
        let text = |error: EchoError| error.to_string();
        assert_eq!(text(echo(to("127.0.0.1", 65_508)).await.unwrap_err()), "an echo carries at most 65507 bytes of data, not 65508");
        assert_eq!(target(&to("fe80::1", 0)).map_err(text), Err("fe80::1 is link-local: say from which interface to send".to_owned()));
    }
}
