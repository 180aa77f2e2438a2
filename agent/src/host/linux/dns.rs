//! The box's resolver, and datagrams (to come).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The addresses of a name.
pub async fn resolve(_name: String) -> io::Result<Vec<IpAddr>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Sends a datagram and waits for one from the same address.
pub async fn exchange(_to: SocketAddr, _datagram: Vec<u8>, _timeout: Duration) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}
