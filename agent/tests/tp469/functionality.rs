//! Functionality: section 9, and the cases of section 1 that use its `ScheduleTimer()`.

use std::time::{Duration, Instant};

use line3_proto::usp::{Notification, Notify, NotifyOperationResp, OperateResp, OperateRespOperationResp};
use serde_json::Value as Json;

use crate::controller::LIMIT;
use crate::eut::Eut;
use crate::notify::secondary;
use crate::setup::{SUBSCRIPTIONS, own_row, row, rows, subscription};

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
    let response = eut.operate(TIMER, "test100", &[]).unwrap();
    match result(&response) {
        OperateRespOperationResp::CmdFailure(failure) => assert_eq!(failure.err_code, 7027, "{failure:?}"),
        other => panic!("it should fail: {other:?}"),
    }
    eut.no_notify(Duration::from_secs(120));
}

fn tp_9_9_adding_a_controller(eut: &mut Eut) {
    let id = "self::tp-9-9";
    let mut second = eut.controller(id);
    let path = secondary(eut, id);
    let _ = eut.operate(&format!("{path}SendOnBoardRequest()"), "", &[]).unwrap();
    let notify = second.notify_of("", LIMIT);
    assert!(matches!(notify.notification, Some(Notification::OnBoardReq(_))), "{notify:?}");
    // It is able to talk with it.
    assert_eq!(own_row(&mut second), path);
}

fn tp_9_10_boot_parameters(eut: &mut Eut) {
    const IMAGE: &str = "Device.DeviceInfo.BootFirmwareImage";
    let table = format!("{}BootParameter.", own_row(eut));
    let boot = [("NotifType", "Event"), ("ReferenceList", "Device.Boot!"), ("Enable", "true"), ("Persistent", "true"), ("ID", "boot")];
    row(eut, SUBSCRIPTIONS, &boot);
    row(eut, &table, &[("Enable", "true"), ("ParameterName", IMAGE)]);
    eut.operate_silently("Device.Reboot()", "", &[]);
    let notify = eut.notify_of("boot", LIMIT);
    let Some(Notification::Event(event)) = notify.notification else { panic!("no event: {notify:?}") };
    assert_eq!((event.obj_path.as_str(), event.event_name.as_str()), ("Device.", "Boot!"));
    let map: Json = serde_json::from_str(&event.params["ParameterMap"]).unwrap();
    assert_eq!(map[IMAGE], "Device.DeviceInfo.FirmwareImage.1", "{map}");
    assert_eq!(map.as_object().unwrap().len(), 1, "{map}");
}

fn tp_9_11_timer(eut: &mut Eut) {
    timed(eut, "", "60");
}
