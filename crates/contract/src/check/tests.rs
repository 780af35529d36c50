//! Goal: a check counts what its contract says, the same for any threads, chunks, kernel and source.

mod expressions;

use proptest::prelude::*;
use tamis_engine::kernel::Kernel;
use tamis_engine::sink::MemorySink;
use tamis_engine::source::{MemorySource, Source};

use super::*;
use crate::model::{
    CsvFacts, DuplicateColumns, ExtraColumns, LogicalType, Metric, Operator, Property, Quality,
    QualityKind, Severity, Unit,
};
use crate::report::Report;
use tamis_engine::number::Decimal;

pub(super) fn contract(object: Object) -> Contract {
    Contract::builder("test").object(object).build()
}

fn orders() -> Object {
    Object::new("orders")
        .property(
            Property::string("id")
                .required()
                .pattern("^TX\\d{4}$")
                .unwrap(),
        )
        .property(
            Property::number("amount")
                .required()
                .minimum(1)
                .maximum(1000),
        )
        .property(Property::string("memo").max_length(11))
}

fn run(object: &Object, input: &str, options: &CheckOptions) -> Report {
    run_source(
        object,
        &MemorySource::new("orders.csv", input.as_bytes().to_vec()),
        options,
    )
}

fn run_source(object: &Object, source: &dyn Source, options: &CheckOptions) -> Report {
    let contract = contract(object.clone());
    let check = Check::compile(&contract, object, Unchecked::Refuse).unwrap();
    check.run(&[source], options, None, None).unwrap()
}

/// `column.rule: count`, in the order of the report.
fn counts(report: &Report) -> Vec<String> {
    let one = |count: &crate::report::RuleCount| {
        format!(
            "{}.{}: {}",
            count.column.as_deref().unwrap_or(""),
            count.rule,
            count.count
        )
    };
    report.violations.by_rule.iter().map(one).collect()
}

const ORDERS: &str = "id,amount,memo
TX0001,12.50,fine
TX0002,0.5,\"too \"\"little\"\"\"
,12,
TX0004,abc,\"a memo, quoted,
on two lines\"
TX0005,1000.00,
TX006,1e3,ok
TX0007,12
\"TX0008\",\"7\",\"x\"
";

#[test]
fn a_null_is_shown_as_none_and_an_empty_text_as_it_stands() {
    let object = Object::new("orders")
        .property(Property::string("id").required())
        .property(Property::integer("count"))
        .quality(Quality::expression("count != null"))
        .quality(Quality::expression("id != null || count != null"));
    let values = |report: &Report| -> Vec<Option<String>> {
        let samples = report.samples.iter();
        samples.map(|sample| sample.value.clone()).collect()
    };
    let shown = |texts: [Option<&str>; 3]| texts.map(|text| text.map(str::to_owned)).to_vec();
    let lines = b"{\"id\":null,\"count\":null}\n".to_vec();
    let source = MemorySource::new("orders.jsonl", lines);
    let report = run_source(&object, &source, &CheckOptions::default());
    assert_eq!(values(&report), shown([None, None, Some("null, null")]));
    let text = crate::report::text::to_string(&report);
    assert!(text.contains("null        must not be null"), "{text}");
    let report = run(&object, "id,count\n,\n", &CheckOptions::default());
    assert_eq!(values(&report), shown([Some(""), Some(""), Some(", ")]));
}

#[test]
fn every_rule_is_counted_and_located() {
    let report = run(&orders(), ORDERS, &CheckOptions::default());
    assert_eq!(
        (report.rows.total, report.rows.valid, report.rows.invalid),
        (8, 3, 5)
    );
    let mut found = counts(&report);
    found.sort();
    let expected = [
        ".fieldCount: 1",
        "amount.minimum: 1",
        "amount.type: 1",
        "id.pattern: 1",
        "id.required: 1",
        "memo.maxLength: 2",
    ];
    assert_eq!(found, expected);
    let places: Vec<_> = report
        .samples
        .iter()
        .map(|sample| {
            (
                sample.row.unwrap(),
                sample.line.unwrap(),
                sample.rule.as_str(),
            )
        })
        .collect();
    assert_eq!(
        places,
        [
            (2, 3, "minimum"),
            (2, 3, "maxLength"),
            (3, 4, "required"),
            (4, 5, "type"),
            (4, 5, "maxLength"),
            (6, 8, "pattern"),
            (7, 9, "fieldCount"),
        ]
    );
    assert_eq!(report.samples[1].value.as_deref(), Some("too \"little\""));
    assert!(!report.passed);
}

#[test]
fn good_and_bad_records_are_written_as_they_came() {
    let contract = contract(orders());
    let check = Check::compile(&contract, &contract.objects[0], Unchecked::Refuse).unwrap();
    let source = MemorySource::new("orders.csv", ORDERS.as_bytes().to_vec());
    for (threads, chunk_bytes) in [(1, 1), (3, 20), (2, 1 << 20)] {
        let (good, good_bytes) = MemorySink::new("good");
        let (bad, bad_bytes) = MemorySink::new("bad");
        let options = CheckOptions {
            threads,
            chunk_bytes,
            ..CheckOptions::default()
        };
        check
            .run(
                &[&source],
                &options,
                Some(Box::new(good)),
                Some(Box::new(bad)),
            )
            .unwrap();
        let text = |output: tamis_engine::sink::MemoryOutput| {
            String::from_utf8(output.bytes().unwrap().to_vec()).unwrap()
        };
        assert_eq!(
            text(good_bytes),
            "id,amount,memo\nTX0001,12.50,fine\nTX0005,1000.00,\n\"TX0008\",\"7\",\"x\"\n"
        );
        assert_eq!(
            text(bad_bytes),
            "_tamis_row,_tamis_reason,id,amount,memo
2,amount: minimum; memo: maxLength,TX0002,0.5,\"too \"\"little\"\"\"
3,id: required,,12,
4,amount: type; memo: maxLength,TX0004,abc,\"a memo, quoted,
on two lines\"
6,id: pattern,TX006,1e3,ok
7,fieldCount,TX0007,12
"
        );
    }
}

#[test]
fn duplicates_are_every_occurrence_after_the_first() {
    let object = Object::new("orders").property(Property::integer("id").unique());
    let report = run(
        &object,
        "id\n7\n8\n7\n\n07\n9\n7.0\n",
        &CheckOptions::default(),
    );
    assert_eq!(counts(&report), ["id.unique: 3"]);
    let rows: Vec<_> = report
        .samples
        .iter()
        .map(|sample| sample.row.unwrap())
        .collect();
    assert_eq!(rows, [3, 4, 6]);
    assert_eq!(report.notes[0].count, Some(1), "the blank line is noted");
}

#[test]
fn what_must_be_unique_is_so_across_inputs_and_streams() {
    let object = Object::new("orders").property(Property::string("id").unique());
    let contract = contract(object);
    let check = Check::compile(&contract, &contract.objects[0], Unchecked::Refuse).unwrap();
    let first = MemorySource::new("a.csv", b"id\nx\ny\n".to_vec());
    let second = MemorySource::new("b.csv", b"id\nz\nx\n".to_vec()).as_stream(3);
    let (good, good_bytes) = MemorySink::new("good");
    let options = CheckOptions {
        threads: 2,
        chunk_bytes: 3,
        ..CheckOptions::default()
    };
    let report = check
        .run(&[&first, &second], &options, Some(Box::new(good)), None)
        .unwrap();
    assert_eq!(counts(&report), ["id.unique: 1"]);
    assert_eq!(
        (report.samples[0].input.as_str(), report.samples[0].row),
        ("b.csv", Some(2))
    );
    assert_eq!(good_bytes.bytes().as_deref(), Some(&b"id\nx\ny\nz\n"[..]));
}

#[test]
fn a_warning_makes_no_row_bad_unless_strict() {
    let rare = Quality::metric(Metric::NullValues, Operator::MustBe(Decimal::from(0i64)))
        .severity(Severity::Warning);
    let object = Object::new("orders")
        .property(Property::string("id"))
        .property(Property::string("memo").quality(rare));
    let input = "id,memo\na,x\nb,\n";
    let report = run(&object, input, &CheckOptions::default());
    assert_eq!(
        (counts(&report), report.passed, report.rows.invalid),
        (vec!["memo.nullValues: 1".to_owned()], true, 0)
    );
    let strict = run(
        &object,
        input,
        &CheckOptions {
            strict: true,
            ..CheckOptions::default()
        },
    );
    assert_eq!((strict.passed, strict.rows.invalid), (false, 1));
}

#[test]
fn a_threshold_is_judged_at_the_end() {
    let few = Quality::metric(
        Metric::NullValues,
        Operator::MustBeLessThan(Decimal::from(40i64)),
    )
    .percent();
    let object = Object::new("orders")
        .property(Property::string("id"))
        .property(Property::string("memo").quality(few));
    let report = run(&object, "id,memo\na,x\nb,\nc,z\n", &CheckOptions::default());
    assert!(
        report.passed && report.metrics[0].passed,
        "a third is less than 40 %"
    );
    let report = run(&object, "id,memo\na,x\nb,\n", &CheckOptions::default());
    assert!(!report.passed && !report.metrics[0].passed, "a half is not");
    assert_eq!(report.rows.invalid, 0, "no single row is bad");
}

#[test]
fn headers_are_held_to_the_contract() {
    let report = run(
        &orders(),
        "id,memo,extra,id\nTX0001,x,,\n",
        &CheckOptions::default(),
    );
    let mut found = counts(&report);
    found.sort();
    assert_eq!(
        found,
        [
            "amount.missingColumn: 1",
            "extra.extraColumn: 1",
            "id.duplicateColumn: 1"
        ]
    );
    let report = run(&orders(), "", &CheckOptions::default());
    assert_eq!(
        (report.rows.total, report.violations.total, report.passed),
        (0, 3, false)
    );
}

#[test]
fn names_may_come_twice_where_the_contract_says_so() {
    let input = "id,amount,memo,id,\nTX0001,1,x,y,z\n";
    let allowing = orders().duplicate_columns(DuplicateColumns::Allow);
    let report = run(&allowing, input, &CheckOptions::default());
    assert_eq!(counts(&report), [".extraColumn: 1"]);
    let allowing = allowing.extra_columns(ExtraColumns::Allow);
    let report = run(&allowing, input, &CheckOptions::default());
    assert!(report.passed, "{}", report.to_json());
    let refusing = orders()
        .duplicate_columns(DuplicateColumns::Refuse)
        .extra_columns(ExtraColumns::Allow);
    let report = run(&refusing, input, &CheckOptions::default());
    assert_eq!(counts(&report), ["id.duplicateColumn: 1"]);
}

#[test]
fn what_is_optional_may_be_absent_and_breaks_nothing_then() {
    let object = Object::new("orders")
        .property(Property::string("id").required())
        .property(Property::integer("quantity").required().optional())
        .property(Property::string("memo").always_present())
        .extra_columns(ExtraColumns::Allow);
    let report = run(&object, "id,note,memo\na,x,\n", &CheckOptions::default());
    assert_eq!(counts(&report), [""; 0], "neither header nor row");
    let report = run(&object, "id,quantity\na,\n", &CheckOptions::default());
    let expected = ["memo.missingColumn: 1", "quantity.required: 1"];
    assert_eq!(counts(&report), expected, "not null where it is there");

    let lines = "{\"id\":\"a\",\"memo\":null}\n{\"id\":\"a\",\"quantity\":null,\"memo\":\"\"}\n{\"id\":\"a\",\"x\":1}\n{}\n";
    let source = MemorySource::new("orders.jsonl", lines);
    let report = run_source(&object, &source, &CheckOptions::default());
    let expected = [
        "memo.missingColumn: 2",
        "id.required: 1",
        "quantity.required: 1",
    ];
    assert_eq!(counts(&report), expected);
    assert_eq!((report.rows.total, report.rows.valid), (4, 1));
}

#[test]
fn keys_beside_the_contract_are_violations_where_it_says_so() {
    let lines = "{\"id\":\"TX0001\",\"amount\":2}\n{\"x\":1,\"id\":\"TX1\",\"amount\":2,\"\\u0079\":{\"z\":1}}\n";
    let source = MemorySource::new("orders.jsonl", lines);
    for silent in [orders(), orders().extra_columns(ExtraColumns::Allow)] {
        let report = run_source(&silent, &source, &CheckOptions::default());
        assert_eq!(counts(&report), ["id.pattern: 1"]);
    }
    let refusing = orders().extra_columns(ExtraColumns::Refuse);
    let report = run_source(&refusing, &source, &CheckOptions::default());
    assert_eq!(counts(&report), [".extraColumn: 2", "id.pattern: 1"]);
    assert_eq!(report.rows.invalid, 1);
    let named = |sample: &crate::report::Sample| sample.column.clone().unwrap_or_default();
    let columns: Vec<_> = report.samples.iter().map(named).collect();
    assert_eq!(columns, ["x", "y", "id"]);
    assert_eq!(report.samples[1].message, "key `y` is not in the contract");
}

#[test]
fn a_header_of_unknown_columns_is_counted_and_not_listed_to_its_end() {
    let names: String = (0..5000).map(|n| format!(",c{n},c{}", n / 2)).collect();
    let input = format!("id,amount,memo{names}\n");
    let sources = ["a.csv", "b.csv"].map(|name| MemorySource::new(name, input.clone()));
    let contract = contract(orders());
    let check = Check::compile(&contract, &contract.objects[0], Unchecked::Refuse).unwrap();
    let inputs: Vec<&dyn Source> = sources.iter().map(|source| source as _).collect();
    let report = check
        .run(&inputs, &CheckOptions::default(), None, None)
        .unwrap();
    let of = |rule: &str| {
        let counts = report
            .violations
            .by_rule
            .iter()
            .filter(|count| count.rule == rule);
        let counts: Vec<u64> = counts.map(|count| count.count).collect();
        (counts.len() <= 1001, counts.iter().sum::<u64>())
    };
    assert_eq!(of("extraColumn"), (true, 10_000), "5,000 names, two inputs");
    assert_eq!(of("duplicateColumn"), (true, 10_000));
}

#[test]
fn fail_fast_covers_the_rows_up_to_the_first_bad_one() {
    for chunk_bytes in [1, 30, 1 << 20] {
        let options = CheckOptions {
            fail_fast: true,
            threads: 2,
            chunk_bytes,
            ..CheckOptions::default()
        };
        let report = run(&orders(), ORDERS, &options);
        assert_eq!(
            (report.rows.total, report.rows.invalid, report.complete),
            (2, 1, false)
        );
        assert_eq!(report.violations.total, 2);
    }
}

#[test]
fn fail_fast_counts_duplicates_up_to_the_first_bad_row() {
    let object = Object::new("orders").property(Property::integer("id").unique());
    let ids = (0..500).map(|id| match id {
        300 => "7\n".to_owned(),
        310 => "x\n".to_owned(),
        id => format!("{id}\n"),
    });
    let input = format!("id\n{}", ids.collect::<String>());
    let options = CheckOptions {
        fail_fast: true,
        threads: 3,
        chunk_bytes: 4,
        ..CheckOptions::default()
    };
    let report = run(&object, &input, &options);
    assert_eq!(counts(&report), ["id.unique: 1"]);
    assert_eq!(report.rows.total, 301);
}

#[test]
fn inputs_may_order_their_columns_as_they_like_unless_they_share_an_output() {
    let contract = contract(orders());
    let check = Check::compile(&contract, &contract.objects[0], Unchecked::Refuse).unwrap();
    let first = MemorySource::new("a.csv", "id,amount,memo\nTX0001,1,\n");
    let second = MemorySource::new("b.csv", "memo,id,amount\n,TX0002,2\n");
    let inputs: [&dyn Source; 2] = [&first, &second];
    let report = check.run(&inputs, &CheckOptions::default(), None, None);
    let report = report.unwrap();
    assert!(report.passed && report.rows.total == 2);
    let (good, _) = MemorySink::new("good");
    let refused = check.run(
        &inputs,
        &CheckOptions::default(),
        Some(Box::new(good)),
        None,
    );
    assert!(matches!(refused, Err(CheckError::HeadersDiffer { input }) if input == "b.csv"));
}

/// Holds other rows each time it is opened.
#[derive(Debug)]
struct Restless(std::sync::atomic::AtomicUsize);

impl Source for Restless {
    fn name(&self) -> &str {
        "restless.csv"
    }

    fn open(&self) -> tamis_engine::Result<tamis_engine::source::Opened> {
        let opened = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let text = format!("id\n1\n1\n{}", "\n2".repeat(opened));
        MemorySource::new("restless.csv", text).open()
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}

#[test]
fn rows_that_change_between_two_passes_are_an_error() {
    let object = Object::new("orders").property(Property::integer("id").unique());
    let contract = contract(object);
    let check = Check::compile(&contract, &contract.objects[0], Unchecked::Refuse).unwrap();
    for chunk_bytes in [1, 1 << 20] {
        let options = CheckOptions {
            chunk_bytes,
            ..CheckOptions::default()
        };
        let result = check.run(&[&Restless(Default::default())], &options, None, None);
        let Err(CheckError::Engine(error)) = result else {
            panic!("the change went unnoticed: {result:?}");
        };
        assert!(
            matches!(error, tamis_engine::Error::Changed { .. }),
            "{error}"
        );
    }
}

#[test]
fn json_lines_are_judged_by_the_same_rules() {
    let input = r#"{"id":"TX0001","amount":12.5,"memo":"fine"}
{"amount":0.5,"id":"TX0002"}
{"id":null,"amount":"12"}
{"id":"TX\u0030004","amount":1e3,"memo":"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"}
not json

[1]
{"id":"","amount":5}
"#;
    let source = MemorySource::new("orders.jsonl", input.as_bytes().to_vec());
    let report = run_source(&orders(), &source, &CheckOptions::default());
    let mut found = counts(&report);
    found.sort();
    assert_eq!(
        found,
        [
            ".json: 2",
            "amount.minimum: 1",
            "amount.type: 1",
            "id.pattern: 1",
            "id.required: 1"
        ]
    );
    assert_eq!((report.rows.total, report.rows.valid), (7, 2));
}

#[test]
fn the_answer_does_not_depend_on_how_it_is_computed() {
    let object = Object::new("orders")
        .csv(CsvFacts {
            missing_values: Some(vec!["NA".into()]),
            ..CsvFacts::default()
        })
        .property(
            Property::string("id")
                .required()
                .pattern("^TX\\d{4}$")
                .unwrap()
                .unique(),
        )
        .property(
            Property::number("amount")
                .required()
                .minimum(1)
                .maximum(1000),
        )
        .property(Property::string("memo").max_length(11));
    let mut input = String::new();
    for round in 0..200 {
        input.push_str(if round % 7 == 0 {
            ORDERS
        } else {
            &ORDERS[15..]
        });
        input.push_str("TX9,NA,5\" nail\n\n\"TX0001\" ,3,x\r\n");
    }
    let mut expected = None;
    for kernel in Kernel::available() {
        for (threads, chunk_bytes) in [(1, 1 << 20), (2, 64), (3, 1000), (7, 37)] {
            for read_bytes in [None, Some(100)] {
                let source = MemorySource::new("orders.csv", input.clone());
                let source = match read_bytes {
                    None => source,
                    Some(read_bytes) => source.as_stream(read_bytes),
                };
                let options = CheckOptions {
                    kernel,
                    threads,
                    chunk_bytes,
                    samples_max: 50,
                    ..CheckOptions::default()
                };
                let mut report = run_source(&object, &source, &options);
                report.performance = Default::default();
                let expected = expected.get_or_insert_with(|| report.clone());
                assert_eq!(
                    &report, expected,
                    "{kernel:?} {threads} {chunk_bytes} {read_bytes:?}"
                );
            }
        }
    }
}

/// Fields that are good, bad, or anything but what they look like.
pub(super) fn fields() -> impl Strategy<Value = String> {
    let known = [
        "",
        "\"\"",
        "NA",
        "\"NA\"",
        "TX0001",
        "\"TX0001\"",
        "TX001",
        "tx0001",
        "DE",
        "\"DE\"",
        "\"D\"\"E\"",
        "FR",
        "5",
        "05",
        "5.0",
        "-5",
        "1e1",
        "1e400",
        "0.05",
        "1000",
        "1000.00",
        "1000.01",
        "999999999999999999999",
        "+5",
        ".5",
        "nan",
        "2024-02-29",
        "2023-02-29",
        "2024-02-29T10:20:30Z",
        "2024-02-29 10:20:30.500",
        "2024-02-29 10:20:3x.500",
        "2023-02-29 10:20:30.500",
        "2024-02-29 10:20:30.5+01:00",
        "\"2024-02-29\"",
        "24:00:00",
        "23:59:59",
        "true",
        "TRUE",
        "tRuE",
        "\"a,b\"",
        "\"two\nlines\"",
        "ééééé",
        "abcdefghijkl",
        "\"abc\"def",
        "a\"b",
        " 5",
        "5 ",
        "550e8400-e29b-41d4-a716-446655440000",
    ];
    prop_oneof![4 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => "[ !#-+.-~-]{0,12}"]
}

fn written(pattern: &str) -> crate::format::Format {
    let format = crate::format::DateFormat::compile(pattern).unwrap();
    crate::format::Format::Temporal(format)
}

pub(super) fn properties() -> impl Strategy<Value = Property> {
    let base = prop_oneof![
        Just(Property::new("x")),
        Just(Property::string("x").pattern("^TX\\d{4}$").unwrap()),
        Just(Property::string("x").pattern("[a-c]").unwrap()),
        Just(Property::string("x").pattern("^(DE|FR)$").unwrap()),
        Just(Property::string("x").pattern("^.D").unwrap()),
        Just(Property::string("x").min_length(2).max_length(5)),
        Just(Property::string("x").one_of(["DE", "FR"])),
        Just(Property::string("x").one_of(["TX0001", "a value longer than a word", "\"DE\""])),
        Just(
            Property::string("x")
                .format(crate::format::Format::Text(crate::format::TextFormat::Uuid))
        ),
        Just(Property::number("x").minimum(1).exclusive_maximum(1000)),
        Just(Property::integer("x").maximum(5)),
        Just(Property::integer("x").multiple_of(Decimal::from(5i64))),
        Just(Property::boolean("x")),
        Just(Property::of_type("x", LogicalType::Array)),
        Just(Property::date("x").minimum("2024-01-01")),
        Just(Property::timestamp("x")),
        Just(Property::time("x")),
        Just(Property::date("x").format(written("uuuu-MM-dd"))),
        Just(Property::timestamp("x").format(written("yyyy-MM-dd HH:mm:ss.SSS"))),
        Just(Property::time("x").format(written("HH:mm:ss"))),
        Just(Property::time("x").format(written("H:mm:ss"))),
    ];
    let nulls = Quality::metric(
        Metric::NullValues,
        Operator::MustBeLessThan(Decimal::from(3i64)),
    );
    let missing = Metric::MissingValues {
        missing_values: vec!["DE".into(), "5".into()],
    };
    let missing = Quality::metric(missing, Operator::MustBe(Decimal::from(0i64)));
    let invalid = Metric::InvalidValues {
        valid_values: Some(vec!["5".into(), "DE".into()]),
        pattern: None,
    };
    let invalid = Quality::metric(invalid, Operator::MustBeLessThan(Decimal::from(2i64)));
    (base, any::<[bool; 4]>()).prop_map(
        move |(mut property, [required, has_nulls, has_missing, has_invalid])| {
            property.required = required;
            let qualities = [
                (has_nulls, &nulls),
                (has_missing, &missing),
                (has_invalid, &invalid),
            ];
            property.quality.extend(
                qualities
                    .into_iter()
                    .filter(|(is_wanted, _)| *is_wanted)
                    .map(|(_, quality)| quality.clone()),
            );
            property
        },
    )
}

/// `TAMIS_SOAK=n` runs `n` times as many cases.
pub(super) fn soak_factor() -> u32 {
    let factor = std::env::var("TAMIS_SOAK").ok();
    factor.map_or(1, |factor| factor.parse().expect("TAMIS_SOAK is a number"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400 * soak_factor()))]

    /// The specification judges every row; the fast loops must leave none out that matters.
    #[test]
    fn sparing_rows_the_judgement_changes_nothing(
        property in properties(),
        values in proptest::collection::vec(fields(), 1..200),
        kernel in proptest::sample::select(Kernel::available()),
        trim: bool,
        has_null_texts: bool,
    ) {
        let facts = CsvFacts {
            missing_values: has_null_texts.then(|| vec!["NA".into(), "a longer text for null".into()]),
            trim: Some(trim),
            ..CsvFacts::default()
        };
        let object = Object::new("orders").csv(facts).property(property).property(Property::new("y"));
        let input: String = values.iter().map(|value| format!("{value},\n")).collect();
        let source = MemorySource::new("orders.csv", format!("x,y\n{input}"));
        let contract = contract(object);
        let check = Check::compile(&contract, &contract.objects[0], Unchecked::Refuse).unwrap();
        let mut specification = check.clone();
        for column in &mut specification.compiled.columns {
            column.fast = super::fast::FastCheck::judge_all();
        }
        let options = CheckOptions { kernel, threads: 1, samples_max: 1000, ..CheckOptions::default() };
        let report = |check: &Check| {
            let mut report = check.run(&[&source], &options, None, None).unwrap();
            report.performance = Default::default();
            report
        };
        prop_assert_eq!(report(&check), report(&specification));
    }
}
