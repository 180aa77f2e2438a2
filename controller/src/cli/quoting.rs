//! Paths with a search, on their way through a shell: `[Name=="eth0"]` in no quotes arrives as `[Name==eth0]`.

use line3_proto::Path;
use line3_proto::path::Literal;

/// What to do about a search whose text stands bare because the shell took its quotes.
const ADVICE: &str =
    "text in a search stands in double quotes, and the shell takes those away unless the whole path stands in single quotes";

/// The operators of a search, those first that begin with another.
const OPERATORS: [&str; 7] = ["==", "!=", "<=", ">=", "~=", "<", ">"];

/// Whether a path with a search can be one. What else is wrong with it the server tells.
///
/// # Errors
/// What is wrong with it, and how to quote it.
pub(super) fn check(path: &str) -> Result<(), String> {
    let Err(fault) = Path::parse(path) else { return Ok(()) };
    if !path.contains('[') {
        return Ok(());
    }
    let mended = mend(path, false).filter(|mended| Path::parse(mended).is_ok());
    let example = mended.map_or_else(|| "e.g. 'Device.IP.Interface.[Name==\"eth0\"].Status'".to_owned(), |mended| format!("'{mended}'"));
    Err(format!("{fault}\n{ADVICE}: {example}"))
}

/// Advice for a search that the box did not understand although it can be read: a text that looks like a number, quotes taken away.
pub(super) fn advice(path: &str) -> Option<String> {
    let mended = mend(path, true).filter(|_| !path.contains('"'))?;
    Some(format!("{ADVICE}: '{mended}'"))
}

/// The path with its bare texts in quotes, or `all` that stands bare; `None` if it has no search that ends.
fn mend(path: &str, all: bool) -> Option<String> {
    let (before, rest) = path.split_once('[')?;
    let (search, after) = rest.split_once(']')?;
    let conditions: Vec<String> = search.split("&&").map(|condition| quote(condition, all)).collect();
    let after = if after.contains('[') { mend(after, all)? } else { after.to_owned() };
    Some(format!("{before}[{}]{after}", conditions.join("&&")))
}

fn quote(condition: &str, all: bool) -> String {
    let found = OPERATORS.into_iter().filter_map(|operator| Some((condition.find(operator)?, operator)));
    // The leftmost; of `<` and `<=` the longer, which stands first among them.
    let first = found.min_by_key(|(at, _)| *at);
    let Some((left, operator, right)) = first.and_then(|(at, operator)| {
        let (left, rest) = condition.split_at(at);
        Some((left, operator, rest.strip_prefix(operator)?))
    }) else {
        return condition.to_owned();
    };
    if right.starts_with('"') || (Literal::unquoted(right).is_some() && !all) {
        return condition.to_owned();
    }
    format!("{left}{operator}\"{right}\"")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_the_shell_took_is_put_back() {
        for (taken, meant) in [
            ("Device.A.[Name==eth0].Status", "Device.A.[Name==\"eth0\"].Status"),
            ("Device.A.[Name!=eth0&&N<=5&&On==true].", "Device.A.[Name!=\"eth0\"&&N<=5&&On==true]."),
            ("Device.A.[L~=a b].B.[C==d.e].F", "Device.A.[L~=\"a b\"].B.[C==\"d.e\"].F"),
        ] {
            assert!(check(taken).unwrap_err().ends_with(&format!("single quotes: '{meant}'")), "{}", check(taken).unwrap_err());
            assert_eq!(check(meant), Ok(()));
        }
        // `&&` outside of quotes ends the command: what arrives has no end.
        assert!(check("Device.A.[Name==eth0").unwrap_err().ends_with("e.g. 'Device.IP.Interface.[Name==\"eth0\"].Status'"));
        assert_eq!(check("Device.A.[N==5]."), Ok(()));
        assert_eq!(check("Device..A"), Ok(()), "the server tells");
    }

    #[test]
    fn a_bare_number_may_have_been_a_text() {
        assert!(advice("Device.A.[Name==5].").unwrap().ends_with("'Device.A.[Name==\"5\"].'"));
        assert!(advice("Device.A.[Name==\"5\"].").is_none() && advice("Device.A.1.").is_none());
    }
}
