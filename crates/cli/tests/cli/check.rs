//! `tamis check` as a person sees it: verdicts, streams, exit codes.

use crate::data::{CONTRACT, HEADER, good_csv};
use crate::shell::Shell;

const BAD: &str = "\
id,amount,memo
TX0001,12.50,fine
TX0002,0,too little
TX3,1001,\"wrong, and
too much\"

TX0004,abc,
TX0005
TX0006,,no amount
";

fn shell(csv: &str) -> Shell {
    let shell = Shell::new();
    shell.write("orders.odcs.yaml", CONTRACT);
    shell.write("orders.csv", csv);
    shell
}

#[test]
fn data_that_keeps_the_contract_passes() {
    let shell = shell(&good_csv(1234));
    insta::assert_snapshot!(shell.tamis("check orders.csv --contract orders.odcs.yaml"), @r"
    exit code: 0
    ----- stdout -----
    PASSED  orders.csv: all 1,234 rows are good
            9 rules of `orders` 1.0.0 checked

    [figures]
    ");
}

#[test]
fn data_that_breaks_the_contract_fails() {
    let shell = shell(BAD);
    insta::assert_snapshot!(shell.tamis("check orders.csv --contract orders.odcs.yaml"), @r#"
    exit code: 1
    ----- stdout -----
    FAILED  orders.csv: 5 of 6 rows are bad (83.33 %)
            6 errors
            9 rules of `orders` 1.0.0 checked

      column    rule        errors
      (record)  fieldCount       1  ████████████████████
      amount    maximum          1  ████████████████████
      amount    minimum          1  ████████████████████
      amount    required         1  ████████████████████
      amount    type             1  ████████████████████
      id        pattern          1  ████████████████████

      first errors
      orders.csv:3  row 2  amount    0       must be at least 0.01
      orders.csv:4  row 3  id        TX3     must match `^TX\d{4}$`
      orders.csv:4  row 3  amount    1001    must be at most 1000
      orders.csv:7  row 4  amount    abc     must be a number
      orders.csv:8  row 5  (record)  TX0005  has 1 field, the header has 3
      orders.csv:9  row 6  amount    ""      must not be null

      notes
      1 blank line was skipped

    [figures]
    "#);
}

#[test]
fn failing_fast_stops_at_the_first_bad_row() {
    let shell = shell(BAD);
    let ran = shell.tamis("check orders.csv --contract orders.odcs.yaml --fail-fast --json");
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(ran.code, Some(1));
    assert_eq!(
        report["rows"],
        serde_json::json!({"total": 2, "valid": 1, "invalid": 1})
    );
    assert_eq!(
        (&report["complete"], &report["passed"]),
        (&false.into(), &false.into())
    );
}

#[test]
fn good_records_on_standard_output_leave_it_to_them() {
    let shell = shell(BAD);
    let ran = shell.tamis("check orders.csv --contract orders.odcs.yaml --good - --bad bad.csv");
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.stdout, "id,amount,memo\nTX0001,12.50,fine\n");
    assert!(
        ran.stderr
            .starts_with("FAILED  orders.csv: 5 of 6 rows are bad"),
        "{ran}"
    );
    assert_eq!(
        shell.read("bad.csv"),
        "\
_tamis_row,_tamis_reason,id,amount,memo
2,amount: minimum,TX0002,0,too little
3,id: pattern; amount: maximum,TX3,1001,\"wrong, and
too much\"
4,amount: type,TX0004,abc,
5,fieldCount,TX0005
6,amount: required,TX0006,,no amount
"
    );
    let quiet = shell.tamis("check orders.csv --contract orders.odcs.yaml --good - --quiet");
    assert_eq!(
        (quiet.code, quiet.stdout, quiet.stderr),
        (Some(1), ran.stdout, String::new())
    );
}

#[test]
fn good_records_become_what_their_file_is_called() {
    let shell = shell(BAD);
    let ran = shell.tamis("check orders.csv --contract orders.odcs.yaml --good good.json");
    assert_eq!(ran.code, Some(1), "{ran}");
    assert_eq!(
        shell.read("good.json"),
        "[\n{\"id\":\"TX0001\",\"amount\":12.50,\"memo\":\"fine\"}\n]\n"
    );
    // What is written keeps the contract, and comes back.
    shell.tamis("check orders.csv --contract orders.odcs.yaml --good good.parquet");
    let again = "check good.parquet --contract orders.odcs.yaml --good again.csv --quiet";
    assert_eq!(shell.tamis(again).code, Some(0));
    assert_eq!(
        shell.read("again.csv"),
        "id,amount,memo\nTX0001,12.5,fine\n"
    );
    let refused = shell.tamis("check orders.csv --contract orders.odcs.yaml --bad bad.parquet");
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(
        refused
            .stderr
            .starts_with("error: `bad.parquet`: bad records"),
        "{refused}"
    );
    assert!(!shell.files().contains(&"bad.parquet".to_owned()));
}

#[test]
fn an_empty_file_lacks_its_columns() {
    let shell = shell("");
    let ran = shell.tamis("check orders.csv --contract orders.odcs.yaml");
    assert_eq!(ran.code, Some(1), "{ran}");
    assert!(
        ran.stdout.contains("the header has no column `id`"),
        "{ran}"
    );
    assert!(ran.stdout.contains("the input has no records"), "{ran}");
}

#[test]
fn a_header_alone_passes() {
    insta::assert_snapshot!(shell(HEADER).tamis("check orders.csv --contract orders.odcs.yaml"), @r"
    exit code: 0
    ----- stdout -----
    PASSED  orders.csv: no rows
            9 rules of `orders` 1.0.0 checked

      notes
      the input has no records

    [figures]
    ");
}

#[test]
fn a_folder_means_its_data_files() {
    let shell = shell(HEADER);
    std::fs::create_dir(shell.folder.path().join("drops")).expect("a folder");
    shell.write("drops/b.csv", good_csv(2));
    shell.write("drops/a.csv.gz", crate::data::gzip(good_csv(3).as_bytes()));
    shell.write("drops/readme.txt", "not data");
    let ran = shell.tamis("check drops --contract orders.odcs.yaml --json");
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let inputs = report["inputs"].as_array().expect("a list");
    let inputs: Vec<_> = inputs
        .iter()
        .map(|input| (input["name"].as_str(), input["rows"].as_u64()))
        .collect();
    assert_eq!(
        inputs,
        [
            (Some("drops/a.csv.gz"), Some(3)),
            (Some("drops/b.csv"), Some(2))
        ]
    );
}

#[test]
fn warnings_fail_a_strict_run_only() {
    let shell = shell(&good_csv(3));
    let warning = "        quality:\n          - metric: nullValues\n            mustBeGreaterThan: 0\n            severity: warning\n";
    shell.write("orders.odcs.yaml", format!("{CONTRACT}{warning}"));
    let lenient = shell.tamis("check orders.csv --contract orders.odcs.yaml");
    assert_eq!(lenient.code, Some(0), "{lenient}");
    assert!(lenient.stdout.contains("1 warning"), "{lenient}");
    let strict = shell.tamis("check orders.csv --contract orders.odcs.yaml --strict");
    assert_eq!(strict.code, Some(1), "{strict}");
}

#[test]
fn a_rule_that_cannot_be_computed_says_for_how_many_rows() {
    let shell = Shell::new();
    shell.write("rows.csv", "total,count\n6,2\n6,0\n0,0\n1,2\n");
    let contract = "apiVersion: v3.0.2\nkind: DataContract\nid: it\nversion: 1.0.0\nstatus: active\nschema:\n  - name: rows\n    properties:\n\
                    \x20     - {name: total, logicalType: number}\n\
                    \x20     - {name: count, logicalType: integer}\n\
                    \x20   quality:\n\
                    \x20     - {type: custom, engine: tamis, name: unit price, implementation: total / count >= 1.0}\n";
    shell.write("contract.yaml", contract);
    insta::assert_snapshot!(shell.tamis("check rows.csv --contract contract.yaml"), @"
    exit code: 1
    ----- stdout -----
    FAILED  rows.csv: 1 of 4 rows is bad (25.00 %)
            1 error
            3 rules of `rows` 1.0.0 checked

      column    rule                    errors
      (record)  expression: unit price       1  ████████████████████

      first errors
      rows.csv:5  row 4  (record)  1, 2  must be such that `total / count >= 1.0`

      notes
      rule `unit price` could not be computed for 2 rows (such as a division by zero or an overflow); they count as not violated

    [figures]
    ");
    let json = shell.tamis("check rows.csv --contract contract.yaml --json");
    let report: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(report["notes"][0]["kind"], "not_computed");
    assert_eq!(report["notes"][0]["count"], 2);
}
