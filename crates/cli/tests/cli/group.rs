//! `tamis group`: the result in each form, what is said about it, and how it fails.

use crate::shell::Shell;

const ORDERS: &str = "country,amount,note\nDE,1.50,a\nFR,2,\nDE,0.25,b\n";

#[test]
fn groups_come_in_every_form() {
    let shell = Shell::new();
    shell.write("orders.csv", ORDERS);
    let by = [
        "orders.csv",
        "--by",
        "country",
        "--agg",
        "sum(amount) as total, count()",
    ];
    let with = |more: &[&str]| shell.verb("group", &[&by[..], more].concat());
    let csv = (
        Some(0),
        "country,total,count()\nDE,1.75,2\nFR,2,1\n".to_owned(),
        String::new(),
    );
    assert_eq!(with(&[]), csv);
    assert_eq!(
        with(&["--json"]).1,
        "[\n{\"country\":\"DE\",\"total\":1.75,\"count()\":2},\n{\"country\":\"FR\",\"total\":2,\"count()\":1}\n]\n"
    );
    assert_eq!(
        with(&["--format", "table"]).1,
        "country  total  count()\n-------  -----  -------\nDE        1.75        2\nFR           2        1\n"
    );
    let (code, stdout, stderr) = with(&["-o", "groups.jsonl", "--where", "amount < 2"]);
    assert_eq!((code, stdout.as_str()), (Some(0), ""));
    assert!(stderr.starts_with("1 group of 3 rows; "), "{stderr}");
    assert_eq!(
        shell.read("groups.jsonl"),
        "{\"country\":\"DE\",\"total\":1.75,\"count()\":2}\n"
    );
    let (_, all, _) = shell.verb("group", &["orders.csv", "--agg", "max(amount), min(note)"]);
    assert_eq!(all, "max(amount),min(note)\n2,a\n");
}

#[test]
fn levels_threads_and_memory_change_nothing() {
    let shell = Shell::new();
    shell.tamis("gen transactions -o t.csv --rows 20000 --bad-rate 0");
    let by = [
        "t.csv",
        "--by",
        "country",
        "--agg",
        "sum(amount), distinct(account_id), p95(amount), last(transaction_id)",
    ];
    let expected = shell.verb("group", &by);
    assert_eq!(expected.0, Some(0));
    for more in [
        ["--level", "0"],
        ["--level", "2"],
        ["--threads", "3"],
        ["--memory", "10KB"],
    ] {
        assert_eq!(
            shell.verb("group", &[&by[..], &more].concat()).1,
            expected.1,
            "{more:?}"
        );
    }
}

#[test]
fn what_is_wrong_is_drawn() {
    let shell = Shell::new();
    shell.write("orders.csv", ORDERS);
    let (code, stdout, stderr) = shell.verb(
        "group",
        &[
            "orders.csv",
            "--by",
            "country",
            "--agg",
            "count(), smu(amount)",
        ],
    );
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(stderr.contains("there is no function `smu`"), "{stderr}");
    assert!(
        stderr.contains("count(), smu(amount)") && stderr.contains("^^^"),
        "{stderr}"
    );
    let (code, _, stderr) = shell.verb(
        "group",
        &["orders.csv", "--by", "country", "--agg", "sum(note)"],
    );
    assert_eq!(code, Some(2));
    assert!(
        stderr.contains("`sum` takes numbers, and `note` is text"),
        "{stderr}"
    );
    let (code, _, stderr) = shell.verb("group", &["orders.csv", "-o", "orders.csv"]);
    assert_eq!(code, Some(2), "{stderr}");

    shell.write("ragged.csv", "k,n\na,1\nb\n");
    let (code, stdout, stderr) = shell.verb("group", &["ragged.csv", "--by", "k"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(
        stderr.contains("`ragged.csv`, row 2: the record at byte 8 has 1 field"),
        "{stderr}"
    );
    let (code, stdout, stderr) =
        shell.verb("group", &["ragged.csv", "--by", "k", "--skip-malformed"]);
    assert_eq!((code, stdout.as_str()), (Some(0), "k,count()\na,1\n"));
    assert!(stderr.contains("1 malformed record left out"), "{stderr}");
}
