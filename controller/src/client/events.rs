//! Server-sent events, line by line.

use std::io::{BufRead, BufReader, Read};

use ureq::BodyReader;

use super::ClientError;

/// The longest line taken, in bytes: an event with the largest result of a call, JSON in JSON. A longer one ends the listening.
const MAX_LINE: u64 = 8 * 1024 * 1024;

/// A stream of events, each the JSON of a [`crate::views::Event`]. It ends with an error; then ask again.
pub struct Events {
    url: String,
    lines: Box<dyn BufRead + Send>,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Events {
    pub(super) fn new(url: String, reader: BodyReader<'static>) -> Self {
        Self { url, lines: Box::new(BufReader::new(reader)) }
    }

    /// Waits for the next event. The server says something every 15 seconds; what is silent for longer is not there any more.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`]: the stream is at its end. [`ClientError::Answer`]: it is no stream of events.
    pub fn wait(&mut self) -> Result<String, ClientError> {
        let mut data = String::new();
        loop {
            let mut line = Vec::new();
            let read = self.lines.as_mut().take(MAX_LINE).read_until(b'\n', &mut line);
            let ended = |why: String| ClientError::Unreachable { url: self.url.clone(), why, sent: true };
            match read {
                Ok(0) => return Err(ended("the stream of events ended".to_owned())),
                Ok(_) if line.last() != Some(&b'\n') => {
                    return Err(ended("the stream of events broke off, or sent a line that is too long".to_owned()));
                }
                Ok(_) => {}
                Err(error) => return Err(ended(error.to_string())),
            }
            let Ok(line) = String::from_utf8(line) else {
                return Err(ClientError::Answer { url: self.url.clone(), why: "an event that is no text".to_owned() });
            };
            let line = line.trim_end_matches(['\n', '\r']);
            // Comments keep the line open; `event:` and `id:` say nothing that is not in the data.
            if let Some(more) = line.strip_prefix("data:") {
                if data.len().saturating_add(more.len()) > usize::try_from(MAX_LINE).unwrap_or(usize::MAX) {
                    return Err(ended("an event is too long".to_owned()));
                }
                if !data.is_empty() {
                    data.push('\n');
                }
                data.push_str(more.strip_prefix(' ').unwrap_or(more));
            } else if line.is_empty() && !data.is_empty() {
                return Ok(data);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Cursor;

    use super::*;

    fn events(text: &'static str) -> Events {
        Events { url: "http://server".to_owned(), lines: Box::new(Cursor::new(text)) }
    }

    #[test]
    fn events_are_told_apart() {
        let mut events = events(": hello\n\nevent: call\ndata: {\"a\":1}\n\n:\n\r\ndata:{\r\ndata: }\r\n\r\ndata: cut");
        assert_eq!(events.wait().unwrap(), "{\"a\":1}");
        assert_eq!(events.wait().unwrap(), "{\n}");
        assert!(events.wait().is_err());
    }
}
