use expect_test::expect;

use super::*;

fn online(bench: &Bench, name: &str) -> bool {
    bench.fleet.boxes.get(&id(name)).is_some_and(|known| known.row.online)
}

#[test]
fn a_will_ends_its_own_connection_only() {
    let mut bench = Bench::new();
    bench.ready("A", "r1", "b1");
    // Tries 2 and 3 never came up; their Wills come when connection 4 stands.
    bench.connect("A", "r1.4");
    for old in ["r1.1", "r1.2", "r1.3", "r1.4x"] {
        bench.gone("A", old);
        assert!(online(&bench, "A") || old == "r1.4x", "{old}");
    }
    bench.connect("A", "r1.5");
    bench.gone("A", "r1.5");
    assert!(!online(&bench, "A"));
    // The connect record of the connection whose end was told already, sent again late.
    bench.connect("A", "r1.5");
    assert!(!online(&bench, "A"));
    bench.connect("A", "r1.6");
    assert!(online(&bench, "A"));
    // A try after the connection that is known: the box has one connection at a time.
    bench.gone("A", "r1.9");
    assert!(!online(&bench, "A"));
    bench.connect("A", "r1.8");
    assert!(!online(&bench, "A"));
}

#[test]
fn what_is_left_of_an_earlier_run_is_old() {
    let mut bench = Bench::new();
    bench.ready("A", "r1", "b1");
    bench.connect("A", "r2.1");
    // The Will of a try that never came up, and the connect record of before, delivered once more.
    bench.gone("A", "r1.7");
    bench.connect("A", "r1.1");
    assert!(online(&bench, "A"));
    assert_eq!(bench.fleet.boxes[&id("A")].row.run_id.as_deref(), Some("r2"));
    bench.gone("A", "r2.1");
    assert!(!online(&bench, "A"));
}

#[test]
fn two_agents_of_one_id_are_told_and_the_one_that_stays_is_seen() {
    let mut bench = Bench::new();
    bench.ready("A", "r1", "b1");
    let run = |bench: &Bench| bench.fleet.boxes[&id("A")].row.run_id.clone().unwrap();
    bench.connect("A", "r2.1");
    bench.gone("A", "r1.1");
    bench.connect("A", "r1.2");
    assert_eq!((online(&bench, "A"), run(&bench).as_str()), (true, "r1"));
    assert!(bench.said().contains("warning: two agents are called os::00005E-A and take turns"));
    bench.gone("A", "r2.1");
    assert!(online(&bench, "A"), "the other's end is not the end of this one");
    bench.connect("A", "r2.2");
    bench.gone("A", "r1.2");
    assert_eq!((online(&bench, "A"), run(&bench).as_str()), (true, "r2"));
    bench.gone("A", "r2.2");
    assert!(!online(&bench, "A"));
}

#[test]
fn the_same_run_is_not_met_again_and_another_is() {
    let mut bench = Bench::new();
    bench.ready("A", "r1", "b1");
    bench.gone("A", "r1.1");
    bench.connect("A", "r1.2");
    bench.connect("A", "r2.1");
    expect![[r#"
        os::00005E-A offline run r1, catalogue known
        log: os::00005E-A is offline: power
        os::00005E-A online run r1, catalogue known
        os::00005E-A is ready
        os::00005E-A online run r2, catalogue known
        > os::00005E-A Get Device.LocalAgent.X_LINE3_RunID Device.LocalAgent.X_LINE3_BootID Device.LocalAgent.X_LINE3_CatalogueDigest Device.DeviceInfo. Device.LocalAgent.Subscription.*. Device.LocalAgent.Controller.*.
    "#]]
    .assert_eq(&bench.said());
}

#[test]
fn a_foreign_agent_comes_and_goes_without_numbers() {
    let mut bench = Bench::new();
    bench.connect("A", "");
    assert!(online(&bench, "A"));
    bench.gone("A", "");
    assert!(!online(&bench, "A"));
}

#[test]
fn after_the_controller_was_deaf_every_box_is_asked() {
    let mut bench = Bench::new();
    for name in ["A", "B", "C", "D"] {
        bench.ready(name, "r1", "b1");
    }
    bench.gone("D", "r1.1");
    bench.link_down();
    bench.wait(5);
    bench.said();
    bench.link_up(true);
    assert_eq!(bench.said(), "", "a short outage with the session kept loses nothing");
    bench.link_down();
    bench.said();
    bench.link_up(false);
    expect![[r#"
        > os::00005E-A Get Device.LocalAgent.X_LINE3_RunID Device.DeviceInfo.UpTime
        > os::00005E-B Get Device.LocalAgent.X_LINE3_RunID Device.DeviceInfo.UpTime
        > os::00005E-C Get Device.LocalAgent.X_LINE3_RunID Device.DeviceInfo.UpTime
        > os::00005E-D Get Device.LocalAgent.X_LINE3_RunID Device.DeviceInfo.UpTime
    "#]]
    .assert_eq(&bench.said());
    // A is as before; B speaks by itself before it answers; D came while nobody heard it; C is gone.
    bench.values("A", &[("Device.LocalAgent.X_LINE3_RunID", "r1")]);
    bench.connect("B", "r1.2");
    bench.values("D", &[("Device.LocalAgent.X_LINE3_RunID", "r2")]);
    bench.said();
    bench.wait(40);
    expect![[r#"
        os::00005E-C offline run r1, catalogue known
        log: os::00005E-C is offline: it does not answer
        log: os::00005E-D did not say who it is and what it can do; it is asked again
    "#]]
    .assert_eq(&bench.said());
    assert_eq!([online(&bench, "A"), online(&bench, "B"), online(&bench, "C"), online(&bench, "D")], [true, true, false, true]);
    assert_eq!(bench.fleet.boxes[&id("D")].row.run_id.as_deref(), Some("r2"));
}

#[test]
fn silence_means_nothing_while_the_controller_is_deaf() {
    let mut bench = Bench::new();
    bench.ready("A", "r1", "b1");
    bench.link_down();
    bench.link_up(false);
    bench.link_down();
    bench.wait(60);
    assert!(online(&bench, "A"));
    bench.said();
    bench.link_up(true);
    assert_eq!(bench.said(), "> os::00005E-A Get Device.LocalAgent.X_LINE3_RunID Device.DeviceInfo.UpTime\n");
}

#[test]
fn a_large_fleet_is_asked_a_part_at_a_time() {
    let rows = (0..1000).map(|n| BoxRow { online: true, ..BoxRow::new(id(&n.to_string()), Wall(0)) }).collect();
    let mut bench = Bench::with(rows, Vec::new());
    assert_eq!(bench.asked.len(), 256);
    let (first, ..) = bench.asked[0].clone();
    bench.values(first.as_str().strip_prefix("os::00005E-").unwrap(), &[]);
    // One is met now, and another is asked in its place.
    assert_eq!(bench.asked.len(), 257);
    bench.asked.clear();
    bench.wait(200);
    assert_eq!(bench.fleet.boxes.values().filter(|known| known.row.online).count(), 1);
    assert!(bench.fleet.purposes.len() < 3, "{:?}", bench.fleet.purposes);
}

#[test]
fn a_box_that_reports_but_counts_as_offline_is_asked() {
    let mut bench = Bench::new();
    bench.give(Input::Heard(id("A")));
    bench.give(Input::Heard(id("A")));
    expect![[r#"
        > os::00005E-A Get Device.LocalAgent.X_LINE3_RunID Device.DeviceInfo.UpTime
    "#]]
    .assert_eq(&bench.said());
    bench.values("A", &[("Device.LocalAgent.X_LINE3_RunID", "r1")]);
    assert!(online(&bench, "A"));
    bench.said();
    bench.give(Input::Heard(id("A")));
    assert_eq!(bench.said(), "");
}

#[test]
fn one_box_cannot_speak_for_another() {
    let mut bench = Bench::new();
    let (a, b, controller) = (id("A"), id("B"), bench.controller());
    let topic = Topic::Controller { controller: controller.clone(), sender: b }.to_string();
    let record = bench.box_of(&a).connect_record(&controller, &topic, "r1.1");
    bench.give(Input::Link(LinkEvent::Received(record, None)));
    expect![[r#"
        log: ignored on usp/controller/self::line3/os::00005E-B: a record of os::00005E-A on the topic of os::00005E-B: one box may not speak for another
    "#]]
    .assert_eq(&bench.said());
    assert!(bench.fleet.boxes.is_empty());
}

#[test]
fn a_notification_is_answered_when_that_is_wanted() {
    let mut bench = Bench::new();
    bench.event("A", "X!", &[], true);
    bench.event("A", "X!", &[], false);
    expect![[r#"
        > os::00005E-A NotifyResp(NotifyResp { subscription_id: "s" })
    "#]]
    .assert_eq(&bench.said());
}
