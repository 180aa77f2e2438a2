//! `Device.ScheduleTimer()`

use std::time::Duration;

use line3_proto::effect::Effect;
use line3_proto::{Fault, row};

use super::{Command, Ctx};

/// `Device.ScheduleTimer()`
pub(super) struct ScheduleTimer;

row! {
    /// For how long.
    pub(super) struct Input {
        /// How long after the call it ends.
        DelaySeconds: u32 [s, range(1, 4_294_967_295)],
    }
}

row! {
    /// Nothing.
    pub(super) struct Nothing {}
}

impl Command for ScheduleTimer {
    const PATH: &'static str = "Device.ScheduleTimer()";
    const DOC: &'static str = "Ends after a while, so that its OperationComplete is a reminder; it outlives restarts, at most 8 at once.";
    const EFFECT: Effect = Effect::Read;
    const LIMIT: Duration = Duration::from_secs(1 << 32);
    const LASTING: bool = true;
    type Input = Input;
    type Output = Nothing;

    async fn run(input: Input, ctx: Ctx) -> Result<Nothing, Fault> {
        let delay = Duration::from_secs(input.DelaySeconds.into());
        ctx.host.sleep(delay.saturating_sub(ctx.passed)).await;
        Ok(Nothing {})
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Bench;
    use super::*;

    #[test]
    fn it_takes_a_delay_and_nothing_else_matters() {
        let bench = Bench::new(4);
        assert!(bench.run::<ScheduleTimer>(&[("DelaySeconds", "30"), ("Other", "2")]).is_ok_and(|output| output.is_empty()));
        assert_eq!(bench.run::<ScheduleTimer>(&[]).map_err(|fault| fault.code), Err(7027));
        assert_eq!(bench.run::<ScheduleTimer>(&[("DelaySeconds", "0")]).map_err(|fault| fault.code), Err(7012));
    }
}
