//! A contract in words: what limits a value, what a metric counts and must be.
//!
//! ```
//! use tamis_contract::describe;
//! use tamis_contract::model::Property;
//!
//! let amount = Property::integer("amount").minimum(1).exclusive_maximum(100);
//! assert_eq!(describe::limits(&amount.constraints), ["at least 1, less than 100"]);
//! ```

use crate::model::{
    Bound, BoundValue, Constraints, CsvFacts, DuplicateColumns, ExtraColumns, Inclusion, Metric,
    Operator, Property, Unit,
};

/// Values of a list that are written out before the rest is only counted.
const LISTED_MAX: usize = 8;

/// `string`, `array of integer`; `any` without a type.
pub fn type_name(property: &Property) -> String {
    let name = property
        .logical_type
        .map_or("any", |logical_type| logical_type.name());
    match &property.items {
        Some(items) => format!("{name} of {}", type_name(items)),
        None => name.to_owned(),
    }
}

/// Whether null and absence are violations: `yes`, `if present`, `may be null`, `optional`; empty where the
/// contract says nothing.
pub fn required(property: &Property) -> &'static str {
    let is_required = property.required || property.primary_key_position.is_some();
    match (is_required, property.optional) {
        (true, Some(true)) => "if present",
        (true, _) => "yes",
        (false, Some(true)) => "optional",
        (false, Some(false)) => "may be null",
        (false, None) => "",
    }
}

/// What columns beside those of the contract mean: `other columns are fine`.
pub fn extra_columns(extra_columns: ExtraColumns) -> &'static str {
    match extra_columns {
        ExtraColumns::Allow => "other columns are fine",
        ExtraColumns::Refuse => "no other columns, and in JSON no other keys",
    }
}

/// What columns mean that repeat a name: `columns that repeat a name are not looked at`.
pub fn duplicate_columns(duplicate_columns: DuplicateColumns) -> &'static str {
    match duplicate_columns {
        DuplicateColumns::Allow => "columns that repeat a name are not looked at",
        DuplicateColumns::Refuse => "no name of a column comes twice",
    }
}

/// Each limit on the values of a property.
pub fn limits(constraints: &Constraints) -> Vec<String> {
    let mut limits = Vec::new();
    limits.extend(range(constraints));
    if let Some(divisor) = &constraints.multiple_of {
        limits.push(format!("multiple of {divisor}"));
    }
    limits.extend(lengths(constraints));
    if let Some(pattern) = &constraints.pattern {
        limits.push(format!("matches `{}`", pattern.as_str()));
    }
    if let Some(format) = &constraints.format {
        limits.push(format!("format `{}`", format.name()));
    }
    if let Some(values) = &constraints.allowed_values {
        limits.push(one_of(values));
    }
    match constraints.timezone {
        Some(true) => limits.push("with a time zone".to_owned()),
        Some(false) => limits.push("without a time zone".to_owned()),
        None => {}
    }
    limits
}

/// What an object says of its CSV files, by the names of the contract: ``delimiter `;` ``.
pub fn csv_facts(facts: &CsvFacts) -> Vec<String> {
    let byte = |byte: u8| match byte {
        b'\t' => "tab".to_owned(),
        byte => format!("`{}`", char::from(byte)),
    };
    let optional_byte = |fact: Option<u8>| fact.map_or("none".to_owned(), byte);
    let flag = |fact: bool| if fact { "yes" } else { "no" }.to_owned();
    let facts = [
        ("missingValues", facts.missing_values.as_deref().map(list)),
        ("delimiter", facts.delimiter.map(byte)),
        ("quote", facts.quote.map(optional_byte)),
        ("escape", facts.escape.map(optional_byte)),
        ("comment", facts.comment.map(optional_byte)),
        ("header", facts.header.map(flag)),
        ("trim", facts.trim.map(flag)),
        ("decimalChar", facts.decimal_char.map(byte)),
        ("encoding", facts.encoding.clone()),
    ];
    let known = facts
        .into_iter()
        .filter_map(|(name, fact)| Some(format!("{name} {}", fact?)));
    known.collect()
}

/// `nullValues`, or with what it is asked to count: `invalidValues (not one of EWR, JFK)`.
pub fn metric(metric: &Metric) -> String {
    let arguments = match metric {
        Metric::NullValues | Metric::RowCount => Vec::new(),
        Metric::MissingValues { missing_values } => vec![format!("null, {}", list(missing_values))],
        Metric::InvalidValues {
            valid_values,
            pattern,
        } => {
            let values = valid_values
                .as_deref()
                .map(|values| format!("not {}", one_of(values)));
            let pattern = pattern
                .as_ref()
                .map(|pattern| format!("not like `{}`", pattern.as_str()));
            values.into_iter().chain(pattern).collect()
        }
        Metric::DuplicateValues { properties } if properties.is_empty() => Vec::new(),
        Metric::DuplicateValues { properties } => vec![list(properties)],
    };
    match arguments.as_slice() {
        [] => metric.name().to_owned(),
        arguments => format!("{} ({})", metric.name(), arguments.join(", ")),
    }
}

/// `at least 1`, `more than 0`.
pub(crate) fn lower_bound(bound: &Bound) -> String {
    end(bound, "at least", "more than")
}

/// `at most 1`, `less than 2014-01-01`.
pub(crate) fn upper_bound(bound: &Bound) -> String {
    end(bound, "at most", "less than")
}

/// `one of EWR, JFK`.
pub(crate) fn one_of(values: &[String]) -> String {
    format!("one of {}", list(values))
}

/// `must be less than 5 %`.
pub fn threshold(operator: &Operator, unit: Unit) -> String {
    let words = operator_words(operator.name());
    let unit = if unit == Unit::Percent { " %" } else { "" };
    match operator {
        Operator::MustBe(value)
        | Operator::MustNotBe(value)
        | Operator::MustBeGreaterThan(value)
        | Operator::MustBeGreaterOrEqualTo(value)
        | Operator::MustBeLessThan(value)
        | Operator::MustBeLessOrEqualTo(value) => format!("{words} {value}{unit}"),
        Operator::MustBeBetween(low, high) | Operator::MustNotBeBetween(low, high) => {
            format!("{words} {low} and {high}{unit}")
        }
    }
}

/// `must be less than`, from `mustBeLessThan`.
pub(crate) fn operator_words(name: &str) -> String {
    let mut words = String::new();
    for character in name.chars() {
        if character.is_uppercase() {
            words.push(' ');
        }
        words.extend(character.to_lowercase());
    }
    words
}

/// `1 to 12`, `more than 0, at most 1`, `at least 2013-01-01`.
fn range(constraints: &Constraints) -> Option<String> {
    match (&constraints.minimum, &constraints.maximum) {
        (None, None) => None,
        (Some(low), None) => Some(lower_bound(low)),
        (None, Some(high)) => Some(upper_bound(high)),
        (Some(low), Some(high)) => {
            let both = [low, high].map(|bound| bound.inclusion == Inclusion::Inclusive);
            Some(match both {
                [true, true] if low.value == high.value => bound_text(&low.value),
                [true, true] => {
                    format!("{} to {}", bound_text(&low.value), bound_text(&high.value))
                }
                _ => format!("{}, {}", lower_bound(low), upper_bound(high)),
            })
        }
    }
}

fn lengths(constraints: &Constraints) -> Option<String> {
    match (constraints.min_length, constraints.max_length) {
        (Some(low), Some(high)) if low == high => Some(format!("{low} characters")),
        (Some(low), Some(high)) => Some(format!("{low} to {high} characters")),
        (Some(low), None) => Some(format!("at least {low} characters")),
        (None, Some(high)) => Some(format!("at most {high} characters")),
        (None, None) => None,
    }
}

fn end(bound: &Bound, inclusive: &str, exclusive: &str) -> String {
    let word = match bound.inclusion {
        Inclusion::Inclusive => inclusive,
        Inclusion::Exclusive => exclusive,
    };
    format!("{word} {}", bound_text(&bound.value))
}

fn bound_text(value: &BoundValue) -> String {
    match value {
        BoundValue::Number(number) => number.to_string(),
        BoundValue::Temporal(text) => text.clone(),
    }
}

fn list(values: &[String]) -> String {
    let listed = &values[..values.len().min(LISTED_MAX)];
    let mut text = listed.join(", ");
    if values.len() > listed.len() {
        text.push_str(&format!(", … {} more", values.len() - listed.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::parse_decimal;

    #[test]
    fn limits_read_as_words() {
        let limits_of = |property: Property| limits(&property.constraints).join("; ");
        let id = Property::string("id")
            .min_length(8)
            .max_length(20)
            .pattern("^A")
            .expect("valid");
        assert_eq!(limits_of(id), "8 to 20 characters; matches `^A`");
        let day = Property::date("day")
            .minimum("2013-01-01")
            .exclusive_maximum("2014-01-01");
        assert_eq!(limits_of(day), "at least 2013-01-01, less than 2014-01-01");
        let many = Property::string("code").one_of((0..10).map(|value| value.to_string()));
        assert_eq!(limits_of(many), "one of 0, 1, 2, 3, 4, 5, 6, 7, … 2 more");
        assert_eq!(
            limits_of(Property::integer("month").minimum(1).maximum(12)),
            "1 to 12"
        );
        assert_eq!(
            limits_of(Property::integer("year").minimum(2013).maximum(2013)),
            "2013"
        );
        assert_eq!(limits_of(Property::new("free")), "");
    }

    #[test]
    fn what_may_be_absent_reads_as_words() {
        let p = || Property::string("p");
        let words = [p(), p().required(), p().primary_key(1), p().optional()].map(|p| required(&p));
        assert_eq!(words, ["", "yes", "yes", "optional"]);
        let words = [p().required().optional(), p().always_present()].map(|p| required(&p));
        assert_eq!(words, ["if present", "may be null"]);
    }

    #[test]
    fn csv_facts_read_as_words() {
        let facts = CsvFacts {
            missing_values: Some(vec!["NA".to_owned(), "-".to_owned()]),
            delimiter: Some(b'\t'),
            quote: Some(None),
            header: Some(false),
            ..CsvFacts::default()
        };
        assert_eq!(
            csv_facts(&facts),
            [
                "missingValues NA, -",
                "delimiter tab",
                "quote none",
                "header no"
            ]
        );
        assert!(csv_facts(&CsvFacts::default()).is_empty());
    }

    #[test]
    fn thresholds_read_as_words() {
        let number = |text| parse_decimal(text).expect("a number");
        let limit = Operator::MustBeGreaterOrEqualTo(number("0.5"));
        assert_eq!(
            threshold(&limit, Unit::Percent),
            "must be greater or equal to 0.5 %"
        );
        let range = Operator::MustNotBeBetween(number("1"), number("3"));
        assert_eq!(threshold(&range, Unit::Rows), "must not be between 1 and 3");
        let origins = Metric::InvalidValues {
            valid_values: Some(vec!["EWR".to_owned(), "JFK".to_owned()]),
            pattern: None,
        };
        assert_eq!(metric(&origins), "invalidValues (not one of EWR, JFK)");
    }
}
