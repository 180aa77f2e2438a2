//! Settings: tables that the agent owns (Subscription, Controller, MTP, MQTT.Client, BulkData.Profile), declared with the same
//! `row!` as everything else and kept as text by name, so one engine serves Get, Set, Add and Delete for all of them.

use std::collections::BTreeMap;

use line3_proto::row::{Args, Field, Row};

/// A table or object that the agent owns.
pub struct SettingDef {
    /// Its path in the supported data model.
    pub path: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// The sets of parameters that are unique in the table.
    pub keys: &'static [&'static [&'static str]],
    /// Its parameters.
    pub fields: &'static [Field],
    /// The most rows that controllers can add; 0: none can be added or deleted from outside.
    pub max_rows: usize,
}

impl SettingDef {
    /// The definition of a setting, for [`SETTINGS`].
    #[must_use]
    pub const fn of<R: Row>(path: &'static str, doc: &'static str, keys: &'static [&'static [&'static str]], max_rows: usize) -> Self {
        Self { path, doc, keys, fields: R::FIELDS, max_rows }
    }
}

/// The agent's settings: every instance by its concrete path (`Device.LocalAgent.Subscription.1.`), every value by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The instances.
    pub instances: BTreeMap<String, Args>,
    /// The highest instance number ever given out, by table path: a number is never used again.
    pub highest: BTreeMap<String, u32>,
}
