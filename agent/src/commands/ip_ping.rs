//! Ping: does a host answer, and how fast.

use std::net::IpAddr;
use std::time::Duration;

use line3_proto::effect::Effect;
use line3_proto::fault::code;
use line3_proto::value::{Absent, Known};
use line3_proto::{Fault, row, values};

use super::{Command, Ctx};
use crate::host::{Echo, EchoError};

/// Between two echoes. TR-181 says nothing; the measured line also carries the picture, so it is not flooded.
const INTERVAL: Duration = Duration::from_millis(200);

/// `Device.IP.Diagnostics.IPPing()`.
pub(super) struct IpPing;

values! {
    /// Which version of IP to use.
    pub(super) enum ProtocolVersion {
        /// The one of the first address that the box's resolver gives.
        Any,
        /// IPv4 only.
        IPv4,
        /// IPv6 only.
        IPv6,
    }
}

values! {
    /// How a ping ended.
    pub(super) enum Status {
        /// All echoes were sent; the counts tell how many were answered.
        Complete,
        /// The host has no address, or none of the wanted version of IP.
        Error_CannotResolveHostName,
        /// No echo was answered, and the kernel or a router said that there is no way to the host.
        Error_NoRouteToHost,
    }
}

row! {
    /// Whom to ping, and how.
    pub(super) struct Input {
        /// The kernel's name of the network interface to send from, e.g. `eth0`; empty: as the routes say.
        Interface: Option<String> [len(256)],
        /// The version of IP to use.
        ProtocolVersion: ProtocolVersion = "Any",
        /// Host name or address.
        Host: String [len(256)],
        /// How many echoes to send, 200 ms apart.
        NumberOfRepetitions: u32 [range(1, 100)] = "3",
        /// How long to wait for each answer.
        Timeout: u32 [ms, range(1, 10_000)] = "1000",
        /// How much data each echo carries.
        DataBlockSize: u32 [bytes, range(1, 65_507)] = "64",
        /// The DiffServ code point of the echoes.
        DSCP: u32 [range(0, 63)] = "0",
    }
}

row! {
    /// What came of it.
    pub(super) struct Output {
        /// How the ping ended.
        Status: Status,
        /// The address that was pinged.
        IPAddressUsed: Known<IpAddr>,
        /// How many echoes were answered in time.
        SuccessCount: u32,
        /// How many were not.
        FailureCount: u32,
        /// The mean round-trip time of the answered echoes; below half a millisecond it is 0.
        AverageResponseTime: Known<u32> [ms],
        /// The shortest round-trip time.
        MinimumResponseTime: Known<u32> [ms],
        /// The longest round-trip time.
        MaximumResponseTime: Known<u32> [ms],
        /// The mean round-trip time of the answered echoes.
        AverageResponseTimeDetailed: Known<u32> [us],
        /// The shortest round-trip time.
        MinimumResponseTimeDetailed: Known<u32> [us],
        /// The longest round-trip time.
        MaximumResponseTimeDetailed: Known<u32> [us],
    }
}

impl Command for IpPing {
    const PATH: &'static str = "Device.IP.Diagnostics.IPPing()";
    const DOC: &'static str = "Sends ICMP echoes to a host and tells how many were answered, and how fast.";
    const EFFECT: Effect = Effect::Read;
    // At the bounds: 10 s to resolve the name, then a hundred times 10 s and the 200 ms between.
    const LIMIT: Duration = Duration::from_secs(10 + 100 * 10 + 20 + 30);
    type Input = Input;
    type Output = Output;

    async fn run(input: Input, ctx: Ctx) -> Result<Output, Fault> {
        let interface = interface(&input, &ctx)?;
        let Some(to) = address(&input, &ctx).await else {
            return Ok(output(Status::Error_CannotResolveHostName, Err(Absent::because("the host name has no address")), &[], 0));
        };
        let mut times = Vec::new();
        let mut no_route = false;
        let mut trouble = None;
        for repetition in 1..=input.NumberOfRepetitions {
            if repetition > 1 {
                ctx.host.sleep(INTERVAL).await;
            }
            let echo = Echo {
                to,
                interface: interface.clone(),
                size: usize::try_from(input.DataBlockSize).unwrap_or(usize::MAX),
                dscp: u8::try_from(input.DSCP).unwrap_or(u8::MAX),
                timeout: Duration::from_millis(input.Timeout.into()),
                sequence: u16::try_from(repetition).unwrap_or(u16::MAX),
            };
            match ctx.host.echo(echo).await {
                Ok(time) => times.push(time),
                Err(EchoError::Timeout) => {}
                Err(EchoError::NoRoute) => no_route = true,
                // The others would fare no better.
                Err(error @ EchoError::NotPermitted) => return Err(not_sent(to, &error)),
                Err(error @ EchoError::Other(_)) => trouble = Some(error),
            }
            ctx.progress.say(format!("{repetition} of {}: {} answered", input.NumberOfRepetitions, times.len()));
        }
        match trouble {
            _ if !times.is_empty() => {}
            // A router says it of the first echo only, and lets the next ones vanish.
            _ if no_route => return Ok(output(Status::Error_NoRouteToHost, Ok(to), &[], input.NumberOfRepetitions)),
            // TR-181 would have Error_Other, which does not say why.
            Some(error) => return Err(not_sent(to, &error)),
            None => {}
        }
        Ok(output(Status::Complete, Ok(to), &times, input.NumberOfRepetitions))
    }
}

fn not_sent(to: IpAddr, error: &EchoError) -> Fault {
    Fault::new(code::COMMAND_FAILURE, format!("no echo to {to} was answered: {error}"))
}

/// The interface to send from. A command cannot see the agent's instance numbers, so it takes the kernel's name.
fn interface(input: &Input, ctx: &Ctx) -> Result<Option<String>, Fault> {
    let Some(name) = &input.Interface else { return Ok(None) };
    let refused = |text: String| Err(Fault::new(code::INVALID_COMMAND_ARGUMENTS, text));
    if name.starts_with("Device.") {
        let dot = if name.ends_with('.') { "" } else { "." };
        return refused(format!("Interface takes the kernel's name of the interface, not a path: give the value of {name}{dot}Name"));
    }
    // Without this list the kernel is left to find out.
    let there = ctx.host.list("/sys/class/net").unwrap_or_default();
    if !there.is_empty() && !there.contains(name) {
        return refused(format!("there is no network interface {name:?}; the box has {}", there.join(", ")));
    }
    Ok(Some(name.clone()))
}

/// The address to ping: the first of the wanted version of IP, in the order of the box's resolver.
async fn address(input: &Input, ctx: &Ctx) -> Option<IpAddr> {
    let found = ctx.host.resolve(input.Host.clone()).await.unwrap_or_default();
    found.into_iter().find(|address| match input.ProtocolVersion {
        ProtocolVersion::Any => true,
        ProtocolVersion::IPv4 => address.is_ipv4(),
        ProtocolVersion::IPv6 => address.is_ipv6(),
    })
}

/// The outputs of `sent` echoes, of which those were answered that have a round-trip time.
fn output(status: Status, to: Known<IpAddr>, times: &[Duration], sent: u32) -> Output {
    let answered = u32::try_from(times.len()).unwrap_or(u32::MAX);
    let known = |time: Option<Duration>| time.ok_or(Absent::because("no echo was answered"));
    let average = known(times.iter().sum::<Duration>().checked_div(answered));
    let minimum = known(times.iter().min().copied());
    let maximum = known(times.iter().max().copied());
    Output {
        Status: status,
        IPAddressUsed: to,
        SuccessCount: answered,
        FailureCount: sent.saturating_sub(answered),
        AverageResponseTime: average.clone().map(milliseconds),
        MinimumResponseTime: minimum.clone().map(milliseconds),
        MaximumResponseTime: maximum.clone().map(milliseconds),
        AverageResponseTimeDetailed: average.map(microseconds),
        MinimumResponseTimeDetailed: minimum.map(microseconds),
        MaximumResponseTimeDetailed: maximum.map(microseconds),
    }
}

fn microseconds(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

fn milliseconds(time: Duration) -> u32 {
    u32::try_from((time.as_micros() + 500) / 1000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::net::{Ipv4Addr, Ipv6Addr};

    use expect_test::{Expect, expect};

    use super::super::tests::Bench;
    use super::*;

    fn check(bench: &Bench, args: &[(&str, &str)], expected: &Expect) {
        bench.check::<IpPing>(args, expected);
    }

    #[test]
    fn a_host_that_answers() {
        check(
            &Bench::new(4),
            &[("Host", "portal.example")],
            &expect![[r#"
               58 ms > 1 of 3: 1 answered
              308 ms > 2 of 3: 2 answered
              553 ms > 3 of 3: 3 answered
            AverageResponseTime=47
            AverageResponseTimeDetailed=47123
            FailureCount=0
            IPAddressUsed=203.0.113.10
            MaximumResponseTime=50
            MaximumResponseTimeDetailed=49726
            MinimumResponseTime=45
            MinimumResponseTimeDetailed=45221
            Status=Complete
            SuccessCount=3
        "#]],
        );
    }

    #[test]
    fn a_host_that_is_silent_has_no_times() {
        check(
            &Bench::new(4),
            &[("Host", "silent.example"), ("NumberOfRepetitions", "2"), ("Timeout", "500")],
            &expect![[r#"
              512 ms > 1 of 2: 0 answered
             1212 ms > 2 of 2: 0 answered
            FailureCount=2
            IPAddressUsed=192.0.2.1
            Status=Complete
            SuccessCount=0
        "#]],
        );
    }

    #[test]
    fn no_route_and_no_name_are_told_apart() {
        check(
            &Bench::new(4),
            &[("Host", "198.51.100.1"), ("NumberOfRepetitions", "2")],
            &expect![[r#"
                0 ms > 1 of 2: 0 answered
              200 ms > 2 of 2: 0 answered
            FailureCount=2
            IPAddressUsed=198.51.100.1
            Status=Error_NoRouteToHost
            SuccessCount=0
        "#]],
        );
        check(
            &Bench::new(4),
            &[("Host", "nobody.example")],
            &expect![[r#"
            FailureCount=0
            Status=Error_CannotResolveHostName
            SuccessCount=0
        "#]],
        );
        check(
            &Bench::new(4),
            &[("Host", "127.0.0.1"), ("ProtocolVersion", "IPv6")],
            &expect![[r#"
            FailureCount=0
            Status=Error_CannotResolveHostName
            SuccessCount=0
        "#]],
        );
    }

    #[test]
    fn the_version_of_ip_chooses_among_the_addresses() {
        let bench = Bench::new(4);
        bench.host.set_name("both.example", vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        for (version, address) in [("Any", "127.0.0.1"), ("IPv4", "127.0.0.1"), ("IPv6", "::1")] {
            let args = [("Host", "both.example"), ("ProtocolVersion", version), ("NumberOfRepetitions", "1")];
            assert_eq!(bench.run::<IpPing>(&args).unwrap()["IPAddressUsed"], address);
        }
    }

    #[test]
    fn an_interface_is_named_as_the_kernel_does() {
        let bench = Bench::new(4);
        let from = |interface: &str| bench.run::<IpPing>(&[("Host", "127.0.0.1"), ("Interface", interface)]);
        assert_eq!(from("").unwrap()["SuccessCount"], "3");
        assert_eq!(from("lo").unwrap()["SuccessCount"], "3");
        expect![[r#"
            7027 (invalid command arguments): Interface takes the kernel's name of the interface, not a path: give the value of Device.IP.Interface.2.Name
            7027 (invalid command arguments): there is no network interface "eth9"; the box has eth0, lo
        "#]].assert_eq(&format!("{}\n{}\n", from("Device.IP.Interface.2.").unwrap_err(), from("eth9").unwrap_err()));
        bench.host.remove_file("/sys/class/net");
        expect!["7022 (command failure): no echo to 127.0.0.1 was answered: there is no interface eth9"]
            .assert_eq(&from("eth9").unwrap_err().to_string());
    }

    #[test]
    fn times_are_rounded_and_counted() {
        let times = [Duration::from_micros(499), Duration::from_micros(1_500), Duration::from_micros(1_000)];
        let args = row::Row::to_args(&output(Status::Complete, Ok(Ipv4Addr::LOCALHOST.into()), &times, 4));
        expect![[r#"
            {
                "AverageResponseTime": "1",
                "AverageResponseTimeDetailed": "999",
                "FailureCount": "1",
                "IPAddressUsed": "127.0.0.1",
                "MaximumResponseTime": "2",
                "MaximumResponseTimeDetailed": "1500",
                "MinimumResponseTime": "0",
                "MinimumResponseTimeDetailed": "499",
                "Status": "Complete",
                "SuccessCount": "3",
            }
        "#]]
        .assert_debug_eq(&args);
    }

    #[test]
    fn one_call_cannot_outlast_its_limit() {
        let worst = |name: &str| {
            let field = <Input as row::Row>::FIELDS.iter().find(|field| field.name == name).unwrap();
            u32::try_from(field.bounds.max.unwrap()).unwrap()
        };
        let timeout = Duration::from_millis(worst("Timeout").into());
        let total = crate::host::linux::dns::RESOLVE_LIMIT + (timeout + INTERVAL) * worst("NumberOfRepetitions");
        assert!(total < IpPing::LIMIT, "{total:?}");
    }
}
