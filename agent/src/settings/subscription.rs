//! `Device.LocalAgent.Subscription.{i}.`: who wants to be told what.

use line3_proto::fault::code;
use line3_proto::path::Target;
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
        /// After how long from its creation it ends by itself; 0: never. What was made while the box did not know the time ends
        /// with the next restart.
        TimeToLive: u32 [s, rw] = "0",
        /// Whether the agent tells again until it is answered.
        NotifRetry: bool [rw] = "false",
        /// After how long the agent gives up telling again; 0: never. Without NotifRetry it means nothing.
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
        supported(values, edit)
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

/// Refuses what nothing could ever be told of: each reference must be in the supported data model, and of a kind that `NotifType`
/// tells of. Where one leads that follows another, or which rows there will be, is open.
fn supported(values: &Args, edit: &Edit<'_>) -> Result<(), Blame> {
    let list = references(values).map_err(|fault| ("ReferenceList", fault))?;
    let changed = |name: &str| edit.fresh || values.get(name).map_or("", String::as_str) != edit.settings.value(edit.at, name);
    // What was fine once may not be with another firmware; that is no reason to refuse other values.
    if !changed("ReferenceList") && !changed("NotifType") {
        return Ok(());
    }
    let blamed = if changed("ReferenceList") { "ReferenceList" } else { "NotifType" };
    let invalid = |text: String| Err((blamed, Fault::new(code::INVALID_VALUE, text)));
    let kind = values.get("NotifType").map_or("", String::as_str);
    for path in list.iter().filter(|path| !path.follows()) {
        let (template, object) = (path.template(), path.object().template());
        let node = edit.model.nodes.get(object.as_str());
        let (known, tells) = match &path.target {
            Target::Object => (edit.model.prefix(&template).is_some(), ""),
            Target::Parameter(name) => (edit.model.field(&object, name).is_some(), "ValueChange"),
            Target::Command(_) => (edit.model.command(&template).is_some(), "OperationComplete"),
            Target::Event(_) => (node.is_some_and(|node| node.events.iter().any(|event| event.path == template)), "Event"),
        };
        if !known {
            return invalid(format!("{path} is not in the data model of this box, so nothing could ever be told of it"));
        }
        if !kind.is_empty() && !tells.is_empty() && kind != tells {
            return invalid(format!("{path} is nothing that NotifType {kind} could tell of; {tells} does"));
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
