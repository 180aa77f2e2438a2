//! `Device.LocalAgent.Request.{i}.`

use line3_proto::{Fault, row};

use super::{Found, Object};
use crate::view::View;

/// `Device.LocalAgent.Request.{i}.`
pub struct Request;

row! {
    /// The parameters of `Device.LocalAgent.Request.{i}.`
    pub struct Values {
        /// The endpoint id of the controller that asked.
        Originator: String,
        /// The command's path.
        Command: String,
        /// The controller's own name for this call.
        CommandKey: String,
        /// How far it is: Requested, Active, Canceling, Canceled, Success or Error.
        Status: String,
    }
}

impl Object for Request {
    const PATH: &'static str = "Device.LocalAgent.Request.{i}.";
    const DOC: &'static str = "A command that the agent was asked for and has not finished.";
    const KEYS: &'static [&'static [&'static str]] = &[&["Originator", "Command", "CommandKey"]];
    const NUMBERED: bool = true;
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        let row = |request: &crate::view::Request| {
            let values = Values {
                Originator: request.originator.clone(),
                Command: request.command.clone(),
                CommandKey: request.command_key.clone(),
                Status: request.status.to_owned(),
            };
            Found::keyed([request.instance.to_string()], values)
        };
        Ok(view.facts.requests.iter().map(row).collect())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn it_tells_what_is_under_way() {
        let mut bench = Bench::empty();
        assert_eq!(bench.show::<Request>(), "");
        bench.facts.requests.push(crate::view::Request {
            instance: 4,
            originator: "self::line3".to_owned(),
            command: "Device.IP.Diagnostics.IPPing()".to_owned(),
            command_key: "k".to_owned(),
            status: "Active",
        });
        expect![[r#"
            [4]
            Originator = self::line3
            Command = Device.IP.Diagnostics.IPPing()
            CommandKey = k
            Status = Active
        "#]]
        .assert_eq(&bench.show::<Request>());
    }
}
