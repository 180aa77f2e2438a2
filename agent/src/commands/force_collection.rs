//! `Device.BulkData.Profile.{i}.ForceCollection()`

use std::time::Duration;

use line3_proto::effect::Effect;
use line3_proto::fault::code;
use line3_proto::{Fault, row};

use crate::commands::{Afterwards, Command, Ctx};

/// `Device.BulkData.Profile.{i}.ForceCollection()`: a report out of turn.
pub(super) struct ForceCollection;

row! {
    /// No arguments.
    pub struct Nothing {}
}

impl Command for ForceCollection {
    const PATH: &'static str = "Device.BulkData.Profile.{i}.ForceCollection()";
    const DOC: &'static str =
        "Makes and sends a report at once, whether the profile is enabled or not. The next one comes when it would have come.";
    const EFFECT: Effect = Effect::Read;
    const LIMIT: Duration = Duration::from_secs(5);
    const ASYNC: bool = false;
    type Input = Nothing;
    type Output = Nothing;

    async fn run(_: Nothing, ctx: Ctx) -> Result<Nothing, Fault> {
        let number = ctx.path.rsplit('.').nth(1).and_then(|number| number.parse().ok());
        let number = number.ok_or_else(|| Fault::new(code::INTERNAL, format!("{} names no profile", ctx.path)))?;
        // The engine makes the report, and then sends the answer.
        ctx.afterwards.set(Afterwards::Report(number));
        Ok(Nothing {})
    }
}
