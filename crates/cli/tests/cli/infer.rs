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

#[test]
fn what_was_decided_of_the_dialect_is_said() {
    let shell = Shell::new();
    shell.write("a.csv", "id;day;x\n1;31/12/2024;1,5\n2;01/02/2023;2,25\n");
    let ran = shell.tamis("infer a.csv -o a.odcs.yaml");
    for said in [
        "the delimiter is `;`: with it all 3 records at the start have 3 fields",
        "(`--delimiter` decides otherwise)",
        "numbers have a decimal comma, as in `1,5`",
    ] {
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
    let passed = shell.tamis("check a.csv --contract a.odcs.yaml --strict");
    assert_eq!(passed.code, Some(0), "{}", passed.stdout);
    let told = shell.tamis("infer a.csv --delimiter , --quiet");
    assert!(told.stdout.contains("'id;day;x'"), "{}", told.stdout);
}

#[test]
fn what_an_input_was_taken_for_is_said_with_the_reason() {
    let shell = Shell::new();
    for (text, said) in [
        (
            "a|b|c\nx|y|z\nu|v|w\n",
            "taken for CSV delimited by `|` by its content: with the delimiter `|` all 3 records at the start have 3 fields \
             (`--input-format` and `--delimiter` decide otherwise)",
        ),
        (
            "a\tb\nx, y\tz\n",
            "taken for TSV by its content: with the delimiter `\\t` all 2 records at the start have 2 fields",
        ),
        (
            "a,b\rx,y\r",
            "lines end in a bare carriage return (CR), since there is no line feed in the input",
        ),
        (
            "a;b\n1;2;3\n",
            "taken for CSV delimited by `;` by its content: its first line has `;` once, and no other delimiter more often",
        ),
        (
            "{\"a\":1}\n",
            "taken for JSON lines by its content: it starts with `{` (`--input-format` decides otherwise)",
        ),
        (
            "[{\"a\":1}]",
            "taken for JSON by its content: it starts with `[` and an object",
        ),
    ] {
        shell.write("export", text);
        let ran = shell.tamis("infer export");
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
}

#[test]
fn several_inputs_and_folders_make_one_contract() {
    let shell = Shell::new();
    shell.write("1.csv", "id,name\n1,NA\n2,\"x, y\"\n");
    shell.write("2.csv", "id,name\n3,\n");
    let ran = shell.tamis("infer . -o all.odcs.yaml");
    assert!(ran.stderr.contains("3 rows, 2 columns; "), "{}", ran.stderr);
    let contract = shell.read("all.odcs.yaml");
    assert!(
        contract.contains("of 1.csv and 1 other input:"),
        "{contract}"
    );
    assert!(contract.contains("unique: true"), "{contract}");
    let passed = shell.tamis("check . --contract all.odcs.yaml --strict");
    assert_eq!(passed.code, Some(0), "{}", passed.stdout);
    let without = shell.tamis("infer 1.csv 2.csv --no-unique --quiet");
    assert!(!without.stdout.contains("unique"), "{}", without.stdout);
    let refused = shell.tamis("infer 1.csv --enum-max 5000");
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("from 0 to 1000"),
        "{}",
        refused.stderr
    );
}
