//! Generated data holds what its manifest says, whatever the thread count and the format.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::num::NonZero;

use tamis_contract::odcs;
use tamis_engine::control::{Cancel, Progress};
use tamis_engine::sink::{MemorySink, NullSink, Sink};
use tamis_process::Error;
use tamis_process::generate::{Fault, Format, Manifest, Recipe, Uniqueness, contract};

/// Rows, named as in the contract; a missing value is an empty text.
type Row = BTreeMap<String, String>;

fn generate(recipe: Recipe, threads: usize) -> (Vec<u8>, Manifest) {
    let (mut sink, output) = MemorySink::new("rows");
    let threads = NonZero::new(threads).expect("tests ask for threads");
    let progress = Progress::new();
    let manifest = recipe
        .write(&mut sink, threads, &Cancel::new(), &progress)
        .expect("a good recipe");
    Box::new(sink).finish().expect("memory takes it");
    let out = output.bytes().expect("finished");
    assert_eq!(manifest.bytes, out.len() as u64);
    assert_eq!(progress.snapshot().records, recipe.rows);
    (out, manifest)
}

fn csv_rows(bytes: &[u8]) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(bytes);
    reader
        .deserialize()
        .map(|row| row.expect("well-formed CSV"))
        .collect()
}

fn jsonl_rows(bytes: &[u8]) -> Vec<Row> {
    let lines = std::str::from_utf8(bytes).expect("UTF-8").lines();
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        // Amounts have two decimals in the file, which a float does not keep.
        number => format!("{:.2}", number.as_f64().expect("a number")),
    };
    lines
        .map(|line| {
            let object: serde_json::Map<_, _> =
                serde_json::from_str(line).expect("well-formed JSON");
            object
                .iter()
                .map(|(key, value)| (key.clone(), text(value)))
                .collect()
        })
        .collect()
}

/// A second opinion on what is wrong with a row, written against the contract and not the generator.
fn judge(row: &Row) -> Vec<(&'static str, &'static str)> {
    let mut violations = Vec::new();
    let mut check = |bad: bool, column, rule| violations.extend(bad.then_some((column, rule)));

    let id = &row["transaction_id"];
    let is_tx = id
        .strip_prefix("TX")
        .is_some_and(|rest| rest.len() == 10 && rest.bytes().all(|b| b.is_ascii_digit()));
    check(id.is_empty(), "transaction_id", "required");
    check(!id.is_empty() && !is_tx, "transaction_id", "pattern");

    let amount = row["amount"].parse::<f64>();
    check(row["amount"].is_empty(), "amount", "required");
    check(
        !row["amount"].is_empty() && amount.is_err(),
        "amount",
        "type",
    );
    check(
        amount.as_ref().is_ok_and(|&amount| amount < 0.01),
        "amount",
        "minimum",
    );
    check(
        amount.as_ref().is_ok_and(|&amount| amount > 1_000_000.0),
        "amount",
        "maximum",
    );

    let timestamp = &row["timestamp"];
    check(timestamp.is_empty(), "timestamp", "required");
    check(timestamp.starts_with("2025-02-30T"), "timestamp", "type");
    if !timestamp.is_empty() {
        assert!(
            timestamp.len() == 20 && timestamp.starts_with("2025-") && timestamp.ends_with('Z')
        );
    }

    let account = &row["account_id"];
    check(account.is_empty(), "account_id", "required");
    check((1..8).contains(&account.len()), "account_id", "minLength");
    check(account.len() > 20, "account_id", "maxLength");

    check(row["country"] == "ZZ", "country", "invalidValues");
    check(row["memo"].chars().count() > 200, "memo", "maxLength");
    violations
}

#[test]
fn the_manifest_counts_what_is_in_the_data() {
    let recipe = Recipe {
        rows: 50_000,
        bad_rate: 0.05,
        seed: 7,
        format: Format::Csv,
    };
    let (bytes, manifest) = generate(recipe, 2);
    let rows = csv_rows(&bytes);
    assert_eq!(rows.len() as u64, manifest.rows);

    let mut counts = BTreeMap::new();
    for row in &rows {
        let violations = judge(row);
        assert!(violations.len() <= 1, "{row:?} breaks {violations:?}");
        for violation in violations {
            *counts.entry(violation).or_insert(0) += 1;
        }
    }
    let expected: BTreeMap<_, _> = manifest
        .by_rule()
        .iter()
        .map(|rule| ((rule.column, rule.rule), rule.count))
        .collect();
    assert_eq!(counts, expected);
    assert_eq!(counts.values().sum::<u64>(), manifest.bad_rows());
    assert!(
        (2_250..2_750).contains(&manifest.bad_rows()),
        "{} of 50,000",
        manifest.bad_rows()
    );
    for fault in Fault::ALL {
        assert!(
            manifest.count(fault) > 100,
            "{}: {}",
            fault.name(),
            manifest.count(fault)
        );
    }
}

#[test]
fn ids_are_distinct_and_one_memo_in_ten_is_quoted() {
    let (bytes, _) = generate(
        Recipe {
            rows: 50_000,
            bad_rate: 0.05,
            seed: 3,
            format: Format::Csv,
        },
        2,
    );
    let rows = csv_rows(&bytes);
    let ids: Vec<_> = rows
        .iter()
        .map(|row| &row["transaction_id"])
        .filter(|id| !id.is_empty())
        .collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());

    let quoted = rows
        .iter()
        .filter(|row| row["memo"].contains([',', '"', '\n']))
        .count();
    assert!((4_500..5_500).contains(&quoted), "{quoted} of 50,000");
}

#[test]
fn csv_and_jsonl_hold_the_same_values() {
    let recipe = Recipe {
        rows: 10_000,
        bad_rate: 0.2,
        seed: 1,
        format: Format::Csv,
    };
    let (csv, csv_manifest) = generate(recipe, 2);
    let (jsonl, jsonl_manifest) = generate(
        Recipe {
            format: Format::Jsonl,
            ..recipe
        },
        2,
    );
    assert_eq!(csv_rows(&csv), jsonl_rows(&jsonl));
    assert_eq!(csv_manifest.by_rule(), jsonl_manifest.by_rule());
}

#[test]
fn the_thread_count_does_not_show() {
    for format in [Format::Csv, Format::Jsonl] {
        for rows in [0, 1, 4096, 4097, 20_000] {
            let recipe = Recipe {
                rows,
                bad_rate: 0.01,
                seed: 42,
                format,
            };
            let expected = generate(recipe, 1);
            for threads in [2, 3, 7] {
                assert_eq!(
                    generate(recipe, threads),
                    expected,
                    "{rows} rows, {threads} threads"
                );
            }
        }
    }
}

#[test]
fn rates_at_the_ends_are_exact_and_others_are_refused() {
    let recipe = Recipe {
        rows: 5_000,
        bad_rate: 0.0,
        seed: 1,
        format: Format::Csv,
    };
    assert_eq!(generate(recipe, 2).1.bad_rows(), 0);
    assert_eq!(
        generate(
            Recipe {
                bad_rate: 1.0,
                ..recipe
            },
            2
        )
        .1
        .bad_rows(),
        5_000
    );
    for bad_rate in [-0.1, 1.1, f64::NAN] {
        let refused = Recipe { bad_rate, ..recipe };
        let result = refused.write(
            &mut NullSink,
            NonZero::<usize>::MIN,
            &Cancel::new(),
            &Progress::new(),
        );
        assert!(matches!(result, Err(Error::BadRate { .. })));
    }
}

#[test]
fn a_failing_output_and_a_cancelled_run_end_all_workers() {
    struct Full;
    impl Sink for Full {
        fn name(&self) -> &str {
            "full"
        }
        fn write_all(&mut self, _: &[u8]) -> tamis_engine::Result<()> {
            Err(tamis_engine::Error::Write {
                output: "full".to_owned(),
                source: io::ErrorKind::StorageFull.into(),
            })
        }
        fn finish(self: Box<Self>) -> tamis_engine::Result<()> {
            Ok(())
        }
    }
    let recipe = Recipe {
        rows: 1_000_000,
        bad_rate: 0.01,
        seed: 1,
        format: Format::Jsonl,
    };
    let threads = NonZero::new(3).expect("three");
    let full = recipe.write(&mut Full, threads, &Cancel::new(), &Progress::new());
    assert!(matches!(
        full,
        Err(Error::Engine(tamis_engine::Error::Write { .. }))
    ));

    let cancel = Cancel::new();
    cancel.cancel();
    let cancelled = recipe.write(&mut NullSink, threads, &cancel, &Progress::new());
    assert!(matches!(
        cancelled,
        Err(Error::Engine(tamis_engine::Error::Interrupted))
    ));
}

#[test]
fn the_contract_is_read_without_a_finding_and_checked_whole() {
    for uniqueness in [Uniqueness::Unchecked, Uniqueness::Required] {
        let reading =
            odcs::read("tx.odcs.yaml", contract(uniqueness).as_bytes()).expect("a good contract");
        assert!(reading.diagnostics.is_empty(), "{:?}", reading.diagnostics);
        assert!(reading.contract.unchecked.is_empty());
        let id = &reading.contract.objects[0].properties[0];
        assert_eq!(id.unique, uniqueness == Uniqueness::Required);
    }
}
