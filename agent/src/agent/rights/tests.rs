#![allow(clippy::unwrap_used)]
use super::*;
use crate::commands::COMMANDS;
use crate::settings::controller_trust::factory;

const ME: &str = "Device.LocalAgent.Controller.1.";

/// Settings of roles, each a list of permissions `Order Targets Param [Obj InstantiatedObj CommandEvent]`; the controller has all.
fn settings(roles: &[&[&str]]) -> Settings {
    let mut settings = Settings::default();
    let mut assigned = Vec::new();
    for (number, permissions) in (1..).zip(roles) {
        settings.put(&format!("{ROLES}{number}."), &[("Enable", "true"), ("Name", &number.to_string())]);
        assigned.push(format!("{ROLES}{number}"));
        for (index, permission) in (1..).zip(*permissions) {
            let mut words = permission.split_whitespace();
            let mut next = || words.next();
            let (order, targets, param) = (next().unwrap(), next().unwrap(), next().unwrap());
            let mut letters = || next().unwrap_or(param);
            let values = [
                ("Enable", "true"),
                ("Order", order),
                ("Targets", targets),
                ("Param", param),
                ("Obj", letters()),
                ("InstantiatedObj", letters()),
                ("CommandEvent", letters()),
            ];
            settings.put(&format!("{ROLES}{number}.Permission.{index}."), &values);
        }
    }
    settings.put(ME, &[("AssignedRole", &assigned.join(","))]);
    settings
}

fn rights(roles: &[&[&str]]) -> Rights {
    Rights::of(&settings(roles), ME)
}

/// The letters that a parameter has, asked for both ways.
#[track_caller]
fn param(rights: &Rights, path: &str) -> String {
    let (object, name) = path.split_at(path.rfind('.').unwrap() + 1);
    let all = [('r', Right::Read), ('w', Right::Write), ('x', Right::Execute), ('n', Right::Notify)];
    let ask = |allows: &dyn Fn(Right) -> bool| all.iter().map(|(c, right)| if allows(*right) { *c } else { '-' }).collect::<String>();
    let (alone, within) = (ask(&|right| rights.allows(Kind::Param, right, path)), rights.within(object));
    assert_eq!(alone, ask(&|right| within.allows(right, name)), "{path}");
    alone
}

#[test]
fn what_no_permission_is_about_is_not_allowed() {
    let rights = rights(&[&["0 Device.A. rw-n"]]);
    assert_eq!(param(&rights, "Device.A.B"), "rw-n");
    assert_eq!(param(&rights, "Device.A.1.C.B"), "rw-n");
    for path in ["Device.B", "Device.AB.C", "Device.B.A.C"] {
        assert_eq!(param(&rights, path), "----", "{path}");
    }
    assert_eq!(param(&Rights::of(&settings(&[]), ME), "Device.A.B"), "----");
    assert_eq!(param(&Rights::of(&settings(&[&["0 Device. rwxn"]]), "Device.LocalAgent.Controller.2."), "Device.A"), "----");
}

#[test]
fn the_higher_order_rules_alone_and_of_equal_ones_the_younger() {
    let rights = rights(&[&["1 Device.A. rw-n", "7 Device.A.B. r---", "3 Device.A.B.C. rw--", "7 Device.A.B.D ----"]]);
    assert_eq!(param(&rights, "Device.A.X"), "rw-n");
    assert_eq!(param(&rights, "Device.A.B.X"), "r---");
    assert_eq!(param(&rights, "Device.A.B.C.X"), "r---");
    assert_eq!(param(&rights, "Device.A.B.D"), "----");
}

#[test]
fn the_rights_of_several_roles_add_up() {
    // The example of TR-369 "A Controller's Role".
    let mut rights = rights(&[
        &["3 Device.LocalAgent r---", "55 Device.LocalAgent.Controller r-xn"],
        &["20 Device.LocalAgent r---", "78 Device.LocalAgent.Controller ----"],
    ]);
    assert_eq!(param(&rights, "Device.LocalAgent.Controller.1.Enable"), "r-xn");
    assert_eq!(param(&rights, "Device.LocalAgent.EndpointID"), "r---");
    rights.roles = rights.roles.iter().skip(1).cloned().collect();
    assert_eq!(param(&rights, "Device.LocalAgent.Controller.1.Enable"), "----");
}

#[test]
fn targets_of_every_kind() {
    let rights = rights(&[&["0 Device.T.*.A,Device.T.2.,Device.T.{i}.C,Device.Do(),Device.T.*.Run(),Device.Boot! r-x-"]]);
    for (path, letters) in [("Device.T.1.A", "r-x-"), ("Device.T.1.B", "----"), ("Device.T.2.B", "r-x-"), ("Device.T.1.C", "r-x-")] {
        assert_eq!(param(&rights, path), letters, "{path}");
    }
    let may_run = |path: &str| rights.allows(Kind::CommandEvent, Right::Execute, path);
    assert!(may_run("Device.Do()") && may_run("Device.T.7.Run()") && may_run("Device.Boot!") && may_run("Device.T.2.Other()"));
    assert!(!may_run("Device.Done()") && !may_run("Device.T.Run()") && !may_run("Device.T.7.Other()") && !may_run("Device.Boot()"));
    assert!(rights.allows(Kind::Obj, Right::Read, "Device.T.2.") && !rights.allows(Kind::Obj, Right::Read, "Device.T."));
    // A row that begins with the same digits is another one.
    assert!(!rights.allows(Kind::Obj, Right::Read, "Device.T.21."));
}

#[test]
fn of_the_supported_data_model_counts_what_is_allowed_somewhere() {
    let some = rights(&[&["0 Device.T. ----", "1 Device.T.3. r---"]]);
    assert_eq!(param(&some, "Device.T.{i}.A"), "r---");
    assert_eq!(param(&some, "Device.T.1.A"), "----");
    let most = rights(&[&["0 Device. r---", "1 Device.T.3. ----"]]);
    assert_eq!(param(&most, "Device.T.{i}.A"), "r---");
    let none = rights(&[&["0 Device. r---", "1 Device.T.*. ----"]]);
    assert_eq!(param(&none, "Device.T.{i}.A"), "----");
}

#[test]
fn each_kind_has_its_own_letters() {
    let rights = rights(&[&["0 Device.A. r--- -w-- --x- ---n"]]);
    let all = [Kind::Param, Kind::Obj, Kind::InstantiatedObj, Kind::CommandEvent];
    for (index, kind) in all.into_iter().enumerate() {
        for (place, right) in [Right::Read, Right::Write, Right::Execute, Right::Notify].into_iter().enumerate() {
            assert_eq!(rights.allows(kind, right, "Device.A.B"), index == place, "{kind:?} {right:?}");
        }
    }
}

#[test]
fn what_is_off_gone_or_misspelled_gives_nothing() {
    let mut settings = settings(&[&["0 Device. rwxn"], &["0 Device. r---"]]);
    assert!(Rights::of(&settings, ME).is_full());
    settings.put(&format!("{ROLES}1."), &[("Enable", "false")]);
    assert_eq!(param(&Rights::of(&settings, ME), "Device.A"), "r---");
    settings.put(&format!("{ROLES}2.Permission.1."), &[("Param", "rn--")]);
    assert_eq!(param(&Rights::of(&settings, ME), "Device.A"), "----");
    settings.put(&format!("{ROLES}1."), &[("Enable", "true")]);
    settings.remove(&format!("{ROLES}1.Permission.1."));
    assert_eq!(param(&Rights::of(&settings, ME), "Device.A"), "----");
}

#[test]
fn everything_is_full_only_while_nothing_is_above_it() {
    assert!(rights(&[&["0 Device. rwxn"]]).is_full());
    assert!(!rights(&[&["0 Device. rwxn", "1 Device.A. ----"]]).is_full());
    assert!(!rights(&[&["0 Device. rwxn rwxn rwxn rw-n"]]).is_full());
    assert!(rights(&[&["0 Device.A. ----"], &["5 Device. rwxn", "1 Device.A. ----"]]).is_full());
}

#[test]
fn special_roles() {
    let mut settings = settings(&[&["0 Device. r---"], &["0 Device.A. r---"]]);
    let role = |number: u32| format!("{ROLES}{number}");
    settings.put(ME, &[("AssignedRole", "")]);
    assert_eq!(param(&Rights::of(&settings, ME), "Device.A.B"), "----");
    settings.put(TRUST, &[(UNTRUSTED, &role(2)), (SECURED, &role(1))]);
    assert_eq!(param(&Rights::of(&settings, ME), "Device.A.B"), "r---");
    assert!(!Rights::of(&settings, ME).sees_secured());
    settings.put(ME, &[("AssignedRole", &role(1))]);
    assert!(Rights::of(&settings, ME).sees_secured());
    settings.put(TRUST, &[(BANNED, &role(1))]);
    assert!(Rights::of(&settings, ME).is_banned() && !Rights::of(&settings, ME).allows(Kind::Param, Right::Read, "Device.A"));
}

#[test]
fn the_built_in_roles() {
    let mut settings = Settings::default();
    factory(COMMANDS, &mut |path, values| settings.put(path, values));
    let rights: Vec<Rights> = (1..=4)
        .map(|number| {
            settings.put(ME, &[("AssignedRole", &format!("{ROLES}{number}"))]);
            Rights::of(&settings, ME)
        })
        .collect();
    let may_run = |path: &str| rights.iter().map(|rights| rights.allows(Kind::CommandEvent, Right::Execute, path)).collect::<Vec<_>>();
    assert_eq!(may_run("Device.IP.Diagnostics.IPPing()"), [false, true, true, true]);
    assert_eq!(may_run("Device.LocalAgent.Request.3.Cancel()"), [false, true, true, true]);
    assert_eq!(may_run("Device.Reboot()"), [false, false, true, true]);
    let letters = |path: &str| rights.iter().map(|rights| param(rights, path)).collect::<Vec<_>>();
    assert_eq!(letters("Device.DeviceInfo.UpTime"), ["r--n", "r--n", "r--n", "rwxn"]);
    assert_eq!(letters("Device.LocalAgent.Subscription.1.Enable"), ["rw-n", "rw-n", "rw-n", "rwxn"]);
    assert_eq!(letters("Device.LocalAgent.ControllerTrust.Role.1.Enable"), ["r--n", "r--n", "r--n", "rwxn"]);
    assert_eq!(rights.iter().map(Rights::is_full).collect::<Vec<_>>(), [false, false, false, true]);
    assert_eq!(rights.iter().map(Rights::sees_secured).collect::<Vec<_>>(), [false, false, false, true]);
}

#[test]
fn a_permission_of_many_targets_with_one_parameter_apart() {
    let rights = rights(&[&["0 Device. r--n", "2 Device.T.1.Secret ----", "1 Device.T.*.Loud r---"]]);
    assert_eq!(param(&rights, "Device.T.1.Secret"), "----");
    assert_eq!(param(&rights, "Device.T.2.Secret"), "r--n");
    assert_eq!(param(&rights, "Device.T.1.Loud"), "r---");
    assert_eq!(param(&rights, "Device.T.1.Other"), "r--n");
}
