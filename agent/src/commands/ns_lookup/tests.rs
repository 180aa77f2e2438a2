#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::Ipv4Addr;

use expect_test::{Expect, expect};
use line3_proto::row::Row;
use simple_dns::rdata::{A, AAAA, RData};
use simple_dns::{CLASS, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};

use super::super::tests::Bench;
use super::*;

/// A DNS server that knows `tv.example` (both versions of IP), `old.example` (IPv4 only) and `empty.example` (neither).
fn serve(question: &[u8], flags: PacketFlag) -> Vec<u8> {
    let mut packet = Packet::parse(question).unwrap();
    packet.set_flags(PacketFlag::RESPONSE | flags);
    let asked = packet.questions[0].clone();
    let v6 = asked.qtype == QTYPE::TYPE(TYPE::AAAA);
    let rdata = match (asked.qname.to_string().as_str(), v6) {
        ("tv.example", true) => Some(RData::AAAA(AAAA::from("2001:db8::1".parse::<Ipv6Addr>().unwrap()))),
        ("tv.example" | "old.example" | "box.home.example", false) => Some(RData::A(A::from(Ipv4Addr::new(203, 0, 113, 7)))),
        ("old.example" | "empty.example" | "box.home.example", _) => None,
        ("broken.example", _) => {
            *packet.rcode_mut() = RCODE::ServerFailure;
            None
        }
        _ => {
            *packet.rcode_mut() = RCODE::NameError;
            None
        }
    };
    packet.answers.extend(rdata.map(|rdata| ResourceRecord::new(asked.qname, CLASS::IN, 60, rdata)));
    packet.build_bytes_vec().unwrap()
}

/// A box whose server is on the box itself, where the simulation loses nothing, and always answers.
fn bench() -> Bench {
    let bench = Bench::new(1);
    bench.host.set_file("/etc/resolv.conf", "# made by a test\nsearch home.example lan\nnameserver nonsense\nnameserver 127.0.0.53\n");
    bench.host.answer(|to, question| (to.port() == PORT).then(|| serve(question, PacketFlag::empty())));
    bench
}

fn check(bench: &Bench, args: &[(&str, &str)], expected: &Expect) {
    bench.check::<NsLookup>(args, expected);
}

#[test]
fn a_name_that_the_boxs_own_server_knows() {
    let bench = bench();
    bench.host.set_file("/etc/resolv.conf", "nameserver 203.0.113.2\n");
    check(
        &bench,
        &[("HostName", "tv.example"), ("NumberOfRepetitions", "2")],
        &expect![[r#"
               55 ms > 1 of 2: 1 found
              312 ms > 2 of 2: 2 found
            Result.1.AnswerType=NonAuthoritative
            Result.1.DNSServerIP=203.0.113.2
            Result.1.HostNameReturned=tv.example
            Result.1.IPAddresses=203.0.113.7,2001:db8::1
            Result.1.ResponseTime=27
            Result.1.Status=Success
            Result.2.AnswerType=NonAuthoritative
            Result.2.DNSServerIP=203.0.113.2
            Result.2.HostNameReturned=tv.example
            Result.2.IPAddresses=203.0.113.7,2001:db8::1
            Result.2.ResponseTime=29
            Result.2.Status=Success
            Status=Complete
            SuccessCount=2
        "#]],
    );
}

#[test]
fn a_server_of_the_zone_says_so() {
    let bench = bench();
    bench.host.answer(|_, question| Some(serve(question, PacketFlag::AUTHORITATIVE_ANSWER)));
    check(
        &bench,
        &[("HostName", "old.example"), ("DNSServer", "127.0.0.9")],
        &expect![[r#"
                0 ms > 1 of 1: 1 found
            Result.1.AnswerType=Authoritative
            Result.1.DNSServerIP=127.0.0.9
            Result.1.HostNameReturned=old.example
            Result.1.IPAddresses=203.0.113.7
            Result.1.ResponseTime=0
            Result.1.Status=Success
            Status=Complete
            SuccessCount=1
        "#]],
    );
}

#[test]
fn what_a_server_can_say_and_not_say() {
    let status = |bench: &Bench, name: &str, server: &str| {
        let args = bench.run::<NsLookup>(&[("HostName", name), ("DNSServer", server)]).unwrap();
        [args["Status"].as_str(), &args["SuccessCount"], args.get("Result.1.Status").map_or("-", String::as_str)].join(" ")
    };
    let bench = bench();
    assert_eq!(status(&bench, "none.example", ""), "Complete 0 Error_HostNameNotResolved");
    assert_eq!(status(&bench, "empty.example", ""), "Complete 0 Error_HostNameNotResolved");
    assert_eq!(status(&bench, "broken.example", ""), "Complete 0 Error_Other");
    assert_eq!(status(&bench, "tv.example", "198.51.100.1"), "Complete 0 Error_DNSServerNotAvailable");
    assert_eq!(status(&bench, "tv.example", "192.0.2.1"), "Complete 0 Error_Timeout");
    assert_eq!(status(&bench, "tv.example", "portal.example"), "Complete 1 Success");
    assert_eq!(status(&bench, "tv.example", "nobody.example"), "Error_DNSServerNotResolved 0 -");
    bench.host.answer(|_, question| Some(question.to_vec()));
    assert_eq!(status(&bench, "tv.example", ""), "Complete 0 Error_Other", "an echo is no answer");
    bench.host.answer(|_, question| Some(serve(question, PacketFlag::TRUNCATION)));
    assert_eq!(status(&bench, "empty.example", ""), "Complete 1 Success", "there is more than fits");
}

#[test]
fn half_an_answer_is_told_by_what_is_missing() {
    let only = |kind: TYPE| {
        move |_: SocketAddr, question: &[u8]| {
            let asked = Packet::parse(question).unwrap().questions[0].qtype;
            (asked == QTYPE::TYPE(kind)).then(|| serve(question, PacketFlag::empty()))
        }
    };
    let bench = bench();
    bench.host.answer(only(TYPE::AAAA));
    check(
        &bench,
        &[("HostName", "old.example"), ("Timeout", "100")],
        &expect![[r#"
              100 ms > 1 of 1: 0 found
            Result.1.AnswerType=None
            Result.1.DNSServerIP=127.0.0.53
            Result.1.HostNameReturned=old.example
            Result.1.IPAddresses=
            Result.1.ResponseTime=0
            Result.1.Status=Error_Timeout
            Status=Complete
            SuccessCount=0
        "#]],
    );
    check(
        &bench,
        &[("HostName", "tv.example"), ("Timeout", "100")],
        &expect![[r#"
              200 ms > 1 of 1: 1 found
            Result.1.AnswerType=NonAuthoritative
            Result.1.DNSServerIP=127.0.0.53
            Result.1.HostNameReturned=tv.example
            Result.1.IPAddresses=2001:db8::1
            Result.1.ResponseTime=0
            Result.1.Status=Success
            Status=Complete
            SuccessCount=1
        "#]],
    );
}

#[test]
fn a_silent_server_has_no_response_time() {
    check(
        &bench(),
        &[("HostName", "tv.example"), ("DNSServer", "192.0.2.1")],
        &expect![[r#"
         6000 ms > 1 of 1: 0 found
        Result.1.AnswerType=None
        Result.1.DNSServerIP=192.0.2.1
        Result.1.HostNameReturned=
        Result.1.IPAddresses=
        Result.1.Status=Error_Timeout
        Status=Complete
        SuccessCount=0
    "#]],
    );
}

#[test]
fn a_short_name_gets_the_boxs_domain() {
    assert_eq!(bench().run::<NsLookup>(&[("HostName", "box")]).unwrap()["Result.1.HostNameReturned"], "box.home.example");
    assert_eq!(full_name("box.", "search lan"), "box");
    assert_eq!(full_name("a.b", "search lan"), "a.b");
    assert_eq!(full_name("box", "domain lan.\nsearch home other\n"), "box.home");
    assert_eq!(full_name("box", "search .\n"), "box");
    assert_eq!(full_name("box", ""), "box");
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let bench = bench();
    let refused = |args: &[(&str, &str)]| bench.run::<NsLookup>(args).unwrap_err().to_string();
    let mut text = String::new();
    let long = "a".repeat(64);
    for args in
        [[("HostName", "tv.example"), ("Interface", "eth0")], [("HostName", ""), ("Timeout", "1")], [("HostName", &long), ("Timeout", "1")]]
    {
        text += &refused(&args);
        text += "\n";
    }
    bench.host.set_file("/etc/resolv.conf", "");
    text += &refused(&[("HostName", "tv.example")]);
    expect![[r#"
        7027 (invalid command arguments): Interface is not taken: the server is asked as the box's routes say; leave it out
        7027 (invalid command arguments): HostName takes a name such as tv.example, not ""
        7027 (invalid command arguments): HostName takes a name such as tv.example, not "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.home.example"
        7022 (command failure): the box's /etc/resolv.conf names no DNS server: say which one to ask in DNSServer"#]].assert_eq(&text);
}

#[test]
fn a_link_local_server_is_asked_over_its_interface() {
    let bench = bench();
    bench.host.set_file("/sys/class/net/eth0.100/ifindex", "3\n");
    bench.host.set_file("/sys/class/net/../elsewhere/ifindex", "4\n");
    let server = |text: &str| literal(text, &*bench.host).map(|address| address.to_string());
    assert_eq!(server("fe80::1%eth0.100").as_deref(), Some("[fe80::1%3]:53"));
    assert_eq!(server("::1").as_deref(), Some("[::1]:53"));
    for none in ["fe80::1%eth9", "fe80::1%../elsewhere", "10.0.0.1:53", "10.0.0.1%eth0.100", "portal.example"] {
        assert_eq!(server(none), None, "{none}");
    }
}

#[test]
fn one_call_cannot_outlast_its_limit() {
    let worst = |name: &str| {
        let field = Input::FIELDS.iter().find(|field| field.name == name).unwrap();
        u32::try_from(field.bounds.max.unwrap()).unwrap()
    };
    let timeout = Duration::from_millis(worst("Timeout").into());
    let total = crate::host::linux::dns::RESOLVE_LIMIT + (timeout * 2 + INTERVAL) * worst("NumberOfRepetitions");
    assert!(total < NsLookup::LIMIT, "{total:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn questions_and_answers_pass_through_a_real_socket() {
    let server = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = server.local_addr().unwrap();
    let serving = async {
        let mut question = [0; 512];
        for _ in 0..2 {
            let (length, from) = server.recv_from(&mut question).await.unwrap();
            server.send_to(&serve(&question[..length], PacketFlag::AUTHORITATIVE_ANSWER), from).await.unwrap();
        }
    };
    let asking = async {
        let mut addresses = Vec::new();
        for (id, kind) in [(0, Kind::A), (0xffff, Kind::Aaaa)] {
            let question = message::question(id, "tv.example", kind).unwrap();
            let bytes = crate::host::linux::datagram::exchange(to, question, Duration::from_secs(10)).await.unwrap();
            let answer = message::answer(&bytes, id, "tv.example", kind).unwrap();
            assert!(answer.authoritative);
            addresses.extend(answer.addresses);
        }
        addresses
    };
    let (addresses, ()) = tokio::join!(asking, serving);
    assert_eq!(addresses, [IpAddr::from([203, 0, 113, 7]), "2001:db8::1".parse().unwrap()]);
}
