//! Notifications: who is told what happened. Boot!, progress and the end of asynchronous commands.

use std::collections::BTreeMap;
use std::time::Duration;

use line3_proto::backoff::Backoff;
use line3_proto::endpoint::{Ask, Input as EndpointInput};
use line3_proto::path::Path;
use line3_proto::row::{Args, Row};
use line3_proto::usp::{
    Event, Notification, Notify, NotifyCommandFailure, NotifyOperationResp, NotifyOutputArgs, OperationComplete, Request,
};
use line3_proto::value::Value;
use line3_proto::{EndpointId, Fault, Machine, Mono, Now, row};

use super::Agent;
use super::model::EventDef;
use super::rights::{Kind, is_banned};
use crate::settings::Settings;
use crate::settings::subscription::{TABLE, references};

/// The most notifications that wait for an answer; beyond it a new one is dropped, and said so in the log. Whoever needs the
/// result of a command asks again by its call id.
const MAX_WAITING: usize = 256;

row! {
    /// Arguments of `Device.Boot!`.
    struct BootArgs {
        /// The command key of the Reboot() that led to it; empty: none did.
        CommandKey: String,
        /// `LocalReboot` or `RemoteReboot`.
        Cause: String,
        /// Whether the firmware is another one than before.
        FirmwareUpdated: bool,
        /// Values that the controller wants with it, as JSON.
        ParameterMap: String,
        /// The agent's run.
        X_LINE3_RunID: String,
        /// The kernel's boot id; empty: unknown.
        X_LINE3_BootID: String,
        /// `system`, or `restart-agent` where Reboot() restarts the agent only.
        X_LINE3_RebootMode: String,
    }
}

row! {
    /// Arguments of the progress event.
    struct ProgressArgs {
        /// The command key of the call.
        CommandKey: String,
        /// How far it is.
        Text: String,
    }
}

/// `Device.Boot!`
pub(super) const BOOT: EventDef =
    EventDef { path: "Device.Boot!", doc: "The box (or, where labelled so, only its agent) has started.", fields: BootArgs::FIELDS };

/// How far a command is.
pub(super) const PROGRESS: EventDef = EventDef {
    path: "Device.LocalAgent.Request.{i}.X_LINE3_Progress!",
    doc: "How far a command is; at most once a second.",
    fields: ProgressArgs::FIELDS,
};

/// Every event.
pub(super) const EVENTS: &[EventDef] = &[BOOT, PROGRESS];

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
}

impl Happening<'_> {
    fn notif_type(&self) -> &'static str {
        match self {
            Self::Event { .. } => "Event",
            Self::Completed { .. } => "OperationComplete",
        }
    }

    fn path(&self) -> &str {
        match self {
            Self::Event { path, .. } => path,
            Self::Completed { command, .. } => command,
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

    /// The subscriptions, or what they are about, may have changed.
    pub(super) fn subscriptions_changed(&mut self, _now: Now, _before: &Settings) {}

    /// Tells everybody who wants to know.
    pub(super) fn tell(&mut self, now: Now, what: &Happening<'_>) {
        let Ok(path) = Path::parse(what.path()) else { return };
        let wanted = |args: &&Args| {
            let is = |name: &str, value: &str| args.get(name).is_some_and(|kept| kept == value);
            is("Enable", "true")
                && is("NotifType", what.notif_type())
                && references(args).is_ok_and(|refs| refs.iter().any(|r| r.covers(&path)))
        };
        let subscriptions: Vec<Args> = self.settings.rows(TABLE).map(|(_, args)| args).filter(wanted).cloned().collect();
        for subscription in subscriptions {
            let value = |name: &str| subscription.get(name).map_or("", String::as_str);
            let controller = format!("{}.", value("Recipient"));
            let Some(to) = self.recipient(&controller) else { continue };
            if !self.may_be_told(&controller, Kind::CommandEvent, what.path()) {
                continue;
            }
            if self.endpoint.waiting() >= MAX_WAITING {
                self.log(format!("{MAX_WAITING} notifications wait for an answer; one of {} was dropped", what.path()));
                continue;
            }
            let (retry, expiration) = (value("NotifRetry") == "true", u64::read(value("NotifExpiration")).unwrap_or(0));
            let notify = Notify { subscription_id: value("ID").to_owned(), send_resp: retry, notification: Some(what.notification()) };
            let ask = Ask {
                tag: 0,
                to: to.id,
                topic: to.topic,
                request: Request::Notify(notify),
                answered: retry,
                expires: (expiration > 0).then(|| Duration::from_secs(expiration)),
                again: retry.then_some(to.backoff),
            };
            self.endpoint.handle(now, EndpointInput::Ask(ask));
        }
    }

    /// Notes when each subscription ends, and removes those that have.
    pub(super) fn mind_time_to_live(&mut self, now: Now) {
        let time_to_live = |args: &Args| u64::read(args.get("TimeToLive")?).filter(|secs| *secs > 0);
        let rows = row::map(self.settings.rows(TABLE).filter_map(|(path, args)| Some((path.to_owned(), time_to_live(args)?))));
        // A TimeToLive that was set anew counts anew.
        self.endings.0.retain(|path, (secs, _)| rows.get(path) == Some(secs));
        for (path, secs) in rows {
            self.endings.0.entry(path).or_insert((secs, now.mono + Duration::from_secs(secs)));
        }
        let ended: Vec<String> = self.endings.0.iter().filter(|(_, (_, end))| *end <= now.mono).map(|(path, _)| path.clone()).collect();
        if ended.is_empty() {
            return;
        }
        for path in ended {
            self.endings.0.remove(&path);
            self.settings.remove(&path);
        }
        // It is over, written down or not; what is left on the flash ends again in the next run.
        if let Err(fault) = self.keep(&self.settings.clone()) {
            self.log(format!("a subscription ended and could not be taken off the flash: {}", fault.text));
        }
    }
}

/// When subscriptions with a `TimeToLive` end: that time in seconds, and the moment. It is counted from when this run of the
/// agent first knew it. Bounded by the subscriptions.
#[derive(Default)]
pub(super) struct Endings(BTreeMap<String, (u64, Mono)>);

impl Endings {
    /// When the next one ends.
    pub(super) fn next(&self) -> Option<Mono> {
        self.0.values().map(|(_, end)| *end).min()
    }
}
