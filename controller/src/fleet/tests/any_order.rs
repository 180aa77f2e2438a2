//! Whatever comes in whatever order: every admitted call ends once, and nothing is said of it after that.

use line3_proto::rng::Rng;

use super::*;

const BOXES: [&str; 3] = ["A", "B", "C"];
const COMMANDS: [&str; 3] = ["Device.Ping()", "Device.Repair()", "Device.Reboot()"];

struct Chaos {
    rng: Rng,
    bench: Bench,
    calls: Vec<String>,
}

impl Chaos {
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.rng.below(from.len() as u64)).unwrap()]
    }

    fn connection(&mut self) -> String {
        format!("r{}.{}", self.rng.below(4), self.rng.below(6))
    }

    fn some_call(&mut self) -> String {
        let count = self.calls.len() as u64;
        usize::try_from(self.rng.below(count)).ok().and_then(|n| self.calls.get(n)).cloned().unwrap_or_default()
    }

    fn step(&mut self) {
        let (name, command) = (self.pick(&BOXES), self.pick(&COMMANDS));
        let err_code = self.pick(&[7003, 7005, 7023, 7026, 7801, 7802, 7803]);
        let boot = self.pick(&["b1", "b2", "b3"]);
        match self.rng.below(16) {
            0 => {
                let connection = self.connection();
                self.bench.connect(name, &connection);
            }
            1 => {
                let connection = if self.rng.chance(0.2) { String::new() } else { self.connection() };
                self.bench.gone(name, &connection);
            }
            2..=4 => {
                let call = format!("call{}", self.calls.len());
                self.calls.push(call.clone());
                let wait = self.rng.chance(0.5);
                let (order, effect) = match command {
                    "Device.Ping()" if self.rng.chance(0.3) => (get("Device.X"), None),
                    "Device.Ping()" => (operate(command), Some(Effect::Read)),
                    _ => (operate(command), Some(Effect::Disrupt)),
                };
                self.bench.call(&call, name, order, effect, wait);
            }
            5 => {
                let call = self.some_call();
                self.bench.cancel(&call, name);
            }
            6..=9 => self.answer(name, boot, err_code),
            10 => {
                let call = self.some_call();
                let end = if self.rng.chance(0.5) { Ok(&[("x", "y")][..]) } else { Err(err_code) };
                self.bench.complete(name, &call, command, end);
            }
            11 => {
                let call = self.some_call();
                let mode = self.pick(&["system", "restart-agent"]);
                self.bench.boot(name, &call, boot, mode);
            }
            12 => {
                let call = self.some_call();
                self.bench.event(name, "X_LINE3_Progress!", &[("CommandKey", &call), ("Text", "x")], false);
            }
            13 => {
                self.bench.link_down();
                let seconds = self.rng.below(60);
                self.bench.wait(seconds);
                let present = self.rng.chance(0.5);
                self.bench.link_up(present);
            }
            14 => {
                while let Some(call) = self.bench.proposed.pop_front() {
                    self.calls.push(call.id.clone());
                    self.bench.admit(call);
                }
                if self.rng.chance(0.5) {
                    self.bench.store_has_it();
                }
            }
            _ => {
                let seconds = self.rng.below(40);
                self.bench.wait(seconds);
            }
        }
    }

    /// The box answers its oldest question, not always sensibly.
    fn answer(&mut self, name: &str, boot: &str, err_code: u32) {
        let who = id(name);
        let Some((_, _, request)) = self.bench.asked.iter().find(|(asked, ..)| *asked == who) else { return };
        let request = request.clone();
        if self.rng.chance(0.1) {
            return self.bench.answer(name, Err(Fault::new(err_code, "words")));
        }
        match request {
            Request::Get(get) if get.param_paths.len() > 2 => {
                let run = format!("r{}", self.rng.below(4));
                let subscribed = self.rng.chance(0.8);
                self.bench.who(name, &run, boot, subscribed);
            }
            Request::Get(_) => {
                let run = format!("r{}", self.rng.below(4));
                self.bench.values(name, &[("Device.LocalAgent.X_LINE3_RunID", &run)]);
            }
            Request::Operate(operate) => match self.rng.below(3) {
                0 => self.bench.accept(name, &operate.command),
                1 => self.bench.output(name, &operate.command, &[("Total", "1"), ("Data", "x")]),
                _ => self.bench.fail(name, &operate.command, err_code),
            },
            _ => self.bench.answer(name, Ok(Response::OperateResp(OperateResp::default()))),
        }
    }
}

#[test]
fn every_call_ends_once() {
    let mut seen = BTreeMap::<&str, usize>::new();
    for seed in 0..40 {
        let mut chaos = Chaos { rng: Rng::new(seed), bench: Bench::new(), calls: Vec::new() };
        for _ in 0..300 {
            chaos.step();
            chaos.bench.log.clear();
        }
        chaos.bench.wait(200);
        let Chaos { bench, calls, .. } = chaos;
        for call in calls {
            let states: Vec<CallState> = bench.steps.iter().filter(|step| step.call == call).map(|step| step.state).collect();
            assert_eq!(states.iter().filter(|state| state.is_final()).count(), 1, "seed {seed}, {call}: {states:?}");
            let end = states.last().unwrap();
            assert!(end.is_final(), "seed {seed}, {call}: {states:?}");
            if *end == CallState::Expired && states.contains(&CallState::Sent) {
                // Said by the box alone.
                assert!(bench.steps.iter().any(|step| step.call == call && step.words.contains("7801")), "seed {seed}, {call}");
            }
            *seen.entry(end.word()).or_default() += 1;
        }
        assert!(bench.fleet.calls.open.is_empty() && bench.fleet.calls.of_box.is_empty(), "seed {seed}");
        assert_eq!(bench.fleet.calls.deadline(), None);
    }
    assert_eq!(seen.len(), 7, "every end was met: {seen:?}");
}
