//! `kill -9` of the agent, again and again, while its settings change over the real link: what it has then is what it had after the
//! last change that was acknowledged, or after one that was under way.
//!
//! 25 kills; `LINE3_KILLS=1000` for the long run.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use line3_proto::usp::{Add, CreateObject, CreateParamSetting, Delete, Request, Response, Set, UpdateObject, UpdateParamSetting};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::eut::Eut;
use crate::lab::Lab;
use crate::setup::{self, CONTROLLERS, SUBSCRIPTIONS};

/// The latest moment of a kill after the changes have begun.
const LONGEST: u64 = 120;

/// What the settings are after some change: a value, and the ids of the subscriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    code: String,
    ids: BTreeSet<String>,
}

/// The change with this number, and what it makes of the settings: a Set, then an Add, then a Delete of what was added.
fn change(number: u64, state: &mut State) -> Request {
    let row = number / 3;
    match number % 3 {
        0 => {
            state.code = number.to_string();
            let setting = UpdateParamSetting { param: "ProvisioningCode".to_owned(), value: state.code.clone(), required: true };
            let object = UpdateObject { obj_path: format!("{CONTROLLERS}1."), param_settings: vec![setting] };
            Request::Set(Set { allow_partial: false, update_objs: vec![object] })
        }
        1 => {
            let id = format!("kept-{row}");
            let values = [("ID", id.as_str()), ("Persistent", "true"), ("ReferenceList", "Device."), ("NotifType", "Event")];
            let setting = |(param, value): (&str, &str)| CreateParamSetting { param: param.into(), value: value.into(), required: true };
            let object = CreateObject { obj_path: SUBSCRIPTIONS.to_owned(), param_settings: values.map(setting).to_vec() };
            state.ids.insert(id);
            Request::Add(Add { allow_partial: false, create_objs: vec![object] })
        }
        // Three rows stay, the oldest goes.
        _ => {
            let id = format!("kept-{}", row.saturating_sub(3));
            state.ids.remove(&id);
            Request::Delete(Delete { allow_partial: true, obj_paths: vec![format!("{SUBSCRIPTIONS}[ID==\"{id}\"].")] })
        }
    }
}

/// What the settings are now.
fn state(eut: &mut Eut) -> State {
    let code = setup::value(eut, &format!("{CONTROLLERS}1.ProvisioningCode"));
    let ids = setup::values(eut, &format!("{SUBSCRIPTIONS}*.ID")).into_values().collect();
    State { code, ids }
}

/// What is on the disk, in the agent's own file.
fn kept(eut: &Eut) -> State {
    let Ok(text) = std::fs::read_to_string(eut.process.dir.join("state/settings")) else { return State::default() };
    let (_, json) = text.split_once('\n').unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    let code = json["changed"][format!("{CONTROLLERS}1.")]["ProvisioningCode"].as_str().unwrap_or_default().to_owned();
    let rows = json["added"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with(SUBSCRIPTIONS));
    State { code, ids: rows.map(|(_, row)| row["ID"].as_str().unwrap().to_owned()).collect() }
}

/// See the module.
pub(crate) fn kill_9_never_loses_what_was_acknowledged(lab: &Arc<Lab>) {
    let kills: u64 = std::env::var("LINE3_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(25);
    let mut eut = Eut::start(lab, "killed");
    let (mut number, mut acknowledged, mut new, mut highest, mut under_way) = (0_u64, 0_u64, 0_u64, 0_u64, 0_u64);
    let mut last = State::default();
    for round in 0..kills {
        // No two kills come at the same moment after the changes have begun; the same ones in every run.
        let after = Duration::from_micros((round * 7919 + round * round * 104_729) % (LONGEST * 1000));
        let pid = Pid::from_raw(eut.process.pid().cast_signed());
        let killer = std::thread::spawn(move || {
            std::thread::sleep(after);
            kill(pid, Signal::SIGKILL).unwrap();
        });
        // From the state that is certain on: what each change makes of it.
        let mut states = vec![last.clone()];
        loop {
            let mut next = states.last().unwrap().clone();
            let request = change(number, &mut next);
            number += 1;
            states.push(next);
            let id = eut.send(request);
            let mut answer = None;
            while answer.is_none() && !killer.is_finished() {
                answer = eut.answer(&id, Duration::from_millis(10));
            }
            let Some(answer) = answer else { break };
            let response = answer.unwrap_or_else(|error| panic!("round {round}, change {number}: {error:?}"));
            if let Response::AddResp(added) = &response {
                let path = &setup::added(added, 0).instantiated_path;
                let instance: u64 = path.trim_end_matches('.').rsplit('.').next().unwrap().parse().unwrap();
                assert!(instance > highest, "{path}: the number was used before");
                highest = instance;
            }
            (acknowledged, new) = (acknowledged + 1, states.len() as u64 - 1);
        }
        killer.join().unwrap();
        eut.process.was_killed();
        let possible = &states[usize::try_from(new).unwrap()..];
        let on_disk = kept(&eut);
        assert!(possible.contains(&on_disk), "kill {round} left {on_disk:?}, which is none of {possible:?}\n{}", eut.log());
        if possible.len() > 1 && on_disk == possible[1] {
            under_way += 1;
        }
        eut.forget_records();
        if round % 5 == 4 {
            // Also while it starts.
            eut.process.start();
            std::thread::sleep(after);
            eut.process.kill();
            eut.forget_records();
        }
        eut.process.start();
        eut.until_online();
        last = state(&mut eut);
        // The broker may deliver once more what was under way.
        assert!(possible.contains(&last), "after kill {round}: {last:?} was never acknowledged or under way: {possible:?}\n{}", eut.log());
        new = 0;
        assert!(!eut.log().contains("lost"), "{}", eut.log());
    }
    println!("{kills} kills, {acknowledged} changes acknowledged; {under_way} times the change under way was kept too");
}
