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
