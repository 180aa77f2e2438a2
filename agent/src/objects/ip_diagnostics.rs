//! `Device.IP.Diagnostics.`

use line3_proto::{Fault, row};

use super::{Found, Object};
use crate::commands::COMMANDS;
use crate::view::View;

/// `Device.IP.Diagnostics.`
pub struct IpDiagnostics;

row! {
    /// The parameters of `Device.IP.Diagnostics.`
    pub struct Values {
        /// Whether IPPing() takes IPv4 addresses.
        IPv4PingSupported: bool,
        /// Whether IPPing() takes IPv6 addresses.
        IPv6PingSupported: bool,
    }
}

impl Object for IpDiagnostics {
    const PATH: &'static str = "Device.IP.Diagnostics.";
    const DOC: &'static str = "What the box can measure in its network.";
    type Row = Values;

    fn read(_: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        // What cannot be called is not supported.
        let ping = COMMANDS.iter().any(|command| command.path == "Device.IP.Diagnostics.IPPing()");
        Ok(Found::single(Values { IPv4PingSupported: ping, IPv6PingSupported: ping }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn it_says_what_can_be_called() {
        let ping = COMMANDS.iter().any(|command| command.path.ends_with(".IPPing()"));
        assert_eq!(Bench::empty().show::<IpDiagnostics>(), format!("IPv4PingSupported = {ping}\nIPv6PingSupported = {ping}\n"));
    }
}
