//! Whole tables: the same bytes however they are read, and what a plain loop finds.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use tamis_engine::kernel::Kernel;
use tamis_engine::number::Decimal;
use tamis_engine::source::{MemorySource, Source};
use tamis_formats::block::{Column as BlockColumn, Kinds};
use tamis_formats::file::{FileColumn, RecordFile, Unit, Units};
use tamis_formats::vector::Type;
use tamis_formats::{Block, Kind, Totals, Visitor};

use super::*;

/// Limits that a handful of values exceed.
fn narrow() -> Limits {
    Limits {
        distinct_max: 3,
        distinct_bytes_max: 40,
        precision: 4,
        sketch_bits: 3,
        sample_max: 5,
    }
}

fn source(name: &str, text: &str) -> MemorySource {
    MemorySource::new(name, text.as_bytes().to_vec())
}

fn options(threads: usize, chunk_bytes: usize, kernel: Kernel) -> StatsOptions {
    StatsOptions {
        threads,
        chunk_bytes,
        kernel,
        // Random tables look like anything: nothing is to be guessed.
        csv: CsvFacts {
            delimiter: Some(b','),
            header: Some(true),
            ..CsvFacts::default()
        },
        ..StatsOptions::default()
    }
}

fn run(name: &str, text: &str) -> Statistics {
    stats(
        &[&source(name, text)],
        &options(1, 1 << 20, Kernel::detect()),
    )
    .expect("it can be read")
}

/// A value of CSV, in a column whose values are mostly of one kind.
fn cell(kind: usize) -> BoxedStrategy<String> {
    let odd = prop_oneof![
        Just(String::new()),
        Just("NA".to_owned()),
        Just("\"a \"\"quoted\"\", one\nof two lines\"".to_owned()),
        "[a-zé]{1,20}",
        "0[0-9]{1,3}",
        "[0-9]{19,25}",
        "-?[0-9]{1,3}e-?[0-9]",
    ];
    let usual = match kind {
        0 => "-?(0|[1-9][0-9]{0,5})".boxed(),
        1 => "-?(0|[1-9][0-9]{0,3})\\.[0-9]{1,3}".boxed(),
        2 => "20[0-2][0-9]-0[1-9]-[12][0-9]".boxed(),
        3 => "20[0-2][0-9]-0[1-9]-[12][0-9]T1[0-9]:[0-5][0-9]:00(Z|Z|Z|\\+02:00)".boxed(),
        4 => "[abc]".boxed(),
        5 => "(true|false)".boxed(),
        _ => "[A-Z]{2}[0-9]{3,15}".boxed(),
    };
    prop_oneof![30 => usual, 1 => odd].boxed()
}

const KINDS: usize = 7;

fn row() -> impl Strategy<Value = Vec<String>> {
    (0..KINDS).map(cell).collect::<Vec<_>>()
}

fn csv(rows: &[Vec<String>]) -> String {
    let mut text = "a,b,c,d,e,f,g\n".to_owned();
    for row in rows {
        text.push_str(&row.join(","));
        text.push('\n');
    }
    text
}

/// The same records as JSON lines, numbers as numbers.
fn jsonl(rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    for row in rows {
        let mut record = serde_json::Map::new();
        for (name, value) in ["a", "b", "c", "d", "e", "f", "g"].into_iter().zip(row) {
            if value.is_empty() {
                continue;
            }
            let number = serde_json::from_str(value)
                .ok()
                .filter(serde_json::Value::is_i64);
            record.insert(
                name.to_owned(),
                number.unwrap_or_else(|| value.as_str().into()),
            );
        }
        text.push_str(&format!("{}\n", serde_json::Value::Object(record)));
    }
    text
}

fn same_however_read(
    name: &str,
    text: &str,
    limits: Limits,
) -> std::result::Result<(), TestCaseError> {
    let source = source(name, text);
    let base = stats_within(
        &[&source],
        &options(1, 1 << 20, Kernel::scalar()),
        Some(limits),
    )
    .unwrap();
    for (threads, chunk_bytes) in [(1, 1), (2, 64), (3, 700), (7, 1 << 20)] {
        let options = options(threads, chunk_bytes, Kernel::detect());
        let other = stats_within(&[&source], &options, Some(limits)).unwrap();
        prop_assert_eq!(
            other.to_json(),
            base.to_json(),
            "{} threads, chunks of {}",
            threads,
            chunk_bytes
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Goal: exact or not, the same bytes for any threads, chunks and kernels.
    #[test]
    fn the_answer_does_not_depend_on_how_it_is_computed(rows in vec(row(), 0..80)) {
        for limits in [narrow(), Limits::of(7)] {
            same_however_read("t.csv", &csv(&rows), limits)?;
            same_however_read("t.jsonl", &jsonl(&rows), limits)?;
        }
    }

    /// Goal: what is exact is so whether or not the values are kept, and is what a plain loop finds.
    #[test]
    fn loops_find_what_a_map_finds(rows in vec(row(), 1..120)) {
        let source = source("t.csv", &csv(&rows));
        let options = options(2, 512, Kernel::detect());
        let kept = stats_within(&[&source], &options, Some(Limits::of(7))).unwrap();
        let let_go = stats_within(&[&source], &options, Some(narrow())).unwrap();
        for (kept, let_go) in kept.columns.iter().zip(&let_go.columns) {
            let exact = |column: &ColumnStats| {
                let ColumnStats { logical_type, values, nulls, min_length, max_length, .. } = *column;
                let ends = (column.min.clone(), column.max.clone(), column.sum.clone());
                (logical_type, values, nulls.count, min_length, max_length, ends, column.mean, column.standard_deviation)
            };
            prop_assert_eq!(exact(kept), exact(let_go), "{}", &kept.name);
        }
        for (at, column) in kept.columns.iter().enumerate() {
            compare(column, &rows, at)?;
        }
    }
}

/// Holds a column to a loop over its values.
fn compare(
    column: &ColumnStats,
    rows: &[Vec<String>],
    at: usize,
) -> std::result::Result<(), TestCaseError> {
    let is_na_null =
        column.nulls.count > rows.iter().filter(|row| row[at].is_empty()).count() as u64;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows {
        let value = &row[at];
        if value.is_empty() || (value == "NA" && is_na_null) {
            continue;
        }
        let value = match value.strip_prefix('"') {
            Some(quoted) => quoted.trim_end_matches('"').replace("\"\"", "\""),
            None => value.clone(),
        };
        *counts.entry(value).or_default() += 1;
    }
    let values: u64 = counts.values().sum();
    prop_assert_eq!(column.values, values);
    let distinct = column.distinct.unwrap();
    prop_assert_eq!(
        (distinct.count, distinct.exact),
        (counts.len() as u64, true)
    );
    let top = column.top.as_ref().map_or(&[][..], |top| &top.values);
    for frequency in top {
        prop_assert_eq!(counts.get(&frequency.value), Some(&frequency.count));
    }
    let min = column.min.as_ref().map(Scalar::as_str);
    match column.logical_type {
        "integer" | "number" => {
            let mut numbers: Vec<(Decimal, u64)> = counts
                .iter()
                .map(|(text, count)| (Decimal::parse(text.as_bytes()).unwrap(), *count))
                .collect();
            numbers.sort();
            prop_assert_eq!(
                min.map(str::to_owned),
                numbers.first().map(|(number, _)| number.to_string())
            );
            let each = numbers
                .iter()
                .flat_map(|(number, count)| std::iter::repeat_n(number, *count as usize));
            let each: Vec<&Decimal> = each.collect();
            for quantile in &column.quantiles.as_ref().unwrap().values {
                let rank = (quantile.quantile * values as f64).ceil().max(1.0) as usize;
                prop_assert_eq!(quantile.value.as_str(), each[rank - 1].to_string());
            }
            let bins = column.histogram.as_ref().unwrap().bins.iter();
            prop_assert_eq!(bins.map(|bin| bin.count).sum::<u64>(), values);
        }
        "string" => {
            prop_assert_eq!(min, counts.keys().next().map(String::as_str));
        }
        _ => {}
    }
    Ok(())
}

#[test]
fn a_table_of_everything() {
    let statistics = run(
        "t.csv",
        "n,x,day,code,flag,none,text\n1,1.5,2024-02-29,007,true,,ab\n3,NA,2023-01-01,012,false,,abc\n2,-2,2024-01-01,007,TRUE,,\"é,\"\nbroken\n",
    );
    let of = |name: &str| {
        statistics
            .columns
            .iter()
            .find(|column| column.name == name)
            .unwrap()
    };
    let types: Vec<&str> = statistics
        .columns
        .iter()
        .map(|column| column.logical_type)
        .collect();
    assert_eq!(
        types,
        [
            "integer", "number", "date", "string", "boolean", "null", "string"
        ]
    );
    assert_eq!(
        statistics.rows,
        RowCounts {
            total: 4,
            malformed: 1
        }
    );
    let scalar = |scalar: &Option<Scalar>| scalar.clone().unwrap();
    assert_eq!(scalar(&of("n").sum), Scalar::Number("6".to_owned()));
    assert_eq!(
        (of("n").mean, of("n").standard_deviation),
        (Some(2.0), Some(1.0))
    );
    assert_eq!(scalar(&of("x").min), Scalar::Number("-2".to_owned()));
    assert_eq!(of("x").nulls.count, 1);
    assert_eq!(
        scalar(&of("day").min),
        Scalar::Text("2023-01-01".to_owned())
    );
    assert_eq!(
        of("none").nulls,
        Share {
            count: 3,
            percent: 100.0
        }
    );
    assert_eq!(
        (of("text").min_length, of("text").max_length),
        (Some(2), Some(3))
    );
    let code = of("code").top.as_ref().unwrap();
    assert_eq!(
        (code.values[0].value.as_str(), code.values[0].count),
        ("007", 2)
    );
    assert_eq!(of("code").shapes.as_ref().unwrap().values[0].value, "999");
    let notes = statistics.notes.join("\n");
    assert!(
        notes.contains("`NA` is null: without it `x` has a type"),
        "{notes}"
    );
    assert!(
        notes.contains("the first malformed record is at byte 121"),
        "{notes}"
    );
}

/// Goal: where chunks begin does not decide where columns stand.
#[test]
fn columns_of_json_stand_as_in_one_chunk() {
    let text =
        "{\"b\":1,\"c\":1}\n{\"b\":{\"x\":1}}\n{\"a\":1,\"c\":{\"y\":2}}\n{\"b\":{\"w\":1}}\n";
    same_however_read("t.jsonl", text, Limits::of(7)).unwrap();
    let statistics = run("t.jsonl", text);
    let names: Vec<&str> = statistics
        .columns
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(names, ["b", "b.x", "b.w", "c", "c.y", "a"]);
}

/// No double is the difference of these, and none is near some of them.
#[test]
fn numbers_beyond_all_doubles_have_a_histogram() {
    let nines = "9".repeat(400);
    for text in [
        "x\n1e308\n-1e308\n1.7e308\n0\n".to_owned(),
        format!("x\n1\n-{nines}\n{nines}\n2\n"),
        format!("x\n0.5\n{nines}\n"),
        format!("x\n{nines}\n"),
    ] {
        let statistics = run("a.csv", &text);
        // What is no number is no JSON either.
        statistics.to_json();
        let histogram = statistics.columns[0].histogram.as_ref().unwrap();
        let counts = histogram.bins.iter().map(|bin| bin.count);
        assert_eq!(counts.sum::<u64>(), text.lines().count() as u64 - 1);
    }
}

/// A field of a megabyte is text, however many digits it has: adding it up would take minutes.
#[test]
fn numbers_without_end_are_text() {
    let statistics = run("a.csv", &format!("x\n1\n0.{}\n", "7".repeat(1 << 20)));
    assert_eq!(statistics.columns[0].logical_type, "string");
}

#[test]
fn members_of_objects_are_columns() {
    let statistics = run(
        "t.jsonl",
        "{\"id\":1,\"at\":{\"city\":\"Bonn\"},\"tags\":[]}\n{\"id\":\"1\",\"at\":null,\"new\":true}\n{\"id\":2}\n",
    );
    let found: Vec<(&str, &str, u64)> = statistics
        .columns
        .iter()
        .map(|column| {
            (
                column.name.as_str(),
                column.logical_type,
                column.nulls.count,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("id", "mixed", 0),
            ("at.city", "string", 2),
            ("tags", "array", 2),
            ("new", "boolean", 2)
        ]
    );
    assert_eq!(statistics.columns[0].distinct.unwrap().count, 3);
}

#[test]
fn several_inputs_are_one_table() {
    let sources = [
        source("a.csv", "x,y\n1,a\n"),
        source("b.csv", "y,x,z\nb,2,\n"),
        source("c.jsonl", "{\"x\":5}\n"),
    ];
    let sources: Vec<&dyn Source> = sources.iter().map(|source| source as &dyn Source).collect();
    let statistics = stats(&sources, &StatsOptions::default()).unwrap();
    let x = &statistics.columns[0];
    assert_eq!(
        (x.values, x.sum.as_ref().map(Scalar::as_str)),
        (3, Some("8"))
    );
    assert_eq!(statistics.columns[1].nulls.count, 1);
    assert_eq!(statistics.columns[2].name, "z");
    assert_eq!(statistics.inputs[2].format, "jsonl");
}

#[test]
fn columns_are_chosen_by_name() {
    let source = source("t.csv", "a,b,a\n1,2,x\n");
    let options = |columns: &[&str]| StatsOptions {
        columns: Some(columns.iter().map(|&name| name.to_owned()).collect()),
        ..StatsOptions::default()
    };
    let chosen = stats(&[&source], &options(&["a"])).unwrap();
    assert_eq!(chosen.columns.len(), 2, "both of that name");
    let error = stats(&[&source], &options(&["a", "c"])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no column `c`: there are `a`, `b`, `a`"
    );
}

#[test]
fn what_is_not_wanted_is_left_out() {
    let source = source("t.csv", "a\n1\n2\n");
    let options = StatsOptions {
        wanted: Wanted::core(),
        ..StatsOptions::default()
    };
    let column = stats(&[&source], &options).unwrap().columns.remove(0);
    assert!(column.distinct.is_some() && column.min.is_some() && column.sum.is_some());
    assert!(
        column.standard_deviation.is_none() && column.top.is_none() && column.quantiles.is_none()
    );
}

/// Goal: a field that scripts can see is a field that `docs/stats.md` explains.
#[test]
fn every_field_is_documented() {
    let documentation = include_str!("../../../../docs/stats.md");
    let statistics = run("t.csv", "n,text\n1,a\n2,b\n");
    let value = serde_json::to_value(&statistics).expect("it serialises");
    let mut paths = Vec::new();
    collect_paths(&value, "", &mut paths);
    for path in paths {
        assert!(
            documentation.contains(&format!("| `{path}` |")),
            "`{path}` is not documented"
        );
    }
}

/// Paths of all members: `rows.total`, `columns[].name`.
fn collect_paths(value: &serde_json::Value, path: &str, paths: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                let path = match path.is_empty() {
                    true => name.clone(),
                    false => format!("{path}.{name}"),
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

/// A file of two columns, a unit for each of its parts.
#[derive(Debug)]
struct Typed {
    columns: Vec<FileColumn>,
    units: Vec<Vec<[&'static str; 2]>>,
}

struct TypedUnit<'f> {
    file: &'f Typed,
    rows: &'f [[&'static str; 2]],
    wanted: Vec<usize>,
}

impl RecordFile for Typed {
    fn format(&self) -> Format {
        Format::Parquet
    }

    fn columns(&self) -> &[FileColumn] {
        &self.columns
    }

    fn rows(&self) -> Option<u64> {
        None
    }

    fn units(&self, wanted: &[usize]) -> tamis_engine::Result<Units<'_>> {
        let wanted = wanted.to_vec();
        Ok(Box::new(self.units.iter().map(move |rows| {
            let unit = TypedUnit {
                file: self,
                rows,
                wanted: wanted.clone(),
            };
            Ok(Box::new(unit) as Box<dyn Unit>)
        })))
    }
}

impl Unit for TypedUnit<'_> {
    fn len_bytes(&self) -> u64 {
        0
    }

    fn visit(self: Box<Self>, visitor: &mut dyn Visitor) -> tamis_engine::Result<Totals> {
        let columns: Vec<(Vec<u8>, Vec<u32>, Kind)> = self
            .wanted
            .iter()
            .map(|&place| {
                let (mut bytes, mut index) = (Vec::new(), Vec::new());
                for row in self.rows {
                    index.push((bytes.len() as u32).wrapping_sub(1));
                    bytes.extend_from_slice(row[place].as_bytes());
                    index.push(bytes.len() as u32);
                }
                let kind = match self.file.columns[place].ty {
                    Type::Number => Kind::Number,
                    _ => Kind::String,
                };
                (bytes, index, kind)
            })
            .collect();
        let columns: Vec<BlockColumn<'_>> = columns
            .iter()
            .map(|(bytes, index, kind)| BlockColumn {
                bytes,
                index,
                kinds: Kinds::All(*kind),
                ascii: None,
                suspects: None,
            })
            .collect();
        visitor.block(&Block::apart(&columns, self.rows.len()));
        Ok(Totals {
            rows: self.rows.len() as u64,
            ..Totals::default()
        })
    }
}

/// Goal: a file that says what its columns are is believed, and read in its units.
#[test]
fn declared_types_hold() {
    let column = |name: &str, ty| FileColumn {
        name: name.to_owned(),
        ty,
    };
    let of = |threads: usize| {
        let file = Typed {
            columns: vec![column("x", Type::Number), column("day", Type::Text)],
            units: vec![
                vec![["1.5", "2024-01-01"], ["NaN", "2024-01-02"]],
                vec![["", "2024-01-01"], ["-2", ""]],
            ],
        };
        let input = Input {
            name: "t.parquet".to_owned(),
            names: Some(vec!["x".to_owned(), "day".to_owned()]),
            width: 2,
            opened: Opened::File(Box::new(file)),
        };
        let options = options(threads, 1 << 20, Kernel::detect());
        let setting = Setting {
            limits: narrow(),
            wanted: Wanted::all(),
            point: b'.',
        };
        let shards = Shards::new(setting, Tokens::new(None), None);
        let mut tally = Tally::new(0);
        let layout = tally.start(&input, &shards);
        super::run(0, input, &layout, &options, &shards, &mut tally).expect("it can be read");
        tally
            .finish(shards, &options)
            .expect("all columns are there")
    };
    let statistics = of(1);
    assert_eq!(of(3).to_json(), statistics.to_json());
    let [x, day] = statistics.columns.as_slice() else {
        panic!("two columns: {statistics:?}");
    };
    assert_eq!((x.logical_type, x.values, x.not_finite), ("number", 3, 1));
    assert_eq!(x.sum.as_ref().map(Scalar::as_str), Some("-0.5"));
    assert_eq!((x.mean, x.nulls.count), (Some(-0.25), 1));
    // It looks like a date, and the file says that it is none. An empty text is null, as everywhere here.
    assert_eq!((day.logical_type, day.values), ("string", 3));
    assert_eq!(statistics.inputs[0].format, Format::Parquet.to_string());
}
