//! Goal: messages are judged as the records of a file are, each as if it were alone.

mod agreement;

use tamis_engine::number::Decimal;
use tamis_engine::sink::MemorySink;
use tamis_engine::source::MemorySource;

use super::super::tests::contract;
use super::super::{Check, CheckError, CheckOptions, Unchecked};
use super::{BadMessage, MessageCheck, Payload, VIOLATIONS_MAX, Verdicts};
use crate::model::{CsvFacts, ExtraColumns, Metric, Object, Operator, Property, Quality, Severity};

type Values = Vec<Vec<u8>>;

fn check(object: &Object) -> Check {
    Check::compile(&contract(object.clone()), object, Unchecked::Refuse).unwrap()
}

fn judge(messages: &MessageCheck, values: &[Vec<u8>]) -> Verdicts {
    messages.judge(values.iter().map(|value| Some(value.as_slice())))
}

fn orders() -> Object {
    let country = Metric::InvalidValues {
        valid_values: Some(vec!["DE".into(), "FR".into()]),
        pattern: None,
    };
    let none = Operator::MustBe(Decimal::ZERO);
    Object::new("orders")
        .extra_columns(ExtraColumns::Refuse)
        .property(Property::string("id").required())
        .property(Property::number("amount").minimum(1))
        .property(
            Property::string("country")
                .quality(Quality::metric(country, none).severity(Severity::Warning)),
        )
}

/// `index: reason (column rule value message) ...`
fn told(verdicts: &Verdicts) -> Vec<String> {
    let one = |bad: &BadMessage| {
        let violations = bad.violations.iter().map(|it| {
            format!(
                " ({} {} {} {})",
                it.column.as_deref().unwrap_or("-"),
                it.rule,
                it.value.as_deref().unwrap_or("-"),
                it.message
            )
        });
        let violations: String = violations.collect();
        format!("{}: {}{violations}", bad.index, bad.reason())
    };
    verdicts.bad().iter().map(one).collect()
}

#[test]
fn every_violation_belongs_to_its_message() {
    let messages = MessageCheck::new(&check(&orders()), Payload::Json).unwrap();
    let values: [Option<&[u8]>; 9] = [
        Some(br#"{"id":"a","amount":1}"#),
        None,
        Some(b"{\n  \"id\": \"b\",\n  \"amount\": 0.5,\n  \"country\": \"ES\"\n}\n"),
        Some(b"\0\0\0\0\x09{\"id\":\"c\"}"),
        Some(br#"{"id":"d"}{"id":"e"}"#),
        Some(br#"{"id":null,"amount":0,"memo":1,"note":2}"#),
        Some(b" \r\n"),
        Some(b"{\"id\":\"f\ng\"}"),
        Some(br#"{"id":"h","country":"ES"}"#),
    ];
    let verdicts = messages.judge(values);
    let expected = [
        "1: json (- json - must be one JSON object, the message has no value)",
        "2: amount: minimum (amount minimum 0.5 must be at least 1) (country invalidValues ES must be one of DE, FR)",
        "4: json (- json {\"id\":\"d\"}{\"id\":\"e\"} the end of the line at byte 10)",
        "5: extraColumn; id: required; amount: minimum (memo extraColumn - key `memo` is not in the contract) \
         (note extraColumn - key `note` is not in the contract) (id required - must not be null) \
         (amount minimum 0 must be at least 1)",
        "6: json (- json - must be one JSON object, the value is empty)",
        "7: json (- json {\"id\":\"f\rg\"} a control character to be escaped at byte 8)",
    ];
    assert_eq!(told(&verdicts), expected);
    assert_eq!(verdicts.total(), 9);
    let counts: Vec<_> = verdicts.by_rule().collect();
    assert_eq!(
        counts,
        [
            (None, "json", 4),
            (None, "extraColumn", 2),
            (Some("id"), "required", 1),
            (Some("amount"), "minimum", 2),
            (Some("country"), "invalidValues", 2),
        ]
    );
}

#[test]
fn a_csv_value_is_one_record_whatever_its_neighbours_are() {
    let object = orders().csv(CsvFacts {
        comment: Some(Some(b'#')),
        ..CsvFacts::default()
    });
    let messages = MessageCheck::new(&check(&object), Payload::Csv).unwrap();
    let values = [
        "a,1,DE\r\n",
        "b,1,\"D",
        "c,1,E\"",
        "d,1,\"two\nlines\"",
        "e,1,DE\nf,1,DE",
        "#g,1,DE",
        "h,0,",
        "",
        "i,1,DE\r",
        "j,1",
    ];
    let values: Values = values.iter().map(|it| it.as_bytes().to_vec()).collect();
    let expected = [
        "1: unclosedQuote (- unclosedQuote b,1,\"D a quote opened at byte 4 is never closed)",
        "4: fieldCount (- fieldCount e,1,DE\nf,1,DE must be one record, these are 2)",
        "5: fieldCount (- fieldCount #g,1,DE must be one record, these are 0)",
        "6: amount: minimum (amount minimum 0 must be at least 1)",
        "7: fieldCount (- fieldCount - must be one record, the value is empty)",
        "9: fieldCount (- fieldCount j,1 has 2 fields, the header has 3)",
    ];
    let verdicts = judge(&messages, &values);
    assert_eq!(told(&verdicts), expected);
    let field_counts = verdicts.by_rule().find(|rule| rule.1 == "fieldCount");
    assert_eq!(field_counts, Some((None, "fieldCount", 4)));
}

#[test]
fn what_cannot_be_judged_is_refused_at_once() {
    let unique = Object::new("orders").property(Property::integer("id").unique());
    let refused = MessageCheck::new(&check(&unique), Payload::Json).unwrap_err();
    assert!(matches!(refused, CheckError::NeedsAllRecords { rules } if rules.len() == 1));
    let of = |facts: CsvFacts, payload| MessageCheck::new(&check(&orders().csv(facts)), payload);
    let latin1 = || CsvFacts {
        encoding: Some("latin1".into()),
        ..CsvFacts::default()
    };
    let refused = of(latin1(), Payload::Csv).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the contract says that its records are in `latin1`, and the values of messages are read as UTF-8"
    );
    assert!(of(latin1(), Payload::Json).is_ok(), "JSON is always UTF-8");
    let no_sense = CsvFacts {
        delimiter: Some(b'"'),
        ..CsvFacts::default()
    };
    let refused = of(no_sense, Payload::Csv).unwrap_err();
    assert!(matches!(refused, CheckError::Format { .. }));
}

#[test]
fn behind_many_violations_reasons_and_counts_are_kept() {
    let messages = MessageCheck::new(&check(&orders()), Payload::Json).unwrap();
    let count = 20_000;
    let warned = vec![br#"{"id":"a","country":"ES"}"#.to_vec(); count];
    let verdicts = judge(&messages, &[warned.as_slice(), &[b"1".to_vec()]].concat());
    assert_eq!(
        told(&verdicts),
        ["20000: json (- json 1 is not a JSON object)"],
        "messages that are not bad need no room"
    );
    let mut values: Values = vec![br#"{"id":"a","amount":0,"country":"ES"}"#.to_vec(); count];
    values[count - 1] = b"{".to_vec();
    values[count - 2] = br#"{"id":null,"k":1}"#.to_vec();
    values[count - 3] = Vec::new();
    let verdicts = judge(&messages, &values);
    assert_eq!(verdicts.bad().len(), count);
    let listed: usize = verdicts.bad().iter().map(|bad| bad.violations.len()).sum();
    assert_eq!(listed, VIOLATIONS_MAX);
    let reasons: Vec<_> = verdicts.bad()[count - 4..]
        .iter()
        .map(BadMessage::reason)
        .collect();
    let expected = [
        "amount: minimum",
        "json",
        "extraColumn; id: required",
        "json",
    ];
    assert_eq!(reasons, expected);
    let minimum = verdicts.by_rule().find(|rule| rule.1 == "minimum");
    assert_eq!(minimum, Some((Some("amount"), "minimum", count as u64 - 3)));
}

#[test]
fn reasons_are_those_of_a_file_of_bad_records() {
    let check = check(&orders());
    let messages = MessageCheck::new(&check, Payload::Json).unwrap();
    let lines = [
        r#"{"id":"a","amount":0,"country":"ES"}"#,
        r#"{"id":"b"}"#,
        r#"{"memo":1,"note":2,"amount":"x"}"#,
        r#"{"id":"c","country":"ES"}"#,
        "{",
        r#"{"id":"d","id":"e"}"#,
    ];
    let source = MemorySource::new("values.jsonl", lines.join("\n").into_bytes());
    let (sink, written) = MemorySink::new("bad.jsonl");
    let options = CheckOptions::default();
    check
        .run(&[&source], &options, None, Some(Box::new(sink)))
        .unwrap();
    let written = String::from_utf8(written.bytes().unwrap()).unwrap();
    let in_a_file = written.lines().map(|line| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let row = record["_tamis_row"].as_u64().unwrap() as usize;
        (
            row - 1,
            record["_tamis_reason"].as_str().unwrap().to_owned(),
        )
    });
    let verdicts = messages.judge(lines.map(|line| Some(line.as_bytes())));
    let reasons = verdicts.bad().iter().map(|bad| (bad.index, bad.reason()));
    let reasons: Vec<_> = reasons.collect();
    assert_eq!(reasons.len(), 4);
    assert_eq!(reasons, in_a_file.collect::<Vec<_>>());
}

#[test]
fn what_grew_with_a_long_message_is_not_kept() {
    let messages = MessageCheck::new(&check(&orders()), Payload::Json).unwrap();
    let long = format!("{{\"id\":\"{}\"}}", "a".repeat(2 << 20)).into_bytes();
    for (values, kept) in [
        (vec![b"{}".to_vec(); 10_000], 1),
        (vec![b"{}".to_vec(), long.clone()], 0),
        (vec![b"{}".to_vec()], 1),
    ] {
        judge(&messages, &values);
        assert_eq!(messages.kept_desks().len(), kept);
    }
    let huge = vec![b' '; (64 << 20) + 1];
    assert_eq!(
        told(&messages.judge([Some(&huge[..])])),
        ["0: json (- json - must be no longer than 67108864 bytes, it has 67108865)"]
    );
}

#[test]
fn several_threads_share_a_check() {
    let messages = MessageCheck::new(&check(&orders()), Payload::Json).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let messages = &messages;
            scope.spawn(move || {
                for round in 0..200 {
                    let of = |it: usize| {
                        format!("{{\"id\":\"a\",\"amount\":{}}}", (it + thread) % 2).into_bytes()
                    };
                    let values: Values = (0..round).map(of).collect();
                    let verdicts = judge(messages, &values);
                    let bad: Vec<_> = verdicts.bad().iter().map(|bad| bad.index).collect();
                    let expected: Vec<_> = (0..round).filter(|it| (it + thread) % 2 == 0).collect();
                    assert_eq!(bad, expected);
                }
            });
        }
    });
}
