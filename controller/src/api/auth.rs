//! Who may come in: engineers and their tokens. The server knows only the SHA-256 of a token.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::errors::Problem;
use crate::audit::{Actor, BadText};
use crate::rights::Role;

/// The most engineers: each request walks the list. One more is refused when the list is read.
pub const MAX_ENGINEERS: usize = 1000;

/// An engineer, as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Engineer {
    /// The name, as it stands in the audit log.
    pub name: String,
    /// The role.
    pub role: Role,
    /// The SHA-256 of the token, hexadecimal. Tokens are made of random bits: it needs no salt.
    pub token_sha256: String,
}

/// Why a list of engineers is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEngineers {
    /// A name.
    #[error("engineer {0:?}: {1}")]
    Name(String, BadText),
    /// A token.
    #[error("engineer {0:?}: token-sha256 takes the 64 hexadecimal digits of the token's SHA-256, not the token")]
    Token(String),
    /// Two of the same name: the audit log could not tell them apart.
    #[error("two engineers are called {0:?}; a name in the audit log must mean one person")]
    Twice(String),
    /// Two of the same token: the server could not tell them apart.
    #[error("engineer {0:?} has the token of another; give each one their own")]
    Shared(String),
    /// Too many.
    #[error("{0} engineers; at most {MAX_ENGINEERS} are taken")]
    TooMany(usize),
}

/// Who may come in.
#[derive(Debug, Default)]
pub struct Engineers(Vec<(Actor, [u8; 32])>);

impl Engineers {
    /// The list of these engineers. An empty one lets nobody in.
    ///
    /// # Errors
    /// A name or digest is not as it should be or stands there twice, or there are more than [`MAX_ENGINEERS`].
    pub fn new(list: Vec<Engineer>) -> Result<Self, BadEngineers> {
        if list.len() > MAX_ENGINEERS {
            return Err(BadEngineers::TooMany(list.len()));
        }
        let (mut names, mut digests) = (BTreeSet::new(), BTreeSet::new());
        let mut all = Vec::with_capacity(list.len());
        for Engineer { name, role, token_sha256 } in list {
            let actor = Actor::new(&name, role).map_err(|error| BadEngineers::Name(name.clone(), error))?;
            let digest = unhex(&token_sha256).ok_or_else(|| BadEngineers::Token(name.clone()))?;
            if !names.insert(actor.name().to_owned()) {
                return Err(BadEngineers::Twice(name));
            }
            if !digests.insert(digest) {
                return Err(BadEngineers::Shared(name));
            }
            all.push((actor, digest));
        }
        Ok(Self(all))
    }

    /// Whose token this is. It takes as long for a wrong one as for a right one.
    fn find(&self, token: &str) -> Option<&Actor> {
        let digest = Sha256::digest(token.as_bytes());
        let mut found = None;
        for (actor, its) in &self.0 {
            if bool::from(its.as_slice().ct_eq(digest.as_slice())) {
                found = Some(actor);
            }
        }
        found
    }
}

/// What the configuration has for a token: its SHA-256, hexadecimal.
#[must_use]
pub fn token_sha256(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Lets in whoever has a token, as an [`Actor`] among the request's extensions.
pub(super) async fn require(State(engineers): State<Arc<Engineers>>, mut request: Request, next: Next) -> Response {
    let actor = match token(request.headers()) {
        None => Err("no token; send the header `Authorization: Bearer <token>`"),
        Some(token) => engineers.find(token).ok_or("nobody has this token; ask whoever runs this server to enter its SHA-256 as yours"),
    };
    match actor.cloned() {
        Ok(actor) => {
            request.extensions_mut().insert(actor);
            next.run(request).await
        }
        Err(words) => Problem::unauthorized(words).into_response(),
    }
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn engineer(name: &str, token: &str) -> Engineer {
        Engineer { name: name.to_owned(), role: Role::Repair, token_sha256: token_sha256(token) }
    }

    #[test]
    fn a_token_is_its_owners() {
        let engineers = Engineers::new(vec![engineer("ann", "a"), engineer("ben", "b")]).unwrap();
        assert_eq!(engineers.find("b").unwrap().name(), "ben");
        assert_eq!(engineers.find("a").unwrap().name(), "ann");
        for stranger in ["", "c", "A", "a ", &token_sha256("a")] {
            assert!(engineers.find(stranger).is_none(), "{stranger:?}");
        }
        assert!(Engineers::default().find("").is_none());
    }

    #[test]
    fn a_list_that_would_mislead_is_refused() {
        let refused = |list: Vec<Engineer>| Engineers::new(list).unwrap_err().to_string();
        let said = [
            refused(vec![engineer("ann", "a"), engineer("ann ", "b")]),
            refused(vec![engineer("ann", "a"), engineer("ben", "a")]),
            refused(vec![engineer("", "a")]),
            refused(vec![Engineer { token_sha256: "secret".to_owned(), ..engineer("ann", "a") }]),
            refused((0..=MAX_ENGINEERS).map(|n| engineer(&format!("e{n}"), &n.to_string())).collect()),
        ];
        expect_test::expect![[r#"
            two engineers are called "ann "; a name in the audit log must mean one person
            engineer "ben" has the token of another; give each one their own
            engineer "": an actor's name must be 1 to 64 printable characters
            engineer "ann": token-sha256 takes the 64 hexadecimal digits of the token's SHA-256, not the token
            1001 engineers; at most 1000 are taken"#]]
        .assert_eq(&said.join("\n"));
    }

    #[test]
    fn the_header_is_read_as_rfc_6750_has_it() {
        let read = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            token(&headers).map(str::to_owned)
        };
        assert_eq!(read("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(read("bearer  abc").as_deref(), Some("abc"));
        for none in ["abc", "Basic abc", "Bearer", "Bearer ", ""] {
            assert_eq!(read(none), None, "{none:?}");
        }
        assert_eq!(token(&HeaderMap::new()), None);
    }
}
