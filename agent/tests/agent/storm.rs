//! Whatever comes in whatever order: the agent does not panic, does not spin, and answers every request exactly once.

use proptest::prelude::*;

use crate::bench::Bench;

const REQUESTS: &[&str] = &[
    "Get Device.",
    "Get Device.LocalAgent.Subscription. Device.LocalAgent.Request.*.Status",
    "Get Device.X_LINE3_Absent. Device.LocalAgent.Subscription.*.Recipient+.Alias Device.BulkData.Profile.[Enable==true].Name",
    "Get Device.LocalAgent.Subscription.1.ReferenceList#*+.ID Device..",
    "GetInstances Device. Device.LocalAgent.Subscription. first",
    "GetSupportedDM Device. commands events params keys",
    "GetSupportedProtocol",
    "Deregister Device.",
    "Add Device.LocalAgent.Subscription. Enable=true NotifType=OperationComplete ReferenceList=Device. NotifRetry=true Persistent=true",
    "Add Device.LocalAgent.Subscription. Enable=true NotifType=Event ReferenceList=Device.LocalAgent.Subscription.1.ReferenceList#1+. ID=x",
    "Add Device.LocalAgent.Subscription. Enable=true NotifType=Event ReferenceList=Device. TimeToLive=3 NotifExpiration=2",
    "Add Device.LocalAgent.Controller. + Device.LocalAgent.Subscription. partial Enable!=what",
    "Add Device.LocalAgent.Subscription. Enable=true NotifType=ValueChange ReferenceList=Device.LocalAgent.,Device.MQTT. NotifRetry=true",
    "Add Device.LocalAgent.Subscription. Enable=true NotifType=ObjectCreation ReferenceList=Device. TriggerAction=NotifyAndConfig TriggerConfigSettings=Device.LocalAgent.Controller.1.ProvisioningCode=\"x\"",
    "Add Device.LocalAgent.Subscription. Enable=true NotifType=ObjectDeletion ReferenceList=Device.LocalAgent.Request. Persistent=true",
    "Add Device.LocalAgent.Subscription. Enable=true NotifType=ValueChange ReferenceList=Device.LocalAgent.Subscription. TriggerAction=Config TriggerConfigSettings=Device.LocalAgent.Subscription.*.NotifRetry=false",
    "Set Device.LocalAgent.Controller.1. PeriodicNotifInterval=2 OnBoardingComplete=true OnBoardingRestartTime=3",
    "Operate Device.LocalAgent.Controller.*.SendOnBoardRequest()",
    "Operate Device.ScheduleTimer() DelaySeconds=5",
    "Set Device.LocalAgent.Subscription.*. Enable=true TimeToLive=9 partial",
    "Set Device.LocalAgent.Subscription.[ID==\"x\"]. ID!=y",
    "Delete Device.LocalAgent.Subscription.*.",
    "Delete Device.LocalAgent.Subscription.2. Device.Nope. partial",
    "Operate Device.X_LINE3_Test.Work() Seconds=3 Words=5",
    "Operate Device.X_LINE3_Test.Work() Seconds=30",
    "Operate Device.X_LINE3_Test.Mend() id=c1 key=k Seconds=2",
    "Operate Device.X_LINE3_Test.Mend() id=c2 Seconds=2 Size=5000",
    "Operate Device.X_LINE3_Test.Wipe() id=c3 Seconds=1 Fail=true",
    "Operate Device.X_LINE3_Test.Wipe() Seconds=25",
    "Operate Device.LocalAgent.Request.*.Cancel()",
    "Operate Device.LocalAgent.Controller.*.MTP.*.X_LINE3_Poke() Seconds=1 deadline=500",
    "Operate Device.Reboot() id=r1",
    "Operate Device.IP.Diagnostics.IPPing() Host=10.0.0.1",
    "from=self::evil Get Device.",
    "Operate Device.LocalAgent.X_LINE3_GetCatalogue() Offset=40000",
];

/// One thing that happens.
#[derive(Clone, Debug)]
enum Happening {
    Ask(prop::sample::Index),
    Noise(Vec<u8>),
    /// A request with some of its bytes changed.
    Torn(prop::sample::Index, prop::sample::Index, u8),
    Again,
    Up,
    Down,
    Wait(u8),
    Answers(bool),
    Acknowledges(bool),
    Full(bool),
    Refuse,
    Kill(bool),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        12 => any::<prop::sample::Index>().prop_map(Happening::Ask),
        1 => prop::collection::vec(any::<u8>(), 0..60).prop_map(Happening::Noise),
        2 => (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(a, b, c)| Happening::Torn(a, b, c)),
        1 => Just(Happening::Again),
        2 => Just(Happening::Up),
        1 => Just(Happening::Down),
        4 => (0_u8..90).prop_map(Happening::Wait),
        1 => any::<bool>().prop_map(Happening::Answers),
        1 => any::<bool>().prop_map(Happening::Acknowledges),
        1 => any::<bool>().prop_map(Happening::Full),
        1 => Just(Happening::Refuse),
        1 => any::<bool>().prop_map(Happening::Kill),
    ]
}

/// Asks under an id that no single torn byte makes another request's.
fn ask(bench: &mut Bench, which: prop::sample::Index) {
    let number = bench.asked + 1;
    bench.ask(&format!("msg={} {}", id(number), REQUESTS[which.index(REQUESTS.len())]));
}

fn id(number: u32) -> String {
    format!("{number}.{number}")
}

fn play(happenings: Vec<Happening>) {
    let mut bench = Bench::new();
    let mut at = 0.0;
    let mut twice = Vec::new();
    let word = |yes: bool| if yes { "yes" } else { "no" };
    for happening in happenings {
        match happening {
            Happening::Ask(which) => ask(&mut bench, which),
            Happening::Noise(bytes) => {
                let topic = format!("usp/agent/{}", bench.agent.id());
                bench.receive(line3_proto::Publication { topic, payload: bytes, ..Default::default() });
            }
            Happening::Torn(which, place, byte) => {
                bench.tear = Some((place.index(10_000), byte));
                ask(&mut bench, which);
                // It may have become another request, of another id.
                twice.push(bench.asked);
            }
            Happening::Again if bench.asked > 0 => {
                bench.play(&format!("{at}s again"));
                twice.push(bench.asked);
            }
            Happening::Again => {}
            Happening::Up => drop(bench.play(&format!("{at}s up"))),
            Happening::Down => drop(bench.play(&format!("{at}s down gone"))),
            Happening::Wait(tenths) => at += f64::from(tenths) / 10.0,
            Happening::Answers(yes) => bench.answers = yes,
            Happening::Acknowledges(yes) => drop(bench.play(&format!("{at}s acknowledges {}", word(yes)))),
            Happening::Full(yes) => bench.flash.set_full(yes),
            Happening::Refuse => drop(bench.play(&format!("{at}s refuse no"))),
            Happening::Kill(boots) => bench.restart(boots),
        }
        bench.until(at);
    }
    bench.play(&format!("{at}s up\n{at}s acknowledges yes\n{}s up\n{}s end", at + 40.0, at + 80.0));
    for number in (1..=bench.asked).filter(|number| !twice.contains(number)) {
        let answers = bench.answered.get(&id(number)).copied().unwrap_or(0);
        assert!(answers <= 1, "request {number} was answered {answers} times");
        assert!(answers == 1 || number <= bench.asked_at_start, "request {number} was never answered");
    }
    assert!(bench.agent.reports_waiting() <= 1 || bench.asked_at_start > 0, "reports stay: {}", bench.agent.reports_waiting());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_request_is_answered_once(happenings in prop::collection::vec(happening(), 1..60)) {
        play(happenings);
    }
}
