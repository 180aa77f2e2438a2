//! How requests and answers are read. A box reads neither the answers that it gives itself nor what boxes tell: code that could
//! would take 35 KB of it. So the feature `controller` decides, and the two wrappers are written by hand.

use prost::DecodeError;
use prost::Message;
use prost::bytes::{Buf, BufMut};
use prost::encoding::{DecodeContext, WireType, message, skip_field};

use super::{Deregister, Notify, NotifyResp, Register, Request, Response};

/// Whether everything is read, or only what a box is asked and the answer to what it tells.
const ALL: bool = cfg!(feature = "controller");

/// The tag of [`Request::Notify`] and [`Response::NotifyResp`].
const NOTIFY: u32 = 8;
/// The tag of [`Request::Register`].
const REGISTER: u32 = 10;
/// The tag of [`Request::Deregister`].
const DEREGISTER: u32 = 11;

/// A request, wrapped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestMessage {
    /// Required.
    pub req_type: Option<Request>,
}

impl RequestMessage {
    fn read(&mut self, all: bool, tag: u32, wire_type: WireType, buf: &mut impl Buf, ctx: DecodeContext) -> Result<(), DecodeError> {
        // What a box refuses whatever it says.
        let refused = match tag {
            NOTIFY => Request::Notify(Notify::default()),
            REGISTER => Request::Register(Register::default()),
            DEREGISTER => Request::Deregister(Deregister::default()),
            1..NOTIFY | 9 => return Request::merge(&mut self.req_type, tag, wire_type, buf, ctx),
            _ => return skip_field(wire_type, tag, buf, ctx),
        };
        if all {
            return Request::merge(&mut self.req_type, tag, wire_type, buf, ctx);
        }
        self.req_type = Some(refused);
        skip_field(wire_type, tag, buf, ctx)
    }
}

impl Message for RequestMessage {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        if let Some(request) = &self.req_type {
            request.encode(buf);
        }
    }

    fn merge_field(&mut self, tag: u32, wire_type: WireType, buf: &mut impl Buf, ctx: DecodeContext) -> Result<(), DecodeError> {
        self.read(ALL, tag, wire_type, buf, ctx)
    }

    fn encoded_len(&self) -> usize {
        self.req_type.as_ref().map_or(0, Request::encoded_len)
    }

    fn clear(&mut self) {
        self.req_type = None;
    }
}

/// A response, wrapped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseMessage {
    /// Required.
    pub resp_type: Option<Response>,
}

impl ResponseMessage {
    fn read(&mut self, all: bool, tag: u32, wire_type: WireType, buf: &mut impl Buf, ctx: DecodeContext) -> Result<(), DecodeError> {
        match tag {
            1..=11 if all => Response::merge(&mut self.resp_type, tag, wire_type, buf, ctx),
            NOTIFY => {
                let mut told = NotifyResp::default();
                message::merge(wire_type, &mut told, buf, ctx)?;
                self.resp_type = Some(Response::NotifyResp(told));
                Ok(())
            }
            _ => skip_field(wire_type, tag, buf, ctx),
        }
    }
}

impl Message for ResponseMessage {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        if let Some(response) = &self.resp_type {
            response.encode(buf);
        }
    }

    fn merge_field(&mut self, tag: u32, wire_type: WireType, buf: &mut impl Buf, ctx: DecodeContext) -> Result<(), DecodeError> {
        self.read(ALL, tag, wire_type, buf, ctx)
    }

    fn encoded_len(&self) -> usize {
        self.resp_type.as_ref().map_or(0, Response::encoded_len)
    }

    fn clear(&mut self) {
        self.resp_type = None;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use prost::encoding::decode_key;

    use super::super::{Get, GetResp};
    use super::*;

    fn request(request: Request, all: bool) -> Option<Request> {
        let bytes = RequestMessage { req_type: Some(request) }.encode_to_vec();
        let (mut buf, mut read) = (bytes.as_slice(), RequestMessage::default());
        let (tag, wire_type) = decode_key(&mut buf).unwrap();
        read.read(all, tag, wire_type, &mut buf, DecodeContext::default()).unwrap();
        assert!(buf.is_empty());
        read.req_type
    }

    fn response(response: Response, all: bool) -> Option<Response> {
        let bytes = ResponseMessage { resp_type: Some(response) }.encode_to_vec();
        let (mut buf, mut read) = (bytes.as_slice(), ResponseMessage::default());
        let (tag, wire_type) = decode_key(&mut buf).unwrap();
        read.read(all, tag, wire_type, &mut buf, DecodeContext::default()).unwrap();
        assert!(buf.is_empty());
        read.resp_type
    }

    #[test]
    fn a_box_reads_what_it_is_asked_and_who_has_heard_it() {
        let get = Request::Get(Get { param_paths: vec!["Device.".to_owned()], max_depth: 3 });
        let heard = Response::NotifyResp(NotifyResp { subscription_id: "s".to_owned() });
        for all in [true, false] {
            assert_eq!(request(get.clone(), all), Some(get.clone()));
            assert_eq!(response(heard.clone(), all), Some(heard.clone()));
        }
    }

    #[test]
    fn of_all_else_a_box_reads_only_that_it_is_there() {
        let told = Request::Notify(Notify { subscription_id: "s".to_owned(), ..Notify::default() });
        assert_eq!(request(told.clone(), true), Some(told.clone()));
        assert_eq!(request(told, false), Some(Request::Notify(Notify::default())));
        let answer = Response::GetResp(GetResp::default());
        assert_eq!((response(answer.clone(), true), response(answer.clone(), false)), (Some(answer), None));
    }
}
