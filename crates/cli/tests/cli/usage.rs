//! Goal: a command line that asks for what cannot be ends with 2, says why, and how to get out.

use crate::data::{CONTRACT, HEADER, good_csv};
use crate::shell::{Ran, Shell};

fn check(arguments: &str) -> Ran {
    let shell = Shell::new();
    shell.write("orders.odcs.yaml", CONTRACT);
    shell.write("orders.csv", good_csv(3));
    let ran = shell.tamis(&format!("check {arguments}"));
    assert_eq!(shell.files(), ["orders.csv", "orders.odcs.yaml"]);
    ran
}

#[test]
fn an_option_that_does_not_exist() {
    insta::assert_snapshot!(check("orders.csv -c orders.odcs.yaml --treads 2"), @r"
    exit code: 2
    ----- stderr -----
    error: unexpected argument '--treads' found

      tip: a similar argument exists: '--threads'

    Usage: tamis check --contract <FILE> --threads <N> <INPUT>...

    For more information, try '--help'.
    ");
}

#[test]
fn a_contract_that_is_not_named() {
    insta::assert_snapshot!(check("orders.csv"), @r"
    exit code: 2
    ----- stderr -----
    error: the following required arguments were not provided:
      --contract <FILE>

    Usage: tamis check --contract <FILE> <INPUT>...

    For more information, try '--help'.
    ");
}

#[test]
fn a_contract_that_is_not_there() {
    insta::assert_snapshot!(check("orders.csv -c missing.yaml"), @r"
    exit code: 3
    ----- stderr -----
    error: cannot read `missing.yaml`: No such file or directory (os error 2)
    ");
}

#[test]
fn an_object_that_is_not_there() {
    insta::assert_snapshot!(check("orders.csv -c orders.odcs.yaml --object invoices"), @r"
    exit code: 2
    ----- stderr -----
    error: `orders.odcs.yaml`: the contract has no object `invoices`; it has `orders`
    ");
}

#[test]
fn standard_input_twice() {
    for inputs in ["- - -c orders.odcs.yaml", "- -c -"] {
        let ran = check(inputs);
        assert_eq!(ran.code, Some(2));
        assert_eq!(ran.stderr, "error: standard input can be read once only\n");
    }
}

#[test]
fn standard_output_twice() {
    insta::assert_snapshot!(check("orders.csv -c orders.odcs.yaml --good - --bad -"), @r"
    exit code: 2
    ----- stderr -----
    error: only one of `--good`, `--bad` and `--report` can go to standard output
    ");
}

#[test]
fn a_way_of_reading_that_is_not_there_yet() {
    insta::assert_snapshot!(check("orders.csv -c orders.odcs.yaml --io uring"), @r"
    exit code: 2
    ----- stderr -----
    error: `--io uring` is not in this version
    hint: use `--io auto`, `mmap` or `read`
    ");
}

#[test]
fn more_threads_than_there_are() {
    insta::assert_snapshot!(check("orders.csv -c orders.odcs.yaml --threads 18446744073709551615"), @r"
    exit code: 2
    ----- stderr -----
    error: `--threads` is at most 4096
    hint: without it there is one for each core
    ");
}

#[test]
fn a_size_that_is_none() {
    insta::assert_snapshot!(check("orders.csv -c orders.odcs.yaml --max-record lots"), @r"
    exit code: 2
    ----- stderr -----
    error: invalid value 'lots' for '--max-record <SIZE>': expected a number, found `lots`

    For more information, try '--help'.
    ");
}

#[test]
fn a_dialect_that_makes_no_sense() {
    let ran = check("orders.csv -c orders.odcs.yaml --delimiter ; --quote ;");
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(ran.stderr.contains("cannot both be `;`"), "{ran}");
}

#[test]
fn a_contract_with_an_unknown_key() {
    let shell = Shell::new();
    shell.write(
        "orders.odcs.yaml",
        CONTRACT.replace("maxLength", "maxLenght"),
    );
    shell.write("orders.csv", HEADER);
    insta::assert_snapshot!(shell.tamis("check orders.csv -c orders.odcs.yaml"), @r"
    exit code: 2
    ----- stderr -----
    error[unknown-key]: unknown key `maxLenght`
      --> orders.odcs.yaml:19:31
       |
    19 |         logicalTypeOptions: { maxLenght: 40 }
       |                               ^^^^^^^^^
       |
       = help: did you mean `maxLength`?
    ");
}

#[test]
fn a_rule_that_cannot_be_checked() {
    let shell = Shell::new();
    let sql = "    quality:\n      - type: sql\n        query: SELECT count(*) FROM orders\n        mustBe: 0\n";
    shell.write("orders.odcs.yaml", format!("{CONTRACT}{sql}"));
    shell.write("orders.csv", good_csv(3));
    let refused = shell.tamis("check orders.csv -c orders.odcs.yaml");
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
    let hint = "hint: `--allow-unchecked` checks the other rules and lists these in the report\n";
    assert!(
        refused
            .stderr
            .contains("1 rule of the contract cannot be checked: `sql` of `orders`")
    );
    assert!(refused.stderr.ends_with(hint), "{refused}");

    let allowed = shell.tamis("check orders.csv -c orders.odcs.yaml --allow-unchecked --json");
    assert_eq!(allowed.code, Some(0), "{allowed}");
    let report: serde_json::Value = serde_json::from_str(&allowed.stdout).expect("JSON");
    assert_eq!(report["rules_not_checked"][0]["rule"], "sql");
    assert_eq!(report["rules_not_checked"][0]["location"], "orders");
}
