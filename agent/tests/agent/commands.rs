//! Commands of the tests, which count how often they ran.

use std::cell::Cell;
use std::sync::LazyLock;
use std::time::Duration;

use line3_agent::commands::{COMMANDS, Command, CommandDef, Ctx};
use line3_proto::effect::Effect;
use line3_proto::fault::code;
use line3_proto::{Fault, row};

thread_local! {
    static RAN: Cell<u32> = const { Cell::new(0) };
}

/// How often a repair ran in this test.
pub(crate) fn ran() -> u32 {
    RAN.get()
}

pub(crate) fn forget() {
    RAN.set(0);
}

/// The commands of the box, and those of the tests.
pub(crate) fn all() -> &'static [CommandDef] {
    static ALL: LazyLock<&'static [CommandDef]> = LazyLock::new(|| {
        let own = [CommandDef::of::<Work>(), CommandDef::of::<Mend>(), CommandDef::of::<Wipe>(), CommandDef::of::<Poke>()];
        Box::leak(COMMANDS.iter().copied().chain(own).collect())
    });
    &ALL
}

row! {
    /// What to do.
    pub(crate) struct Input {
        /// For how long.
        Seconds: u32 [s, range(0, 1000)],
        /// How many bytes come out.
        Size: u32 [bytes] = "0",
        /// How many words it says on the way, each every 300 ms.
        Words: u32 = "0",
        /// Whether it fails.
        Fail: bool = "false",
    }
}

row! {
    /// What came of it.
    pub(crate) struct Output {
        /// Bytes.
        Data: String,
    }
}

async fn work(input: Input, ctx: Ctx) -> Result<Output, Fault> {
    for word in 1..=input.Words {
        ctx.progress.say(format!("{word} of {}", input.Words));
        ctx.host.sleep(Duration::from_millis(300)).await;
    }
    ctx.host.sleep(Duration::from_secs(input.Seconds.into())).await;
    if input.Fail {
        return Err(Fault::new(code::COMMAND_FAILURE, "it was told to fail"));
    }
    Ok(Output { Data: "x".repeat(input.Size as usize) })
}

macro_rules! command {
    ($name:ident $path:literal $effect:ident $asynchronous:literal $acts:literal) => {
        struct $name;
        impl Command for $name {
            const PATH: &'static str = $path;
            const DOC: &'static str = "Of the tests.";
            const EFFECT: Effect = Effect::$effect;
            const LIMIT: Duration = Duration::from_secs(20);
            const ASYNC: bool = $asynchronous;
            type Input = Input;
            type Output = Output;
            async fn run(input: Input, ctx: Ctx) -> Result<Output, Fault> {
                RAN.set(RAN.get() + $acts);
                work(input, ctx).await
            }
        }
    };
}

command! { Work "Device.X_LINE3_Test.Work()" Read true 0 }
command! { Mend "Device.X_LINE3_Test.Mend()" Disrupt true 1 }
command! { Wipe "Device.X_LINE3_Test.Wipe()" Destroy false 1 }
command! { Poke "Device.LocalAgent.Controller.{i}.MTP.{i}.X_LINE3_Poke()" Read false 1 }
