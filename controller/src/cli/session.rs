//! What every command has in hand: the server, the screen, and how a failure is told.

use std::io;

use serde::de::DeserializeOwned;

use super::{Exit, Screen};
use crate::client::{Answer, Client, ClientError, Place, segment};
use crate::views::{MeView, Trouble};

/// Why a command did not get through.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was asked wrongly.
    Usage(String),
    /// No box or call of this name.
    NotFound(Trouble),
    /// The server.
    Client(ClientError),
    /// Stdout or stderr.
    Output(io::Error),
    /// Ctrl-C; what there was to say has been said.
    Interrupted,
    /// The call ended otherwise than well; it has been printed.
    Told(Exit),
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Failure {
    /// Tells it on stderr.
    pub(super) fn tell(self, screen: &mut Screen, json: bool) -> Exit {
        let trouble = |error: &str, message: String| Trouble { error: error.to_owned(), message };
        let (exit, trouble) = match self {
            // Who read our output has had enough of it.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return Exit::Done,
            Self::Interrupted => return Exit::Interrupted,
            Self::Told(exit) => return exit,
            Self::Output(error) => (Exit::Unreachable, trouble("output", format!("the output cannot be written: {error}"))),
            Self::Usage(message) => (Exit::Usage, trouble("usage", message)),
            Self::NotFound(trouble) => (Exit::NotFound, trouble),
            Self::Client(ClientError::Refused { trouble, .. }) => {
                let exit = match trouble.error.as_str() {
                    "no-such-box" | "ambiguous-box" | "not-found" => Exit::NotFound,
                    "denied" | "unauthorized" => Exit::NotAllowed,
                    "bad-request" => Exit::Usage,
                    _ => Exit::Unreachable,
                };
                (exit, trouble)
            }
            Self::Client(error) => (Exit::Unreachable, trouble("unreachable", error.to_string())),
        };
        let told = if json {
            screen.note(&serde_json::to_string(&trouble).unwrap_or_default())
        } else {
            let colon = if trouble.message.is_empty() { trouble.error } else { trouble.message };
            // What is to be done about it may stand on a line of its own.
            format!("line3: {colon}").lines().try_for_each(|line| screen.note(line))
        };
        // If stderr is gone, too, the exit code is all that is left to say.
        drop(told);
        exit
    }
}

/// The server and the screen.
#[derive(Debug)]
pub(super) struct Session<'a> {
    pub(super) client: Client,
    pub(super) screen: &'a mut Screen,
    pub(super) json: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(place: &Place, screen: &'a mut Screen, json: bool) -> Self {
        Self { client: Client::new(place), screen, json }
    }

    /// Asks; with `--json` the answer is printed at once, and there is nothing left to do (`None`).
    pub(super) fn ask<T: DeserializeOwned>(&mut self, path: &str, query: &[(&str, &str)]) -> Result<Option<T>, Failure> {
        let answer = self.client.get(path, query)?;
        self.hand_over(&answer)
    }

    /// The same for an answer that is there.
    pub(super) fn hand_over<T: DeserializeOwned>(&mut self, answer: &Answer) -> Result<Option<T>, Failure> {
        if self.json {
            // What is not JSON must not be passed on as such.
            answer.read::<serde::de::IgnoredAny>()?;
            self.screen.json(&answer.text)?;
            return Ok(None);
        }
        Ok(Some(answer.read()?))
    }

    /// The same of a box.
    pub(super) fn ask_box<T: DeserializeOwned>(&mut self, name: &str, rest: &str, query: &[(&str, &str)]) -> Result<Option<T>, Failure> {
        let answer = self.client.get(&format!("/api/boxes/{}{rest}", segment(name)), query)?;
        self.hand_over(&answer)
    }
}

/// Who the server takes you for.
pub(super) fn whoami(session: &mut Session<'_>) -> Result<Exit, Failure> {
    if let Some(me) = session.ask::<MeView>("/api/me", &[])? {
        let url = session.client.url().to_owned();
        session.screen.line(&format!("{}, role {}, at {url} (line3 {})", me.name, me.role, me.version))?;
    }
    Ok(Exit::Done)
}
