//! `Device.LocalAgent.Controller.{i}.SendOnBoardRequest()`

use std::time::Duration;

use line3_proto::effect::Effect;
use line3_proto::fault::code;
use line3_proto::{Fault, row};

use super::{Afterwards, Command, Ctx};

/// `Device.LocalAgent.Controller.{i}.SendOnBoardRequest()`
pub(super) struct SendOnBoardRequest;

row! {
    /// Nothing.
    pub(super) struct Nothing {}
}

impl Command for SendOnBoardRequest {
    const PATH: &'static str = "Device.LocalAgent.Controller.{i}.SendOnBoardRequest()";
    const DOC: &'static str = "Sends this controller an OnBoardRequest until it answers, and says that it has not taken the agent in.";
    const EFFECT: Effect = Effect::Read;
    const LIMIT: Duration = Duration::from_secs(10);
    const ASYNC: bool = false;
    type Input = Nothing;
    type Output = Nothing;

    async fn run(_: Nothing, ctx: Ctx) -> Result<Nothing, Fault> {
        let number = ctx.path.rsplit('.').nth(1).and_then(|number| number.parse().ok());
        let number = number.ok_or_else(|| Fault::new(code::INTERNAL, format!("{} names no controller", ctx.path)))?;
        // The engine has the settings and the way to the controller.
        ctx.afterwards.set(Afterwards::OnBoard(number));
        Ok(Nothing {})
    }
}
