//! What is told and done by itself: Periodic!, OnBoardRequest, what comes with Boot!, and what a subscription sets.

use expect_test::{Expect, expect};

use crate::bench::{Bench, CONTROLLER};

#[track_caller]
fn check(script: &str, expected: &Expect) {
    let mut bench = Bench::new();
    bench.play("0s up");
    expected.assert_eq(&bench.play(script));
}

#[test]
fn periodic_keeps_the_phase_of_its_reference_time() {
    check(
        "7s < Set Device.LocalAgent.Controller.1. PeriodicNotifInterval=60 PeriodicNotifTime=2019-01-01T00:00:10Z
         8s subscribe Event Device.LocalAgent.Periodic! ID=p
         135s < Set Device.LocalAgent.Controller.1. PeriodicNotifInterval=20
         175s < Set Device.LocalAgent.Subscription.1. Enable=false
         999s end",
        &expect![[r#"
            7s > #1 SetResp Device.LocalAgent.Controller.1. PeriodicNotifInterval=60 PeriodicNotifTime=2019-01-01T00:00:10Z
            10s > Notify p: Device.LocalAgent.Periodic!
            70s > Notify p: Device.LocalAgent.Periodic!
            130s > Notify p: Device.LocalAgent.Periodic!
            135s > #3 SetResp Device.LocalAgent.Controller.1. PeriodicNotifInterval=20
            150s > Notify p: Device.LocalAgent.Periodic!
            170s > Notify p: Device.LocalAgent.Periodic!
            175s > #4 SetResp Device.LocalAgent.Subscription.1. Enable=false
        "#]],
    );
}

#[test]
fn without_a_reference_time_it_comes_once_an_interval() {
    check(
        "7s < Set Device.LocalAgent.Controller.1. PeriodicNotifInterval=10
         8s subscribe Event Device.LocalAgent.Periodic! ID=p
         40s end",
        &expect![[r#"
            7s > #1 SetResp Device.LocalAgent.Controller.1. PeriodicNotifInterval=10
            10.881s > Notify p: Device.LocalAgent.Periodic!
            20.881s > Notify p: Device.LocalAgent.Periodic!
            30.881s > Notify p: Device.LocalAgent.Periodic!
        "#]],
    );
}

#[test]
fn on_board_request_until_it_is_answered() {
    let mut bench = Bench::new();
    bench.play("0s up");
    bench.answers = false;
    expect![[r#"
        1s > #1 OperateResp Device.LocalAgent.Controller.1.SendOnBoardRequest() done
        1s > Notify  answer wanted: OnBoardRequest   SIM00000001 1.0,1.1,1.2,1.3,1.4
        8.090s > Notify  answer wanted: OnBoardRequest   SIM00000001 1.0,1.1,1.2,1.3,1.4
        20s log gone
        60s log connected to the broker
        60s > connect RUN.2 usp/agent/proto::sim-1
        60s > Notify  answer wanted: OnBoardRequest   SIM00000001 1.0,1.1,1.2,1.3,1.4
        98.878s > Notify  answer wanted: OnBoardRequest   SIM00000001 1.0,1.1,1.2,1.3,1.4
        200s > #2 GetResp Device.LocalAgent.Controller.1. OnBoardingComplete=false
    "#]]
    .assert_eq(&bench.play(
        "1s < Operate Device.LocalAgent.Controller.1.SendOnBoardRequest()
         20s down gone
         60s up
         61s answers yes
         200s < Get Device.LocalAgent.Controller.1.OnBoardingComplete
         9999s end",
    ));
}

#[test]
fn on_board_request_again_while_it_is_not_complete() {
    check(
        "1s < Set Device.LocalAgent.Controller.1. OnBoardingRestartTime=60
         2s < Operate Device.LocalAgent.Controller.1.SendOnBoardRequest() noresp
         70s < Set Device.LocalAgent.Controller.1. OnBoardingComplete=true
         999s end",
        &expect![[r#"
            1s > #1 SetResp Device.LocalAgent.Controller.1. OnBoardingRestartTime=60
            2s > Notify  answer wanted: OnBoardRequest   SIM00000001 1.0,1.1,1.2,1.3,1.4
            62s > Notify  answer wanted: OnBoardRequest   SIM00000001 1.0,1.1,1.2,1.3,1.4
            70s > #3 SetResp Device.LocalAgent.Controller.1. OnBoardingComplete=true
        "#]],
    );
}

#[test]
fn a_controller_that_was_not_on_boarded_is_asked_at_each_start() {
    check(
        "1s < Set Device.LocalAgent.Controller.1. OnBoardingComplete=false
         2s kill
         3s up
         4s < Set Device.LocalAgent.Controller.1. Enable=false",
        &expect![[r#"
            1s > #1 SetResp Device.LocalAgent.Controller.1. OnBoardingComplete=false
            1s > Notify  answer wanted: OnBoardRequest   SIM00000001 1.0,1.1,1.2,1.3,1.4
            3s log connected to the broker
            3s > connect RUN.1 usp/agent/proto::sim-1
            3s > Notify  answer wanted: OnBoardRequest   SIM00000001 1.0,1.1,1.2,1.3,1.4
            4s > #2 SetResp Device.LocalAgent.Controller.1. [Enable: 7002 a controller does not turn off itself; let another one do it, so that the box stays in somebody's reach]
        "#]],
    );
}

#[test]
fn a_controller_without_a_way_cannot_be_asked() {
    check(
        "1s < Add Device.LocalAgent.Controller. EndpointID=self::two Enable=true
         2s < Operate Device.LocalAgent.Controller.2.SendOnBoardRequest()
         3s < Add Device.LocalAgent.Controller.2.MTP. Enable=true Protocol=MQTT
         4s < Set Device.LocalAgent.Controller.2.MTP.1.MQTT. Topic=usp/controller/self::two/x
         5s < Operate Device.LocalAgent.Controller.2.SendOnBoardRequest()
         6s < Delete Device.LocalAgent.Controller.2.
         99s end",
        &expect![[r#"
            1s > #1 AddResp Device.LocalAgent.Controller.2. Alias=cpe-2 EndpointID=self::two
            2s > #2 OperateResp Device.LocalAgent.Controller.2.SendOnBoardRequest(): 7022 Device.LocalAgent.Controller.2. is not enabled, or there is no way to it: enable it and give it an MTP with a topic first
            3s > #3 AddResp Device.LocalAgent.Controller.2.MTP.1. Alias=cpe-1 Protocol=MQTT
            4s > #4 SetResp Device.LocalAgent.Controller.2.MTP.1.MQTT. Topic=usp/controller/self::two/x
            4s > to self::two Notify  answer wanted: OnBoardRequest   SIM00000001 1.0,1.1,1.2,1.3,1.4
            5s > #5 OperateResp Device.LocalAgent.Controller.2.SendOnBoardRequest() done
            5s > to self::two Notify  answer wanted: OnBoardRequest   SIM00000001 1.0,1.1,1.2,1.3,1.4
            6s > #6 DeleteResp Device.LocalAgent.Controller.2.: gone [Device.LocalAgent.Controller.2.]
        "#]],
    );
    assert_eq!(CONTROLLER, "self::line3");
}

#[test]
fn boot_brings_what_the_controller_wants() {
    check(
        "1s subscribe Event Device.Boot! ID=b Persistent=true
         2s < Add Device.LocalAgent.Controller.1.BootParameter. Enable=true ParameterName=Device.DeviceInfo.BootFirmwareImage
         2s < Add Device.LocalAgent.Controller.1.BootParameter. Enable=true ParameterName=Device.LocalAgent.Controller.*.Enable
         2s < Add Device.LocalAgent.Controller.1.BootParameter. Enable=false ParameterName=Device.LocalAgent.EndpointID
         2s < Add Device.LocalAgent.Controller.1.BootParameter. Enable=true ParameterName=Device.Nope
         3s boot
         4s up",
        &expect![[r#"
            2s > #2 AddResp Device.LocalAgent.Controller.1.BootParameter.1. Alias=cpe-1 ParameterName=Device.DeviceInfo.BootFirmwareImage
            2s > #3 AddResp Device.LocalAgent.Controller.1.BootParameter.2. Alias=cpe-2 ParameterName=Device.LocalAgent.Controller.*.Enable
            2s > #4 AddResp Device.LocalAgent.Controller.1.BootParameter.3. Alias=cpe-3 ParameterName=Device.LocalAgent.EndpointID
            2s > #5 AddResp Device.LocalAgent.Controller.1.BootParameter.4. Alias=cpe-4 ParameterName=Device.Nope
            4s log connected to the broker
            4s > connect RUN.1 usp/agent/proto::sim-1
            4s > Notify b: Device.Boot! Cause=LocalReboot CommandKey= FirmwareUpdated=false ParameterMap={"Device.DeviceInfo.BootFirmwareImage":"Device.DeviceInfo.FirmwareImage.1","Device.LocalAgent.Controller.1.Enable":"true"} X_LINE3_BootID=BOOT X_LINE3_RebootMode=restart-agent X_LINE3_RunID=RUN
        "#]],
    );
}

#[test]
fn the_only_firmware_image_can_be_chosen() {
    check(
        "1s < Set Device.DeviceInfo. BootFirmwareImage=Device.DeviceInfo.FirmwareImage.1
         2s < Set Device.DeviceInfo. BootFirmwareImage=Device.DeviceInfo.FirmwareImage.2
         3s < Set Device.DeviceInfo.FirmwareImage.1. Available=false
         4s < Get Device.DeviceInfo.BootFirmwareImage Device.DeviceInfo.FirmwareImage.",
        &expect![[r#"
            1s > #1 SetResp Device.DeviceInfo. BootFirmwareImage=Device.DeviceInfo.FirmwareImage.1
            2s > #2 Error 7012 Device.DeviceInfo.BootFirmwareImage is "Device.DeviceInfo.FirmwareImage.1" and can be nothing else on this box
            2s > #2   Device.DeviceInfo.BootFirmwareImage: 7012 Device.DeviceInfo.BootFirmwareImage is "Device.DeviceInfo.FirmwareImage.1" and can be nothing else on this box
            3s > #3 Error 7012 Device.DeviceInfo.FirmwareImage.1.Available is "true" and can be nothing else on this box
            3s > #3   Device.DeviceInfo.FirmwareImage.1.Available: 7012 Device.DeviceInfo.FirmwareImage.1.Available is "true" and can be nothing else on this box
            4s > #4 GetResp Device.DeviceInfo. BootFirmwareImage=Device.DeviceInfo.FirmwareImage.1
            4s > #4 GetResp Device.DeviceInfo.FirmwareImage.1. Alias=cpe-1 Available=true Name=the running firmware Status=Active Version=1.0
        "#]],
    );
}

#[test]
fn a_trigger_sets_what_it_was_told_to() {
    check(
        "1s subscribe ValueChange Device.LocalAgent.Controller.1.ProvisioningCode ID=c TriggerAction=Config
         1s < Set Device.LocalAgent.Subscription.1. TriggerConfigSettings=Device.LocalAgent.Subscription.1.Enable=false
         2s < Set Device.LocalAgent.Controller.1. ProvisioningCode=x
         3s < Get Device.LocalAgent.Subscription.1.Enable",
        &expect![[r#"
            1s > #2 SetResp Device.LocalAgent.Subscription.1. TriggerConfigSettings=Device.LocalAgent.Subscription.1.Enable=false
            2s > #3 SetResp Device.LocalAgent.Controller.1. ProvisioningCode=x
            3s > #4 GetResp Device.LocalAgent.Subscription.1. Enable=false
        "#]],
    );
    check(
        "1s subscribe ValueChange Device.LocalAgent.Controller.1.ProvisioningCode ID=n TriggerAction=NotifyAndConfig
         1s < Set Device.LocalAgent.Subscription.1. TriggerConfigSettings=Device.Nope.X=1,Device.LocalAgent.Controller.1.Alias=\"q\",Device.LocalAgent.Controller.1.ControllerCode=\"a%2Cb\"
         2s < Set Device.LocalAgent.Controller.1. ProvisioningCode=x
         3s < Get Device.LocalAgent.Controller.1.ControllerCode",
        &expect![[r#"
            1s > #2 SetResp Device.LocalAgent.Subscription.1. TriggerConfigSettings=Device.Nope.X=1,Device.LocalAgent.Controller.1.Alias="q",Device.LocalAgent.Controller.1.ControllerCode="a%2Cb"
            2s > #3 SetResp Device.LocalAgent.Controller.1. ProvisioningCode=x
            2s log Device.LocalAgent.Subscription.1. could not set Device.Nope.X: 7026 Device.Nope. is not in the data model of this box
            2s log Device.LocalAgent.Subscription.1. could not set Device.LocalAgent.Controller.1.Alias: 7013 Alias was set once and stays so
            2s > Notify n: ValueChange Device.LocalAgent.Controller.1.ProvisioningCode=x
            3s > #4 GetResp Device.LocalAgent.Controller.1. ControllerCode=a,b
        "#]],
    );
}

#[test]
fn a_trigger_that_triggers_itself_costs_one_time_a_second() {
    let mut bench = Bench::new();
    bench.play(
        "0s up
         1s subscribe ValueChange Device.LocalAgent.Controller.1.ControllerCode ID=a TriggerAction=NotifyAndConfig TriggerConfigSettings=Device.LocalAgent.Controller.1.ProvisioningCode=1,Device.LocalAgent.Controller.1.ProvisioningCode=2
         1s subscribe ValueChange Device.LocalAgent.Controller.1.ProvisioningCode ID=b TriggerAction=NotifyAndConfig TriggerConfigSettings=Device.LocalAgent.Controller.1.ControllerCode=1
         1s subscribe ValueChange Device.LocalAgent.Controller.1.ControllerCode ID=d TriggerAction=Config TriggerConfigSettings=Device.LocalAgent.Controller.1.ControllerCode=2",
    );
    let said = bench.play("2s < Set Device.LocalAgent.Controller.1. ControllerCode=x\n12s end");
    assert!(said.lines().count() <= 40, "{said}");
}

#[test]
fn a_timer_ends_and_outlives_a_restart() {
    check(
        "0s subscribe OperationComplete Device.ScheduleTimer() ID=t Persistent=true
         1s < Operate Device.ScheduleTimer() key=k DelaySeconds=30 Other=2
         1s < Operate Device.ScheduleTimer() key=none
         2s < Operate Device.ScheduleTimer() key=late DelaySeconds=100
         3s < Operate Device.LocalAgent.Request.*.Cancel()
         4s < Operate Device.ScheduleTimer() key=l DelaySeconds=50
         20s boot
         21s up
         22s < Get Device.LocalAgent.Request.
         99s end",
        &expect![[r#"
            1s > #2 OperateResp Device.ScheduleTimer() as Device.LocalAgent.Request.1.
            1s > #3 OperateResp Device.ScheduleTimer(): 7027 the argument DelaySeconds is missing; it is mandatory
            2s > #4 OperateResp Device.ScheduleTimer() as Device.LocalAgent.Request.2.
            3s > Notify t: OperationComplete Device.ScheduleTimer() key=k 7023 cancelled by the controller
            3s > #5 OperateResp Device.LocalAgent.Request.1.Cancel() done
            3s > #5 OperateResp Device.LocalAgent.Request.2.Cancel() done
            3s > Notify t: OperationComplete Device.ScheduleTimer() key=late 7023 cancelled by the controller
            4s > #6 OperateResp Device.ScheduleTimer() as Device.LocalAgent.Request.5.
            21s log connected to the broker
            21s > connect RUN.1 usp/agent/proto::sim-1
            22s > #7 GetResp Device.LocalAgent.Request.5. Command=Device.ScheduleTimer() CommandKey=l Originator=self::line3 Status=Active
            54s > Notify t: OperationComplete Device.ScheduleTimer() key=l
        "#]],
    );
}

#[test]
fn timers_leave_room_for_other_commands() {
    let mut bench = Bench::new();
    bench.play("0s up");
    for _ in 0..8 {
        bench.play("1s < Operate Device.ScheduleTimer() DelaySeconds=3000");
    }
    expect![[r#"
        2s > #9 OperateResp Device.ScheduleTimer(): 7005 Device.ScheduleTimer() did not run: 8 commands that outlive a restart are under way; cancel one first
        3s > #10 OperateResp Device.X_LINE3_Test.Work() as Device.LocalAgent.Request.9.
    "#]].assert_eq(&bench.play(
        "2s < Operate Device.ScheduleTimer() DelaySeconds=3000
         3s < Operate Device.X_LINE3_Test.Work() Seconds=1",
    ));
    let steps = bench.steps;
    bench.play("1000s end");
    assert!(bench.steps - steps <= 50, "{} steps", bench.steps - steps);
}
