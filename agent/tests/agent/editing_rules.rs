//! The rules of Add, Set and Delete, table by table: unique keys, references, what is written once, who goes with whom.

use expect_test::{Expect, expect};

use crate::bench::Bench;

/// What a box answers that knows a second controller, `self::second`, as Controller.2.
#[track_caller]
fn check(script: &str, expected: &Expect) {
    expected.assert_eq(&two_controllers().play(script));
}

fn two_controllers() -> Bench {
    let mut bench = Bench::new();
    bench.play(
        "0s up
         0s < Add Device.LocalAgent.Controller. EndpointID=self::second Enable=true Alias=second OnBoardingComplete=true AssignedRole=Device.LocalAgent.ControllerTrust.Role.4
         0s < Add Device.LocalAgent.Controller.2.MTP. Enable=true
         0s < Set Device.LocalAgent.Controller.2.MTP.1.MQTT. Topic=usp/controller/self::second/proto::sim-1 AgentMTPReference=Device.LocalAgent.MTP.1",
    );
    bench
}

#[test]
fn a_controller_is_added_with_all_that_belongs_to_it_and_may_ask_then() {
    let mut bench = Bench::new();
    let said = bench.play(
        "0s up
         1s < from=self::second Get Device.LocalAgent.UpTime
         2s < Add Device.LocalAgent.Controller. EndpointID=self::second Enable=1 OnBoardingComplete=true AssignedRole=Device.LocalAgent.ControllerTrust.Role.4
         3s < Add Device.LocalAgent.Controller.2.MTP. Enable=true
         4s < Set Device.LocalAgent.Controller.2.MTP.1.MQTT. Topic=usp/controller/self::second/proto::sim-1
         5s < from=self::second Get Device.LocalAgent.Controller.2.
         6s down gone
         7s up",
    );
    expect![[r#"
        0s log connected to the broker
        0s > connect RUN.1 usp/agent/proto::sim-1
        1s > to self::second #1 Error 7006 self::second is no controller of this box
        2s > #2 AddResp Device.LocalAgent.Controller.2. Alias=cpe-2 EndpointID=self::second
        3s > #3 AddResp Device.LocalAgent.Controller.2.MTP.1. Alias=cpe-1 Protocol=MQTT
        4s > #4 SetResp Device.LocalAgent.Controller.2.MTP.1.MQTT. Topic=usp/controller/self::second/proto::sim-1
        5s > to self::second #5 GetResp Device.LocalAgent.Controller.2. Alias=cpe-2 AssignedRole=Device.LocalAgent.ControllerTrust.Role.4 BootParameterNumberOfEntries=0 ControllerCode= Enable=true EndpointID=self::second InheritedRole= MTPNumberOfEntries=1 OnBoardingComplete=true OnBoardingRestartTime=0 PeriodicNotifInterval=86400 PeriodicNotifTime=0001-01-01T00:00:00Z ProvisioningCode= USPNotifRetryIntervalMultiplier=2000 USPNotifRetryMinimumWaitInterval=5
        5s > to self::second #5 GetResp Device.LocalAgent.Controller.2.MTP.1. Alias=cpe-1 Enable=true Protocol=MQTT
        5s > to self::second #5 GetResp Device.LocalAgent.Controller.2.MTP.1.MQTT. AgentMTPReference= Reference= Topic=usp/controller/self::second/proto::sim-1
        5s > to self::second #5 GetResp Device.LocalAgent.Controller.2.TransferCompletePolicy. ResultTypeFilter=Both
        6s log gone
        7s log connected to the broker
        7s > connect RUN.2 usp/agent/proto::sim-1
        7s > connect RUN.2 usp/agent/proto::sim-1
    "#]].assert_eq(&said);
}

#[test]
fn unique_keys_that_are_not_given_are_made_up() {
    check(
        "1s < Add Device.LocalAgent.Controller. ControllerCode=x + Device.LocalAgent.Controller.
         2s < Set Device.LocalAgent.Controller.3. Enable!=true
         3s < Add Device.LocalAgent.Subscription. ID=cpe-2 + Device.LocalAgent.Subscription.
         4s < Add Device.LocalAgent.Controller.1.BootParameter. Enable!=false
         5s < Set Device.LocalAgent.Controller.1.BootParameter.1. Enable!=true
         6s < Set Device.LocalAgent.Controller.1.BootParameter.1. ParameterName=Device.DeviceInfo.ModelName Enable!=true
         7s < Add Device.LocalAgent.Controller.1.MTP.",
        &expect![[r#"
            1s > #4 AddResp Device.LocalAgent.Controller.3. Alias=cpe-3 EndpointID=cpe-3
            1s > #4 AddResp Device.LocalAgent.Controller.4. Alias=cpe-4 EndpointID=cpe-4
            2s > #5 Error 7012 give the controller's EndpointID before it is enabled
            2s > #5   Device.LocalAgent.Controller.3.EndpointID: 7012 give the controller's EndpointID before it is enabled
            3s > #6 AddResp Device.LocalAgent.Subscription.1. Alias=cpe-1 ID=cpe-2 Recipient=Device.LocalAgent.Controller.1
            3s > #6 AddResp Device.LocalAgent.Subscription.2. Alias=cpe-2 ID=cpe-2- Recipient=Device.LocalAgent.Controller.1
            4s > #7 AddResp Device.LocalAgent.Controller.1.BootParameter.1. Alias=cpe-1 ParameterName=cpe-1
            5s > #8 Error 7012 give the ParameterName before it is enabled
            5s > #8   Device.LocalAgent.Controller.1.BootParameter.1.ParameterName: 7012 give the ParameterName before it is enabled
            6s > #9 SetResp Device.LocalAgent.Controller.1.BootParameter.1. Enable=true ParameterName=Device.DeviceInfo.ModelName
            7s > #10 Error 7025 Device.LocalAgent.Controller.1.MTP.1. already has Protocol=MQTT
            7s > #10   Device.LocalAgent.Controller.1.MTP.Protocol: 7025 Device.LocalAgent.Controller.1.MTP.1. already has Protocol=MQTT
        "#]],
    );
}

#[test]
fn an_alias_begins_with_a_letter_and_leaves_the_agents_own_alone() {
    check(
        "1s < Add Device.LocalAgent.Subscription. Enable=True Alias=88InvalidAlias
         2s < Add Device.LocalAgent.Subscription. Alias=cpe-7
         3s < Add Device.LocalAgent.Subscription. Alias=a.b
         4s < Add Device.LocalAgent.Subscription. Alias=test-1-104
         5s < Set Device.LocalAgent.Subscription.1. Alias!=test-1-104-new
         6s < Set Device.LocalAgent.Subscription.1. ID!=other
         7s < GetInstances Device.LocalAgent.Subscription.",
        &expect![[r#"
            1s > #4 Error 7021 Alias: an Alias is a letter and then letters, digits, - or _, which "88InvalidAlias" is not
            1s > #4   Device.LocalAgent.Subscription.Alias: 7012 an Alias is a letter and then letters, digits, - or _, which "88InvalidAlias" is not
            2s > #5 Error 7021 Alias: Alias "cpe-7": names that begin with cpe- are the agent's to give; leave it out or choose another
            2s > #5   Device.LocalAgent.Subscription.Alias: 7012 Alias "cpe-7": names that begin with cpe- are the agent's to give; leave it out or choose another
            3s > #6 Error 7021 Alias: an Alias is a letter and then letters, digits, - or _, which "a.b" is not
            3s > #6   Device.LocalAgent.Subscription.Alias: 7012 an Alias is a letter and then letters, digits, - or _, which "a.b" is not
            4s > #7 AddResp Device.LocalAgent.Subscription.1. Alias=test-1-104 ID=cpe-1 Recipient=Device.LocalAgent.Controller.1
            5s > #8 Error 7021 Alias: Alias was set once and stays so
            5s > #8   Device.LocalAgent.Subscription.1.Alias: 7013 Alias was set once and stays so
            6s > #9 Error 7021 ID: ID was set once and stays so
            6s > #9   Device.LocalAgent.Subscription.1.ID: 7013 ID was set once and stays so
            7s > #10 GetInstancesResp Device.LocalAgent.Subscription.1. Alias=test-1-104 ID=cpe-1 Recipient=Device.LocalAgent.Controller.1
        "#]],
    );
}

#[test]
fn what_is_written_once_may_be_written_later() {
    check(
        "1s < Add Device.LocalAgent.Subscription. ID=later
         2s < Get Device.LocalAgent.Subscription.1.
         3s < Set Device.LocalAgent.Subscription.1. NotifType!=Event ReferenceList!=Device.Boot!
         4s < Set Device.LocalAgent.Subscription.1. NotifType!=ValueChange
         5s < Set Device.LocalAgent.Subscription.1. NotifType!=Event TriggerConfigSettings!=Device.LocalAgent.Subscription.[ID==\"later\"].Enable=false
         6s < Set Device.LocalAgent.Subscription.1. TriggerConfigSettings=nonsense
         7s < Set Device.LocalAgent.Subscription.1. TriggerConfigSettings!=Device.LocalAgent.",
        &expect![[r#"
            1s > #4 AddResp Device.LocalAgent.Subscription.1. Alias=cpe-1 ID=later Recipient=Device.LocalAgent.Controller.1
            2s > #5 GetResp Device.LocalAgent.Subscription.1. Alias=cpe-1 CreationDate=2026-01-01T00:00:01Z Enable=false ID=later NotifExpiration=0 NotifRetry=false NotifType= Persistent=false Recipient=Device.LocalAgent.Controller.1 ReferenceList= TimeToLive=0 TriggerAction=Notify TriggerConfigSettings=
            3s > #6 SetResp Device.LocalAgent.Subscription.1. NotifType=Event ReferenceList=Device.Boot!
            4s > #7 Error 7021 NotifType: NotifType was set once and stays so
            4s > #7   Device.LocalAgent.Subscription.1.NotifType: 7013 NotifType was set once and stays so
            5s > #8 SetResp Device.LocalAgent.Subscription.1. NotifType=Event TriggerConfigSettings=Device.LocalAgent.Subscription.[ID=="later"].Enable=false
            6s > #9 SetResp Device.LocalAgent.Subscription.1. [TriggerConfigSettings: 7012 TriggerConfigSettings takes Device.….Parameter=value, not "nonsense"]
            7s > #10 Error 7021 TriggerConfigSettings: TriggerConfigSettings takes Device.….Parameter=value, not "Device.LocalAgent."
            7s > #10   Device.LocalAgent.Subscription.1.TriggerConfigSettings: 7012 TriggerConfigSettings takes Device.….Parameter=value, not "Device.LocalAgent."
        "#]],
    );
}

#[test]
fn an_add_goes_to_every_table_that_its_path_matches() {
    let boot = "Device.LocalAgent.Controller.[Enable==true].BootParameter.";
    check(
        &format!(
            "1s < Add {boot} Enable=true ParameterName=Device.LocalAgent.SoftwareVersion
             2s < Add Device.LocalAgent.Controller.[EndpointID==\"self::line3\"&&Alias==\"cpe-1\"].BootParameter. ParameterName=Device.DeviceInfo.
             3s < Add {boot} ParameterName=Device.DeviceInfo.
             4s < Get Device.LocalAgent.Controller.*.BootParameterNumberOfEntries
             5s < Add {boot} partial ParameterName=Device.DeviceInfo.
             6s < Add Device.LocalAgent.Controller.*.BootParameter Enable!=perhaps
             7s < Add Device.LocalAgent.Controller.[Enable==false].BootParameter.
             8s < Delete Device.LocalAgent.Controller.[EndpointID==\"self::line3\"&&Alias==\"cpe-1\"].BootParameter.1.
             9s < Delete Device.LocalAgent.Controller.1.BootParameter.[Enable==true].
             10s < Delete Device.LocalAgent.Controller.*.BootParameter.[Enable==false].
             11s < GetInstances Device.LocalAgent.Controller.2.BootParameter."
        ),
        &expect![[r#"
            1s > #4 AddResp Device.LocalAgent.Controller.1.BootParameter.1. Alias=cpe-1 ParameterName=Device.LocalAgent.SoftwareVersion
            1s > #4 AddResp Device.LocalAgent.Controller.2.BootParameter.1. Alias=cpe-1 ParameterName=Device.LocalAgent.SoftwareVersion
            2s > #5 AddResp Device.LocalAgent.Controller.1.BootParameter.2. Alias=cpe-2 ParameterName=Device.DeviceInfo.
            3s > #6 Error 7025 Device.LocalAgent.Controller.1.BootParameter.2. already has ParameterName=Device.DeviceInfo.
            3s > #6   Device.LocalAgent.Controller.1.BootParameter.ParameterName: 7025 Device.LocalAgent.Controller.1.BootParameter.2. already has ParameterName=Device.DeviceInfo.
            4s > #7 GetResp Device.LocalAgent.Controller.1. BootParameterNumberOfEntries=2
            4s > #7 GetResp Device.LocalAgent.Controller.2. BootParameterNumberOfEntries=1
            5s > #8 AddResp Device.LocalAgent.Controller.[Enable==true].BootParameter.: 7025 Device.LocalAgent.Controller.1.BootParameter.2. already has ParameterName=Device.DeviceInfo.
            5s > #8 AddResp Device.LocalAgent.Controller.2.BootParameter.2. Alias=cpe-2 ParameterName=Device.DeviceInfo.
            6s > #9 Error 7021 Enable: Enable takes boolean, not "perhaps"
            6s > #9   Device.LocalAgent.Controller.1.BootParameter.Enable: 7011 Enable takes boolean, not "perhaps"
            8s > #11 DeleteResp Device.LocalAgent.Controller.[EndpointID=="self::line3"&&Alias=="cpe-1"].BootParameter.1.: gone [Device.LocalAgent.Controller.1.BootParameter.1.]
            9s > #12 DeleteResp Device.LocalAgent.Controller.1.BootParameter.[Enable==true].: gone []
            10s > #13 DeleteResp Device.LocalAgent.Controller.*.BootParameter.[Enable==false].: gone [Device.LocalAgent.Controller.1.BootParameter.2. Device.LocalAgent.Controller.2.BootParameter.2.]
            11s > #14 GetInstancesResp Device.LocalAgent.Controller.2.BootParameter.1. Alias=cpe-1 ParameterName=Device.LocalAgent.SoftwareVersion
        "#]],
    );
}

#[test]
fn who_is_deleted_takes_his_subscriptions_along() {
    check(
        "1s < from=self::second Add Device.LocalAgent.Subscription. ID=his Persistent=true
         2s < Add Device.LocalAgent.Subscription. ID=mine Persistent=true
         3s < Delete Device.LocalAgent.Controller.2.
         4s < GetInstances Device.LocalAgent.Controller. Device.LocalAgent.Subscription.
         5s < from=self::second Get Device.LocalAgent.UpTime
         6s < Add Device.LocalAgent.Controller. EndpointID=self::second
         7s < GetInstances Device.LocalAgent.Controller.3.MTP.
         8s kill
         9s up
         10s < GetInstances Device.LocalAgent.Controller. Device.LocalAgent.Subscription.",
        &expect![[r#"
            1s > to self::second #4 AddResp Device.LocalAgent.Subscription.1. Alias=cpe-1 ID=his Recipient=Device.LocalAgent.Controller.2
            2s > #5 AddResp Device.LocalAgent.Subscription.2. Alias=cpe-2 ID=mine Recipient=Device.LocalAgent.Controller.1
            3s > #6 DeleteResp Device.LocalAgent.Controller.2.: gone [Device.LocalAgent.Controller.2.]
            4s > #7 GetInstancesResp Device.LocalAgent.Controller.1. Alias=cpe-1 EndpointID=self::line3
            4s > #7 GetInstancesResp Device.LocalAgent.Controller.1.MTP.1. Alias=cpe-1 Protocol=MQTT
            4s > #7 GetInstancesResp Device.LocalAgent.Subscription.2. Alias=cpe-2 ID=mine Recipient=Device.LocalAgent.Controller.1
            5s > to self::second #8 Error 7006 self::second is no controller of this box
            6s > #9 AddResp Device.LocalAgent.Controller.3. Alias=cpe-3 EndpointID=self::second
            9s log connected to the broker
            9s > connect RUN.1 usp/agent/proto::sim-1
            10s > #11 GetInstancesResp Device.LocalAgent.Controller.1. Alias=cpe-1 EndpointID=self::line3
            10s > #11 GetInstancesResp Device.LocalAgent.Controller.3. Alias=cpe-3 EndpointID=self::second
            10s > #11 GetInstancesResp Device.LocalAgent.Controller.1.MTP.1. Alias=cpe-1 Protocol=MQTT
            10s > #11 GetInstancesResp Device.LocalAgent.Subscription.2. Alias=cpe-2 ID=mine Recipient=Device.LocalAgent.Controller.1
        "#]],
    );
}

#[test]
fn nobody_cuts_off_himself_or_the_box() {
    check(
        "1s < Delete partial Device.LocalAgent.Controller.*.
         2s < Set Device.LocalAgent.Controller.1. Enable!=false
         3s < Set Device.LocalAgent.Controller.1. Enable=0 ControllerCode=kept
         4s < Set Device.LocalAgent.Controller.1.MTP.1. Enable!=false
         5s < Set Device.LocalAgent.MTP.1. Enable!=0
         6s < Set Device.MQTT.Client.1. Enable!=false
         7s < Set Device.MQTT.Client.1. BrokerAddress!=
         8s < Get Device.LocalAgent.Controller.1.ControllerCode",
        &expect![[r#"
            1s > #4 DeleteResp Device.LocalAgent.Controller.*.: gone [Device.LocalAgent.Controller.2.] [Device.LocalAgent.Controller.1.: 7024 Device.LocalAgent.Controller.1. is you, or your way: let another controller delete it, so that the box stays in somebody's reach]
            2s > #5 Error 7021 Enable: a controller does not turn off itself; let another one do it, so that the box stays in somebody's reach
            2s > #5   Device.LocalAgent.Controller.1.Enable: 7002 a controller does not turn off itself; let another one do it, so that the box stays in somebody's reach
            3s > #6 SetResp Device.LocalAgent.Controller.1. ControllerCode=kept [Enable: 7002 a controller does not turn off itself; let another one do it, so that the box stays in somebody's reach]
            4s > #7 Error 7021 Enable: a controller does not turn off itself; let another one do it, so that the box stays in somebody's reach
            4s > #7   Device.LocalAgent.Controller.1.MTP.1.Enable: 7002 a controller does not turn off itself; let another one do it, so that the box stays in somebody's reach
            5s > #8 Error 7002 Device.LocalAgent.MTP.1.Enable: no enabled row with Protocol MQTT refers to an enabled MQTT client any more: nobody could reach this box to undo it; make another way first
            5s > #8   Device.LocalAgent.MTP.1.Enable: 7012 no enabled row with Protocol MQTT refers to an enabled MQTT client any more: nobody could reach this box to undo it; make another way first
            6s > #9 Error 7002 Device.MQTT.Client.1.Enable: no enabled row with Protocol MQTT refers to an enabled MQTT client any more: nobody could reach this box to undo it; make another way first
            6s > #9   Device.MQTT.Client.1.Enable: 7012 no enabled row with Protocol MQTT refers to an enabled MQTT client any more: nobody could reach this box to undo it; make another way first
            7s > #10 Error 7002 Device.MQTT.Client.1.BrokerAddress: the client has no broker any more: nobody could reach this box to undo it; make another way first
            7s > #10   Device.MQTT.Client.1.BrokerAddress: 7012 the client has no broker any more: nobody could reach this box to undo it; make another way first
            8s > #11 GetResp Device.LocalAgent.Controller.1. ControllerCode=kept
        "#]],
    );
}

#[test]
fn what_refers_to_a_deleted_row_is_mended() {
    let role = "Device.LocalAgent.ControllerTrust.Role";
    check(
        &format!(
            "1s < Add {role}. Name=mine
             2s < Set Device.LocalAgent.Controller.1. AssignedRole!={role}.4,{role}.5
             3s < Set Device.LocalAgent.ControllerTrust. UntrustedRole!={role}.5 SecuredRoles!={role}.5,{role}.4
             4s < Set Device.LocalAgent.ControllerTrust. BannedRole!={role}.3
             5s < Delete {role}.5. {role}.3.
             6s < Get Device.LocalAgent.ControllerTrust.UntrustedRole Device.LocalAgent.ControllerTrust.BannedRole
             7s < Get Device.LocalAgent.ControllerTrust.SecuredRoles Device.LocalAgent.Controller.1.AssignedRole
             8s < from=self::second Add Device.BulkData.Profile. Name=theirs
             9s < Delete Device.LocalAgent.Controller.2.
             10s < Get Device.BulkData.Profile.*.Name"
        ),
        &expect![[r#"
            1s > #4 AddResp Device.LocalAgent.ControllerTrust.Role.5. Alias=cpe-5 Name=mine
            2s > #5 SetResp Device.LocalAgent.Controller.1. AssignedRole=Device.LocalAgent.ControllerTrust.Role.4,Device.LocalAgent.ControllerTrust.Role.5
            3s > #6 SetResp Device.LocalAgent.ControllerTrust. SecuredRoles=Device.LocalAgent.ControllerTrust.Role.5,Device.LocalAgent.ControllerTrust.Role.4 UntrustedRole=Device.LocalAgent.ControllerTrust.Role.5
            4s > #7 SetResp Device.LocalAgent.ControllerTrust. BannedRole=Device.LocalAgent.ControllerTrust.Role.3
            5s > #8 DeleteResp Device.LocalAgent.ControllerTrust.Role.5.: gone [Device.LocalAgent.ControllerTrust.Role.5.]
            5s > #8 DeleteResp Device.LocalAgent.ControllerTrust.Role.3.: gone [Device.LocalAgent.ControllerTrust.Role.3.]
            6s > #9 GetResp Device.LocalAgent.ControllerTrust. UntrustedRole=
            6s > #9 GetResp Device.LocalAgent.ControllerTrust. BannedRole=
            7s > #10 GetResp Device.LocalAgent.ControllerTrust. SecuredRoles=Device.LocalAgent.ControllerTrust.Role.4
            7s > #10 GetResp Device.LocalAgent.Controller.1. AssignedRole=Device.LocalAgent.ControllerTrust.Role.4
            8s > to self::second #11 AddResp Device.BulkData.Profile.2. Alias=cpe-2
            9s > #12 DeleteResp Device.LocalAgent.Controller.2.: gone [Device.LocalAgent.Controller.2.]
            10s > #13 GetResp Device.BulkData.Profile.1. Name=health
        "#]],
    );
}

#[test]
fn what_may_be_done_in_part_is_done_but_for_what_would_cut_off_the_box() {
    let role = "Device.LocalAgent.ControllerTrust.Role.";
    check(
        &format!(
            "1s < Set Device.LocalAgent.Controller.1. partial ControllerCode=a + Device.LocalAgent.MTP.1. Enable!=false + Device.LocalAgent.Controller.1. ProvisioningCode=b
             2s < Delete partial {role}1. {role}4. {role}2.
             3s < Set Device.MQTT.Client.1. partial BrokerAddress!= KeepAliveTime=7 + Device.LocalAgent.Controller.1. ControllerCode=c
             4s < Get Device.LocalAgent.Controller.1.ControllerCode Device.LocalAgent.Controller.1.ProvisioningCode Device.MQTT.Client.1.KeepAliveTime
             5s < Get {role}*.Name
             6s < Set Device.LocalAgent.MTP.1.MQTT. Reference!="
        ),
        &expect![[r#"
            1s > #4 SetResp Device.LocalAgent.Controller.1. ControllerCode=a
            1s > #4 SetResp Device.LocalAgent.MTP.1.: 7002 Device.LocalAgent.MTP.1.Enable: no enabled row with Protocol MQTT refers to an enabled MQTT client any more: nobody could reach this box to undo it; make another way first
            1s > #4 SetResp   Device.LocalAgent.MTP.1. [Enable: 7012 no enabled row with Protocol MQTT refers to an enabled MQTT client any more: nobody could reach this box to undo it; make another way first]
            1s > #4 SetResp Device.LocalAgent.Controller.1. ProvisioningCode=b
            2s > #5 DeleteResp Device.LocalAgent.ControllerTrust.Role.1.: gone [Device.LocalAgent.ControllerTrust.Role.1.]
            2s > #5 DeleteResp Device.LocalAgent.ControllerTrust.Role.4.: 7002 you could not undo this: you would no longer have a role that lets you change roles; let another controller do it
            2s > #5 DeleteResp Device.LocalAgent.ControllerTrust.Role.2.: gone [Device.LocalAgent.ControllerTrust.Role.2.]
            3s > #6 SetResp Device.MQTT.Client.1.: 7002 Device.MQTT.Client.1.BrokerAddress: the client has no broker any more: nobody could reach this box to undo it; make another way first
            3s > #6 SetResp   Device.MQTT.Client.1. [BrokerAddress: 7012 the client has no broker any more: nobody could reach this box to undo it; make another way first]
            3s > #6 SetResp Device.LocalAgent.Controller.1. ControllerCode=c
            4s > #7 GetResp Device.LocalAgent.Controller.1. ControllerCode=c
            4s > #7 GetResp Device.LocalAgent.Controller.1. ProvisioningCode=b
            4s > #7 GetResp Device.MQTT.Client.1. KeepAliveTime=60
            5s > #8 GetResp Device.LocalAgent.ControllerTrust.Role.3. Name=Repair
            5s > #8 GetResp Device.LocalAgent.ControllerTrust.Role.4. Name=Full
            6s > #9 Error 7002 Device.LocalAgent.MTP.1.MQTT.Reference: no enabled row with Protocol MQTT refers to an enabled MQTT client any more: nobody could reach this box to undo it; make another way first
            6s > #9   Device.LocalAgent.MTP.1.MQTT.Reference: 7012 no enabled row with Protocol MQTT refers to an enabled MQTT client any more: nobody could reach this box to undo it; make another way first
        "#]],
    );
}

#[test]
fn a_subscription_is_about_what_there_can_be() {
    check(
        "1s < Add Device.LocalAgent.Subscription. ID=a NotifType=ValueChange ReferenceList!=Device.DeviceInfo.Nope
         2s < Add Device.LocalAgent.Subscription. ID=b NotifType=Event ReferenceList=Device.Boot!,Device.Nope!
         3s < Add Device.LocalAgent.Subscription. ID=c NotifType=OperationComplete ReferenceList!=Device.Boot!
         4s < Add Device.LocalAgent.Subscription. ID=d NotifType=ValueChange ReferenceList!=Device.IP.Interface.77.Status,Device.IP.Interface.*.Stats.,Device.IP.Interface.[Name==\"x\"].Name
         5s < Add Device.LocalAgent.Subscription. ID=e ReferenceList!=Device.IP.Diagnostics.IPPing()
         6s < Set Device.LocalAgent.Subscription.3. NotifType!=Event
         7s < Set Device.LocalAgent.Subscription.3. NotifType!=OperationComplete
         8s < Add Device.LocalAgent.Subscription. ID=f NotifType=ValueChange ReferenceList!=Device.LocalAgent.Subscription.*.ReferenceList#1+.Name
         9s < Add Device.LocalAgent.Subscription. ID=g NotifType=ObjectCreation ReferenceList!=Device.LocalAgent.Requests.",
        &expect![[r#"
            1s > #4 Error 7021 ReferenceList: Device.DeviceInfo.Nope is not in the data model of this box, so nothing could ever be told of it
            1s > #4   Device.LocalAgent.Subscription.ReferenceList: 7012 Device.DeviceInfo.Nope is not in the data model of this box, so nothing could ever be told of it
            2s > #5 AddResp Device.LocalAgent.Subscription.1. Alias=cpe-1 ID=b Recipient=Device.LocalAgent.Controller.1 [ReferenceList: 7012 Device.Nope! is not in the data model of this box, so nothing could ever be told of it]
            3s > #6 Error 7021 ReferenceList: Device.Boot! is nothing that NotifType OperationComplete could tell of; Event does
            3s > #6   Device.LocalAgent.Subscription.ReferenceList: 7012 Device.Boot! is nothing that NotifType OperationComplete could tell of; Event does
            4s > #7 AddResp Device.LocalAgent.Subscription.2. Alias=cpe-2 ID=d Recipient=Device.LocalAgent.Controller.1
            5s > #8 AddResp Device.LocalAgent.Subscription.3. Alias=cpe-3 ID=e Recipient=Device.LocalAgent.Controller.1
            6s > #9 Error 7021 NotifType: Device.IP.Diagnostics.IPPing() is nothing that NotifType Event could tell of; OperationComplete does
            6s > #9   Device.LocalAgent.Subscription.3.NotifType: 7012 Device.IP.Diagnostics.IPPing() is nothing that NotifType Event could tell of; OperationComplete does
            7s > #10 SetResp Device.LocalAgent.Subscription.3. NotifType=OperationComplete
            8s > #11 AddResp Device.LocalAgent.Subscription.4. Alias=cpe-4 ID=f Recipient=Device.LocalAgent.Controller.1
            9s > #12 Error 7021 ReferenceList: Device.LocalAgent.Requests. is not in the data model of this box, so nothing could ever be told of it
            9s > #12   Device.LocalAgent.Subscription.ReferenceList: 7012 Device.LocalAgent.Requests. is not in the data model of this box, so nothing could ever be told of it
        "#]],
    );
}

#[test]
fn a_reference_may_name_its_row_by_a_key_and_is_read_by_its_number() {
    check(
        "1s < Set Device.LocalAgent.Controller.2. AssignedRole!=Device.LocalAgent.ControllerTrust.Role.[Name==\"Observe\"],Device.LocalAgent.ControllerTrust.Role.4
         2s < Set Device.LocalAgent.Controller.2.MTP.1.MQTT. AgentMTPReference!=Device.LocalAgent.MTP.[Alias==\"cpe-1\"].
         3s < Get Device.LocalAgent.Controller.2.AssignedRole Device.LocalAgent.Controller.2.MTP.1.MQTT.AgentMTPReference
         4s < Set Device.LocalAgent.Controller.2. AssignedRole!=Device.LocalAgent.ControllerTrust.Role.[Name==\"Nope\"]
         5s < Set Device.LocalAgent.Controller.2. AssignedRole!=Device.LocalAgent.ControllerTrust.Role.[Enable==true]
         6s < Set Device.LocalAgent.Controller.2. AssignedRole!=Device.LocalAgent.MTP.1
         7s < Set Device.LocalAgent.MTP.1.MQTT. Reference!=Device.MQTT.Client.[BrokerPort==1883]",
        &expect![[r#"
            1s > #4 SetResp Device.LocalAgent.Controller.2. AssignedRole=Device.LocalAgent.ControllerTrust.Role.1,Device.LocalAgent.ControllerTrust.Role.4
            2s > #5 SetResp Device.LocalAgent.Controller.2.MTP.1.MQTT. AgentMTPReference=Device.LocalAgent.MTP.1
            3s > #6 GetResp Device.LocalAgent.Controller.2. AssignedRole=Device.LocalAgent.ControllerTrust.Role.1,Device.LocalAgent.ControllerTrust.Role.4
            3s > #6 GetResp Device.LocalAgent.Controller.2.MTP.1.MQTT. AgentMTPReference=Device.LocalAgent.MTP.1
            4s > #7 Error 7021 AssignedRole: Device.LocalAgent.ControllerTrust.Role.[Name=="Nope"] is no row of Device.LocalAgent.ControllerTrust.Role.; AssignedRole takes one that is there
            4s > #7   Device.LocalAgent.Controller.2.AssignedRole: 7012 Device.LocalAgent.ControllerTrust.Role.[Name=="Nope"] is no row of Device.LocalAgent.ControllerTrust.Role.; AssignedRole takes one that is there
            5s > #8 Error 7021 AssignedRole: Device.LocalAgent.ControllerTrust.Role.[Enable==true] is no row of Device.LocalAgent.ControllerTrust.Role.; AssignedRole takes one that is there
            5s > #8   Device.LocalAgent.Controller.2.AssignedRole: 7012 Device.LocalAgent.ControllerTrust.Role.[Enable==true] is no row of Device.LocalAgent.ControllerTrust.Role.; AssignedRole takes one that is there
            6s > #9 Error 7021 AssignedRole: Device.LocalAgent.MTP.1 is no row of Device.LocalAgent.ControllerTrust.Role.; AssignedRole takes one that is there
            6s > #9   Device.LocalAgent.Controller.2.AssignedRole: 7012 Device.LocalAgent.MTP.1 is no row of Device.LocalAgent.ControllerTrust.Role.; AssignedRole takes one that is there
            7s > #10 Error 7021 Reference: Device.MQTT.Client.[BrokerPort==1883] is no row of Device.MQTT.Client.; Reference takes one that is there
            7s > #10   Device.LocalAgent.MTP.1.MQTT.Reference: 7012 Device.MQTT.Client.[BrokerPort==1883] is no row of Device.MQTT.Client.; Reference takes one that is there
        "#]],
    );
}

#[test]
fn nobody_takes_his_own_last_role() {
    check(
        "1s < Set Device.LocalAgent.Controller.1. AssignedRole!=Device.LocalAgent.ControllerTrust.Role.1
         2s < Set Device.LocalAgent.ControllerTrust.Role.4. Enable!=false
         3s < Delete Device.LocalAgent.ControllerTrust.Role.4.
         4s < Set Device.LocalAgent.ControllerTrust.Role.4.Permission.1. Obj!=r---
         5s < Add Device.LocalAgent.ControllerTrust.Role.4.Permission. Enable=true Order=9 Targets=Device.LocalAgent.Subscription. Obj=r---
         6s < from=self::second Set Device.LocalAgent.Controller.1. AssignedRole!=Device.LocalAgent.ControllerTrust.Role.1",
        &expect![[r#"
            1s > #4 Error 7002 you could not undo this: you would no longer have a role that lets you change roles; let another controller do it
            2s > #5 Error 7002 you could not undo this: you would no longer have a role that lets you change roles; let another controller do it
            3s > #6 Error 7002 you could not undo this: you would no longer have a role that lets you change roles; let another controller do it
            4s > #7 Error 7002 you could not undo this: you would no longer have a role that lets you change roles; let another controller do it
            5s > #8 AddResp Device.LocalAgent.ControllerTrust.Role.4.Permission.2. Alias=cpe-2
            6s > to self::second #9 SetResp Device.LocalAgent.Controller.1. AssignedRole=Device.LocalAgent.ControllerTrust.Role.1
        "#]],
    );
}

#[test]
fn another_controller_may_and_it_lasts() {
    let mut bench = two_controllers();
    let said = bench.play(
        "1s < from=self::second Delete Device.LocalAgent.Controller.1.
         2s < Get Device.LocalAgent.UpTime
         3s kill
         4s up
         5s < from=self::second GetInstances Device.LocalAgent.Controller.",
    );
    expect![[r#"
        1s > to self::second #4 DeleteResp Device.LocalAgent.Controller.1.: gone [Device.LocalAgent.Controller.1.]
        2s > #5 Error 7006 self::line3 is no controller of this box
        4s log connected to the broker
        4s > connect RUN.1 usp/agent/proto::sim-1
        5s > to self::second #6 GetInstancesResp Device.LocalAgent.Controller.2. Alias=second EndpointID=self::second
        5s > to self::second #6 GetInstancesResp Device.LocalAgent.Controller.2.MTP.1. Alias=cpe-1 Protocol=MQTT
    "#]]
    .assert_eq(&said);
}

#[test]
fn references_and_topics_make_sense() {
    let mqtt = "Device.LocalAgent.Controller.1.MTP.1.MQTT.";
    check(
        &format!(
            "1s < Set {mqtt} AgentMTPReference!=Device.LocalAgent.MTP.9
             2s < Set {mqtt} AgentMTPReference!=Device.LocalAgent.Controller.1
             3s < Set {mqtt} AgentMTPReference=Device.LocalAgent.MTP.1. Topic!=a/+/b
             4s < Set {mqtt} AgentMTPReference= Topic=a/b
             5s < Set Device.LocalAgent.Controller.1. AssignedRole!=Device.LocalAgent.ControllerTrust.Role.9
             6s < Add Device.MQTT.Client.1.Subscription. Topic=a/b#
             7s < Add Device.MQTT.Client.1.Subscription. Topic=a/+/# Enable=true QoS=1
             8s < Add Device.MQTT.Client.1.Subscription. Topic=a/+/#
             9s < Set Device.MQTT.Client.1. KeepAliveTime=30 ConnectRetryMaxInterval=600 Status=Connected WillTopic=#
             10s < Get Device.MQTT.Client.1.Subscription.1. Device.MQTT.Client.1.KeepAliveTime Device.MQTT.Client.1.SubscriptionNumberOfEntries"
        ),
        &expect![[r##"
            1s > #4 Error 7021 AgentMTPReference: Device.LocalAgent.MTP.9 is no row of Device.LocalAgent.MTP.; AgentMTPReference takes one that is there
            1s > #4   Device.LocalAgent.Controller.1.MTP.1.MQTT.AgentMTPReference: 7012 Device.LocalAgent.MTP.9 is no row of Device.LocalAgent.MTP.; AgentMTPReference takes one that is there
            2s > #5 Error 7021 AgentMTPReference: Device.LocalAgent.Controller.1 is no row of Device.LocalAgent.MTP.; AgentMTPReference takes one that is there
            2s > #5   Device.LocalAgent.Controller.1.MTP.1.MQTT.AgentMTPReference: 7012 Device.LocalAgent.Controller.1 is no row of Device.LocalAgent.MTP.; AgentMTPReference takes one that is there
            3s > #6 Error 7021 Topic: "a/+/b" is no topic to publish to: it may not have + or #
            3s > #6   Device.LocalAgent.Controller.1.MTP.1.MQTT.Topic: 7012 "a/+/b" is no topic to publish to: it may not have + or #
            4s > #7 SetResp Device.LocalAgent.Controller.1.MTP.1.MQTT. AgentMTPReference= Topic=a/b
            5s > #8 Error 7021 AssignedRole: Device.LocalAgent.ControllerTrust.Role.9 is no row of Device.LocalAgent.ControllerTrust.Role.; AssignedRole takes one that is there
            5s > #8   Device.LocalAgent.Controller.1.AssignedRole: 7012 Device.LocalAgent.ControllerTrust.Role.9 is no row of Device.LocalAgent.ControllerTrust.Role.; AssignedRole takes one that is there
            6s > #9 Error 7021 Topic: "a/b#" is no topic filter: + stands for one whole level, # for all that follow, at the end
            6s > #9   Device.MQTT.Client.1.Subscription.Topic: 7012 "a/b#" is no topic filter: + stands for one whole level, # for all that follow, at the end
            7s > #10 AddResp Device.MQTT.Client.1.Subscription.1. Alias=cpe-1 Topic=a/+/#
            8s > #11 Error 7025 Device.MQTT.Client.1.Subscription.1. already has Topic=a/+/#
            8s > #11   Device.MQTT.Client.1.Subscription.Topic: 7025 Device.MQTT.Client.1.Subscription.1. already has Topic=a/+/#
            9s > #12 SetResp Device.MQTT.Client.1. ConnectRetryMaxInterval=600 KeepAliveTime=30 [Status: 7013 Status is read-only] [WillTopic: 7012 "#" is no topic to publish to: it may not have + or #]
            10s > #13 GetResp Device.MQTT.Client.1.Subscription.1. Alias=cpe-1 Enable=true QoS=1 Status=Subscribing Topic=a/+/#
            10s > #13 GetResp Device.MQTT.Client.1. KeepAliveTime=30
            10s > #13 GetResp Device.MQTT.Client.1. SubscriptionNumberOfEntries=1
        "##]],
    );
}

#[test]
fn a_password_is_kept_and_never_told() {
    let mut bench = Bench::new();
    let said = bench.play(
        "0s up
         1s < Set Device.MQTT.Client.1. Username!=box Password!=secret-word
         2s < Get Device.MQTT.Client.1.Password Device.MQTT.Client.1.Username
         3s kill
         4s < Get Device.",
    );
    assert!(!said.contains("secret-word") && said.contains("Password= Username=box"), "{said}");
    let now = bench.now();
    assert_eq!(bench.agent.with_view(now, |view| view.settings.value("Device.MQTT.Client.1.", "Password").to_owned()), "secret-word");
}

#[test]
fn what_is_set_lasts_and_another_firmware_changes_what_nobody_set() {
    let mut bench = Bench::new();
    bench.play(
        "0s up
         1s < Set Device.MQTT.Client.1. KeepAliveTime=30
         2s < Set Device.BulkData.Profile.1. ReportingInterval=30
         3s < Add Device.MQTT.Client.1.Subscription. Topic=a",
    );
    bench.config.broker.keep_alive = 77;
    bench.config.broker.session_expiry = 77;
    let said = bench.play(
        "4s kill
         5s up
         6s < Get Device.MQTT.Client.1.KeepAliveTime Device.MQTT.Client.1.SessionExpiryInterval Device.MQTT.Client.1.Subscription.*.Topic",
    );
    expect![[r#"
        5s log connected to the broker
        5s > connect RUN.1 usp/agent/proto::sim-1
        6s > #4 GetResp Device.MQTT.Client.1. KeepAliveTime=30
        6s > #4 GetResp Device.MQTT.Client.1. SessionExpiryInterval=77
        6s > #4 GetResp Device.MQTT.Client.1.Subscription.1. Topic=a
    "#]]
    .assert_eq(&said);
    // What is set back to what the firmware says is nobody's choice any more.
    bench.play("7s < Set Device.MQTT.Client.1. KeepAliveTime=77\n8s kill");
    bench.config.broker.keep_alive = 78;
    let said = bench.play("9s kill\n10s up\n11s < Get Device.MQTT.Client.1.KeepAliveTime");
    expect![[r#"
        10s log connected to the broker
        10s > connect RUN.1 usp/agent/proto::sim-1
        11s > #6 GetResp Device.MQTT.Client.1. KeepAliveTime=78
    "#]]
    .assert_eq(&said);
}

#[test]
fn settings_that_are_too_much_for_the_flash_are_refused_and_nothing_changes() {
    let mut bench = Bench::new();
    bench.play("0s up");
    let list = vec![format!("Device.LocalAgent.Controller.[Alias==\"{}\"].", "x".repeat(464)); 32].join(",");
    let mut said = String::new();
    for _ in 0..20 {
        said = bench.play(&format!("1s < Add Device.LocalAgent.Subscription. Persistent=true ReferenceList={list}"));
        if said.contains("Error") {
            break;
        }
    }
    expect![[r#"
        1s > #16 Error 7005 the settings cannot be written (settings is larger than 262144 bytes); what was kept before stays; nothing was changed
    "#]].assert_eq(&said);
    let saves = bench.flash.saves();
    expect![[r#"
        2s > #17 GetResp Device.LocalAgent. SubscriptionNumberOfEntries=15
        3s > #18 DeleteResp Device.LocalAgent.Subscription.1.: gone [Device.LocalAgent.Subscription.1.]
        4s > #19 SetResp Device.LocalAgent.Subscription.2. Enable=true
    "#]]
    .assert_eq(&bench.play(
        "2s < Get Device.LocalAgent.SubscriptionNumberOfEntries
         3s < Delete Device.LocalAgent.Subscription.1.
         4s < Set Device.LocalAgent.Subscription.2. Enable=true",
    ));
    assert_eq!(bench.flash.saves() - saves, 2);
}

#[test]
fn one_request_sets_so_many_parameters_and_no_more() {
    let mut bench = Bench::new();
    bench.play("0s up");
    for _ in 0..20 {
        bench.play("0s subscribe Event Device.Boot!");
    }
    let many = |count: usize| vec!["Nope=1"; count].join(" ");
    let said = bench.play(&format!("1s < Set Device.LocalAgent.Subscription.*. {}", many(250)));
    expect![[r#"
        1s > #21 Error 7005 more than 4096 parameters are set by one request, all rows counted; ask for less at a time
        1s > #21   Device.LocalAgent.Subscription.17.: 7005 more than 4096 parameters are set by one request, all rows counted; ask for less at a time
    "#]].assert_eq(&said);
    let said = bench.play(&format!("2s < Set Device.LocalAgent.Subscription.1. {}", many(257)));
    expect![[r#"
        2s > #22 Error 7004 257 parameters of one object; at most 256 are taken
        2s > #22   Device.LocalAgent.Subscription.1.: 7004 257 parameters of one object; at most 256 are taken
    "#]]
    .assert_eq(&said);
}

#[test]
fn settings_of_another_version_are_set_aside() {
    let mut bench = Bench::new();
    bench.play("0s up\n0s subscribe Event Device.Boot! Persistent=true");
    bench.flash.put("settings", br#"{"instances":{},"highest":{}}"#);
    expect![[r#"
        1s log the saved settings are lost (unknown field `instances`, expected one of `version`, `changed`, `added`, `removed`, `highest` at line 1 column 12; they are kept as settings.bad); the factory settings rule
    "#]].assert_eq(&bench.play("1s kill\n2s end"));
    bench.flash.put("settings", br#"{"version":2,"changed":{},"added":{},"removed":[],"highest":{}}"#);
    expect![[r#"
        3s log the saved settings are lost (they are of version 2, not 1; they are kept as settings.bad); the factory settings rule
    "#]]
    .assert_eq(&bench.play("3s kill\n4s end"));
    assert!(bench.flash.names().contains(&"settings.bad".to_owned()), "{:?}", bench.flash.names());
}
