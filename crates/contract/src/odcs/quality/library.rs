//! The metrics of the standard's library, with their arguments.

use std::ops::Range;

use super::{Place, remaining};
use crate::model::{Metric, QualityKind, UncheckedKind};
use crate::odcs::fields::Fields;
use crate::odcs::reader::{Reader, listed};
use crate::odcs::yaml::Node;

const METRICS: [&str; 5] = [
    "nullValues",
    "missingValues",
    "invalidValues",
    "duplicateValues",
    "rowCount",
];

impl Reader<'_> {
    /// A metric of the standard and its threshold.
    pub(super) fn rule_of_library(
        &mut self,
        fields: &mut Fields<'_>,
        place: Place<'_>,
    ) -> Option<QualityKind> {
        let metric_node = fields.take("metric");
        // 3.0 calls it `rule`.
        let rule_node = fields.take("rule");
        let Some(node) = metric_node.or(rule_node) else {
            let span = fields.span.start..fields.span.start + 1;
            let help = format!("`metric` is one of {}", listed(&METRICS));
            self.error_with_help(
                "missing-key",
                &span,
                "this quality rule has no `metric`",
                help,
            );
            return None;
        };
        let name = self.text_of("metric", node)?;
        // `duplicateCount` is the 3.0 name.
        let name = if name == "duplicateCount" {
            "duplicateValues"
        } else {
            &name
        };
        if !METRICS.contains(&name) {
            let key = if metric_node.is_some() {
                "metric"
            } else {
                "rule"
            };
            self.not_checked(
                UncheckedKind::Rule,
                &node.span,
                name,
                format!("the metric `{name}` is not known"),
            );
            return Some(QualityKind::Unknown(remaining(fields, &[key])));
        }
        // Published contracts do this; what it is to mean, the standard does not say.
        let misplaced = match (place, name) {
            (Place::Object(_), "nullValues" | "missingValues" | "invalidValues") => {
                Some("counts the values of one property: move the rule to that property")
            }
            (Place::Property, "rowCount") => {
                Some("counts the rows of an object: move the rule there")
            }
            _ => None,
        };
        if let Some(reason) = misplaced {
            self.not_checked(
                UncheckedKind::Rule,
                &node.span,
                name,
                format!("`{name}` {reason}"),
            );
            return Some(QualityKind::Unknown(remaining(fields, &["metric", "rule"])));
        }
        let metric = self.metric(name, fields, place);
        let unit = self.unit(fields);
        let operator = self.operator(fields)?;
        Some(QualityKind::Metric {
            metric,
            operator,
            unit,
        })
    }

    fn metric(&mut self, name: &str, fields: &mut Fields<'_>, place: Place<'_>) -> Metric {
        let arguments_node = fields.take("arguments");
        let mut arguments = arguments_node.and_then(|node| Fields::of(self, "arguments", node));
        let argument = |key| {
            arguments
                .as_mut()
                .and_then(|arguments: &mut Fields<'_>| arguments.take(key))
        };
        let metric = match name {
            "missingValues" => {
                let texts = self.argument_texts("missingValues", argument);
                Metric::MissingValues {
                    missing_values: texts.unwrap_or_default(),
                }
            }
            "invalidValues" => self.invalid_values(&fields.span, argument),
            "duplicateValues" => {
                let properties = self
                    .argument_texts("properties", argument)
                    .unwrap_or_default();
                self.key_of_duplicates(&properties, fields, place);
                Metric::DuplicateValues { properties }
            }
            "rowCount" => Metric::RowCount,
            _ => Metric::NullValues,
        };
        if let Some(arguments) = arguments {
            arguments.finish(self, &[]);
        }
        metric
    }

    fn argument_texts<'n>(
        &mut self,
        key: &'static str,
        mut argument: impl FnMut(&'static str) -> Option<&'n Node>,
    ) -> Option<Vec<String>> {
        argument(key).map(|node| self.texts_of(key, node))
    }

    fn invalid_values<'n>(
        &mut self,
        span: &Range<usize>,
        mut argument: impl FnMut(&'static str) -> Option<&'n Node>,
    ) -> Metric {
        let valid_values = self.argument_texts("validValues", &mut argument);
        let pattern_node = argument("pattern");
        let pattern = pattern_node.and_then(|node| self.pattern_of("pattern", node));
        if valid_values.is_none() && pattern_node.is_none() {
            let help = "give `arguments: {validValues: [...]}` or `arguments: {pattern: ...}`";
            self.error_with_help(
                "missing-key",
                &(span.start..span.start + 1),
                "`invalidValues` does not say what is valid",
                help,
            );
        }
        Metric::InvalidValues {
            valid_values,
            pattern,
        }
    }

    /// The columns of an object's duplicates must exist, and a property needs none.
    fn key_of_duplicates(&mut self, names: &[String], fields: &Fields<'_>, place: Place<'_>) {
        let span = fields.span.start..fields.span.start + 1;
        match place {
            Place::Object(properties) => {
                if names.is_empty() {
                    let help =
                        "give `arguments: {properties: [...]}`, or move the rule to a property";
                    self.error_with_help(
                        "missing-key",
                        &span,
                        "`duplicateValues` of an object names no properties",
                        help,
                    );
                }
                for name in names
                    .iter()
                    .filter(|name| properties.iter().all(|property| property.name != **name))
                {
                    let known: Vec<_> = properties
                        .iter()
                        .map(|property| property.name.as_str())
                        .collect();
                    self.unknown("unknown-value", &span, "property", name, &known);
                }
            }
            Place::Property if names.is_empty() => {}
            Place::Property => {
                let help = "move the rule to the `quality` of the object";
                self.error_with_help(
                    "contradiction",
                    &span,
                    "`properties` belong to a rule of the object",
                    help,
                );
            }
        }
    }
}
