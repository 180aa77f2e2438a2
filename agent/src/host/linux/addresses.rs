//! The addresses of the network interfaces.

use std::io;
use std::net::IpAddr;

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::sys::socket::SockaddrStorage;

use crate::host::Address;

/// The most addresses that are looked at; the rest is left out.
const MAX_ADDRESSES: usize = 1024;

/// The addresses of all interfaces.
pub(super) fn all() -> io::Result<Vec<Address>> {
    Ok(getifaddrs()?.filter_map(address).take(MAX_ADDRESSES).collect())
}

/// An IP address of an interface; `None` for addresses of other families.
fn address(entry: InterfaceAddress) -> Option<Address> {
    let address = ip(entry.address.as_ref()?)?;
    let prefix = match entry.netmask.as_ref().and_then(ip) {
        Some(IpAddr::V4(mask)) => mask.to_bits().leading_ones(),
        Some(IpAddr::V6(mask)) => mask.to_bits().leading_ones(),
        None if address.is_ipv4() => 32,
        None => 128,
    };
    Some(Address { interface: entry.interface_name, address, prefix: u8::try_from(prefix).unwrap_or(0) })
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}
