//! Bytes as a record, and as the message in a good record: opened or refused, and what was opened is the same when it is sealed
//! again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use line3_fuzz::sealed;
use line3_proto::EndpointId;
use line3_proto::record::{self, Content, Rejected};

fn check(bytes: &[u8], me: &EndpointId) {
    match record::open(bytes, me) {
        Ok(opened) => {
            assert_ne!(opened.from, *me);
            if let Content::Message(msg) = opened.content {
                assert!(!msg.id().is_empty() && msg.kind().is_some());
                let again = record::open(&record::seal(&opened.from, me, &msg), me).expect("what we seal can be opened");
                assert_eq!(again.content, Content::Message(msg));
            }
        }
        Err(rejected) => {
            assert!(!rejected.to_string().contains(char::is_control), "{rejected:?}");
            if let Rejected::Answer { to, record, .. } = rejected {
                let answer = record::open(&record, &to).expect("our answer can be opened");
                assert_eq!(answer.from, *me);
            }
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let me = EndpointId::parse("proto::sim-1").expect("an id");
    check(bytes, &me);
    check(&sealed("self::line3", me.as_str(), bytes), &me);
});
