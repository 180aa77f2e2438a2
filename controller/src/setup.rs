//! A fresh data directory: a private CA, a configuration, and a token for whoever made it. What is there already stays.
#![allow(clippy::disallowed_methods, reason = "this is where a data directory is made")]

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::api::token_sha256;
use crate::client::{FILE as PLACE, Place};
use crate::config::{Config, ConfigError, FILE};
use crate::pki::{Pki, PkiError};

/// Why the data directory cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A file or directory.
    #[error("{path}: {cause}{hint}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// The CA.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The random numbers.
    #[error("no random numbers for a token: {0}")]
    Random(getrandom::Error),
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> SetupError + '_ {
    move |cause| {
        let hint = match cause.kind() {
            io::ErrorKind::PermissionDenied => "; choose another directory with --data DIR",
            io::ErrorKind::StorageFull => "; free some space, or choose another directory with --data DIR",
            io::ErrorKind::ReadOnlyFilesystem => "; the file system is read-only: choose another directory with --data DIR",
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => "; it is in the way: choose another directory with --data DIR",
            _ => "",
        };
        SetupError::Io { path: path.to_owned(), cause, hint }
    }
}

/// Makes what the data directory lacks, and reads its configuration. Whether it was there before.
pub fn prepare(data: &Path) -> Result<(Config, Pki, bool), SetupError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(at(data))?;
    let file = data.join(FILE);
    let old = file.exists();
    if !old {
        let token = new_token().map_err(SetupError::Random)?;
        let name = std::env::var("USER").ok().filter(|name| !name.trim().is_empty()).unwrap_or_else(|| "engineer".to_owned());
        write(&data.join(PLACE), &place_text(&Place { url: String::new(), token: token.clone() }))?;
        write(&file, &config_text(&name, &token))?;
    }
    let config = Config::read(&file)?;
    let pki = data.join(&config.pki);
    // Half an authority is opened too, to hear which half is missing: a new one would not know the boxes of the old.
    let pki = if pki.join("ca.pem").exists() || pki.join("ca.key").exists() { Pki::open(&pki)? } else { Pki::create(&pki)? };
    Ok((config, pki, old))
}

/// Writes where the server is, for the command line.
pub fn announce(data: &Path, url: &str) -> Result<(), SetupError> {
    let file = data.join(PLACE);
    // Whoever gives out tokens by hand has no such file, and needs none.
    let Ok(text) = fs::read_to_string(&file) else { return Ok(()) };
    let Ok(place) = toml::from_str::<Place>(&text) else { return Ok(()) };
    if place.url == url {
        return Ok(());
    }
    write(&file, &place_text(&Place { url: url.to_owned(), token: place.token }))
}

fn new_token() -> Result<String, getrandom::Error> {
    let mut random = [0_u8; 24];
    getrandom::fill(&mut random)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn place_text(place: &Place) -> String {
    format!("# Where the server is, and your token. Keep it to yourself.\nurl = {:?}\ntoken = {:?}\n", place.url, place.token)
}

fn config_text(name: &str, token: &str) -> String {
    let (name, hash) = (toml_string(name), token_sha256(token));
    format!(
        "# The configuration of `line3 serve` and `line3 demo`. What is not said here has its default.\n\
         \n\
         # api-listen = \"127.0.0.1:8430\"\n\
         # retention-days = 31\n\
         \n\
         # [embedded-broker]\n\
         # listen = \"0.0.0.0:8883\"                 # for boxes on other machines\n\
         # names = [\"broker.example.net\"]          # how they reach it\n\
         \n\
         # [broker]                                # instead of the embedded one\n\
         # host = \"broker.example.net\"\n\
         # port = 8884                             # its listener for controllers\n\
         \n\
         # Who may use the API. The token itself is in client.toml.\n\
         [[engineer]]\n\
         name = {name}\n\
         role = \"lead\"                             # observer, diagnose, repair or lead\n\
         token-sha256 = \"{hash}\"\n"
    )
}

/// A text as a TOML string: of a user's name, only what is harmless in one is kept.
fn toml_string(text: &str) -> String {
    let harmless: String = text.chars().filter(|c| c.is_alphanumeric() || "-_. ".contains(*c)).take(64).collect();
    format!("\"{}\"", if harmless.is_empty() { "engineer" } else { &harmless })
}

fn write(path: &Path, text: &str) -> Result<(), SetupError> {
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh).map_err(at(&fresh))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(at(&fresh))?;
    fs::rename(&fresh, path).map_err(at(path))
}
