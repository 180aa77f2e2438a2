//! Get, GetInstances, GetSupportedDM, GetSupportedProtocol.

use std::net::IpAddr;

use expect_test::{Expect, expect};
use line3_agent::host::Address;

use crate::bench::Bench;

/// What a box answers to one request.
#[track_caller]
fn check(request: &str, expected: &Expect) {
    let mut bench = Bench::new();
    bench.play("0s up");
    expected.assert_eq(&bench.play(&format!("1s < {request}")));
}

#[test]
fn the_connect_record_is_first_on_every_connection() {
    let mut bench = Bench::new();
    let said = bench.play(
        "0s subscribe Event Device.Boot! Persistent=true
         0s boot
         1s < GetSupportedProtocol
         2s up
         3s down the cable is out
         4s < GetSupportedProtocol
         5s up",
    );
    expect![[r#"
        2s log connected to the broker
        2s > connect RUN.1 usp/agent/proto::sim-1
        2s > Notify cpe-1: Device.Boot! Cause=LocalReboot CommandKey= FirmwareUpdated=false ParameterMap={} X_LINE3_BootID=BOOT X_LINE3_RebootMode=restart-agent X_LINE3_RunID=RUN
        2s > #2 GetSupportedProtocolResp 1.0,1.1,1.2,1.3,1.4
        3s log the cable is out
        5s log connected to the broker
        5s > connect RUN.2 usp/agent/proto::sim-1
        5s > #3 GetSupportedProtocolResp 1.0,1.1,1.2,1.3,1.4
    "#]].assert_eq(&said);
}

#[test]
fn get_takes_objects_parameters_and_wildcards() {
    check(
        "Get Device.LocalAgent.MTP.1.Alias Device.LocalAgent.Controller. Device.LocalAgent.Controller.*.EndpointID",
        &expect![[r#"
            1s > #1 GetResp Device.LocalAgent.MTP.1. Alias=cpe-1
            1s > #1 GetResp Device.LocalAgent.Controller.1. Alias=cpe-1 AssignedRole=Device.LocalAgent.ControllerTrust.Role.4 BootParameterNumberOfEntries=0 ControllerCode= Enable=true EndpointID=self::line3 InheritedRole= MTPNumberOfEntries=1 OnBoardingComplete=true OnBoardingRestartTime=0 PeriodicNotifInterval=86400 PeriodicNotifTime=0001-01-01T00:00:00Z ProvisioningCode= USPNotifRetryIntervalMultiplier=2000 USPNotifRetryMinimumWaitInterval=5
            1s > #1 GetResp Device.LocalAgent.Controller.1.MTP.1. Alias=cpe-1 Enable=true Protocol=MQTT
            1s > #1 GetResp Device.LocalAgent.Controller.1.MTP.1.MQTT. AgentMTPReference=Device.LocalAgent.MTP.1 Reference=Device.MQTT.Client.1 Topic=usp/controller/self::line3/proto::sim-1
            1s > #1 GetResp Device.LocalAgent.Controller.1.TransferCompletePolicy. ResultTypeFilter=Both
            1s > #1 GetResp Device.LocalAgent.Controller.1. EndpointID=self::line3
        "#]],
    );
}

#[test]
fn get_takes_searches_and_references() {
    check(
        "Get Device.LocalAgent.Controller.[EndpointID==\"self::line3\"].Alias Device.LocalAgent.Controller.[Alias==\"x\"].Alias \
         Device.BulkData.Profile.1.Controller+.EndpointID",
        &expect![[r#"
            1s > #1 GetResp Device.LocalAgent.Controller.1. Alias=cpe-1
            1s > #1 GetResp Device.LocalAgent.Controller.[Alias=="x"].Alias: nothing
            1s > #1 GetResp Device.LocalAgent.Controller.1. EndpointID=self::line3
        "#]],
    );
}

#[test]
fn max_depth_counts_levels() {
    check(
        "Get depth=1 Device.LocalAgent.Controller.1.",
        &expect![[r#"
            1s > #1 GetResp Device.LocalAgent.Controller.1. Alias=cpe-1 AssignedRole=Device.LocalAgent.ControllerTrust.Role.4 BootParameterNumberOfEntries=0 ControllerCode= Enable=true EndpointID=self::line3 InheritedRole= MTPNumberOfEntries=1 OnBoardingComplete=true OnBoardingRestartTime=0 PeriodicNotifInterval=86400 PeriodicNotifTime=0001-01-01T00:00:00Z ProvisioningCode= USPNotifRetryIntervalMultiplier=2000 USPNotifRetryMinimumWaitInterval=5
        "#]],
    );
    check(
        "Get depth=2 Device.LocalAgent.Controller.1.",
        &expect![[r#"
            1s > #1 GetResp Device.LocalAgent.Controller.1. Alias=cpe-1 AssignedRole=Device.LocalAgent.ControllerTrust.Role.4 BootParameterNumberOfEntries=0 ControllerCode= Enable=true EndpointID=self::line3 InheritedRole= MTPNumberOfEntries=1 OnBoardingComplete=true OnBoardingRestartTime=0 PeriodicNotifInterval=86400 PeriodicNotifTime=0001-01-01T00:00:00Z ProvisioningCode= USPNotifRetryIntervalMultiplier=2000 USPNotifRetryMinimumWaitInterval=5
            1s > #1 GetResp Device.LocalAgent.Controller.1.MTP.1. Alias=cpe-1 Enable=true Protocol=MQTT
            1s > #1 GetResp Device.LocalAgent.Controller.1.TransferCompletePolicy. ResultTypeFilter=Both
        "#]],
    );
}

#[test]
fn one_bad_path_does_not_hurt_the_others() {
    check(
        "Get Device.Nope. Device.LocalAgent.Nope Device.LocalAgent.Controller.7.Alias Device..x Device.Reboot() \
         Device.LocalAgent.Controller.{i}.Alias Device.LocalAgent.MTP.1.Alias",
        &expect![[r#"
            1s > #1 GetResp Device.Nope.: 7026 Device.Nope. is not in the data model of this box
            1s > #1 GetResp Device.LocalAgent.Nope: 7026 Device.LocalAgent.Nope is not in the data model of this box
            1s > #1 GetResp Device.LocalAgent.Controller.7.Alias: 7026 Device.LocalAgent.Controller.7. does not exist
            1s > #1 GetResp Device..x: 7008 path "Device..x", column 8: expected a name, an instance number, *, {i}, a search in [] or the end of the path
            1s > #1 GetResp Device.Reboot(): 7026 Device.Reboot() is no parameter or object; a command is run by Operate
            1s > #1 GetResp Device.LocalAgent.Controller.{i}.Alias: 7008 Device.LocalAgent.Controller.{i}.Alias: {i} stands for no instance; use * or a number
            1s > #1 GetResp Device.LocalAgent.MTP.1. Alias=cpe-1
        "#]],
    );
}

#[test]
fn an_absent_value_is_left_out_or_named_with_its_reason() {
    let mut bench = Bench::new();
    bench.host.remove_file("/proc/meminfo");
    let said = bench.play(
        "0s up
         1s < Get Device.DeviceInfo.MemoryStatus. Device.DeviceInfo.MemoryStatus.Free
         2s < Get Device.X_LINE3_Absent.[Path==\"Device.DeviceInfo.MemoryStatus.Free\"].Reason",
    );
    expect![[r#"
        0s log connected to the broker
        0s > connect RUN.1 usp/agent/proto::sim-1
        1s > #1 GetResp Device.DeviceInfo.MemoryStatus. FreePersistent=162201 TotalPersistent=245760
        1s > #1 GetResp Device.DeviceInfo.MemoryStatus.Free: 7800 Device.DeviceInfo.MemoryStatus.Free: this box has no /proc/meminfo
        2s > #2 GetResp Device.X_LINE3_Absent.7. Reason=this box has no /proc/meminfo
    "#]]
    .assert_eq(&said);
    let table = bench.play("3s < Get Device.X_LINE3_Absent.");
    assert!(table.contains("Path=Device.DeviceInfo.MemoryStatus.Free"), "{table}");
}

#[test]
fn a_reference_never_leads_in_circles() {
    let mut bench = Bench::new();
    let said = bench.play(
        "0s up
         0s subscribe Event Device.LocalAgent.Subscription.1.ReferenceList#1+.
         1s < Get Device.LocalAgent.Subscription.1.ReferenceList#1+.ID",
    );
    expect![[r#"
        0s log connected to the broker
        0s > connect RUN.1 usp/agent/proto::sim-1
        1s > #2 GetResp Device.LocalAgent.Subscription.1.ReferenceList#1+.ID: 7026 Device.LocalAgent.Subscription.1.ReferenceList#1+.ID: Device.LocalAgent.Subscription.1.ReferenceList is "Device.LocalAgent.Subscription.1.ReferenceList#1+.": it names no single object
    "#]].assert_eq(&said);
}

#[test]
fn get_instances() {
    check(
        "GetInstances Device.LocalAgent.Controller. Device.LocalAgent.Controller.1.MTP. Device.LocalAgent.MTP.1.MQTT. \
         Device.LocalAgent.Subscription. Device.Nope.",
        &expect![[r#"
            1s > #1 GetInstancesResp Device.LocalAgent.Controller.1. Alias=cpe-1 EndpointID=self::line3
            1s > #1 GetInstancesResp Device.LocalAgent.Controller.1.MTP.1. Alias=cpe-1 Protocol=MQTT
            1s > #1 GetInstancesResp Device.LocalAgent.Controller.1.MTP.1. Alias=cpe-1 Protocol=MQTT
            1s > #1 GetInstancesResp Device.LocalAgent.MTP.1.MQTT.: 7018 Device.LocalAgent.MTP.1.MQTT. is no table; give one, e.g. Device.IP.Interface.
            1s > #1 GetInstancesResp Device.Nope.: 7026 Device.Nope. is not in the data model of this box
        "#]],
    );
    check(
        "GetInstances first Device.LocalAgent.Controller.",
        &expect![[r#"
        1s > #1 GetInstancesResp Device.LocalAgent.Controller.1. Alias=cpe-1 EndpointID=self::line3
    "#]],
    );
}

#[test]
fn instance_numbers_are_those_of_the_box_and_stay() {
    let mut bench = Bench::new();
    let instances = "< GetInstances Device.Ethernet.Interface.";
    let before = bench.play(&format!("0s up\n1s {instances}"));
    expect![[r#"
        0s log connected to the broker
        0s > connect RUN.1 usp/agent/proto::sim-1
        1s > #1 GetInstancesResp Device.Ethernet.Interface.1. Name=eth0
    "#]]
    .assert_eq(&before);
    bench.host.set_file("/sys/class/net/aaa0/mtu", "1500");
    bench.host.set_file("/sys/class/net/aaa0/type", "1");
    bench.host.set_file("/sys/class/net/aaa0/device/uevent", "");
    bench.host.set_file("/sys/class/net/aaa0/address", "02:00:00:00:00:01");
    expect![[r#"
        2s > #2 GetInstancesResp Device.Ethernet.Interface.1. Name=eth0
        2s > #2 GetInstancesResp Device.Ethernet.Interface.2. Name=aaa0
    "#]]
    .assert_eq(&bench.play(&format!("2s {instances}")));
}

#[test]
fn get_supported_dm() {
    check(
        "GetSupportedDM Device.LocalAgent.Controller.{i}. commands events params keys",
        &expect![[r#"
            1s > #1 GetSupportedDMResp Device.LocalAgent.Controller.{i}. table ObjAddDelete Alias:ParamString:ParamReadWrite EndpointID:ParamString:ParamReadWrite ControllerCode:ParamString:ParamReadWrite ProvisioningCode:ParamString:ParamReadWrite Enable:ParamBoolean:ParamReadWrite AssignedRole:ParamString:ParamReadWrite InheritedRole:ParamString:ParamReadOnly PeriodicNotifInterval:ParamUnsignedInt:ParamReadWrite PeriodicNotifTime:ParamDateTime:ParamReadWrite USPNotifRetryMinimumWaitInterval:ParamUnsignedInt:ParamReadWrite USPNotifRetryIntervalMultiplier:ParamUnsignedInt:ParamReadWrite OnBoardingComplete:ParamBoolean:ParamReadWrite OnBoardingRestartTime:ParamUnsignedInt:ParamReadWrite MTPNumberOfEntries:ParamUnsignedInt:ParamReadOnly BootParameterNumberOfEntries:ParamUnsignedInt:ParamReadOnly SendOnBoardRequest()()->():CmdSync key(EndpointID) key(Alias)
            1s > #1 GetSupportedDMResp Device.LocalAgent.Controller.{i}.BootParameter.{i}. table ObjAddDelete Alias:ParamString:ParamReadWrite Enable:ParamBoolean:ParamReadWrite ParameterName:ParamString:ParamReadWrite key(ParameterName) key(Alias)
            1s > #1 GetSupportedDMResp Device.LocalAgent.Controller.{i}.MTP.{i}. table ObjAddDelete Alias:ParamString:ParamReadWrite Enable:ParamBoolean:ParamReadWrite Protocol:ParamString:ParamReadWrite X_LINE3_Poke()(Seconds,Size,Words,Fail)->(Data):CmdSync key(Protocol) key(Alias)
            1s > #1 GetSupportedDMResp Device.LocalAgent.Controller.{i}.MTP.{i}.MQTT. ObjReadOnly Reference:ParamString:ParamReadWrite Topic:ParamString:ParamReadWrite AgentMTPReference:ParamString:ParamReadWrite
            1s > #1 GetSupportedDMResp Device.LocalAgent.Controller.{i}.TransferCompletePolicy. ObjReadOnly ResultTypeFilter:ParamString:ParamReadWrite
        "#]],
    );
    check(
        "GetSupportedDM Device.LocalAgent.Controller. first",
        &expect![[r#"
            1s > #1 GetSupportedDMResp Device.LocalAgent.Controller.{i}. table ObjAddDelete
            1s > #1 GetSupportedDMResp Device.LocalAgent.Controller.{i}.BootParameter.{i}. table ObjAddDelete
            1s > #1 GetSupportedDMResp Device.LocalAgent.Controller.{i}.MTP.{i}. table ObjAddDelete
            1s > #1 GetSupportedDMResp Device.LocalAgent.Controller.{i}.TransferCompletePolicy. ObjReadOnly
        "#]],
    );
    check(
        "GetSupportedDM Device.LocalAgent.Request. commands events keys",
        &expect![[r#"
        1s > #1 GetSupportedDMResp Device.LocalAgent.Request.{i}. table ObjReadOnly Cancel()()->():CmdSync X_LINE3_Progress!(CommandKey,Text) key(Originator,Command,CommandKey)
    "#]],
    );
    check(
        "GetSupportedDM Device.LocalAgent.Subscription.{i}. params",
        &expect![[r#"
            1s > #1 GetSupportedDMResp Device.LocalAgent.Subscription.{i}. table ObjAddDelete Alias:ParamString:ParamReadWrite Enable:ParamBoolean:ParamReadWrite Recipient:ParamString:ParamReadOnly TriggerAction:ParamString:ParamReadWrite TriggerConfigSettings:ParamString:ParamReadWrite ID:ParamString:ParamReadWrite CreationDate:ParamDateTime:ParamReadOnly NotifType:ParamString:ParamReadWrite ReferenceList:ParamString:ParamReadWrite Persistent:ParamBoolean:ParamReadWrite TimeToLive:ParamUnsignedInt:ParamReadWrite NotifRetry:ParamBoolean:ParamReadWrite NotifExpiration:ParamUnsignedInt:ParamReadWrite
        "#]],
    );
}

#[test]
fn get_supported_dm_of_one_thing_and_of_nothing() {
    check(
        "GetSupportedDM Device.Reboot() Device.Boot! Device.LocalAgent.EndpointID Device.LocalAgent.Nope Device.Nope. Device.Nope()",
        &expect![[r#"
            1s > #1 GetSupportedDMResp Device. ObjReadOnly Reboot()()->():CmdSync
            1s > #1 GetSupportedDMResp Device. ObjReadOnly Boot!(CommandKey,Cause,FirmwareUpdated,ParameterMap,X_LINE3_RunID,X_LINE3_BootID,X_LINE3_RebootMode)
            1s > #1 GetSupportedDMResp Device.LocalAgent. ObjReadOnly EndpointID:ParamString:ParamReadOnly
            1s > #1 GetSupportedDMResp Device.LocalAgent.Nope: 7026 Device.LocalAgent.Nope is not in the data model of this box
            1s > #1 GetSupportedDMResp Device.Nope.: 7026 Device.Nope. is not in the data model of this box
            1s > #1 GetSupportedDMResp Device.Nope(): 7026 Device.Nope() is not in the data model of this box
        "#]],
    );
}

#[test]
fn get_supported_protocol_and_what_an_agent_does_not_take() {
    check(
        "GetSupportedProtocol",
        &expect![[r#"
        1s > #1 GetSupportedProtocolResp 1.0,1.1,1.2,1.3,1.4
    "#]],
    );
    check(
        "Deregister Device.",
        &expect![[r#"
        1s > #1 Error 7001 an agent does not take this kind of message
    "#]],
    );
}

#[test]
fn bounds_of_a_request() {
    let mut bench = Bench::new();
    bench.play("0s up");
    let many = |count: usize, path: &str| format!("1s < Get {}", format!("{path} ").repeat(count));
    expect![[r#"
        1s > #1 Error 7005 257 paths in one request; at most 256 are taken
    "#]]
    .assert_eq(&bench.play(&many(257, "Device.LocalAgent.MTP.1.Alias")));
    assert_eq!(bench.play(&many(256, "Device.LocalAgent.MTP.1.Alias")).lines().count(), 256);
    expect![[r#"
        1s > #3 Error 7005 the answer is larger than 1048576 bytes; ask for less at a time
    "#]]
    .assert_eq(&bench.play(&many(256, "Device.")));
    let instances = format!("1s < GetInstances {}", "Device.DeviceInfo.ProcessStatus.Process. ".repeat(256));
    assert_eq!(bench.play(&instances).lines().count(), 9 * 256, "the nine processes, each time");
    let supported = format!("1s < GetSupportedDM {} params commands events keys", "Device. ".repeat(256));
    expect![[r#"
        1s > #5 Error 7005 the answer is larger than 1048576 bytes; ask for less at a time
    "#]]
    .assert_eq(&bench.play(&supported));
}

#[test]
fn a_path_may_not_name_the_whole_world() {
    let mut bench = Bench::new();
    let address = |number: u32| Address { interface: "eth0".to_owned(), address: IpAddr::V4(number.into()), prefix: 24 };
    bench.host.set_addresses((0..10_001).map(address).collect());
    let said = bench.play(
        "0s up
         1s < Get Device.IP.Interface.*.IPv4Address.*.IPAddress Device.LocalAgent.MTP.1.Alias",
    );
    expect![[r#"
        0s log connected to the broker
        0s > connect RUN.1 usp/agent/proto::sim-1
        1s > #1 GetResp Device.IP.Interface.*.IPv4Address.*.IPAddress: 7005 Device.IP.Interface.*.IPv4Address.*.IPAddress names more than 10000 places; ask for less
        1s > #1 GetResp Device.LocalAgent.MTP.1. Alias=cpe-1
    "#]].assert_eq(&said);
}

#[test]
fn the_client_counts_and_counts_anew_with_another_broker() {
    let mut bench = Bench::new();
    let said = bench.play(
        "0s up
         3s < Get Device.MQTT.Client.1.Stats.
         4s < Add Device.MQTT.Client.1.Subscription. Enable=true Topic=a + Device.MQTT.Client.1.Subscription. Enable=true Topic=b
         5s < Get Device.MQTT.Client.1.Stats.SubscribeSent Device.MQTT.Client.1.Stats.PublishReceived
         6s < Set Device.MQTT.Client.1. BrokerPort=1999
         7s < Get Device.MQTT.Client.1.Stats.",
    );
    expect![[r#"
        0s log connected to the broker
        0s > connect RUN.1 usp/agent/proto::sim-1
        3s > #1 GetResp Device.MQTT.Client.1.Stats. BrokerConnectionEstablished=2026-01-01T00:00:00Z ConnectionErrors=0 LastPublishMessageReceived=2026-01-01T00:00:03Z LastPublishMessageSent=2026-01-01T00:00:00Z MQTTMessagesReceived=0 MQTTMessagesSent=0 PublishErrors=0 PublishReceived=1 PublishSent=1 SubscribeSent=1 UnSubscribeSent=0 X_LINE3_Connections=1
        4s > #2 AddResp Device.MQTT.Client.1.Subscription.1. Alias=cpe-1 Topic=a
        4s > #2 AddResp Device.MQTT.Client.1.Subscription.2. Alias=cpe-2 Topic=b
        5s > #3 GetResp Device.MQTT.Client.1.Stats. SubscribeSent=2
        5s > #3 GetResp Device.MQTT.Client.1.Stats. PublishReceived=3
        6s > #4 SetResp Device.MQTT.Client.1. BrokerPort=1999
        7s > #5 GetResp Device.MQTT.Client.1.Stats. BrokerConnectionEstablished=2026-01-01T00:00:00Z ConnectionErrors=0 LastPublishMessageReceived=2026-01-01T00:00:07Z LastPublishMessageSent=2026-01-01T00:00:06Z MQTTMessagesReceived=0 MQTTMessagesSent=0 PublishErrors=0 PublishReceived=1 PublishSent=1 SubscribeSent=0 UnSubscribeSent=0 X_LINE3_Connections=1
    "#]].assert_eq(&said);
}
