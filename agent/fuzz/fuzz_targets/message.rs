//! Bytes as messages for a whole agent, one after the other: each is a length of two bytes, low byte first, and its payload; the
//! last has what is left. Between them time passes. The agent answers within bounds and comes to rest.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use line3_fuzz::Rig;

/// The most messages of one input.
const MAX_MESSAGES: usize = 8;

fuzz_target!(|bytes: &[u8]| {
    let mut rig = Rig::new();
    let mut rest = bytes;
    for _ in 0..MAX_MESSAGES {
        let Some((length, payload)) = rest.split_first_chunk::<2>() else { break };
        let (payload, after) = payload.split_at(payload.len().min(usize::from(u16::from_le_bytes(*length))));
        rig.receive_payload(payload);
        rig.pass(Duration::from_secs(2));
        rest = after;
    }
});
