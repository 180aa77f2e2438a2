//! NS lookup: does a DNS server know a name, and how fast does it say so. It asks the server itself, past the box's resolver
//! and its cache.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use line3_proto::effect::Effect;
use line3_proto::fault::code;
use line3_proto::row::Rows;
use line3_proto::value::{Absent, Known};
use line3_proto::{Fault, row, values};

use super::{Command, Ctx};
use crate::host::Host;
use message::{Kind, Verdict};

mod message;

/// Where DNS servers listen.
const PORT: u16 = 53;

/// Between two repetitions.
const INTERVAL: Duration = Duration::from_millis(200);

/// Where the box's DNS servers are written down.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// `Device.DNS.Diagnostics.NSLookupDiagnostics()`.
pub(super) struct NsLookup;

values! {
    /// How the lookup ended.
    pub(super) enum Status {
        /// All repetitions were done; each has its own status.
        Complete,
        /// The name of the DNS server has no address.
        Error_DNSServerNotResolved,
    }
}

values! {
    /// How a repetition ended.
    pub(super) enum Found {
        /// The server gave addresses.
        Success,
        /// Nobody listens there, or there is no way there.
        Error_DNSServerNotAvailable,
        /// The server says that there is no such name, or that it has no address.
        Error_HostNameNotResolved,
        /// The server did not answer in time.
        Error_Timeout,
        /// The server would or could not say, or what it said is no answer.
        Error_Other,
    }
}

values! {
    /// Who speaks in the answer.
    pub(super) enum AnswerType {
        /// There is none.
        None,
        /// A server of the name's zone.
        Authoritative,
        /// Another, from its cache or from hearsay.
        NonAuthoritative,
    }
}

row! {
    /// What to look up, and where.
    pub(super) struct Input {
        /// Not taken: the server is asked as the routes say.
        Interface: Option<String> [len(256)],
        /// The name to look up. One without a dot gets the box's own domain, if it has one.
        HostName: String [len(255)],
        /// Name or address of the DNS server; empty: the first one of the box's /etc/resolv.conf.
        DNSServer: Option<String> [len(256)],
        /// How long to wait for each answer; a repetition asks twice, for IPv4 and for IPv6 addresses.
        Timeout: u32 [ms, range(1, 10_000)] = "3000",
        /// How often to look the name up, 200 ms apart.
        NumberOfRepetitions: u32 [range(1, 20)] = "1",
    }
}

row! {
    /// What came of it.
    pub(super) struct Output {
        /// How the lookup ended.
        Status: Status,
        /// How many repetitions brought addresses.
        SuccessCount: u32,
        /// The repetitions.
        Result: Rows<Lookup>,
    }
}

row! {
    /// What came of one repetition.
    pub(super) struct Lookup {
        /// How it ended.
        Status: Found,
        /// Who speaks in the answer.
        AnswerType: AnswerType,
        /// The full name that the server answered for; empty: it did not answer.
        HostNameReturned: String,
        /// The addresses, at most 32 of each version of IP; empty: none, or too many for a datagram.
        IPAddresses: Vec<IpAddr>,
        /// The address of the server that was asked.
        DNSServerIP: IpAddr,
        /// How long the first answer took.
        ResponseTime: Known<u32> [ms],
    }
}

impl Command for NsLookup {
    const PATH: &'static str = "Device.DNS.Diagnostics.NSLookupDiagnostics()";
    const DOC: &'static str = "Asks a DNS server for the addresses of a name and tells what it said, and how fast.";
    const EFFECT: Effect = Effect::Read;
    // At the bounds: 10 s to find the server, then twenty times twice 10 s and the 200 ms between.
    const LIMIT: Duration = Duration::from_secs(10 + 20 * 2 * 10 + 4 + 30);
    type Input = Input;
    type Output = Output;

    async fn run(input: Input, ctx: Ctx) -> Result<Output, Fault> {
        let conf = ctx.host.file(RESOLV_CONF).unwrap_or_default();
        let name = check(&input, &conf)?;
        let Some(server) = server(&input, &ctx, &conf).await? else {
            return Ok(Output { Status: Status::Error_DNSServerNotResolved, SuccessCount: 0, Result: Rows(Vec::new()) });
        };
        let mut lookups = Vec::new();
        let mut found = 0;
        for repetition in 1..=input.NumberOfRepetitions {
            if repetition > 1 {
                ctx.host.sleep(INTERVAL).await;
            }
            let lookup = look_up(&*ctx.host, server, &name, Duration::from_millis(input.Timeout.into())).await;
            found += u32::from(lookup.Status == Found::Success);
            lookups.push(lookup);
            ctx.progress.say(format!("{repetition} of {}: {found} found", input.NumberOfRepetitions));
        }
        Ok(Output { Status: Status::Complete, SuccessCount: found, Result: Rows(lookups) })
    }
}

/// The full name to look up.
fn check(input: &Input, conf: &str) -> Result<String, Fault> {
    if input.Interface.is_some() {
        let text = "Interface is not taken: the server is asked as the box's routes say; leave it out";
        return Err(Fault::new(code::INVALID_COMMAND_ARGUMENTS, text));
    }
    let name = full_name(&input.HostName, conf);
    if message::question(0, &name, Kind::A).is_none() {
        let shown: String = name.chars().take(80).collect();
        return Err(Fault::new(code::INVALID_COMMAND_ARGUMENTS, format!("HostName takes a name such as tv.example, not {shown:?}")));
    }
    Ok(name)
}

/// A name without a dot gets the box's own domain, as TR-181 wants it; one that ends in a dot is full already.
fn full_name(name: &str, conf: &str) -> String {
    let own = |line: &str| {
        let mut words = line.split_whitespace();
        words.next().filter(|word| matches!(*word, "search" | "domain")).and(words.next()).map(str::to_owned)
    };
    // Of several lines the last counts (resolv.conf(5)).
    match conf.lines().filter_map(own).next_back().as_deref().map(|domain| domain.trim_matches('.')) {
        Some(domain) if !domain.is_empty() && !name.is_empty() && !name.contains('.') => format!("{name}.{domain}"),
        _ => name.strip_suffix('.').unwrap_or(name).to_owned(),
    }
}

/// The server to ask; `None`: its name has no address.
async fn server(input: &Input, ctx: &Ctx, conf: &str) -> Result<Option<SocketAddr>, Fault> {
    if let Some(server) = &input.DNSServer {
        if let Some(server) = literal(server, &*ctx.host) {
            return Ok(Some(server));
        }
        let found = ctx.host.resolve(server.clone()).await.unwrap_or_default();
        return Ok(found.first().map(|address| SocketAddr::new(*address, PORT)));
    }
    let named = |line: &str| {
        let mut words = line.split_whitespace();
        words.next().filter(|word| *word == "nameserver").and(words.next()).and_then(|address| literal(address, &*ctx.host))
    };
    conf.lines().find_map(named).map(Some).ok_or_else(|| {
        Fault::new(code::COMMAND_FAILURE, format!("the box's {RESOLV_CONF} names no DNS server: say which one to ask in DNSServer"))
    })
}

/// An address literal; a link-local one of IPv6 with its interface, e.g. `fe80::1%eth0`.
fn literal(text: &str, host: &dyn Host) -> Option<SocketAddr> {
    let Some((address, interface)) = text.split_once('%') else {
        return text.parse().ok().map(|address: IpAddr| SocketAddr::new(address, PORT));
    };
    let address: Ipv6Addr = address.parse().ok()?;
    if interface.contains('/') {
        return None;
    }
    let index = host.file(&format!("/sys/class/net/{interface}/ifindex")).ok()?.trim().parse().ok()?;
    Some(SocketAddrV6::new(address, PORT, 0, index).into())
}

/// What came of one question; of two, the greater one tells what is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// The name is there, but has no such address.
    NoAddress,
    Timeout,
    NotAvailable,
    Other,
    NoSuchName,
    Addresses,
}

/// One repetition: both questions to the server, one after the other.
async fn look_up(host: &dyn Host, server: SocketAddr, name: &str, timeout: Duration) -> Lookup {
    let mut told = Outcome::NoAddress;
    let mut lookup = Lookup {
        Status: Found::Error_Other,
        AnswerType: AnswerType::None,
        HostNameReturned: String::new(),
        IPAddresses: Vec::new(),
        DNSServerIP: server.ip(),
        ResponseTime: Err(Absent::because("the server did not answer")),
    };
    for kind in [Kind::A, Kind::Aaaa] {
        let outcome = ask(host, server, name, kind, timeout, &mut lookup).await;
        told = told.max(outcome);
        if outcome == Outcome::NoSuchName {
            // That holds for addresses of any kind.
            break;
        }
    }
    lookup.Status = match told {
        Outcome::Addresses => Found::Success,
        Outcome::NoSuchName | Outcome::NoAddress => Found::Error_HostNameNotResolved,
        Outcome::Timeout => Found::Error_Timeout,
        Outcome::NotAvailable => Found::Error_DNSServerNotAvailable,
        Outcome::Other => Found::Error_Other,
    };
    lookup
}

/// Asks one question and writes down what the answer tells.
async fn ask(host: &dyn Host, server: SocketAddr, name: &str, kind: Kind, timeout: Duration, lookup: &mut Lookup) -> Outcome {
    // The low bits are as random as the others.
    let id = (host.random() & 0xffff) as u16;
    let Some(question) = message::question(id, name, kind) else { return Outcome::Other };
    let before = host.elapsed();
    let bytes = match host.exchange(server, question, timeout).await {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::TimedOut => return Outcome::Timeout,
        Err(_) => return Outcome::NotAvailable,
    };
    let took = host.elapsed().saturating_sub(before);
    let Some(answer) = message::answer(&bytes, id, name, kind) else { return Outcome::Other };
    if lookup.ResponseTime.is_err() {
        lookup.ResponseTime = Ok(u32::try_from((took.as_micros() + 500) / 1000).unwrap_or(u32::MAX));
    }
    lookup.HostNameReturned = name.to_owned();
    match answer.verdict {
        Verdict::NoSuchName => Outcome::NoSuchName,
        Verdict::Refused => Outcome::Other,
        Verdict::Exists if answer.addresses.is_empty() && !answer.truncated => Outcome::NoAddress,
        Verdict::Exists => {
            if lookup.AnswerType == AnswerType::None {
                lookup.AnswerType = if answer.authoritative { AnswerType::Authoritative } else { AnswerType::NonAuthoritative };
            }
            lookup.IPAddresses.extend(answer.addresses);
            Outcome::Addresses
        }
    }
}

#[cfg(test)]
mod tests;
