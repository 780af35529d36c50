//! Rows in, rows out: what is chosen, what is written, and that nothing else changes.

use proptest::prelude::*;
use tamis_engine::sink::{MemorySink, Sink};
use tamis_engine::source::{MemorySource, Source};
use tamis_process::rows::{Query, RowFormat, Take, Written, write_rows};
use tamis_process::table::{Table, TableOptions};
use tamis_process::{Error, Result};

const ORDERS: &str = "\
id,country,amount,note\n\
1,DE,10.50,\"a, b\"\n\
2,AT,,\n\
3,DE,-7,\"say \"\"hi\"\"\"\n\
4,,100,\"two\nlines\"\n";

fn options() -> TableOptions {
    TableOptions {
        threads: 2,
        chunk_bytes: 32,
        ..TableOptions::default()
    }
}

/// What comes out, with what was said of it.
fn run(inputs: &[(&str, &str)], query: &Query, options: TableOptions) -> Result<(String, Written)> {
    let sources: Vec<MemorySource> = inputs
        .iter()
        .map(|(name, text)| MemorySource::new(*name, text.as_bytes().to_vec()))
        .collect();
    let sources: Vec<&dyn Source> = sources.iter().map(|source| source as &dyn Source).collect();
    let output = std::cell::RefCell::new(None);
    let open_sink = || {
        let (sink, bytes) = MemorySink::new("out");
        *output.borrow_mut() = Some(bytes);
        Ok(Box::new(sink) as Box<dyn Sink>)
    };
    let mut table = Table::open(sources, options)?;
    let written = write_rows(&mut table, query, true, &open_sink)?;
    let bytes = output.borrow().as_ref().and_then(|output| output.bytes());
    let text = String::from_utf8(bytes.expect("it was finished")).unwrap();
    Ok((text, written))
}

fn rows(text: &str, query: &Query) -> String {
    run(&[("orders.csv", text)], query, options()).unwrap().0
}

pub(crate) fn filter(expression: &str) -> Query {
    Query {
        filter: Some(expression.to_owned()),
        ..Query::default()
    }
}

pub(crate) fn columns(columns: &str) -> Query {
    Query {
        columns: Some(columns.to_owned()),
        ..Query::default()
    }
}

fn format(format: RowFormat) -> Query {
    Query {
        format: Some(format),
        ..Query::default()
    }
}

#[test]
fn filtered_records_leave_as_they_came() {
    let found = rows(ORDERS, &filter("country == 'DE' && amount < 11"));
    let expected = "id,country,amount,note\n1,DE,10.50,\"a, b\"\n3,DE,-7,\"say \"\"hi\"\"\"\n";
    assert_eq!(found, expected);
    assert_eq!(rows(ORDERS, &filter("true")), ORDERS);
    assert_eq!(
        rows(ORDERS, &filter("amount > 1000")),
        "id,country,amount,note\n"
    );
    // Where an operand is null a record does not match, nor does it match the opposite.
    assert_eq!(
        rows(ORDERS, &filter("amount > 0 || !(amount > 0)"))
            .lines()
            .count(),
        5
    );
}

#[test]
fn a_record_without_terminator_gets_one_only_where_another_follows() {
    let query = filter("n > 0");
    let inputs = [("a.csv", "n\r\n1\r\n2"), ("b.csv", "n\r\n0\r\n3")];
    let (found, written) = run(&inputs, &query, options()).unwrap();
    assert_eq!(found, "n\r\n1\r\n2\n3");
    assert_eq!((written.rows, written.scanned.rows), (3, 4));
}

#[test]
fn records_of_other_columns_are_not_mixed() {
    let inputs = [("a.csv", "a,b\n1,2\n"), ("b.csv", "b,a\n2,1\n")];
    let error = run(&inputs, &filter("a == 1"), options()).unwrap_err();
    assert!(matches!(error, Error::NotUniform { .. }), "{error}");
    assert_eq!(
        run(&inputs, &columns("a, b"), options()).unwrap().0,
        "a,b\n1,2\n1,2\n"
    );
}

#[test]
fn columns_are_chosen_computed_and_named() {
    let cases = [
        ("id, amount", "id,amount\n1,10.50\n2,\n3,-7\n4,100\n"),
        ("3, 1", "amount,id\n10.50,1\n,2\n-7,3\n100,4\n"),
        ("!note, !2", "id,amount\n1,10.50\n2,\n3,-7\n4,100\n"),
        (
            "amount:country",
            "amount,country\n10.50,DE\n,AT\n-7,DE\n100,\n",
        ),
        ("amount * 2.0 as twice", "twice\n21\n\"\"\n-14\n200\n"),
        (
            "id, \"country\" as \"to, or from\"",
            "id,\"to, or from\"\n1,DE\n2,AT\n3,DE\n4,\n",
        ),
        ("size(country) as n, id as n", "n,n\n2,1\n2,2\n2,3\n,4\n"),
    ];
    for (text, expected) in cases {
        assert_eq!(rows(ORDERS, &columns(text)), expected, "{text}");
    }
    assert_eq!(rows(ORDERS, &columns("*")), ORDERS);
    for text in [
        "",
        "id,,note",
        "\"id",
        "1:2 as both",
        "!id:note",
        "9",
        "ammount * 2",
    ] {
        let error = run(&[("orders.csv", ORDERS)], &columns(text), options()).unwrap_err();
        let is_usage = matches!(error, Error::Expression { .. });
        assert!(is_usage, "{text}: {error}");
    }
}

#[test]
fn formats_change_into_each_other() {
    let lines = rows(ORDERS, &format(RowFormat::JsonLines));
    let expected = [
        r#"{"id":1,"country":"DE","amount":10.50,"note":"a, b"}"#,
        r#"{"id":2,"country":"AT","amount":null,"note":null}"#,
        r#"{"id":3,"country":"DE","amount":-7,"note":"say \"hi\""}"#,
        r#"{"id":4,"country":null,"amount":100,"note":"two\nlines"}"#,
    ];
    assert_eq!(lines.lines().collect::<Vec<_>>(), expected);
    let array = rows(ORDERS, &format(RowFormat::JsonArray));
    let values: Vec<serde_json::Value> = serde_json::from_str(&array).unwrap();
    assert_eq!(values.len(), 4);
    let tabs = rows(ORDERS, &format(RowFormat::Delimited { delimiter: b'\t' }));
    assert!(
        tabs.starts_with("id\tcountry\tamount\tnote\n1\tDE\t10.50\ta, b\n2\tAT\t\t\n"),
        "{tabs}"
    );

    let json = |text: &str, query: &Query| run(&[("o.jsonl", text)], query, options()).unwrap().0;
    let comma = format(RowFormat::Delimited { delimiter: b',' });
    assert_eq!(json(&lines, &comma), ORDERS);
    assert_eq!(json(&lines, &format(RowFormat::JsonLines)), lines);
    let array = json(&lines, &format(RowFormat::JsonArray));
    assert_eq!(
        serde_json::from_str::<Vec<serde_json::Value>>(&array).unwrap(),
        values
    );
    assert_eq!(json("", &format(RowFormat::JsonArray)), "[]\n");
    // Members are columns, and those of all records.
    let nested = "{\"a\":{\"b\":1},\"c\":[1, 2]}\n\n{\"d\":\"x\"}\n";
    assert_eq!(json(nested, &comma), "a.b,c,d\n1,\"[1, 2]\",\n,,x\n");
    assert_eq!(json(nested, &filter("d == 'x'")), "{\"d\":\"x\"}\n");
}

#[test]
fn the_first_rows_end_the_run() {
    let take = |count| Query {
        take: Take::First(count),
        ..Query::default()
    };
    assert_eq!(rows(ORDERS, &take(0)), "id,country,amount,note\n");
    assert_eq!(
        rows(ORDERS, &take(2)),
        "id,country,amount,note\n1,DE,10.50,\"a, b\"\n2,AT,,\n"
    );
    assert_eq!(rows(ORDERS, &take(9)), ORDERS);
    // What is wrong behind them is not wrong.
    let broken = format!("{ORDERS}5,too,few\n");
    assert_eq!(rows(&broken, &take(4)), ORDERS);
    let error = run(&[("o.csv", broken.as_str())], &take(5), options()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`o.csv`, row 5: the record at byte 88 has 3 fields, the header has 4"
    );
    let skips = TableOptions {
        skips_malformed: true,
        ..options()
    };
    let (found, written) = run(&[("o.csv", broken.as_str())], &take(5), skips).unwrap();
    assert_eq!((found.as_str(), written.malformed), (ORDERS, 1));
}

#[test]
fn samples_depend_on_nothing_but_the_seed() {
    let mut text = "n\n".to_owned();
    (0..5000).for_each(|n| text.push_str(&format!("{n}\n")));
    let takes = [
        Take::Sample { count: 50, seed: 1 },
        Take::Fraction { rate: 0.1, seed: 1 },
    ];
    for take in takes {
        let query = Query {
            take,
            ..Query::default()
        };
        let answers: Vec<String> = [(1, 1 << 20), (2, 100), (3, 7)]
            .map(|(threads, chunk_bytes)| {
                let options = TableOptions {
                    threads,
                    chunk_bytes,
                    ..TableOptions::default()
                };
                run(&[("n.csv", text.as_str())], &query, options).unwrap().0
            })
            .into();
        assert!(answers.iter().all(|answer| *answer == answers[0]));
        let numbers: Vec<u32> = answers[0]
            .lines()
            .skip(1)
            .map(|n| n.parse().unwrap())
            .collect();
        assert!(numbers.is_sorted(), "in the order of the input");
        match take {
            Take::Sample { count, .. } => assert_eq!(numbers.len(), count),
            _ => assert!((400..600).contains(&numbers.len()), "{}", numbers.len()),
        }
    }
    let wrong = Query {
        take: Take::Fraction { rate: 1.5, seed: 0 },
        ..Query::default()
    };
    assert!(matches!(
        run(&[("n.csv", text.as_str())], &wrong, options()),
        Err(Error::Rate { .. })
    ));
}

#[test]
fn what_cannot_be_computed_is_null_and_counted() {
    let text = "a,b\n1,0\n6,2\n";
    let (found, written) = run(&[("a.csv", text)], &columns("a / b as c"), options()).unwrap();
    assert_eq!((found.as_str(), written.failed), ("c\n\"\"\n3\n", 1));
    let (found, written) = run(&[("a.csv", text)], &filter("a / b > 1"), options()).unwrap();
    assert_eq!((found.as_str(), written.failed), ("a,b\n6,2\n", 1));
}

proptest! {
    /// The records that a filter keeps are those that a loop over the `csv` crate's records keeps.
    #[test]
    fn filters_agree_with_a_loop(
        cells in prop::collection::vec(("[a-c\",\n ]{0,4}", -5_i64..5), 0..40),
        threads in 1_usize..4,
        chunk_bytes in 1_usize..80,
        limit in -5_i64..5,
    ) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["text", "n"]).unwrap();
        for (text, n) in &cells {
            writer.write_record([text.as_str(), &n.to_string()]).unwrap();
        }
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let query = filter(&format!("n > {limit} || text == 'a'"));
        let options = TableOptions { threads, chunk_bytes, ..TableOptions::default() };
        let found = run(&[("t.csv", text.as_str())], &query, options).unwrap().0;
        let mut reader = csv::Reader::from_reader(found.as_bytes());
        let found: Vec<(String, i64)> = reader.deserialize().map(|row| row.unwrap()).collect();
        let expected: Vec<(String, i64)> = cells
            .into_iter()
            .filter(|(text, n)| *n > limit || text == "a")
            .collect();
        prop_assert_eq!(found, expected);
    }
}
