//! What every command has in hand: the server, the screen, and how a failure is told.

use std::io;

use serde::de::DeserializeOwned;

use super::{Exit, Screen};
use crate::client::{Answer, Client, ClientError, Place, segment};
use crate::views::{BoxView, MeView, Trouble};

/// How many names are offered for one that was not found.
const NEAREST: usize = 3;

/// Why a command did not get through.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was asked wrongly.
    Usage(String),
    /// No box or call of this name; the second tells what there is.
    NotFound(Trouble, String),
    /// The server.
    Client(ClientError),
    /// Stdout or stderr.
    Output(io::Error),
    /// Ctrl-C; what there was to say has been said.
    Interrupted,
    /// The call ended otherwise than succeeded; it has been printed.
    Ended,
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
        let (exit, trouble, more) = match self {
            // Who read our output has had enough of it.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return Exit::Done,
            Self::Interrupted => return Exit::Interrupted,
            Self::Ended => return Exit::Ended,
            Self::Output(error) => (Exit::Unreachable, trouble("output", format!("the output cannot be written: {error}")), String::new()),
            Self::Usage(message) => (Exit::Usage, trouble("usage", message), String::new()),
            Self::NotFound(trouble, more) => (Exit::NotFound, trouble, more),
            Self::Client(ClientError::Refused { trouble, .. }) => {
                let exit = match trouble.error.as_str() {
                    "no-such-box" | "ambiguous-box" | "not-found" => Exit::NotFound,
                    "denied" | "unauthorized" => Exit::NotAllowed,
                    "bad-request" => Exit::Usage,
                    _ => Exit::Unreachable,
                };
                (exit, trouble, String::new())
            }
            Self::Client(error) => (Exit::Unreachable, trouble("unreachable", error.to_string()), String::new()),
        };
        let told = if json {
            screen.note(&serde_json::to_string(&trouble).unwrap_or_default())
        } else {
            let colon = if trouble.message.is_empty() { trouble.error } else { trouble.message };
            screen.note(&format!("line3: {colon}")).and_then(|()| if more.is_empty() { Ok(()) } else { screen.note(&more) })
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

    /// The same of a box; one that is not known is told with the names of those most like it.
    pub(super) fn ask_box<T: DeserializeOwned>(&mut self, name: &str, rest: &str, query: &[(&str, &str)]) -> Result<Option<T>, Failure> {
        let answer = self.client.get(&format!("/api/boxes/{}{rest}", segment(name)), query).map_err(|error| self.named(name, error))?;
        self.hand_over(&answer)
    }

    /// A failure about a box of this name, with the names of those most like it.
    pub(super) fn named(&self, name: &str, error: ClientError) -> Failure {
        match error {
            ClientError::Refused { trouble, .. } if trouble.error == "no-such-box" => {
                let more = match self.nearest(name).as_slice() {
                    [] => "`line3 boxes` lists those there are".to_owned(),
                    names => format!("did you mean {}?", names.join(" or ")),
                };
                Failure::NotFound(trouble, more)
            }
            error => error.into(),
        }
    }

    fn nearest(&self, name: &str) -> Vec<String> {
        // A hint only: without the list there is none.
        let boxes: Vec<BoxView> = self.client.get("/api/boxes", &[]).and_then(|answer| answer.read()).unwrap_or_default();
        let name = name.to_lowercase();
        let alike = |view: &BoxView| {
            let id = view.id.as_str().to_lowercase();
            let serial = view.identity.get("SerialNumber").map(|serial| serial.to_lowercase()).unwrap_or_default();
            let end = id.rsplit(['-', ':']).next().unwrap_or_default();
            [id.as_str(), end, &serial].into_iter().map(|known| strsim::jaro_winkler(known, &name)).fold(0.0, f64::max)
        };
        let mut ranked: Vec<(f64, String)> =
            boxes.iter().map(|view| (alike(view), view.id.to_string())).filter(|(alike, _)| *alike > 0.85).collect();
        ranked.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.cmp(y)));
        ranked.into_iter().take(NEAREST).map(|(_, id)| id).collect()
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
