//! Notifications and the subscriptions behind them: 1.52 to 1.60, 1.78, 1.84, 1.93, 1.94, 1.101 to 1.103.

use std::time::{Duration, Instant};

use line3_proto::usp::{Notification, Notify, ObjectCreation};

use crate::eut::Eut;
use crate::setup::{
    CONTROLLERS, SUBSCRIPTIONS, added, controller_row, deleted, own_row, put, row, rows, subscription, updated, value, values,
};

cases! {
    tp_1_52_value_change,
    tp_1_53_deletion,
    tp_1_54_retry,
    tp_1_55_time_to_live,
    tp_1_56_retry_expiration,
    tp_1_57_object_creation,
    tp_1_58_object_deletion,
    tp_1_59_periodic,
    tp_1_60_on_board_request,
    tp_1_78_subscriptions_without_a_controller,
    tp_1_84_search_paths,
    tp_1_93_trigger_config,
    tp_1_94_trigger_notify_and_config,
    tp_1_101_on_boarding_complete,
    tp_1_102_on_boarding_restart_time,
    tp_1_103_on_boarding_restart_time_disabled,
}

/// How long the plan gives a notification that is due at once.
const SOON: Duration = Duration::from_secs(5);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Adds a Subscription as the plan does: of its parameters only ReferenceList is required, and yet none may fail. Gives its path.
fn subscribe(eut: &mut Eut, params: &[(&str, &str)]) -> String {
    let params: Vec<_> = params.iter().map(|(name, value)| (*name, *value, *name == "ReferenceList")).collect();
    let response = eut.add(false, &[(SUBSCRIPTIONS, &params)]).unwrap();
    assert_eq!(response.created_obj_results.len(), 1, "{response:?}");
    assert!(added(&response, 0).param_errs.is_empty(), "{response:?}");
    added(&response, 0).instantiated_path.clone()
}

/// The plan's subscription to ProvisioningCode, told again until it is answered. Gives the path of the parameter and of the row.
fn watch(eut: &mut Eut, id: &str, more: &[(&str, &str)]) -> (String, String) {
    let code = format!("{}ProvisioningCode", own_row(eut));
    put(eut, &code, "before");
    let mut params =
        vec![("Enable", "true"), ("ID", id), ("NotifType", "ValueChange"), ("ReferenceList", code.as_str()), ("NotifRetry", "true")];
    params.extend(more);
    let row = subscribe(eut, &params);
    (code, row)
}

/// A Set of ProvisioningCode, answered with success.
fn change(eut: &mut Eut, code: &str, to: &str) {
    put(eut, code, to);
}

#[track_caller]
fn is_change(notify: &Notify, id: &str, path: &str, value: &str) {
    assert_eq!(notify.subscription_id, id);
    match &notify.notification {
        Some(Notification::ValueChange(change)) => {
            assert_eq!((change.param_path.as_str(), change.param_value.as_str()), (path, value));
        }
        other => panic!("no ValueChange: {other:?}"),
    }
}

fn tp_1_52_value_change(eut: &mut Eut) {
    let (code, _) = watch(eut, "notify52", &[]);
    change(eut, &code, "TestValue52");
    let notify = eut.notify(SOON);
    is_change(&notify, "notify52", &code, "TestValue52");
    assert!(notify.send_resp, "NotifRetry is true");
}

fn tp_1_53_deletion(eut: &mut Eut) {
    let (code, row) = watch(eut, "notify53", &[]);
    change(eut, &code, "TestValue53");
    is_change(&eut.notify(SOON), "notify53", &code, "TestValue53");
    let response = eut.delete(false, &[&row]).unwrap();
    assert_eq!(deleted(&response, 0).affected_paths, [row]);
    change(eut, &code, "notify53-2");
    eut.no_notify(secs(20));
}

fn tp_1_54_retry(eut: &mut Eut) {
    let (code, _) = watch(eut, "notify54", &[]);
    let own = own_row(eut);
    assert_eq!(value(eut, &format!("{own}USPNotifRetryMinimumWaitInterval")), "5");
    eut.answer_notify(false);
    change(eut, &code, "TestValue54");
    is_change(&eut.notify(SOON), "notify54", &code, "TestValue54");
    let mut at = Instant::now();
    // What a busy machine may take from one side of a range and give to the other.
    let (early, late) = (Duration::from_millis(500), secs(1));
    for (low, high) in [(5, 10), (10, 20)] {
        if low == 10 {
            eut.answer_notify(true);
        }
        is_change(&eut.notify(secs(high) + late), "notify54", &code, "TestValue54");
        let waited = at.elapsed();
        assert!((secs(low) - early..=secs(high) + late).contains(&waited), "a retry after {waited:?}, not in {low} to {high} s");
        at = Instant::now();
    }
}

fn tp_1_55_time_to_live(eut: &mut Eut) {
    let (code, row) = watch(eut, "notify55", &[("TimeToLive", "20")]);
    change(eut, &code, "TestValue55");
    is_change(&eut.notify(SOON), "notify55", &code, "TestValue55");
    assert!(rows(eut, SUBSCRIPTIONS).contains(&row), "not before its time");
    eut.no_notify(secs(20));
    assert!(!rows(eut, SUBSCRIPTIONS).contains(&row));
    change(eut, &code, "TestValue55-2");
    eut.no_notify(secs(10));
}

fn tp_1_56_retry_expiration(eut: &mut Eut) {
    let (code, _) = watch(eut, "notify56", &[("NotifExpiration", "20")]);
    let own = own_row(eut);
    assert_eq!(value(eut, &format!("{own}USPNotifRetryMinimumWaitInterval")), "5");
    eut.answer_notify(false);
    change(eut, &code, "TestValue56");
    let end = Instant::now() + secs(20);
    is_change(&eut.notify(SOON), "notify56", &code, "TestValue56");
    is_change(&eut.notify(secs(11)), "notify56", &code, "TestValue56");
    // The second retry may come within the time, too; after it there is none.
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        eut.maybe_notify(left);
    }
    eut.no_notify(secs(40));
}

fn tp_1_57_object_creation(eut: &mut Eut) {
    let own = own_row(eut);
    let first = subscribe(
        eut,
        &[
            ("Enable", "true"),
            ("ID", "notify57"),
            ("NotifType", "ObjectCreation"),
            ("ReferenceList", SUBSCRIPTIONS),
            ("NotifRetry", "true"),
        ],
    );
    let code = format!("{own}ProvisioningCode");
    let params = [("Enable", "true"), ("ID", "notify57-2"), ("NotifType", "ValueChange"), ("ReferenceList", &code), ("NotifRetry", "true")];
    let second = subscribe(eut, &params);
    assert_ne!(first, second);
    let notify = eut.notify(SOON);
    assert_eq!(notify.subscription_id, "notify57");
    let Some(Notification::ObjCreation(ObjectCreation { obj_path, unique_keys })) = notify.notification else {
        panic!("no ObjectCreation: {notify:?}")
    };
    assert_eq!(obj_path, second);
    assert_eq!(unique_keys["ID"], "notify57-2");
    assert_eq!(unique_keys["Recipient"].trim_end_matches('.'), own.trim_end_matches('.'));
}

fn tp_1_58_object_deletion(eut: &mut Eut) {
    let doomed = subscription(eut, "doomed", "Event", "Device.Boot!");
    let params =
        [("Enable", "true"), ("ID", "notify58"), ("NotifType", "ObjectDeletion"), ("ReferenceList", SUBSCRIPTIONS), ("NotifRetry", "true")];
    subscribe(eut, &params);
    let response = eut.delete(false, &[&doomed]).unwrap();
    assert_eq!(deleted(&response, 0).affected_paths, [doomed.as_str()]);
    let notify = eut.notify(SOON);
    assert_eq!(notify.subscription_id, "notify58");
    match notify.notification {
        Some(Notification::ObjDeletion(gone)) => assert_eq!(gone.obj_path, doomed),
        other => panic!("no ObjectDeletion: {other:?}"),
    }
}

fn tp_1_59_periodic(eut: &mut Eut) {
    let own = own_row(eut);
    let params: crate::controller::Params<'_> =
        &[("PeriodicNotifInterval", "60", false), ("PeriodicNotifTime", "2019-01-01T00:00:00Z", false)];
    let response = eut.set(false, &[(&own, params)]).unwrap();
    assert!(updated(&response, 0).updated_inst_results.iter().all(|row| row.param_errs.is_empty()), "{response:?}");
    subscribe(eut, &[("Enable", "true"), ("ID", "sub-103"), ("NotifType", "Event"), ("ReferenceList", "Device.LocalAgent.Periodic!")]);
    let mut times = Vec::new();
    for _ in 0..2 {
        let notify = eut.notify_of("sub-103", secs(65));
        times.push(Instant::now());
        match notify.notification {
            Some(Notification::Event(event)) => {
                assert_eq!((event.obj_path.as_str(), event.event_name.as_str()), ("Device.LocalAgent.", "Periodic!"));
            }
            other => panic!("no event: {other:?}"),
        }
    }
    let between = times[1] - times[0];
    assert!((secs(56)..=secs(64)).contains(&between), "{between:?}");
}

/// An OnBoardRequest with all that it must say.
#[track_caller]
fn is_on_board_request(notify: &Notify) {
    assert_eq!(notify.subscription_id, "");
    assert!(notify.send_resp);
    match &notify.notification {
        Some(Notification::OnBoardReq(who)) => {
            assert_eq!((who.oui.as_str(), who.product_class.as_str(), who.serial_number.as_str()), ("00256D", "STB", "0469"));
            assert!(who.agent_supported_protocol_versions.split(',').any(|version| version == "1.4"), "{who:?}");
        }
        other => panic!("no OnBoardRequest: {other:?}"),
    }
}

/// The agent is asked for an OnBoardRequest, and sends it.
fn on_board(eut: &mut Eut, command_key: &str) {
    // Nothing comes without the command.
    eut.no_notify(Duration::from_millis(500));
    let command = format!("{}SendOnBoardRequest()", own_row(eut));
    eut.operate_silently(&command, command_key, &[]);
    is_on_board_request(&eut.notify(SOON));
}

fn tp_1_60_on_board_request(eut: &mut Eut) {
    on_board(eut, "test60");
}

fn tp_1_78_subscriptions_without_a_controller(eut: &mut Eut) {
    let path = secondary(eut, "self::tp-second");
    let mut second = eut.controller("self::tp-second");
    let row = subscription(&mut second, "second", "Event", "Device.Boot!");
    let other = subscription(eut, "first", "Event", "Device.Boot!");
    assert_eq!(value(eut, &format!("{row}Recipient")).trim_end_matches('.'), path.trim_end_matches('.'));
    let response = eut.delete(false, &[&path]).unwrap();
    assert!(deleted(&response, 0).affected_paths.contains(&path));
    let left = values(eut, SUBSCRIPTIONS);
    assert!(!left.keys().any(|path| path.starts_with(&row)), "{left:?}");
    assert!(left.keys().any(|path| path.starts_with(&other)), "{left:?}");
    assert!(!rows(eut, CONTROLLERS).contains(&path));
}

/// Adds a Controller row that may do everything and can be reached; gives its path.
fn secondary(eut: &mut Eut, id: &str) -> String {
    let path = controller_row(eut, id);
    let own = own_row(eut);
    let role = value(eut, &format!("{own}AssignedRole"));
    put(eut, &format!("{path}AssignedRole"), &role);
    let mtp = row(eut, &format!("{path}MTP."), &[("Enable", "true"), ("Protocol", "MQTT")]);
    let topic = format!("usp/controller/{id}/{}", eut.agent);
    put(eut, &format!("{mtp}MQTT.Topic"), &topic);
    path
}

fn tp_1_84_search_paths(eut: &mut Eut) {
    let table = format!("{}BootParameter.", own_row(eut));
    let names = ["Device.DeviceInfo.SoftwareVersion", "Device.LocalAgent.EndpointID"];
    let parameters = names.map(|name| row(eut, &table, &[("Enable", "true"), ("ParameterName", name)]));
    let references = format!("{table}*.Enable");
    subscribe(eut, &[("Enable", "true"), ("ID", "notify84"), ("NotifType", "ValueChange"), ("ReferenceList", &references)]);
    put(eut, &format!("{}Enable", parameters[1]), "false");
    is_change(&eut.notify(SOON), "notify84", &format!("{}Enable", parameters[1]), "false");
    // Rows that are made later match too.
    let later = row(eut, &table, &[("Enable", "true"), ("ParameterName", "Device.LocalAgent.UpTime")]);
    put(eut, &format!("{later}Enable"), "false");
    is_change(&eut.notify(SOON), "notify84", &format!("{later}Enable"), "false");
}

/// A subscription that disables itself when it is triggered.
fn trigger(eut: &mut Eut, id: &str, action: &str) -> (String, String) {
    let (code, row) = watch(eut, id, &[("TriggerAction", action)]);
    put(eut, &format!("{row}TriggerConfigSettings"), &format!("{row}Enable=false"));
    (code, row)
}

fn tp_1_93_trigger_config(eut: &mut Eut) {
    let (code, row) = trigger(eut, "notify93", "Config");
    change(eut, &code, "TestValue93");
    assert_eq!(value(eut, &format!("{row}Enable")), "false");
    eut.no_notify(secs(2));
}

fn tp_1_94_trigger_notify_and_config(eut: &mut Eut) {
    let (code, row) = trigger(eut, "notify94", "NotifyAndConfig");
    change(eut, &code, "TestValue94");
    is_change(&eut.notify(SOON), "notify94", &code, "TestValue94");
    assert_eq!(value(eut, &format!("{row}Enable")), "false");
}

fn tp_1_101_on_boarding_complete(eut: &mut Eut) {
    on_board(eut, "test101");
    let complete = format!("{}OnBoardingComplete", own_row(eut));
    assert_eq!(value(eut, &complete), "false");
    put(eut, &complete, "true");
}

fn tp_1_102_on_boarding_restart_time(eut: &mut Eut) {
    let own = own_row(eut);
    put(eut, &format!("{own}OnBoardingRestartTime"), "60");
    on_board(eut, "test102");
    let answered = Instant::now();
    is_on_board_request(&eut.notify(secs(65)));
    let after = answered.elapsed();
    assert!((secs(59)..=secs(64)).contains(&after), "{after:?}");
    put(eut, &format!("{own}OnBoardingComplete"), "true");
    eut.no_notify(secs(62));
}

fn tp_1_103_on_boarding_restart_time_disabled(eut: &mut Eut) {
    let own = own_row(eut);
    put(eut, &format!("{own}OnBoardingRestartTime"), "0");
    on_board(eut, "test103");
    eut.no_notify(secs(60));
}
