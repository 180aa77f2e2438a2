//! One question to one server, and its answer.

use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// The most bytes of a datagram that [`exchange`] gives; the rest is cut off.
pub const MAX_DATAGRAM: usize = 4096;

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
