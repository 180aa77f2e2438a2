//! Real ICMP echoes over loopback. Where the machine permits neither datagram nor raw sockets for ICMP, the tests say so and check
//! that the agent says so too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use line3_agent::host::linux::icmp::{self, MAX_DATA};
use line3_agent::host::{Echo, EchoError};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::task::LocalSet;

/// Far longer than loopback ever takes.
const LONG: Duration = Duration::from_secs(10);

fn to(address: impl Into<IpAddr>) -> Echo {
    Echo { to: address.into(), interface: None, size: 64, dscp: 0, timeout: LONG, sequence: 1 }
}

/// Whether the machine permits ICMP, by datagram or raw sockets, found out without the agent's code.
fn permitted(domain: Domain, protocol: Protocol) -> bool {
    [Type::DGRAM, Type::RAW].into_iter().any(|ty| Socket::new(domain, ty, Some(protocol)).is_ok())
}

/// Sends an echo, and judges the error if this machine permits none.
async fn echo(echo: Echo) -> Option<Result<Duration, EchoError>> {
    let (domain, protocol) = if echo.to.is_ipv4() { (Domain::IPV4, Protocol::ICMPV4) } else { (Domain::IPV6, Protocol::ICMPV6) };
    let result = icmp::echo(echo).await;
    if permitted(domain, protocol) {
        return Some(result);
    }
    not_tested("this machine permits no ICMP (neither net.ipv4.ping_group_range nor CAP_NET_RAW)");
    assert_eq!(result, Err(EchoError::NotPermitted));
    None
}

/// Says it past the test harness, which would keep what a passing test prints with `eprintln!` to itself.
#[allow(clippy::explicit_write)]
fn not_tested(why: &str) {
    writeln!(std::io::stderr(), "!!! REAL PING NOT TESTED: {why}").unwrap();
}

/// Whether ::1 is there; some containers have no IPv6.
fn has_ipv6() -> bool {
    let there = std::net::UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !there {
        not_tested("this machine has no ::1");
    }
    there
}

#[tokio::test(flavor = "current_thread")]
async fn loopback_answers_over_ipv4_and_ipv6() {
    let mut hosts = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    hosts.extend(has_ipv6().then_some(IpAddr::V6(Ipv6Addr::LOCALHOST)));
    for host in hosts {
        for size in [0, 1, 64, 1500, MAX_DATA] {
            for dscp in [0, 46] {
                let Some(result) = echo(Echo { size, dscp, sequence: 65_535, ..to(host) }).await else { return };
                let time = result.unwrap_or_else(|error| panic!("{host}, {size} bytes, DSCP {dscp}: {error}"));
                assert!(!time.is_zero() && time < LONG, "{time:?}");
            }
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn many_at_once_each_get_their_own_answer() {
    // All to one address with one sequence number: raw sockets see the answers to each other's echoes.
    let local = LocalSet::new();
    let tasks: Vec<_> = (0..20).map(|size| local.spawn_local(echo(Echo { size, ..to(Ipv4Addr::LOCALHOST) }))).collect();
    local.await;
    for task in tasks {
        let result = task.await.unwrap().unwrap_or(Ok(LONG));
        assert!(result.is_ok(), "{result:?}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn the_interface_counts() {
    let from = |interface: &str| echo(Echo { interface: Some(interface.to_owned()), ..to(Ipv4Addr::LOCALHOST) });
    let Some(lo) = from("lo").await else { return };
    assert!(lo.is_ok(), "{lo:?}");
    assert_eq!(from("nosuch0").await, Some(Err(EchoError::Other("there is no network interface nosuch0".to_owned()))));
}
