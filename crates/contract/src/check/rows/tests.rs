//! Goal: rows that are values get the answer of the same rows in a file.

use proptest::prelude::*;
use tamis_engine::source::MemorySource;
use tamis_formats::columns::Columns;

use super::*;
use crate::check::Unchecked;
use crate::model::{Contract, CsvFacts, Object, Property};

const INPUT: RowsInput<'static> = RowsInput {
    name: "rows.csv",
    format: "rows",
};

fn check_of(object: Object) -> Check {
    let contract = Contract::builder("test").object(object).build();
    Check::compile(&contract, &contract.objects[0], Unchecked::Refuse).unwrap()
}

fn orders() -> Object {
    let facts = CsvFacts {
        missing_values: Some(vec!["NA".into()]),
        ..CsvFacts::default()
    };
    Object::new("orders")
        .csv(facts)
        .property(Property::string("id").required().max_length(3).unique())
        .property(Property::number("amount").required().minimum(1).unique())
        .property(Property::date("day"))
        .property(Property::boolean("paid"))
}

/// Batches of `batch_rows` rows, each value a text.
fn texts(
    rows: &[[&'static str; 4]],
    batch_rows: usize,
) -> impl Iterator<Item = tamis_engine::Result<Columns>> {
    rows.chunks(batch_rows).map(|rows| {
        let mut batch = Columns::new(4);
        for row in rows {
            for (column, text) in row.iter().enumerate() {
                batch.column(column).text(text).unwrap();
            }
            batch.end_row();
        }
        Ok(batch)
    })
}

/// The report of the same rows as a CSV, as if they lay nowhere.
fn as_csv(check: &Check, rows: &[[&str; 4]], options: &CheckOptions) -> Report {
    let mut csv = "id,amount,day,paid\n".to_owned();
    rows.iter()
        .for_each(|row| csv.extend([&row.join(","), "\n"]));
    let source = MemorySource::new("rows.csv", csv);
    let mut report = check.run(&[&source], options, None, None).unwrap();
    for sample in &mut report.samples {
        (sample.line, sample.byte_offset) = (None, None);
    }
    report.inputs[0].bytes = 0;
    report.inputs[0].format = "rows".to_owned();
    report.performance = Default::default();
    report
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn text_is_judged_as_in_a_csv(
        rows in prop::collection::vec(
            [
                prop::sample::select(vec!["a", "b", "c", "abcd", "NA", "", "éé"]),
                prop::sample::select(vec!["1", "1.0", "2", "0.5", "x", "NA", "1e3", ""]),
                prop::sample::select(vec!["2024-02-29", "2023-02-29", ""]),
                prop::sample::select(vec!["true", "FALSE", "no", ""]),
            ],
            0..60,
        ),
        batch_rows in 1..20usize,
        threads in 1..4usize,
        samples_max in 0..30usize,
        memory_bytes in prop::sample::select(vec![0, 300, 1 << 20]),
    ) {
        let check = check_of(orders());
        let options = CheckOptions { threads, samples_max, memory_bytes, ..CheckOptions::default() };
        let expected = as_csv(&check, &rows, &options);
        let mut report = check.run_rows(INPUT, texts(&rows, batch_rows), &options).unwrap();
        report.performance = Default::default();
        prop_assert_eq!(report, expected);
    }
}

#[test]
fn values_have_types_of_their_own() {
    let object = Object::new("orders")
        .property(Property::string("id").required())
        .property(Property::number("amount").maximum(10))
        .property(Property::date("day").required())
        .property(Property::boolean("paid"));
    let mut rows = Columns::new(4);
    // As they should be.
    rows.column(0).text("1").unwrap();
    rows.column(1).float(2.5).unwrap();
    rows.column(2).string("2024-02-29").unwrap();
    rows.column(3).boolean(true).unwrap();
    rows.end_row();
    // Each of another type.
    rows.column(0).integer(1).unwrap();
    rows.column(1).boolean(true).unwrap();
    rows.column(2).integer(20240229).unwrap();
    rows.column(3).integer(1).unwrap();
    rows.end_row();
    // Null, missing, and floats that are no numbers.
    rows.column(0).null();
    rows.column(1).float(f64::NAN).unwrap();
    rows.end_row();
    rows.column(0).string("").unwrap();
    rows.column(1).number("1E+1").unwrap();
    rows.column(2).text("2024-02-30").unwrap();
    rows.end_row();
    let options = CheckOptions::default();
    let report = check_of(object).run_rows(INPUT, [Ok(rows)].into_iter(), &options);
    let report = report.unwrap();
    let found: Vec<_> = report
        .samples
        .iter()
        .map(|sample| {
            let column = sample.column.as_deref().unwrap();
            (sample.row.unwrap(), column, sample.rule.as_str())
        })
        .collect();
    let expected = [
        (2, "id", "type"),
        (2, "amount", "type"),
        (2, "day", "type"),
        (2, "paid", "type"),
        (3, "id", "required"),
        (3, "amount", "type"),
        (3, "day", "required"),
        (4, "day", "type"),
    ];
    assert_eq!(found, expected);
    assert_eq!((report.rows.total, report.rows.valid), (4, 1));
    assert!(report.samples.iter().all(|sample| sample.line.is_none()));
}

#[test]
fn a_point_is_a_point_in_a_number_that_is_none_of_text() {
    let facts = CsvFacts {
        decimal_char: Some(b','),
        ..CsvFacts::default()
    };
    let object = Object::new("orders")
        .csv(facts)
        .property(Property::number("x").minimum(2));
    let mut rows = Columns::new(1);
    for text in ["2,5", "2.5", "1,5"] {
        rows.column(0).text(text).unwrap();
        rows.end_row();
    }
    for value in [2.5, 1.5] {
        rows.column(0).float(value).unwrap();
        rows.end_row();
    }
    let options = CheckOptions::default();
    let report = check_of(object).run_rows(INPUT, [Ok(rows)].into_iter(), &options);
    let report = report.unwrap();
    let found = report
        .samples
        .iter()
        .map(|sample| (sample.row.unwrap(), &*sample.rule));
    let found: Vec<_> = found.collect();
    assert_eq!(found, [(2, "type"), (3, "minimum"), (5, "minimum")]);
}

#[test]
fn what_makes_batches_may_fail() {
    let failing = [Err(tamis_engine::Error::Producer {
        input: INPUT.name.to_owned(),
        source: "no more".into(),
    })];
    let failing = failing
        .into_iter()
        .map(|batch| batch.map(|()| Columns::new(4)));
    let result = check_of(orders()).run_rows(INPUT, failing, &CheckOptions::default());
    assert_eq!(result.unwrap_err().to_string(), "`rows.csv`: no more");
}
