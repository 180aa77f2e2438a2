//! Bulk data: section 10.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use line3_proto::usp::{Notification, Notify};
use serde_json::Value;

use crate::controller::Controller;
use crate::eut::Eut;
use crate::setup::{added, row, updated, value};

cases! {
    tp_10_10_push_event,
    tp_10_11_push_event_with_wildcard_path,
    tp_10_12_push_event_with_object_path,
    tp_10_13_over_mqtt,
}

/// The plan's report interval.
fn interval(controller: &mut Controller) -> u64 {
    value(controller, "Device.BulkData.MinReportingInterval").parse::<u64>().unwrap().max(60)
}

/// How long the plan waits for two reports.
fn limit(interval: u64) -> Duration {
    Duration::from_secs(interval * 2 + 10)
}

/// The steps up to the switch: a profile with one reference. Gives its path.
fn profile(eut: &mut Eut, interval: u64, protocol: &[(&str, &str, bool)], name: &str, reference: &str) -> String {
    let interval = interval.to_string();
    let mut params = vec![("EncodingType", "JSON", false), ("ReportingInterval", interval.as_str(), false)];
    params.extend_from_slice(protocol);
    let response = eut.add(false, &[("Device.BulkData.Profile.", &params)]).unwrap();
    let profile = added(&response, 0);
    assert!(profile.param_errs.is_empty(), "{response:?}");
    let path = profile.instantiated_path.clone();
    let parameters = format!("{path}Parameter.");
    let response = eut.add(false, &[(&parameters, &[("Name", name, false), ("Reference", reference, false)])]).unwrap();
    assert!(added(&response, 0).param_errs.is_empty(), "{response:?}");
    path
}

fn switch_on(eut: &mut Eut, profile: &str) {
    let on = &[("Enable", "true", false)];
    let response = eut.set(false, &[("Device.BulkData.", on), (profile, on)]).unwrap();
    (0..2).for_each(|index| assert!(updated(&response, index).updated_inst_results.iter().all(|row| row.param_errs.is_empty())));
}

/// Steps 1 to 7 of the cases with `Push!`: what the two reports hold.
fn pushed(eut: &mut Eut, name: &str, reference: &str) -> Vec<BTreeMap<String, Value>> {
    let interval = interval(eut);
    let profile = profile(eut, interval, &[("Protocol", "USPEventNotif", false)], name, reference);
    let push = format!("{profile}Push!");
    let params = [("NotifType", "Event", false), ("ReferenceList", push.as_str(), false), ("Enable", "true", false)];
    let response = eut.add(false, &[("Device.LocalAgent.Subscription.", &params)]).unwrap();
    let subscription = added(&response, 0).unique_keys["ID"].clone();
    switch_on(eut, &profile);
    let end = Instant::now() + limit(interval);
    let mut reports = Vec::new();
    for _ in 0..2 {
        let notify = eut.notify_of(&subscription, end.saturating_duration_since(Instant::now()));
        reports.push(report(data(&notify, &profile).as_bytes()));
    }
    reports
}

/// The `Data` of a `Push!`.
fn data<'a>(notify: &'a Notify, profile: &str) -> &'a str {
    let Some(Notification::Event(event)) = &notify.notification else { panic!("no event: {notify:?}") };
    assert_eq!((event.obj_path.as_str(), event.event_name.as_str()), (profile, "Push!"), "{notify:?}");
    assert_eq!(event.params.keys().collect::<Vec<_>>(), ["Data"]);
    &event.params["Data"]
}

/// The values of the one report in a transfer by their whole names, the time of collection left out.
fn report(data: &[u8]) -> BTreeMap<String, Value> {
    let json: Value = serde_json::from_slice(data).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(data)));
    let reports = json["Report"].as_array().unwrap_or_else(|| panic!("no Report: {json}"));
    assert_eq!(reports.len(), 1, "{json}");
    let mut values = BTreeMap::new();
    flatten("", &reports[0], &mut values);
    assert!(values.remove("CollectionTime").is_some_and(|time| time.is_i64()), "{json}");
    values
}

fn flatten(name: &str, value: &Value, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(object) => object.iter().for_each(|(level, value)| {
            let name = if name.is_empty() { level.clone() } else { format!("{name}.{level}") };
            flatten(&name, value, into);
        }),
        value => assert!(into.insert(name.to_owned(), value.clone()).is_none(), "{name} comes twice"),
    }
}

fn tp_10_10_push_event(eut: &mut Eut) {
    for report in pushed(eut, "UpTime", "Device.DeviceInfo.UpTime") {
        assert_eq!(report.keys().collect::<Vec<_>>(), ["UpTime"]);
        assert!(report["UpTime"].is_u64(), "{report:?}");
    }
}

fn tp_10_11_push_event_with_wildcard_path(eut: &mut Eut) {
    let controller = "Device.LocalAgent.Controller.1.";
    for name in ["Device.LocalAgent.EndpointID", "Device.DeviceInfo.UpTime"] {
        row(eut, &format!("{controller}BootParameter."), &[("Enable", "true"), ("ParameterName", name)]);
    }
    for report in pushed(eut, "Enabled", "Device.LocalAgent.Controller.*.BootParameter.*.Enable") {
        assert!(report.len() >= 2, "{report:?}");
        for (name, value) in &report {
            let numbers: Vec<&str> = name.strip_prefix("Enabled.").unwrap_or_else(|| panic!("{name}")).split('.').collect();
            let number = |text: &&str| text.parse::<u32>().is_ok() && !text.starts_with(['0', '+']);
            assert!(numbers.len() == 2 && numbers.iter().all(number), "{name}");
            assert_eq!(value, &Value::Bool(true));
        }
    }
}

fn tp_10_12_push_event_with_object_path(eut: &mut Eut) {
    for report in pushed(eut, "Controller", "Device.LocalAgent.Controller.") {
        assert!(!report.is_empty() && report.keys().all(|name| name.starts_with("Controller.")), "{report:?}");
        assert_eq!(report["Controller.1.EndpointID"], eut.me.as_str());
    }
}

fn tp_10_13_over_mqtt(eut: &mut Eut) {
    let interval = interval(eut);
    let topic = "mqtt-bulkdata";
    eut.subscribe(topic);
    let protocol = [("Protocol", "MQTT", false), ("MQTT.Reference", "Device.MQTT.Client.1", false), ("MQTT.PublishTopic", topic, false)];
    let profile = profile(eut, interval, &protocol, "UpTime", "Device.DeviceInfo.UpTime");
    switch_on(eut, &profile);
    let end = Instant::now() + limit(interval);
    let transfers = loop {
        let came: Vec<_> = eut.heard().iter().filter(|publication| publication.topic == topic).cloned().collect();
        if came.len() >= 2 {
            break came;
        }
        assert!(Instant::now() < end, "{} transfers came", came.len());
        std::thread::sleep(Duration::from_millis(50));
    };
    for transfer in transfers {
        assert_eq!(transfer.content_type.as_deref(), Some("application/json; charset=UTF-8"));
        let report = report(&transfer.payload);
        assert_eq!(report.keys().collect::<Vec<_>>(), ["UpTime"]);
        assert!(report["UpTime"].is_u64(), "{report:?}");
    }
}
