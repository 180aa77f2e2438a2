//! OnBoardRequest: the agent makes itself known to a controller that has not taken it in yet (R-NOT.5 to 6a).

use std::time::Duration;

use line3_proto::endpoint::{Ask, Input as EndpointInput, Refusal, Tag};
use line3_proto::fault::code;
use line3_proto::path::Path;
use line3_proto::row::Args;
use line3_proto::sorted::Map;
use line3_proto::usp::{Notification, Notify, OnBoardRequest, Request, Response};
use line3_proto::value::Value;
use line3_proto::{Fault, Machine, Mono, Now};

use super::supported::PROTOCOL_VERSIONS;
use super::{Agent, CONTROLLERS, get};

/// What leads the tags of these questions; the number of the Controller row follows. Those of subscriptions are smaller.
const TAGS: Tag = 1 << 32;

/// A controller that refused the request is asked again after this long.
const AFTER_REFUSAL: Duration = Duration::from_secs(300);

/// The controllers that have not taken the agent in, by the path of their row.
#[derive(Default)]
pub(super) struct OnBoarding {
    stages: Map<String, Stage>,
    /// Controllers may be others.
    stale: bool,
}

/// How far it is with one controller.
#[derive(Clone, Copy)]
enum Stage {
    /// It was asked, and has not answered.
    Asked,
    /// It answered then; `OnBoardingRestartTime` later it is asked again.
    Answered(Mono),
    /// It is asked again then.
    Refused(Mono),
}

impl OnBoarding {
    /// Controllers may be others: it is looked after before the next input.
    pub(super) fn stir(&mut self) {
        self.stale = true;
    }
}

impl Agent {
    /// When a controller is to be asked again.
    pub(super) fn on_boarding_deadline(&self) -> Option<Mono> {
        self.on_boarding.stages.iter().filter_map(|(path, stage)| self.ask_again(path, *stage)).min()
    }

    fn ask_again(&self, path: &str, stage: Stage) -> Option<Mono> {
        match stage {
            Stage::Asked => None,
            Stage::Refused(again) => Some(again),
            Stage::Answered(at) => {
                let wait = u64::read(self.settings.value(path, "OnBoardingRestartTime")).filter(|secs| *secs > 0)?;
                Some(at + Duration::from_secs(wait))
            }
        }
    }

    /// Asks those that have not taken the agent in and are due, and leaves those alone that have.
    pub(super) fn mind_on_boarding(&mut self, now: Now) {
        let due = |stage: &Stage, path: &str| self.ask_again(path, *stage).is_some_and(|due| due <= now.mono);
        if !self.on_boarding.stale && !self.on_boarding.stages.iter().any(|(path, stage)| due(stage, path)) {
            return;
        }
        self.on_boarding.stale = false;
        let open = |args: &Args| {
            let is = |name: &str, value: &str| args.get(name).is_some_and(|kept| kept == value);
            is("Enable", "true") && !is("OnBoardingComplete", "true")
        };
        let rows: Vec<String> = self.settings.rows(CONTROLLERS).filter(|(_, args)| open(args)).map(|(path, _)| path.to_owned()).collect();
        let over: Vec<String> = self.on_boarding.stages.keys().filter(|path| !rows.contains(path)).cloned().collect();
        for path in over {
            self.on_boarding.stages.remove(&path);
            self.endpoint.handle(now, EndpointInput::Forget(tag(&path)));
        }
        for path in rows {
            let stage = self.on_boarding.stages.get(&path).copied();
            if stage.is_none_or(|stage| self.ask_again(&path, stage).is_some_and(|due| due <= now.mono)) {
                self.ask_to_be_taken_in(now, &path);
            }
        }
    }

    /// Asks a controller, if there is a way to it.
    fn ask_to_be_taken_in(&mut self, now: Now, path: &str) {
        let Some(to) = self.recipient(path).filter(|to| !to.topic.is_empty()) else { return };
        let mut who = Args::new();
        if let Ok(about) = Path::parse("Device.DeviceInfo.")
            && let Ok(found) = self.look(now, |look| get::values(look, &about, 1))
        {
            found.into_iter().for_each(|found| who.extend(found.result_params));
        }
        let mut of = |name: &str| who.remove(name).unwrap_or_default();
        let request = OnBoardRequest {
            oui: of("ManufacturerOUI"),
            product_class: of("ProductClass"),
            serial_number: of("SerialNumber"),
            agent_supported_protocol_versions: PROTOCOL_VERSIONS.to_owned(),
        };
        let notify = Notify { subscription_id: String::new(), send_resp: true, notification: Some(Notification::OnBoardReq(request)) };
        self.on_boarding.stages.insert(path.to_owned(), Stage::Asked);
        self.endpoint.handle(now, EndpointInput::Forget(tag(path)));
        let (tag, request) = (tag(path), Request::Notify(notify));
        let ask = Ask { tag, to: to.id, topic: to.topic, request, answered: true, expires: None, again: Some(to.backoff) };
        self.endpoint.handle(now, EndpointInput::Ask(ask));
    }

    /// Begins anew with a controller: `SendOnBoardRequest()`.
    pub(super) fn begin_on_boarding(&mut self, now: Now, number: u32) -> Result<(), Fault> {
        let path = format!("{CONTROLLERS}{number}.");
        if self.recipient(&path).is_none_or(|to| to.topic.is_empty()) {
            let text = format!("{path} is not enabled, or there is no way to it: enable it and give it an MTP with a topic first");
            return Err(Fault::new(code::COMMAND_FAILURE, text));
        }
        let mut draft = self.settings.clone();
        draft.put(&path, &[("OnBoardingComplete", "false")]);
        if draft != self.settings {
            self.keep(&draft, None)?;
            let before = std::mem::replace(&mut self.settings, draft);
            self.settings_changed(now, &before);
        }
        self.on_boarding.stages.remove(&path);
        self.on_boarding.stir();
        Ok(())
    }

    /// A notification was answered.
    pub(super) fn notification_answered(&mut self, now: Now, tag: Tag, answer: &Result<Response, Refusal>) {
        let Some(number) = tag.checked_sub(TAGS) else { return };
        if let Some(stage) = self.on_boarding.stages.get_mut(&format!("{CONTROLLERS}{number}.")) {
            *stage = if answer.is_ok() { Stage::Answered(now.mono) } else { Stage::Refused(now.mono + AFTER_REFUSAL) };
        }
    }
}

/// What the question for a controller is called.
fn tag(path: &str) -> Tag {
    let number: Option<Tag> = path.trim_end_matches('.').rsplit('.').next().and_then(|number| number.parse().ok());
    TAGS + number.unwrap_or(0)
}
