//! What a controller may do, by path and by right: `Device.LocalAgent.ControllerTrust.`.
#![allow(dead_code, reason = "the roles are being built on this")]

/// What a right is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A parameter, by its full path.
    Param,
    /// An object or a table, by its path.
    Obj,
    /// A row of a table, by its path.
    InstantiatedObj,
    /// A command or an event, by its path.
    CommandEvent,
}

/// What may be done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// Getting it, and seeing that it is supported; of a row: seeing that it is there.
    Read,
    /// Setting it; of a table: adding to it; of a row: deleting it.
    Write,
    /// Running it.
    Execute,
    /// Being told of it.
    Notify,
}

/// The rights of one controller.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rights {
    full: bool,
}

impl Rights {
    /// Everything: the agent's own.
    pub(crate) fn full() -> Self {
        Self { full: true }
    }

    /// Whether this may be done to what is at `path`: concrete, or of the supported data model.
    pub(crate) fn allows(&self, _kind: Kind, _right: Right, _path: &str) -> bool {
        self.full
    }
}
