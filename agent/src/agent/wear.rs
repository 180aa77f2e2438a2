//! How often a controller that may not do everything, or a subscription that sets things, may have something written to flash:
//! neither a loop in somebody's program nor settings that trigger each other wear it out.

use std::time::Duration;

use line3_proto::fault::code;
use line3_proto::sorted::Map;
use line3_proto::{Fault, Mono};

/// So many writes at once are fine.
const BURST: u32 = 64;

/// After them one in this time: at most 8640 a day.
const EVERY: Duration = Duration::from_secs(10);

/// When the writes of each controller, by the path of its row, are made up for. Bounded by the table of controllers.
#[derive(Default)]
pub(super) struct Wear(Map<String, Mono>);

impl Wear {
    /// Counts a write for a controller.
    ///
    /// # Errors
    /// 7005: it had too much written just now.
    pub(super) fn count(&mut self, by: &str, now: Mono) -> Result<(), Fault> {
        self.0.retain(|_, even| *even > now);
        let even = self.0.get(by).copied().unwrap_or(now) + EVERY;
        if even.since(now) > EVERY * BURST {
            let text = format!("{by} had the flash written more than {BURST} times at a stretch; wait {} s for each more", EVERY.as_secs());
            return Err(Fault::new(code::RESOURCES_EXCEEDED, text));
        }
        self.0.insert(by.to_owned(), even);
        Ok(())
    }
}
