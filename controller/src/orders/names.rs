//! What somebody may have meant who typed a name that there is not.

use std::cmp::Reverse;

/// The most names offered.
pub(super) const MOST: usize = 3;

/// The most names listed where none is near.
const LISTED: usize = 12;

/// The longest last word that is compared letter by letter; a longer one is never near. It bounds the work that a hostile
/// catalogue can cause: comparing costs the product of the lengths.
const MAX_WORD: usize = 64;

/// The last word of a path or name: `IPPing` of `Device.IP.Diagnostics.IPPing()`, `Interface` of `Device.IP.Interface.{i}.`.
pub(super) fn last_word(path: &str) -> &str {
    let word = path.rsplit('.').find(|word| !word.is_empty() && *word != "{i}").unwrap_or(path);
    word.strip_suffix("()").or_else(|| word.strip_suffix('!')).unwrap_or(word)
}

/// The names nearest to what was typed, nearest first: those whose last word is the same or few letters off.
pub(super) fn nearest(typed: &str, names: impl IntoIterator<Item = String>) -> Vec<String> {
    let word = last_word(typed).to_lowercase();
    if word.len() > MAX_WORD {
        return Vec::new();
    }
    // A third of the letters may be wrong, but a short word is not just any other short word.
    let bound = (word.chars().count() / 3).clamp(1, 4);
    let mut near: Vec<_> = names
        .into_iter()
        .filter_map(|name| {
            let its = last_word(&name).to_lowercase();
            let distance = match &its {
                its if *its == word => 0,
                its if its.len() > MAX_WORD => return None,
                its => strsim::osa_distance(&word, its),
            };
            // Who types `Ping` may mean `IPPing`.
            let part = word.len() >= 3 && (its.starts_with(&word) || its.ends_with(&word));
            let distance = if part { distance.min(bound) } else { distance };
            (distance <= bound).then(|| (distance, Reverse(common_ends(typed, &name)), name))
        })
        .collect();
    near.sort();
    near.dedup();
    near.truncate(MOST);
    near.into_iter().map(|(_, _, name)| name).collect()
}

/// How many bytes two texts share at their beginning and at their end.
fn common_ends(one: &str, other: &str) -> usize {
    let same = |(a, b): &(u8, u8)| a == b;
    one.bytes().zip(other.bytes()).take_while(same).count() + one.bytes().rev().zip(other.bytes().rev()).take_while(same).count()
}

/// `; did you mean A, B or C?`, and where to look if nothing is near.
pub(super) fn hint(near: &[String]) -> String {
    match near {
        [] => "; its catalogue lists what it has".to_owned(),
        [one] => format!("; did you mean {one}?"),
        [first @ .., last] => format!("; did you mean {} or {last}?", first.join(", ")),
    }
}

/// Names in a row, the first few of them.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.take(LISTED + 1).collect();
    if names.len() > LISTED {
        names[LISTED] = "…";
    }
    names.join(", ")
}
