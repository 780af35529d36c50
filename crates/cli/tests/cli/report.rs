//! Goal: the JSON report has the fields that docs/report.md lists, no more and no fewer.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::data::{CONTRACT, good_csv};
use crate::shell::Shell;

/// The paths in the tables of the report's description (`inputs[].name`).
fn documented() -> BTreeSet<String> {
    let page = include_str!("../../../../docs/report.md");
    let (report, _) = page
        .split_once("# The findings of")
        .expect("the next chapter");
    let rows = report.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap_or_default().to_owned())
        .collect()
}

/// The paths of all fields in a value.
fn collect(value: &Value, path: &str, paths: &mut BTreeSet<String>) {
    if !path.is_empty() && !path.ends_with(']') {
        paths.insert(path.to_owned());
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let separator = if path.is_empty() { "" } else { "." };
                collect(value, &format!("{path}{separator}{name}"), paths);
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect(item, &format!("{path}[]"), paths)),
        _ => {}
    }
}

#[test]
fn the_report_has_the_fields_that_are_documented() {
    let shell = Shell::new();
    let rules = "        quality:\n          - type: text\n            description: Looks nice.\n          - metric: nullValues\n            mustBeLessThan: 1\n";
    shell.write("orders.odcs.yaml", format!("{CONTRACT}{rules}"));
    shell.write("orders.csv", good_csv(2) + "\nTX1,1,\n");
    let arguments = "check orders.csv --contract orders.odcs.yaml --good good.csv --bad bad.csv";
    let ran = shell.tamis(&format!("{arguments} --json --report report.json"));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""), "{ran}");
    assert_eq!(shell.read("report.json"), ran.stdout, "the same report");
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let mut found = BTreeSet::new();
    collect(&report, "", &mut found);
    assert_eq!(found, documented());
    assert_eq!(report["schema_version"], 1);
}
