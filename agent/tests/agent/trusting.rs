//! Roles and permissions: what a controller sees, may do and is told, by each message.

use expect_test::{Expect, expect};

use crate::bench::Bench;

const SECOND: &str = "self::second";

/// Gives the second controller a role with these permissions (`Targets letters…`, the last the highest), then plays the script.
fn played(permissions: &[&str], script: &str) -> String {
    let mut bench = Bench::new();
    bench.play("0s up");
    bench.ask("Add Device.LocalAgent.ControllerTrust.Role. Enable=true Name=mine Alias=mine");
    for (order, permission) in permissions.iter().enumerate() {
        let mut words = permission.split_whitespace();
        let (targets, letters) = (words.next().unwrap(), words.next().unwrap());
        let mut letters = vec![letters];
        letters.extend(words);
        let of = |kind: usize| letters.get(kind).or(letters.last()).unwrap();
        bench.ask(&format!(
            "Add Device.LocalAgent.ControllerTrust.Role.5.Permission. Alias=a{order} Enable!=true Order={order} Targets!={targets} Param!={} Obj!={} \
             InstantiatedObj!={} CommandEvent!={}",
            of(0),
            of(1),
            of(2),
            of(3)
        ));
    }
    bench.ask(&format!(
        "Add Device.LocalAgent.Controller. Alias=second Enable!=true OnBoardingComplete!=true EndpointID={SECOND} AssignedRole!=Device.LocalAgent.ControllerTrust.Role.5"
    ));
    bench.ask("Add Device.LocalAgent.Controller.2.MTP. Alias=second Enable=true Protocol=MQTT");
    bench.ask("Set Device.LocalAgent.Controller.2.MTP.1.MQTT. Topic!=usp/controller/self::second/box");
    bench.settle();
    let made = bench.take();
    assert!(!made.contains("Error"), "{made}");
    bench.asked = 0;
    bench.play(&script.replace("2<", &format!("< from={SECOND}")))
}

#[track_caller]
fn check(permissions: &[&str], script: &str, expected: &Expect) {
    expected.assert_eq(&played(permissions, script));
}

#[test]
fn what_may_not_be_read_is_as_if_it_were_not_there() {
    check(
        &[
            "Device.LocalAgent. r---",
            "Device.LocalAgent.Controller. ---- r---",
            "Device.LocalAgent.Controller.1.EndpointID r---",
            "Device.LocalAgent.MTP. r--- ----",
        ],
        "1s 2< Get Device.LocalAgent.Controller.
         2s 2< Get Device.LocalAgent.Controller.*.EndpointID
         3s 2< Get Device.LocalAgent.Controller.1.Enable Device.LocalAgent.Controller.*.Enable
         4s 2< Get Device.LocalAgent.MTP. Device.LocalAgent.MTP.1.Alias Device.DeviceInfo. Device.DeviceInfo.UpTime Device.Nonsense.",
        &expect![[r#"
            1s > to self::second #1 GetResp Device.LocalAgent.Controller.1. EndpointID=self::line3
            2s > to self::second #2 GetResp Device.LocalAgent.Controller.1. EndpointID=self::line3
            3s > to self::second #3 GetResp Device.LocalAgent.Controller.1.Enable: 7026 Device.LocalAgent.Controller.1.Enable is not in the data model of this box
            3s > to self::second #3 GetResp Device.LocalAgent.Controller.*.Enable: 7026 Device.LocalAgent.Controller.*.Enable is not in the data model of this box
            4s > to self::second #4 GetResp Device.LocalAgent.MTP.: 7026 Device.LocalAgent.MTP. is not in the data model of this box
            4s > to self::second #4 GetResp Device.LocalAgent.MTP.1.Alias: 7026 Device.LocalAgent.MTP.1.Alias is not in the data model of this box
            4s > to self::second #4 GetResp Device.DeviceInfo.: 7026 Device.DeviceInfo. is not in the data model of this box
            4s > to self::second #4 GetResp Device.DeviceInfo.UpTime: 7026 Device.DeviceInfo.UpTime is not in the data model of this box
            4s > to self::second #4 GetResp Device.Nonsense.: 7026 Device.Nonsense. is not in the data model of this box
        "#]],
    );
}

#[test]
fn a_search_is_no_way_around() {
    check(
        &[
            "Device.LocalAgent. r---",
            "Device.LocalAgent.Controller.*.EndpointID ---- r---",
            "Device.LocalAgent.Controller.2.EndpointID r---",
            "Device.LocalAgent.MTP.*.MQTT.Reference ----",
        ],
        "1s 2< Get Device.LocalAgent.Controller.[EndpointID==\"self::line3\"].Alias Device.LocalAgent.Controller.[EndpointID!=\"x\"].Alias
         2s 2< Get Device.LocalAgent.MTP.1.MQTT.Reference+.Alias
         3s < Get Device.LocalAgent.MTP.1.MQTT.Reference+.Alias
         4s 2< Get Device.LocalAgent.Controller.[ControllerCode==\"\"].Alias",
        &expect![[r#"
            1s > to self::second #1 GetResp Device.LocalAgent.Controller.[EndpointID=="self::line3"].Alias: nothing
            1s > to self::second #1 GetResp Device.LocalAgent.Controller.2. Alias=second
            2s > to self::second #2 GetResp Device.LocalAgent.MTP.1.MQTT.Reference+.Alias: 7026 Device.LocalAgent.MTP.1.MQTT.Reference+.Alias is not in the data model of this box
            3s > #3 GetResp Device.MQTT.Client.1. Alias=cpe-1
            4s > to self::second #4 GetResp Device.LocalAgent.Controller.1. Alias=cpe-1
            4s > to self::second #4 GetResp Device.LocalAgent.Controller.2. Alias=second
        "#]],
    );
}

#[test]
fn instances_and_the_supported_data_model() {
    check(
        &[
            "Device.LocalAgent.Controller. r---",
            "Device.LocalAgent.Controller.1. r--- r--- ---- r---",
            "Device.LocalAgent.Controller.2.Alias ----",
            "Device.Reboot() ---- ---- ---- r---",
        ],
        "1s 2< GetInstances Device.LocalAgent.Controller. first
         2s 2< GetInstances Device.LocalAgent.Controller.1.MTP.
         3s 2< GetSupportedDM Device.LocalAgent.Controller. first keys
         4s 2< GetSupportedDM Device.MQTT.
         5s 2< GetSupportedDM Device.Reboot()",
        &expect![[r#"
            1s > to self::second #1 GetInstancesResp Device.LocalAgent.Controller.2. EndpointID=self::second
            2s > to self::second #2 GetInstancesResp Device.LocalAgent.Controller.1.MTP.: 7016 Device.LocalAgent.Controller.1. does not exist
            3s > to self::second #3 GetSupportedDMResp Device.LocalAgent.Controller.{i}. table ObjAddDelete key(EndpointID) key(Alias)
            3s > to self::second #3 GetSupportedDMResp Device.LocalAgent.Controller.{i}.BootParameter.{i}. table ObjAddDelete key(ParameterName) key(Alias)
            3s > to self::second #3 GetSupportedDMResp Device.LocalAgent.Controller.{i}.MTP.{i}. table ObjAddDelete key(Protocol) key(Alias)
            3s > to self::second #3 GetSupportedDMResp Device.LocalAgent.Controller.{i}.TransferCompletePolicy. ObjReadOnly
            4s > to self::second #4 GetSupportedDMResp Device.MQTT.: 7026 Device.MQTT. is not in the data model of this box
            5s > to self::second #5 GetSupportedDMResp Device.Reboot(): 7026 Device.Reboot() is not in the data model of this box
        "#]],
    );
}

#[test]
fn nobody_lifts_himself() {
    check(
        &["Device. r--n r--n r--n r-xn"],
        "1s 2< Set Device.LocalAgent.Controller.2. AssignedRole!=Device.LocalAgent.ControllerTrust.Role.4
         2s 2< Add Device.LocalAgent.ControllerTrust.Role.5.Permission. Enable=true
         3s 2< Set Device.LocalAgent.ControllerTrust. UntrustedRole!=Device.LocalAgent.ControllerTrust.Role.4
         4s 2< Delete Device.LocalAgent.ControllerTrust.Role.5.Permission.1.
         5s 2< Set Device.LocalAgent.Controller.*. partial ControllerCode!=x
         6s 2< Set Device.LocalAgent.Controller.*. ControllerCode=x",
        &expect![[r#"
            1s > to self::second #1 Error 7006 your roles do not let you set Device.LocalAgent.Controller.2.AssignedRole
            1s > to self::second #1   Device.LocalAgent.Controller.2.AssignedRole: 7006 your roles do not let you set Device.LocalAgent.Controller.2.AssignedRole
            2s > to self::second #2 Error 7006 your roles do not let you add to Device.LocalAgent.ControllerTrust.Role.5.Permission.
            2s > to self::second #2   Device.LocalAgent.ControllerTrust.Role.5.Permission.: 7006 your roles do not let you add to Device.LocalAgent.ControllerTrust.Role.5.Permission.
            3s > to self::second #3 Error 7006 your roles do not let you set Device.LocalAgent.ControllerTrust.UntrustedRole
            3s > to self::second #3   Device.LocalAgent.ControllerTrust.UntrustedRole: 7006 your roles do not let you set Device.LocalAgent.ControllerTrust.UntrustedRole
            4s > to self::second #4 Error 7006 your roles do not let you delete Device.LocalAgent.ControllerTrust.Role.5.Permission.1.
            4s > to self::second #4   Device.LocalAgent.ControllerTrust.Role.5.Permission.1.: 7006 your roles do not let you delete Device.LocalAgent.ControllerTrust.Role.5.Permission.1.
            5s > to self::second #5 SetResp Device.LocalAgent.Controller.*.: 7006 your roles do not let you set Device.LocalAgent.Controller.1.ControllerCode
            5s > to self::second #5 SetResp   Device.LocalAgent.Controller.1. [ControllerCode: 7006 your roles do not let you set Device.LocalAgent.Controller.1.ControllerCode]
            5s > to self::second #5 SetResp   Device.LocalAgent.Controller.2. [ControllerCode: 7006 your roles do not let you set Device.LocalAgent.Controller.2.ControllerCode]
            6s > to self::second #6 SetResp Device.LocalAgent.Controller.1. [ControllerCode: 7006 your roles do not let you set Device.LocalAgent.Controller.1.ControllerCode]
            6s > to self::second #6 SetResp Device.LocalAgent.Controller.2. [ControllerCode: 7006 your roles do not let you set Device.LocalAgent.Controller.2.ControllerCode]
        "#]],
    );
}

#[test]
fn nobody_lifts_himself_by_what_another_one_set_up() {
    check(
        &["Device. r--n", "Device.LocalAgent.Subscription. rw-n"],
        "1s < Add Device.LocalAgent.Subscription. Alias=s ID=s Enable=true NotifType=Event ReferenceList=Device.Boot! TriggerAction=Config
         2s 2< Set Device.LocalAgent.Subscription.1. TriggerConfigSettings!=Device.LocalAgent.Controller.2.AssignedRole=\"Device.LocalAgent.ControllerTrust.Role.4\"
         3s 2< Set Device.LocalAgent.Subscription.1. TriggerAction!=NotifyAndConfig
         4s 2< Set Device.LocalAgent.Subscription.1. Enable!=false
         5s < Set Device.LocalAgent.Subscription.1. TriggerAction!=NotifyAndConfig
         6s 2< Add Device.LocalAgent.Subscription. Alias=t ID=t Enable=true NotifType=OperationComplete ReferenceList=Device. TriggerAction=Config TriggerConfigSettings!=Device.LocalAgent.Controller.2.AssignedRole=\"Device.LocalAgent.ControllerTrust.Role.4\"
         7s < Operate Device.X_LINE3_Test.Mend() Seconds=1
         9s < Get Device.LocalAgent.Controller.2.AssignedRole",
        &expect![[r#"
            1s > #1 AddResp Device.LocalAgent.Subscription.1. Alias=s ID=s Recipient=Device.LocalAgent.Controller.1
            2s > to self::second #2 Error 7006 Device.LocalAgent.Subscription.1. belongs to Device.LocalAgent.Controller.1: only it, or who may do everything, may change that
            2s > to self::second #2   Device.LocalAgent.Subscription.1.: 7006 Device.LocalAgent.Subscription.1. belongs to Device.LocalAgent.Controller.1: only it, or who may do everything, may change that
            3s > to self::second #3 Error 7006 Device.LocalAgent.Subscription.1. belongs to Device.LocalAgent.Controller.1: only it, or who may do everything, may change that
            3s > to self::second #3   Device.LocalAgent.Subscription.1.: 7006 Device.LocalAgent.Subscription.1. belongs to Device.LocalAgent.Controller.1: only it, or who may do everything, may change that
            4s > to self::second #4 Error 7006 Device.LocalAgent.Subscription.1. belongs to Device.LocalAgent.Controller.1: only it, or who may do everything, may change that
            4s > to self::second #4   Device.LocalAgent.Subscription.1.: 7006 Device.LocalAgent.Subscription.1. belongs to Device.LocalAgent.Controller.1: only it, or who may do everything, may change that
            5s > #5 SetResp Device.LocalAgent.Subscription.1. TriggerAction=NotifyAndConfig
            6s > to self::second #6 AddResp Device.LocalAgent.Subscription.2. Alias=t ID=t Recipient=Device.LocalAgent.Controller.2
            7s > #7 OperateResp Device.X_LINE3_Test.Mend() as Device.LocalAgent.Request.1.
            8s log Device.LocalAgent.Subscription.2. could not set Device.LocalAgent.Controller.2.AssignedRole: 7006 your roles do not let you set Device.LocalAgent.Controller.2.AssignedRole
            9s > #8 GetResp Device.LocalAgent.Controller.2. AssignedRole=Device.LocalAgent.ControllerTrust.Role.5
        "#]],
    );
}

#[test]
fn an_order_that_is_not_allowed_does_not_run_and_says_so() {
    check(
        &["Device. r--n", "Device.LocalAgent.Request.*.Cancel() r-x-"],
        "1s 2< Operate Device.Reboot()
         2s 2< Operate Device.Reboot() noresp
         3s < Operate Device.X_LINE3_Test.Work() Seconds=100
         4s 2< Operate Device.LocalAgent.Request.*.Cancel()",
        &expect![[r#"
            1s > to self::second #1 OperateResp Device.Reboot(): 7006 Device.Reboot() did not run: the roles of self::second do not allow it
            2s > to self::second #2 OperateResp Device.Reboot(): 7006 Device.Reboot() did not run: the roles of self::second do not allow it
            3s > #3 OperateResp Device.X_LINE3_Test.Work() as Device.LocalAgent.Request.1.
            4s > to self::second #4 OperateResp Device.LocalAgent.Request.1.Cancel() done
        "#]],
    );
}

#[test]
fn who_may_not_be_told_is_not_told() {
    let script = "1s 2< Add Device.LocalAgent.Subscription. Alias=s ID=s Enable=true NotifType=OperationComplete ReferenceList=Device.
         2s < Operate Device.X_LINE3_Test.Mend() Seconds=1
         4s end";
    check(
        &["Device. rwx- rwx- rwx- rwx-"],
        script,
        &expect![[r#"
        1s > to self::second #1 AddResp Device.LocalAgent.Subscription.1. Alias=s ID=s Recipient=Device.LocalAgent.Controller.2
        2s > #2 OperateResp Device.X_LINE3_Test.Mend() as Device.LocalAgent.Request.1.
    "#]],
    );
    check(
        &["Device. rwx- rwx- rwx- rwxn"],
        script,
        &expect![[r#"
        1s > to self::second #1 AddResp Device.LocalAgent.Subscription.1. Alias=s ID=s Recipient=Device.LocalAgent.Controller.2
        2s > #2 OperateResp Device.X_LINE3_Test.Mend() as Device.LocalAgent.Request.1.
        3s > to self::second Notify s: OperationComplete Device.X_LINE3_Test.Mend() key= Data=
    "#]],
    );
}

#[test]
fn rights_that_change_count_from_the_next_message() {
    check(
        &["Device. r---"],
        "1s 2< Get Device.LocalAgent.EndpointID
         2s < Set Device.LocalAgent.ControllerTrust.Role.5. Enable=false
         3s 2< Get Device.LocalAgent.EndpointID
         4s < Set Device.LocalAgent.Controller.2. AssignedRole=Device.LocalAgent.ControllerTrust.Role.1
         5s 2< Get Device.LocalAgent.EndpointID
         6s < Set Device.LocalAgent.ControllerTrust. BannedRole=Device.LocalAgent.ControllerTrust.Role.1
         7s 2< Get Device.LocalAgent.EndpointID",
        &expect![[r#"
            1s > to self::second #1 GetResp Device.LocalAgent. EndpointID=proto::sim-1
            2s > #2 SetResp Device.LocalAgent.ControllerTrust.Role.5. Enable=false
            3s > to self::second #3 GetResp Device.LocalAgent.EndpointID: 7026 Device.LocalAgent.EndpointID is not in the data model of this box
            4s > #4 SetResp Device.LocalAgent.Controller.2. AssignedRole=Device.LocalAgent.ControllerTrust.Role.1
            5s > to self::second #5 GetResp Device.LocalAgent. EndpointID=proto::sim-1
            6s > #6 SetResp Device.LocalAgent.ControllerTrust. BannedRole=Device.LocalAgent.ControllerTrust.Role.1
            7s > to self::second #7 Error 7006 self::second is no controller of this box
        "#]],
    );
}

#[test]
fn a_search_in_targets_follows_the_values() {
    check(
        &["Device.LocalAgent.Controller.[Enable==true]. r---", "Device.LocalAgent.Controller.[ControllerCode==\"x\"].Alias ---- r---"],
        "1s 2< Get Device.LocalAgent.Controller.*.Alias
         2s < Set Device.LocalAgent.Controller.1. ControllerCode=x
         3s 2< Get Device.LocalAgent.Controller.*.Alias
         4s 2< Get Device.LocalAgent.EndpointID",
        &expect![[r#"
            1s > to self::second #1 GetResp Device.LocalAgent.Controller.1. Alias=cpe-1
            1s > to self::second #1 GetResp Device.LocalAgent.Controller.2. Alias=second
            2s > #2 SetResp Device.LocalAgent.Controller.1. ControllerCode=x
            3s > to self::second #3 GetResp Device.LocalAgent.Controller.2. Alias=second
            4s > to self::second #4 GetResp Device.LocalAgent.EndpointID: 7026 Device.LocalAgent.EndpointID is not in the data model of this box
        "#]],
    );
}

#[test]
fn secured_parameters_are_for_secured_roles() {
    check(
        &["Device. r---"],
        "1s < Set Device.MQTT.Client.1. Username=me
         2s 2< Get Device.MQTT.Client.1.Username Device.MQTT.Client.[Username==\"me\"].Alias
         3s < Get Device.MQTT.Client.1.Username
         4s < Set Device.LocalAgent.ControllerTrust. SecuredRoles!=Device.LocalAgent.ControllerTrust.Role.5
         5s 2< Get Device.MQTT.Client.1.Username
         6s < Get Device.MQTT.Client.1.Username",
        &expect![[r#"
            1s > #1 SetResp Device.MQTT.Client.1. Username=me
            2s > to self::second #2 GetResp Device.MQTT.Client.1. Username=
            2s > to self::second #2 GetResp Device.MQTT.Client.[Username=="me"].Alias: nothing
            3s > #3 GetResp Device.MQTT.Client.1. Username=me
            4s > #4 SetResp Device.LocalAgent.ControllerTrust. SecuredRoles=Device.LocalAgent.ControllerTrust.Role.5
            5s > to self::second #5 GetResp Device.MQTT.Client.1. Username=me
            6s > #6 GetResp Device.MQTT.Client.1. Username=
        "#]],
    );
}

#[test]
fn unknown_controllers_are_refused_or_have_the_untrusted_role_and_four_are_enough() {
    check(
        &["Device.LocalAgent.EndpointID r---", "Device.LocalAgent. ---- r---"],
        "1s < from=self::a Get Device.LocalAgent.EndpointID
         2s < Set Device.LocalAgent.ControllerTrust. UntrustedRole=Device.LocalAgent.ControllerTrust.Role.1
         3s < from=self::a Get Device.LocalAgent.EndpointID
         4s < from=self::a Operate Device.Reboot()
         5s < Get Device.LocalAgent.Controller.3.AssignedRole
         6s < from=self::b Get Device.LocalAgent.EndpointID
         7s < from=self::c Get Device.LocalAgent.EndpointID
         8s < from=self::d Get Device.LocalAgent.EndpointID
         9s < from=self::e Get Device.LocalAgent.EndpointID
         10s < Delete Device.LocalAgent.Controller.6.
         11s < from=self::e Get Device.LocalAgent.EndpointID
         12s kill
         13s up
         14s < GetInstances Device.LocalAgent.Controller. first",
        &expect![[r#"
            1s > to self::a #1 Error 7006 self::a is no controller of this box
            2s > #2 SetResp Device.LocalAgent.ControllerTrust. UntrustedRole=Device.LocalAgent.ControllerTrust.Role.1
            3s log self::a is unknown; it has the role Device.LocalAgent.ControllerTrust.Role.1 until the agent restarts
            3s > to self::a #3 GetResp Device.LocalAgent. EndpointID=proto::sim-1
            4s > to self::a #4 OperateResp Device.Reboot(): 7006 Device.Reboot() did not run: the roles of self::a do not allow it
            5s > #5 GetResp Device.LocalAgent.Controller.3. AssignedRole=Device.LocalAgent.ControllerTrust.Role.1
            6s log self::b is unknown; it has the role Device.LocalAgent.ControllerTrust.Role.1 until the agent restarts
            6s > to self::b #6 GetResp Device.LocalAgent. EndpointID=proto::sim-1
            7s log self::c is unknown; it has the role Device.LocalAgent.ControllerTrust.Role.1 until the agent restarts
            7s > to self::c #7 GetResp Device.LocalAgent. EndpointID=proto::sim-1
            8s log self::d is unknown; it has the role Device.LocalAgent.ControllerTrust.Role.1 until the agent restarts
            8s > to self::d #8 GetResp Device.LocalAgent. EndpointID=proto::sim-1
            9s > to self::e #9 Error 7006 self::e is no controller of this box
            10s > #10 DeleteResp Device.LocalAgent.Controller.6.: gone [Device.LocalAgent.Controller.6.]
            11s log self::e is unknown; it has the role Device.LocalAgent.ControllerTrust.Role.1 until the agent restarts
            11s > to self::e #11 GetResp Device.LocalAgent. EndpointID=proto::sim-1
            13s log connected to the broker
            13s > connect RUN.1 usp/agent/proto::sim-1
            13s > connect RUN.1 usp/agent/proto::sim-1
            14s > #12 GetInstancesResp Device.LocalAgent.Controller.1. Alias=cpe-1 EndpointID=self::line3
            14s > #12 GetInstancesResp Device.LocalAgent.Controller.2. Alias=second EndpointID=self::second
        "#]],
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    check(
        &[],
        "1s < Add Device.LocalAgent.ControllerTrust.Role.5.Permission. Alias=a Param!=rnwx
         2s < Add Device.LocalAgent.ControllerTrust.Role.5.Permission. Alias=a Targets!=Device..A
         3s < Set Device.LocalAgent.ControllerTrust. UntrustedRole!=Device.LocalAgent.ControllerTrust.Role.9
         4s < Set Device.LocalAgent.ControllerTrust. UntrustedRole!=Device.LocalAgent.ControllerTrust.Role.1,Device.LocalAgent.ControllerTrust.Role.2
         5s < Add Device.LocalAgent.ControllerTrust.Role. Alias=b Name=Full
         6s < Delete Device.LocalAgent.ControllerTrust.",
        &expect![[r#"
            1s > #1 Error 7021 Param: Param takes four letters, each of rwxn in its place or -, e.g. r--n; not "rnwx"
            1s > #1   Device.LocalAgent.ControllerTrust.Role.5.Permission.Param: 7012 Param takes four letters, each of rwxn in its place or -, e.g. r--n; not "rnwx"
            2s > #2 Error 7021 Targets: path "Device..A", column 8: expected a name, an instance number, *, {i}, a search in [] or the end of the path
            2s > #2   Device.LocalAgent.ControllerTrust.Role.5.Permission.Targets: 7012 path "Device..A", column 8: expected a name, an instance number, *, {i}, a search in [] or the end of the path
            3s > #3 Error 7021 UntrustedRole: Device.LocalAgent.ControllerTrust.Role.9 is no row of Device.LocalAgent.ControllerTrust.Role.; UntrustedRole takes one that is there
            3s > #3   Device.LocalAgent.ControllerTrust.UntrustedRole: 7012 Device.LocalAgent.ControllerTrust.Role.9 is no row of Device.LocalAgent.ControllerTrust.Role.; UntrustedRole takes one that is there
            4s > #4 Error 7021 UntrustedRole: UntrustedRole takes one role, not 2
            4s > #4   Device.LocalAgent.ControllerTrust.UntrustedRole: 7012 UntrustedRole takes one role, not 2
            5s > #5 Error 7025 Device.LocalAgent.ControllerTrust.Role.4. already has Name=Full
            5s > #5   Device.LocalAgent.ControllerTrust.Role.Name: 7025 Device.LocalAgent.ControllerTrust.Role.4. already has Name=Full
            6s > #6 Error 7008 Device.LocalAgent.ControllerTrust. is a table or object; name the rows to delete, e.g. with * or a number
            6s > #6   Device.LocalAgent.ControllerTrust.: 7008 Device.LocalAgent.ControllerTrust. is a table or object; name the rows to delete, e.g. with * or a number
        "#]],
    );
}

#[test]
fn a_report_holds_what_its_owner_may_read_at_that_time() {
    check(
        &["Device.BulkData. rw-- rw-- rw-- r-xn", "Device.LocalAgent.Controller. r---", "Device.LocalAgent.Controller.1.EndpointID ----"],
        "0s < Set Device.BulkData.Profile.1. Enable=false
         1s 2< Add Device.BulkData.Profile. ReportingInterval=86400 MQTT.PublishTopic=bulk JSONEncoding.ReportTimestamp=None
         1s < Set Device.BulkData.Profile.2.MQTT. Reference=Device.MQTT.Client.1
         2s 2< Add Device.BulkData.Profile.2.Parameter. Name=E Reference=Device.LocalAgent.Controller.*.EndpointID
         3s 2< Add Device.BulkData.Profile.2.Parameter. Name=U Reference=Device.DeviceInfo.
         4s 2< Add Device.BulkData.Profile.2.Parameter. Name=A Reference=Device.LocalAgent.Controller.1.Alias
         5s < Operate Device.BulkData.Profile.2.ForceCollection()
         6s < Set Device.LocalAgent.ControllerTrust.Role.5.Permission.3. Enable=false
         7s < Operate Device.BulkData.Profile.2.ForceCollection()
         8s < Set Device.LocalAgent.ControllerTrust.Role.5. Enable=false
         9s < Operate Device.BulkData.Profile.2.ForceCollection()",
        &expect![[r#"
            0s > #1 SetResp Device.BulkData.Profile.1. Enable=false
            1s > to self::second #2 AddResp Device.BulkData.Profile.2. Alias=cpe-2
            1s > #3 SetResp Device.BulkData.Profile.2.MQTT. Reference=Device.MQTT.Client.1
            2s > to self::second #4 AddResp Device.BulkData.Profile.2.Parameter.1.
            3s > to self::second #5 AddResp Device.BulkData.Profile.2.Parameter.2.
            4s > to self::second #6 AddResp Device.BulkData.Profile.2.Parameter.3.
            5s > bulk (QoS 1) {"Report":[{"A":"cpe-1","E":{"2":"self::second"}}]}
            5s > #7 OperateResp Device.BulkData.Profile.2.ForceCollection() done
            6s > #8 SetResp Device.LocalAgent.ControllerTrust.Role.5.Permission.3. Enable=false
            7s > bulk (QoS 1) {"Report":[{"A":"cpe-1","E":{"1":"self::line3","2":"self::second"}}]}
            7s > #9 OperateResp Device.BulkData.Profile.2.ForceCollection() done
            8s > #10 SetResp Device.LocalAgent.ControllerTrust.Role.5. Enable=false
            9s > bulk (QoS 1) {"Report":[{}]}
            9s > #11 OperateResp Device.BulkData.Profile.2.ForceCollection() done
        "#]],
    );
}
