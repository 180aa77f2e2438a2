use super::*;

fn settings(rows: &[(&str, &[(&str, &str)])]) -> Settings {
    let mut settings = Settings::default();
    for (path, values) in rows {
        settings.put(path, values);
    }
    settings
}

fn factory() -> Settings {
    let mut factory = settings(&[("A.1.", &[("X", "1"), ("Y", "1")]), ("A.1.B.1.", &[("Z", "1")]), ("A.2.", &[("X", "2")])]);
    factory.highest.insert("A.".to_owned(), 2);
    factory
}

#[test]
fn what_differs_comes_back_and_nothing_else_is_kept() {
    let mut now = factory();
    assert_eq!(Difference::of(&now, &factory()), Difference { version: VERSION, ..Difference::default() });
    now.put("A.1.", &[("Y", "9"), ("New", "n")]);
    now.remove("A.2.");
    now.insert_row("A.3.", row::map([("X".to_owned(), "3".to_owned())]));
    let difference = Difference::of(&now, &factory());
    assert_eq!(
        serde_json::to_string(&difference).expect("JSON"),
        r#"{"version":1,"changed":{"A.1.":{"New":"n","Y":"9"}},"added":{"A.3.":{"X":"3"}},"removed":["A.2."],"highest":{"A.":3}}"#
    );
    assert_eq!(difference.over(&factory()), now);
}

#[test]
fn a_removed_instance_takes_along_what_is_below() {
    let mut now = factory();
    now.remove("A.1.");
    let difference = Difference::of(&now, &factory());
    assert_eq!(difference.removed, ["A.1."]);
    assert_eq!(difference.over(&factory()), now);
}

#[test]
fn another_firmware_takes_effect_where_nobody_has_chosen() {
    let mut now = factory();
    now.put("A.1.", &[("Y", "9")]);
    let difference = Difference::of(&now, &factory());
    let mut next = factory();
    next.put("A.1.", &[("X", "firmware"), ("Y", "firmware")]);
    next.remove("A.2.");
    next.insert_row("A.7.", Args::new());
    let with = difference.over(&next);
    assert_eq!((with.value("A.1.", "X"), with.value("A.1.", "Y")), ("firmware", "9"));
    assert!(!with.instances.contains_key("A.2.") && with.instances.contains_key("A.7."));
    assert_eq!(with.highest.get("A."), Some(&7));
    // What was changed of a row that is no more is forgotten.
    next.remove("A.1.");
    assert!(!difference.over(&next).instances.contains_key("A.1."));
}

#[test]
fn what_ends_with_the_agent_is_no_difference() {
    let mut now = factory();
    let row = |persistent: &str| row::map([("Persistent".to_owned(), persistent.to_owned())]);
    now.insert_row(&format!("{TABLE}1."), row("false"));
    assert!(Difference::of(&now, &factory()).same_instances(&Difference::of(&factory(), &factory())));
    now.insert_row(&format!("{TABLE}2."), row("true"));
    let difference = Difference::of(&now, &factory());
    assert_eq!(difference.added.keys().collect::<Vec<_>>(), [&format!("{TABLE}2.")]);
    assert_eq!(difference.highest.get(TABLE), Some(&2));
}
