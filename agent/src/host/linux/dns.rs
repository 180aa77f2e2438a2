//! Names: the box's own resolver.

use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

/// The longest wait for the box's own resolver.
pub const RESOLVE_LIMIT: Duration = Duration::from_secs(10);

/// The most addresses that [`resolve`] gives; the rest is left out.
pub const MAX_ADDRESSES: usize = 64;

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn names_and_literals_are_resolved() {
        assert_eq!(resolve("2001:db8::1".into()).await.unwrap(), ["2001:db8::1".parse::<IpAddr>().unwrap()]);
        let local = resolve("localhost".into()).await.unwrap();
        assert!(!local.is_empty() && local.iter().all(IpAddr::is_loopback), "{local:?}");
        assert!(resolve("not a name".into()).await.is_err());
    }
}
