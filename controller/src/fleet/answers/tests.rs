#![allow(clippy::unwrap_used)]

use expect_test::expect;
use line3_proto::usp::{
    AddResp, AddRespOperationFailure, AddRespOperationStatus, AddRespOperationSuccess, CreatedObjectResult, DeleteResp,
    DeleteRespOperationStatus, DeleteRespOperationSuccess, DeletedObjectResult, GetInstancesResp, ParamError, SetResp,
    SetRespOperationFailure, SetRespOperationStatus, SetRespOperationSuccess, UnaffectedPathError, UpdatedInstanceFailure,
    UpdatedInstanceResult, UpdatedObjectResult,
};

use super::*;

/// How a call ends, and all that is told of it.
fn said(answered: Answered) -> String {
    let mut said = format!("{} {:?}\n", answered.state.word(), answered.words);
    let Some(result) = answered.result else { return said };
    if let Outcome::Changed { changes } = &result {
        for change in changes {
            said.push_str(&format!("  {}:\n", change.requested));
            for Done { path, values } in &change.done {
                said.push_str(&format!("    done {path} {values:?}\n"));
            }
            for Wrong { path, code, text, .. } in &change.faults {
                said.push_str(&format!("    not {path} {code} {text}\n"));
            }
        }
    } else {
        said.push_str(&format!("{}\n", serde_json::to_string(&result).unwrap()));
    }
    said
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn add(path: &str, status: Option<AddRespOperStatus>) -> CreatedObjectResult {
    CreatedObjectResult { requested_path: path.to_owned(), oper_status: Some(AddRespOperationStatus { oper_status: status }) }
}

fn update(path: &str, status: SetRespOperStatus) -> UpdatedObjectResult {
    UpdatedObjectResult { requested_path: path.to_owned(), oper_status: Some(SetRespOperationStatus { oper_status: Some(status) }) }
}

fn param_err(name: &str, code: u32) -> SetRespParameterError {
    SetRespParameterError { param: name.to_owned(), err_code: code, err_msg: format!("{name} is wrong\u{1b}[2J") }
}

#[test]
fn nothing_of_an_add_is_dropped() {
    let made = AddRespOperStatus::OperSuccess(AddRespOperationSuccess {
        instantiated_path: "Device.T.3.".into(),
        param_errs: vec![AddRespParameterError { param: "Colour".into(), err_code: 7012, err_msg: "no such colour".into() }],
        unique_keys: map(&[("Alias", "cpe-3"), ("ID", "a")]),
    });
    let failed = AddRespOperStatus::OperFailure(AddRespOperationFailure { err_code: 7005, err_msg: "it has 8 rows".into() });
    let answer = |results: &[CreatedObjectResult]| Response::AddResp(AddResp { created_obj_results: results.to_vec() });
    let results = [add("Device.T.", Some(made)), add("Device.U.", Some(failed)), add("Device.V.", None)];
    let all = [&results[..], &results[1..2], &[]].map(|results| said(outcome(answer(results))));
    expect![[r#"
        succeeded "not all of it: 7012 (invalid value): no such colour (and 2 more)"
          Device.T.:
            done Device.T.3. {"Alias": "cpe-3", "ID": "a"}
            not Device.T.3.Colour 7012 no such colour
          Device.U.:
            not Device.U. 7005 it has 8 rows
          Device.V.:
            not Device.V. 7003 the box did not say what became of it
        refused "7005 (resources exceeded): it has 8 rows"
          Device.U.:
            not Device.U. 7005 it has 8 rows
        succeeded ""
    "#]]
    .assert_eq(&all.concat());
}

#[test]
fn nothing_of_a_set_is_dropped() {
    let row = |path: &str, errors: &[SetRespParameterError], values: &[(&str, &str)]| UpdatedInstanceResult {
        affected_path: path.to_owned(),
        param_errs: errors.to_vec(),
        updated_params: map(values),
    };
    let done = SetRespOperStatus::OperSuccess(SetRespOperationSuccess {
        updated_inst_results: vec![
            row("Device.T.1.", &[], &[("Enable", "true"), ("Password", "hunter2")]),
            row("Device.T.2.", &[param_err("Level", 7012)], &[("Enable", "true")]),
        ],
    });
    let failed = SetRespOperStatus::OperFailure(SetRespOperationFailure {
        err_code: 7021,
        err_msg: "a required one".into(),
        updated_inst_failures: vec![UpdatedInstanceFailure {
            affected_path: "Device.U.1.".into(),
            param_errs: vec![param_err("Enable", 7011), param_err("Level", 7013)],
        }],
    });
    let answer = |results: &[UpdatedObjectResult]| Response::SetResp(SetResp { updated_obj_results: results.to_vec() });
    let results = [update("Device.T.*.", done), update("Device.U.1.", failed)];
    let all = [&results[..], &results[1..]].map(|results| said(outcome(answer(results))));
    expect![[r#"
        succeeded "not all of it: 7012 (invalid value): Level is wrong[2J (and 3 more)"
          Device.T.*.:
            done Device.T.1. {"Enable": "true", "Password": "***"}
            done Device.T.2. {"Enable": "true"}
            not Device.T.2.Level 7012 Level is wrong[2J
          Device.U.1.:
            not Device.U.1. 7021 a required one
            not Device.U.1.Enable 7011 Enable is wrong[2J
            not Device.U.1.Level 7013 Level is wrong[2J
        failed "7021 (required parameter failed): a required one (and 2 more)"
          Device.U.1.:
            not Device.U.1. 7021 a required one
            not Device.U.1.Enable 7011 Enable is wrong[2J
            not Device.U.1.Level 7013 Level is wrong[2J
    "#]]
    .assert_eq(&all.concat());
}

#[test]
fn nothing_of_a_delete_is_dropped() {
    let done = |affected: &[&str], stayed: &[&str]| {
        let stayed =
            stayed.iter().map(|path| UnaffectedPathError { unaffected_path: (*path).to_owned(), err_code: 7024, err_msg: "in use".into() });
        DeleteRespOperStatus::OperSuccess(DeleteRespOperationSuccess {
            affected_paths: affected.iter().map(|path| (*path).to_owned()).collect(),
            unaffected_path_errs: stayed.collect(),
        })
    };
    let all = [(&["Device.T.1."][..], &["Device.T.2."][..]), (&[], &["Device.T.2."]), (&[], &[])].map(|(affected, stayed)| {
        let status = DeleteRespOperationStatus { oper_status: Some(done(affected, stayed)) };
        let result = DeletedObjectResult { requested_path: "Device.T.*.".into(), oper_status: Some(status) };
        said(outcome(Response::DeleteResp(DeleteResp { deleted_obj_results: vec![result] })))
    });
    expect![[r#"
        succeeded "not all of it: 7024 (delete failure): in use"
          Device.T.*.:
            done Device.T.1. {}
            not Device.T.2. 7024 in use
        failed "7024 (delete failure): in use"
          Device.T.*.:
            not Device.T.2. 7024 in use
        succeeded ""
          Device.T.*.:
    "#]]
    .assert_eq(&all.concat());
}

#[test]
fn a_look_tells_of_every_path_that_failed() {
    let result = |path: &str, code: u32| line3_proto::usp::GetInstancesRespRequestedPathResult {
        requested_path: path.to_owned(),
        err_code: code,
        err_msg: "why".into(),
        curr_insts: Vec::new(),
    };
    let response = GetInstancesResp { req_path_results: vec![result("Device.A.", 7026), result("Device.B.", 7008)] };
    expect![[r#"
        refused "7026 (path is not in the supported data model): why (and 1 more)"
        {"kind":"instances","instances":{},"faults":[{"path":"Device.A.","code":7026,"meaning":"path is not in the supported data model","text":"why"},{"path":"Device.B.","code":7008,"meaning":"invalid path syntax","text":"why"}]}
    "#]].assert_eq(&said(outcome(Response::GetInstancesResp(response))));
}

#[test]
fn a_refusal_tells_what_is_to_blame() {
    let params = vec![ParamError { param_path: "Device.T.1.Level".into(), err_code: 7012, err_msg: "too high".into() }];
    let fault = Fault::new(code::INVALID_ARGUMENTS, "nothing was changed");
    let all = [params, Vec::new()].map(|params| said(refused(&Refusal { fault: fault.clone(), params })));
    expect![[r#"
        refused "7004 (invalid arguments): nothing was changed; Device.T.1.Level: 7012 too high"
        {"kind":"refused","faults":[{"path":"","code":7004,"meaning":"invalid arguments","text":"nothing was changed"},{"path":"Device.T.1.Level","code":7012,"meaning":"invalid value","text":"too high"}]}
        refused "7004 (invalid arguments): nothing was changed"
    "#]].assert_eq(&all.concat());
}
