//! `tamis infer`: the contract, what is said about it, and how it fails.

use crate::shell::Shell;

const ORDERS: &str = "id,code,amount\n1,007,NA\n2,012,1.50\n3\n";

#[test]
fn data_passes_against_its_own_contract() {
    let shell = Shell::new();
    shell.write("orders.csv", ORDERS);
    let ran = shell.tamis("infer orders.csv -o orders.odcs.yaml");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
    for said in [
        "3 rows, 3 columns; ",
        "1 malformed record was skipped: a check will find them",
        "`NA` is null: without it `amount` has a type",
        "`code` is a string: some of its numbers start with a zero, as codes do",
    ] {
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
    let found = shell.tamis("check orders.csv --contract orders.odcs.yaml --json");
    assert_eq!(found.code, Some(1));
    let report: serde_json::Value = serde_json::from_str(&found.stdout).expect("JSON");
    assert_eq!(report["violations"]["total"], 1);
    assert_eq!(report["violations"]["by_rule"][0]["rule"], "fieldCount");

    shell.write("good.csv", ORDERS.trim_end_matches("3\n"));
    let passed = shell.tamis("check good.csv --contract orders.odcs.yaml --strict");
    assert_eq!(passed.code, Some(0), "{}", passed.stdout);
}

#[test]
fn one_row_is_no_plural() {
    let shell = Shell::new();
    shell.write("one.csv", "id\n7\n");
    let ran = shell.tamis("infer one.csv -o -");
    assert!(
        ran.stdout.contains("Inferred from the 1 row of one.csv:"),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.contains("1 row, 1 column; "), "{}", ran.stderr);
}

#[test]
fn a_file_that_is_there_is_not_replaced() {
    let shell = Shell::new();
    shell.write("orders.csv", ORDERS);
    shell.write("mine.yaml", "mine");
    let refused = shell.tamis("infer orders.csv -o mine.yaml");
    assert_eq!(refused.code, Some(2));
    assert_eq!(
        refused.stderr,
        "error: `mine.yaml` exists\nhint: use `--force` to replace it\n"
    );
    assert_eq!(shell.read("mine.yaml"), "mine");
    let forced = shell.tamis("infer orders.csv -o mine.yaml --force --quiet");
    assert_eq!((forced.code, forced.stderr.as_str()), (Some(0), ""));
    assert!(shell.read("mine.yaml").starts_with("apiVersion: "));
}

#[test]
fn the_contract_goes_to_standard_output() {
    let shell = Shell::new();
    shell.write("orders.csv", ORDERS);
    let ran = shell.tamis("infer orders.csv --quiet");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.contains("missingValues"), "{}", ran.stdout);
    assert_eq!(shell.tamis("infer nowhere.csv").code, Some(3));
}
