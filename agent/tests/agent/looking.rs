//! Where paths lead: searches, references, wildcards, and what is wrong with those that lead nowhere. All over the tables of
//! `rows.rs`.

use expect_test::{Expect, expect};

use crate::bench::Bench;
use crate::rows::ROWS;

/// What is found for each path: the objects, or the error code.
#[track_caller]
fn check(expected: &Expect, kind: &str, paths: &[&str]) {
    let mut bench = Bench::over(ROWS);
    bench.play("0s up");
    let mut found = String::new();
    for path in paths {
        bench.paths(kind, &[path]);
        let said = bench.take();
        let line = |line: &str| {
            let (_, rest) = line.split_once("Resp ").unwrap_or(("", line));
            let refused = rest.rsplit_once(": 7").filter(|_| !rest.contains('=') || rest.starts_with(path));
            match refused {
                Some((_, code)) => format!(" 7{}", &code[..3]),
                None if rest.ends_with(": nothing") => " nothing".to_owned(),
                None => format!(" {}", rest.split(' ').next().unwrap_or("").trim_start_matches("Device.T.")),
            }
        };
        found += &format!("{path} ->{}\n", said.lines().map(line).collect::<String>());
    }
    expected.assert_eq(&found);
}

#[test]
fn a_condition_compares_by_the_type_of_the_parameter() {
    check(
        &expect![[r#"
            Device.T.[Name=="eth04"].Count -> 4.
            Device.T.[Name!="eth04"].Count -> 1. 2. 3. 5. 6. 7. 8.
            Device.T.[Name=="50%25 %22x%222"].Count -> 2.
            Device.T.[Name=="3"].Count -> 3.
            Device.T.[ Count >= 3 && Count<5 ].Count -> 3. 4.
            Device.T.[Count<=2].Count -> 1. 2.
            Device.T.[Count>7].Count -> 8.
            Device.T.[Count==+03].Count -> 3.
            Device.T.[Large<=18446744073709551608].Count -> 7. 8.
            Device.T.[Less<-6].Count -> 7. 8.
            Device.T.[Share==1.50].Count -> 6.
            Device.T.[On==true&&Count>3].Count -> 4. 6. 8.
            Device.T.[On!=1].Count -> 1. 3. 5. 7.
            Device.T.[Since>1970-01-08T00:00:00Z].Count -> 8.
            Device.T.[List~="i,1"].Count -> 2. 3. 6. 7.
            Device.T.[List=="i%252C0"].Count -> 1. 5.
            Device.T.[List==""].Count -> 4. 8.
            Device.T.[Maybe>0].Count -> 1. 2. 4. 5. 7. 8.
            Device.T.[Stats.Errors>=70].Count -> 7. 8.
            Device.T.[Stats.Errors==50&&Count==5].Stats.Errors -> 5.Stats.
            Device.T.[Count==99].Count -> nothing
        "#]],
        "Get",
        &[
            "Device.T.[Name==\"eth04\"].Count",
            "Device.T.[Name!=\"eth04\"].Count",
            "Device.T.[Name==\"50%25 %22x%222\"].Count",
            "Device.T.[Name==\"3\"].Count",
            "Device.T.[ Count >= 3 && Count<5 ].Count",
            "Device.T.[Count<=2].Count",
            "Device.T.[Count>7].Count",
            "Device.T.[Count==+03].Count",
            "Device.T.[Large<=18446744073709551608].Count",
            "Device.T.[Less<-6].Count",
            "Device.T.[Share==1.50].Count",
            "Device.T.[On==true&&Count>3].Count",
            "Device.T.[On!=1].Count",
            "Device.T.[Since>1970-01-08T00:00:00Z].Count",
            "Device.T.[List~=\"i,1\"].Count",
            "Device.T.[List==\"i%252C0\"].Count",
            "Device.T.[List==\"\"].Count",
            "Device.T.[Maybe>0].Count",
            "Device.T.[Stats.Errors>=70].Count",
            "Device.T.[Stats.Errors==50&&Count==5].Stats.Errors",
            "Device.T.[Count==99].Count",
        ],
    );
}

#[test]
fn a_search_that_makes_no_sense_is_refused_though_nothing_would_match() {
    check(
        &expect![[r#"
            Device.T.[].Count -> 7008
            Device.T.[Name>"a"].Count -> 7008
            Device.T.[Name==1].Count -> 7008
            Device.T.[Name~="a"].Count -> 7008
            Device.T.[Count=="1"].Count -> 7008
            Device.T.[On=="true"].Count -> 7008
            Device.T.[On>false].Count -> 7008
            Device.T.[Count~=1].Count -> 7008
            Device.T.[Count==99&&Name>"a"].Count -> 7008
            Device.T.[Count==99&&Nope==1].Count -> 7026
            Device.T.[Count==99&&Stats.Nope==1].Count -> 7026
            Device.T.[Count==99&&Nope.Errors==1].Count -> 7026
            Device.T.[Count==99&&Nope+.Count==1].Count -> 7026
            Device.T.[U.1.Name=="1"].Count -> 7008
            Device.T.[Count==99].Nope -> 7026
            Device.T.[Count==99].Nope. -> 7026
            Device.T.[Count==99].*. -> 7008
            Device.T.[Count==99].Stats.*.Errors -> 7026
            Device.T.[Count==99].U.*.Nope -> 7026
            Device.T.{Count==99}.Count -> 7008
            Device.T.[Count==1||Count==2].Count -> 7008
        "#]],
        "Get",
        &[
            "Device.T.[].Count",
            "Device.T.[Name>\"a\"].Count",
            "Device.T.[Name==1].Count",
            "Device.T.[Name~=\"a\"].Count",
            "Device.T.[Count==\"1\"].Count",
            "Device.T.[On==\"true\"].Count",
            "Device.T.[On>false].Count",
            "Device.T.[Count~=1].Count",
            "Device.T.[Count==99&&Name>\"a\"].Count",
            "Device.T.[Count==99&&Nope==1].Count",
            "Device.T.[Count==99&&Stats.Nope==1].Count",
            "Device.T.[Count==99&&Nope.Errors==1].Count",
            "Device.T.[Count==99&&Nope+.Count==1].Count",
            "Device.T.[U.1.Name==\"1\"].Count",
            "Device.T.[Count==99].Nope",
            "Device.T.[Count==99].Nope.",
            "Device.T.[Count==99].*.",
            "Device.T.[Count==99].Stats.*.Errors",
            "Device.T.[Count==99].U.*.Nope",
            "Device.T.{Count==99}.Count",
            "Device.T.[Count==1||Count==2].Count",
        ],
    );
}

#[test]
fn references_are_followed() {
    check(
        &expect![[r#"
            Device.T.1.Next+.Count -> 2.
            Device.T.1.Next+.Stats.Errors -> 2.Stats.
            Device.T.8.Next+.Next+.Count -> 2.
            Device.T.1.Next#1+.Count -> 2.
            Device.T.1.Next#2+.Count -> 7026
            Device.T.1.All+.Count -> 1.
            Device.T.1.All#3+.Count -> 3.
            Device.T.1.All#99+.Count -> 7026
            Device.T.1.All#*+.Count -> 1. 2. 3. 4. 5. 6. 7. 8.
            Device.T.1.U.2.Up+.Count -> 1.
            Device.T.1.U.1.Off+.Name -> 7026
            Device.T.1.U.2.Off+.Name -> 7026
            Device.T.*.U.*.Off+.Name -> nothing
            Device.T.*.U.[Name=="3"].Up+.Count -> 1. 2. 3. 4. 5. 6. 7. 8.
            Device.T.1.Next+.Nope -> 7026
            Device.T.1.Nope+.Count -> 7026
            Device.T.*.Nope+.Count -> 7026
            Device.T.1.Name+.Count -> 7026
            Device.T.[Next+.Count==3].Count -> 2.
            Device.T.[Next+.Stats.Errors>60].Count -> 6. 7.
            Device.T.[Next+.Next+.On==true&&Count<4].Count -> 2.
            Device.T.[All#2+.Count==2&&Count==1].Count -> 1.
            Device.T.[All#*+.Count==9].Count -> nothing
            Device.T.[All#*+.Count==8&&Count<3].Count -> 1. 2.
            Device.T.[Next+.Nope==1].Count -> nothing
            Device.T.*.U.[Off+.Name=="x"].Name -> nothing
            Device.T.1.Key+.Count -> 4.
            Device.T.2.Key+.Count -> 7026
            Device.T.3.Key+.Count -> 7026
            Device.T.*.Key+.Count -> 4. 4.
        "#]],
        "Get",
        &[
            "Device.T.1.Next+.Count",
            "Device.T.1.Next+.Stats.Errors",
            "Device.T.8.Next+.Next+.Count",
            "Device.T.1.Next#1+.Count",
            "Device.T.1.Next#2+.Count",
            "Device.T.1.All+.Count",
            "Device.T.1.All#3+.Count",
            "Device.T.1.All#99+.Count",
            "Device.T.1.All#*+.Count",
            "Device.T.1.U.2.Up+.Count",
            "Device.T.1.U.1.Off+.Name",
            "Device.T.1.U.2.Off+.Name",
            "Device.T.*.U.*.Off+.Name",
            "Device.T.*.U.[Name==\"3\"].Up+.Count",
            "Device.T.1.Next+.Nope",
            "Device.T.1.Nope+.Count",
            "Device.T.*.Nope+.Count",
            "Device.T.1.Name+.Count",
            "Device.T.[Next+.Count==3].Count",
            "Device.T.[Next+.Stats.Errors>60].Count",
            "Device.T.[Next+.Next+.On==true&&Count<4].Count",
            "Device.T.[All#2+.Count==2&&Count==1].Count",
            "Device.T.[All#*+.Count==9].Count",
            "Device.T.[All#*+.Count==8&&Count<3].Count",
            "Device.T.[Next+.Nope==1].Count",
            "Device.T.*.U.[Off+.Name==\"x\"].Name",
            "Device.T.1.Key+.Count",
            "Device.T.2.Key+.Count",
            "Device.T.3.Key+.Count",
            "Device.T.*.Key+.Count",
        ],
    );
}

#[test]
fn what_is_not_there() {
    check(
        &expect![[r#"
            Device.T. -> 1. 2. 3. 4. 5. 6. 7. 8. 1.Stats. 2.Stats. 3.Stats. 4.Stats. 5.Stats. 6.Stats. 7.Stats. 8.Stats. 1.U.1. 1.U.2. 1.U.3. 2.U.1. 2.U.2. 2.U.3. 3.U.1. 3.U.2. 3.U.3. 4.U.1. 4.U.2. 4.U.3. 5.U.1. 5.U.2. 5.U.3. 6.U.1. 6.U.2. 6.U.3. 7.U.1. 7.U.2. 7.U.3. 8.U.1. 8.U.2. 8.U.3.
            Device.T.9. -> 7026
            Device.T.9.Count -> 7026
            Device.T.9.U.*.Name -> nothing
            Device.T.*.U.3.Name -> 1.U.3. 2.U.3. 3.U.3. 4.U.3. 5.U.3. 6.U.3. 7.U.3. 8.U.3.
            Device.T.*.U.9.Name -> nothing
            Device.T.1.U.9.Name -> 7026
            Device.T.1.Stats.1.Errors -> 7026
            Device.T.Count -> 7026
            Device.T.*.Nope -> 7026
            Device.T.3.Maybe -> 7800
            Device.T.4.Maybe -> 4.
            Device.T.*.Maybe -> 1. 2. 4. 5. 7. 8.
            Device.T.{i}.Count -> 7008
            Device.T.*.{i}. -> 7008
            Device.T.01.Count -> 7008
            Device.T.1 -> 7008
        "#]],
        "Get",
        &[
            "Device.T.",
            "Device.T.9.",
            "Device.T.9.Count",
            "Device.T.9.U.*.Name",
            "Device.T.*.U.3.Name",
            "Device.T.*.U.9.Name",
            "Device.T.1.U.9.Name",
            "Device.T.1.Stats.1.Errors",
            "Device.T.Count",
            "Device.T.*.Nope",
            "Device.T.3.Maybe",
            "Device.T.4.Maybe",
            "Device.T.*.Maybe",
            "Device.T.{i}.Count",
            "Device.T.*.{i}.",
            "Device.T.01.Count",
            "Device.T.1",
        ],
    );
}

#[test]
fn instances() {
    check(
        &expect![[r#"
            Device.T.[Count<3].U. -> 1.U.1. 1.U.2. 1.U.3. 2.U.1. 2.U.2. 2.U.3.
            Device.T.1.U. -> 1.U.1. 1.U.2. 1.U.3.
            Device.T.1. -> 1. 1.U.1. 1.U.2. 1.U.3.
            Device.T.*.U.[Name=="3"]. -> 1.U.3. 2.U.3. 3.U.3. 4.U.3. 5.U.3. 6.U.3. 7.U.3. 8.U.3.
            Device.T.[Count==99]. ->
            Device.T.[Count==99].U. ->
            Device.T.[Count==99].Stats. -> 7018
            Device.T.[Count==99].Nope. -> 7026
            Device.T.[Count==99].U.*.Nope. -> 7026
            Device.T.1.Stats. -> 7018
            Device.T.*.Count -> 7018
            Device.T.9. -> 7016
            Device.T.9.U. -> 7016
            Device.T.1.Next+.U. -> 2.U.1. 2.U.2. 2.U.3.
            Device. -> 7018
            Device.T -> 7018
        "#]],
        "GetInstances",
        &[
            "Device.T.[Count<3].U.",
            "Device.T.1.U.",
            "Device.T.1.",
            "Device.T.*.U.[Name==\"3\"].",
            "Device.T.[Count==99].",
            "Device.T.[Count==99].U.",
            "Device.T.[Count==99].Stats.",
            "Device.T.[Count==99].Nope.",
            "Device.T.[Count==99].U.*.Nope.",
            "Device.T.1.Stats.",
            "Device.T.*.Count",
            "Device.T.9.",
            "Device.T.9.U.",
            "Device.T.1.Next+.U.",
            "Device.",
            "Device.T",
        ],
    );
}

#[test]
fn the_work_of_one_request_has_a_bound() {
    let mut bench = Bench::over(ROWS);
    bench.play("0s up");
    // Each follows eight references from eight rows, and again from where they lead, and again.
    let far = "Device.T.[All#*+.All#*+.All#*+.Count==99].Count";
    bench.paths("Get", &[far]);
    expect![["0s > #1 GetResp Device.T.[All#*+.All#*+.All#*+.Count==99].Count: nothing\n"]].assert_eq(&bench.take());
    bench.paths("Get", &[far; 100]);
    let said = bench.take();
    let cut = said.lines().position(|line| line.contains(": 7005 the request is too much work for this box")).unwrap();
    // What came before is answered; what comes after costs nothing more, and says so.
    assert!((1..50).contains(&cut), "{cut}");
    assert!(said.lines().skip(cut).all(|line| line.contains(": 7005 ")), "{said}");
    // The next request has all it needs.
    bench.paths("Get", &["Device.T.1.Count"]);
    expect![["0s > #3 GetResp Device.T.1. Count=1\n"]].assert_eq(&bench.take());
}

#[test]
fn supported_objects_by_any_name() {
    let mut bench = Bench::over(ROWS);
    let said = bench.play(
        "0s up
         1s < GetSupportedDM Device.T. Device.T.{i}.U Device.T.{i}.Stats. Device.T.1.U. Device.T.1.Stats.Errors keys first
         2s < GetSupportedDM Device.T.9.U. Device.T.{i}.U.1. Device.T.1.U.{i}. Device.T.{i}.Nope Device.T.Next+.",
    );
    expect![[r#"
        0s log connected to the broker
        0s > connect RUN.1 usp/agent/proto::sim-1
        1s > #1 GetSupportedDMResp Device.T.{i}. table ObjReadOnly key(Name)
        1s > #1 GetSupportedDMResp Device.T.{i}.Stats. ObjReadOnly
        1s > #1 GetSupportedDMResp Device.T.{i}.U.{i}. table ObjReadOnly key(Name)
        1s > #1 GetSupportedDMResp Device.T.{i}.U.{i}. table ObjReadOnly key(Name)
        1s > #1 GetSupportedDMResp Device.T.{i}.Stats. ObjReadOnly
        1s > #1 GetSupportedDMResp Device.T.{i}.U.{i}. table ObjReadOnly key(Name)
        1s > #1 GetSupportedDMResp Device.T.{i}.Stats. ObjReadOnly Errors:ParamUnsignedInt:ParamReadOnly
        2s > #2 GetSupportedDMResp Device.T.9.U.: 7016 Device.T.9. does not exist
        2s > #2 GetSupportedDMResp Device.T.{i}.U.1.: 7008 Device.T.{i}.U.1. has both {i} and an instance number; use one of them
        2s > #2 GetSupportedDMResp Device.T.1.U.{i}.: 7008 Device.T.1.U.{i}. has both {i} and an instance number; use one of them
        2s > #2 GetSupportedDMResp Device.T.{i}.Nope: 7026 Device.T.{i}.Nope is not in the data model of this box
        2s > #2 GetSupportedDMResp Device.T.Next+.: 7026 Device.T.Next+. is not in the data model of this box
    "#]]
    .assert_eq(&said);
}
