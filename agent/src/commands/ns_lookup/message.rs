//! DNS messages (RFC 1035): one question, and what an answer to it says. Answers come from anywhere and may be anything.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};

/// The most addresses taken from one answer; the rest is left out.
pub(super) const MAX_ADDRESSES: usize = 32;

/// The most aliases (CNAME) followed from the name that was asked for; past them there are no addresses.
const MAX_ALIASES: usize = 16;

/// The shortest record: root name, type, class, time to live, length.
const MIN_RECORD: usize = 11;

/// The header of a message.
const HEADER: usize = 12;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
}

impl Kind {
    fn qtype(self) -> QTYPE {
        QTYPE::TYPE(match self {
            Self::A => TYPE::A,
            Self::Aaaa => TYPE::AAAA,
        })
    }
}

/// What the server says about the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The name is there.
    Exists,
    /// There is no such name.
    NoSuchName,
    /// The server would or could not say.
    Refused,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// About the name.
    pub(super) verdict: Verdict,
    /// The server speaks for the name's zone.
    pub(super) authoritative: bool,
    /// There was more than fits into a datagram.
    pub(super) truncated: bool,
    /// The addresses of the name, at most [`MAX_ADDRESSES`].
    pub(super) addresses: Vec<IpAddr>,
}

/// A question; `None`: this cannot be a name.
pub(super) fn question(id: u16, name: &str, kind: Kind) -> Option<Vec<u8>> {
    let name = Name::new(name).ok().filter(|name| !name.get_labels().is_empty())?;
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    packet.questions.push(Question::new(name, kind.qtype(), QCLASS::CLASS(CLASS::IN), false));
    packet.build_bytes_vec().ok()
}

/// Reads the answer to a question; `None`: it is none, or not to this question.
pub(super) fn answer(bytes: &[u8], id: u16, name: &str, kind: Kind) -> Option<Answer> {
    // Only the question and the answers matter, so what else is there need not be well-formed.
    let mut message = bytes.to_vec();
    message.get_mut(8..HEADER)?.fill(0);
    let count = usize::from(u16::from_be_bytes([*message.get(6)?, *message.get(7)?]));
    // The parser makes room for as many records as the header claims.
    let fits = count <= (message.len() - HEADER) / MIN_RECORD;
    let truncated = message.get(2).is_some_and(|flags| flags & 0b10 != 0);
    if !fits && !truncated {
        return None;
    }
    let whole = if fits { Packet::parse(&message).ok() } else { None };
    let packet = match whole {
        Some(packet) => packet,
        // Some servers cut in the middle of a record.
        None if truncated => {
            message.get_mut(6..8)?.fill(0);
            Packet::parse(&message).ok()?
        }
        None => return None,
    };
    let name = Name::new(name).ok()?;
    let [asked] = packet.questions.as_slice() else { return None };
    let ours = packet.id() == id
        && packet.has_flags(PacketFlag::RESPONSE)
        && packet.opcode() == OPCODE::StandardQuery
        && asked.qname == name
        && asked.qtype == kind.qtype()
        && asked.qclass == QCLASS::CLASS(CLASS::IN);
    ours.then(|| Answer {
        verdict: match packet.rcode() {
            RCODE::NoError => Verdict::Exists,
            RCODE::NameError => Verdict::NoSuchName,
            _ => Verdict::Refused,
        },
        authoritative: packet.has_flags(PacketFlag::AUTHORITATIVE_ANSWER),
        truncated,
        addresses: addresses(&packet, &name, kind),
    })
}

/// The addresses of a name, or of what it is an alias of. Records of other names say nothing about it.
fn addresses(packet: &Packet<'_>, name: &Name<'_>, kind: Kind) -> Vec<IpAddr> {
    let mut name = name;
    for _ in 0..=MAX_ALIASES {
        let mut alias = None;
        let mut found = Vec::new();
        for record in packet.answers.iter().filter(|record| record.class == CLASS::IN && record.name == *name) {
            match (&record.rdata, kind) {
                (RData::A(a), Kind::A) => found.push(Ipv4Addr::from_bits(a.address).into()),
                (RData::AAAA(aaaa), Kind::Aaaa) => found.push(Ipv6Addr::from_bits(aaaa.address).into()),
                (RData::CNAME(target), _) => alias = Some(&target.0),
                _ => {}
            }
        }
        match alias {
            Some(target) if found.is_empty() => name = target,
            _ => {
                found.truncate(MAX_ADDRESSES);
                return found;
            }
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use simple_dns::ResourceRecord;
    use simple_dns::rdata::{A, CNAME};

    use super::*;

    fn record(name: &'static str, rdata: RData<'static>) -> ResourceRecord<'static> {
        ResourceRecord::new(Name::new(name).unwrap(), CLASS::IN, 60, rdata)
    }

    fn a(name: &'static str, last: u8) -> ResourceRecord<'static> {
        record(name, RData::A(A::from(Ipv4Addr::new(192, 0, 2, last))))
    }

    fn alias(name: &'static str, target: &'static str) -> ResourceRecord<'static> {
        record(name, RData::CNAME(CNAME(Name::new(target).unwrap())))
    }

    /// The answer of a server to the question for the IPv4 addresses of `tv.example`, id 7.
    fn reply(records: Vec<ResourceRecord<'static>>, change: impl FnOnce(&mut Packet<'_>)) -> Vec<u8> {
        let question = question(7, "tv.example", Kind::A).unwrap();
        let mut packet = Packet::parse(&question).unwrap();
        packet.set_flags(PacketFlag::RESPONSE);
        packet.answers = records;
        change(&mut packet);
        packet.build_bytes_vec_compressed().unwrap()
    }

    fn read(bytes: &[u8]) -> Option<Answer> {
        answer(bytes, 7, "tv.example", Kind::A)
    }

    fn last_bytes(bytes: &[u8]) -> Vec<String> {
        let addresses = read(bytes).unwrap().addresses;
        addresses.iter().map(|address| address.to_string().rsplit_once('.').unwrap().1.to_owned()).collect()
    }

    #[test]
    fn a_question_is_as_the_standard_says() {
        let bytes = question(0x1234, "a.bc.", Kind::Aaaa).unwrap();
        assert_eq!(bytes, b"\x12\x34\x01\x00\x00\x01\0\0\0\0\0\0\x01a\x02bc\0\x00\x1c\x00\x01");
        for name in ["", ".", &"a".repeat(64), &"a.".repeat(128), "a\\"] {
            assert_eq!(question(1, name, Kind::A), None, "{name:?}");
        }
    }

    #[test]
    fn aliases_are_followed_and_other_names_passed_over() {
        let chain = vec![alias("tv.example", "x.cdn"), a("y.cdn", 2), a("evil.example", 9), alias("x.cdn", "Y.cdn"), a("y.cdn", 1)];
        assert_eq!(last_bytes(&reply(chain, |_| {})), ["2", "1"]);
        assert!(last_bytes(&reply(vec![alias("tv.example", "x.cdn"), alias("x.cdn", "tv.example")], |_| {})).is_empty());
        assert_eq!(last_bytes(&reply((0..200).map(|n| a("tv.example", n)).collect(), |_| {})).len(), MAX_ADDRESSES);
    }

    #[test]
    fn what_the_server_says() {
        let of = |change: fn(&mut Packet<'_>)| read(&reply(vec![], change)).map(|a| (a.verdict, a.authoritative, a.truncated)).unwrap();
        assert_eq!(of(|_| {}), (Verdict::Exists, false, false));
        assert_eq!(of(|packet| packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER)), (Verdict::Exists, true, false));
        assert_eq!(of(|packet| *packet.rcode_mut() = RCODE::NameError), (Verdict::NoSuchName, false, false));
        assert_eq!(of(|packet| *packet.rcode_mut() = RCODE::ServerFailure), (Verdict::Refused, false, false));
        assert_eq!(of(|packet| packet.set_flags(PacketFlag::TRUNCATION)), (Verdict::Exists, false, true));
    }

    #[test]
    fn an_answer_to_something_else_is_none() {
        assert!(read(&reply(vec![], |_| {})).is_some());
        assert_eq!(read(&reply(vec![], |packet| packet.set_id(8))), None);
        assert_eq!(read(&reply(vec![], |packet| packet.remove_flags(PacketFlag::RESPONSE))), None);
        assert_eq!(read(&reply(vec![], |packet| packet.questions[0].qname = Name::new("tw.example").unwrap())), None);
        assert_eq!(read(&reply(vec![], |packet| packet.questions[0].qtype = QTYPE::TYPE(TYPE::AAAA))), None);
        assert_eq!(read(&reply(vec![], |packet| packet.questions.clear())), None);
        assert!(read(&reply(vec![], |packet| packet.questions[0].qname = Name::new("TV.Example").unwrap())).is_some(), "case is nothing");
    }

    #[test]
    fn a_cut_answer_counts_if_it_says_that_it_is_cut() {
        let whole = reply(vec![a("tv.example", 1), a("tv.example", 2)], |_| {});
        let mut cut = whole[..whole.len() - 3].to_vec();
        assert_eq!(read(&cut), None);
        cut[2] |= 0b10;
        assert_eq!(read(&cut).map(|answer| (answer.truncated, answer.addresses.len())), Some((true, 0)));
        let mut claims = reply(vec![], |_| {});
        claims[6..12].fill(0xff);
        assert_eq!(read(&claims), None, "65535 records in no bytes");
        claims[6..8].fill(0);
        assert!(read(&claims).is_some(), "what the other sections claim is nothing to us");
    }

    #[test]
    fn hostile_answers_do_no_harm() {
        let good = reply(vec![alias("tv.example", "x.cdn"), a("x.cdn", 1), a("tv.example", 2)], |_| {});
        for length in 0..good.len() {
            let _ = read(&good[..length]);
        }
        // A small generator (xorshift) with a fixed seed: the same bytes at each run.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |bound: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % bound as u64).unwrap()
        };
        let mut read_well = 0;
        for _ in 0..50_000 {
            let mut bytes = good.clone();
            for _ in 0..=next(4) {
                let at = next(bytes.len());
                // Pointers and lengths are where parsers fall.
                bytes[at] = [0, 0xc0, 0xff, 0x3f, u8::try_from(next(256)).unwrap()][next(5)];
            }
            if let Some(answer) = read(&bytes) {
                assert!(answer.addresses.len() <= MAX_ADDRESSES);
                read_well += 1;
            }
        }
        assert!(read_well > 1000, "the changes hit only the header: {read_well}");
    }
}
