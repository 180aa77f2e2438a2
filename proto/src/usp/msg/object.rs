//! What changes the data model: Add, Set, Delete.

use std::collections::BTreeMap;

use prost::{Message, Oneof};

/// Makes rows.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Add {
    /// Whether the other rows are made when one cannot be.
    #[prost(bool, tag = "1")]
    pub allow_partial: bool,
    /// The rows to make.
    #[prost(message, repeated, tag = "2")]
    pub create_objs: Vec<CreateObject>,
}

/// A row to make.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CreateObject {
    /// The table's path; a search makes one row in each table that matches.
    #[prost(string, tag = "1")]
    pub obj_path: String,
    /// What differs from the defaults.
    #[prost(message, repeated, tag = "2")]
    pub param_settings: Vec<CreateParamSetting>,
}

/// A parameter of a row to make.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CreateParamSetting {
    /// Its path relative to the row.
    #[prost(string, tag = "1")]
    pub param: String,
    /// Its value.
    #[prost(string, tag = "2")]
    pub value: String,
    /// Whether the row is not made if this cannot be set.
    #[prost(bool, tag = "3")]
    pub required: bool,
}

/// The answer to [`Add`].
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AddResp {
    /// One for each row asked for (and table that a search matched).
    #[prost(message, repeated, tag = "1")]
    pub created_obj_results: Vec<CreatedObjectResult>,
}

/// What a row to make came to.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CreatedObjectResult {
    /// The path as it was asked.
    #[prost(string, tag = "1")]
    pub requested_path: String,
    /// Required.
    #[prost(message, optional, tag = "2")]
    pub oper_status: Option<AddRespOperationStatus>,
}

/// How it went, wrapped.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AddRespOperationStatus {
    /// Required.
    #[prost(oneof = "AddRespOperStatus", tags = "1, 2")]
    pub oper_status: Option<AddRespOperStatus>,
}

/// How the making of a row went.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum AddRespOperStatus {
    /// The row was not made.
    #[prost(message, tag = "1")]
    OperFailure(AddRespOperationFailure),
    /// The row was made.
    #[prost(message, tag = "2")]
    OperSuccess(AddRespOperationSuccess),
}

/// Why a row was not made.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AddRespOperationFailure {
    /// One of [`crate::fault::code`].
    #[prost(fixed32, tag = "1")]
    pub err_code: u32,
    /// For a person.
    #[prost(string, tag = "2")]
    pub err_msg: String,
}

/// The row that was made.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AddRespOperationSuccess {
    /// Its path, with instance numbers.
    #[prost(string, tag = "1")]
    pub instantiated_path: String,
    /// Parameters that were not required and could not be set.
    #[prost(message, repeated, tag = "2")]
    pub param_errs: Vec<AddRespParameterError>,
    /// Values of its unique keys, by parameter name.
    #[prost(btree_map = "string, string", tag = "3")]
    pub unique_keys: BTreeMap<String, String>,
}

/// A parameter of a new row that could not be set.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AddRespParameterError {
    /// Its path relative to the row.
    #[prost(string, tag = "1")]
    pub param: String,
    /// One of [`crate::fault::code`].
    #[prost(fixed32, tag = "2")]
    pub err_code: u32,
    /// For a person.
    #[prost(string, tag = "3")]
    pub err_msg: String,
}

/// Removes rows.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Delete {
    /// Whether the other rows are removed when one cannot be.
    #[prost(bool, tag = "1")]
    pub allow_partial: bool,
    /// Paths of rows, or searches.
    #[prost(string, repeated, tag = "2")]
    pub obj_paths: Vec<String>,
}

/// The answer to [`Delete`].
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DeleteResp {
    /// One for each path asked.
    #[prost(message, repeated, tag = "1")]
    pub deleted_obj_results: Vec<DeletedObjectResult>,
}

/// What a path to remove came to.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DeletedObjectResult {
    /// The path as it was asked.
    #[prost(string, tag = "1")]
    pub requested_path: String,
    /// Required.
    #[prost(message, optional, tag = "2")]
    pub oper_status: Option<DeleteRespOperationStatus>,
}

/// How it went, wrapped.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DeleteRespOperationStatus {
    /// Required.
    #[prost(oneof = "DeleteRespOperStatus", tags = "1, 2")]
    pub oper_status: Option<DeleteRespOperStatus>,
}

/// How the removal went.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum DeleteRespOperStatus {
    /// Nothing was removed.
    #[prost(message, tag = "1")]
    OperFailure(DeleteRespOperationFailure),
    /// What could be was removed.
    #[prost(message, tag = "2")]
    OperSuccess(DeleteRespOperationSuccess),
}

/// Why nothing was removed.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DeleteRespOperationFailure {
    /// One of [`crate::fault::code`].
    #[prost(fixed32, tag = "1")]
    pub err_code: u32,
    /// For a person.
    #[prost(string, tag = "2")]
    pub err_msg: String,
}

/// What was removed.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DeleteRespOperationSuccess {
    /// The rows that are gone; empty if there were none [DEL.2a].
    #[prost(string, repeated, tag = "1")]
    pub affected_paths: Vec<String>,
    /// The rows that are still there.
    #[prost(message, repeated, tag = "2")]
    pub unaffected_path_errs: Vec<UnaffectedPathError>,
}

/// A row that could not be removed.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct UnaffectedPathError {
    /// Its path, with instance numbers.
    #[prost(string, tag = "1")]
    pub unaffected_path: String,
    /// One of [`crate::fault::code`].
    #[prost(fixed32, tag = "2")]
    pub err_code: u32,
    /// For a person.
    #[prost(string, tag = "3")]
    pub err_msg: String,
}

/// Changes parameters.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Set {
    /// Whether the other objects are changed when one cannot be.
    #[prost(bool, tag = "1")]
    pub allow_partial: bool,
    /// The objects to change.
    #[prost(message, repeated, tag = "2")]
    pub update_objs: Vec<UpdateObject>,
}

/// An object to change.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct UpdateObject {
    /// Its path, or a search; the matches of a search change all or none [SET.2a].
    #[prost(string, tag = "1")]
    pub obj_path: String,
    /// The changes.
    #[prost(message, repeated, tag = "2")]
    pub param_settings: Vec<UpdateParamSetting>,
}

/// A parameter to change.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct UpdateParamSetting {
    /// Its path relative to the object.
    #[prost(string, tag = "1")]
    pub param: String,
    /// Its new value.
    #[prost(string, tag = "2")]
    pub value: String,
    /// Whether the object stays as it was if this cannot be set.
    #[prost(bool, tag = "3")]
    pub required: bool,
}

/// The answer to [`Set`].
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SetResp {
    /// One for each object asked.
    #[prost(message, repeated, tag = "1")]
    pub updated_obj_results: Vec<UpdatedObjectResult>,
}

/// What an object to change came to.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct UpdatedObjectResult {
    /// The path as it was asked.
    #[prost(string, tag = "1")]
    pub requested_path: String,
    /// Required.
    #[prost(message, optional, tag = "2")]
    pub oper_status: Option<SetRespOperationStatus>,
}

/// How it went, wrapped.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SetRespOperationStatus {
    /// Required.
    #[prost(oneof = "SetRespOperStatus", tags = "1, 2")]
    pub oper_status: Option<SetRespOperStatus>,
}

/// How the change went.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum SetRespOperStatus {
    /// The object stays as it was.
    #[prost(message, tag = "1")]
    OperFailure(SetRespOperationFailure),
    /// The object was changed.
    #[prost(message, tag = "2")]
    OperSuccess(SetRespOperationSuccess),
}

/// Why nothing was changed.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SetRespOperationFailure {
    /// One of [`crate::fault::code`].
    #[prost(fixed32, tag = "1")]
    pub err_code: u32,
    /// For a person.
    #[prost(string, tag = "2")]
    pub err_msg: String,
    /// The instances to blame.
    #[prost(message, repeated, tag = "3")]
    pub updated_inst_failures: Vec<UpdatedInstanceFailure>,
}

/// What was changed.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SetRespOperationSuccess {
    /// One for each instance that the path named.
    #[prost(message, repeated, tag = "1")]
    pub updated_inst_results: Vec<UpdatedInstanceResult>,
}

/// An instance that could not be changed.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct UpdatedInstanceFailure {
    /// Its path, with instance numbers.
    #[prost(string, tag = "1")]
    pub affected_path: String,
    /// The required parameters that could not be set.
    #[prost(message, repeated, tag = "2")]
    pub param_errs: Vec<SetRespParameterError>,
}

/// An instance that was changed.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct UpdatedInstanceResult {
    /// Its path, with instance numbers.
    #[prost(string, tag = "1")]
    pub affected_path: String,
    /// Parameters that were not required and could not be set.
    #[prost(message, repeated, tag = "2")]
    pub param_errs: Vec<SetRespParameterError>,
    /// Values by parameter path relative to the instance: all that were set, also to what they were before.
    #[prost(btree_map = "string, string", tag = "3")]
    pub updated_params: BTreeMap<String, String>,
}

/// A parameter that could not be changed.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SetRespParameterError {
    /// Its path relative to the instance.
    #[prost(string, tag = "1")]
    pub param: String,
    /// One of [`crate::fault::code`].
    #[prost(fixed32, tag = "2")]
    pub err_code: u32,
    /// For a person.
    #[prost(string, tag = "3")]
    pub err_msg: String,
}
