//! What happens: Operate and Notify.

use std::collections::BTreeMap;

use prost::{Message, Oneof};

/// Runs a command.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Operate {
    /// Its path, with `()`; a search runs it once for each match.
    #[prost(string, tag = "1")]
    pub command: String,
    /// Chosen by who asks; the OperationComplete repeats it.
    #[prost(string, tag = "2")]
    pub command_key: String,
    /// Whether an OperateResp is wanted. Errors may come anyway [OPR.4].
    #[prost(bool, tag = "3")]
    pub send_resp: bool,
    /// Values by argument name.
    #[prost(btree_map = "string, string", tag = "4")]
    pub input_args: BTreeMap<String, String>,
}

/// The answer to [`Operate`].
#[derive(Clone, PartialEq, Eq, Message)]
pub struct OperateResp {
    /// One for each command that the path named.
    #[prost(message, repeated, tag = "1")]
    pub operation_results: Vec<OperationResult>,
}

/// What a command came to.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct OperationResult {
    /// Its path, with instance numbers.
    #[prost(string, tag = "1")]
    pub executed_command: String,
    /// Required.
    #[prost(oneof = "OperateRespOperationResp", tags = "2, 3, 4")]
    pub operation_resp: Option<OperateRespOperationResp>,
}

/// How a command went.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum OperateRespOperationResp {
    /// It is asynchronous and goes on: the path of its row in `Device.LocalAgent.Request.`.
    #[prost(string, tag = "2")]
    ReqObjPath(String),
    /// It is synchronous and done.
    #[prost(message, tag = "3")]
    ReqOutputArgs(OperateRespOutputArgs),
    /// It failed.
    #[prost(message, tag = "4")]
    CmdFailure(OperateRespCommandFailure),
}

/// What a synchronous command gave.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct OperateRespOutputArgs {
    /// Values by argument name.
    #[prost(btree_map = "string, string", tag = "1")]
    pub output_args: BTreeMap<String, String>,
}

/// Why a command failed.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct OperateRespCommandFailure {
    /// One of [`crate::fault::code`].
    #[prost(fixed32, tag = "1")]
    pub err_code: u32,
    /// For a person.
    #[prost(string, tag = "2")]
    pub err_msg: String,
}

/// The agent tells a subscriber that something happened.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Notify {
    /// The `ID` of the Subscription that asked for it.
    #[prost(string, tag = "1")]
    pub subscription_id: String,
    /// Whether a NotifyResp is wanted; without one the agent tries again.
    #[prost(bool, tag = "2")]
    pub send_resp: bool,
    /// Required.
    #[prost(oneof = "Notification", tags = "3, 4, 5, 6, 7, 8")]
    pub notification: Option<Notification>,
}

/// What can happen.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum Notification {
    /// An event of the data model.
    #[prost(message, tag = "3")]
    Event(Event),
    /// A parameter has a new value.
    #[prost(message, tag = "4")]
    ValueChange(ValueChange),
    /// A row was made.
    #[prost(message, tag = "5")]
    ObjCreation(ObjectCreation),
    /// A row was removed.
    #[prost(message, tag = "6")]
    ObjDeletion(ObjectDeletion),
    /// An asynchronous command ended.
    #[prost(message, tag = "7")]
    OperComplete(OperationComplete),
    /// The agent wants to be taken in by a controller.
    #[prost(message, tag = "8")]
    OnBoardReq(OnBoardRequest),
}

/// An event of the data model.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Event {
    /// The path of the object that it happened to.
    #[prost(string, tag = "1")]
    pub obj_path: String,
    /// Its name, with `!`.
    #[prost(string, tag = "2")]
    pub event_name: String,
    /// Values by argument name.
    #[prost(btree_map = "string, string", tag = "3")]
    pub params: BTreeMap<String, String>,
}

/// A parameter has a new value.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ValueChange {
    /// Its full path.
    #[prost(string, tag = "1")]
    pub param_path: String,
    /// Its new value.
    #[prost(string, tag = "2")]
    pub param_value: String,
}

/// A row was made.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ObjectCreation {
    /// Its path, with instance numbers.
    #[prost(string, tag = "1")]
    pub obj_path: String,
    /// Values of its unique keys, by parameter name.
    #[prost(btree_map = "string, string", tag = "2")]
    pub unique_keys: BTreeMap<String, String>,
}

/// A row was removed.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ObjectDeletion {
    /// The path that it had.
    #[prost(string, tag = "1")]
    pub obj_path: String,
}

/// An asynchronous command ended.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct OperationComplete {
    /// The path of the object that it belongs to.
    #[prost(string, tag = "1")]
    pub obj_path: String,
    /// Its name, with `()`.
    #[prost(string, tag = "2")]
    pub command_name: String,
    /// The key that the Operate had.
    #[prost(string, tag = "3")]
    pub command_key: String,
    /// Required.
    #[prost(oneof = "NotifyOperationResp", tags = "4, 5")]
    pub operation_resp: Option<NotifyOperationResp>,
}

/// How an asynchronous command ended.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum NotifyOperationResp {
    /// Well.
    #[prost(message, tag = "4")]
    ReqOutputArgs(NotifyOutputArgs),
    /// Badly.
    #[prost(message, tag = "5")]
    CmdFailure(NotifyCommandFailure),
}

/// What an asynchronous command gave.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct NotifyOutputArgs {
    /// Values by argument name.
    #[prost(btree_map = "string, string", tag = "1")]
    pub output_args: BTreeMap<String, String>,
}

/// Why an asynchronous command failed.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct NotifyCommandFailure {
    /// One of [`crate::fault::code`].
    #[prost(fixed32, tag = "1")]
    pub err_code: u32,
    /// For a person.
    #[prost(string, tag = "2")]
    pub err_msg: String,
}

/// The agent wants to be taken in by a controller.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct OnBoardRequest {
    /// Who made the box: 6 hex digits.
    #[prost(string, tag = "1")]
    pub oui: String,
    /// The sort of box.
    #[prost(string, tag = "2")]
    pub product_class: String,
    /// Which of them.
    #[prost(string, tag = "3")]
    pub serial_number: String,
    /// Separated by commas, e.g. `1.3,1.4`.
    #[prost(string, tag = "4")]
    pub agent_supported_protocol_versions: String,
}

/// The answer to [`Notify`].
#[derive(Clone, PartialEq, Eq, Message)]
pub struct NotifyResp {
    /// That of the Notify.
    #[prost(string, tag = "1")]
    pub subscription_id: String,
}
