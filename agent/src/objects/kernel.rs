//! Reading what the kernel shows, and saying why something is not there. The text is taken as hostile: whatever it holds, the
//! worst that comes of it is an absent value.

use std::io;
use std::str::FromStr;

use line3_proto::Fault;
use line3_proto::fault::code;
use line3_proto::value::{Absent, Known};

use crate::host::Host;

/// The most characters of a line that become a value; the rest is left out.
const MAX_TEXT: usize = 256;

/// The whole text of a file.
pub(super) fn file(host: &dyn Host, path: &str) -> Known<String> {
    host.file(path).map_err(|err| missing(path, &err))
}

/// The names in a directory, sorted.
pub(super) fn names(host: &dyn Host, path: &str) -> Known<Vec<String>> {
    host.list(path).map_err(|err| missing(path, &err))
}

/// A file that holds one line: without white space around it and the NUL that ends it in a device tree.
pub(super) fn line(host: &dyn Host, path: &str) -> Known<String> {
    let text = file(host, path)?;
    let line = text.trim_matches(|c: char| c.is_whitespace() || c == '\0').lines().next().unwrap_or_default();
    if line.is_empty() { Err(Absent::because(format!("{path} is empty"))) } else { Ok(line.chars().take(MAX_TEXT).collect()) }
}

/// A file that holds one number.
pub(super) fn number<T: FromStr>(host: &dyn Host, path: &str) -> Known<T> {
    let line = line(host, path)?;
    line.parse().map_err(|_| Absent::because(format!("{path} holds {:?}, which is no number that fits", short(&line))))
}

/// The start of a text, for a message.
pub(super) fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// The fault that says that nothing can be known about an object.
pub(super) fn unknowable(why: Absent) -> Fault {
    Fault::new(code::VALUE_ABSENT, why.0)
}

/// How many there are of something, if that can be known.
pub(super) fn count<T>(rows: &Known<Vec<T>>) -> Known<u32> {
    rows.as_ref().map(|rows| u32::try_from(rows.len()).unwrap_or(u32::MAX)).map_err(Absent::clone)
}

fn missing(path: &str, err: &io::Error) -> Absent {
    Absent::because(match err.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => format!("this box has no {path}"),
        io::ErrorKind::PermissionDenied => format!("not permitted: the agent's user may not read {path}"),
        _ => format!("{path} cannot be read: {err}"),
    })
}
