//! Questions on their way: asked, asked again where that is wanted, and over when nobody answers.

use std::time::Duration;

use super::{Ask, Endpoint, Output, Tag};
use crate::backoff::Backoff;
use crate::fault::{Fault, code};
use crate::link::Publication;
use crate::machine::{Mono, Now};
use crate::record;
use crate::topic::EndpointId;
use crate::usp::Msg;

/// How long after its request has expired an answer is still waited for: what reached the other side at the last moment is
/// answered after it.
const LATE: Duration = Duration::from_secs(5);

/// No question is asked again sooner than this, whatever its [`Backoff`] says.
const SOONEST: Duration = Duration::from_millis(100);

/// A question on its way.
pub(super) struct Question {
    pub(super) tag: Tag,
    /// How many were asked before it: the oldest has the least.
    pub(super) number: u64,
    pub(super) to: EndpointId,
    pub(super) publication: Publication,
    pub(super) expires: Option<Mono>,
    /// How to ask again, and how often it was asked.
    pub(super) again: Option<(Backoff, u32)>,
    /// Its place on the agenda.
    pub(super) due: Option<Mono>,
}

impl Question {
    /// When no answer is waited for any more.
    pub(super) fn over(&self) -> Option<Mono> {
        self.expires.map(|expires| expires + LATE)
    }
}

impl Endpoint {
    pub(super) fn ask(&mut self, now: Now, ask: Ask) {
        self.asked += 1;
        let msg_id = format!("{}-{}", self.run, self.asked);
        let payload = record::seal(&self.me, &ask.to, &Msg::request(&msg_id, ask.request));
        if payload.len() > record::MAX_RECORD {
            let text = format!("not sent: the request has {} bytes, more than the {} that can be", payload.len(), record::MAX_RECORD);
            let answer = Err(Fault::new(code::RESOURCES_EXCEEDED, text).into());
            return self.out.push_back(Output::Answered { tag: ask.tag, from: ask.to, answer });
        }
        let mut publication = self.publication(&ask.topic, &ask.to, payload);
        publication.expiry = ask.expires;
        if !ask.answered {
            return self.out.push_back(Output::Publish(publication));
        }
        let mut question = Question {
            tag: ask.tag,
            number: self.asked,
            to: ask.to,
            publication,
            expires: ask.expires.map(|time| now.mono + time),
            again: ask.again.map(|backoff| (backoff, 0)),
            due: None,
        };
        if self.reachable {
            self.send(now, msg_id, question);
        } else {
            question.due = Some(now.mono);
            self.keep(msg_id, question);
        }
    }

    /// Sends a question, and plans when to ask again or when it is over, whichever is first.
    fn send(&mut self, now: Now, msg_id: String, mut question: Question) {
        // Since it was written, this endpoint may have come to listen elsewhere.
        question.publication.response_topic = Some(self.response_topic(&question.to));
        self.out.push_back(Output::Publish(question.publication.clone()));
        let random = self.rng.next_u64();
        let again = question.again.as_mut().map(|(backoff, tries)| {
            *tries = tries.saturating_add(1);
            now.mono + backoff.delay(*tries, random).max(SOONEST)
        });
        // What has expired is not asked again, only waited for.
        question.due = match again {
            Some(again) if question.expires.is_none_or(|expires| again < expires) => Some(again),
            _ => question.over(),
        };
        self.keep(msg_id, question);
    }

    fn keep(&mut self, msg_id: String, question: Question) {
        if let Some(due) = question.due {
            self.agenda.insert((due, msg_id.clone()));
        }
        self.questions.insert(msg_id, question);
    }

    pub(super) fn tick(&mut self, now: Now) {
        let mut later = Vec::new();
        while let Some((due, _)) = self.agenda.first()
            && *due <= now.mono
            && let Some((due, msg_id)) = self.agenda.pop_first()
        {
            let Some(mut question) = self.questions.remove(&msg_id) else { continue };
            if question.over().is_some_and(|over| over <= now.mono) {
                self.out.push_back(Output::Unanswered { tag: question.tag, to: question.to });
            } else if question.expires.is_some_and(|expires| expires <= now.mono) {
                question.due = question.over();
                self.keep(msg_id, question);
            } else if self.reachable {
                question.publication.expiry = question.expires.map(|expires| expires.since(now.mono));
                self.send(now, msg_id, question);
            } else {
                later.push((due, msg_id.clone()));
                self.questions.insert(msg_id, question);
            }
        }
        self.agenda.extend(later);
    }
}
