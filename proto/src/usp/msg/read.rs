//! What only looks: Get, GetInstances, GetSupportedDM, GetSupportedProtocol.

use std::collections::BTreeMap;

use prost::{Enumeration, Message};

/// Asks for values.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Get {
    /// Paths of parameters or objects; wildcards and searches are allowed.
    #[prost(string, repeated, tag = "1")]
    pub param_paths: Vec<String>,
    /// How many levels of objects below a path are wanted; 0 is all of them.
    #[prost(fixed32, tag = "2")]
    pub max_depth: u32,
}

/// The answer to [`Get`].
#[derive(Clone, PartialEq, Eq, Message)]
pub struct GetResp {
    /// One for each path asked, in that order.
    #[prost(message, repeated, tag = "1")]
    pub req_path_results: Vec<GetRespRequestedPathResult>,
}

/// What a path of a [`Get`] came to. A bad path spoils only its own result [GET.0].
#[derive(Clone, PartialEq, Eq, Message)]
pub struct GetRespRequestedPathResult {
    /// The path as it was asked.
    #[prost(string, tag = "1")]
    pub requested_path: String,
    /// 0, or one of [`crate::fault::code`].
    #[prost(fixed32, tag = "2")]
    pub err_code: u32,
    /// For a person.
    #[prost(string, tag = "3")]
    pub err_msg: String,
    /// One for each object found; empty for a search without a match.
    #[prost(message, repeated, tag = "4")]
    pub resolved_path_results: Vec<ResolvedPathResult>,
}

/// The values found in one object.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ResolvedPathResult {
    /// The object's path, with instance numbers.
    #[prost(string, tag = "1")]
    pub resolved_path: String,
    /// Values by the parameter's path relative to the object.
    #[prost(btree_map = "string, string", tag = "2")]
    pub result_params: BTreeMap<String, String>,
}

/// Asks which rows there are.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct GetInstances {
    /// Paths of tables or objects.
    #[prost(string, repeated, tag = "1")]
    pub obj_paths: Vec<String>,
    /// Whether the tables below are left out.
    #[prost(bool, tag = "2")]
    pub first_level_only: bool,
}

/// The answer to [`GetInstances`].
#[derive(Clone, PartialEq, Eq, Message)]
pub struct GetInstancesResp {
    /// One for each path asked, in that order.
    #[prost(message, repeated, tag = "1")]
    pub req_path_results: Vec<GetInstancesRespRequestedPathResult>,
}

/// What a path of a [`GetInstances`] came to.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct GetInstancesRespRequestedPathResult {
    /// The path as it was asked.
    #[prost(string, tag = "1")]
    pub requested_path: String,
    /// 0, or one of [`crate::fault::code`].
    #[prost(fixed32, tag = "2")]
    pub err_code: u32,
    /// For a person.
    #[prost(string, tag = "3")]
    pub err_msg: String,
    /// The rows.
    #[prost(message, repeated, tag = "4")]
    pub curr_insts: Vec<CurrInstance>,
}

/// A row that there is.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CurrInstance {
    /// Its path, with instance numbers.
    #[prost(string, tag = "1")]
    pub instantiated_obj_path: String,
    /// Values of its unique keys, by parameter name.
    #[prost(btree_map = "string, string", tag = "2")]
    pub unique_keys: BTreeMap<String, String>,
}

/// Asks what the data model can hold.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct GetSupportedDm {
    /// Paths in the supported data model (`{i}` for an instance). Since 1.4 also of one command, event or parameter; the flags
    /// then count for nothing.
    #[prost(string, repeated, tag = "1")]
    pub obj_paths: Vec<String>,
    /// Whether child objects are listed without their content.
    #[prost(bool, tag = "2")]
    pub first_level_only: bool,
    /// Whether commands are wanted.
    #[prost(bool, tag = "3")]
    pub return_commands: bool,
    /// Whether events are wanted.
    #[prost(bool, tag = "4")]
    pub return_events: bool,
    /// Whether parameters are wanted.
    #[prost(bool, tag = "5")]
    pub return_params: bool,
    /// Whether unique keys are wanted (since 1.4).
    #[prost(bool, tag = "6")]
    pub return_unique_key_sets: bool,
}

/// The answer to [`GetSupportedDm`].
#[derive(Clone, PartialEq, Eq, Message)]
pub struct GetSupportedDmResp {
    /// One for each path asked, in that order.
    #[prost(message, repeated, tag = "1")]
    pub req_obj_results: Vec<RequestedObjectResult>,
}

/// What a path of a [`GetSupportedDm`] came to.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RequestedObjectResult {
    /// The path as it was asked.
    #[prost(string, tag = "1")]
    pub req_obj_path: String,
    /// 0, or one of [`crate::fault::code`].
    #[prost(fixed32, tag = "2")]
    pub err_code: u32,
    /// For a person.
    #[prost(string, tag = "3")]
    pub err_msg: String,
    /// Which version of which data model this is, e.g. `urn:broadband-forum-org:tr-181-2-16-0`.
    #[prost(string, tag = "4")]
    pub data_model_inst_uri: String,
    /// The objects.
    #[prost(message, repeated, tag = "5")]
    pub supported_objs: Vec<SupportedObjectResult>,
}

/// An object of the supported data model.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SupportedObjectResult {
    /// Its path, with `{i}` for an instance.
    #[prost(string, tag = "1")]
    pub supported_obj_path: String,
    /// An [`ObjAccessType`].
    #[prost(enumeration = "ObjAccessType", tag = "2")]
    pub access: i32,
    /// Whether it is a table.
    #[prost(bool, tag = "3")]
    pub is_multi_instance: bool,
    /// Its commands.
    #[prost(message, repeated, tag = "4")]
    pub supported_commands: Vec<SupportedCommandResult>,
    /// Its events.
    #[prost(message, repeated, tag = "5")]
    pub supported_events: Vec<SupportedEventResult>,
    /// Its parameters.
    #[prost(message, repeated, tag = "6")]
    pub supported_params: Vec<SupportedParamResult>,
    /// Instances whose supported data model is another one.
    #[prost(string, repeated, tag = "7")]
    pub divergent_paths: Vec<String>,
    /// Its unique keys (since 1.4).
    #[prost(message, repeated, tag = "8")]
    pub unique_key_sets: Vec<SupportedUniqueKeySet>,
}

/// A parameter of the supported data model.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SupportedParamResult {
    /// Its name.
    #[prost(string, tag = "1")]
    pub param_name: String,
    /// A [`ParamAccessType`].
    #[prost(enumeration = "ParamAccessType", tag = "2")]
    pub access: i32,
    /// A [`ParamValueType`].
    #[prost(enumeration = "ParamValueType", tag = "3")]
    pub value_type: i32,
    /// A [`ValueChangeType`].
    #[prost(enumeration = "ValueChangeType", tag = "4")]
    pub value_change: i32,
}

/// A command of the supported data model.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SupportedCommandResult {
    /// Its name, with `()`.
    #[prost(string, tag = "1")]
    pub command_name: String,
    /// What it takes.
    #[prost(string, repeated, tag = "2")]
    pub input_arg_names: Vec<String>,
    /// What it gives.
    #[prost(string, repeated, tag = "3")]
    pub output_arg_names: Vec<String>,
    /// A [`CmdType`].
    #[prost(enumeration = "CmdType", tag = "4")]
    pub command_type: i32,
}

/// An event of the supported data model.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SupportedEventResult {
    /// Its name, with `!`.
    #[prost(string, tag = "1")]
    pub event_name: String,
    /// What it tells.
    #[prost(string, repeated, tag = "2")]
    pub arg_names: Vec<String>,
}

/// Parameters that together name a row.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SupportedUniqueKeySet {
    /// Their names.
    #[prost(string, repeated, tag = "1")]
    pub key_names: Vec<String>,
}

/// What may be done with a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum ParamAccessType {
    /// Get.
    ParamReadOnly = 0,
    /// Get and Set.
    ParamReadWrite = 1,
    /// Set.
    ParamWriteOnly = 2,
}

/// What may be done with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum ObjAccessType {
    /// Neither Add nor Delete.
    ObjReadOnly = 0,
    /// Add and Delete.
    ObjAddDelete = 1,
    /// Add.
    ObjAddOnly = 2,
    /// Delete.
    ObjDeleteOnly = 3,
}

/// How a parameter's value is written (TR-106).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum ParamValueType {
    /// The agent does not tell.
    ParamUnknown = 0,
    /// `base64`.
    ParamBase64 = 1,
    /// `boolean`.
    ParamBoolean = 2,
    /// `dateTime`.
    ParamDateTime = 3,
    /// `decimal`.
    ParamDecimal = 4,
    /// `hexBinary`.
    ParamHexBinary = 5,
    /// `int`, 32 bits.
    ParamInt = 6,
    /// `long`, 64 bits.
    ParamLong = 7,
    /// `string`.
    ParamString = 8,
    /// `unsignedInt`, 32 bits.
    ParamUnsignedInt = 9,
    /// `unsignedLong`, 64 bits.
    ParamUnsignedLong = 10,
}

/// Whether a ValueChange subscription to a parameter does anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum ValueChangeType {
    /// The agent does not tell.
    ValueChangeUnknown = 0,
    /// It does.
    ValueChangeAllowed = 1,
    /// It is ignored.
    ValueChangeWillIgnore = 2,
}

/// When a command's results come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum CmdType {
    /// The agent does not tell.
    CmdUnknown = 0,
    /// In the OperateResp.
    CmdSync = 1,
    /// Later, in an OperationComplete notification.
    CmdAsync = 2,
}

/// Tells which versions of USP the controller speaks, and asks for the agent's.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct GetSupportedProtocol {
    /// Separated by commas, e.g. `1.3,1.4`.
    #[prost(string, tag = "1")]
    pub controller_supported_protocol_versions: String,
}

/// The answer to [`GetSupportedProtocol`].
#[derive(Clone, PartialEq, Eq, Message)]
pub struct GetSupportedProtocolResp {
    /// Separated by commas, e.g. `1.3,1.4`.
    #[prost(string, tag = "1")]
    pub agent_supported_protocol_versions: String,
}
