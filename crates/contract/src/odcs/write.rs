//! Contracts as ODCS 3.2 text.
//!
//! What is written reads back as the same model without a finding; the keys come in a fixed order,
//! so the same contract is the same text and differences between versions are differences of
//! meaning.

use crate::format::Format;
use crate::model::{
    Bound, BoundValue, Constraints, Contract, CsvFacts, Extra, Inclusion, LogicalType, Metric,
    Object, Operator, Property, Quality, QualityKind, Severity, Unit, Value,
};

use super::emit;
use super::facts::{DUPLICATE_COLUMNS, EXTRA_COLUMNS, OPTIONAL};
use super::quality::ENGINE;

/// The version of the standard that is written.
const API_VERSION: &str = "v3.2.0";

/// The contract as YAML, in version 3.2 of the standard.
pub fn to_yaml(contract: &Contract) -> String {
    let mut keys = Keys::default();
    keys.text("apiVersion", API_VERSION);
    keys.text("kind", "DataContract");
    keys.text("id", &contract.id);
    keys.optional_text("name", contract.name.as_deref());
    keys.text("version", &contract.version);
    keys.optional_text("status", contract.status.as_deref());
    keys.extend(&contract.extra);
    keys.push(
        "schema",
        Value::List(contract.objects.iter().map(object).collect()),
    );
    emit::document(&keys.into_value())
}

fn object(object: &Object) -> Value {
    let mut keys = Keys::default();
    keys.text("name", &object.name);
    keys.optional_text("physicalName", object.physical_name.as_deref());
    keys.optional_text("description", object.description.as_deref());
    let mut custom = csv_facts(&object.csv);
    if let Some(extra_columns) = object.extra_columns {
        let word = Value::Text(extra_columns.name().to_owned());
        custom.push(custom_property(EXTRA_COLUMNS, word));
    }
    if let Some(duplicate_columns) = object.duplicate_columns {
        let word = Value::Text(duplicate_columns.name().to_owned());
        custom.push(custom_property(DUPLICATE_COLUMNS, word));
    }
    for (key, value) in &object.extra {
        match (key.as_str(), value) {
            ("customProperties", Value::List(foreign)) => custom.extend_from_slice(foreign),
            _ => keys.push(key, value.clone()),
        }
    }
    keys.list("customProperties", custom);
    keys.list(
        "properties",
        object.properties.iter().map(property).collect(),
    );
    keys.list("quality", object.quality.iter().map(quality).collect());
    keys.into_value()
}

fn property(property: &Property) -> Value {
    let mut keys = Keys::default();
    // The elements of a list need no name.
    keys.optional_text(
        "name",
        Some(property.name.as_str()).filter(|name| !name.is_empty()),
    );
    keys.optional_text("physicalName", property.physical_name.as_deref());
    keys.optional_text("description", property.description.as_deref());
    keys.optional_text("logicalType", property.logical_type.map(LogicalType::name));
    keys.flag("required", property.required);
    keys.flag("unique", property.unique);
    if let Some(position) = property.primary_key_position {
        keys.flag("primaryKey", true);
        keys.push("primaryKeyPosition", Value::Number(position.to_string()));
    }
    let mut options = options(&property.constraints);
    let mut allowed = property
        .constraints
        .allowed_values
        .as_ref()
        .map(|values| values.iter().map(|text| enum_value(text)).collect());
    let mut descriptive = Extra::new();
    let optional = property.optional.map(Value::Boolean);
    let mut custom: Vec<_> = optional
        .map(|optional| custom_property(OPTIONAL, optional))
        .into_iter()
        .collect();
    for (key, value) in &property.extra {
        match (key.as_str(), value) {
            ("customProperties", Value::List(foreign)) => custom.extend_from_slice(foreign),
            ("logicalTypeOptions", Value::Map(kept)) => options.extend(kept),
            ("enum", Value::List(described)) => allowed = Some(described.clone()),
            _ => descriptive.push((key.clone(), value.clone())),
        }
    }
    if !options.0.is_empty() {
        keys.push("logicalTypeOptions", options.into_value());
    }
    keys.list("enum", allowed.unwrap_or_default());
    keys.extend(&descriptive);
    keys.list("customProperties", custom);
    keys.list(
        "properties",
        property.properties.iter().map(self::property).collect(),
    );
    if let Some(items) = &property.items {
        keys.push("items", self::property(items));
    }
    keys.list("quality", property.quality.iter().map(quality).collect());
    keys.into_value()
}

fn enum_value(text: &str) -> Value {
    Value::Map(vec![("value".to_owned(), Value::Text(text.to_owned()))])
}

fn options(constraints: &Constraints) -> Keys {
    let mut keys = Keys::default();
    keys.bound("minimum", "exclusiveMinimum", constraints.minimum.as_ref());
    keys.bound("maximum", "exclusiveMaximum", constraints.maximum.as_ref());
    if let Some(divisor) = &constraints.multiple_of {
        keys.push("multipleOf", Value::Number(divisor.to_string()));
    }
    for (key, length) in [
        ("minLength", constraints.min_length),
        ("maxLength", constraints.max_length),
    ] {
        if let Some(length) = length {
            keys.push(key, Value::Number(length.to_string()));
        }
    }
    keys.optional_text(
        "pattern",
        constraints.pattern.as_ref().map(|pattern| pattern.as_str()),
    );
    keys.optional_text("format", constraints.format.as_ref().map(Format::name));
    if let Some(timezone) = constraints.timezone {
        keys.push("timezone", Value::Boolean(timezone));
    }
    keys
}

fn quality(quality: &Quality) -> Value {
    let mut keys = Keys::default();
    keys.optional_text("name", quality.name.as_deref());
    keys.optional_text("description", quality.description.as_deref());
    match &quality.kind {
        QualityKind::Metric {
            metric,
            operator,
            unit,
        } => {
            keys.text("metric", metric.name());
            let arguments = arguments(metric);
            if !arguments.0.is_empty() {
                keys.push("arguments", arguments.into_value());
            }
            keys.push(operator.name(), threshold(operator));
            if *unit == Unit::Percent {
                keys.text("unit", "percent");
            }
        }
        QualityKind::Expression {
            text,
            threshold: limit,
        } => {
            keys.text("type", "custom");
            keys.text("engine", ENGINE);
            keys.text("implementation", text);
            if let Some((operator, unit)) = limit {
                keys.push(operator.name(), threshold(operator));
                if *unit == Unit::Percent {
                    keys.text("unit", "percent");
                }
            }
        }
        QualityKind::Text => keys.text("type", "text"),
        QualityKind::Sql(rule) => {
            keys.text("type", "sql");
            keys.extend(rule);
        }
        QualityKind::Custom {
            engine,
            implementation,
        } => {
            keys.text("type", "custom");
            keys.text("engine", engine);
            keys.push("implementation", implementation.clone());
        }
        QualityKind::Unknown(rule) => {
            keys.text("type", "library");
            keys.extend(rule);
        }
    }
    if quality.severity != Severity::Error {
        keys.text("severity", quality.severity.name());
    }
    keys.extend(&quality.extra);
    keys.into_value()
}

fn arguments(metric: &Metric) -> Keys {
    let mut keys = Keys::default();
    match metric {
        Metric::MissingValues { missing_values } => {
            keys.list("missingValues", texts(missing_values))
        }
        Metric::InvalidValues {
            valid_values,
            pattern,
        } => {
            if let Some(values) = valid_values {
                keys.push("validValues", Value::List(texts(values)));
            }
            keys.optional_text("pattern", pattern.as_ref().map(|pattern| pattern.as_str()));
        }
        Metric::DuplicateValues { properties } => keys.list("properties", texts(properties)),
        Metric::NullValues | Metric::RowCount => {}
    }
    keys
}

fn threshold(operator: &Operator) -> Value {
    match operator {
        Operator::MustBe(number)
        | Operator::MustNotBe(number)
        | Operator::MustBeGreaterThan(number)
        | Operator::MustBeGreaterOrEqualTo(number)
        | Operator::MustBeLessThan(number)
        | Operator::MustBeLessOrEqualTo(number) => Value::Number(number.to_string()),
        Operator::MustBeBetween(low, high) | Operator::MustNotBeBetween(low, high) => {
            Value::List(vec![
                Value::Number(low.to_string()),
                Value::Number(high.to_string()),
            ])
        }
    }
}

/// The facts as elements of `customProperties`.
fn csv_facts(facts: &CsvFacts) -> Vec<Value> {
    let byte = |byte: u8| match byte {
        b'\t' => Value::Text("tab".to_owned()),
        byte => Value::Text(char::from(byte).to_string()),
    };
    let optional_byte = |fact: Option<u8>| fact.map_or(Value::Boolean(false), byte);
    let facts = [
        (
            "missingValues",
            facts
                .missing_values
                .as_ref()
                .map(|values| Value::List(texts(values))),
        ),
        ("delimiter", facts.delimiter.map(byte)),
        ("quote", facts.quote.map(optional_byte)),
        ("escape", facts.escape.map(optional_byte)),
        ("comment", facts.comment.map(optional_byte)),
        ("header", facts.header.map(Value::Boolean)),
        ("trim", facts.trim.map(Value::Boolean)),
        ("decimalChar", facts.decimal_char.map(byte)),
        ("encoding", facts.encoding.clone().map(Value::Text)),
    ];
    let present = facts
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    present
        .map(|(name, value)| custom_property(name, value))
        .collect()
}

fn custom_property(name: &str, value: Value) -> Value {
    Value::Map(vec![
        ("property".to_owned(), Value::Text(name.to_owned())),
        ("value".to_owned(), value),
    ])
}

fn texts(texts: &[String]) -> Vec<Value> {
    texts.iter().cloned().map(Value::Text).collect()
}

/// A mapping being written.
#[derive(Default)]
struct Keys(Extra);

impl Keys {
    fn push(&mut self, key: &str, value: Value) {
        self.0.push((key.to_owned(), value));
    }

    fn text(&mut self, key: &str, text: &str) {
        self.push(key, Value::Text(text.to_owned()));
    }

    fn optional_text<T: AsRef<str>>(&mut self, key: &str, text: Option<T>) {
        if let Some(text) = text {
            self.text(key, text.as_ref());
        }
    }

    /// Writes the flag if it is set: `false` is what a missing one means.
    fn flag(&mut self, key: &str, is_set: bool) {
        if is_set {
            self.push(key, Value::Boolean(true));
        }
    }

    /// Writes the list unless it is empty.
    fn list(&mut self, key: &str, items: Vec<Value>) {
        if !items.is_empty() {
            self.push(key, Value::List(items));
        }
    }

    fn bound(&mut self, inclusive: &str, exclusive: &str, bound: Option<&Bound>) {
        let Some(bound) = bound else { return };
        let key = if bound.inclusion == Inclusion::Inclusive {
            inclusive
        } else {
            exclusive
        };
        match &bound.value {
            BoundValue::Number(number) => self.push(key, Value::Number(number.to_string())),
            BoundValue::Temporal(text) => self.text(key, text),
        }
    }

    fn extend(&mut self, extra: &Extra) {
        self.0.extend_from_slice(extra);
    }

    fn into_value(self) -> Value {
        Value::Map(self.0)
    }
}
