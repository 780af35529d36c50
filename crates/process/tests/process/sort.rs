//! Sorting: the order of a stable sort in memory, whatever threads, chunks and memory.

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tamis_engine::kernel::Kernel;
use tamis_engine::sink::{MemorySink, Sink};
use tamis_engine::source::{MemorySource, Source};
use tamis_process::Error;
use tamis_process::rows::{Query, RowFormat};
use tamis_process::sort::{SortOptions, SortQuery, Sorted, sort};
use tamis_process::table::{Table, TableOptions};

fn run(
    sources: &[MemorySource],
    query: &SortQuery,
    table: TableOptions,
    memory_bytes: usize,
) -> tamis_process::Result<(String, Sorted)> {
    let sources = sources.iter().map(|source| source as &dyn Source).collect();
    let mut table = Table::open(sources, table)?;
    let output = Cell::new(None);
    let open_sink = || {
        // An attempt that failed left a sink behind that was never finished.
        let (sink, bytes) = MemorySink::new("sorted");
        output.set(Some(bytes));
        Ok(Box::new(sink) as Box<dyn Sink>)
    };
    let options = SortOptions {
        memory_bytes,
        ..SortOptions::default()
    };
    let sorted = sort(&mut table, query, &options, &open_sink)?;
    let bytes = output
        .take()
        .and_then(|output| output.bytes())
        .expect("it is finished");
    Ok((String::from_utf8(bytes).expect("it is text"), sorted))
}

fn options(threads: usize, chunk_bytes: usize) -> TableOptions {
    TableOptions {
        threads,
        chunk_bytes,
        ..TableOptions::default()
    }
}

fn sorted(text: &str, by: &str) -> String {
    let source = MemorySource::new("a.csv", text.to_owned());
    let result = run(&[source], &SortQuery::by(by), options(2, 10), 1 << 20);
    result.unwrap_or_else(|error| panic!("{error}")).0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Goal: the raw records in the order of a stable sort by value.
    #[test]
    fn rows_come_in_the_order_of_a_stable_sort(
        rows in vec((select(vec!["", "-2", "10", "9", "1.5", "1.50", "NA"]), select(vec!["", "b", "a", "\"a\"", "\"x, y\"", "é"])), 0..60),
        threads in 1..4_usize,
        chunk_bytes in select(vec![1, 7, 64, 4096]),
        memory_bytes in select(vec![0, 2000, 100_000_000]),
        kernel in select(Kernel::available()),
        is_descending: bool,
        are_nulls_first: bool,
        is_unique: bool,
        cut in 0..60_usize,
    ) {
        let line = |(at, (n, text)): (usize, &(&str, &str))| format!("{at},{n},{text}\n");
        let lines: Vec<String> = rows.iter().enumerate().map(line).collect();
        let (before, behind) = lines.split_at(cut.min(lines.len()));
        let csv = |lines: &[String]| "at,n,text\n".to_owned() + &lines.concat();
        let sources = [MemorySource::new("a.csv", csv(before)), MemorySource::new("b.csv", csv(behind))];
        let mut table = options(threads, chunk_bytes);
        table.kernel = kernel;
        table.types = vec![("n".to_owned(), tamis_formats::vector::Type::Number), ("text".to_owned(), tamis_formats::vector::Type::Text)];
        let by = if is_descending { "n desc, text" } else { "n, text desc" };
        let query = SortQuery { are_nulls_first, is_unique, ..SortQuery::by(by) };
        let (text, done) = run(&sources, &query, table, memory_bytes).unwrap();

        let nulls = |is_null: bool| is_null != are_nulls_first;
        let mut expected: Vec<_> = rows.iter().zip(&lines).map(|((n, text), line)| {
            let number = n.parse::<f64>().ok();
            let value = text.trim_matches('"');
            ((nulls(number.is_none()), number.unwrap_or(0.0)), (nulls(value.is_empty()), value), line)
        }).collect();
        expected.sort_by(|one, other| {
            let turned = |order: std::cmp::Ordering, is_turned: bool| if is_turned { order.reverse() } else { order };
            let numbers = one.0.0.cmp(&other.0.0).then(turned(one.0.1.total_cmp(&other.0.1), is_descending));
            numbers.then(one.1.0.cmp(&other.1.0)).then(turned(one.1.1.cmp(other.1.1), !is_descending))
        });
        if is_unique {
            expected.dedup_by(|one, other| one.0 == other.0 && one.1 == other.1);
        }
        let expected: String = expected.iter().map(|row| row.2.as_str()).collect();
        prop_assert_eq!(text, "at,n,text\n".to_owned() + &expected);
        prop_assert_eq!(done.written.rows as usize, expected.lines().count());
        prop_assert_eq!(memory_bytes == 0 && !rows.is_empty(), memory_bytes == 0 && done.spilled_bytes > 0);
    }
}

#[test]
fn types_say_what_the_order_is() {
    assert_eq!(sorted("n\n10\n9\n-1\n", "n"), "n\n-1\n9\n10\n");
    assert_eq!(sorted("n\n010\n9\n1\n", "n"), "n\n010\n1\n9\n");
    let moments = "t\n2024-01-02T00:00:00Z\n2024-01-02T00:30:00+01:00\n2024-01-01T00:00:00Z\n";
    let expected = "t\n2024-01-01T00:00:00Z\n2024-01-02T00:30:00+01:00\n2024-01-02T00:00:00Z\n";
    assert_eq!(sorted(moments, "t"), expected);
    assert_eq!(sorted("a,b\n1,x\n2,y", "a desc"), "a,b\n2,y\n1,x\n");
}

#[test]
fn other_formats_are_sorted_and_written() {
    let source = [MemorySource::new(
        "a.jsonl",
        "{\"k\":2}\n\n{\"k\":10}\n{\"j\":1}",
    )];
    let lines = run(&source, &SortQuery::by("k desc"), options(2, 4), 0)
        .unwrap()
        .0;
    assert_eq!(lines, "{\"k\":10}\n{\"k\":2}\n{\"j\":1}\n");
    let query = SortQuery {
        rows: Query {
            format: Some(RowFormat::JsonArray),
            filter: Some("k > 1".to_owned()),
            ..Query::default()
        },
        ..SortQuery::by("k")
    };
    let source = [MemorySource::new("a.csv", "k,t\n3,x\n1,y\n2,z\n")];
    for memory_bytes in [0, 1 << 20] {
        let array = run(&source, &query, options(2, 4), memory_bytes).unwrap().0;
        assert_eq!(
            array,
            "[\n{\"k\":2,\"t\":\"z\"},\n{\"k\":3,\"t\":\"x\"}\n]\n"
        );
    }
}

#[test]
fn runs_are_merged_in_several_passes() {
    let mut text = "k,row\n".to_owned();
    (0..40_000).for_each(|row| text.push_str(&format!("{},{row}\n", row * 7919 % 10_007)));
    let source = [MemorySource::new("a.csv", text)];
    let in_memory = run(&source, &SortQuery::by("k"), options(1, 1 << 20), 1 << 30).unwrap();
    assert_eq!(in_memory.1.spilled_bytes, 0);
    for (threads, memory_bytes) in [(1, 1 << 20), (3, 64 << 10)] {
        let spilled = run(
            &source,
            &SortQuery::by("k"),
            options(threads, 5_000),
            memory_bytes,
        )
        .unwrap();
        assert!(spilled.1.spilled_bytes > 0);
        assert!(spilled.0 == in_memory.0, "threads: {threads}");
    }
}

#[test]
fn a_late_value_widens_the_type() {
    let mut text = "k\n".to_owned();
    (0..100_000).for_each(|row| text.push_str(&format!("{}\n", 100_000 - row)));
    text.push_str("0.5\n");
    assert!(sorted(&text, "k").starts_with("k\n0.5\n1\n2\n"));
}

#[test]
fn what_cannot_be_says_why() {
    let source = [MemorySource::new("a.csv", "k,n\na,1\nb\n")];
    let error = run(&source, &SortQuery::by("k, m desc"), options(1, 100), 0).unwrap_err();
    match error {
        Error::Expression { text, source } => {
            assert_eq!(
                (&text[source.span], source.message.as_str()),
                ("m", "no column is named `m`")
            );
        }
        other => panic!("{other}"),
    }
    let error = run(&source, &SortQuery::by("k"), options(1, 100), 0).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Malformed {
                row: 2,
                byte_offset: 8,
                ..
            }
        ),
        "{error}"
    );
    let nowhere = SortOptions {
        memory_bytes: 0,
        spill_dir: Some("/nowhere".into()),
    };
    let good = MemorySource::new("a.csv", "k\na\n");
    let mut table = Table::open(vec![&good], options(1, 100)).unwrap();
    let open_sink = || Ok(Box::new(MemorySink::new("sorted").0) as Box<dyn Sink>);
    let error = sort(&mut table, &SortQuery::by("k"), &nowhere, &open_sink).unwrap_err();
    assert!(
        error.to_string().contains("spilled rows in /nowhere"),
        "{error}"
    );
}
