//! What controllers ask: who may ask at all, and which room answers.

use std::time::Duration;

use line3_proto::endpoint::{Input as EndpointInput, Refusal, Reply};
use line3_proto::fault::code;
use line3_proto::usp::{GetSupportedProtocolResp, Request, Response};
use line3_proto::{EndpointId, Fault, Machine, Now};

use super::{Agent, edit, get, supported};

impl Agent {
    /// Answers what another endpoint asks.
    pub(super) fn asked(&mut self, now: Now, from: &EndpointId, reply: Reply, request: Request, remaining: Option<Duration>) {
        let originator = self.controller_row(from.as_str()).map(str::to_owned);
        let originator = originator.or_else(|| self.let_in(now, from));
        let known = originator.map(|originator| (self.rights_of(&originator), originator));
        let Some((rights, originator)) = known.filter(|(rights, _)| !rights.is_banned()) else {
            let fault = Fault::new(code::PERMISSION_DENIED, format!("{from} is no controller of this box"));
            return self.endpoint.handle(now, EndpointInput::Answer(reply, Err(fault.into())));
        };
        let sparing = !rights.is_full();
        let answer = match request {
            Request::Operate(operate) => return self.operate(now, from, &rights, operate, reply, remaining),
            Request::Get(get) => self.look_as(now, &rights, |look| get::get(look, &get)).map(Response::GetResp).map_err(Refusal::from),
            Request::GetInstances(get) => {
                self.look_as(now, &rights, |look| get::get_instances(look, &get)).map(Response::GetInstancesResp).map_err(Refusal::from)
            }
            Request::GetSupportedDm(get) => self
                .look_as(now, &rights, |look| supported::get_supported_dm(look, &get))
                .map(Response::GetSupportedDmResp)
                .map_err(Refusal::from),
            Request::GetSupportedProtocol(_) => {
                let versions = supported::PROTOCOL_VERSIONS.to_owned();
                Ok(Response::GetSupportedProtocolResp(GetSupportedProtocolResp { agent_supported_protocol_versions: versions }))
            }
            Request::Add(add) => {
                self.edit(now, &originator, &rights, sparing, add.allow_partial.then_some(add.create_objs.len()), &|look, draft, editor| {
                    Ok(Response::AddResp(edit::add(look, draft, &add, editor)?))
                })
            }
            Request::Set(set) => {
                self.edit(now, &originator, &rights, sparing, set.allow_partial.then_some(set.update_objs.len()), &|look, draft, editor| {
                    Ok(Response::SetResp(edit::set(look, draft, &set, editor)?))
                })
            }
            Request::Delete(delete) => self.edit(
                now,
                &originator,
                &rights,
                sparing,
                delete.allow_partial.then_some(delete.obj_paths.len()),
                &|look, draft, editor| Ok(Response::DeleteResp(edit::delete(look, draft, &delete, editor)?)),
            ),
            Request::Notify(_) | Request::Register(_) | Request::Deregister(_) => {
                Err(Fault::new(code::NOT_SUPPORTED, "an agent does not take this kind of message").into())
            }
        };
        self.endpoint.handle(now, EndpointInput::Answer(reply, answer));
    }
}
