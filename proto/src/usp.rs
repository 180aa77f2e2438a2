//! USP 1.4 on the wire (TR-369): the types of its two protobuf schemas, written by hand for `prost`.
//!
//! Nothing was renumbered since USP 1.0, so these types read every 1.x sender.
//!
//! Names are those of the `.proto` files in Rust casing, all of them flat in this module:
//! - a type whose name occurs once stands as it is: [`CreatedObjectResult`], [`Event`];
//! - a nested type whose name occurs several times is led by its outermost message: `AddResp…OperationFailure` is
//!   [`AddRespOperationFailure`];
//! - a `oneof` of the same name likewise: `oper_status` in `AddResp` is [`AddRespOperStatus`]. Only the two that everybody
//!   matches on are renamed: `req_type` is [`Request`], `resp_type` is [`Response`], and the messages around them are
//!   [`RequestMessage`] and [`ResponseMessage`].
//!
//! Maps are sorted, so one value has one encoding. An enum field is an `i32`, because the wire may carry any number; the method
//! of the same name reads it, a number that nobody defined being the enum's first value.
//!
//! # What bounds decoding
//! The types nest at most ten deep and none contains itself, far below prost's own limit of 100 for nesting. Size is the
//! caller's: see [`crate::record::MAX_RECORD`].

mod msg;
mod record;

pub use msg::*;
pub use record::*;

use crate::Fault;

/// What a message says, out of its wrappings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MsgContent {
    /// Somebody asks.
    Request(Request),
    /// The answer to a request.
    Response(Response),
    /// The refusal of a request as a whole.
    Error(Error),
}

impl Msg {
    /// The message that asks for `request`. `id` must be unlike that of any other request that the receiver still works on
    /// [MSG.4].
    #[must_use]
    pub fn request(id: impl Into<String>, request: Request) -> Self {
        Self::new(id.into(), request.msg_type(), MsgBody::Request(RequestMessage { req_type: Some(request) }))
    }

    /// The answer to the request that had this `id`.
    #[must_use]
    pub fn response(id: impl Into<String>, response: Response) -> Self {
        Self::new(id.into(), response.msg_type(), MsgBody::Response(ResponseMessage { resp_type: Some(response) }))
    }

    /// The refusal of the request that had this `id`; `param_errs` says which parameters are to blame.
    #[must_use]
    pub fn error(id: impl Into<String>, fault: &Fault, param_errs: Vec<ParamError>) -> Self {
        let error = Error { err_code: fault.code, err_msg: fault.text.clone(), param_errs };
        Self::new(id.into(), MsgType::Error, MsgBody::Error(error))
    }

    fn new(msg_id: String, msg_type: MsgType, body: MsgBody) -> Self {
        Self { header: Some(Header { msg_id, msg_type: msg_type.into() }), body: Some(Body { msg_body: Some(body) }) }
    }

    /// The message's id; `""` if it has none.
    #[must_use]
    pub fn id(&self) -> &str {
        self.header.as_ref().map_or("", |header| &header.msg_id)
    }

    /// What kind of message this is. The body tells it, not the header, which may be wrong [MSG.10]. `None` if the body holds
    /// nothing that this schema knows.
    #[must_use]
    pub fn kind(&self) -> Option<MsgType> {
        match self.body.as_ref()?.msg_body.as_ref()? {
            MsgBody::Request(request) => request.req_type.as_ref().map(Request::msg_type),
            MsgBody::Response(response) => response.resp_type.as_ref().map(Response::msg_type),
            MsgBody::Error(_) => Some(MsgType::Error),
        }
    }

    /// The message out of its wrappings: its id and what it says. `None` where [`kind`](Self::kind) is.
    #[must_use]
    pub fn into_content(self) -> Option<(String, MsgContent)> {
        let content = match self.body?.msg_body? {
            MsgBody::Request(request) => MsgContent::Request(request.req_type?),
            MsgBody::Response(response) => MsgContent::Response(response.resp_type?),
            MsgBody::Error(error) => MsgContent::Error(error),
        };
        Some((self.header.unwrap_or_default().msg_id, content))
    }
}

impl From<&Error> for Fault {
    /// The error without its parameters.
    fn from(error: &Error) -> Self {
        Self::new(error.err_code, error.err_msg.clone())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::fault::code;

    #[test]
    fn the_body_says_what_a_message_is() {
        let mut msg = Msg::request("1", Request::Get(Get::default()));
        assert_eq!(msg.header.as_ref().unwrap().msg_type(), MsgType::Get);
        msg.header.as_mut().unwrap().set_msg_type(MsgType::Delete);
        assert_eq!(msg.kind(), Some(MsgType::Get));
        assert_eq!(msg.into_content(), Some(("1".to_owned(), MsgContent::Request(Request::Get(Get::default())))));
    }

    #[test]
    fn an_empty_message_is_of_no_kind() {
        let body = |msg_body| Msg { header: None, body: Some(Body { msg_body }) };
        for msg in [
            Msg::default(),
            body(None),
            body(Some(MsgBody::Request(RequestMessage::default()))),
            body(Some(MsgBody::Response(ResponseMessage::default()))),
        ] {
            assert_eq!((msg.id(), msg.kind()), ("", None));
            assert_eq!(msg.into_content(), None);
        }
    }

    #[test]
    fn an_error_carries_the_fault() {
        let fault = Fault::new(code::NOT_SUPPORTED, "no Register here");
        let msg = Msg::error("7", &fault, vec![]);
        assert_eq!((msg.id(), msg.kind()), ("7", Some(MsgType::Error)));
        let Some((_, MsgContent::Error(error))) = msg.into_content() else { unreachable!("an error is an error") };
        assert_eq!(Fault::from(&error), fault);
    }
}
