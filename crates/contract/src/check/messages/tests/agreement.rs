//! Goal: a batch of anything is judged as a file of it, record by record, in pieces, and by every kernel.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tamis_engine::kernel::Kernel;
use tamis_engine::source::MemorySource;

use super::super::super::tests::{fields, properties, soak_factor};
use super::super::super::{Check, CheckOptions, RecordCheck, Unchecked};
use super::super::line::without_schema_id;
use super::super::{MessageCheck, Payload, Verdicts, Violation};
use super::{check, judge};
use crate::model::{
    CsvFacts, ExtraColumns, LogicalType, Object, Operator, Property, Quality, QualityKind,
};
use crate::report::{Report, Sample};

/// The violations of each message, in the order of the batch.
fn by_message(verdicts: &Verdicts) -> Vec<Vec<Violation>> {
    let mut all = vec![Vec::new(); verdicts.total()];
    for bad in verdicts.bad() {
        assert!(!bad.violations.is_empty() && !bad.reason().is_empty());
        all[bad.index].clone_from(&bad.violations);
    }
    all
}

/// What a check of one record says, if it is bad.
fn of_samples(samples: Vec<Sample>) -> Vec<Violation> {
    if !samples.iter().any(RecordCheck::makes_bad) {
        return Vec::new();
    }
    let violation = |sample: Sample| Violation {
        column: sample.column,
        rule: sample.rule,
        value: sample.value,
        message: sample.message,
        severity: sample.severity,
    };
    samples.into_iter().map(violation).collect()
}

/// A value as a file would have it.
fn line_of(value: &[u8]) -> &[u8] {
    let value = without_schema_id(value);
    value.strip_suffix(b"\n").unwrap_or(value)
}

/// The report of a file that holds these lines.
fn in_a_file(check: &Check, name: &str, header: &str, lines: &[&[u8]]) -> Report {
    let mut text = header.as_bytes().to_vec();
    for line in lines {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    let options = CheckOptions {
        threads: 1,
        samples_max: usize::MAX,
        ..CheckOptions::default()
    };
    let source = MemorySource::new(name, text);
    check.run(&[&source], &options, None, None).unwrap()
}

/// The violations of each row of a report, without the message, which may name a byte of the file.
fn rows_of(report: Report, header_rows: usize, rows: usize) -> Vec<Vec<Violation>> {
    let mut samples = vec![Vec::new(); rows];
    assert_eq!(report.rows.total as usize, rows + header_rows);
    for sample in report.samples {
        let Some(row) = sample
            .row
            .and_then(|row| (row as usize).checked_sub(header_rows + 1))
        else {
            continue;
        };
        samples[row].push(sample);
    }
    samples
        .into_iter()
        .map(of_samples)
        .map(without_messages)
        .collect()
}

fn without_messages(violations: Vec<Violation>) -> Vec<Violation> {
    let without = |violation: Violation| Violation {
        message: String::new(),
        ..violation
    };
    violations.into_iter().map(without).collect()
}

/// The same in any cut, with any kernel, and alone.
fn assert_consistent(
    check: &Check,
    payload: Payload,
    values: &[Vec<u8>],
    cuts: &[usize],
) -> Result<Vec<Vec<Violation>>, TestCaseError> {
    let mut messages = MessageCheck::new(check, payload).unwrap();
    let verdicts = judge(&messages, values);
    let expected = by_message(&verdicts);
    prop_assert!(
        verdicts
            .bad()
            .is_sorted_by(|one, next| one.index < next.index)
    );
    let mut from = 0;
    let mut cut = Vec::new();
    for to in cuts
        .iter()
        .map(|cut| from + cut)
        .collect::<Vec<_>>()
        .into_iter()
        .chain([values.len()])
    {
        let to = to.clamp(from, values.len());
        cut.extend(by_message(&judge(&messages, &values[from..to])));
        from = to;
    }
    prop_assert_eq!(&cut, &expected);
    let records = RecordCheck::new(check, Unchecked::Refuse).unwrap();
    for (value, found) in values.iter().zip(&expected) {
        let alone = by_message(&judge(&messages, std::slice::from_ref(value)));
        prop_assert_eq!(&alone[0], found, "{:?}", value);
        let line = line_of(value);
        let is_blank = line.trim_ascii().is_empty();
        let is_json = line.trim_ascii_start().first() == Some(&b'{');
        let is_same = match payload {
            Payload::Json => is_json && !line.contains(&b'\n'),
            Payload::Csv => !is_json && !is_blank,
        };
        if is_same {
            // A line end more is no record more.
            let line = records.judge_line(without_schema_id(value)).unwrap();
            prop_assert_eq!(&of_samples(line), found, "{:?}", value);
        }
    }
    for kernel in Kernel::available() {
        messages = MessageCheck::new(check, payload).unwrap();
        messages.options.kernel = kernel;
        let again = judge(&messages, values);
        prop_assert_eq!(by_message(&again), expected.clone(), "{:?}", kernel);
        prop_assert!(again.by_rule().eq(verdicts.by_rule()));
    }
    Ok(expected)
}

/// Properties without thresholds, which one message cannot break.
fn judged_alone() -> impl Strategy<Value = Property> {
    properties().prop_map(|mut property| {
        let is_rule = |quality: &Quality| {
            matches!(
                quality.kind,
                QualityKind::Metric {
                    operator: Operator::MustBe(_),
                    ..
                }
            )
        };
        property.quality.retain(is_rule);
        property
    })
}

fn json_scalars() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => fields().prop_map(|text| serde_json::Value::from(text).to_string()),
        2 => any::<i64>().prop_map(|number| number.to_string()),
        2 => (-20..4000i32).prop_map(|number| (f64::from(number) / 4.0).to_string()),
        3 => select(vec![
            "null", "true", "{}", "[ ]", "1e300", "1e400", "-0", "01", "1.", "nul", "\"\\u0044E\"", "\"\\ud800\"",
            "\"\\x\"", "\"a\tb\"", "99999999999999999999999999999999999999999999", "1e-999999999", "\"\\\"", "",
            "{\"a\":{\"b\":[1,{\"c\":null}]}}", "{\"z\":1,\"z\":2}", "[[[[[[[[[[", "\"unclosed",
        ])
        .prop_map(str::to_owned),
        1 => (100..140usize).prop_map(|depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth))),
    ]
}

/// Values of messages that are JSON, nearly so, or not at all.
fn json_messages() -> impl Strategy<Value = Vec<u8>> {
    let keys = select(vec!["x", "y", "n", "z", "\\u0078", "x\n"]);
    let member = (keys, json_scalars(), select(vec!["", " ", "\n", "\r\n\t"]));
    let object = vec(member, 0..4).prop_map(|members| {
        let member = |(key, value, space): (&str, String, &str)| {
            format!("{space}\"{key}\":{space}{value}{space}")
        };
        let members: Vec<_> = members.into_iter().map(member).collect();
        format!("{{{}}}", members.join(",")).into_bytes()
    });
    let nested = json_scalars()
        .prop_map(|value| format!("{{\"n\":{{\"m\":{value},\"o\":1}},\"x\":\"DE\"}}").into_bytes());
    let good = Just(b"{\"x\":\"DE\",\"y\":5}".to_vec());
    let base = prop_oneof![4 => object, 2 => nested, 2 => good, 1 => json_scalars().prop_map(String::into_bytes)];
    let around = select(vec![
        (&b""[..], &b""[..]),
        (b"", b"\n"),
        (b" ", b"\r\n"),
        (b"\n\n", b" "),
        (b"\0\0\0\x01\x02", b""),
        (b"\xef\xbb\xbf", b""),
        (b"", b"{}"),
        (b"", b"\xff"),
        (b"\0", b""),
        (b"", b"\xe2\x82"),
        (b"", b"\"}"),
    ]);
    let framed = (
        base,
        prop_oneof![6 => Just((&b""[..], &b""[..])), 4 => around],
    )
        .prop_map(|(base, (before, after))| [before, &base, after].concat());
    prop_oneof![
        12 => framed,
        1 => vec(select(b"{}[]\":,\\ \n\r\tx1e.-\xff\xc3\xa9\0".to_vec()), 0..12),
    ]
}

fn csv_messages(field_count: usize) -> impl Strategy<Value = Vec<u8>> {
    let counted = prop_oneof![8 => Just(field_count), 1 => 0..5usize];
    let ends = select(vec![
        "", "", "", "\n", "\r\n", "\r", "\n\n", "\"", "\\", " ",
    ]);
    let starts = select(vec![
        "",
        "",
        "",
        "",
        "#",
        "\u{feff}",
        " ",
        "\"",
        "\0\0\0\0\0",
    ]);
    let record =
        (counted, vec(fields(), 5), starts, ends).prop_map(|(count, fields, start, end)| {
            format!("{start}{}{end}", fields[..count].join(",")).into_bytes()
        });
    prop_oneof![
        12 => record,
        1 => vec(select(b",\"\\#ab5\n\r\t \xff\xc3\xa9".to_vec()), 0..12),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300 * soak_factor()))]

    #[test]
    fn json_is_judged_as_in_a_file_and_as_alone(
        property in judged_alone(),
        inner in judged_alone(),
        refuses_extra: bool,
        has_expression: bool,
        values in vec(json_messages(), 0..60),
        cuts in vec(0..20usize, 0..6),
    ) {
        let nested = Property::of_type("n", LogicalType::Object);
        let nested = Property { properties: vec![Property { name: "m".into(), ..inner }], ..nested };
        let mut object = Object::new("orders").property(property).property(Property::integer("y")).property(nested);
        if refuses_extra {
            object = object.extra_columns(ExtraColumns::Refuse);
        }
        if has_expression {
            object = object.quality(Quality::expression("y == null || y > 3"));
        }
        let check = check(&object);
        let found = assert_consistent(&check, Payload::Json, &values, &cuts)?;
        // In a file they stand as lines; where that would say something else they are left out.
        let lines = values.iter().zip(&found).filter_map(|(value, found)| {
            let line = line_of(value);
            let is_line = !line.contains(&b'\n') && !line.trim_ascii().is_empty();
            is_line.then_some((line, found.clone()))
        });
        let (lines, found): (Vec<&[u8]>, Vec<_>) = lines.unzip();
        let report = in_a_file(&check, "values.jsonl", "{\"x\":\"first\"}\n", &lines);
        let rows = rows_of(report, 1, lines.len());
        for (line, (row, found)) in lines.iter().zip(rows.into_iter().zip(found)) {
            prop_assert_eq!(row, without_messages(found), "{:?}", line);
        }
    }

    #[test]
    fn csv_is_judged_as_in_a_file_and_as_alone(
        property in judged_alone(),
        dialect in select(vec![
            CsvFacts::default(),
            CsvFacts { comment: Some(Some(b'#')), ..CsvFacts::default() },
            CsvFacts { escape: Some(Some(b'\\')), trim: Some(true), ..CsvFacts::default() },
            CsvFacts { quote: Some(None), missing_values: Some(vec!["NA".into()]), ..CsvFacts::default() },
            CsvFacts { delimiter: Some(b'\t'), trim: Some(true), ..CsvFacts::default() },
        ]),
        field_count in 1..3usize,
        has_expression: bool,
        values in vec(csv_messages(2), 0..60),
        cuts in vec(0..20usize, 0..6),
    ) {
        let mut object = Object::new("orders").csv(dialect.clone()).property(property);
        if field_count == 2 {
            object = object.property(Property::new("y"));
            if has_expression {
                object = object.quality(Quality::expression("y != 'DE'"));
            }
        }
        let check = check(&object);
        let found = assert_consistent(&check, Payload::Csv, &values, &cuts)?;
        let lines = values.iter().zip(&found).filter_map(|(value, found)| {
            let line = line_of(value);
            let is_whole = |rule: &Violation| rule.rule != "unclosedQuote" && !rule.message.starts_with("must be one record");
            found.iter().all(is_whole).then_some((line, found.clone()))
        });
        let (lines, found): (Vec<&[u8]>, Vec<_>) = lines.unzip();
        let delimiter = char::from(dialect.delimiter.unwrap_or(b','));
        let header = if field_count == 2 { format!("x{delimiter}y\n") } else { "x\n".to_owned() };
        let report = in_a_file(&check, "values.csv", &header, &lines);
        let rows = rows_of(report, 0, lines.len());
        for (line, (row, found)) in lines.iter().zip(rows.into_iter().zip(found)) {
            prop_assert_eq!(row, without_messages(found), "{:?}", line);
        }
    }
}
