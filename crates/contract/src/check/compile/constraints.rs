//! The constraints of a property: bounds, lengths, `pattern`, `enum`, `format` and `timezone`.

use tamis_engine::number::Decimal;

use super::Compiler;
use crate::check::value::{Consequence, Constraint, Side};
use crate::describe;
use crate::format::{DateFormat, Format, Instant};
use crate::model::{Bound, BoundValue, Inclusion, LogicalType, Property, Severity};

/// The constraints of a column so far, and what breaking each leads to.
type Rules = Vec<(Constraint, Consequence)>;

impl Compiler {
    pub(super) fn constraints(&mut self, property: &Property, column: &str, rules: &mut Rules) {
        self.bounds(property, column, rules);
        self.shapes(property, column, rules);
        if let Some(format) = &property.constraints.format {
            self.format(format, column, rules);
        }
        self.timezone(property, column, rules);
    }

    /// `minimum`, `maximum`, `multipleOf`.
    fn bounds(&mut self, property: &Property, column: &str, rules: &mut Rules) {
        let constraints = &property.constraints;
        let minimum = (&constraints.minimum, ["minimum", "exclusiveMinimum"]);
        let maximum = (&constraints.maximum, ["maximum", "exclusiveMaximum"]);
        for ((bound, words), side) in [(minimum, Side::AtLeast), (maximum, Side::AtMost)] {
            let Some(bound) = bound else { continue };
            let Bound { value, inclusion } = bound;
            let word = words[usize::from(*inclusion == Inclusion::Exclusive)];
            let limit = match value {
                BoundValue::Number(limit) => {
                    Some(Constraint::Number(side, *inclusion, limit.clone()))
                }
                BoundValue::Temporal(text) => {
                    moment(property, text).map(|limit| Constraint::Moment(side, *inclusion, limit))
                }
            };
            let Some(limit) = limit else {
                let reason = "the bound is not a date, time or timestamp";
                self.unchecked(column, word, reason);
                continue;
            };
            let described = match side {
                Side::AtLeast => describe::lower_bound(bound),
                Side::AtMost => describe::upper_bound(bound),
            };
            let expected = format!("must be {described}");
            self.constrain(column, word, expected, limit, rules);
        }
        if let Some(divisor) = &constraints.multiple_of {
            let expected = format!("must be a multiple of {divisor}");
            let constraint = Constraint::MultipleOf(divisor.clone());
            self.constrain(column, "multipleOf", expected, constraint, rules);
        }
    }

    /// `minLength`, `maxLength`, `pattern`, `enum`.
    fn shapes(&mut self, property: &Property, column: &str, rules: &mut Rules) {
        let constraints = &property.constraints;
        if let Some(min) = constraints.min_length {
            let expected = format!("must have at least {min} characters");
            let constraint = Constraint::MinLength(min);
            self.constrain(column, "minLength", expected, constraint, rules);
        }
        if let Some(max) = constraints.max_length {
            let expected = format!("must have at most {max} characters");
            let constraint = Constraint::MaxLength(max);
            self.constrain(column, "maxLength", expected, constraint, rules);
        }
        if let Some(pattern) = &constraints.pattern {
            let expected = format!("must match `{}`", pattern.as_str());
            let constraint = Constraint::Pattern(pattern.clone());
            self.constrain(column, "pattern", expected, constraint, rules);
        }
        if let Some(allowed) = &constraints.allowed_values {
            let expected = format!("must be {}", describe::one_of(allowed));
            let constraint = membership(property, allowed);
            self.constrain(column, "enum", expected, constraint, rules);
        }
    }

    /// `format`, but for the one of a date, time or timestamp: that is its type.
    fn format(&mut self, format: &Format, column: &str, rules: &mut Rules) {
        let (expected, constraint) = match format {
            Format::Text(format) => {
                let expected = format!("must be a valid {}", format.name());
                (expected, Constraint::Text(*format))
            }
            Format::Integer(format) => {
                let expected = format!("must fit {}", format.name());
                let rule = self.rule(column, "format", Severity::Error, expected);
                let limits = [(Side::AtLeast, format.min()), (Side::AtMost, format.max())];
                for (side, limit) in limits {
                    let limit = Constraint::Number(side, Inclusion::Inclusive, limit);
                    rules.push((limit, Consequence::Violation(rule)));
                }
                return;
            }
            Format::Float32 => ("must fit f32".to_owned(), Constraint::Float32),
            Format::Float64 => ("must fit f64".to_owned(), Constraint::Float64),
            Format::Temporal(_) => return,
        };
        self.constrain(column, "format", expected, constraint, rules);
    }

    /// `timezone` says something of a timestamp in ISO 8601 only: a format of its own has a zone or has none.
    fn timezone(&mut self, property: &Property, column: &str, rules: &mut Rules) {
        let Some(zone) = property.constraints.timezone else {
            return;
        };
        if property.logical_type != Some(LogicalType::Timestamp)
            || property.constraints.format.is_some()
        {
            let reason = "only timestamps without a `format` are checked for their zone";
            return self.unchecked(column, "timezone", reason);
        }
        let expected = if zone {
            "must name a time zone"
        } else {
            "must name no time zone"
        };
        let rule = self.rule(column, "timezone", Severity::Error, expected.into());
        rules.push((Constraint::Zone(zone), Consequence::Violation(rule)));
    }

    /// Adds a constraint that is a rule of its own.
    fn constrain(
        &mut self,
        column: &str,
        word: &'static str,
        expected: String,
        constraint: Constraint,
        rules: &mut Rules,
    ) {
        let rule = self.rule(column, word, Severity::Error, expected);
        rules.push((constraint, Consequence::Violation(rule)));
    }
}

/// A bound of a temporal property: in ISO 8601, or in the property's own format.
fn moment(property: &Property, text: &str) -> Option<Instant> {
    let own = match &property.constraints.format {
        Some(Format::Temporal(format)) => Some(format.clone()),
        _ => None,
    };
    let iso = [DateFormat::iso_timestamp(), DateFormat::iso_time()];
    own.iter()
        .chain(&iso)
        .find_map(|format| format.parse(text.as_bytes()))
}

/// One of `allowed`; for a number as a number, so that `1.0` is `1`.
pub(super) fn membership(property: &Property, allowed: &[String]) -> Constraint {
    let is_numeric = property.logical_type.is_some_and(LogicalType::is_numeric);
    let numbers: Option<Vec<Decimal>> = allowed
        .iter()
        .map(|text| Decimal::parse(text.as_bytes()))
        .collect();
    match numbers {
        Some(numbers) if is_numeric => Constraint::OneOfNumbers(numbers),
        _ => Constraint::OneOf(allowed.iter().map(|text| text.as_bytes().into()).collect()),
    }
}
