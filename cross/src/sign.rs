//! Signatures in minisign's form, and the keys for them. A key has no password: a build server has nobody to ask.

use std::io::{Cursor, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use minisign::{KeyPair, PublicKey, PublicKeyBox, SecretKey, SecretKeyBox, SignatureBox};

use crate::manifest::{Manifest, SIGNATURE, SUMS};

/// The line of a signature that nobody signs; it is always this one.
const UNSIGNED_COMMENT: &str = "signature of line3-agent";

/// Makes a key pair: the secret one in `file`, for its owner only, the public one beside it, with `.pub`. Returns the latter's name.
///
/// # Errors
/// One of them is there: a key is never replaced.
pub fn make_key(file: &Path) -> Result<PathBuf> {
    let KeyPair { pk, sk } = KeyPair::generate_unencrypted_keypair()?;
    let mut public = file.as_os_str().to_owned();
    public.push(".pub");
    let public = PathBuf::from(public);
    write_new(file, 0o600, &sk.to_box(Some("line3 secret key, without a password"))?.into_string())?;
    write_new(&public, 0o644, &pk.to_box()?.into_string())?;
    Ok(public)
}

fn write_new(file: &Path, mode: u32, text: &str) -> Result<()> {
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(file);
    let mut opened = opened.with_context(|| format!("{} cannot be made", file.display()))?;
    opened.write_all(text.as_bytes()).with_context(|| file.display().to_string())
}

/// Signs the sums in `folder`.
pub fn sign(folder: &Path, key: &Path, manifest: &Manifest) -> Result<()> {
    let key = secret(key).with_context(|| format!("the secret key {}", key.display()))?;
    let sums = std::fs::read(folder.join(SUMS)).context(SUMS)?;
    let Manifest { target, source, .. } = manifest;
    let comment = format!("line3-agent {} for {target}, of {}", source.version, source.epoch);
    let signature = minisign::sign(None, &key, Cursor::new(sums), Some(&comment), Some(UNSIGNED_COMMENT))?;
    std::fs::write(folder.join(SIGNATURE), signature.into_string()).context(SIGNATURE)
}

fn secret(file: &Path) -> Result<SecretKey> {
    let text = std::fs::read_to_string(file)?;
    Ok(SecretKeyBox::from_string(&text)?.into_unencrypted_secret_key()?)
}

/// Reads a public key that [`make_key`] or minisign made.
pub fn public(file: &Path) -> Result<PublicKey> {
    let read = || -> Result<PublicKey> { Ok(PublicKeyBox::from_string(&std::fs::read_to_string(file)?)?.into_public_key()?) };
    read().with_context(|| format!("the public key {}", file.display()))
}

/// Fails if `signature` is not one of `sums` by `key`, to the last byte: the form allows several spellings of the same signature.
pub fn check(signature: &[u8], sums: &[u8], key: &PublicKey) -> Result<()> {
    let text = std::str::from_utf8(signature).context("it is no text")?;
    let signature = SignatureBox::from_string(text).context("it is no signature")?;
    minisign::verify(key, &signature, Cursor::new(sums), true, false, false).context("it is not of these sums by this key")?;
    ensure!(signature.untrusted_comment()? == UNSIGNED_COMMENT, "its first line is not the one that was written");
    ensure!(signature.into_string() == text, "its text is not the one that was written");
    Ok(())
}
