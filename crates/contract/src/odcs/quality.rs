//! Quality rules, on objects and on properties.

use tamis_engine::number::Decimal;

use crate::model::{
    Extra, Metric, Operator, Property, Quality, QualityKind, Severity, UncheckedKind, Unit,
};

use super::fields::Fields;
use super::reader::Reader;
use super::yaml::Node;

/// Keys of the standard that describe a rule and check nothing.
const DESCRIPTIVE: &[&str] = &[
    "authoritativeDefinitions",
    "businessImpact",
    "customProperties",
    "dimension",
    "id",
    "method",
    "schedule",
    "scheduler",
    "tags",
];

const METRICS: [&str; 5] = [
    "nullValues",
    "missingValues",
    "invalidValues",
    "duplicateValues",
    "rowCount",
];

/// Makes an operator of its threshold.
type OfOne = fn(Decimal) -> Operator;
/// Makes an operator of the ends of its range.
type OfTwo = fn(Decimal, Decimal) -> Operator;

/// What a rule is attached to.
#[derive(Clone, Copy)]
pub(super) enum Place<'p> {
    /// An object with these properties.
    Object(&'p [Property]),
    Property,
}

impl Reader<'_> {
    pub(super) fn quality(&mut self, nodes: &[Node], place: Place<'_>) -> Vec<Quality> {
        nodes
            .iter()
            .filter_map(|node| self.rule(node, place))
            .collect()
    }

    fn rule(&mut self, node: &Node, place: Place<'_>) -> Option<Quality> {
        let mut fields = Fields::of(self, "a quality rule", node)?;
        let name = fields.text(self, "name");
        let description = fields.text(self, "description");
        let severity = self.severity(&mut fields);
        let kind = self.kind(&mut fields, place)?;
        let extra = match &kind {
            // These carry every other key themselves.
            QualityKind::Sql(_) | QualityKind::Unknown(_) => Extra::new(),
            _ => fields.finish(self, DESCRIPTIVE),
        };
        Some(Quality {
            name,
            description,
            kind,
            severity,
            extra,
        })
    }

    fn kind(&mut self, fields: &mut Fields<'_>, place: Place<'_>) -> Option<QualityKind> {
        let span = fields.span.start..fields.span.start + 1;
        let type_node = fields.take("type");
        let type_name = match type_node {
            Some(node) => self.text_of("type", node)?,
            None if fields.has("query") => "sql".to_owned(),
            None if fields.has("engine") => "custom".to_owned(),
            None => "library".to_owned(),
        };
        match type_name.as_str() {
            "library" => self.library_rule(fields, place),
            "text" => {
                let span = type_node.map_or(span, |node| node.span.clone());
                self.not_checked(UncheckedKind::Text, &span, "text", "prose is for people");
                Some(QualityKind::Text)
            }
            "sql" => {
                let Some((key, _)) = fields.take_entry("query") else {
                    self.error("missing-key", &span, "this `sql` rule has no `query`");
                    return None;
                };
                self.not_checked(
                    UncheckedKind::Rule,
                    &key.span,
                    "sql",
                    "SQL needs a database",
                );
                Some(QualityKind::Sql(remaining(fields, &["query"])))
            }
            "custom" => {
                let engine_node = fields.take("engine");
                let engine = engine_node.and_then(|node| self.text_of("engine", node));
                let implementation = fields.take("implementation");
                let (Some(node), Some(engine), Some(implementation)) =
                    (engine_node, engine, implementation)
                else {
                    self.error(
                        "missing-key",
                        &span,
                        "this `custom` rule needs `engine` and `implementation`",
                    );
                    return None;
                };
                self.not_checked(
                    UncheckedKind::Rule,
                    &node.span,
                    "custom",
                    format!("the rule is for the engine `{engine}`"),
                );
                Some(QualityKind::Custom {
                    engine,
                    implementation: implementation.value(),
                })
            }
            other => {
                let span = type_node.map_or(span, |node| node.span.clone());
                self.unknown(
                    "unknown-value",
                    &span,
                    "type of quality rule",
                    other,
                    &["library", "text", "sql", "custom"],
                );
                None
            }
        }
    }

    /// A metric of the standard and its threshold.
    fn library_rule(&mut self, fields: &mut Fields<'_>, place: Place<'_>) -> Option<QualityKind> {
        let metric_node = fields.take("metric");
        // 3.0 calls it `rule`.
        let rule_node = fields.take("rule");
        let Some(node) = metric_node.or(rule_node) else {
            let span = fields.span.start..fields.span.start + 1;
            let help = format!("`metric` is one of {}", super::reader::listed(&METRICS));
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
        span: &std::ops::Range<usize>,
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

    /// Exactly one of the `mustBe...` keys.
    fn operator(&mut self, fields: &mut Fields<'_>) -> Option<Operator> {
        let mut found: Vec<(&str, Option<Operator>)> = Vec::new();
        let single: [(_, OfOne); 8] = [
            ("mustBe", Operator::MustBe),
            ("mustNotBe", Operator::MustNotBe),
            ("mustBeGreaterThan", Operator::MustBeGreaterThan),
            ("mustBeGreaterOrEqualTo", Operator::MustBeGreaterOrEqualTo),
            // A spelling seen in the wild.
            (
                "mustBeGreaterThanOrEqualTo",
                Operator::MustBeGreaterOrEqualTo,
            ),
            ("mustBeLessThan", Operator::MustBeLessThan),
            ("mustBeLessOrEqualTo", Operator::MustBeLessOrEqualTo),
            ("mustBeLessThanOrEqualTo", Operator::MustBeLessOrEqualTo),
        ];
        for (key, operator) in single {
            if let Some(node) = fields.take(key) {
                found.push((key, self.decimal_of(key, node).map(operator)));
            }
        }
        let double: [(_, OfTwo); 2] = [
            ("mustBeBetween", Operator::MustBeBetween),
            ("mustNotBeBetween", Operator::MustNotBeBetween),
        ];
        for (key, operator) in double {
            let Some(node) = fields.take(key) else {
                continue;
            };
            let ends: Vec<_> = self
                .list_of(key, node)
                .iter()
                .filter_map(|item| self.decimal_of(key, item))
                .collect();
            let ends = <[_; 2]>::try_from(ends);
            match &ends {
                Ok([low, high]) if low > high => {
                    self.error(
                        "contradiction",
                        &node.span,
                        format!("`{key}`: the smaller number comes first"),
                    );
                }
                Ok(_) => {}
                Err(_) => self.error(
                    "wrong-type",
                    &node.span,
                    format!("`{key}` must be a list of two numbers"),
                ),
            }
            found.push((key, ends.ok().map(|[low, high]| operator(low, high))));
        }
        let span = fields.span.start..fields.span.start + 1;
        match found.as_mut_slice() {
            [(_, operator)] => operator.take(),
            [] => {
                let help = "for example `mustBe: 0` or `mustBeLessThan: 5`";
                self.error_with_help(
                    "missing-key",
                    &span,
                    "this quality rule has no threshold",
                    help,
                );
                None
            }
            [(first, _), (second, _), ..] => {
                let message =
                    format!("this quality rule has several thresholds: `{first}` and `{second}`");
                self.error_with_help(
                    "contradiction",
                    &span,
                    message,
                    "write one rule for each, or `mustBeBetween: [low, high]`",
                );
                None
            }
        }
    }

    fn unit(&mut self, fields: &mut Fields<'_>) -> Unit {
        let Some(node) = fields.take("unit") else {
            return Unit::Rows;
        };
        match self.text_of("unit", node).as_deref() {
            None | Some("rows") => Unit::Rows,
            Some("percent") => Unit::Percent,
            Some(other) => {
                self.unknown(
                    "unknown-value",
                    &node.span,
                    "unit",
                    other,
                    &["rows", "percent"],
                );
                Unit::Rows
            }
        }
    }

    /// The standard leaves the words open; whatever is not known counts as an error.
    fn severity(&mut self, fields: &mut Fields<'_>) -> Severity {
        let Some(node) = fields.take("severity") else {
            return Severity::Error;
        };
        let Some(word) = self.text_of("severity", node) else {
            return Severity::Error;
        };
        match word.to_ascii_lowercase().as_str() {
            "error" => Severity::Error,
            "warning" | "warn" => Severity::Warning,
            "info" => Severity::Info,
            _ => {
                let message = format!(
                    "the severity `{}` counts as `error`",
                    super::reader::shortened(&word)
                );
                self.warning(
                    "unknown-value",
                    &node.span,
                    message,
                    "Tamis knows `error`, `warning` and `info`",
                );
                Severity::Error
            }
        }
    }
}

/// The keys in `keep` and every key nobody asked for.
fn remaining(fields: &Fields<'_>, keep: &[&str]) -> Extra {
    fields
        .all()
        .filter(|(key, _)| keep.contains(&key.text.as_str()) || !fields.is_asked(&key.text))
        .map(|(key, node)| (key.text.clone(), node.value()))
        .collect()
}
