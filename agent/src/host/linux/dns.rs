//! Names and datagrams: the box's own resolver, and one question to one server.

use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::{UdpSocket, lookup_host};
use tokio::time::timeout;

/// The longest wait for the box's own resolver.
pub const RESOLVE_LIMIT: Duration = Duration::from_secs(10);

/// The most addresses that [`resolve`] gives; the rest is left out.
pub const MAX_ADDRESSES: usize = 64;

/// The most bytes of a datagram that [`exchange`] gives; the rest is cut off.
pub const MAX_DATAGRAM: usize = 4096;

/// The addresses of a name, by the box's own resolver, in its order; an address literal gives itself at once.
///
/// The C library's resolver cannot be stopped: past [`RESOLVE_LIMIT`] its thread goes on until its own limits, unheard.
pub async fn resolve(name: String) -> io::Result<Vec<IpAddr>> {
    if let Ok(address) = name.parse() {
        return Ok(vec![address]);
    }
    let found = timeout(RESOLVE_LIMIT, lookup_host((name.as_str(), 0))).await.map_err(|_| {
        io::Error::new(ErrorKind::TimedOut, format!("the box's resolver did not answer for {name} in {} s", RESOLVE_LIMIT.as_secs()))
    })??;
    let mut addresses = Vec::new();
    for address in found.map(|found| found.ip()) {
        if addresses.len() < MAX_ADDRESSES && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

/// Sends a datagram from a fresh port and waits for one from the same address and port; at most [`MAX_DATAGRAM`] bytes of it.
/// Nothing in time is an error of kind `TimedOut`; a port where nobody listens one of kind `ConnectionRefused`.
pub async fn exchange(to: SocketAddr, datagram: Vec<u8>, limit: Duration) -> io::Result<Vec<u8>> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(to).await?;
    let mut buffer = vec![0; MAX_DATAGRAM];
    let answer = async {
        socket.send(&datagram).await?;
        // "Nobody listens there" makes the socket ready by ERROR alone.
        socket.async_io(Interest::READABLE | Interest::ERROR, || (&*SockRef::from(&socket)).read(&mut buffer)).await
    };
    let length = timeout(limit, answer)
        .await
        .map_err(|_| io::Error::new(ErrorKind::TimedOut, format!("no answer from {to} in {} ms", limit.as_millis())))??;
    buffer.truncate(length);
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    #[tokio::test(flavor = "current_thread")]
    async fn names_and_literals_are_resolved() {
        assert_eq!(resolve("2001:db8::1".into()).await.unwrap(), ["2001:db8::1".parse::<IpAddr>().unwrap()]);
        let local = resolve("localhost".into()).await.unwrap();
        assert!(!local.is_empty() && local.iter().all(IpAddr::is_loopback), "{local:?}");
        assert!(resolve("not a name".into()).await.is_err());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_datagram_brings_an_answer_of_bounded_size() {
        for (local, size) in [("127.0.0.1:0", 3), ("127.0.0.1:0", MAX_DATAGRAM + 1), ("127.0.0.1:0", 0)] {
            let server = UdpSocket::bind(local).await.unwrap();
            let to = server.local_addr().unwrap();
            let serve = async {
                let mut buffer = [0; 16];
                let (length, from) = server.recv_from(&mut buffer).await.unwrap();
                assert_eq!(&buffer[..length], b"question");
                // One from elsewhere is not taken.
                UdpSocket::bind(local).await.unwrap().send_to(b"forged", from).await.unwrap();
                server.send_to(&vec![b'x'; size], from).await.unwrap();
            };
            let (answer, ()) = tokio::join!(exchange(to, b"question".to_vec(), LONG), serve);
            assert_eq!(answer.unwrap(), vec![b'x'; size.min(MAX_DATAGRAM)]);
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn silence_and_refusal_are_told_apart() {
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let to = silent.local_addr().unwrap();
        let error = exchange(to, b"?".to_vec(), Duration::from_millis(50)).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::TimedOut, format!("no answer from {to} in 50 ms")));
        drop(silent);
        let error = exchange(to, b"?".to_vec(), LONG).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
}
