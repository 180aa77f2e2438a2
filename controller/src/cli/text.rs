//! Texts: durations, moments and pairs as people write them; ages, units and paths as people read them.

use std::cmp::Ordering;
use std::time::Duration;

use line3_proto::Wall;

use super::args::When;

/// Reads `Name=Value`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected Name=Value, e.g. Host=192.0.2.1".to_owned()),
    }
}

/// Reads a duration: `90`, `90s`, `1h30m`, `500ms`, `7d`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration: expected e.g. 90s, 15m, 2h or 7d");
    let (mut rest, mut total) = (text, Duration::ZERO);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit_ms = match unit {
            "ms" => 1,
            "" if rest == text => 1000,
            "s" => 1000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        let part = number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(wrong)?;
        total = total.checked_add(part).ok_or_else(wrong)?;
        rest = after;
    }
    // Longer than any history, and safely inside the calendar.
    if total.is_zero() || total > Duration::from_secs(3650 * 86_400) { Err(wrong()) } else { Ok(total) }
}

/// Reads a moment: a dateTime, a date, or how long ago.
pub(super) fn moment(text: &str) -> Result<When, String> {
    let date = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    let minutes = || format!("{}:00Z", text.trim_end_matches('Z'));
    date.parse()
        .or_else(|()| minutes().parse())
        .map(When::At)
        .or_else(|()| duration(text).map(When::Ago))
        .map_err(|_| format!("{text:?} is no time: expected e.g. 2026-01-31T09:00:00Z, 2026-01-31, or 2h for two hours ago"))
}

/// Milliseconds; what does not fit is the greatest that does.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A moment to the second, UTC.
pub(super) fn at(at: Wall) -> String {
    Wall(at.0.saturating_sub(at.0.rem_euclid(1000))).to_string()
}

/// A length of time in its greatest unit.
pub(super) fn length(millis: i64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// How long ago a moment was. Two machines' clocks may differ a little: what lies ahead was just now.
pub(super) fn ago(now: Wall, at: Wall) -> String {
    match now.0.saturating_sub(at.0) {
        millis if millis < 1000 => "just now".to_owned(),
        millis => format!("{} ago", length(millis)),
    }
}

/// How long a call took.
pub(super) fn took(from: Wall, to: Wall) -> String {
    let millis = to.0.saturating_sub(from.0).max(0);
    if millis < 120_000 { format!("{}.{} s", millis / 1000, millis % 1000 / 100) } else { length(millis) }
}

/// The beginning of a call's id, enough to name it among the newest.
pub(super) fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

/// A unit of TR-181 as it is written behind a number.
pub(super) fn unit(unit: &str) -> &str {
    match unit {
        "seconds" => "s",
        "milliseconds" => "ms",
        "microseconds" => "µs",
        "percent" => "%",
        "degrees celsius" => "°C",
        other => other,
    }
}

/// Paths in the order that people expect: row 10 after row 9.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(l), Some(r)) => match (l.parse::<u64>(), r.parse::<u64>()) {
                (Ok(l), Ok(r)) => l.cmp(&r),
                _ => l.cmp(r),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// A value of a report: text without its quotes.
pub(super) fn value(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Number(number) => match number.as_f64() {
            Some(float) if !number.is_i64() && !number.is_u64() => decimal(float),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// A number with no more digits than help.
pub(super) fn decimal(number: f64) -> String {
    let digits = if number.abs() >= 100.0 { 1 } else { 3 };
    let text = format!("{number:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn durations() {
        let check = |text: &str, millis: u64| assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        check("90", 90_000);
        check("90s", 90_000);
        check("500ms", 500);
        check("1h30m", 5_400_000);
        check("7d", 604_800_000);
        for text in ["", "0", "s", "1x", "-1s", "1h30", "1.5h", "99999999999999999999s", "18446744073709551615d", "4000d", "1 h"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn moments() {
        let check = |text: &str, shown: &str| assert_eq!(moment(text), Ok(When::At(shown.parse().unwrap())), "{text}");
        check("2026-01-31T09:00:00Z", "2026-01-31T09:00:00Z");
        check("2026-01-31T09:00Z", "2026-01-31T09:00:00Z");
        check("2026-01-31T09:00", "2026-01-31T09:00:00Z");
        check("2026-01-31", "2026-01-31T00:00:00Z");
        assert_eq!(moment("2h"), Ok(When::Ago(Duration::from_secs(7200))));
        assert_eq!(When::Ago(Duration::from_secs(1)).seen_from(Wall(5000)), Wall(4000));
        for text in ["", "yesterday", "2026-02-30", "2026-01-31T25:00:00Z"] {
            assert!(moment(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn ages() {
        let check = |millis: i64, text: &str| assert_eq!(ago(Wall(millis), Wall(0)), text);
        check(-5000, "just now");
        check(12_345, "12 s ago");
        check(119_999, "119 s ago");
        check(120_000, "2 min ago");
        check(7_200_000, "2 h ago");
        check(172_800_000, "2 d ago");
        assert_eq!(at(Wall(1_709_210_096_789)), "2024-02-29T12:34:56Z");
        assert_eq!(took(Wall(0), Wall(1250)), "1.2 s");
    }

    #[test]
    fn numbers_and_paths() {
        assert_eq!(
            (decimal(0.5), decimal(1234.56), decimal(3.0), decimal(100.0)),
            ("0.5".into(), "1234.6".into(), "3".into(), "100".into())
        );
        assert_eq!(natural("A.9.B", "A.10.B"), Ordering::Less);
        assert_eq!(natural("A.10.B", "A.10.B"), Ordering::Equal);
        assert_eq!(natural("A.", "A.B"), Ordering::Less);
        assert_eq!(pair("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert!(pair("A").is_err() && pair("=b").is_err());
    }
}
