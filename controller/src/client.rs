//! The HTTP API from the engineer's side: blocking, JSON, one token.

mod events;
mod place;

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::views::Trouble;
pub use events::Events;
pub use place::{FILE, Place};

/// The longest answer that is taken, in bytes: a list of some 100,000 boxes. A longer one is refused as [`ClientError::Answer`].
pub const MAX_ANSWER: u64 = 256 * 1024 * 1024;

/// How long a server may take to accept the connection.
const CONNECT: Duration = Duration::from_secs(5);

/// How long it may be silent: it answers at once, and says something every 15 s where there are no events.
const SILENCE: Duration = Duration::from_secs(30);

/// Why there is no answer to use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The server was not reached, or fell silent.
    #[error("{url} cannot be reached: {why}; is the server running there?")]
    Unreachable {
        /// Where it was sought.
        url: String,
        /// What happened.
        why: String,
        /// Whether the request may have reached it before.
        sent: bool,
    },
    /// It answered that it does not do this.
    #[error("{}", trouble.message)]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the server says.
        trouble: Trouble,
    },
    /// It answered something that is not of this API.
    #[error("{url} answered something that is not understood ({why}); is it a line3 server, of this version?")]
    Answer {
        /// Who answered.
        url: String,
        /// What is wrong with it.
        why: String,
    },
}

/// An answer: its JSON as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    url: String,
    /// The JSON.
    pub text: String,
}

impl Answer {
    /// What it says.
    ///
    /// # Errors
    /// [`ClientError::Answer`] if it is not JSON of that form.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_str(&self.text).map_err(|error| ClientError::Answer { url: self.url.clone(), why: error.to_string() })
    }
}

/// A line to the server.
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    url: String,
    token: String,
}

impl Client {
    /// A client of the server at `place`. Nothing is sent yet.
    #[must_use]
    pub fn new(place: &Place) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // The token goes to the server and nowhere else: neither where it points to nor through what the environment names.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(Some(SILENCE))
            .timeout_per_write(Some(SILENCE))
            .user_agent(concat!("line3/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.new_agent(), url: place.url.trim_end_matches('/').to_owned(), token: place.token.clone() }
    }

    /// Where the server is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks for what is at `path`, whose variable parts went through [`segment`].
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Answer, ClientError> {
        self.text(self.call(path, query)?)
    }

    /// Posts `body`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn post<T: Serialize>(&self, path: &str, body: &T) -> Result<Answer, ClientError> {
        let request = self.agent.post(format!("{}{path}", self.url)).header("Authorization", format!("Bearer {}", self.token));
        self.text(request.send_json(body).map_err(|error| self.unreachable(&error))?)
    }

    /// Puts `body`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn put<T: Serialize>(&self, path: &str, body: &T) -> Result<Answer, ClientError> {
        let request = self.agent.put(format!("{}{path}", self.url)).header("Authorization", format!("Bearer {}", self.token));
        self.text(request.send_json(body).map_err(|error| self.unreachable(&error))?)
    }

    /// Listens to what happens.
    ///
    /// # Errors
    /// [`ClientError`]; the listening itself ends with one, too.
    pub fn events(&self, query: &[(&str, &str)]) -> Result<Events, ClientError> {
        let response = self.call("/api/events", query)?;
        if response.status().is_success() {
            return Ok(Events::new(self.url.clone(), response.into_body().into_with_config().limit(u64::MAX).reader()));
        }
        let answer = self.text(response)?;
        Err(ClientError::Answer { url: answer.url, why: "no stream of events".to_owned() })
    }

    fn call(&self, path: &str, query: &[(&str, &str)]) -> Result<Response<Body>, ClientError> {
        let request = self.agent.get(format!("{}{path}", self.url)).header("Authorization", format!("Bearer {}", self.token));
        let request = query.iter().fold(request, |request, (name, value)| request.query(name, value));
        request.call().map_err(|error| self.unreachable(&error))
    }

    /// The body of an answer, or the trouble in it.
    fn text(&self, response: Response<Body>) -> Result<Answer, ClientError> {
        let status = response.status();
        let read = response.into_body().into_with_config().limit(MAX_ANSWER).read_to_string();
        let text = match read {
            Ok(text) => text,
            Err(ureq::Error::BodyExceedsLimit(_)) => {
                let why = format!("more than the {MAX_ANSWER} bytes taken; ask for less");
                return Err(ClientError::Answer { url: self.url.clone(), why });
            }
            Err(error) => return Err(self.unreachable(&error)),
        };
        if status.is_success() {
            return Ok(Answer { url: self.url.clone(), text });
        }
        match serde_json::from_str(&text) {
            Ok(trouble) => Err(ClientError::Refused { status: status.as_u16(), trouble }),
            Err(_) => Err(ClientError::Answer { url: self.url.clone(), why: format!("HTTP {status}") }),
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> ClientError {
        use std::io::ErrorKind;
        use ureq::{Error, Timeout};
        let sent = match error {
            Error::Io(error) => {
                !matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable)
            }
            Error::Timeout(Timeout::Resolve | Timeout::Connect) => false,
            Error::Timeout(_) | Error::Protocol(_) => true,
            _ => false,
        };
        let why = match error {
            Error::Tls(_) => "https is not built into this line3; use http, on this machine or through a tunnel".to_owned(),
            Error::HostNotFound => "its name has no address".to_owned(),
            Error::Timeout(_) => "no answer in time".to_owned(),
            Error::Io(error) => error.to_string(),
            other => other.to_string(),
        };
        ClientError::Unreachable { url: self.url.clone(), why, sent }
    }
}

/// A text as one segment of a URL's path.
#[must_use]
pub fn segment(text: &str) -> String {
    text.bytes().fold(String::new(), |url, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~:".contains(&byte) {
            url + char::from(byte).encode_utf8(&mut [0; 4])
        } else {
            url + &format!("%{byte:02X}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_segment() {
        assert_eq!(segment("os::00256D-1"), "os::00256D-1");
        assert_eq!(segment("a/../b?c#d%é"), "a%2F..%2Fb%3Fc%23d%25%C3%A9");
    }
}
