//! The JSON and the text of whole reports.

use super::*;
use crate::model::{Operator, Severity, Unit, parse_decimal};

fn rule(column: Option<&str>, rule: &str, severity: Severity, count: u64) -> RuleCount {
    RuleCount {
        column: column.map(str::to_owned),
        rule: rule.to_owned(),
        severity,
        count,
    }
}

fn sample(line: u64, column: &str, rule: &str, value: Option<&str>, message: &str) -> Sample {
    Sample {
        input: "tx.csv".to_owned(),
        row: Some(line - 1),
        line: Some(line),
        byte_offset: Some(line * 73),
        column: Some(column.to_owned()),
        rule: rule.to_owned(),
        severity: Severity::Error,
        value: value.map(str::to_owned),
        message: message.to_owned(),
    }
}

fn metric(
    column: &str,
    measured: f64,
    limit: &str,
    passed: bool,
    severity: Severity,
) -> MetricReport {
    let operator = Operator::MustBeLessThan(parse_decimal(limit).expect("a number"));
    MetricReport {
        column: Some(column.to_owned()),
        name: None,
        metric: "nullValues".to_owned(),
        measured: Measured::Percent(measured),
        unit: Unit::Percent,
        operator: operator.name().to_owned(),
        expected: Expected::from(&operator),
        passed,
        severity,
    }
}

/// A good report on one input.
fn good() -> Report {
    Report {
        schema_version: SCHEMA_VERSION,
        inputs: vec![InputReport {
            name: "tx.csv".to_owned(),
            format: "csv".to_owned(),
            compression: None,
            bytes: 1_000_000_000,
            rows: 5_388_416,
            rows_invalid: 0,
        }],
        contract: ContractReport {
            id: "tx".to_owned(),
            version: "1.2.0".to_owned(),
            object: "transactions".to_owned(),
            file: Some("tx.odcs.yaml".to_owned()),
        },
        rows: Rows {
            total: 5_388_416,
            valid: 5_388_416,
            invalid: 0,
        },
        rules_checked: 24,
        rules_not_checked: Vec::new(),
        violations: Violations::default(),
        samples: Vec::new(),
        metrics: Vec::new(),
        notes: Vec::new(),
        outputs: Vec::new(),
        strict: false,
        complete: true,
        passed: true,
        performance: Performance {
            threads: 2,
            simd: "avx512".to_owned(),
            io: "mmap".to_owned(),
            peak_rss_bytes: Some(43_200_000),
            ..Performance::measured(1_000_000_000, 5_388_416, 0.41)
        },
    }
}

/// A bad one with something in every section.
fn bad() -> Report {
    let mut report = good();
    report.rows = Rows {
        total: 5_388_416,
        valid: 5_376_071,
        invalid: 12_345,
    };
    report.inputs[0].rows_invalid = 12_345;
    report.passed = false;
    report.violations = Violations::from_counts([
        rule(Some("transaction_id"), "pattern", Severity::Error, 4_001),
        rule(Some("amount"), "minimum", Severity::Error, 8_012),
        rule(None, "fields", Severity::Error, 788),
        rule(Some("dep_delay"), "invalidValues", Severity::Warning, 311),
    ]);
    report.samples = vec![
        sample(
            1_234,
            "amount",
            "minimum",
            Some("-12.50"),
            "must be at least 0.01",
        ),
        sample(
            1_300,
            "transaction_id",
            "pattern",
            Some("TX12\u{1b}[31m"),
            "must match `^TX\\d{10}$`",
        ),
        sample(
            1_301,
            "amount",
            "minimum",
            Some("0"),
            "must be at least 0.01",
        ),
        sample(
            1_302,
            "amount",
            "minimum",
            Some(" "),
            "must be at least 0.01",
        ),
        sample(
            1_303,
            "amount",
            "minimum",
            Some("-1"),
            "must be at least 0.01",
        ),
        sample(70_000, "account_id", "required", None, "must not be null"),
    ];
    report.metrics = vec![
        metric("dep_delay", 3.125, "1", false, Severity::Warning),
        metric("amount", 0.5, "0.1", false, Severity::Error),
        metric("id", 0.0, "1", true, Severity::Error),
    ];
    report.rules_not_checked = vec![RuleNotChecked {
        location: "transactions.amount".to_owned(),
        rule: "sql".to_owned(),
        reason: "a query for a database".to_owned(),
    }];
    report.notes = vec![Note {
        input: Some("tx.csv".to_owned()),
        kind: NoteKind::BlankLines,
        count: Some(3),
        message: "3 blank lines skipped".to_owned(),
    }];
    report.outputs = vec![
        OutputReport {
            kind: OutputKind::Good,
            name: "good.csv".to_owned(),
            rows: 5_376_071,
            bytes: 997_900_000,
        },
        OutputReport {
            kind: OutputKind::Bad,
            name: "bad.csv".to_owned(),
            rows: 12_345,
            bytes: 2_100_000,
        },
    ];
    report
}

/// Goal: what is written is read back as it was, fractions included.
#[test]
fn a_report_survives_its_json() {
    let severe = |severity| rule(Some("amount"), "minimum", severity, 7);
    let report = Report {
        violations: Violations::from_counts([
            severe(Severity::Error),
            severe(Severity::Warning),
            severe(Severity::Info),
            rule(None, "fieldCount", Severity::Error, 1),
        ]),
        samples: vec![sample(2, "amount", "minimum", None, "must be at least 0")],
        metrics: vec![
            metric("amount", 100.0 / 3.0, "0.1", false, Severity::Warning),
            metric("amount", 5.0, "10", true, Severity::Error),
        ],
        notes: vec![Note {
            input: None,
            kind: NoteKind::BlankLines,
            count: Some(2),
            message: "2 blank lines were skipped".to_owned(),
        }],
        performance: Performance::measured(12_345, 67, 0.1),
        ..good()
    };
    let read = Report::from_json(report.to_json().as_bytes()).expect("it was just written");
    assert_eq!(read, report);
    let newer = report
        .to_json()
        .replacen("\"schema_version\": 1", "\"schema_version\": 9", 1);
    let refused = Report::from_json(newer.as_bytes()).expect_err("of another version");
    assert!(refused.to_string().contains("version 9"), "{refused}");
}

#[test]
fn the_text_of_bad_data() {
    let expected = "\
FAILED  tx.csv: 12,345 of 5,388,416 rows are bad (0.23 %)
        12,801 errors, 311 warnings
        24 rules of `transactions` 1.2.0 checked, 1 not checked; 1 of 3 thresholds met

  column          rule     errors
  amount          minimum   8,012  ████████████████████
  transaction_id  pattern   4,001  ██████████
  (record)        fields      788  ██

  column     rule           warnings
  dep_delay  invalidValues       311  ████████████████████

  thresholds missed
  dep_delay  nullValues  3.125 %  must be less than 1 %      warning
  amount     nullValues    0.5 %  must be less than 0.1 %

  first errors
  tx.csv:1234    row 1,233  amount          -12.50          must be at least 0.01
  tx.csv:1300    row 1,299  transaction_id  TX12\\u{1b}[31m  must match `^TX\\d{10}$`
  tx.csv:1301    row 1,300  amount          0               must be at least 0.01
  tx.csv:1302    row 1,301  amount          \" \"             must be at least 0.01
  tx.csv:70000  row 69,999  account_id      null            must not be null

  not checked
  transactions.amount  sql  a query for a database

  notes
  3 blank lines skipped

  written
  good rows  good.csv  5,376,071 rows   998 MB
  bad rows   bad.csv      12,345 rows  2.10 MB

1.00 GB in 0.41 s, 2.44 GB/s, 13.1 M rows/s, 2 threads, avx512, mmap, 43.2 MB of memory
";
    assert_eq!(text::to_string(&bad()), expected);
}

#[test]
fn the_text_of_good_data() {
    let expected = "\
PASSED  tx.csv: all 5,388,416 rows are good
        24 rules of `transactions` 1.2.0 checked

1.00 GB in 0.41 s, 2.44 GB/s, 13.1 M rows/s, 2 threads, avx512, mmap, 43.2 MB of memory
";
    assert_eq!(text::to_string(&good()), expected);
}

/// The first line of the text.
fn verdict(report: &Report) -> String {
    let text = text::to_string(report);
    text.lines().next().expect("there is a verdict").to_owned()
}

#[test]
fn a_failure_without_bad_rows_says_why() {
    let mut report = good();
    report.passed = false;
    report.metrics = vec![metric("amount", 0.5, "0.1", false, Severity::Error)];
    let all = "FAILED  tx.csv: all 5,388,416 rows are good";
    assert_eq!(
        verdict(&report),
        format!("{all}, but a threshold is missed")
    );

    report.metrics = Vec::new();
    report.strict = true;
    report.violations =
        Violations::from_counts([rule(Some("a"), "nullValues", Severity::Warning, 7)]);
    assert_eq!(
        verdict(&report),
        format!("{all}, but 7 warnings count in a strict run")
    );

    report.samples = vec![Sample {
        row: None,
        message: "column `amount` is missing".to_owned(),
        ..sample(2, "amount", "missing-column", None, "")
    }];
    assert_eq!(
        verdict(&report),
        format!("{all}, but column `amount` is missing")
    );
}

#[test]
fn several_inputs_are_listed_by_their_bad_rows() {
    let mut report = bad();
    let input = |name: &str, rows_invalid| InputReport {
        name: name.to_owned(),
        rows: 4_000,
        rows_invalid,
        ..InputReport::default()
    };
    report.inputs = vec![input("a.csv", 2), input("b.csv", 0), input("c.csv", 1_500)];
    let text = text::to_string(&report);
    assert!(
        text.starts_with("FAILED  3 inputs: 12,345 of 5,388,416 rows are bad"),
        "{text}"
    );
    let table = "
  input  bad rows   rows
  c.csv     1,500  4,000
  a.csv         2  4,000
";
    assert!(text.contains(table), "{text}");
    assert!(text.contains("  tx.csv: 3 blank lines skipped\n"), "{text}");
}

#[test]
fn the_json_keeps_its_shape() {
    let json = bad().to_json();
    assert!(
        json.starts_with("{\n  \"schema_version\": 1,\n  \"inputs\": [\n"),
        "{json}"
    );
    assert!(json.ends_with("}\n"), "{json}");
    let value: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    let worst = serde_json::json!({
        "column": "amount", "rule": "minimum", "severity": "error", "count": 8012
    });
    assert_eq!(value["violations"]["by_rule"][0], worst);
    assert_eq!(
        value["violations"]["by_rule"][2]["column"],
        serde_json::Value::Null
    );
    let metric = serde_json::json!({
        "column": "dep_delay", "name": null, "metric": "nullValues", "measured": 3.125,
        "unit": "percent", "operator": "mustBeLessThan", "expected": 1, "passed": false,
        "severity": "warning"
    });
    assert_eq!(value["metrics"][0], metric);
    assert_eq!(value["notes"][0]["kind"], "blank_lines");
    assert_eq!(value["outputs"][1]["kind"], "bad");
}

/// Goal: a field that scripts can see is a field that `docs/report.md` explains.
#[test]
fn every_field_is_documented() {
    let documentation = include_str!("../../../../docs/report.md");
    let value = serde_json::to_value(bad()).expect("it serialises");
    let mut paths = Vec::new();
    collect_paths(&value, "", &mut paths);
    for path in paths {
        assert!(
            documentation.contains(&format!("| `{path}` |")),
            "`{path}` is not documented"
        );
    }
}

/// Paths of all members: `rows.total`, `samples[].line`.
fn collect_paths(value: &serde_json::Value, path: &str, paths: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                paths.push(path.clone());
                collect_paths(member, &path, paths);
            }
        }
        serde_json::Value::Array(elements) => {
            for element in elements {
                collect_paths(element, &format!("{path}[]"), paths);
            }
        }
        _ => {}
    }
}
