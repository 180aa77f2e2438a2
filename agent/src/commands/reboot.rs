//! Restarting the box.

use std::time::Duration;

use line3_proto::effect::Effect;
use line3_proto::{Fault, row};

use super::{Afterwards, Command, Ctx};

/// `Device.Reboot()`.
pub(super) struct Reboot;

row! {
    /// Nothing.
    pub(super) struct Nothing {}
}

impl Command for Reboot {
    const PATH: &'static str = "Device.Reboot()";
    const DOC: &'static str = "Restarts the box, or the agent alone where the configuration says so, once the answer is out.";
    const EFFECT: Effect = Effect::Disrupt;
    const LIMIT: Duration = Duration::from_secs(10);
    const ASYNC: bool = false;
    type Input = Nothing;
    type Output = Nothing;

    async fn run(_: Nothing, ctx: Ctx) -> Result<Nothing, Fault> {
        // The engine writes it into its journal, sends the answer, and then restarts.
        ctx.afterwards.set(Afterwards::Reboot);
        Ok(Nothing {})
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::tests::Bench;
    use super::*;

    #[test]
    fn the_restart_comes_after_the_answer() {
        let bench = Bench::new(4);
        assert_eq!(bench.afterwards.get(), Afterwards::Nothing);
        assert!(bench.run::<Reboot>(&[("Cause", "LocalReboot")]).unwrap().is_empty());
        assert_eq!(bench.afterwards.get(), Afterwards::Reboot);
        assert_eq!(bench.host.reboots(), 0, "that is the engine's part");
    }
}
