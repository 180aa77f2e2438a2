//! Where the server is, and with which token it is spoken to.
#![allow(clippy::disallowed_methods, reason = "tests write the file that is read here")]

use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The file in the data directory that says so; `line3 demo` and `line3 serve` write it, for its owner only.
pub const FILE: &str = "client.toml";

/// Where the server is, and with which token it is spoken to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// `http://host:port`.
    pub url: String,
    /// The token by which the server knows who it is.
    pub token: String,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Place {
    /// What [`FILE`] in `dir` says; `server` and `token` stand above it.
    ///
    /// # Errors
    /// A sentence for a person: what is missing or wrong, and what to do.
    pub fn find(dir: Option<&Path>, server: Option<&str>, token: Option<&str>) -> Result<Self, String> {
        if let (Some(url), Some(token)) = (server, token) {
            return Self { url: url.to_owned(), token: token.to_owned() }.checked();
        }
        let missing = || match server {
            Some(server) => format!("no token known for {server}: give it in LINE3_TOKEN"),
            None => "no server known: start `line3 demo` or `line3 serve`, or give --server and LINE3_TOKEN".to_owned(),
        };
        let file = dir.ok_or_else(missing)?.join(FILE);
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(missing()),
            Err(error) => return Err(format!("{} cannot be read: {error}", file.display())),
        };
        let found: Self = toml::from_str(&text).map_err(|error| format!("{} is not understood: {}", file.display(), error.message()))?;
        match (server, token) {
            // A token is for one server: it is not sent to another.
            (Some(server), None) if server.trim_end_matches('/') != found.url.trim_end_matches('/') => Err(missing()),
            (_, token) => Self { token: token.map_or(found.token, str::to_owned), url: found.url }.checked(),
        }
    }

    fn checked(self) -> Result<Self, String> {
        if self.token.is_empty() || !self.token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("the token must be printable ASCII without blanks: look into LINE3_TOKEN or client.toml".to_owned());
        }
        let uri = self.url.parse::<ureq::http::Uri>().ok();
        let known =
            uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty()));
        if !known {
            return Err(format!("{:?} is no address of a server: it looks like http://127.0.0.1:8080", self.url));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn flags_stand_above_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let find = |server, token| Place::find(Some(dir.path()), server, token).map(|place| (place.url, place.token));
        assert!(find(None, None).unwrap_err().starts_with("no server known: start `line3 demo`"));
        std::fs::write(dir.path().join(FILE), "url = \"http://a:1\"\ntoken = \"t\"\n").unwrap();
        let pair = |url: &str, token: &str| Ok((url.to_owned(), token.to_owned()));
        assert_eq!(find(None, None), pair("http://a:1", "t"));
        assert_eq!(find(Some("http://b:2"), Some("u")), pair("http://b:2", "u"));
        assert_eq!(find(None, Some("u")), pair("http://a:1", "u"));
        assert_eq!(find(Some("http://a:1/"), None), pair("http://a:1", "t"));
        // The token of one server does not go to another.
        assert_eq!(find(Some("http://evil:2"), None), Err("no token known for http://evil:2: give it in LINE3_TOKEN".to_owned()));
        for url in ["b:2", "ftp://b", "http://", "http://a b", "http://a\n", ""] {
            assert!(find(Some(url), Some("u")).unwrap_err().contains("no address"), "{url:?}");
        }
        assert!(find(None, Some("a\nb")).unwrap_err().contains("token"));
        std::fs::write(dir.path().join(FILE), "url = 1").unwrap();
        assert!(find(None, None).unwrap_err().contains("client.toml is not understood"));
    }
}
