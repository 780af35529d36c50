//! What is written reads back the same, and no input makes the reader panic.

use proptest::prelude::*;

use crate::format::{DateFormat, Format, IntegerFormat, TextFormat};
use crate::model::{
    Contract, CsvFacts, DuplicateColumns, ExtraColumns, Metric, Object, Operator, Property,
    Quality, QualityKind, Severity, UncheckedRule, Value, parse_decimal,
};
use crate::odcs::{read, to_yaml};

use super::{clean, with_property};

/// Reads what is written and compares, the places of unchecked rules aside.
fn assert_round_trip(contract: &Contract) {
    let text = to_yaml(contract);
    let again = clean(&text).contract;
    let without_spans = |contract: &Contract| {
        let bare = |rule: &UncheckedRule| UncheckedRule {
            span: 0..0,
            ..rule.clone()
        };
        Contract {
            unchecked: contract.unchecked.iter().map(bare).collect(),
            api_version: String::new(),
            ..contract.clone()
        }
    };
    assert_eq!(without_spans(&again), without_spans(contract), "{text}");
    assert_eq!(to_yaml(&again), text, "writing is deterministic");
}

/// Text that is awkward in YAML.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        "[ -~]{1,12}",
        any::<String>(),
        prop::sample::select(vec![
            "no",
            "null",
            "1.0",
            "2024-01-01",
            "- a",
            "a: b",
            "#x",
            "'",
            "\"",
            "\u{85}",
            "\u{feff}",
            " a ",
            "\n",
            "\t",
            "true",
            "~",
            ""
        ])
        .prop_map(str::to_owned),
    ]
}

fn name() -> impl Strategy<Value = String> {
    text().prop_filter("names are not empty", |name| !name.is_empty())
}

fn number() -> impl Strategy<Value = String> {
    (any::<i64>(), 0..1000u32).prop_map(|(whole, fraction)| format!("{whole}.{fraction}"))
}

fn property() -> impl Strategy<Value = Property> {
    let strings = (
        name(),
        0..9u64,
        any::<bool>(),
        prop::option::of(prop::collection::vec(text(), 1..4)),
    )
        .prop_map(|(name, length, with_pattern, values)| {
            let mut property = Property::string(name)
                .min_length(length)
                .max_length(length + 3)
                .required();
            property.constraints.allowed_values = values;
            match with_pattern {
                true => property.pattern(r#"^['"]\d{2}: #$"#).expect("it compiles"),
                false => property.format(Format::Text(TextFormat::Uuid)).unique(),
            }
        });
    let numbers = (name(), number(), any::<bool>()).prop_map(|(name, low, exclusive)| {
        let low = parse_decimal(&low).expect("a number");
        let property = Property::number(name).multiple_of(parse_decimal("0.01").expect("a number"));
        if exclusive {
            property.exclusive_minimum(low)
        } else {
            property.minimum(low)
        }
    });
    let integers =
        (name(), prop::sample::select(&IntegerFormat::NAMES[..])).prop_map(|(name, format)| {
            let format = IntegerFormat::parse(format).expect("a known name");
            Property::integer(name)
                .minimum(-5)
                .exclusive_maximum(7)
                .format(Format::Integer(format))
                .primary_key(2)
        });
    let dates = (name(), text()).prop_map(|(name, description)| {
        let format = DateFormat::compile("dd.MM.yyyy 'at' HH:mm").expect("it compiles");
        Property::timestamp(name)
            .minimum("2024-01-01")
            .format(Format::Temporal(format))
            .description(description)
    });
    (
        prop_oneof![strings, numbers, integers, dates],
        prop::option::of(any::<bool>()),
        prop::collection::vec(quality(), 0..2),
    )
        .prop_map(|(mut property, optional, rules)| {
            property.optional = optional;
            rules.into_iter().fold(property, Property::quality)
        })
}

fn quality() -> impl Strategy<Value = Quality> {
    let metric = prop_oneof![
        Just(Metric::NullValues),
        prop::collection::vec(text(), 0..3)
            .prop_map(|missing_values| Metric::MissingValues { missing_values }),
        prop::collection::vec(text(), 0..3).prop_map(|values| Metric::InvalidValues {
            valid_values: Some(values),
            pattern: None
        }),
        Just(Metric::DuplicateValues {
            properties: Vec::new()
        }),
    ];
    let operator = (0..3, 0..100i64).prop_map(|(kind, number)| match kind {
        0 => Operator::MustBe(number.into()),
        1 => Operator::MustBeLessThan(parse_decimal(&format!("{number}.5")).expect("a number")),
        _ => Operator::MustNotBeBetween(number.into(), (number + 1).into()),
    });
    let severity = prop::sample::select(vec![Severity::Info, Severity::Warning, Severity::Error]);
    (metric, operator, severity, text(), any::<bool>()).prop_map(
        |(metric, operator, severity, name, percent)| {
            let quality = Quality::metric(metric, operator)
                .severity(severity)
                .name(name);
            if percent { quality.percent() } else { quality }
        },
    )
}

fn contract() -> impl Strategy<Value = Contract> {
    let facts = (
        prop::option::of(prop::collection::vec(text(), 0..3)),
        prop::sample::select(vec![b',', b';', b'\t', b'#', b'\'']),
    )
        .prop_map(|(missing_values, byte)| CsvFacts {
            missing_values,
            delimiter: Some(byte),
            quote: Some(None),
            comment: Some(Some(byte)),
            trim: Some(true),
            ..CsvFacts::default()
        });
    let extra_columns = prop::option::of(prop::sample::select(&ExtraColumns::ALL[..]));
    let duplicate_columns = prop::option::of(prop::sample::select(&DuplicateColumns::ALL[..]));
    let others = (extra_columns, duplicate_columns);
    let properties = prop::collection::vec(property(), 0..4);
    let object = (name(), facts, others, properties).prop_map(
        |(name, facts, (extra_columns, duplicate_columns), mut properties)| {
            for (index, property) in properties.iter_mut().enumerate() {
                property.name.push_str(&index.to_string());
            }
            let mut object = Object::new(name).csv(facts);
            object.extra_columns = extra_columns;
            object.duplicate_columns = duplicate_columns;
            properties.into_iter().fold(object, Object::property)
        },
    );
    (name(), object, value()).prop_map(|(id, object, description)| {
        let mut contract = Contract::builder(id).object(object).build();
        contract.extra.push(("description".to_owned(), description));
        contract
    })
}

/// A descriptive value of any shape.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Boolean),
        number().prop_map(Value::Number),
        text().prop_map(Value::Text),
        Just(Value::Null),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
            prop::collection::vec((name(), inner), 0..3).prop_map(|mut entries| {
                entries.sort_by(|a, b| a.0.cmp(&b.0));
                entries.dedup_by(|a, b| a.0 == b.0);
                Value::Map(entries)
            }),
        ]
    })
    .prop_filter("a missing value is not written", |value| {
        *value != Value::Null
    })
}

#[test]
fn what_is_carried_along_is_written_back() {
    let text = with_property(
        "logicalType: array
logicalTypeOptions: {uniqueItems: true}
businessName: a name
enum: [{value: a, label: A}]
customProperties: [{property: theirs, value: {a: [1]}}, {property: tamis.optional, value: false}]
items: {logicalType: object, properties: [{name: q, required: true}]}
relationships: [{to: other.id}]
quality:
  - {type: sql, query: SELECT 1, mustBe: 1, dimension: accuracy}
  - {type: custom, engine: soda, implementation: {checks: []}}
  - {type: text, description: be nice}
  - {rule: nullCheck, mustBe: 0, tags: [x]}
  - {metric: rowCount, mustBe: 1}",
    );
    let contract = clean(&text).contract;
    assert_eq!(contract.unchecked.len(), 7);
    assert_eq!(contract.objects[0].properties[0].optional, Some(false));
    assert!(matches!(
        contract.objects[0].properties[0].quality[0].kind,
        QualityKind::Sql(_)
    ));
    assert_round_trip(&contract);
}

/// Cases of each property; `TAMIS_SOAK` multiplies them.
fn cases(count: u32) -> ProptestConfig {
    let factor = std::env::var("TAMIS_SOAK")
        .ok()
        .and_then(|factor| factor.parse().ok())
        .unwrap_or(1);
    ProptestConfig::with_cases(count.saturating_mul(factor))
}

/// Found by a long run: a finding about a node that began with a two-byte character ended inside it.
#[test]
fn a_finding_never_ends_inside_a_character() {
    for at in 0..400 {
        let mut text =
            with_property("logicalType: string\nquality: [{metric: nullValues, mustBe: 0}]");
        let at = text.floor_char_boundary(at.min(text.len()));
        text.insert(at, 'é');
        if let Err(error) = read("edited", text.as_bytes()) {
            let mut spans = error
                .diagnostics
                .iter()
                .map(|diagnostic| diagnostic.span.clone());
            assert!(spans.all(|span| text.get(span).is_some()), "at {at}");
        }
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn contracts_survive_being_written(contract in contract()) {
        assert_round_trip(&contract);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read("bytes", &bytes);
    }

    #[test]
    fn no_edit_of_a_contract_makes_the_reader_panic(at in 0..1000usize, removed in 0..20usize, inserted in "[ -~\n\té]{0,6}") {
        let mut text = with_property("logicalType: string\nlogicalTypeOptions: {pattern: '^é[a-z]+$', minLength: 1}\nquality: [{metric: nullValues, mustBe: 0}]");
        let start = text.floor_char_boundary(at.min(text.len()));
        let end = text.floor_char_boundary((start + removed).min(text.len()));
        text.replace_range(start..end, &inserted);
        if let Err(error) = read("edited", text.as_bytes()) {
            prop_assert!(error.diagnostics.iter().all(|diagnostic| text.get(diagnostic.span.clone()).is_some()));
        }
    }
}
