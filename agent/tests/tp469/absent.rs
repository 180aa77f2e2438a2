//! What `cases.txt` says not to be there is not: the features that cases which do not apply are conditional on.

use std::sync::Arc;

use crate::eut::Eut;
use crate::lab::Lab;
use crate::setup::value;
use crate::supported::supported_objects;

/// See the module.
pub(crate) fn what_does_not_apply_is_not_supported(lab: &Arc<Lab>) {
    let mut eut = Eut::start(lab, "not-applicable");
    let objects = supported_objects(&mut eut, "Device.");
    let paths = objects.iter().flat_map(|object| {
        let path = &object.supported_obj_path;
        let params = object.supported_params.iter().map(|param| &param.param_name);
        let commands = object.supported_commands.iter().map(|command| &command.command_name);
        params.chain(commands).map(move |name| format!("{path}{name}")).chain([path.clone()])
    });
    // Other transports, their discovery, sessions and secure exchange, certificates from a controller, firmware from one, and HTTP.
    let foreign =
        [".STOMP.", ".WebSocket.", ".CoAP.", "mDNS", ".DHCP", ".E2ESession.", "AddCertificate()", "Download()", "Activate()", ".HTTP."];
    let claimed: Vec<_> = paths.filter(|path| foreign.iter().any(|feature| path.contains(feature))).collect();
    assert_eq!(claimed, [""; 0]);
    assert_eq!(value(&mut eut, "Device.LocalAgent.SupportedProtocols"), "MQTT");
    assert_eq!(value(&mut eut, "Device.BulkData.Protocols"), "MQTT,USPEventNotif");
    // What is not offered cannot be chosen either.
    for (table, params) in [
        ("Device.LocalAgent.MTP.", [("Protocol", "WebSocket", true)]),
        ("Device.LocalAgent.MTP.", [("Protocol", "STOMP", true)]),
        ("Device.LocalAgent.MTP.", [("Protocol", "CoAP", true)]),
        ("Device.BulkData.Profile.", [("Protocol", "HTTP", true)]),
    ] {
        assert!(eut.add(false, &[(table, &params)]).is_err(), "{table} {params:?}");
    }
    eut.ends_well();
}
