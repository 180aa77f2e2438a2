//! Rows are checked, filled in and numbered.

use super::*;

row! {
    /// One answer.
    struct Answer {
        /// How long it took.
        ResponseTime: u32 [ms],
        /// Who answered.
        HostName: Known<String>,
    }
}

row! {
    /// What to try.
    struct Try {
        /// Whom.
        Host: String [len(8)],
        /// How often.
        NumberOfRepetitions: u32 [range(1, 10)] = "3",
        /// From where.
        Interface: Option<String>,
        /// Which.
        Flags: Vec<u32> = "1,2",
        /// What came.
        Result: Rows<Answer>,
    }
}

row! {
    /// No arguments.
    struct Nothing {}
}

fn args(list: &[(&str, &str)]) -> Args {
    list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

row! {
    /// Inputs only.
    struct Input {
        /// Whom.
        Host: String [len(8)],
        /// How often.
        NumberOfRepetitions: u32 [range(1, 10)] = "3",
        /// From where.
        Interface: Option<String>,
    }
}

fn refused(list: &[(&str, &str)]) -> String {
    Input::take(&args(list)).map(|_| ()).map_err(|fault| fault.to_string()).expect_err("it should be refused")
}

#[test]
fn arguments_are_checked_and_defaults_filled_in() {
    let input = Input::take(&args(&[("Host", "a"), ("Unknown", "x")])).expect("fine");
    assert_eq!((input.Host.as_str(), input.NumberOfRepetitions, input.Interface), ("a", 3, None));
    assert_eq!(refused(&[]), "7027 (invalid command arguments): the argument Host is missing; it is mandatory");
    assert_eq!(refused(&[("Host", "123456789")]), "7012 (invalid value): Host takes at most 8 bytes, not 9");
    assert_eq!(refused(&[("Host", "a"), ("NumberOfRepetitions", "11")]), "7012 (invalid value): NumberOfRepetitions takes 1 to 10, not 11");
    assert_eq!(
        refused(&[("Host", "a"), ("NumberOfRepetitions", "ten")]),
        "7011 (invalid type): NumberOfRepetitions takes unsignedInt, not \"ten\""
    );
    assert!(Nothing::take(&Args::new()).is_ok());
}

#[test]
fn rows_within_a_row_are_numbered_and_absent_values_left_out() {
    let answer = |name: Known<String>| Answer { ResponseTime: 7, HostName: name };
    let row = Try {
        Host: "h".into(),
        NumberOfRepetitions: 1,
        Interface: None,
        Flags: vec![1, 2],
        Result: Rows(vec![answer(Ok("x".into())), answer(Err(Absent::because("no name")))]),
    };
    assert_eq!(
        row.to_args(),
        args(&[
            ("Host", "h"),
            ("NumberOfRepetitions", "1"),
            ("Flags", "1,2"),
            ("Result.1.ResponseTime", "7"),
            ("Result.1.HostName", "x"),
            ("Result.2.ResponseTime", "7")
        ])
    );
    assert_eq!(Answer::FIELDS[0].unit.text(), "milliseconds");
    assert!(Try::FIELDS[0].is_mandatory() && !Try::FIELDS[1].is_mandatory() && !Try::FIELDS[2].is_mandatory());
}
