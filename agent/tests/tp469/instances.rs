//! GetInstances.

use std::collections::BTreeSet;

use line3_proto::usp::{GetInstancesResp, GetInstancesRespRequestedPathResult};

use crate::eut::Eut;
use crate::setup::{CONTROLLERS, controller_row, own_row, row, split, value, values};

cases! {
    tp_1_66_first_level_only,
    tp_1_67_all_levels,
    tp_1_68_several_objects,
    tp_1_70_wildcard,
    tp_1_71_search_expression,
    tp_1_83_unmatched_search_expression,
}

/// The result with this index, for this path, without errors.
fn fine<'a>(response: &'a GetInstancesResp, index: usize, requested: &str) -> &'a GetInstancesRespRequestedPathResult {
    let result = &response.req_path_results[index];
    assert_eq!(result.requested_path, requested, "{response:?}");
    assert_eq!((result.err_code, result.err_msg.as_str()), (0, ""), "{response:?}");
    result
}

/// The paths of a result; each comes once.
fn paths(result: &GetInstancesRespRequestedPathResult) -> BTreeSet<&str> {
    let paths: BTreeSet<_> = result.curr_insts.iter().map(|row| row.instantiated_obj_path.as_str()).collect();
    assert_eq!(paths.len(), result.curr_insts.len(), "{result:?}");
    paths
}

fn tp_1_66_first_level_only(eut: &mut Eut) {
    let second = controller_row(eut, "self::second");
    let response = eut.instances(&[CONTROLLERS], true).unwrap();
    assert_eq!(response.req_path_results.len(), 1, "{response:?}");
    let result = fine(&response, 0, CONTROLLERS);
    let me = own_row(eut);
    assert_eq!(paths(result), [me.as_str(), second.as_str()].into());
    for row in &result.curr_insts {
        let mut keys: Vec<_> = row.unique_keys.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["Alias", "EndpointID"], "{response:?}");
    }
}

fn tp_1_67_all_levels(eut: &mut Eut) {
    let me = own_row(eut);
    let second = controller_row(eut, "self::second");
    let boot = row(eut, &format!("{me}BootParameter."), &[("Enable", "true"), ("ParameterName", "Device.LocalAgent.UpTime")]);
    let mtp = row(eut, &format!("{second}MTP."), &[("Enable", "true"), ("Protocol", "MQTT")]);
    let own_mtp = format!("{me}MTP.1.");
    let response = eut.instances(&[CONTROLLERS], false).unwrap();
    assert_eq!(response.req_path_results.len(), 1, "{response:?}");
    let paths = paths(fine(&response, 0, CONTROLLERS));
    for path in [&me, &second, &boot, &mtp, &own_mtp] {
        assert!(paths.contains(path.as_str()), "{path} is missing: {paths:?}");
    }
    // Exactly the rows of this table and below it that have parameters.
    let objects: BTreeSet<_> = values(eut, CONTROLLERS).keys().map(|path| split(path).0.to_owned()).collect();
    let is_row = |path: &&str| path.trim_end_matches('.').rsplit('.').next().unwrap().parse::<u32>().is_ok();
    assert_eq!(paths, objects.iter().map(String::as_str).filter(is_row).collect());
}

fn tp_1_68_several_objects(eut: &mut Eut) {
    let response = eut.instances(&[CONTROLLERS, "Device.LocalAgent.MTP."], true).unwrap();
    assert_eq!(response.req_path_results.len(), 2, "{response:?}");
    assert_eq!(paths(fine(&response, 0, CONTROLLERS)), ["Device.LocalAgent.Controller.1."].into());
    assert_eq!(paths(fine(&response, 1, "Device.LocalAgent.MTP.")), ["Device.LocalAgent.MTP.1."].into());
}

fn tp_1_70_wildcard(eut: &mut Eut) {
    let second = controller_row(eut, "self::second");
    let mtp = row(eut, &format!("{second}MTP."), &[("Enable", "true"), ("Protocol", "MQTT")]);
    let requested = "Device.LocalAgent.Controller.*.MTP.";
    let response = eut.instances(&[requested], true).unwrap();
    assert_eq!(response.req_path_results.len(), 1, "{response:?}");
    assert_eq!(paths(fine(&response, 0, requested)), [format!("{}MTP.1.", own_row(eut)).as_str(), mtp.as_str()].into());
}

fn tp_1_71_search_expression(eut: &mut Eut) {
    let me = own_row(eut);
    controller_row(eut, "self::second");
    let alias = value(eut, &format!("{me}Alias"));
    let boot = row(eut, &format!("{me}BootParameter."), &[("Enable", "true"), ("ParameterName", "Device.LocalAgent.UpTime")]);
    let requested = format!("{CONTROLLERS}[Alias==\"{alias}\"].BootParameter.");
    let response = eut.instances(&[&requested], false).unwrap();
    assert_eq!(response.req_path_results.len(), 1, "{response:?}");
    assert_eq!(paths(fine(&response, 0, &requested)), [boot.as_str()].into());
}

fn tp_1_83_unmatched_search_expression(eut: &mut Eut) {
    let requested = "Device.LocalAgent.Controller.[Alias==\"no-such-alias\"].BootParameter.";
    let response = eut.instances(&[requested], false).unwrap();
    assert_eq!(response.req_path_results.len(), 1, "{response:?}");
    assert!(fine(&response, 0, requested).curr_insts.is_empty(), "{response:?}");
}
