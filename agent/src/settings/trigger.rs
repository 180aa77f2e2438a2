//! What `Device.LocalAgent.Subscription.{i}.TriggerConfigSettings` says.

use line3_proto::Fault;
use line3_proto::fault::code;
use line3_proto::path::{Path, Target};
use line3_proto::row::Args;

/// The most settings in one `TriggerConfigSettings`, the standard's own bound.
const MAX_SETTINGS: usize = 16;

/// What a subscription sets when it is triggered: paths of parameters and their values.
pub(crate) fn settings(values: &Args) -> Result<Vec<(Path, String)>, Fault> {
    let items = outside(values.get("TriggerConfigSettings").map_or("", String::as_str), ',');
    let items: Vec<&str> = items.into_iter().map(str::trim).filter(|item| !item.is_empty()).collect();
    if items.len() > MAX_SETTINGS {
        let text = format!("TriggerConfigSettings has {} settings; at most {MAX_SETTINGS} are taken", items.len());
        return Err(Fault::new(code::INVALID_VALUE, text));
    }
    let setting = |item: &&str| {
        let shown = || item.chars().take(60).collect::<String>();
        let wrong = || Fault::new(code::INVALID_VALUE, format!("TriggerConfigSettings takes Device.….Parameter=value, not {:?}", shown()));
        let path = outside(item, '=').first().copied().unwrap_or_default();
        let value = item.get(path.len() + 1..).ok_or_else(wrong)?.trim();
        let path = Path::parse(path.trim())?;
        if !matches!(path.target, Target::Parameter(_)) {
            return Err(wrong());
        }
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        // A list's own escapes (TR-106), and a quote within a text in quotes.
        Ok((path, value.replace("%22", "\"").replace("%2C", ",").replace("%25", "%")))
    };
    items.iter().map(setting).collect()
}

/// Splits a text at a character, where that stands in no quotes and no brackets.
fn outside(text: &str, at: char) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut depth) = (Vec::new(), 0, false, 0_usize);
    for (index, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth = depth.saturating_sub(1),
            _ if character == at && !quoted && depth == 0 => {
                parts.push(text.get(start..index).unwrap_or_default());
                start = index + at.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_a_trigger() {
        let read = |text: &str| {
            let values = Args::from([("TriggerConfigSettings".to_owned(), text.to_owned())]);
            let show = |settings: Vec<(Path, String)>| {
                settings.into_iter().map(|(path, value)| format!("{path} -> {value}")).collect::<Vec<_>>().join("; ")
            };
            settings(&values).map_or_else(|fault| fault.to_string(), show)
        };
        assert_eq!(read(""), "");
        assert_eq!(read("Device.A.1.Enable=false, Device.B=7"), "Device.A.1.Enable -> false; Device.B -> 7");
        assert_eq!(read("Device.A.[Name==\"a,b\"].Text=\"x, y = %22z%22 %2525\""), "Device.A.[Name==\"a,b\"].Text -> x, y = \"z\" %25");
        assert_eq!(read("Device.A="), "Device.A -> ");
        for wrong in ["Device.A", "=1", "Device.A.=1", "Device.A()=1", "Device..B=1", "a\"b=1"] {
            assert!(read(wrong).contains("70"), "{wrong}: {}", read(wrong));
        }
        assert!(read(&["Device.A=1"; 17].join(",")).contains("at most 16"));
    }
}
