//! Goal: batches have exactly the rows they should, and add up to the one report of the whole run.

use proptest::prelude::*;
use tamis_engine::source::{MemorySource, Source};

use super::*;
use crate::check::Unchecked;
use crate::model::{Contract, Metric, Object, Operator, Property, Quality};
use crate::report::Violations;
use tamis_engine::number::Decimal;

mod follow;

fn check(object: Object) -> Check {
    let contract = Contract::builder("test").object(object).build();
    Check::compile(&contract, &contract.objects[0], Unchecked::Refuse).unwrap()
}

/// A column of each kind, one of them unique.
fn orders() -> Object {
    Object::new("orders")
        .property(Property::string("id").required().unique())
        .property(Property::number("amount").minimum(1).maximum(50))
        .property(Property::string("memo").max_length(4))
}

fn options(threads: usize, chunk_bytes: usize) -> CheckOptions {
    CheckOptions {
        threads,
        chunk_bytes,
        samples_max: usize::MAX,
        ..CheckOptions::default()
    }
}

fn batch_options(rows: u64, samples_max: usize) -> BatchOptions {
    BatchOptions {
        rows: NonZero::new(rows).unwrap(),
        samples_max,
        max_wait: None,
    }
}

/// All batches, and the report of the whole run.
fn batches(
    check: &Check,
    source: &dyn Source,
    options: &CheckOptions,
    batch_options: &BatchOptions,
) -> (Vec<Report>, Report) {
    let mut batches = Vec::new();
    let whole = check.run_batches(source, options, batch_options, &mut |batch| {
        batches.push(batch);
        Flow::Continue
    });
    (batches, whole.unwrap())
}

/// The report without what differs from run to run.
fn timeless(report: Report) -> Report {
    Report {
        performance: Default::default(),
        ..report
    }
}

fn add_up(batches: &[Report]) -> Violations {
    let mut counts: Vec<crate::report::RuleCount> = Vec::new();
    for count in batches.iter().flat_map(|batch| &batch.violations.by_rule) {
        let same = |sum: &&mut crate::report::RuleCount| {
            (&sum.column, &sum.rule) == (&count.column, &count.rule)
        };
        match counts.iter_mut().find(same) {
            Some(sum) => sum.count += count.count,
            None => counts.push(count.clone()),
        }
    }
    Violations::from_counts(counts)
}

/// Dirty CSV: quoted newlines, stray quotes, ragged and blank lines, repeated keys, a quote that is never closed.
fn dirty_csv() -> impl Strategy<Value = String> {
    let field = prop_oneof![
        4 => "[a-c]{0,2}",
        4 => "[0-9]{1,2}",
        1 => Just("\"two\nlines\"".to_owned()),
        1 => Just("\"a, \"\"b\"\"\"".to_owned()),
        1 => Just("5\" nail".to_owned()),
        1 => Just("é".to_owned()),
    ];
    let record = prop_oneof![
        12 => proptest::collection::vec(field.clone(), 3),
        1 => proptest::collection::vec(field, 0..5),
    ];
    let ending = prop_oneof![
        8 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\n\n"), 1 => Just("")
    ];
    let records = proptest::collection::vec((record, ending.clone()), 0..40);
    let header = prop_oneof![
        Just("id,amount,memo\n"),
        Just("memo,id,amount,more\n"),
        Just("")
    ];
    (header, records).prop_map(|(header, records)| {
        let mut text = header.to_owned();
        for (fields, ending) in records {
            text.push_str(&fields.join(","));
            text.push_str(ending);
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn batches_add_up_whatever_their_size(
        text in dirty_csv(),
        rows in 1..12u64,
        threads in 1..4usize,
        chunk_bytes in 1..200usize,
        samples_max in 0..4usize,
        kind in 0..3,
    ) {
        let check = check(orders());
        let source = MemorySource::new("orders.csv", text.clone().into_bytes());
        let expected = check.run(&[&source], &options(1, 1 << 20), None, None).unwrap();
        let source: Box<dyn Source> = match kind {
            0 => Box::new(source),
            1 => Box::new(source.as_stream(7)),
            _ => Box::new(Once(source.as_stream(7))),
        };
        let source = source.as_ref();
        let options = options(threads, chunk_bytes);
        let (all, whole) = batches(&check, source, &options, &batch_options(rows, usize::MAX));

        let sizes: Vec<u64> = all.iter().map(|batch| batch.rows.total).collect();
        prop_assert_eq!(sizes.iter().sum::<u64>(), expected.rows.total);
        if let Some((last, full)) = sizes.split_last() {
            prop_assert!(full.iter().all(|&size| size == rows), "{:?}", sizes);
            prop_assert!(*last <= rows);
        }
        let invalid: u64 = all.iter().map(|batch| batch.rows.invalid).sum();
        prop_assert_eq!(invalid, expected.rows.invalid);
        prop_assert_eq!(add_up(&all), expected.violations.clone());
        let samples: Vec<_> = all.iter().flat_map(|batch| batch.samples.clone()).collect();
        prop_assert_eq!(&samples, &expected.samples);
        prop_assert_eq!(timeless(whole), timeless(expected));

        let (few, _) = batches(&check, source, &options, &batch_options(rows, samples_max));
        for (few, all) in few.iter().zip(&all) {
            let first = &all.samples[..samples_max.min(all.samples.len())];
            prop_assert_eq!(few.samples.as_slice(), first);
            prop_assert_eq!(&few.violations, &all.violations);
            prop_assert_eq!(few.passed, few.violations.errors == 0);
        }
    }
}

#[test]
fn a_header_without_rows_is_a_batch_only_if_something_is_wrong_with_it() {
    let check = check(orders());
    let source = MemorySource::new("orders.csv", b"id,amount\n".to_vec());
    let (all, whole) = batches(&check, &source, &options(2, 64), &batch_options(10, 10));
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].rows.total, all[0].samples.len()), (0, 1));
    assert_eq!(all[0].inputs[0].name, "orders.csv");
    assert_eq!(all[0].samples[0].rule, "missingColumn");
    assert!(!all[0].passed && !whole.passed);

    let source = MemorySource::new("orders.csv", b"id,amount,memo\n".to_vec());
    let (all, whole) = batches(&check, &source, &options(2, 64), &batch_options(10, 10));
    assert!(all.is_empty() && whole.passed);
}

#[test]
fn thresholds_are_judged_over_the_whole() {
    let some = Quality::metric(Metric::RowCount, Operator::MustBe(Decimal::from(3i64)));
    let object = Object::new("orders")
        .property(Property::string("id"))
        .quality(some);
    let source = MemorySource::new("orders.csv", b"id\na\nb\nc\nd\n".to_vec());
    let (all, whole) = batches(
        &check(object),
        &source,
        &options(1, 3),
        &batch_options(3, 10),
    );
    assert!(
        all.iter()
            .all(|batch| batch.passed && batch.metrics.is_empty())
    );
    assert_eq!((whole.metrics.len(), whole.passed), (1, false));
}

#[test]
fn who_takes_the_batches_may_stop() {
    let source = MemorySource::new("orders.csv", "id,amount,memo\na,1,\nb,1,\nb,1,\nc,1,\n");
    for is_stream in [false, true] {
        let source = if is_stream {
            source.clone().as_stream(9)
        } else {
            source.clone()
        };
        let mut taken = 0;
        let check = check(orders());
        let whole = check.run_batches(&source, &options(3, 5), &batch_options(1, 10), &mut |_| {
            taken += 1;
            if taken == 2 {
                Flow::Stop
            } else {
                Flow::Continue
            }
        });
        assert_eq!(taken, 2);
        assert!(!whole.unwrap().complete);
    }
}

#[test]
fn failing_fast_ends_in_the_batch_of_the_first_bad_row() {
    let source = MemorySource::new(
        "orders.csv",
        "id,amount,memo\na,1,\nb,1,\nc,1,\nb,1,\na,1,\n",
    );
    for is_stream in [false, true] {
        let source = if is_stream {
            source.clone().as_stream(9)
        } else {
            source.clone()
        };
        let options = CheckOptions {
            fail_fast: true,
            ..options(2, 1 << 10)
        };
        let (all, whole) = batches(&check(orders()), &source, &options, &batch_options(3, 10));
        let rows: Vec<_> = all
            .iter()
            .map(|batch| (batch.rows.total, batch.rows.invalid))
            .collect();
        assert_eq!(rows, [(3, 0), (1, 1)], "stream: {is_stream}");
        assert_eq!((whole.rows.total, whole.violations.total), (4, 1));
    }
}

#[test]
fn keys_of_a_stream_have_a_limit_that_says_what_to_do() {
    let mut text = "id,amount,memo\n".to_owned();
    for id in 0..20_000 {
        text.push_str(&format!("{id},1,\n"));
    }
    let options = CheckOptions {
        memory_bytes: 100_000,
        ..options(2, 1 << 12)
    };
    let run = |source: &dyn Source| {
        let take = &mut |_: Report| Flow::Continue;
        check(orders()).run_batches(source, &options, &batch_options(100, 10), take)
    };
    let source = MemorySource::new("orders.csv", text);
    assert!(
        run(&source.clone()).unwrap().passed,
        "two passes keep to the memory"
    );
    let error = run(&Once(source)).unwrap_err();
    assert!(
        error.to_string().contains("100000 bytes of memory"),
        "{error}"
    );
}

/// A source that says it cannot be read twice.
#[derive(Debug)]
struct Once(MemorySource);

impl Source for Once {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn open(&self) -> tamis_engine::Result<tamis_engine::source::Opened> {
        self.0.open()
    }

    fn is_repeatable(&self) -> bool {
        false
    }
}
