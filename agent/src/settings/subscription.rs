//! `Device.LocalAgent.Subscription.{i}.`: who wants to be told what.

use line3_proto::row;
use line3_proto::value::Known;
use line3_proto::{Wall, values};

use super::Setting;
use crate::view::View;

/// The concrete path of the table.
pub const TABLE: &str = "Device.LocalAgent.Subscription.";

values! {
    /// `NotifType`.
    pub enum NotifType {
        /// A parameter has a new value.
        ValueChange,
        /// A row was made.
        ObjectCreation,
        /// A row was removed.
        ObjectDeletion,
        /// An asynchronous command ended.
        OperationComplete,
        /// An event of the data model.
        Event,
    }
}

row! {
    /// A subscription.
    pub struct SubscriptionRow {
        /// A name that never changes; the agent makes one up (`cpe-1`).
        Alias: String [once, len(64)] = "",
        /// Whether it tells anything.
        Enable: bool [rw] = "false",
        /// The path of the Controller row that made it: the agent's to fill in.
        Recipient: String,
        /// The controller's name for it; the agent makes one up.
        ID: String [once, len(64)] = "",
        /// When it was made, by the box's clock.
        CreationDate: Wall,
        /// What is to be told.
        NotifType: NotifType [once] = "Event",
        /// What it is about: paths, searches or partial paths, at most 32.
        ReferenceList: Vec<String> [once, len(4096)] = "",
        /// Whether it outlives the agent's restart.
        Persistent: bool [rw] = "false",
        /// After how long it ends by itself; 0: never.
        TimeToLive: u32 [s, rw] = "0",
        /// Whether the agent tells again until it is answered.
        NotifRetry: bool [rw] = "false",
        /// After how long the agent gives up telling; 0: never.
        NotifExpiration: u32 [s, rw] = "0",
    }
}

/// `Device.LocalAgent.Subscription.{i}.`
pub struct Subscription;

impl Setting for Subscription {
    const PATH: &'static str = "Device.LocalAgent.Subscription.{i}.";
    const DOC: &'static str = "What a controller wants to be told.";
    const KEYS: &'static [&'static [&'static str]] = &[&["Recipient", "ID"], &["Alias"]];
    const MAX_ROWS: usize = 64;
    type Row = SubscriptionRow;
    fn live(_: &View<'_>, _: &str) -> Vec<(&'static str, Known<String>)> {
        Vec::new()
    }
}
