//! A message around its content: header, body, and the two oneofs that everybody matches on.

mod object;
mod operate;
mod read;
mod register;
mod wrapped;

pub use object::*;
pub use operate::*;
pub use read::*;
pub use register::*;
pub use wrapped::*;

use prost::{Enumeration, Message, Oneof};

/// A message. [`Msg::request`], [`Msg::response`] and [`Msg::error`] make one, [`Msg::into_content`] takes one apart.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Msg {
    /// Which message it is; required.
    #[prost(message, optional, tag = "1")]
    pub header: Option<Header>,
    /// What it says; required.
    #[prost(message, optional, tag = "2")]
    pub body: Option<Body>,
}

/// Which message it is.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Header {
    /// Chosen by who asks; the answer repeats it.
    #[prost(string, tag = "1")]
    pub msg_id: String,
    /// A [`MsgType`], for information: the body wins [MSG.10].
    #[prost(enumeration = "MsgType", tag = "2")]
    pub msg_type: i32,
}

/// The kinds of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum MsgType {
    /// [`Error`](super::Error), a request refused as a whole.
    Error = 0,
    /// [`Get`](super::Get).
    Get = 1,
    /// [`GetResp`](super::GetResp).
    GetResp = 2,
    /// [`Notify`](super::Notify).
    Notify = 3,
    /// [`Set`](super::Set).
    Set = 4,
    /// [`SetResp`](super::SetResp).
    SetResp = 5,
    /// [`Operate`](super::Operate).
    Operate = 6,
    /// [`OperateResp`](super::OperateResp).
    OperateResp = 7,
    /// [`Add`](super::Add).
    Add = 8,
    /// [`AddResp`](super::AddResp).
    AddResp = 9,
    /// [`Delete`](super::Delete).
    Delete = 10,
    /// [`DeleteResp`](super::DeleteResp).
    DeleteResp = 11,
    /// [`GetSupportedDm`](super::GetSupportedDm).
    GetSupportedDm = 12,
    /// [`GetSupportedDmResp`](super::GetSupportedDmResp).
    GetSupportedDmResp = 13,
    /// [`GetInstances`](super::GetInstances).
    GetInstances = 14,
    /// [`GetInstancesResp`](super::GetInstancesResp).
    GetInstancesResp = 15,
    /// [`NotifyResp`](super::NotifyResp).
    NotifyResp = 16,
    /// [`GetSupportedProtocol`](super::GetSupportedProtocol).
    GetSupportedProto = 17,
    /// [`GetSupportedProtocolResp`](super::GetSupportedProtocolResp).
    GetSupportedProtoResp = 18,
    /// [`Register`](super::Register).
    Register = 19,
    /// [`RegisterResp`](super::RegisterResp).
    RegisterResp = 20,
    /// [`Deregister`](super::Deregister).
    Deregister = 21,
    /// [`DeregisterResp`](super::DeregisterResp).
    DeregisterResp = 22,
}

/// What a message says, wrapped.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Body {
    /// Required.
    #[prost(oneof = "MsgBody", tags = "1, 2, 3")]
    pub msg_body: Option<MsgBody>,
}

/// The three sorts of bodies.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum MsgBody {
    /// Somebody asks.
    #[prost(message, tag = "1")]
    Request(RequestMessage),
    /// The answer to a request.
    #[prost(message, tag = "2")]
    Response(ResponseMessage),
    /// The refusal of a request as a whole.
    #[prost(message, tag = "3")]
    Error(Error),
}

/// What can be asked.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum Request {
    /// Values of parameters.
    #[prost(message, tag = "1")]
    Get(Get),
    /// What the agent's data model can hold.
    #[prost(message, tag = "2")]
    GetSupportedDm(GetSupportedDm),
    /// Which rows there are.
    #[prost(message, tag = "3")]
    GetInstances(GetInstances),
    /// Change parameters.
    #[prost(message, tag = "4")]
    Set(Set),
    /// Make rows.
    #[prost(message, tag = "5")]
    Add(Add),
    /// Remove rows.
    #[prost(message, tag = "6")]
    Delete(Delete),
    /// Run a command.
    #[prost(message, tag = "7")]
    Operate(Operate),
    /// The agent tells a controller that something happened.
    #[prost(message, tag = "8")]
    Notify(Notify),
    /// Which versions of USP are spoken.
    #[prost(message, tag = "9")]
    GetSupportedProtocol(GetSupportedProtocol),
    /// A USP service offers a part of the data model to an agent.
    #[prost(message, tag = "10")]
    Register(Register),
    /// A USP service takes it back.
    #[prost(message, tag = "11")]
    Deregister(Deregister),
}

impl Request {
    /// The kind of message that carries this.
    #[must_use]
    pub const fn msg_type(&self) -> MsgType {
        match self {
            Self::Get(_) => MsgType::Get,
            Self::GetSupportedDm(_) => MsgType::GetSupportedDm,
            Self::GetInstances(_) => MsgType::GetInstances,
            Self::Set(_) => MsgType::Set,
            Self::Add(_) => MsgType::Add,
            Self::Delete(_) => MsgType::Delete,
            Self::Operate(_) => MsgType::Operate,
            Self::Notify(_) => MsgType::Notify,
            Self::GetSupportedProtocol(_) => MsgType::GetSupportedProto,
            Self::Register(_) => MsgType::Register,
            Self::Deregister(_) => MsgType::Deregister,
        }
    }
}

/// What can be answered.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum Response {
    /// To [`Get`].
    #[prost(message, tag = "1")]
    GetResp(GetResp),
    /// To [`GetSupportedDm`].
    #[prost(message, tag = "2")]
    GetSupportedDmResp(GetSupportedDmResp),
    /// To [`GetInstances`].
    #[prost(message, tag = "3")]
    GetInstancesResp(GetInstancesResp),
    /// To [`Set`].
    #[prost(message, tag = "4")]
    SetResp(SetResp),
    /// To [`Add`].
    #[prost(message, tag = "5")]
    AddResp(AddResp),
    /// To [`Delete`].
    #[prost(message, tag = "6")]
    DeleteResp(DeleteResp),
    /// To [`Operate`].
    #[prost(message, tag = "7")]
    OperateResp(OperateResp),
    /// To [`Notify`].
    #[prost(message, tag = "8")]
    NotifyResp(NotifyResp),
    /// To [`GetSupportedProtocol`].
    #[prost(message, tag = "9")]
    GetSupportedProtocolResp(GetSupportedProtocolResp),
    /// To [`Register`].
    #[prost(message, tag = "10")]
    RegisterResp(RegisterResp),
    /// To [`Deregister`].
    #[prost(message, tag = "11")]
    DeregisterResp(DeregisterResp),
}

impl Response {
    /// The kind of message that carries this.
    #[must_use]
    pub const fn msg_type(&self) -> MsgType {
        match self {
            Self::GetResp(_) => MsgType::GetResp,
            Self::GetSupportedDmResp(_) => MsgType::GetSupportedDmResp,
            Self::GetInstancesResp(_) => MsgType::GetInstancesResp,
            Self::SetResp(_) => MsgType::SetResp,
            Self::AddResp(_) => MsgType::AddResp,
            Self::DeleteResp(_) => MsgType::DeleteResp,
            Self::OperateResp(_) => MsgType::OperateResp,
            Self::NotifyResp(_) => MsgType::NotifyResp,
            Self::GetSupportedProtocolResp(_) => MsgType::GetSupportedProtoResp,
            Self::RegisterResp(_) => MsgType::RegisterResp,
            Self::DeregisterResp(_) => MsgType::DeregisterResp,
        }
    }
}

/// A request refused as a whole.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Error {
    /// One of [`crate::fault::code`].
    #[prost(fixed32, tag = "1")]
    pub err_code: u32,
    /// For a person.
    #[prost(string, tag = "2")]
    pub err_msg: String,
    /// What is to blame, where it can be named.
    #[prost(message, repeated, tag = "3")]
    pub param_errs: Vec<ParamError>,
}

/// A parameter (or object) that made a request fail.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ParamError {
    /// Its full path.
    #[prost(string, tag = "1")]
    pub param_path: String,
    /// One of [`crate::fault::code`].
    #[prost(fixed32, tag = "2")]
    pub err_code: u32,
    /// For a person.
    #[prost(string, tag = "3")]
    pub err_msg: String,
}
