//! Following what happens on the server, through breaks of the line, until Ctrl-C.
#![allow(clippy::disallowed_methods, reason = "the command line lives in real time")]

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use line3_proto::Wall;

use super::screen::Screen;
use super::session::{Failure, Session};
use super::{Exit, act, text};
use crate::client::{Client, ClientError, segment};
use crate::views::{CallView, Event};

/// How many events may wait to be shown; at the bound the server's stream is read no further.
const WAITING: usize = 64;
/// Between two attempts to listen.
const PAUSE: Duration = Duration::from_secs(1);
/// How often a call is asked for although no event came.
const ASK: Duration = Duration::from_secs(15);
/// How long the server may be away before a call is followed no further. The call itself goes on.
const AWAY: Duration = Duration::from_secs(60);
/// How often the moving line is drawn, so that its time goes on.
const DRAW: Duration = Duration::from_millis(500);

/// What comes from the threads that listen.
pub(super) enum News {
    /// The server is listened to (again): what happened until now was perhaps not heard.
    Open,
    /// An event, as JSON.
    Event(String),
    /// The server is not listened to; it is tried again.
    Lost(ClientError),
    /// Ctrl-C.
    Interrupt,
}

/// What is heard. The threads behind end with the process, or when they find that nobody takes their news.
pub(super) struct Ears {
    news: Receiver<News>,
    to: SyncSender<News>,
}

impl Ears {
    /// Hears Ctrl-C, if the screen is to. A second one, or one that nobody waits for, ends the process.
    pub(super) fn new(screen: &Screen) -> Self {
        let (to, news) = sync_channel(WAITING);
        if screen.interrupts() {
            let to = to.clone();
            thread::spawn(move || {
                // Where it cannot be caught it ends the process by itself.
                let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
                let mut heard = false;
                while runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
                    if heard || to.try_send(News::Interrupt).is_err() {
                        std::process::exit(Exit::Interrupted as i32);
                    }
                    heard = true;
                }
            });
        }
        Self { news, to }
    }

    /// Listens to the server from now on.
    pub(super) fn listen(&self, client: &Client, query: &[(&'static str, String)]) {
        let (client, to, query) = (client.clone(), self.to.clone(), query.to_vec());
        thread::spawn(move || {
            let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
            while listen_once(&client, &query, &to).is_some() {
                thread::sleep(PAUSE);
            }
        });
    }

    /// The next news; `None`: there was none for so long.
    pub(super) fn next(&self, patience: Duration) -> Option<News> {
        self.news.recv_timeout(patience).ok()
    }
}

/// Listens until the line breaks; `None`: nobody takes the news any more.
fn listen_once(client: &Client, query: &[(&str, &str)], to: &SyncSender<News>) -> Option<()> {
    let lost = match client.events(query) {
        Ok(mut events) => {
            to.send(News::Open).ok()?;
            loop {
                match events.wait() {
                    Ok(event) => to.send(News::Event(event)).ok()?,
                    Err(error) => break error,
                }
            }
        }
        Err(error) => error,
    };
    to.send(News::Lost(lost)).ok()
}

/// Follows a call to its end. `quiet`: how far it is, is shown only where a line can move.
pub(super) fn to_its_end(session: &mut Session<'_>, ears: &Ears, call: CallView, quiet: bool) -> Result<CallView, Failure> {
    if call.state.is_final() {
        return Ok(call);
    }
    let id = call.id.clone();
    let followed = follow(session, ears, call, quiet);
    // It is out of sight now, not over.
    if matches!(followed, Err(Failure::Interrupted | Failure::Client(_))) {
        session.screen.note(&format!("call {id} is followed no further; it goes on"))?;
        session.screen.note(&format!("  see it:  line3 call {id}"))?;
        session.screen.note(&format!("  stop it: line3 cancel {id} --reason …"))?;
    }
    followed
}

fn follow(session: &mut Session<'_>, ears: &Ears, mut call: CallView, quiet: bool) -> Result<CallView, Failure> {
    ears.listen(&session.client, &[("call", call.id.clone())]);
    let (begun, mut asked, mut lost) = (Instant::now(), Instant::now(), None::<Instant>);
    loop {
        tell(session.screen, &call, begun, quiet)?;
        if call.state.is_final() {
            return Ok(call);
        }
        let ask = match ears.next(if session.screen.moves() { DRAW } else { ASK }) {
            Some(News::Event(text)) => {
                // Events that a newer server has and we have not are none of ours.
                if let Ok(Event::Call { call: newer }) = serde_json::from_str(&text)
                    && newer.id == call.id
                {
                    call = *newer;
                }
                false
            }
            Some(News::Open) => true,
            Some(News::Lost(error @ (ClientError::Refused { .. } | ClientError::Answer { .. }))) => return Err(error.into()),
            Some(News::Lost(error)) => {
                give_up_after(session.screen, &mut lost, error)?;
                false
            }
            Some(News::Interrupt) => return Err(Failure::Interrupted),
            None => asked.elapsed() >= ASK,
        };
        if ask {
            asked = Instant::now();
            match session.client.get(&format!("/api/calls/{}", segment(&call.id)), &[]).and_then(|answer| answer.read()) {
                Ok(newer) => (call, lost) = (newer, None),
                Err(error @ ClientError::Unreachable { .. }) => give_up_after(session.screen, &mut lost, error)?,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn give_up_after(screen: &mut Screen, lost: &mut Option<Instant>, error: ClientError) -> Result<(), Failure> {
    match lost {
        None => {
            *lost = Some(Instant::now());
            Ok(screen.note(&format!("{}; the call goes on", lost_words(&error)))?)
        }
        Some(since) if since.elapsed() > AWAY => Err(error.into()),
        Some(_) => Ok(()),
    }
}

/// A line that broke, for a person.
pub(super) fn lost_words(error: &ClientError) -> String {
    match error {
        ClientError::Unreachable { url, why, .. } => format!("{url} is lost ({why}), trying again"),
        error => error.to_string(),
    }
}

fn tell(screen: &mut Screen, call: &CallView, begun: Instant, quiet: bool) -> Result<(), Failure> {
    let what = act::state_words(call);
    if screen.moves() {
        let passed = text::took(Wall(0), Wall(text::millis(begun.elapsed())));
        // An answer that comes at once needs no progress.
        if !call.state.is_final() && (!quiet || begun.elapsed() > DRAW) {
            screen.progress(&format!("{} · {passed} · {what}", call.command))?;
        }
    } else if !quiet && !call.state.is_final() {
        screen.progress(&what)?;
    }
    Ok(())
}
