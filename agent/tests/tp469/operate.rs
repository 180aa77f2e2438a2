//! Operate.

use std::time::{Duration, Instant};

use line3_proto::usp::{
    Notification, Notify, NotifyOperationResp, NotifyOutputArgs, OperateResp, OperateRespOperationResp, OperateRespOutputArgs,
    OperationComplete,
};

use crate::controller::LIMIT;
use crate::eut::Eut;
use crate::setup::{rows, subscription, value};

cases! {
    tp_1_61_reboot: "the agent is set to restart itself for a reboot, not the machine",
    tp_1_62_reboot_without_response: "the agent is set to restart itself for a reboot, not the machine",
    tp_1_64_asynchronous: "NSLookupDiagnostics() is the asynchronous operation",
    tp_1_65_asynchronous_without_response: "NSLookupDiagnostics() is the asynchronous operation",
    tp_1_92_default_arguments: "IPPing() stands for TraceRoute(): 3 repetitions, 1000 ms",
}

/// The one result of an OperateResp.
fn result<'a>(response: &'a OperateResp, command: &str) -> &'a OperateRespOperationResp {
    assert_eq!(response.operation_results.len(), 1, "{response:?}");
    assert_eq!(response.operation_results[0].executed_command, command, "{response:?}");
    response.operation_results[0].operation_resp.as_ref().unwrap_or_else(|| panic!("no result: {response:?}"))
}

/// How often the agent has started.
fn starts(eut: &Eut) -> usize {
    eut.log().matches(" runs as ").count()
}

/// It starts anew, and is connected and answers again.
fn reboots(eut: &mut Eut, starts_before: usize) {
    eut.until_online();
    assert_eq!(starts(eut), starts_before + 1);
    assert_eq!(value(eut, "Device.LocalAgent.EndpointID"), eut.agent.as_str());
}

fn tp_1_61_reboot(eut: &mut Eut) {
    let before = starts(eut);
    eut.forget_records();
    let response = eut.operate("Device.Reboot()", "test61", &[]).unwrap();
    assert_eq!(*result(&response, "Device.Reboot()"), OperateRespOperationResp::ReqOutputArgs(OperateRespOutputArgs::default()));
    reboots(eut, before);
}

fn tp_1_62_reboot_without_response(eut: &mut Eut) {
    let before = starts(eut);
    eut.forget_records();
    let id = eut.operate_silently("Device.Reboot()", "test62", &[]);
    reboots(eut, before);
    assert_eq!(eut.answer(&id, Duration::ZERO), None);
    eut.no_answer_is_left();
}

/// An asynchronous command that any machine can run: nobody needs to listen there.
const COMMAND: &str = "Device.DNS.Diagnostics.NSLookupDiagnostics()";

const ARGS: &[(&str, &str)] = &[("HostName", "line3.example"), ("DNSServer", "127.0.0.1"), ("Timeout", "1000")];

/// The completion of a command with this key, in a Notify to this subscription: its outputs.
fn completed(notify: &Notify, subscription: &str, command: &str, key: &str) -> NotifyOutputArgs {
    assert_eq!(notify.subscription_id, subscription);
    let Some(Notification::OperComplete(OperationComplete { obj_path, command_name, command_key, operation_resp })) = &notify.notification
    else {
        panic!("no OperationComplete: {notify:?}");
    };
    assert_eq!(format!("{obj_path}{command_name}"), command, "{notify:?}");
    assert_eq!(command_key, key, "{notify:?}");
    match operation_resp {
        Some(NotifyOperationResp::ReqOutputArgs(outputs)) => outputs.clone(),
        _ => panic!("it failed: {notify:?}"),
    }
}

/// The path of the Request row that an asynchronous command got.
fn request_row(response: &OperateResp, command: &str) -> String {
    let OperateRespOperationResp::ReqObjPath(path) = result(response, command) else { panic!("no Request: {response:?}") };
    let number = path.strip_prefix("Device.LocalAgent.Request.").unwrap_or_else(|| panic!("no Request: {response:?}"));
    assert!(number.trim_end_matches('.').parse::<u32>().is_ok(), "{response:?}");
    path.clone()
}

fn tp_1_64_asynchronous(eut: &mut Eut) {
    subscription(eut, "done", "OperationComplete", COMMAND);
    let response = eut.operate(COMMAND, "test64", ARGS).unwrap();
    request_row(&response, COMMAND);
    let outputs = completed(&eut.notify_of("done", LIMIT), "done", COMMAND, "test64");
    assert_eq!(outputs.output_args["Status"], "Complete");
}

fn tp_1_65_asynchronous_without_response(eut: &mut Eut) {
    subscription(eut, "done", "OperationComplete", COMMAND);
    let id = eut.operate_silently(COMMAND, "test65", ARGS);
    completed(&eut.notify_of("done", LIMIT), "done", COMMAND, "test65");
    assert_eq!(eut.answer(&id, Duration::from_secs(1)), None);
    eut.no_answer_is_left();
}

fn tp_1_92_default_arguments(eut: &mut Eut) {
    const PING: &str = "Device.IP.Diagnostics.IPPing()";
    subscription(eut, "done", "OperationComplete", PING);
    // Nobody answers this group on the loopback interface: a kernel leaves echoes to groups unanswered.
    let args = [("Host", "224.0.0.1"), ("Interface", "lo"), ("ProtocolVersion", "Any")];
    // Three times the 1000 ms, and 200 ms between, within 1 %. Never sooner; later only because this machine has much else to do, so
    // one time of several has to be right.
    let (sooner, later) = (Duration::from_millis(3366), Duration::from_millis(3434));
    let mut times = Vec::new();
    while times.last().is_none_or(|took| *took > later) {
        assert!(times.len() < 10, "{times:?}");
        let begun = Instant::now();
        let response = eut.operate(PING, "test92", &args).unwrap();
        let row = request_row(&response, PING);
        assert!(rows(eut, "Device.LocalAgent.Request.").contains(&row), "{row}");
        let outputs = completed(&eut.notify_of("done", LIMIT), "done", PING, "test92").output_args;
        times.push(begun.elapsed());
        assert_eq!([&outputs["Status"], &outputs["SuccessCount"], &outputs["FailureCount"]], ["Complete", "0", "3"], "{outputs:?}");
        assert!(*times.last().unwrap() > sooner, "{times:?}");
    }
}
