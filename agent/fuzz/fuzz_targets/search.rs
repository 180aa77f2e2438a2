//! Text as a path of the tables in `rows.rs`, as a search in it, and as the left side of one: a Get and a GetInstances of it find
//! rows that are there, or say with the right code why not.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use line3_fuzz::Rig;
use line3_fuzz::rows::ROWS;
use line3_proto::fault::code;
use line3_proto::usp::{Get, GetInstances, Request, Response};

thread_local! {
    // Looking changes nothing, so one box serves all inputs.
    static RIG: RefCell<Rig> = RefCell::new(Rig::with_objects(ROWS));
}

const CODES: [u32; 6] =
    [0, code::INVALID_PATH_SYNTAX, code::INVALID_PATH, code::OBJECT_DOES_NOT_EXIST, code::VALUE_ABSENT, code::RESOURCES_EXCEEDED];

fn check(rig: &mut Rig, paths: &[String]) {
    match rig.ask(Request::Get(Get { param_paths: paths.to_vec(), max_depth: 0 })) {
        Some(Ok(Response::GetResp(answer))) => {
            assert_eq!(answer.req_path_results.len(), paths.len());
            for result in answer.req_path_results {
                assert!(CODES.contains(&result.err_code), "{result:?}");
                assert!(result.err_code == 0 || result.resolved_path_results.is_empty());
                assert_eq!(result.err_code == 0, result.err_msg.is_empty());
            }
        }
        Some(Err(code::RESOURCES_EXCEEDED)) => {}
        other => panic!("{other:?}"),
    }
    match rig.ask(Request::GetInstances(GetInstances { obj_paths: paths.to_vec(), first_level_only: false })) {
        Some(Ok(Response::GetInstancesResp(answer))) => {
            assert_eq!(answer.req_path_results.len(), paths.len());
            for result in answer.req_path_results {
                assert!(CODES.contains(&result.err_code) || result.err_code == code::NOT_A_TABLE, "{result:?}");
            }
        }
        Some(Err(code::RESOURCES_EXCEEDED)) => {}
        other => panic!("{other:?}"),
    }
}

fuzz_target!(|text: &str| {
    let paths = [
        text.to_owned(),
        format!("Device.T.{text}"),
        format!("Device.T.[{text}].Name"),
        format!("Device.T.[{text}]."),
        format!("Device.T.*.U.[{text}].Name"),
        format!("Device.T.[{text}==1].U.*.Up+.Name"),
    ];
    RIG.with_borrow_mut(|rig| check(rig, &paths));
});
