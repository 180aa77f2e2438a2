//! `Device.MQTT.Client.{i}.ForceReconnect()`

use std::time::Duration;

use line3_proto::effect::Effect;
use line3_proto::fault::code;
use line3_proto::{Fault, row};

use crate::commands::{Afterwards, Command, Ctx};

/// `Device.MQTT.Client.{i}.ForceReconnect()`.
pub(super) struct ForceReconnect;

row! {
    /// No arguments.
    pub struct Nothing {}
}

impl Command for ForceReconnect {
    const PATH: &'static str = "Device.MQTT.Client.{i}.ForceReconnect()";
    const DOC: &'static str = "Connects to the broker anew once the answer is out, with the settings as they are now.";
    const EFFECT: Effect = Effect::Read;
    const LIMIT: Duration = Duration::from_secs(5);
    const ASYNC: bool = false;
    type Input = Nothing;
    type Output = Nothing;

    async fn run(_: Nothing, ctx: Ctx) -> Result<Nothing, Fault> {
        let number = ctx.path.rsplit('.').nth(1).and_then(|number| number.parse().ok());
        let number = number.ok_or_else(|| Fault::new(code::INTERNAL, format!("{} names no client", ctx.path)))?;
        ctx.afterwards.set(Afterwards::Reconnect(number));
        Ok(Nothing {})
    }
}
