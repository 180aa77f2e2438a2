//! What went wrong, in the words of USP: a code (TR-369 error codes) and a text that a person can act on.

use std::fmt;

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal $text:literal;)*) => {
        $($(#[doc = $doc])* pub const $name: u32 = $code;)*

        /// What a code means, in a few words; `""` for one that nobody defined.
        #[must_use]
        pub const fn meaning(code: u32) -> &'static str {
            match code {
                $($code => $text,)*
                7200..=7299 => "error defined by the data model",
                7800..=7999 => "vendor error",
                _ => "",
            }
        }
    };
}

/// The USP error codes (TR-369 R-MSG, "Error Codes") and Line3's own in the vendor range.
pub mod code {
    codes! {
        /// The message failed as a whole.
        MESSAGE_FAILED = 7000 "message failed";
        /// This kind of message is not supported.
        NOT_SUPPORTED = 7001 "message not supported";
        /// The request is denied, without more being said.
        REQUEST_DENIED = 7002 "request denied";
        /// Something broke inside.
        INTERNAL = 7003 "internal error";
        /// The message's arguments make no sense.
        INVALID_ARGUMENTS = 7004 "invalid arguments";
        /// A bound was reached.
        RESOURCES_EXCEEDED = 7005 "resources exceeded";
        /// The sender may not do this.
        PERMISSION_DENIED = 7006 "permission denied";
        /// The configuration does not allow it.
        INVALID_CONFIGURATION = 7007 "invalid configuration";
        /// The path is not written as a path.
        INVALID_PATH_SYNTAX = 7008 "invalid path syntax";
        /// The parameter's action failed.
        PARAMETER_ACTION_FAILED = 7009 "parameter action failed";
        /// There is no such parameter.
        UNSUPPORTED_PARAMETER = 7010 "unsupported parameter";
        /// The value is not of the parameter's type.
        INVALID_TYPE = 7011 "invalid type";
        /// The value is outside the parameter's range or list.
        INVALID_VALUE = 7012 "invalid value";
        /// The parameter is read-only.
        NOT_WRITABLE = 7013 "parameter is not writable";
        /// The value conflicts with another.
        VALUE_CONFLICT = 7014 "value conflict";
        /// Creating, updating or deleting went wrong.
        OPERATION_ERROR = 7015 "operation error";
        /// There is no such object (instance).
        OBJECT_DOES_NOT_EXIST = 7016 "object does not exist";
        /// The object could not be created.
        NOT_CREATED = 7017 "object could not be created";
        /// The object is not a table.
        NOT_A_TABLE = 7018 "object is not a table";
        /// Rows of this table cannot be created from outside.
        NOT_CREATABLE = 7019 "object is not creatable";
        /// The object could not be updated.
        NOT_UPDATED = 7020 "object could not be updated";
        /// A required parameter failed.
        REQUIRED_PARAMETER_FAILED = 7021 "required parameter failed";
        /// The command failed.
        COMMAND_FAILURE = 7022 "command failure";
        /// The command was cancelled.
        COMMAND_CANCELLED = 7023 "command cancelled";
        /// The object could not be deleted.
        DELETE_FAILURE = 7024 "delete failure";
        /// Another row has this unique key.
        DUPLICATE_UNIQUE_KEY = 7025 "duplicate unique key";
        /// The path is not in the supported data model.
        INVALID_PATH = 7026 "path is not in the supported data model";
        /// A command argument is missing or wrong.
        INVALID_COMMAND_ARGUMENTS = 7027 "invalid command arguments";
        /// The record could not be parsed.
        RECORD_UNPARSABLE = 7100 "record could not be parsed";
        /// A secure session is required.
        SECURE_SESSION_REQUIRED = 7101 "secure session required";
        /// A secure session is not supported.
        SECURE_SESSION_UNSUPPORTED = 7102 "secure session not supported";
        /// Segmentation is not supported.
        SEGMENTATION_UNSUPPORTED = 7103 "segmentation not supported";
        /// A field of the record has a bad value.
        RECORD_VALUE = 7104 "record field has an invalid value";
        /// The session context was ended.
        SESSION_TERMINATED = 7105 "session context terminated";
        /// A session context is not allowed.
        SESSION_NOT_ALLOWED = 7106 "session context not allowed";
        /// Line3: this box cannot know the value; the text says why.
        VALUE_ABSENT = 7800 "value not available on this box";
        /// Line3: the call's deadline had passed; the command did not run.
        CALL_EXPIRED = 7801 "call expired before it ran";
        /// Line3: the box lost power or was killed while the command ran; it cannot tell how far it came.
        CALL_LOST = 7802 "box cannot tell whether the command ran";
        /// Line3: the command ran past its limit and was stopped.
        CALL_TIMED_OUT = 7803 "command ran past its limit and was stopped";
    }
}

/// What went wrong: a USP error code and what happened, to what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// One of [`code`].
    pub code: u32,
    /// For a person.
    pub text: String,
}

impl Fault {
    /// A fault of this code; `text` says what happened, to what, and what to do.
    pub fn new(code: u32, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.code, code::meaning(self.code), self.text)
    }
}

impl std::error::Error for Fault {}
