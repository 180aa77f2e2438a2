//! Functionality: section 9, and the cases of section 1 that use its `ScheduleTimer()`.

use std::time::{Duration, Instant};

use line3_proto::usp::{Notification, Notify, NotifyOperationResp, OperateResp, OperateRespOperationResp};
use serde_json::Value as Json;

use crate::controller::LIMIT;
use crate::eut::Eut;
use crate::setup::{CONTROLLERS, SUBSCRIPTIONS, added, own_row, rows, subscription, value};

cases! {
    tp_1_79_input_arguments,
    tp_1_91_unknown_arguments,
    tp_1_100_missing_mandatory_argument,
    tp_9_9_adding_a_controller,
    tp_9_10_boot_parameters: "the subscription is Persistent, or it would end at the reboot",
    tp_9_11_timer,
}

const TIMER: &str = "Device.ScheduleTimer()";

/// The one result of an OperateResp for the timer.
fn result(response: &OperateResp) -> &OperateRespOperationResp {
    assert_eq!(response.operation_results.len(), 1, "{response:?}");
    assert_eq!(response.operation_results[0].executed_command, TIMER, "{response:?}");
    response.operation_results[0].operation_resp.as_ref().unwrap()
}

/// The path of the Request row that an OperateResp names, which must be there.
fn request(eut: &mut Eut, response: &OperateResp) -> String {
    let OperateRespOperationResp::ReqObjPath(path) = result(response) else { panic!("no Request row: {response:?}") };
    let path = format!("{}.", path.trim_end_matches('.'));
    assert!(path.starts_with("Device.LocalAgent.Request."), "{path}");
    assert!(rows(eut, "Device.LocalAgent.Request.").contains(&path), "{path} is not there");
    path
}

/// The end of the timer with this key, a success.
#[track_caller]
fn is_end(notify: &Notify, key: &str) {
    match &notify.notification {
        Some(Notification::OperComplete(end)) => {
            let is = (end.obj_path.as_str(), end.command_name.as_str(), end.command_key.as_str());
            assert_eq!(is, ("Device.", "ScheduleTimer()", key));
            assert!(matches!(end.operation_resp, Some(NotifyOperationResp::ReqOutputArgs(_))), "{end:?}");
        }
        other => panic!("no OperationComplete: {other:?}"),
    }
}

fn timed(eut: &mut Eut, key: &str, delay: &str) {
    subscription(eut, "timer", "OperationComplete", TIMER);
    let begun = Instant::now();
    let response = eut.operate(TIMER, key, &[("DelaySeconds", delay)]).unwrap();
    request(eut, &response);
    let delay = Duration::from_secs(delay.parse().unwrap());
    is_end(&eut.notify_of("timer", delay + LIMIT), key);
    assert!(begun.elapsed() >= delay, "{:?}", begun.elapsed());
}

fn tp_1_79_input_arguments(eut: &mut Eut) {
    timed(eut, "test79", "30");
}

fn tp_1_91_unknown_arguments(eut: &mut Eut) {
    let response = eut.operate(TIMER, "", &[("DelaySeconds", "10"), ("InvalidArgument", "2")]).unwrap();
    request(eut, &response);
}

fn tp_1_100_missing_mandatory_argument(eut: &mut Eut) {
    subscription(eut, "timer", "OperationComplete", TIMER);
    // The plan's `input_args {}` is an argument without a name, as it is written, and no argument, as it is meant.
    for args in [&[("", "")][..], &[]] {
        let response = eut.operate(TIMER, "test100", args).unwrap();
        match result(&response) {
            OperateRespOperationResp::CmdFailure(failure) => assert_eq!(failure.err_code, 7027, "{failure:?}"),
            other => panic!("it should fail: {other:?}"),
        }
    }
    eut.no_notify(Duration::from_secs(120));
}

fn tp_9_9_adding_a_controller(eut: &mut Eut) {
    let id = "self::tp-9-9";
    let mut second = eut.controller(id);
    let own = own_row(eut);
    let role = value(eut, &format!("{own}AssignedRole"));
    let params = [
        ("Alias", "usp-111-Controller", false),
        ("EndpointID", id, false),
        ("Enable", "true", false),
        ("AssignedRole", role.as_str(), false),
    ];
    let response = eut.add(false, &[(CONTROLLERS, &params)]).unwrap();
    assert!(added(&response, 0).param_errs.is_empty(), "{response:?}");
    let path = added(&response, 0).instantiated_path.clone();
    assert_eq!(value(eut, &format!("{path}Alias")), "usp-111-Controller");
    let topic = format!("usp/controller/{id}/{}", eut.agent);
    let params = [("Enable", "true", false), ("Protocol", "MQTT", false), ("MQTT.Topic", topic.as_str(), false)];
    let response = eut.add(false, &[(&format!("{path}MTP."), &params)]).unwrap();
    assert!(added(&response, 0).param_errs.is_empty(), "{response:?}");
    // An agent may make itself known on its own, as soon as there is a way. What is looked for comes of the command.
    while second.maybe_notify(Duration::from_secs(2)).is_some() {}
    eut.operate_silently(&format!("{path}SendOnBoardRequest()"), "", &[]);
    let notify = second.notify_of("", LIMIT);
    assert!(matches!(notify.notification, Some(Notification::OnBoardReq(_))), "{notify:?}");
    // It is able to talk with it.
    assert_eq!(own_row(&mut second), path);
}

fn tp_9_10_boot_parameters(eut: &mut Eut) {
    const IMAGE: &str = "Device.DeviceInfo.BootFirmwareImage";
    let table = format!("{}BootParameter.", own_row(eut));
    let boot =
        [("NotifType", "Event", false), ("ReferenceList", "Device.Boot!", false), ("Enable", "true", false), ("Persistent", "true", false)];
    let parameter = [("Enable", "true", false), ("ParameterName", IMAGE, false)];
    let response = eut.add(false, &[(SUBSCRIPTIONS, &boot), (&table, &parameter)]).unwrap();
    (0..2).for_each(|index| assert!(added(&response, index).param_errs.is_empty(), "{response:?}"));
    let id = added(&response, 0).unique_keys["ID"].clone();
    eut.operate_silently("Device.Reboot()", "", &[]);
    let notify = eut.notify_of(&id, LIMIT);
    let Some(Notification::Event(event)) = notify.notification else { panic!("no event: {notify:?}") };
    assert_eq!((event.obj_path.as_str(), event.event_name.as_str()), ("Device.", "Boot!"));
    let map: Json = serde_json::from_str(&event.params["ParameterMap"]).unwrap();
    assert_eq!(map[IMAGE], "Device.DeviceInfo.FirmwareImage.1", "{map}");
    assert_eq!(map.as_object().unwrap().len(), 1, "{map}");
}

fn tp_9_11_timer(eut: &mut Eut) {
    timed(eut, "", "60");
}
