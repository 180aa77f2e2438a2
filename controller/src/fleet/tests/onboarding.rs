use expect_test::expect;
use line3_proto::usp::{
    AddResp, AddRespOperStatus, AddRespOperationStatus, AddRespOperationSuccess, CreatedObjectResult, GetSupportedDmResp,
};

use super::*;

fn added() -> Response {
    let success = AddRespOperationSuccess { instantiated_path: "Device.LocalAgent.Subscription.1.".to_owned(), ..Default::default() };
    let status = AddRespOperationStatus { oper_status: Some(AddRespOperStatus::OperSuccess(success)) };
    let result = CreatedObjectResult { requested_path: String::new(), oper_status: Some(status) };
    Response::AddResp(AddResp { created_obj_results: vec![result] })
}

fn page(bench: &mut Bench, name: &str, total: usize, data: &str) {
    bench.output(name, "Device.LocalAgent.X_LINE3_GetCatalogue()", &[("Total", &total.to_string()), ("Data", data)]);
}

fn store_has_not(bench: &mut Bench) {
    bench.give(Input::Catalogue { digest: digest(CATALOGUE.as_bytes()), json: None });
}

fn is_ready(bench: &Bench, name: &str) -> bool {
    bench.fleet.boxes[&id(name)].ready
}

/// Boxes of one firmware that nobody knows come.
fn of_one_firmware(names: &[&str]) -> Bench {
    let mut bench = Bench::new();
    for name in names {
        bench.connect(name, "r1.1");
        bench.who(name, "r1", "b1", true);
    }
    bench.said();
    store_has_not(&mut bench);
    bench
}

#[test]
fn a_new_box_is_learnt_and_made_to_tell() {
    let mut bench = Bench::new();
    bench.connect("A", "r1.1");
    bench.who("A", "r1", "b1", false);
    bench.ping("call", "A");
    store_has_not(&mut bench);
    page(&mut bench, "A", CATALOGUE.len(), &CATALOGUE[..10]);
    page(&mut bench, "A", CATALOGUE.len(), &CATALOGUE[10..]);
    for call in std::mem::take(&mut bench.proposed) {
        bench.admit(call);
    }
    expect![[r#"
        os::00005E-A online run r1
        > os::00005E-A Get Device.LocalAgent.X_LINE3_RunID Device.LocalAgent.X_LINE3_BootID Device.LocalAgent.X_LINE3_CatalogueDigest Device.DeviceInfo. Device.LocalAgent.Subscription.*. Device.LocalAgent.Controller.*.
        os::00005E-A online run r1
        wants 77a76d
        call queued the box is being got to know; it is sent then
        > os::00005E-A Operate Device.LocalAgent.X_LINE3_GetCatalogue() Offset=0
        > os::00005E-A Operate Device.LocalAgent.X_LINE3_GetCatalogue() Offset=10
        keeps 77a76d
        os::00005E-A is known
        os::00005E-A online run r1, catalogue known
        proposes Add Device.LocalAgent.Subscription. Enable=true ID=line3-boot NotifExpiration=86400 NotifRetry=true NotifType=Event Persistent=true ReferenceList=Device.Boot!
        proposes Add Device.LocalAgent.Subscription. Enable=true ID=line3-complete NotifExpiration=86400 NotifRetry=true NotifType=OperationComplete Persistent=true ReferenceList=Device.
        proposes Add Device.LocalAgent.Subscription. Enable=true ID=line3-progress NotifExpiration=86400 NotifRetry=false NotifType=Event Persistent=true ReferenceList=Device.LocalAgent.Request.*.X_LINE3_Progress!
        f893a2eefb32555e71c18690ee42c90b sent
        > os::00005E-A Add
        71bb54d8d101b5b9c34d0bff90150280 sent
        > os::00005E-A Add
        e099ec6cd7363ca585e7bb0f12278575 sent
        > os::00005E-A Add
    "#]].assert_eq(&bench.said());
    for _ in 0..3 {
        bench.answer("A", Ok(added()));
    }
    expect![[r#"
        f893a2eefb32555e71c18690ee42c90b succeeded Changed { changes: [Change { requested: "", done: [Done { path: "Device.LocalAgent.Subscription.1.", values: {} }], faults: [] }] }
        71bb54d8d101b5b9c34d0bff90150280 succeeded Changed { changes: [Change { requested: "", done: [Done { path: "Device.LocalAgent.Subscription.1.", values: {} }], faults: [] }] }
        e099ec6cd7363ca585e7bb0f12278575 succeeded Changed { changes: [Change { requested: "", done: [Done { path: "Device.LocalAgent.Subscription.1.", values: {} }], faults: [] }] }
        os::00005E-A is ready
        call sent
        > os::00005E-A Operate Device.Ping() X_LINE3_Actor=ann X_LINE3_CallId=call X_LINE3_Deadline=60000 X_LINE3_Reason=T-1
    "#]]
    .assert_eq(&bench.said());
    assert!(is_ready(&bench, "A"));
}

#[test]
fn what_the_store_has_no_box_is_asked_for() {
    let mut bench = Bench::new();
    bench.connect("A", "r1.1");
    bench.who("A", "r1", "b1", true);
    bench.store_has_it();
    bench.connect("B", "r1.1");
    bench.who("B", "r1", "b1", true);
    expect![[r#"
        os::00005E-A online run r1
        > os::00005E-A Get Device.LocalAgent.X_LINE3_RunID Device.LocalAgent.X_LINE3_BootID Device.LocalAgent.X_LINE3_CatalogueDigest Device.DeviceInfo. Device.LocalAgent.Subscription.*. Device.LocalAgent.Controller.*.
        os::00005E-A online run r1
        wants 77a76d
        os::00005E-A is known
        os::00005E-A online run r1, catalogue known
        os::00005E-A is ready
        os::00005E-B online run r1
        > os::00005E-B Get Device.LocalAgent.X_LINE3_RunID Device.LocalAgent.X_LINE3_BootID Device.LocalAgent.X_LINE3_CatalogueDigest Device.DeviceInfo. Device.LocalAgent.Subscription.*. Device.LocalAgent.Controller.*.
        os::00005E-B online run r1
        os::00005E-B is known
        os::00005E-B online run r1, catalogue known
        os::00005E-B is ready
    "#]].assert_eq(&bench.said());
    assert!(is_ready(&bench, "A") && is_ready(&bench, "B"));
}

#[test]
fn what_the_store_gives_is_checked_too() {
    let mut bench = Bench::new();
    bench.connect("A", "r1.1");
    bench.who("A", "r1", "b1", true);
    bench.said();
    bench.give(Input::Catalogue { digest: digest(CATALOGUE.as_bytes()), json: Some(b"{\"objects\":[]}".to_vec()) });
    assert_eq!(bench.said(), "> os::00005E-A Operate Device.LocalAgent.X_LINE3_GetCatalogue() Offset=0\n");
}

#[test]
fn one_box_of_a_firmware_is_asked() {
    let mut bench = of_one_firmware(&["A", "B", "C"]);
    page(&mut bench, "A", CATALOGUE.len(), CATALOGUE);
    expect![[r#"
        > os::00005E-A Operate Device.LocalAgent.X_LINE3_GetCatalogue() Offset=0
        keeps 77a76d
        os::00005E-A is known
        os::00005E-A online run r1, catalogue known
        os::00005E-A is ready
        os::00005E-B is known
        os::00005E-B online run r1, catalogue known
        os::00005E-B is ready
        os::00005E-C is known
        os::00005E-C online run r1, catalogue known
        os::00005E-C is ready
    "#]]
    .assert_eq(&bench.said());
    assert!(["A", "B", "C"].iter().all(|name| is_ready(&bench, name)));
}

#[test]
fn a_bad_catalogue_is_not_taken_and_the_next_box_is_asked() {
    let mut bench = of_one_firmware(&["A", "B", "C", "D"]);
    // Another one than its digest says.
    let other = r#"{"objects":[],"commands":[],"events":[] }"#;
    page(&mut bench, "A", other.len(), other);
    // Larger than is taken.
    page(&mut bench, "B", crate::store::MAX_CATALOGUE + 1, "x");
    // Longer than it says.
    page(&mut bench, "C", 3, "xxxx");
    page(&mut bench, "D", CATALOGUE.len(), CATALOGUE);
    expect![[r#"
        > os::00005E-A Operate Device.LocalAgent.X_LINE3_GetCatalogue() Offset=0
        log: os::00005E-A gives a catalogue that is not the one of its digest
        > os::00005E-B Operate Device.LocalAgent.X_LINE3_GetCatalogue() Offset=0
        log: os::00005E-B gives a catalogue that is not of the size it says, larger than 4194304 bytes, or takes longer than 120 s
        > os::00005E-C Operate Device.LocalAgent.X_LINE3_GetCatalogue() Offset=0
        log: os::00005E-C gives a catalogue that is not of the size it says, larger than 4194304 bytes, or takes longer than 120 s
        > os::00005E-D Operate Device.LocalAgent.X_LINE3_GetCatalogue() Offset=0
        keeps 77a76d
        os::00005E-D is known
        os::00005E-D online run r1, catalogue known
        os::00005E-D is ready
    "#]]
    .assert_eq(&bench.said());
    assert!(is_ready(&bench, "D") && !is_ready(&bench, "A"));
    // They are met again later, and know now.
    bench.wait(60);
    bench.who("A", "r1", "b1", true);
    assert!(is_ready(&bench, "A"));
}

#[test]
fn a_catalogue_that_never_ends_holds_nobody_up_for_long() {
    let mut bench = of_one_firmware(&["A", "B"]);
    bench.said();
    for _ in 0..13 {
        page(&mut bench, "A", 1_000_000, "x");
        bench.wait(10);
        if bench.asked.iter().any(|(who, ..)| *who == id("B")) {
            return;
        }
    }
    panic!("B was never asked: {}", bench.said());
}

#[test]
fn a_box_that_goes_while_it_is_asked_leaves_its_turn() {
    for go in [0, 1, 2] {
        let mut bench = of_one_firmware(&["A", "B"]);
        bench.said();
        match go {
            0 => bench.gone("A", "r1.1"),
            1 => bench.connect("A", "r1.2"),
            _ => bench.wait(40),
        }
        bench.asked.retain(|(who, ..)| *who == id("B"));
        page(&mut bench, "B", CATALOGUE.len(), CATALOGUE);
        assert!(is_ready(&bench, "B"), "{go}");
        bench.connect("A", "r1.3");
        bench.who("A", "r1", "b1", true);
        assert!(is_ready(&bench, "A"), "{go}");
    }
}

#[test]
fn a_lonely_box_that_goes_and_comes_is_asked_again() {
    let mut bench = of_one_firmware(&["A"]);
    bench.asked.clear();
    bench.gone("A", "r1.1");
    bench.connect("A", "r1.2");
    bench.who("A", "r1", "b1", true);
    store_has_not(&mut bench);
    page(&mut bench, "A", CATALOGUE.len(), CATALOGUE);
    assert!(is_ready(&bench, "A"));
    assert!(bench.fleet.lessons.is_empty());
}

#[test]
fn a_foreign_agent_is_learnt_from_its_supported_data_model() {
    let mut bench = Bench::new();
    bench.connect("A", "");
    bench.values("A", &[("Device.DeviceInfo.SerialNumber", "1\u{1b}[31m")]);
    bench.answer("A", Ok(Response::GetSupportedDmResp(GetSupportedDmResp::default())));
    assert_eq!(bench.proposed.len(), 2, "it has no progress to tell");
    expect![[r#"
        os::00005E-A online run ?
        > os::00005E-A Get Device.LocalAgent.X_LINE3_RunID Device.LocalAgent.X_LINE3_BootID Device.LocalAgent.X_LINE3_CatalogueDigest Device.DeviceInfo. Device.LocalAgent.Subscription.*. Device.LocalAgent.Controller.*.
        os::00005E-A online run ?
        > os::00005E-A GetSupportedDM
        keeps 77a76d
        os::00005E-A is known
        os::00005E-A online run ?, catalogue known
        proposes Add Device.LocalAgent.Subscription. Enable=true ID=line3-boot NotifExpiration=86400 NotifRetry=true NotifType=Event Persistent=true ReferenceList=Device.Boot!
        proposes Add Device.LocalAgent.Subscription. Enable=true ID=line3-complete NotifExpiration=86400 NotifRetry=true NotifType=OperationComplete Persistent=true ReferenceList=Device.
    "#]].assert_eq(&bench.said());
    assert_eq!(bench.fleet.boxes[&id("A")].row.identity["Device.DeviceInfo.SerialNumber"], "1[31m");
}

#[test]
fn what_does_not_answer_or_cannot_be_made_to_tell_is_met_again() {
    let mut bench = Bench::new();
    bench.connect("A", "r1.1");
    bench.asked.clear();
    bench.said();
    bench.wait(35 + 60);
    bench.who("A", "r1", "b1", false);
    bench.store_has_it();
    let first = bench.proposed.pop_front().unwrap();
    bench.proposed.clear();
    bench.admit(first);
    bench.answer("A", Err(Fault::new(code::RESOURCES_EXCEEDED, "full")));
    bench.wait(60);
    // Nobody admits what it proposes: it does not wait for ever.
    bench.who("A", "r1", "b1", false);
    bench.wait(60);
    bench.who("A", "r1", "b1", true);
    assert!(is_ready(&bench, "A"), "{}", bench.said());
}

#[test]
fn calls_that_wait_do_not_keep_a_box_from_getting_ready() {
    let mut bench = Bench::new();
    bench.connect("A", "r1.1");
    for n in 0..MAX_OPEN_OF_BOX {
        bench.ping(&format!("call{n}"), "A");
    }
    bench.who("A", "r1", "b1", false);
    bench.store_has_it();
    for call in std::mem::take(&mut bench.proposed) {
        bench.admit(call);
    }
    for _ in 0..3 {
        bench.answer("A", Ok(added()));
    }
    assert!(is_ready(&bench, "A"));
    assert_eq!(bench.state("call0"), CallState::Sent);
}
