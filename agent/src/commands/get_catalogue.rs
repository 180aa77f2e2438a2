//! `Device.LocalAgent.X_LINE3_GetCatalogue()`

use std::time::Duration;

use line3_proto::effect::Effect;
use line3_proto::{Fault, row};

use crate::commands::{Command, Ctx};

/// The most bytes of the catalogue in one answer.
const PAGE: usize = 32 * 1024;

/// `Device.LocalAgent.X_LINE3_GetCatalogue()`: what this firmware can show and do, page by page.
pub(super) struct GetCatalogue;

row! {
    /// Which page.
    pub struct Input {
        /// From which byte on.
        Offset: u32 [bytes] = "0",
    }
}

row! {
    /// A page.
    pub struct Output {
        /// The size of the whole.
        Total: u32 [bytes],
        /// A piece of the JSON text, from `Offset` on; empty: there is no more.
        Data: String,
    }
}

impl Command for GetCatalogue {
    const PATH: &'static str = "Device.LocalAgent.X_LINE3_GetCatalogue()";
    const DOC: &'static str = "The catalogue of this firmware as JSON, in pages: every object, parameter, command and event with documentation, types, units, ranges and effects.";
    const EFFECT: Effect = Effect::Read;
    const LIMIT: Duration = Duration::from_secs(5);
    const ASYNC: bool = false;
    type Input = Input;
    type Output = Output;

    async fn run(input: Input, ctx: Ctx) -> Result<Output, Fault> {
        let text = (ctx.catalogue)();
        // Pages begin and end between characters: an offset within one moves to its start.
        let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let start = boundary(usize::try_from(input.Offset).unwrap_or(usize::MAX));
        let end = boundary(start.saturating_add(PAGE));
        let data = text.get(start..end).unwrap_or("").to_owned();
        Ok(Output { Total: u32::try_from(text.len()).unwrap_or(u32::MAX), Data: data })
    }
}
