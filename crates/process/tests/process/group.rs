//! Groups: the answer of plain loops over all rows, whatever threads, chunks and memory.

use std::collections::HashSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tamis_engine::kernel::Kernel;
use tamis_engine::sink::MemorySink;
use tamis_engine::source::{MemorySource, Source};
use tamis_process::Error;
use tamis_process::group::{GroupOptions, GroupQuery, Grouped, ResultFormat, group};
use tamis_process::table::{Table, TableOptions};

fn options(threads: usize, chunk_bytes: usize) -> TableOptions {
    TableOptions {
        threads,
        chunk_bytes,
        ..TableOptions::default()
    }
}

fn memory(memory_bytes: usize) -> GroupOptions {
    GroupOptions {
        memory_bytes,
        ..GroupOptions::default()
    }
}

fn run(
    sources: &[MemorySource],
    query: &GroupQuery,
    table: TableOptions,
    options: &GroupOptions,
) -> tamis_process::Result<(String, Grouped)> {
    let sources = sources.iter().map(|source| source as &dyn Source).collect();
    let mut table = Table::open(sources, table)?;
    let (sink, output) = MemorySink::new("result");
    let grouped = group(&mut table, query, options, Box::new(sink))?;
    let bytes = output.bytes().expect("it is finished");
    Ok((String::from_utf8(bytes).expect("it is text"), grouped))
}

fn grouped(text: &str, by: &str, aggregates: &str) -> String {
    let source = MemorySource::new("a.csv", text.to_owned());
    let query = GroupQuery::new(Some(by), aggregates);
    let result = run(
        &[source],
        &query,
        TableOptions::default(),
        &GroupOptions::default(),
    );
    result.unwrap_or_else(|error| panic!("{error}")).0
}

/// A row: two keys and a number, as texts.
type Row = (&'static str, &'static str, String);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let one = select(vec![
        "",
        "a",
        "b",
        "\"b\"",
        "\"q \"\"x\"\", y\"",
        "a longer key than a word",
        "\"\"",
    ]);
    let two = select(vec![
        "",
        "1",
        "1.0",
        "1.50",
        "1.5",
        "-2",
        "NA",
        "1e1",
        "10",
        "0.000000001",
    ]);
    let number = prop_oneof![
        4 => (-10_000..10_000_i64, 0..4_usize).prop_map(|(mantissa, scale)| {
            let digits = format!("{:0>width$}", mantissa.abs(), width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            let sign = if mantissa < 0 { "-" } else { "" };
            let point = if scale > 0 { "." } else { "" };
            format!("{sign}{whole}{point}{fraction}")
        }),
        1 => Just(String::new()),
        1 => Just("\"3.5\"".to_owned()),
        1 => Just("NA".to_owned()),
    ];
    vec((one, two, number), 0..60)
}

fn unquoted(field: &str) -> String {
    match field
        .strip_prefix('"')
        .and_then(|field| field.strip_suffix('"'))
    {
        Some(inner) => inner.replace("\"\"", "\""),
        None => field.to_owned(),
    }
}

/// A number that is no `NA`, as thousandths.
fn thousandths(field: &str) -> Option<i64> {
    let field = unquoted(field);
    (!field.is_empty() && field != "NA")
        .then(|| (field.parse::<f64>().expect("a number") * 1000.0).round() as i64)
}

fn decimal(thousandths: i64) -> String {
    let sign = if thousandths < 0 { "-" } else { "" };
    let (whole, fraction) = (thousandths.abs() / 1000, thousandths.abs() % 1000);
    let text = format!("{sign}{whole}.{fraction:03}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Both keys as values.
type Key = (String, String);

/// What the result must be.
fn naive(rows: &[Row]) -> String {
    let mut groups: Vec<(Key, Vec<Option<i64>>)> = Vec::new();
    for (one, two, number) in rows {
        let two = match *two {
            "NA" => String::new(),
            "1.0" => "1".to_owned(),
            "1.50" => "1.5".to_owned(),
            "1e1" => "10".to_owned(),
            other => other.to_owned(),
        };
        let key = (unquoted(one), two);
        let value = thousandths(number);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, values)) => values.push(value),
            None => groups.push((key, vec![value])),
        }
    }
    let mut text = "one,two,rows,n,total,min,max,distinct,first,last,mean,median\n".to_owned();
    for ((one, two), all) in groups {
        let values: Vec<i64> = all.iter().copied().flatten().collect();
        let mut sorted = values.clone();
        sorted.sort_unstable();
        let shown = |value: Option<&i64>| value.map_or(String::new(), |value| decimal(*value));
        let total: i64 = values.iter().sum();
        let distinct: HashSet<i64> = values.iter().copied().collect();
        let mean = match values.is_empty() {
            true => String::new(),
            // Both are exact, so that the quotient is rounded once.
            false => format!("{}", total as f64 / (1000.0 * values.len() as f64) + 0.0),
        };
        let one = match one.contains(['"', ',']) {
            true => format!("\"{}\"", one.replace('"', "\"\"")),
            false => one,
        };
        let columns = [
            one,
            two,
            all.len().to_string(),
            values.len().to_string(),
            if values.is_empty() {
                String::new()
            } else {
                decimal(total)
            },
            shown(sorted.first()),
            shown(sorted.last()),
            distinct.len().to_string(),
            shown(values.first()),
            shown(values.last()),
            mean,
            shown(sorted.get(sorted.len().div_ceil(2).saturating_sub(1))),
        ];
        text.push_str(&columns.join(","));
        text.push('\n');
    }
    text
}

const ALL: &str = "count() as rows, count(n) as n, sum(n) as total, min(n) as min, max(n) as max, distinct(n) as distinct, \
                   first(n) as first, last(n) as last, mean(n) as mean, median(n) as median";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Goal: the naive answer, whatever the threads, chunks, kernels and memory, from CSV and in parts.
    #[test]
    fn groups_are_those_of_plain_loops(
        rows in rows(),
        threads in 1..4_usize,
        chunk_bytes in select(vec![1, 7, 64, 4096]),
        memory_bytes in select(vec![0, 20_000, 100_000_000]),
        kernel in select(Kernel::available()),
        cut in 0..60_usize,
    ) {
        // The number is first, so that no row is blank.
        let (before, behind) = rows.split_at(cut.min(rows.len()));
        let csv = |rows: &[Row]| {
            let lines = rows.iter().map(|(one, two, n)| format!("{n},{two},{one}\n"));
            "n,two,one\n".to_owned() + &lines.collect::<String>()
        };
        let sources = [MemorySource::new("a.csv", csv(before)), MemorySource::new("b.csv", csv(behind))];
        let query = GroupQuery::new(Some("one, two"), ALL);
        let mut table = options(threads, chunk_bytes);
        table.kernel = kernel;
        table.types = ["n", "two"].map(|name| (name.to_owned(), tamis_formats::vector::Type::Number)).to_vec();
        table.types.push(("one".to_owned(), tamis_formats::vector::Type::Text));
        let (text, done) = run(&sources, &query, table, &memory(memory_bytes)).unwrap();
        let expected = naive(&rows);
        prop_assert_eq!(&text, &expected);
        prop_assert_eq!(done.groups as usize, expected.lines().count() - 1);
        if memory_bytes == 0 && !rows.is_empty() {
            prop_assert!(done.spilled_bytes > 0);
        }
    }
}

#[test]
fn json_lines_have_the_same_groups() {
    let text = "{\"k\":\"a\",\"n\":1.50}\n{\"k\":\"\\u0061\",\"n\":2}\n{\"n\":5}\n{\"k\":null,\"n\":null}\n{\"k\":\"\",\"n\":1}\n";
    let source = MemorySource::new("a.jsonl", text);
    let query = GroupQuery {
        format: ResultFormat::JsonLines,
        ..GroupQuery::new(Some("k"), "sum(n), count(), min(k) as k2")
    };
    for chunk_bytes in [1, 1000] {
        let result = run(
            std::slice::from_ref(&source),
            &query,
            options(2, chunk_bytes),
            &GroupOptions::default(),
        );
        let expected = "{\"k\":\"a\",\"sum(n)\":3.5,\"count()\":2,\"k2\":\"a\"}\n\
                        {\"k\":null,\"sum(n)\":5,\"count()\":2,\"k2\":null}\n\
                        {\"k\":\"\",\"sum(n)\":1,\"count()\":1,\"k2\":\"\"}\n";
        assert_eq!(result.unwrap().0, expected);
    }
}

#[test]
fn without_keys_all_rows_are_one_group() {
    let query = GroupQuery::new(None, "count(), sum(a), min(b)");
    for (text, expected) in [
        ("a,b\n1,x\n2,\n", "count(),sum(a),min(b)\n2,3,x\n"),
        ("a,b\n", "count(),sum(a),min(b)\n0,,\n"),
    ] {
        for memory_bytes in [0, 1 << 20] {
            let source = MemorySource::new("a.csv", text);
            let result = run(&[source], &query, options(2, 4), &memory(memory_bytes));
            assert_eq!(result.unwrap().0, expected);
        }
    }
}

#[test]
fn every_type_has_its_ends() {
    let text = "k,day,at,ok,name\nx,2024-03-01,2024-03-01T10:00:00Z,true,b\nx,2024-01-31,2024-03-01T10:00:00.5+01:00,false,\"a, \"\"c\"\"\"\nx,,NA,,\n";
    assert_eq!(
        grouped(
            text,
            "k",
            "min(day), max(at), max(ok), min(name), last(at), distinct(at), count(ok)"
        ),
        "k,min(day),max(at),max(ok),min(name),last(at),distinct(at),count(ok)\n\
         x,2024-01-31,2024-03-01T10:00:00Z,true,\"a, \"\"c\"\"\",2024-03-01T10:00:00.5+01:00,2,2\n"
    );
}

/// However it is written, a truth value is one, in the order of values and in JSON.
#[test]
fn truth_values_have_one_form() {
    let source = MemorySource::new("a.csv", "k,ok\nx,TRUE\nx,false\ny,True\n");
    let query = GroupQuery {
        format: ResultFormat::JsonLines,
        ..GroupQuery::new(Some("k"), "min(ok), max(ok), first(ok), distinct(ok)")
    };
    let (text, _) = run(
        &[source],
        &query,
        TableOptions::default(),
        &GroupOptions::default(),
    )
    .unwrap();
    assert_eq!(
        text,
        "{\"k\":\"x\",\"min(ok)\":false,\"max(ok)\":true,\"first(ok)\":true,\"distinct(ok)\":2}\n\
         {\"k\":\"y\",\"min(ok)\":true,\"max(ok)\":true,\"first(ok)\":true,\"distinct(ok)\":1}\n"
    );
}

/// Goal: a declared decimal comma is about texts. It once made the search for the type of a JSON number endless.
#[test]
fn numbers_of_json_have_a_point_whatever_is_declared() {
    let source = MemorySource::new("a.jsonl", "{\"x\":1.5}\n{\"x\":2}\n{\"x\":1.5}\n");
    let mut table = options(1, 1 << 20);
    table.csv.decimal_char = Some(b',');
    let query = GroupQuery::new(Some("x"), "sum(x), max(x + 1)");
    let (text, _) = run(&[source], &query, table, &GroupOptions::default()).unwrap();
    assert_eq!(text, "x,sum(x),max(x + 1)\n1.5,3,2.5\n2,2,3\n");
}

/// Goal: the unit in which a worker reads a column, which other rows decide, does not show in a quantile.
#[test]
fn quantiles_are_exact_in_every_unit() {
    let found = grouped("k,x\na,0.000000000001\nb,4666009.041\n", "k", "p50(x)");
    assert_eq!(found, "k,p50(x)\na,0.000000000001\nb,4666009.041\n");
}

#[test]
fn sums_and_variances_are_exact() {
    let rows = |numbers: &[&str]| {
        let lines = numbers.iter().map(|number| format!("x,{number}\n"));
        "k,n\n".to_owned() + &lines.collect::<String>()
    };
    let sum = grouped(
        &rows(&[
            "0.1",
            "0.2",
            "1e-20",
            "123456789012345678901234567890",
            "-123456789012345678901234567890",
        ]),
        "k",
        "sum(n)",
    );
    assert_eq!(sum, "k,sum(n)\nx,0.30000000000000000001\n");
    let spread = grouped(
        &rows(&[
            "999999999999999999",
            "999999999999999998",
            "999999999999999997",
            "0.5",
        ]),
        "k",
        "max(n), min(n)",
    );
    assert_eq!(
        spread,
        "k,\"max(n)\",min(n)\nx,999999999999999999,0.5\n".replace('"', "")
    );
    let far = grouped(
        &rows(&[
            "999999999999999999",
            "999999999999999998",
            "999999999999999997",
        ]),
        "k",
        "variance(n), stddev(n), mean(n)",
    );
    assert_eq!(
        far,
        "k,variance(n),stddev(n),mean(n)\nx,1,1,1000000000000000000\n"
    );
    assert_eq!(
        grouped(&rows(&["7"]), "k", "variance(n), sum(n)"),
        "k,variance(n),sum(n)\nx,,7\n"
    );
}

#[test]
fn a_late_value_widens_types() {
    let mut text = "k,n\n".to_owned();
    (0..60_000).for_each(|row| text.push_str(&format!("{},1\n", row % 2)));
    text.push_str("x,0.5\n");
    let result = grouped(&text, "k", "sum(n)");
    assert_eq!(result, "k,sum(n)\n0,30000\n1,30000\nx,0.5\n");
}

#[test]
fn many_groups_spill_and_come_back() {
    let mut text = "k,n\n".to_owned();
    let rows = 60_000;
    for row in 0..rows {
        text.push_str(&format!("key {},{}\n", row * 7 % 20_011, row));
    }
    let source = [MemorySource::new("a.csv", text)];
    let query = GroupQuery::new(Some("k"), "sum(n), count(), p50(n), distinct(n), first(n)");
    let in_memory = run(&source, &query, options(1, 1 << 20), &memory(1 << 30)).unwrap();
    assert_eq!((in_memory.1.groups, in_memory.1.spilled_bytes), (20_011, 0));
    for (threads, memory_bytes) in [(1, 3 << 20), (3, 1 << 20)] {
        let spilled = run(
            &source,
            &query,
            options(threads, 30_000),
            &memory(memory_bytes),
        )
        .unwrap();
        assert!(spilled.1.spilled_bytes > 0);
        assert!(spilled.0 == in_memory.0, "threads: {threads}");
    }
    let nowhere = GroupOptions {
        memory_bytes: 1 << 20,
        spill_dir: Some("/nowhere".into()),
    };
    let error = run(&source, &query, options(2, 30_000), &nowhere)
        .unwrap_err()
        .to_string();
    assert!(error.contains("spilled groups in /nowhere"), "{error}");
}

#[test]
fn keys_and_arguments_are_computed() {
    let text = "k,at,n\na,2024-03-01T10:00:00Z,1.5\nb,2025-03-01T10:00:00Z,2\na,2024-12-31T23:59:59Z,\nb,2025-01-01T00:00:00Z,0\n";
    let source = MemorySource::new("a.csv", text);
    for (filter, by, aggregates, expected) in [
        (
            None,
            "at.getFullYear() as year",
            "sum(n * 2.0) as twice, count(), max(n + 1.0) as most, median(n * 1.0) as middle, stddev(n * 1.0) as spread",
            "year,twice,count(),most,middle,spread\n2024,3,2,2.5,1.5,\n2025,4,2,3,0,1.4142135623730951\n",
        ),
        (
            Some("n > 1.0"),
            "k, k + '!' as loud",
            "count(), min(k + 'x') as least, first(at.getFullYear()) as first, distinct(n > 1.7) as kinds",
            "k,loud,count(),least,first,kinds\na,a!,1,ax,2024,1\nb,b!,1,bx,2025,1\n",
        ),
        (
            None,
            "n > 1.0 as big",
            "sum(at.getMonth()) as months, last(n > 1.0) as last",
            "big,months,last\ntrue,4,true\n,11,\nfalse,0,false\n",
        ),
    ] {
        for (threads, chunk_bytes, memory_bytes) in [(1, 1 << 20, 1 << 20), (2, 1, 0)] {
            let query = GroupQuery {
                filter: filter.map(str::to_owned),
                ..GroupQuery::new(Some(by), aggregates)
            };
            let source = std::slice::from_ref(&source);
            let result = run(
                source,
                &query,
                options(threads, chunk_bytes),
                &memory(memory_bytes),
            );
            assert_eq!(result.unwrap_or_else(|error| panic!("{error}")).0, expected);
        }
    }
}

#[test]
fn what_cannot_be_computed_is_null_and_counted() {
    let source = MemorySource::new("a.csv", "k,n\na,1\na,0\n");
    let query = GroupQuery::new(
        Some("k"),
        "sum(10 / n) as sum, count(10 / n) as count, count() as rows",
    );
    let (text, done) = run(&[source], &query, options(1, 100), &memory(1 << 20)).unwrap();
    assert_eq!(
        (text.as_str(), done.failed),
        ("k,sum,count,rows\na,10,1,2\n", 1)
    );
}

#[test]
fn figures_beyond_all_doubles_are_null_and_counted() {
    let source = MemorySource::new("a.csv", "k,n\na,1e308\na,1e308\nb,1e200\nb,-1e200\nc,1\n");
    let query = GroupQuery::new(Some("k"), "sum(n * 1.0) as sum, variance(n) as variance");
    let expected = "k,sum,variance\na,,0\nb,0,\nc,1,\n";
    for (threads, chunk_bytes, memory_bytes) in [(1, 1 << 20, 1 << 20), (2, 4, 0)] {
        let source = std::slice::from_ref(&source);
        let options = options(threads, chunk_bytes);
        let (text, done) = run(source, &query, options, &memory(memory_bytes)).unwrap();
        // The variance of one value is null because there is none.
        assert_eq!((text.as_str(), done.failed), (expected, 2));
    }
}

#[test]
fn malformed_records_are_an_error_or_are_counted() {
    let source = [MemorySource::new("a.csv", "k,n\na,1\nb\na,2\n")];
    let query = GroupQuery::new(Some("k"), "sum(n)");
    let error = run(&source, &query, options(2, 4), &GroupOptions::default()).unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Malformed {
                row: 2,
                byte_offset: 8,
                ..
            }
        ),
        "{error}"
    );
    let skipping = TableOptions {
        skips_malformed: true,
        ..options(2, 4)
    };
    let (text, done) = run(&source, &query, skipping, &GroupOptions::default()).unwrap();
    assert_eq!((text.as_str(), done.malformed), ("k,sum(n)\na,3\n", 1));
}

#[test]
fn ten_thousand_columns() {
    let names: Vec<String> = (0..10_000).map(|at| format!("c{at}")).collect();
    let row = vec!["3"; 10_000].join(",");
    let text = format!("{}\n{row}\n{row}\n", names.join(","));
    assert_eq!(
        grouped(&text, "c9999, c0", "sum(c5000)"),
        "c9999,c0,sum(c5000)\n3,3,6\n"
    );
}

#[test]
fn a_function_alone_is_that_of_each_column_that_is_no_key() {
    let text = "k,amount,x,y,z\na,1,2.5,u,7\nb,,7,v,8\na,3,1,w,9\n";
    assert_eq!(
        grouped(
            text,
            "k",
            "sum(amount), count(), mean(x), min, max, distinct(y), p95(z)"
        ),
        "k,sum(amount),count(),mean(x),min(amount),min(x),min(y),min(z),max(amount),max(x),max(y),max(z),distinct(y),p95(z)\n\
         a,4,2,1.75,1,1,u,7,3,2.5,w,9,2,9\n\
         b,,1,7,,7,v,8,,7,v,8,1,8\n"
    );
    // What takes numbers takes no texts.
    assert_eq!(
        grouped(text, "k, x > 2.0 as large", "sum, mean(*)"),
        "k,large,sum(amount),sum(x),sum(z),mean(amount),mean(x),mean(z)\n\
         a,true,1,2.5,7,1,2.5,7\n\
         b,true,,7,8,,7,8\n\
         a,false,3,1,9,3,1,9\n"
    );
    assert_eq!(
        grouped("k,\"o d\"\"\"\na,1\n", "k", "last"),
        "k,\"last(\"\"o d\"\"\"\"\"\")\"\na,1\n"
    );
    // The types are those of all records.
    let late = format!("k,a,b\n{}x,1,w\n", "x,1,2\n".repeat(60_000));
    assert_eq!(grouped(&late, "k", "sum"), "k,sum(a)\nx,60001\n");
}

#[test]
fn what_cannot_be_answered_says_why() {
    let fault = |by: &str, aggregates: &str| {
        let source = MemorySource::new("a.csv", "k,name\na,x\n");
        let query = GroupQuery::new(Some(by), aggregates);
        let result = run(
            &[source],
            &query,
            TableOptions::default(),
            &GroupOptions::default(),
        );
        match result {
            Err(Error::Expression { text, source }) => {
                format!("{} [{}]", source.message, &text[source.span])
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        fault("k", "sum(name)"),
        "`sum` takes numbers, and `name` is text [sum]"
    );
    assert_eq!(
        fault("k", "count(), sum(amount)"),
        "no column is named `amount` [amount]"
    );
    assert_eq!(
        fault("country", "count()"),
        "no column is named `country` [country]"
    );
    assert_eq!(
        fault("k", "sum(name * 2)"),
        "`*` takes no text with integer [name * 2]"
    );
    assert_eq!(
        fault("k", "count(), count()"),
        "two columns of the result are called `count()` [count()]"
    );
}
