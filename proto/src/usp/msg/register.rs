//! What USP services ask of an agent: Register and Deregister (since 1.3). Known here so that they can be refused by name.

use prost::{Message, Oneof};

/// A USP service offers a part of the data model.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Register {
    /// Whether the other paths are taken when one cannot be.
    #[prost(bool, tag = "1")]
    pub allow_partial: bool,
    /// What it offers.
    #[prost(message, repeated, tag = "2")]
    pub reg_paths: Vec<RegistrationPath>,
}

/// A part of the data model on offer.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RegistrationPath {
    /// Its path in the supported data model.
    #[prost(string, tag = "1")]
    pub path: String,
}

/// The answer to [`Register`].
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RegisterResp {
    /// One for each path offered.
    #[prost(message, repeated, tag = "1")]
    pub registered_path_results: Vec<RegisteredPathResult>,
}

/// What a path on offer came to.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RegisteredPathResult {
    /// The path as it was offered.
    #[prost(string, tag = "1")]
    pub requested_path: String,
    /// Required.
    #[prost(message, optional, tag = "2")]
    pub oper_status: Option<RegisterRespOperationStatus>,
}

/// How it went, wrapped.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RegisterRespOperationStatus {
    /// Required.
    #[prost(oneof = "RegisterRespOperStatus", tags = "1, 2")]
    pub oper_status: Option<RegisterRespOperStatus>,
}

/// How the taking of an offer went.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum RegisterRespOperStatus {
    /// It was not taken.
    #[prost(message, tag = "1")]
    OperFailure(RegisterRespOperationFailure),
    /// It was taken.
    #[prost(message, tag = "2")]
    OperSuccess(RegisterRespOperationSuccess),
}

/// Why an offer was not taken.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RegisterRespOperationFailure {
    /// One of [`crate::fault::code`].
    #[prost(fixed32, tag = "1")]
    pub err_code: u32,
    /// For a person.
    #[prost(string, tag = "2")]
    pub err_msg: String,
}

/// The offer that was taken.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RegisterRespOperationSuccess {
    /// Its path.
    #[prost(string, tag = "1")]
    pub registered_path: String,
}

/// A USP service takes back what it offered.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Deregister {
    /// The paths; an empty one is all of them.
    #[prost(string, repeated, tag = "1")]
    pub paths: Vec<String>,
}

/// The answer to [`Deregister`].
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DeregisterResp {
    /// One for each path.
    #[prost(message, repeated, tag = "1")]
    pub deregistered_path_results: Vec<DeregisteredPathResult>,
}

/// What a path to take back came to.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DeregisteredPathResult {
    /// The path as it was asked.
    #[prost(string, tag = "1")]
    pub requested_path: String,
    /// Required.
    #[prost(message, optional, tag = "2")]
    pub oper_status: Option<DeregisterRespOperationStatus>,
}

/// How it went, wrapped.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DeregisterRespOperationStatus {
    /// Required.
    #[prost(oneof = "DeregisterRespOperStatus", tags = "1, 2")]
    pub oper_status: Option<DeregisterRespOperStatus>,
}

/// How the taking back went.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum DeregisterRespOperStatus {
    /// It is still registered.
    #[prost(message, tag = "1")]
    OperFailure(DeregisterRespOperationFailure),
    /// It is gone.
    #[prost(message, tag = "2")]
    OperSuccess(DeregisterRespOperationSuccess),
}

/// Why it is still registered.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DeregisterRespOperationFailure {
    /// One of [`crate::fault::code`].
    #[prost(fixed32, tag = "1")]
    pub err_code: u32,
    /// For a person.
    #[prost(string, tag = "2")]
    pub err_msg: String,
}

/// What is gone.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DeregisterRespOperationSuccess {
    /// The paths.
    #[prost(string, repeated, tag = "1")]
    pub deregistered_path: Vec<String>,
}
