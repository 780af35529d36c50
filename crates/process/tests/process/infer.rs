//! An inferred contract passes on the data it comes from, whatever the data, and is the same however it is read.

use std::collections::HashSet;
use std::num::NonZero;

use proptest::collection::vec;
use proptest::prelude::*;
use tamis_contract::check::{Check, CheckOptions, Unchecked};
use tamis_contract::model::{CsvFacts, LogicalType, Object, Value};
use tamis_contract::odcs;
use tamis_contract::report::Report;
use tamis_engine::control::{Cancel, Progress};
use tamis_engine::kernel::Kernel;
use tamis_engine::sink::{MemorySink, Sink};
use tamis_engine::source::{MemorySource, Source};
use tamis_process::Error;
use tamis_process::generate::{Format, Recipe};
use tamis_process::infer::{InferOptions, Inferred, infer};

fn cases(count: u32) -> ProptestConfig {
    // `TAMIS_SOAK=n` runs `n` times as many.
    let factor = std::env::var("TAMIS_SOAK").ok();
    let factor: u32 = factor.map_or(1, |factor| factor.parse().expect("TAMIS_SOAK is a number"));
    ProptestConfig::with_cases(factor * count)
}

fn options(threads: usize, chunk_bytes: usize) -> InferOptions {
    InferOptions {
        threads,
        chunk_bytes,
        ..InferOptions::default()
    }
}

fn source(name: &str, bytes: &[u8]) -> MemorySource {
    MemorySource::new(name, bytes.to_vec())
}

/// Infers, sends the contract through its text, and checks the data with what comes out.
fn infer_and_check(source: &dyn Source, options: &InferOptions) -> (Inferred, Object, Report) {
    let inferred = infer(&[source], options).expect("it can be read");
    let text = odcs::to_yaml(&inferred.contract);
    let reading = odcs::read("inferred.odcs.yaml", text.as_bytes())
        .unwrap_or_else(|error| panic!("{:?}\n{text}", error.diagnostics));
    assert_eq!(reading.diagnostics, [], "{text}");
    assert_eq!(reading.contract, inferred.contract, "{text}");
    let object = reading.contract.objects[0].clone();
    let check =
        Check::compile(&reading.contract, &object, Unchecked::Refuse).expect("no rules beyond us");
    let check_options = CheckOptions {
        threads: 1,
        // What the contract cannot say: the rest is in it.
        format: options.format,
        strict: true,
        ..CheckOptions::default()
    };
    let report = check
        .run(&[source], &check_options, None, None)
        .expect("it can be read");
    (inferred, object, report)
}

/// Checks that nothing but malformed records is wrong, and that every way of reading agrees.
fn holds(name: &str, bytes: &[u8], csv: CsvFacts) -> Result<(), TestCaseError> {
    let source = source(name, bytes);
    let base = InferOptions {
        csv,
        ..options(1, 1 << 20)
    };
    // A header in another encoding, or zeros that look like UTF-16: a check would refuse it as well.
    if let Err(Error::Format { .. }) = infer(&[&source], &base) {
        return Ok(());
    }
    let (inferred, _, report) = infer_and_check(&source, &base);
    prop_assert_eq!(report.rows.total, inferred.rows);
    prop_assert_eq!(
        report.rows.invalid,
        inferred.malformed,
        "{}",
        report.to_json()
    );
    let structural = [
        "fieldCount",
        "unclosedQuote",
        "utf8",
        "json",
        "object",
        "duplicateKey",
    ];
    for count in &report.violations.by_rule {
        prop_assert!(
            structural.contains(&count.rule.as_str()) || count.column.is_none(),
            "{:?}\n{}",
            count,
            odcs::to_yaml(&inferred.contract)
        );
    }
    for (threads, chunk_bytes) in [(1, 1), (2, 7), (3, 64)] {
        for kernel in [Kernel::scalar(), Kernel::detect()] {
            let otherwise = InferOptions {
                threads,
                chunk_bytes,
                kernel,
                ..base.clone()
            };
            let again = infer(&[&source], &otherwise).expect("it can be read");
            prop_assert_eq!(&again, &inferred);
            let streamed =
                infer(&[&source.clone().as_stream(5)], &otherwise).expect("it can be read");
            prop_assert_eq!(&streamed, &inferred);
        }
    }
    Ok(())
}

/// Values of a column that may agree on a type, or not.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (-20_i64..2000).prop_map(|number| number.to_string()),
        2 => (-999_i64..999, 0_u32..4).prop_map(|(number, digits)| format!("{number}.{digits}")),
        1 => "[0-9]{17,45}",
        1 => "0[0-9]{1,3}",
        1 => "-?[0-9]{0,3}\\.?[0-9]{0,3}[eE][-+]?[0-9]{1,3}",
        2 => "20[0-2][0-9]-[01][0-9]-[0-3][0-9]",
        2 => "20[0-2][0-9]-0[1-9]-[0-2][0-9][T ][0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]0[0-9]:?30)?",
        1 => "[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?",
        1 => prop_oneof![Just("true"), Just("FALSE"), Just("False")].prop_map(str::to_owned),
        3 => prop_oneof![
            Just("NA"), Just("null"), Just("None"), Just("\\N"), Just("nan"), Just(""), Just("n/a")
        ].prop_map(str::to_owned),
        2 => "[A-Z]{2}",
        2 => "[0-3]?[0-9][/.-]([01]?[0-9]|Jan|Dec)[/.-]20[0-2][0-9]( [0-2]?[0-9]:[0-5][0-9])?",
        1 => "[a-c]{1,3}(@|://|\\.)[a-c]{1,3}|[0-9a-f]{8}-[0-9a-f]{4}-4000-8000-[0-9a-f]{12}",
        1 => "1?[0-9]\\.0\\.0\\.[0-9]|::[0-9a-f]{1,4}",
        1 => "\\PC{0,6}",
        1 => "[ \"',;:#\\\\\n\r\t\u{0}é\u{feff}-]{0,4}",
    ]
}

/// A column: each value by itself, or all of one kind, with nulls.
fn table() -> impl Strategy<Value = Vec<Vec<String>>> {
    (1..5_usize, 0..12_usize).prop_flat_map(|(width, rows)| vec(vec(cell(), width), rows))
}

/// A table whose columns each choose from a few values, so that types are often met.
fn regular_table() -> impl Strategy<Value = Vec<Vec<String>>> {
    (vec(vec(cell(), 1..3), 1..5), vec(any::<[u8; 5]>(), 0..12)).prop_map(|(choices, rows)| {
        let row = |row: &[u8; 5]| {
            let columns = choices.iter().zip(row);
            columns
                .map(|(values, &pick)| values[pick as usize % values.len()].clone())
                .collect()
        };
        rows.iter().map(row).collect()
    })
}

fn write_csv(header: &[String], rows: &[Vec<String>], delimiter: u8) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter)
        .from_writer(Vec::new());
    writer.write_record(header).expect("memory takes it");
    for row in rows {
        writer.write_record(row).expect("memory takes it");
    }
    writer.into_inner().expect("memory takes it")
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        (-1000_i32..1000).prop_map(|number| (f64::from(number) / 8.0).into()),
        cell().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Into::into),
            vec((json_key(), inner), 0..3)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

fn json_key() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[abc]", 1 => "a\\.b|\"|é|column_1|" ]
}

proptest! {
    #![proptest_config(cases(32))]

    /// A check must read the input by the contract as it was read to make it, whatever was taken for what.
    #[test]
    fn what_nobody_states_is_in_the_contract(
        rows in prop_oneof![table(), regular_table()],
        delimiter in prop_oneof![Just(b','), Just(b';'), Just(b'\t'), Just(b'|'), Just(1), Just(b':')],
        names in vec("[a-d]|[0-9]|", 5),
    ) {
        let bytes = write_csv(&names[..rows.first().map_or(2, Vec::len)], &rows, delimiter);
        holds("t.csv", &bytes, CsvFacts::default())?;
        holds("t", &bytes, CsvFacts::default())?;
        holds("t", &[b"#\n# by hand\n", &bytes[..]].concat(), CsvFacts::default())?;
        let other_quotes = |byte: &u8| if *byte == b'"' { b'\'' } else { *byte };
        let quoted: Vec<u8> = bytes.iter().map(other_quotes).collect();
        holds("t.csv", &quoted, CsvFacts::default())?;
        let wide = String::from_utf8_lossy(&bytes);
        let wide: Vec<u8> = wide.encode_utf16().flat_map(u16::to_le_bytes).collect();
        holds("t.csv", &[&b"\xFF\xFE"[..], &wide].concat(), CsvFacts::default())?;
    }
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn tables_keep_their_contract(
        rows in prop_oneof![table(), regular_table()],
        delimiter in prop_oneof![Just(b','), Just(b';'), Just(b'\t')],
        names in vec(prop_oneof![4 => "[a-d]", 1 => "column_1|é|x y|\"|\\.|1|true|" ], 5),
    ) {
        let width = rows.first().map_or(2, Vec::len);
        let bytes = write_csv(&names[..width], &rows, delimiter);
        let csv = CsvFacts { delimiter: Some(delimiter), ..CsvFacts::default() };
        holds("t.csv", &bytes, csv.clone())?;
        holds("t.csv", &bytes, CsvFacts { header: Some(false), trim: Some(true), ..csv.clone() })?;
        let csv = CsvFacts { escape: Some(Some(b'\\')), comment: Some(Some(b'#')), ..csv };
        holds("t.csv", &bytes, csv)?;
    }

    #[test]
    fn any_bytes_keep_their_contract(
        bytes in vec(prop_oneof![
            4 => prop_oneof![Just(b','), Just(b'\n'), Just(b'"'), Just(b'\r')],
            6 => b'0'..b'4',
            1 => any::<u8>(),
        ], 0..60),
    ) {
        // Most of these would not do for a header, so here is one.
        holds("t.csv", &[b"a,b\n", &bytes[..]].concat(), CsvFacts::default())?;
        holds("t.csv", &bytes, CsvFacts { header: Some(false), ..CsvFacts::default() })?;
        let lines = [b"{\"a\":1}\n", &bytes[..]].concat();
        holds("t.jsonl", &lines, CsvFacts::default())?;
    }

    #[test]
    fn json_lines_keep_their_contract(
        records in vec(vec((json_key(), json_value()), 0..4), 0..10),
        duplicates in any::<bool>(),
    ) {
        let mut lines = String::new();
        for members in &records {
            // Written by hand, since a map would drop keys that come twice.
            let mut written: Vec<String> = Vec::new();
            let mut keys = Vec::new();
            for (key, value) in members {
                if duplicates || !keys.contains(&key) {
                    written.push(format!("{}:{}", serde_json::Value::from(key.as_str()), value));
                }
                keys.push(key);
            }
            lines.push_str(&format!("{{{}}}\n", written.join(",")));
        }
        holds("t.jsonl", lines.as_bytes(), CsvFacts::default())?;
    }
}

/// What the examples promise: `NA` is null, every column has the type a person would give it.
#[test]
fn flights_are_understood() {
    let bytes = include_bytes!("../../../../examples/flights.csv");
    let (inferred, object, report) = infer_and_check(
        &source("examples/flights.csv", bytes),
        &options(2, 64 << 10),
    );
    assert!(report.passed);
    assert_eq!((report.violations.total, report.rows.total), (0, 9_103));
    assert_eq!(object.name, "flights");
    assert_eq!(object.csv.missing_values, Some(vec!["NA".to_owned()]));
    let summary: Vec<String> = object
        .properties
        .iter()
        .map(|property| {
            let logical_type = property.logical_type.map_or("none", LogicalType::name);
            let required = if property.required { "!" } else { "" };
            format!("{} {logical_type}{required}", property.name)
        })
        .collect();
    let expected = [
        "year integer!",
        "month integer!",
        "day integer!",
        "dep_time integer",
        "sched_dep_time integer!",
        "dep_delay integer",
        "arr_time integer",
        "sched_arr_time integer!",
        "arr_delay integer",
        "carrier string!",
        "flight integer!",
        "tailnum string",
        "origin string!",
        "dest string!",
        "air_time integer",
        "distance integer!",
        "hour integer!",
        "minute integer!",
        "time_hour timestamp!",
    ];
    assert_eq!(summary, expected);
    let text = odcs::to_yaml(&inferred.contract);
    assert!(text.contains("validValues: [EWR, JFK, LGA]"), "{text}");
    assert!(
        inferred
            .notes
            .iter()
            .any(|note| note.starts_with("`NA` is null")),
        "{:?}",
        inferred.notes
    );
}

#[test]
fn generated_data_is_understood_in_both_formats() {
    for (format, name) in [(Format::Csv, "tx.csv"), (Format::Jsonl, "tx.jsonl")] {
        let recipe = Recipe {
            rows: 2_000,
            bad_rate: 0.0,
            seed: 7,
            format,
        };
        let (mut sink, output) = MemorySink::new("rows");
        recipe
            .write(
                &mut sink,
                NonZero::<usize>::MIN,
                &Cancel::new(),
                &Progress::new(),
            )
            .expect("a good recipe");
        Box::new(sink).finish().expect("memory takes it");
        let rows = source(name, &output.bytes().expect("finished"));
        let (inferred, object, report) = infer_and_check(&rows, &options(2, 10_000));
        assert!(report.passed, "{}", odcs::to_yaml(&inferred.contract));
        let types: Vec<&str> = object
            .properties
            .iter()
            .filter_map(|property| property.logical_type.map(LogicalType::name))
            .collect();
        assert_eq!(
            types,
            [
                "string",
                "number",
                "timestamp",
                "string",
                "string",
                "string"
            ],
            "{name}"
        );
    }
}

#[test]
fn nested_members_become_properties() {
    let lines = br#"{"id":1,"at":{"city":"Bonn","tags":[]},"x":1}
{"id":2,"at":null,"x":"1"}
{"id":2.5,"at":{"city":null},"x":1}
"#;
    let (_, object, report) = infer_and_check(&source("a.jsonl", lines), &options(1, 1));
    assert!(report.passed);
    let [id, at, x] = object.properties.as_slice() else {
        panic!("{object:?}");
    };
    assert_eq!(
        (id.logical_type, id.required),
        (Some(LogicalType::Number), true)
    );
    assert_eq!(
        (at.logical_type, at.required),
        (Some(LogicalType::Object), false)
    );
    let inside: Vec<_> = at
        .properties
        .iter()
        .map(|member| (member.name.as_str(), member.logical_type))
        .collect();
    assert_eq!(
        inside,
        [
            ("city", Some(LogicalType::String)),
            ("tags", Some(LogicalType::Array))
        ]
    );
    assert_eq!((x.logical_type, x.required), (None, true));
}

#[test]
fn null_tokens_are_what_the_caller_says() {
    let bytes = b"code,count\nDE,1\nNA,-\nFR,-\n";
    let csv = CsvFacts {
        missing_values: Some(vec!["-".to_owned()]),
        ..CsvFacts::default()
    };
    let given = InferOptions {
        csv,
        ..InferOptions::default()
    };
    let (_, object, report) = infer_and_check(&source("a.csv", bytes), &given);
    assert!(report.passed);
    assert_eq!(
        object.properties[1].logical_type,
        Some(LogicalType::Integer)
    );
    assert_eq!(
        (object.properties[0].required, object.properties[1].required),
        (true, false)
    );
}

/// Columns of every kind that a contract has a word for, found in CSV and JSON lines alike.
#[test]
fn formats_dates_and_keys_are_found() {
    let rows = [
        [
            "1",
            "a@b.org",
            "31/12/2024",
            "05/04/2024",
            "0.50",
            "DE",
            "https://a.b/c",
        ],
        [
            "2",
            "c@d.org",
            "01/02/2023",
            "06/07/2024",
            "-10.5",
            "DE",
            "https://a.b/d",
        ],
        [
            "10",
            "e@f.org",
            "15/06/2020",
            "01/12/2020",
            "3",
            "FR",
            "ftp://a.b",
        ],
    ];
    let names = ["id", "mail", "day", "either", "amount", "land", "link"];
    let csv = write_csv(
        &names.map(str::to_owned),
        &rows.map(|row| row.map(str::to_owned).to_vec()),
        b',',
    );
    let lines: String = rows
        .iter()
        .map(|row| {
            let values = names.iter().zip(row).map(|(name, value)| match *name {
                "id" | "amount" => format!("{name:?}:{value}"),
                _ => format!("{name:?}:{value:?}"),
            });
            format!("{{{}}}\n", values.collect::<Vec<_>>().join(","))
        })
        .collect();
    for (name, bytes) in [("a.csv", csv.as_slice()), ("a.jsonl", lines.as_bytes())] {
        let (inferred, object, report) = infer_and_check(&source(name, bytes), &options(2, 9));
        assert!(report.passed, "{}", report.to_json());
        let summary: Vec<String> = object
            .properties
            .iter()
            .map(|property| {
                let logical_type = property.logical_type.map_or("none", LogicalType::name);
                let limits = tamis_contract::describe::limits(&property.constraints).join("; ");
                let unique = if property.unique { "unique " } else { "" };
                format!("{}: {unique}{logical_type}, {limits}", property.name)
            })
            .collect();
        let expected = [
            "id: unique integer, 1 to 10",
            "mail: unique string, 7 characters; format `email`",
            "day: unique date, 2020-06-15T00:00:00 to 2024-12-31T00:00:00; format `dd/MM/yyyy`",
            "either: unique string, 10 characters",
            "amount: number, -10.5 to 3",
            "land: string, 2 characters",
            "link: unique string, 9 to 13 characters; format `uri`",
        ];
        assert_eq!(summary, expected, "{name}");
        let physical = &object.properties[4].extra[0].1;
        assert_eq!(*physical, Value::Text("decimal(4,2)".to_owned()));
        let note = "`either` is a string of dates: nothing tells whether the day comes first";
        assert!(inferred.notes[0].starts_with(note), "{:?}", inferred.notes);
    }
}

#[test]
fn what_is_asked_for_is_found() {
    let mut text = "id,code\n".to_owned();
    (0..300).for_each(|row| text.push_str(&format!("{row},c{}\n", row % 25)));
    let source = source("a.csv", text.as_bytes());
    let infer_with = |finds_unique, listed_max| {
        let options = InferOptions {
            finds_unique,
            listed_max,
            ..InferOptions::default()
        };
        let (_, object, report) = infer_and_check(&source, &options);
        assert!(report.passed);
        let [id, code] = object.properties.as_slice() else {
            panic!("{object:?}");
        };
        (id.unique, code.quality.len())
    };
    assert_eq!(infer_with(true, 20), (true, 0));
    assert_eq!(infer_with(false, 25), (false, 1));
}

/// A key on disk is as good as one in memory.
#[test]
fn keys_beyond_the_budget_are_compared_on_disk() {
    for (last, is_unique) in [("30000", true), ("17", false)] {
        let rows: String = (0..30_000).map(|row| format!("{row}\n")).collect();
        let source = source("a.csv", format!("id\n{rows}{last}\n").as_bytes());
        let options = InferOptions {
            memory_bytes: 1,
            ..options(2, 1000)
        };
        let (_, object, report) = infer_and_check(&source, &options);
        assert!(report.passed);
        assert_eq!(object.properties[0].unique, is_unique);
    }
}

#[test]
fn several_inputs_make_one_contract() {
    let first = source("drop/a-1.csv", b"id;x;day\n1;1,5;NA\n2;2,25;2024-01-01\n");
    let second = source(
        "drop/a-2.csv",
        b"day;id;y\n2024-01-02;3;true\n2024-01-03;1;false\n",
    );
    let sources: [&dyn Source; 2] = [&first, &second];
    let inferred = infer(&sources, &options(2, 5)).expect("they can be read");
    let object = &inferred.contract.objects[0];
    assert_eq!((object.name.as_str(), inferred.rows), ("a", 4));
    let summary: Vec<String> = object
        .properties
        .iter()
        .map(|it| {
            let logical_type = it.logical_type.map_or("none", LogicalType::name);
            let words = tamis_contract::describe::required(it);
            format!("{} {logical_type} {words} {}", it.name, it.unique)
        })
        .collect();
    let expected = [
        "id integer yes false",
        "x number if present false",
        "day date  false",
        "y boolean if present false",
    ];
    assert_eq!(summary, expected);
    let check = Check::compile(&inferred.contract, object, Unchecked::Refuse).expect("all known");
    let report = check.run(&sources, &CheckOptions::default(), None, None);
    let report = report.expect("they can be read");
    assert!(report.passed, "{}", report.to_json());

    let refused = |others: &dyn Source| {
        let error = infer(&[&first, others], &options(1, 100)).unwrap_err();
        error.to_string()
    };
    let lines = source("b.jsonl", b"{\"id\":1}\n");
    assert_eq!(
        refused(&lines),
        "`b.jsonl` is not of the same format as `drop/a-1.csv`"
    );
    let others = source("c.csv", b"a;b\n1;2\n");
    assert_eq!(
        refused(&others),
        "`c.csv` has no column `id`, which `drop/a-1.csv` has"
    );
}

#[test]
fn inputs_without_records_have_a_contract_too() {
    for bytes in ["", "\n\r\n", "a,b", "a,b\n\n"] {
        for header in [true, false] {
            let csv = CsvFacts {
                header: Some(header),
                ..CsvFacts::default()
            };
            holds("t.csv", bytes.as_bytes(), csv).expect("it holds");
        }
        holds(
            "t.jsonl",
            &b"\n{}\n"[..bytes.len().min(4)],
            CsvFacts::default(),
        )
        .expect("it holds");
    }
}

#[test]
fn names_that_repeat_or_are_empty_pass_their_contract() {
    for header in ["a,b,a", ",,", "a,,", "column_2,,a", "a,a,a"] {
        let bytes = format!("{header}\n1,2,3\n4,5,x\n");
        let (inferred, object, report) =
            infer_and_check(&source("a.csv", bytes.as_bytes()), &options(1, 1 << 20));
        assert!(report.passed, "{header}: {}", report.to_json());
        let columns: HashSet<&str> = header.split(',').collect();
        assert_eq!(object.properties.len(), columns.len(), "{header}");
        let passed_over = inferred
            .notes
            .iter()
            .filter(|note| note.contains("tamis.duplicateColumns"));
        assert_eq!(
            passed_over.count(),
            3 - columns.len(),
            "{:?}",
            inferred.notes
        );
    }
}

/// A draft that nobody can read is none.
#[test]
fn a_contract_that_could_not_be_read_is_not_written() {
    let wide = |count: usize, name_bytes: usize| {
        let long = "x".repeat(name_bytes);
        let names = (0..count).map(|index| format!("{long}{index}"));
        let header = names.collect::<Vec<_>>().join(",");
        let row = vec!["7"; count].join(",");
        source("wide.csv", format!("{header}\n{row}\n").as_bytes())
    };
    let (_, object, report) = infer_and_check(&wide(10_000, 9), &options(1, 1 << 20));
    assert!(report.passed);
    assert_eq!(object.properties.len(), 10_000);
    // The names alone are too long, or what is said of each column.
    for wide in [wide(10, 1_000_000), wide(70_000, 9)] {
        let error = infer(&[&wide], &options(1, 1 << 20)).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("would be larger than 8 MiB, and none that large is read"),
            "{error}"
        );
    }
}

#[test]
fn keys_that_are_data_are_refused() {
    let lines: String = (0..11_000)
        .map(|id| format!("{{\"user {id}\":1}}\n"))
        .collect();
    for chunk_bytes in [1 << 10, 1 << 20] {
        let error = infer(
            &[&source("a.jsonl", lines.as_bytes())],
            &options(2, chunk_bytes),
        )
        .unwrap_err();
        assert!(matches!(error, Error::TooManyKeys { .. }), "{error}");
    }
}
