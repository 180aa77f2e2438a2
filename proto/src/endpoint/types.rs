//! What goes into an endpoint, and what comes out.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::fault::Fault;
use crate::link::Publication;
use crate::machine::Mono;
use crate::topic::EndpointId;
use crate::usp::{ParamError, Request, Response};

/// What an asker calls a question.
pub type Tag = u64;

/// Where the answer to a received request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub(super) to: EndpointId,
    pub(super) topic: String,
    pub(super) msg_id: String,
    pub(super) expires: Option<Mono>,
}

/// A refusal: the fault, and which parameters are to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What went wrong.
    pub fault: Fault,
    /// With which parameters.
    pub params: Vec<ParamError>,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self { fault, params: Vec::new() }
    }
}

/// A question to another endpoint.
#[derive(Clone, Debug)]
pub struct Ask {
    /// What the asker calls it.
    pub tag: Tag,
    /// Whom.
    pub to: EndpointId,
    /// On which topic it listens.
    pub topic: String,
    /// What.
    pub request: Request,
    /// Whether an answer will come (a Notify without `send_resp` has none).
    pub answered: bool,
    /// After this long the broker does not deliver it any more; an answer is waited for 5 s longer, then it is over. `None`: never.
    pub expires: Option<Duration>,
    /// How to ask again while no answer comes; `None`: once.
    pub again: Option<Backoff>,
}

/// What can happen to an endpoint.
#[derive(Clone, Debug)]
pub enum Input {
    /// A publication came.
    Received(Publication),
    /// Ask another endpoint.
    Ask(Ask),
    /// Answer a request.
    Answer(Reply, Result<Response, Refusal>),
    /// A request is done and gets no answer.
    Done(Reply),
    /// No answer to this question is wanted any more.
    Forget(Tag),
    /// No answer to the oldest question of this tag is wanted any more.
    ForgetOldest(Tag),
    /// Whether others can be reached. While they cannot, no question is sent, first or again: it is when they can again. It begins
    /// with yes.
    Reachable(bool),
    /// Time has passed.
    Tick,
}

/// What an endpoint wants done, or has to tell.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Carry this to the link.
    Publish(Publication),
    /// An answer to somebody who named no Response Topic: carry it to where `to` is known to listen. It has no topic yet.
    Unaddressed {
        /// Whom it is for.
        to: EndpointId,
        /// The answer.
        publication: Publication,
    },
    /// Somebody asks. Answer by [`Input::Answer`].
    Asked {
        /// Who.
        from: EndpointId,
        /// Where the answer goes.
        reply: Reply,
        /// What.
        request: Request,
        /// How long the sender thought it worth delivering, less the time it took.
        remaining: Option<Duration>,
    },
    /// The answer to a question. A question that is too large to be sent is answered here and now, with 7005.
    Answered {
        /// Which question.
        tag: Tag,
        /// Who answered.
        from: EndpointId,
        /// What.
        answer: Result<Response, Refusal>,
    },
    /// No answer came in time; what was asked may still have been done.
    Unanswered {
        /// Which question.
        tag: Tag,
        /// Who did not answer.
        to: EndpointId,
    },
    /// Another endpoint says that it is there.
    Connected {
        /// Who.
        from: EndpointId,
        /// Its connection: the [`CONNECTION`](super::CONNECTION) property.
        connection: Option<String>,
        /// Where it listens.
        topic: Option<String>,
    },
    /// Another endpoint says that it goes, or its broker says so for it (Will). To an agent also: it has just sent that one a
    /// disconnect record.
    Disconnected {
        /// Who.
        from: EndpointId,
        /// Its connection: the [`CONNECTION`](super::CONNECTION) property.
        connection: Option<String>,
        /// Why.
        reason: String,
    },
    /// Something was received that means nothing here, for the log.
    Ignored {
        /// On which topic.
        topic: String,
        /// Why it means nothing.
        why: String,
    },
}
