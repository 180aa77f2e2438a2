//! `Device.Time.`

use line3_proto::value::{Absent, Known};
use line3_proto::{Fault, Wall, row, values};

use super::{Found, Object};
use crate::view::View;

/// `Device.Time.`
pub struct Time;

values! {
    /// Whether the box knows what time it is.
    pub enum Status {
        /// Nothing has set its clock yet.
        Unsynchronized,
        /// Its clock was set by a time server.
        Synchronized,
    }
}

row! {
    /// The parameters of `Device.Time.`
    pub struct Values {
        /// Whether the box knows what time it is.
        Status: Known<Status>,
        /// The time on the box's clock, in UTC.
        CurrentLocalTime: Wall [ticks],
    }
}

/// No box that runs this agent has lived before: 2025-01-01T00:00:00Z.
pub(crate) const BEFORE_ALL_BOXES: Wall = Wall(1_735_689_600_000);

impl Object for Time {
    const PATH: &'static str = "Device.Time.";
    const DOC: &'static str = "The box's clock.";
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        // The one time service that leaves a word in a file; others are known by their effect only.
        let status = if view.now.wall < BEFORE_ALL_BOXES {
            Ok(Status::Unsynchronized)
        } else if let Ok(names) = view.host.list("/run/systemd/timesync") {
            Ok(if names.iter().any(|name| name == "synchronized") { Status::Synchronized } else { Status::Unsynchronized })
        } else {
            Err(Absent::because("no time service says in a file whether it set the clock (systemd-timesyncd would)"))
        };
        Ok(Found::single(Values { Status: status, CurrentLocalTime: view.now.wall }))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn it_is_honest_about_the_clock() {
        let mut bench = Bench::empty();
        expect![[r#"
            Status: no time service says in a file whether it set the clock (systemd-timesyncd would)
            CurrentLocalTime = 2026-01-01T00:00:00Z
        "#]]
        .assert_eq(&bench.show::<Time>());
        bench.host.set_file("/run/systemd/timesync/other", "");
        assert!(bench.show::<Time>().starts_with("Status = Unsynchronized\n"));
        bench.host.set_file("/run/systemd/timesync/synchronized", "");
        assert!(bench.show::<Time>().starts_with("Status = Synchronized\n"));
        bench.now.wall = Wall(7000);
        expect![[r#"
            Status = Unsynchronized
            CurrentLocalTime = 1970-01-01T00:00:07Z
        "#]]
        .assert_eq(&bench.show::<Time>());
    }
}
