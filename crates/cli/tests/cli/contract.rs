//! `tamis contract`: findings with their places, and the contract as a table.

use crate::shell::Shell;

const ORDERS: &str = "\
apiVersion: v3.2.0
kind: DataContract
id: orders
version: 1.0.0
status: active
schema:
  - name: orders
    customProperties:
      - property: missingValues
        value: [NA]
    properties:
      - name: id
        logicalType: string
        unique: true
        required: true
        logicalTypeOptions: { pattern: '^A\\d+$' }
      - name: amount
        physicalName: amt
        logicalType: number
        logicalTypeOptions: { minimum: 0.01, maximum: 100 }
        quality:
          - metric: nullValues
            mustBeLessThan: 5
            unit: percent
            severity: warning
";

#[test]
fn a_finding_is_shown_with_its_line() {
    let shell = Shell::new();
    shell.write("orders.odcs.yaml", ORDERS.replace("minimum", "minimun"));
    let ran = shell.tamis("contract lint orders.odcs.yaml");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(2), ""));
    assert_eq!(
        ran.stdout,
        "\
error[unknown-key]: unknown key `minimun`
  --> orders.odcs.yaml:20:31
   |
20 |         logicalTypeOptions: { minimun: 0.01, maximum: 100 }
   |                               ^^^^^^^
   |
   = help: did you mean `minimum`?

orders.odcs.yaml: 1 error
"
    );
}

#[test]
fn findings_for_programs_have_places() {
    let shell = Shell::new();
    shell.write("bad.yaml", ORDERS.replace("minimum", "minimun"));
    shell.write("good.yaml", ORDERS);
    let ran = shell.tamis("contract lint --json good.yaml bad.yaml");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(2), ""));
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(report["schema_version"], 1);
    let [good, bad] = [&report["files"][0], &report["files"][1]];
    assert_eq!(good["valid"], true);
    assert_eq!(good["diagnostics"], serde_json::json!([]));
    assert_eq!((&bad["valid"], &bad["errors"]), (&false.into(), &1.into()));
    let finding = &bad["diagnostics"][0];
    assert_eq!(
        (&finding["line"], &finding["column"]),
        (&20.into(), &31.into())
    );
    assert_eq!(finding["code"], "unknown-key");
}

#[test]
fn what_cannot_be_read_does_not_hide_the_rest() {
    let shell = Shell::new();
    shell.write("good.yaml", ORDERS);
    let ran = shell.tamis("contract lint missing.yaml good.yaml");
    assert_eq!(ran.code, Some(3));
    assert_eq!(ran.stdout, "good.yaml: 1 object, 2 columns\n");
    assert!(
        ran.stderr
            .starts_with("error: cannot read `missing.yaml`: "),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_rule_that_is_not_checked_is_a_warning() {
    let shell = Shell::new();
    let query = "          - type: sql\n            query: |\n              SELECT 1\n            mustBe: 0\n";
    shell.write("orders.yaml", format!("{ORDERS}{query}"));
    let ran = shell.tamis("contract lint orders.yaml");
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.stdout
            .starts_with("warning[not-checked]: `sql` is not checked: "),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("27 |             query: |\n"),
        "{}",
        ran.stdout
    );
    assert!(
        !ran.stdout.contains("SELECT"),
        "only the first line: {}",
        ran.stdout
    );
    let shown = shell.tamis("contract show orders.yaml");
    assert!(
        shown
            .stdout
            .contains("\n  not checked\n  orders.amount  sql  "),
        "{}",
        shown.stdout
    );
}

#[test]
fn a_contract_is_shown_as_a_table() {
    let shell = Shell::new();
    shell.write("orders.yaml", ORDERS);
    let ran = shell.tamis("contract show orders.yaml");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        ran.stdout,
        "\
orders  orders 1.0.0, active, ODCS v3.2.0

orders
CSV: missingValues NA

  column        type    required  key     values
  id            string  yes       unique  matches `^A\\d+$`
  amount (amt)  number                    0.01 to 100

  thresholds
  amount  nullValues  must be less than 5 %  warning
"
    );
}

#[test]
fn an_object_that_is_not_there_is_a_usage_error() {
    let shell = Shell::new();
    shell.write("orders.yaml", ORDERS);
    let ran = shell.tamis("contract show orders.yaml --object invoices");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert_eq!(
        ran.stderr,
        "error: the contract has no object `invoices`; it has `orders`\n"
    );
}

#[test]
fn a_broken_contract_fails_other_verbs_with_the_same_picture() {
    let shell = Shell::new();
    shell.write("orders.yaml", ORDERS.replace("minimum", "minimun"));
    let ran = shell.tamis("contract show orders.yaml");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(
        ran.stderr
            .starts_with("error[unknown-key]: unknown key `minimun`\n"),
        "{}",
        ran.stderr
    );
}
