//! The network of a simulated box: names, and who answers how fast.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::model::{SimBox, mix, unit};
use crate::host::EchoError;

/// The names that every simulated box can resolve.
pub(super) fn names() -> BTreeMap<String, Vec<IpAddr>> {
    let names = [
        ("localhost", vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]),
        ("portal.example", vec![Ipv4Addr::new(203, 0, 113, 10).into()]),
        ("epg.example", vec![Ipv4Addr::new(203, 0, 113, 11).into()]),
        ("cdn.example", vec![Ipv4Addr::new(203, 0, 113, 20).into(), Ipv4Addr::new(203, 0, 113, 21).into()]),
        ("silent.example", vec![Ipv4Addr::new(192, 0, 2, 1).into()]),
    ];
    names.map(|(name, addresses)| (name.to_owned(), addresses)).into()
}

/// The round-trip time to an address, or why there is none. Follows from the box, the address and the number of the try.
pub(super) fn round_trip(sim: Option<&SimBox>, to: IpAddr, attempt: u64) -> Result<Duration, EchoError> {
    let address = match to {
        IpAddr::V4(v4) => u64::from(v4.to_bits()),
        IpAddr::V6(v6) => mix(&[(v6.to_bits() >> 64) as u64, v6.to_bits() as u64]),
    };
    let seed = sim.map_or(0, |sim| sim.seed);
    let chance = unit(mix(&[seed, address, attempt]), 80);
    let micros = match to {
        _ if to.is_loopback() => return Ok(Duration::from_micros(40 + (20.0 * chance) as u64)),
        IpAddr::V4(v4) if v4.octets()[..3] == [192, 0, 2] => return Err(EchoError::Timeout),
        IpAddr::V4(v4) if v4.octets()[..3] == [198, 51, 100] => return Err(EchoError::NoRoute),
        IpAddr::V6(v6) if v6.segments()[..2] == [0x2001, 0xDB8] => return Err(EchoError::NoRoute),
        IpAddr::V4(v4) if v4.is_private() || v4.is_link_local() => 900.0 + 2_000.0 * unit(address, 81),
        _ => 6_000.0 + 40_000.0 * unit(address, 81),
    };
    // A bad cable loses one packet in twelve, a good one next to none.
    let loss = if sim.is_some_and(SimBox::has_bad_cable) { 0.08 } else { 0.002 };
    if unit(mix(&[seed, address, attempt]), 82) < loss {
        return Err(EchoError::Timeout);
    }
    Ok(Duration::from_micros((micros * (1.0 + 0.3 * chance)) as u64))
}
