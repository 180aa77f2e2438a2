//! `Device.LocalAgent.Subscription.{i}.`: who wants to be told what.

use line3_proto::fault::code;
use line3_proto::row::Args;
use line3_proto::value::Value;
use line3_proto::{Fault, Path, Wall, row, values};

use super::{Blame, Edit, Setting, trigger};

/// The most paths in one `ReferenceList`.
const MAX_REFERENCES: usize = 32;

/// The concrete path of the table.
pub const TABLE: &str = "Device.LocalAgent.Subscription.";

values! {
    /// `NotifType`.
    pub enum NotifType {
        /// A parameter has another value.
        ValueChange,
        /// A row is new.
        ObjectCreation,
        /// A row is gone.
        ObjectDeletion,
        /// An asynchronous command ended.
        OperationComplete,
        /// An event of the data model.
        Event,
    }
}

values! {
    /// `TriggerAction`.
    pub enum TriggerAction {
        /// The recipient is told.
        Notify,
        /// TriggerConfigSettings are set.
        Config,
        /// Both.
        NotifyAndConfig,
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
        /// What is done when it happens.
        TriggerAction: TriggerAction [rw] = "Notify",
        /// What `Config` sets: at most 16 of `path=value`, texts in quotes.
        TriggerConfigSettings: Vec<String> [rw, len(4096)] = "",
        /// The controller's name for it; the agent makes one up.
        ID: String [once, len(64)] = "",
        /// When it was made, by the box's clock.
        CreationDate: Wall,
        /// What is to be told; empty until it is given once: then nothing is told.
        NotifType: NotifType [once],
        /// What it is about: paths, searches or partial paths, at most 32; empty until it is given once: then nothing is told.
        ReferenceList: Vec<String> [once, len(1024)] = "",
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
    fn complete(values: &mut Args, edit: &Edit<'_>) -> Result<(), Blame> {
        values.entry("Recipient".to_owned()).or_insert_with(|| edit.by.trim_end_matches('.').to_owned());
        values.entry("CreationDate".to_owned()).or_insert_with(|| edit.now.wall.to_string());
        only_for_oneself(values, edit)?;
        trigger::settings(values).map_err(|fault| ("TriggerConfigSettings", fault))?;
        references(values).map_err(|fault| ("ReferenceList", fault))?;
        Ok(())
    }
}

/// Refuses to say what another controller's subscription sets: it does that with the rights of its recipient, which nobody else is
/// to use.
fn only_for_oneself(values: &Args, edit: &Edit<'_>) -> Result<(), Blame> {
    let recipient = values.get("Recipient").map_or("", String::as_str);
    if edit.fresh || edit.by.is_empty() || recipient == edit.by.trim_end_matches('.') {
        return Ok(());
    }
    for name in ["TriggerAction", "TriggerConfigSettings"] {
        if values.get(name).map_or("", String::as_str) != edit.settings.value(edit.at, name) {
            let text = format!("what the subscription of {recipient} sets, it sets with its rights: only {recipient} may change {name}");
            return Err((name, Fault::new(code::PERMISSION_DENIED, text)));
        }
    }
    Ok(())
}

/// What a subscription is about.
pub fn references(values: &Args) -> Result<Vec<Path>, Fault> {
    let list = Vec::<String>::read(values.get("ReferenceList").map_or("", String::as_str)).unwrap_or_default();
    if list.len() > MAX_REFERENCES {
        return Err(Fault::new(code::INVALID_VALUE, format!("ReferenceList has {} paths; at most {MAX_REFERENCES} are taken", list.len())));
    }
    list.iter().map(|path| Path::parse(path)).collect()
}
