//! Which error codes are appropriate for which message, by the specification's table of error codes.

use line3_proto::usp::{Error, MsgType};

/// Codes that may answer anything.
const ANY: &[u32] = &[7002, 7003, 7004, 7005, 7006, 7007, 7008, 7016, 7026];

/// Whether this code may stand for a failure within such a request.
pub(crate) fn is_appropriate(request: MsgType, code: u32) -> bool {
    let own: &[u32] = match request {
        MsgType::Add => &[7010, 7011, 7012, 7013, 7014, 7015, 7017, 7018, 7019, 7021, 7025],
        MsgType::Set => &[7009, 7010, 7011, 7012, 7013, 7014, 7015, 7020, 7021, 7025],
        MsgType::Delete => &[7015, 7024],
        MsgType::GetInstances => &[7018],
        MsgType::Operate => &[7022, 7023, 7027],
        _ => &[],
    };
    ANY.contains(&code) || own.contains(&code)
}

/// An Error that blames exactly one path: its code and that of the path are appropriate; gives the path.
pub(crate) fn one_blamed(error: &Error, request: MsgType) -> &str {
    // 7000 is an Error's own: "the message failed".
    assert!(error.err_code == 7000 || is_appropriate(request, error.err_code), "{error:?}");
    assert!(!error.err_msg.is_empty(), "{error:?}");
    assert_eq!(error.param_errs.len(), 1, "{error:?}");
    assert!(is_appropriate(request, error.param_errs[0].err_code), "{error:?}");
    &error.param_errs[0].param_path
}
