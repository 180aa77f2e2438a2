//! DNS messages (RFC 1035): one question, and what an answer to it says. Answers come from anywhere and may be anything. Read by
//! hand, because a reader of every type of record would take 30 KB on the box; the tests hold it against one.

use std::net::IpAddr;

/// The most addresses taken from one answer; the rest is left out.
pub(super) const MAX_ADDRESSES: usize = 32;

/// The most aliases (CNAME) followed from the name that was asked for; past them there are no addresses.
const MAX_ALIASES: usize = 16;

/// The most bytes of a name as it is sent, and of one of its labels.
const MAX_NAME: usize = 255;
const MAX_LABEL: usize = 63;

/// The bytes that count the records that are no answers.
const OTHER_COUNTS: usize = 4;

/// Flags of a message.
const RESPONSE: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const AUTHORITATIVE: u16 = 0x0400;
const TRUNCATED: u16 = 0x0200;
const RECURSION_DESIRED: u16 = 0x0100;
const RCODE: u16 = 0x000f;

/// Types of records, and their class.
const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const INTERNET: u16 = 1;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
}

impl Kind {
    const fn code(self) -> u16 {
        match self {
            Self::A => A,
            Self::Aaaa => AAAA,
        }
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
    let header = [id, RECURSION_DESIRED, 1, 0, 0, 0];
    let mut bytes: Vec<u8> = header.into_iter().flat_map(u16::to_be_bytes).collect();
    bytes.extend(wire(name)?);
    bytes.extend([kind.code(), INTERNET].into_iter().flat_map(u16::to_be_bytes));
    Some(bytes)
}

/// A name as it is sent: each label behind its length, and a zero.
fn wire(name: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for label in name.strip_suffix('.').unwrap_or(name).split('.') {
        // A backslash begins an escape in the files of a server; there is none in the name of a host.
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=MAX_LABEL).contains(&usize::from(*length)))?;
        if label.contains('\\') {
            return None;
        }
        bytes.push(length);
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    (bytes.len() <= MAX_NAME).then_some(bytes)
}

/// Reads the answer to a question; `None`: it is none, or not to this question.
pub(super) fn answer(bytes: &[u8], id: u16, name: &str, kind: Kind) -> Option<Answer> {
    let mut reader = Reader { message: bytes, at: 0 };
    let (of, flags, questions, records) = (reader.word()?, reader.word()?, reader.word()?, reader.word()?);
    // Only the question and the answers matter, so what else is there need not be well-formed.
    reader.bytes(OTHER_COUNTS)?;
    let name = wire(name)?.to_ascii_lowercase();
    let ours = of == id && flags & (RESPONSE | OPCODE) == RESPONSE && questions == 1;
    if !ours || reader.name()? != name || reader.word()? != kind.code() || reader.word()? != INTERNET {
        return None;
    }
    let truncated = flags & TRUNCATED != 0;
    let records = match (0..records).map(|_| reader.record()).collect::<Option<Vec<Record>>>() {
        Some(records) => records,
        // Some servers cut in the middle of a record.
        None if truncated => Vec::new(),
        None => return None,
    };
    Some(Answer {
        verdict: match flags & RCODE {
            0 => Verdict::Exists,
            3 => Verdict::NoSuchName,
            _ => Verdict::Refused,
        },
        authoritative: flags & AUTHORITATIVE != 0,
        truncated,
        addresses: addresses(&records, &name, kind),
    })
}

/// The addresses of a name, or of what it is an alias of. Records of other names say nothing about it.
fn addresses(records: &[Record], name: &[u8], kind: Kind) -> Vec<IpAddr> {
    let mut name = name;
    for _ in 0..=MAX_ALIASES {
        let mut alias = None;
        let mut found = Vec::new();
        for record in records.iter().filter(|record| record.name == *name) {
            match &record.says {
                Says::Address(address) if address.is_ipv4() == (kind == Kind::A) => found.push(*address),
                Says::Alias(target) => alias = Some(target),
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

/// What a record says of its name.
enum Says {
    Address(IpAddr),
    Alias(Vec<u8>),
    Other,
}

struct Record {
    name: Vec<u8>,
    says: Says,
}

/// Reads a message from its front; `None` where it ends too early or makes no sense.
struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let bytes = self.message.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(bytes)
    }

    fn word(&mut self) -> Option<u16> {
        self.bytes(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// A name as [`wire`] gives it, in small letters.
    fn name(&mut self) -> Option<Vec<u8>> {
        let mut name = Vec::new();
        // Where to go on once the name is whole, if part of it stands elsewhere.
        let mut behind = None;
        let mut begun = self.at;
        loop {
            let length = *self.bytes(1)?.first()?;
            match usize::from(length) {
                0 => break,
                1..=MAX_LABEL => {
                    name.push(length);
                    name.extend(self.bytes(length.into())?.iter().map(u8::to_ascii_lowercase));
                }
                // The rest of it stood before: always further to the front, so this ends.
                0xc0.. => {
                    let place = usize::from(u16::from_be_bytes([length & 0x3f, *self.bytes(1)?.first()?]));
                    behind.get_or_insert(self.at);
                    if place >= begun {
                        return None;
                    }
                    (self.at, begun) = (place, place);
                }
                _ => return None,
            }
            if name.len() >= MAX_NAME {
                return None;
            }
        }
        name.push(0);
        self.at = behind.unwrap_or(self.at);
        Some(name)
    }

    fn record(&mut self) -> Option<Record> {
        let name = self.name()?;
        let (kind, class) = (self.word()?, self.word()?);
        // The time to live: nothing is kept.
        self.bytes(4)?;
        let length = usize::from(self.word()?);
        let end = self.at.checked_add(length)?;
        let says = match kind {
            A if class == INTERNET => Says::Address(IpAddr::from(<[u8; 4]>::try_from(self.bytes(length)?).ok()?)),
            AAAA if class == INTERNET => Says::Address(IpAddr::from(<[u8; 16]>::try_from(self.bytes(length)?).ok()?)),
            CNAME if class == INTERNET => Says::Alias(self.name()?),
            _ => {
                self.bytes(length)?;
                Says::Other
            }
        };
        (self.at == end).then_some(Record { name, says })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::net::Ipv4Addr;

    use simple_dns::rdata::{A, CNAME, RData};
    use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};

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
