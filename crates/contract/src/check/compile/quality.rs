//! Quality metrics with their thresholds, of a property and of the object.
//!
//! "None at all" is a rule that each row can break alone. Any other threshold is counted towards, and judged at the end
//! of the run.

use tamis_engine::number::Decimal;

use super::constraints::membership;
use super::{Compiler, Counted, Threshold};
use crate::check::rule::{MetricId, Rule};
use crate::check::value::{Consequence, Constraint, ValueCheck};
use crate::describe;
use crate::model::{Metric, Operator, Property, Quality, QualityKind, Unit};

impl Compiler {
    /// A quality rule of a property.
    pub(super) fn value_quality(
        &mut self,
        quality: &Quality,
        property: &Property,
        (index, column): (usize, &str),
        values: &mut ValueCheck,
    ) {
        let QualityKind::Metric {
            metric,
            operator,
            unit,
        } = &quality.kind
        else {
            return;
        };
        if let Metric::RowCount = metric {
            return self.threshold(
                quality,
                Some(column),
                metric,
                operator,
                *unit,
                Counted::Rows,
            );
        }
        if let Metric::DuplicateValues { properties } = metric {
            let columns = if properties.is_empty() {
                Some(vec![index])
            } else {
                None
            };
            return self.duplicates(quality, Some(column), columns, properties);
        }
        // "None at all" is a rule on each row; any other threshold can only be judged at the end.
        let consequence = if tolerates_none(operator) {
            let expected = expected_of(metric);
            Consequence::Violation(self.rule(column, metric.name(), quality.severity, expected))
        } else {
            let id = MetricId(self.value_metrics);
            self.value_metrics += 1;
            self.threshold(
                quality,
                Some(column),
                metric,
                operator,
                *unit,
                Counted::Values(id),
            );
            Consequence::Count(id)
        };
        hold(metric, property, consequence, values);
    }

    /// A quality rule of the object as a whole.
    pub(super) fn object_quality(&mut self, quality: &Quality) {
        let QualityKind::Metric {
            metric,
            operator,
            unit,
        } = &quality.kind
        else {
            return;
        };
        match metric {
            Metric::RowCount => {
                self.threshold(quality, None, metric, operator, *unit, Counted::Rows)
            }
            Metric::DuplicateValues { properties } => {
                self.duplicates(quality, None, None, properties);
            }
            _ => self.unchecked(
                "",
                metric.name(),
                "this metric belongs to a property, not to the object",
            ),
        }
    }

    /// Adds a threshold on what is `counted`, to be judged at the end of the run.
    pub(super) fn threshold(
        &mut self,
        quality: &Quality,
        column: Option<&str>,
        metric: &Metric,
        operator: &Operator,
        unit: Unit,
        counted: Counted,
    ) {
        let rule = self.compiled.rules.add(Rule {
            column: column.map(str::to_owned),
            word: metric.name().into(),
            severity: quality.severity,
            expected: describe::threshold(operator, unit),
            is_structural: false,
        });
        self.compiled.metrics.push(Threshold {
            rule,
            name: quality.name.clone(),
            operator: operator.clone(),
            unit,
            counted,
        });
    }
}

/// Whether a threshold means "no row at all", so that each row can be judged alone.
pub(super) fn tolerates_none(operator: &Operator) -> bool {
    let zero = Decimal::from(0i64);
    match operator {
        Operator::MustBe(count) | Operator::MustBeLessOrEqualTo(count) => *count == zero,
        _ => false,
    }
}

/// What a metric that tolerates nothing asks of a value.
fn expected_of(metric: &Metric) -> String {
    match metric {
        Metric::NullValues => "must not be null".into(),
        Metric::MissingValues { .. } => "must not be missing".into(),
        Metric::InvalidValues {
            valid_values: Some(valid),
            ..
        } => format!("must be {}", describe::one_of(valid)),
        Metric::InvalidValues {
            pattern: Some(pattern),
            ..
        } => format!("must match `{}`", pattern.as_str()),
        _ => "must be valid".into(),
    }
}

/// Makes the values that a metric counts lead to `consequence`.
fn hold(metric: &Metric, property: &Property, consequence: Consequence, values: &mut ValueCheck) {
    match metric {
        Metric::NullValues => values.on_null.push(consequence),
        Metric::MissingValues { missing_values } => {
            values.on_null.push(consequence);
            let texts = missing_values.iter().filter(|text| !text.is_empty());
            values.missing.push((
                texts.map(|text| text.as_bytes().into()).collect(),
                consequence,
            ));
        }
        Metric::InvalidValues {
            valid_values,
            pattern,
        } => {
            if let Some(valid) = valid_values {
                values
                    .constraints
                    .push((membership(property, valid), consequence));
            }
            if let Some(pattern) = pattern {
                values
                    .constraints
                    .push((Constraint::Pattern(pattern.clone()), consequence));
            }
        }
        Metric::DuplicateValues { .. } | Metric::RowCount => {
            unreachable!("no single value decides them")
        }
    }
}
