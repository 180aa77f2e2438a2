//! Text as a path and as a reference: refused with 7008, or spelled canonically, which is read back as the same path.
#![no_main]

use libfuzzer_sys::fuzz_target;
use line3_proto::fault::code;
use line3_proto::path::{MAX_LEN, MAX_SEGMENTS, Path, Segment};
use line3_proto::{Fault, ValueType};

const VALUES: [&str; 9] = ["", "0", "-1.5", "true", "a,b,%2C", "2024-01-01T00:00:00Z", "18446744073709551615", "00ff", "Device.A.1"];

const KINDS: [ValueType; 6] =
    [ValueType::String, ValueType::Boolean, ValueType::DateTime, ValueType::Decimal, ValueType::HexBinary, ValueType::UnsignedLong];

fn check(read: Result<Path, Fault>) {
    let path = match read {
        Ok(path) => path,
        Err(fault) => {
            assert_eq!(fault.code, code::INVALID_PATH_SYNTAX);
            return assert!(fault.text.len() < 4 * MAX_LEN && !fault.text.contains(char::is_control), "{fault:?}");
        }
    };
    let text = path.to_string();
    assert!(text.len() <= MAX_LEN && path.segments.len() <= MAX_SEGMENTS, "{path:?}");
    assert_eq!(Path::parse(&text).as_ref(), Ok(&path));
    assert_eq!(path.object().to_string(), text[..text.rfind('.').map_or(0, |dot| dot + 1).min(path.object().to_string().len())]);
    let template = Path::parse(&path.template());
    assert!(template.is_ok() || path.follows(), "{path} has the template {}", path.template());
    if path.is_concrete() {
        assert!(path.covers(&path) && path.object().covers(&path) && !path.is_search());
        assert!(template.is_ok_and(|template| template.covers(&path)), "{path}");
    }
    for segment in &path.segments {
        let Segment::Search(conditions) = segment else { continue };
        for condition in conditions {
            for kind in KINDS {
                // The operator and the right side fit the type or not, whatever the value is.
                for list in [false, true] {
                    let fits: Vec<bool> = VALUES.iter().map(|value| condition.holds(value, kind, list).is_ok()).collect();
                    assert!(fits.iter().all(|fit| *fit == fits[0]), "{condition} of {kind}");
                }
            }
        }
    }
}

fuzz_target!(|text: &str| {
    check(Path::parse(text));
    check(Path::parse_reference(text));
});
