//! The words of `line3 set` and `line3 add`: a path, its values, the next path, and so on.

use crate::fleet::Edit;

/// Reads them. A word is a value if a name and `=` begin it; a path has neither, or a `[` before.
///
/// # Errors
/// What is wrong with which word.
pub(super) fn read(path: String, words: Vec<String>) -> Result<Vec<Edit>, String> {
    let mut edits = vec![Edit { path, ..Edit::default() }];
    for word in words {
        let Some((name, value)) = word.split_once('=').filter(|(name, _)| !name.contains('[')) else {
            if !word.starts_with("Device.") {
                return Err(format!("{word:?} is neither Name=Value, e.g. Enable=true, nor the path of another object"));
            }
            edits.push(Edit { path: word, ..Edit::default() });
            continue;
        };
        let (name, optional) = name.strip_suffix('?').map_or((name, false), |name| (name, true));
        if name.is_empty() {
            return Err(format!("{word:?} has no name: expected Name=Value, e.g. Enable=true"));
        }
        let Some(edit) = edits.last_mut() else { continue };
        if edit.values.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(format!("{name} is given twice"));
        }
        if optional {
            edit.optional.insert(name.to_owned());
        }
    }
    Ok(edits)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn reads(words: &str) -> Result<String, String> {
        let mut words = words.split(' ').map(str::to_owned);
        let path = words.next().unwrap();
        let edits = read(path, words.collect())?;
        Ok(edits.iter().map(|edit| format!("{} {:?} {:?}", edit.path, edit.values, edit.optional)).collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn words() {
        for (words, read) in [
            ("Device.A.", "Device.A. {} {}"),
            ("Device.A. B=c D?=e=f G=", "Device.A. {\"B\": \"c\", \"D\": \"e=f\", \"G\": \"\"} {\"D\"}"),
            ("Device.A. B=Device.C. Device.D. E=f.", "Device.A. {\"B\": \"Device.C.\"} {}; Device.D. {\"E\": \"f.\"} {}"),
            ("Device.A.[B==\"c\"]. D=e Device.F.[G==1]. H=i", "Device.A.[B==\"c\"]. {\"D\": \"e\"} {}; Device.F.[G==1]. {\"H\": \"i\"} {}"),
        ] {
            assert_eq!(reads(words).as_deref(), Ok(read));
        }
        for (words, why) in [
            ("Device.A. B", "\"B\" is neither Name=Value, e.g. Enable=true, nor the path of another object"),
            ("Device.A. =b", "\"=b\" has no name: expected Name=Value, e.g. Enable=true"),
            ("Device.A. ?=b", "\"?=b\" has no name: expected Name=Value, e.g. Enable=true"),
            ("Device.A. B=c B?=d", "B is given twice"),
        ] {
            assert_eq!(reads(words).unwrap_err(), why);
        }
    }
}
