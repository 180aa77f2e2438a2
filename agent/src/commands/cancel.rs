//! `Device.LocalAgent.Request.{i}.Cancel()`

use std::time::Duration;

use line3_proto::effect::Effect;
use line3_proto::fault::code;
use line3_proto::{Fault, row};

use crate::commands::{Afterwards, Command, Ctx};

/// `Device.LocalAgent.Request.{i}.Cancel()`: the command that is stopped ends with 7023.
pub(super) struct Cancel;

row! {
    /// No arguments.
    pub struct Nothing {}
}

impl Command for Cancel {
    const PATH: &'static str = "Device.LocalAgent.Request.{i}.Cancel()";
    const DOC: &'static str = "Stops a command that is under way; it ends with 7023.";
    const EFFECT: Effect = Effect::Read;
    const LIMIT: Duration = Duration::from_secs(5);
    const ASYNC: bool = false;
    type Input = Nothing;
    type Output = Nothing;

    async fn run(_: Nothing, ctx: Ctx) -> Result<Nothing, Fault> {
        let number = ctx.path.rsplit('.').nth(1).and_then(|number| number.parse().ok());
        let number = number.ok_or_else(|| Fault::new(code::INTERNAL, format!("{} names no request", ctx.path)))?;
        ctx.afterwards.set(Afterwards::Cancel(number));
        Ok(Nothing {})
    }
}
