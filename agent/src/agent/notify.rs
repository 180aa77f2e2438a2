//! Notifications: who is told what happened, and what else a subscription does then.

use std::time::Duration;

use line3_proto::backoff::Backoff;
use line3_proto::endpoint::{Ask, Input as EndpointInput, Tag};
use line3_proto::path::{Path, Segment, Target};
use line3_proto::row::Args;
use line3_proto::sorted::{Map, Set};
use line3_proto::usp::{
    Event, Notification, Notify, NotifyCommandFailure, NotifyOperationResp, NotifyOutputArgs, ObjectCreation, ObjectDeletion,
    OperationComplete, Request, ValueChange,
};
use line3_proto::value::Value;
use line3_proto::{EndpointId, Fault, Machine, Now};

use super::look::Look;
use super::model::{EventDef, parent};
use super::rights::{Kind, Right, is_banned};
use super::{Agent, boot, jobs, periodic};
use crate::settings::Settings;
use crate::settings::subscription::{TABLE, references};

/// The most notifications that wait for an answer; beyond it the oldest of the subscription with the most goes, and the log says
/// so. Whoever needs the result of a command asks again by its call id.
const MAX_WAITING: usize = 256;

/// The most bytes that they have together; beyond it the oldest of the subscription with the most bytes goes.
const MAX_WAITING_BYTES: usize = 1024 * 1024;

/// Every event. `Device.LocalAgent.TransferComplete!` has its place here once something is transferred.
pub(super) const EVENTS: &[EventDef] = &[boot::BOOT, periodic::PERIODIC, jobs::PROGRESS, super::reports::PUSH];

/// What can be told.
pub(super) enum Happening<'a> {
    /// An event of the data model.
    Event {
        /// Its concrete path.
        path: &'a str,
        /// Its arguments.
        args: Args,
    },
    /// An asynchronous command ended.
    Completed {
        /// Its concrete path.
        command: &'a str,
        /// The controller's key.
        command_key: &'a str,
        /// What came of it.
        result: &'a Result<Args, Fault>,
    },
    /// A parameter has another value.
    Changed {
        /// Its path.
        path: &'a str,
        /// Its value.
        value: &'a str,
    },
    /// A row was made.
    Created {
        /// Its path.
        path: &'a str,
        /// Its unique keys.
        keys: &'a Args,
    },
    /// A row is gone.
    Deleted {
        /// Its path.
        path: &'a str,
    },
}

impl Happening<'_> {
    fn notif_type(&self) -> &'static str {
        match self {
            Self::Event { .. } => "Event",
            Self::Completed { .. } => "OperationComplete",
            Self::Changed { .. } => "ValueChange",
            Self::Created { .. } => "ObjectCreation",
            Self::Deleted { .. } => "ObjectDeletion",
        }
    }

    fn path(&self) -> &str {
        match self {
            Self::Event { path, .. } | Self::Changed { path, .. } | Self::Created { path, .. } | Self::Deleted { path } => path,
            Self::Completed { command, .. } => command,
        }
    }

    /// What one must be allowed to be told of.
    fn subject(&self) -> (Kind, &str) {
        match self {
            Self::Event { path, .. } => (Kind::CommandEvent, path),
            Self::Completed { command, .. } => (Kind::CommandEvent, command),
            Self::Changed { path, .. } => (Kind::Param, path),
            Self::Created { path, .. } => (Kind::Obj, parent(path.trim_end_matches('.'))),
            Self::Deleted { path } => (Kind::InstantiatedObj, path),
        }
    }

    fn notification(&self) -> Notification {
        let path = self.path();
        let (object, name) = path.rsplit_once('.').unwrap_or(("", path));
        let obj_path = format!("{object}.");
        match self {
            Self::Event { args, .. } => Notification::Event(Event { obj_path, event_name: name.to_owned(), params: args.clone() }),
            Self::Completed { command_key, result, .. } => {
                let operation_resp = match result {
                    Ok(output_args) => NotifyOperationResp::ReqOutputArgs(NotifyOutputArgs { output_args: output_args.clone() }),
                    Err(fault) => {
                        NotifyOperationResp::CmdFailure(NotifyCommandFailure { err_code: fault.code, err_msg: fault.text.clone() })
                    }
                };
                Notification::OperComplete(OperationComplete {
                    obj_path,
                    command_name: name.to_owned(),
                    command_key: (*command_key).to_owned(),
                    operation_resp: Some(operation_resp),
                })
            }
            Self::Changed { path, value } => {
                Notification::ValueChange(ValueChange { param_path: (*path).to_owned(), param_value: (*value).to_owned() })
            }
            Self::Created { path, keys } => {
                Notification::ObjCreation(ObjectCreation { obj_path: (*path).to_owned(), unique_keys: (*keys).clone() })
            }
            Self::Deleted { path } => Notification::ObjDeletion(ObjectDeletion { obj_path: (*path).to_owned() }),
        }
    }
}

/// Where a controller is, and how it wants to be told again.
pub(super) struct Recipient {
    pub(super) id: EndpointId,
    pub(super) topic: String,
    pub(super) backoff: Backoff,
}

impl Agent {
    /// The controller of a Controller row, if it is enabled and can be reached.
    pub(super) fn recipient(&self, path: &str) -> Option<Recipient> {
        let settings = &self.settings;
        let number = |name: &str, or: u32| u32::read(settings.value(path, name)).unwrap_or(or);
        if settings.value(path, "Enable") != "true" || is_banned(settings, path) {
            return None;
        }
        let way = |(path, args): (&str, &Args)| {
            let topic = settings.value(&format!("{path}MQTT."), "Topic");
            (args.get("Enable").is_some_and(|enable| enable == "true") && !topic.is_empty()).then(|| topic.to_owned())
        };
        let topic = settings.rows(&format!("{path}MTP.")).find_map(way)?;
        let m = Duration::from_secs(number("USPNotifRetryMinimumWaitInterval", 5).into());
        Some(Recipient {
            id: EndpointId::parse(settings.value(path, "EndpointID")).ok()?,
            topic,
            backoff: Backoff::notify(m, number("USPNotifRetryIntervalMultiplier", 2000)),
        })
    }

    /// The subscriptions, or what they are about, may have changed: what was to be told again for one that is gone or disabled is
    /// not.
    pub(super) fn subscriptions_changed(&mut self, now: Now, before: &Settings) {
        let live = |settings: &Settings, path: &str| {
            let recipient = format!("{}.", settings.value(path, "Recipient"));
            settings.value(path, "Enable") == "true" && settings.value(&recipient, "Enable") == "true"
        };
        for (path, _) in before.rows(TABLE).filter(|(path, _)| live(before, path) && !live(&self.settings, path)) {
            self.endpoint.handle(now, EndpointInput::Forget(tag(path)));
        }
        self.subscribers_changed();
    }

    /// Controllers or subscriptions may be others than they were.
    pub(super) fn subscribers_changed(&mut self) {
        self.watch.stir();
        self.periodic.stir();
        self.on_boarding.stir();
    }

    /// Tells everybody who wants to know.
    pub(super) fn tell(&mut self, now: Now, what: &Happening<'_>) {
        self.tell_only(now, None, what);
    }

    /// Tells everybody who wants to know, or of them only the controller with this Controller row.
    pub(super) fn tell_only(&mut self, now: Now, controller: Option<&str>, what: &Happening<'_>) {
        let Ok(path) = Path::parse(what.path()) else { return };
        let wanted = |args: &Args| {
            let is = |name: &str, value: &str| args.get(name).is_some_and(|kept| kept == value);
            is("Enable", "true")
                && is("NotifType", what.notif_type())
                && controller.is_none_or(|row| is("Recipient", row.trim_end_matches('.')))
        };
        let template = path.template();
        let (mut named, mut unsure) = (Set::new(), Map::<String, Vec<_>>::new());
        for (row, args) in self.settings.rows(TABLE).filter(|(_, args)| wanted(args)) {
            let references = references(args).unwrap_or_default();
            if references.iter().any(|reference| reference.covers(&path)) {
                named.insert(row.to_owned());
                continue;
            }
            let open: Vec<Path> = references.into_iter().filter(|reference| could_lead_to(reference, &template)).collect();
            if !open.is_empty() {
                let recipient = args.get("Recipient").cloned().unwrap_or_default();
                unsure.or_default(recipient).push((row.to_owned(), open));
            }
        }
        // Where a search or a reference leads only values can tell: they are read once for each controller.
        for (recipient, rows) in unsure {
            let rights = self.rights_of(&format!("{recipient}."));
            self.look_as(now, &rights, |look| {
                let leads = |(_, references): &(String, Vec<Path>)| references.iter().any(|reference| leads_to(look, reference, &path));
                named.extend(rows.into_iter().filter(leads).map(|(row, _)| row));
            });
        }
        for row in named {
            self.fire(now, &row, what);
        }
    }

    /// A subscription is triggered.
    pub(super) fn fire(&mut self, now: Now, row: &str, what: &Happening<'_>) {
        let Some(subscription) = self.settings.instances.get(row) else { return };
        let value = |name: &str| subscription.get(name).map_or("", String::as_str);
        let controller = format!("{}.", value("Recipient"));
        let (action, id) = (value("TriggerAction"), value("ID").to_owned());
        let (notifies, configures) = (action != "Config", action.ends_with("Config"));
        let (retry, expiration) = (value("NotifRetry") == "true", u64::read(value("NotifExpiration")).unwrap_or(0));
        let (kind, subject) = what.subject();
        if !self.rights_of(&controller).allows(kind, Right::Notify, subject) {
            return;
        }
        if configures {
            self.triggers.want(row, now.mono);
        }
        let Some(to) = self.recipient(&controller).filter(|_| notifies) else { return };
        if retry {
            self.make_room(now);
        }
        let notify = Notify { subscription_id: id, send_resp: retry, notification: Some(what.notification()) };
        let ask = Ask {
            tag: tag(row),
            to: to.id,
            topic: to.topic,
            request: Request::Notify(notify),
            answered: retry,
            // Without NotifRetry it is ignored (TR-181).
            expires: (retry && expiration > 0).then(|| Duration::from_secs(expiration)),
            again: retry.then_some(to.backoff),
        };
        self.endpoint.handle(now, EndpointInput::Ask(ask));
    }

    /// Makes room for one more notification that waits for an answer.
    fn make_room(&mut self, now: Now) {
        loop {
            let many = self.endpoint.waiting() >= MAX_WAITING;
            if !many && self.endpoint.waiting_bytes() < MAX_WAITING_BYTES {
                return;
            }
            let Some(tag) = self.endpoint.most_waiting(!many) else { return };
            self.endpoint.handle(now, EndpointInput::ForgetOldest(tag));
            let bound = if many { MAX_WAITING.to_string() } else { format!("{MAX_WAITING_BYTES} bytes of") };
            self.log(format!("{bound} notifications wait for an answer; the oldest of {TABLE}{tag}. was dropped"));
        }
    }

    /// Notes when each subscription ends, and removes those that have.
    pub(super) fn mind_time_to_live(&mut self, now: Now) {
        let ended = self.endings.mind(now, &self.settings);
        if ended.is_empty() {
            return;
        }
        let before = self.settings.clone();
        ended.iter().for_each(|path| self.settings.remove(path));
        self.subscriptions_changed(now, &before);
        // It is over, written down or not; what is left on the flash ends again in the next run.
        if let Err(fault) = self.keep(&self.settings.clone(), None) {
            self.log(format!("a subscription ended and could not be taken off the flash: {}", fault.text));
        }
    }
}

/// What the questions for a subscription are called: its instance number.
fn tag(row: &str) -> Tag {
    row.trim_end_matches('.').rsplit('.').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Whether a reference is one of which only values can tell whether it leads to an event or command of this template.
fn could_lead_to(reference: &Path, template: &str) -> bool {
    if reference.follows() {
        return true;
    }
    let own = reference.template();
    reference.segments.iter().any(|segment| matches!(segment, Segment::Search(_)))
        && if reference.target == Target::Object { template.starts_with(&own) } else { template == own }
}

/// Whether a reference with a search in it, or that follows another, leads to this event or command just now.
fn leads_to(look: &mut Look<'_>, reference: &Path, concrete: &Path) -> bool {
    let object = concrete.object().to_string();
    let Ok(places) = look.resolve(&reference.object()) else { return false };
    places.iter().any(|place| match reference.target {
        Target::Object => object.starts_with(&place.path),
        _ => reference.target == concrete.target && object == place.path,
    })
}
