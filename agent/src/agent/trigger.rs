//! `TriggerAction`: what a subscription sets when it is triggered, with the rights of the controller that made it.

use std::time::Duration;

use line3_proto::path::Target;
use line3_proto::sorted::Map;
use line3_proto::usp::{Response, Set, SetRespOperStatus, UpdateObject, UpdateParamSetting};
use line3_proto::{Mono, Now};

use super::{Agent, edit};
use crate::settings::trigger;

/// A subscription sets at most once in this time, and in so many of it as there were subscriptions to set at once; what triggers it
/// in between is answered by one more time at its end. So settings that trigger themselves cost no more than that.
const PERIOD: Duration = Duration::from_secs(1);

/// What is to be set, and not before when, by the path of the subscription. Bounded by the subscriptions.
#[derive(Default)]
pub(super) struct Triggers(Map<String, Trigger>);

struct Trigger {
    wanted: bool,
    not_before: Mono,
    /// What could not be set the last time, as the log has it: the same is not said again.
    failed: Vec<String>,
}

impl Triggers {
    /// A subscription is triggered.
    pub(super) fn want(&mut self, subscription: &str, now: Mono) {
        self.0.or_insert_with(subscription.to_owned(), || Trigger { wanted: false, not_before: now, failed: Vec::new() }).wanted = true;
    }

    /// When the next one may set.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.0.values().filter(|trigger| trigger.wanted).map(|trigger| trigger.not_before).min()
    }
}

impl Agent {
    /// Sets what is wanted and may be.
    pub(super) fn mind_triggers(&mut self, now: Now) {
        if self.triggers.0.is_empty() {
            return;
        }
        self.triggers.0.retain(|path, _| self.settings.instances.contains_key(path));
        let may = |trigger: &Trigger| trigger.wanted && trigger.not_before <= now.mono;
        let due: Vec<String> = self.triggers.0.iter().filter(|(_, trigger)| may(trigger)).map(|(path, _)| path.clone()).collect();
        let pause = PERIOD * u32::try_from(due.len()).unwrap_or(u32::MAX);
        for path in due {
            if let Some(trigger) = self.triggers.0.get_mut(&path) {
                (trigger.wanted, trigger.not_before) = (false, now.mono + pause);
            }
            let failed = self.configure(now, &path);
            let Some(trigger) = self.triggers.0.get_mut(&path) else { continue };
            let fresh: Vec<String> = failed.iter().filter(|text| !trigger.failed.contains(text)).cloned().collect();
            trigger.failed = failed;
            fresh.into_iter().for_each(|text| self.log(text));
        }
    }

    /// Sets what a subscription says; gives what could not be set, and why.
    fn configure(&mut self, now: Now, subscription: &str) -> Vec<String> {
        let Some(values) = self.settings.instances.get(subscription) else { return Vec::new() };
        let controller = format!("{}.", values.get("Recipient").map_or("", String::as_str));
        let settings = match trigger::settings(values) {
            Ok(settings) => settings,
            Err(fault) => return vec![format!("{subscription} sets nothing: {fault}")],
        };
        let rights = self.rights_of(&controller);
        let mut troubles = Vec::new();
        for (path, value) in settings {
            let Target::Parameter(param) = &path.target else { continue };
            let param_settings = vec![UpdateParamSetting { param: param.clone(), value, required: true }];
            let update_objs = vec![UpdateObject { obj_path: path.object().to_string(), param_settings }];
            let set = Set { allow_partial: false, update_objs };
            let done = self.edit(now, &controller, &rights, true, None, &|look, draft, editor| {
                Ok(Response::SetResp(edit::set(look, draft, &set, editor)?))
            });
            let failed = match done {
                Ok(Response::SetResp(done)) => {
                    done.updated_obj_results.into_iter().find_map(|result| match result.oper_status?.oper_status? {
                        SetRespOperStatus::OperFailure(failure) => Some(format!("{} {}", failure.err_code, failure.err_msg)),
                        SetRespOperStatus::OperSuccess(_) => None,
                    })
                }
                Ok(_) => None,
                Err(refusal) => Some(
                    refusal
                        .params
                        .first()
                        .map_or_else(|| refusal.fault.to_string(), |param| format!("{} {}", param.err_code, param.err_msg)),
                ),
            };
            troubles.extend(failed.map(|failed| format!("{subscription} could not set {path}: {failed}")));
        }
        troubles
    }
}
