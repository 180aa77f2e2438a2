#![allow(clippy::unwrap_used)]
use super::*;

#[test]
fn nothing() {
    assert!(check(Order::Get { paths: vec!["Device.".into()], max_depth: 0 }, None).is_ok());
}
