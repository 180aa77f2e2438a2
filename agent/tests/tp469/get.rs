//! Get.

use crate::eut::Eut;
use crate::setup::all;

cases! {
    tp_1_36_full_parameter_path,
    tp_1_37_several_paths_of_one_object,
}

fn tp_1_36_full_parameter_path(eut: &mut Eut) {
    let response = eut.get(&["Device.LocalAgent.EndpointID"]).unwrap();
    assert_eq!(response.req_path_results.len(), 1);
    let result = &response.req_path_results[0];
    assert_eq!(result.requested_path, "Device.LocalAgent.EndpointID");
    assert_eq!(result.resolved_path_results.len(), 1, "{response:?}");
    assert_eq!(result.resolved_path_results[0].resolved_path, "Device.LocalAgent.");
    assert_eq!(all(&response), [("Device.LocalAgent.EndpointID".to_owned(), eut.agent.to_string())].into());
}

fn tp_1_37_several_paths_of_one_object(eut: &mut Eut) {
    let response = eut.get(&["Device.LocalAgent.EndpointID", "Device.LocalAgent.SoftwareVersion"]).unwrap();
    assert_eq!(response.req_path_results.len(), 2);
}
