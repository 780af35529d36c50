//! Goal: a record alone is judged as it is in a file that holds nothing else.

use proptest::prelude::*;
use tamis_engine::source::MemorySource;

use super::super::tests::{contract, fields, properties, soak_factor};
use super::super::{Check, CheckError, CheckOptions, Unchecked};
use super::{BrokenRule, RecordCheck, Scalar};
use crate::model::{CsvFacts, ExtraColumns, Metric, Object, Operator, Property, Quality};
use crate::report::Sample;
use tamis_engine::number::Decimal;

/// Two columns, the second one of no interest but that it makes an empty first one a record.
fn object(property: Property, missing_values: bool) -> Object {
    Object::new("orders")
        .csv(CsvFacts {
            missing_values: missing_values.then(|| vec!["NA".into(), "5".into()]),
            ..CsvFacts::default()
        })
        .extra_columns(ExtraColumns::Refuse)
        .property(property)
        .property(Property::new("y"))
}

fn check(object: &Object) -> (Check, RecordCheck) {
    let contract = contract(object.clone());
    let check = Check::compile(&contract, object, Unchecked::Refuse).unwrap();
    let records = RecordCheck::new(&check, Unchecked::Allow).unwrap();
    (check, records)
}

/// What a check of a file says of its only record, without the place.
fn in_a_file(check: &Check, name: &str, text: Vec<u8>) -> Vec<Sample> {
    let source = MemorySource::new(name, text);
    let options = CheckOptions {
        threads: 1,
        samples_max: 100,
        ..CheckOptions::default()
    };
    let report = check.run(&[&source], &options, None, None).unwrap();
    let of_rows = report
        .samples
        .into_iter()
        .filter(|sample| sample.row.is_some());
    let placeless = |sample| Sample {
        input: String::new(),
        row: None,
        line: None,
        byte_offset: None,
        ..sample
    };
    of_rows.map(placeless).collect()
}

/// What is wrong with values that a program holds.
fn judged(records: &RecordCheck, values: &[Scalar<'_>]) -> Vec<Sample> {
    let mut found: Vec<(BrokenRule, Scalar<'_>)> = Vec::new();
    for (column, value) in values.iter().enumerate() {
        records.judge(column, *value, |rule| found.push((rule, *value)));
    }
    found.sort_by_key(|(rule, _)| *rule);
    let samples = found
        .iter()
        .map(|(rule, value)| records.sample(*rule, *value));
    samples.collect()
}

#[test]
fn rules_about_all_records_are_refused_or_left_out() {
    let few = Operator::MustBeLessThan(Decimal::from(3i64));
    let object = Object::new("orders")
        .property(Property::integer("id").unique())
        .property(Property::new("x").quality(Quality::metric(Metric::NullValues, few)));
    let contract = contract(object.clone());
    let check = Check::compile(&contract, &object, Unchecked::Refuse).unwrap();
    let refused = RecordCheck::new(&check, Unchecked::Refuse).unwrap_err();
    assert!(matches!(&refused, CheckError::NeedsAllRecords { rules } if rules.len() == 2));
    assert_eq!(
        refused.to_string(),
        "2 rules of the contract cannot be judged record by record: `unique` of `orders.id` (one record alone \
         cannot break it); `nullValues` of `orders.x` (one record alone cannot break it)"
    );
    let records = RecordCheck::new(&check, Unchecked::Allow).unwrap();
    assert_eq!(judged(&records, &[Scalar::Integer(1), Scalar::Null]), []);
    let rules: Vec<_> = judged(&records, &[Scalar::Boolean(true), Scalar::Null])
        .into_iter()
        .map(|sample| sample.rule)
        .collect();
    assert_eq!(rules, ["type"]);
}

#[test]
fn text_that_is_not_one_record_says_so() {
    let (_, records) = check(&object(Property::integer("x"), false));
    let said = |text: &str| -> Vec<String> {
        let samples = records.judge_line(text.as_bytes()).unwrap();
        let said = |sample: Sample| format!("{}: {}", sample.rule, sample.message);
        samples.into_iter().map(said).collect()
    };
    assert_eq!(said("1,a"), [""; 0]);
    assert_eq!(
        said("1,\"a\nb\"\r\n"),
        [""; 0],
        "a quoted line end ends nothing"
    );
    assert_eq!(said(" {\"x\":1}\n"), [""; 0]);
    assert_eq!(
        said("{\"x\":1}\n{\"x\":2}"),
        ["json: must be one record, these are 2"]
    );
    assert_eq!(
        said("1,a\n2,b"),
        ["fieldCount: must be one record, these are 2"]
    );
    assert_eq!(said(""), ["fieldCount: must be one record, these are 0"]);
    assert_eq!(said("1"), ["fieldCount: has 1 field, the header has 2"]);
    assert_eq!(
        said("1,\"a"),
        ["unclosedQuote: a quote opened at byte 2 is never closed"]
    );
    assert_eq!(said("{\"x\""), ["json: `:` at byte 4"]);
    let found = records.judge_line(b"1,\xff").unwrap();
    assert_eq!((found.len(), found[0].rule.as_str()), (1, "encoding"));
}

#[test]
fn several_threads_share_a_check() {
    let (_, records) = check(&object(Property::integer("x").maximum(5), false));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let records = &records;
            scope.spawn(move || {
                for number in 0..500 {
                    let text = format!("{{\"x\":{number},\"k{thread}\":{thread}}}");
                    let found = records.judge_line(text.as_bytes()).unwrap();
                    assert_eq!(found.len(), 1 + usize::from(number > 5));
                    assert_eq!(found[0].column, Some(format!("k{thread}")));
                    let csv = format!("{number},{thread}");
                    let found = records.judge_line(csv.as_bytes()).unwrap();
                    assert_eq!(found.len(), usize::from(number > 5));
                }
            });
        }
    });
}

/// JSON of a value, or the absence of its key.
fn json_values() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        fields().prop_map(|text| Some(serde_json::Value::from(text).to_string())),
        any::<i64>().prop_map(|number| Some(number.to_string())),
        (-9..12i64).prop_map(|number| Some(number.to_string())),
        (-20..4000i32).prop_map(|number| Some((f64::from(number) / 4.0).to_string())),
        any::<bool>().prop_map(|value| Some(value.to_string())),
        proptest::sample::select(vec![
            None,
            Some("null"),
            Some("{\"a\":1}"),
            Some("[ ]"),
            Some("1e300")
        ])
        .prop_map(|text: Option<&str>| text.map(str::to_owned)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400 * soak_factor()))]

    #[test]
    fn texts_are_judged_as_the_fields_of_a_csv(property in properties(), value in fields(), missing: bool) {
        prop_assume!(!value.trim_start().starts_with('{'), "that would be JSON");
        let (check, records) = check(&object(property, missing));
        let record = format!("{value},\n");
        let expected = in_a_file(&check, "x.csv", format!("x,y\n{record}").into_bytes());
        prop_assert_eq!(records.judge_line(record.as_bytes()).unwrap(), expected.clone());
        // A program holds what the field stands for; quotes are syntax.
        if !value.contains(['"', '\n', '\r']) {
            prop_assert_eq!(judged(&records, &[Scalar::Text(&value), Scalar::Null]), expected);
        }
    }

    #[test]
    fn values_are_judged_as_those_of_json_lines(
        property in properties(), optional: Option<bool>, value in json_values(), missing: bool, extra: bool,
    ) {
        let (check, records) = check(&object(Property { optional, ..property }, missing));
        let member = value.as_ref().map(|value| format!("\"x\":{value},")).unwrap_or_default();
        let key = if extra { "z" } else { "y" };
        let line = format!("{{{member}\"{key}\":null}}\n");
        let expected = in_a_file(&check, "x.jsonl", line.clone().into_bytes());
        prop_assert_eq!(records.judge_line(line.as_bytes()).unwrap(), expected.clone());

        let held: Option<serde_json::Value> = value.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let scalar = match (&value, &held) {
            (None, _) => Scalar::Missing,
            (Some(text), None) => Scalar::Number(text),
            (_, Some(serde_json::Value::Null)) => Scalar::Null,
            (_, Some(serde_json::Value::Bool(value))) => Scalar::Boolean(*value),
            (_, Some(serde_json::Value::String(text))) => Scalar::String(text),
            (_, Some(serde_json::Value::Number(number))) => match number.as_i64() {
                Some(integer) => Scalar::Integer(integer),
                None => Scalar::Float(number.as_f64().expect("it is a number")),
            },
            (Some(text), Some(serde_json::Value::Array(_))) => Scalar::Array(text),
            (Some(text), Some(serde_json::Value::Object(_))) => Scalar::Object(text),
        };
        let last = if extra { Scalar::Missing } else { Scalar::Null };
        let mut found: Vec<Sample> = if extra { vec![records.extra_key("z").1] } else { Vec::new() };
        found.extend(judged(&records, &[scalar, last]));
        // 12.0 is written as 12 by one and as 12.0 by the other.
        let rules = |samples: &[Sample]| -> Vec<_> {
            samples.iter().map(|sample| (sample.column.clone(), sample.rule.clone(), sample.message.clone())).collect()
        };
        prop_assert_eq!(rules(&found), rules(&expected));
    }
}

/// Goal: expressions over several columns say of a record alone what they say of it in a file.
#[test]
fn expressions_are_judged_with_the_values_together() {
    let object = Object::new("orders")
        .property(Property::number("price"))
        .property(Property::integer("count"))
        .property(Property::string("status"))
        .quality(Quality::expression("price * double(count) < 100.0").name("small"))
        .quality(Quality::expression("status != 'paid' || count > 0"));
    let (check, records) = self::check(&object);
    let values = [
        [
            Scalar::Float(10.5),
            Scalar::Integer(10),
            Scalar::Text("paid"),
        ],
        [Scalar::Float(9.0), Scalar::Integer(0), Scalar::Text("paid")],
        [
            Scalar::Float(9.0),
            Scalar::Integer(2),
            Scalar::Text("say \"paid\", then\tgo"),
        ],
        [Scalar::Null, Scalar::Integer(-1), Scalar::Text("paid")],
    ];
    let rules = [
        &["expression: small"][..],
        &["expression"],
        &[],
        &["expression"],
    ];
    for (values, rules) in values.iter().zip(rules) {
        let texts = values.map(|value| match value {
            Scalar::Float(number) => number.to_string(),
            Scalar::Integer(number) => number.to_string(),
            Scalar::Text(text) => text.to_owned(),
            _ => String::new(),
        });
        let [price, count, status] = &texts;
        let csv = format!("{price},{count},\"{}\"", status.replace('"', "\"\""));
        let text = serde_json::Value::from(status.as_str());
        let price = if price.is_empty() { "null" } else { price };
        let json = format!("{{\"status\":{text},\"price\":{price},\"count\":{count}}}");
        let mut row = records.new_row().expect("there are expressions");
        for (column, value) in values.iter().enumerate() {
            records.note(&mut row, column, *value).unwrap();
        }
        let alone: Vec<Sample> = records
            .judge_row(row)
            .unwrap()
            .into_iter()
            .map(|(_, sample)| sample)
            .collect();
        let found: Vec<&str> = alone.iter().map(|sample| sample.rule.as_str()).collect();
        assert_eq!(found, rules, "{csv}");
        let in_csv = in_a_file(
            &check,
            "a.csv",
            format!("price,count,status\n{csv}\n").into_bytes(),
        );
        assert_eq!(records.judge_line(csv.as_bytes()).unwrap(), in_csv);
        let in_json = in_a_file(&check, "a.jsonl", json.clone().into_bytes());
        assert_eq!(records.judge_line(json.as_bytes()).unwrap(), in_json);
        let same_rules = |samples: &[Sample]| {
            samples
                .iter()
                .map(|sample| sample.rule.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (same_rules(&in_csv), same_rules(&in_json)),
            (same_rules(&alone), same_rules(&alone))
        );
    }
}
