//! Quality rules, on objects and on properties.
//!
//! A rule of the standard's library is a `metric` (`library`) and a `threshold` on it. The other types (`text`, `sql`,
//! `custom` of another engine) are for other readers: they are listed as unchecked, and kept for writing. `custom` for
//! the engine `tamis` is an expression over the columns of a record.

mod library;
mod threshold;

use super::fields::Fields;
use super::reader::{Reader, shortened};
use super::yaml::Node;
use crate::model::{Extra, Property, Quality, QualityKind, Severity, UncheckedKind};

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

/// The engine of rules that are expressions over the columns of a record.
pub(super) const ENGINE: &str = "tamis";

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
            "library" => self.rule_of_library(fields, place),
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
                if engine == ENGINE {
                    return self.expression(implementation, fields);
                }
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

    /// A rule of our own: an expression, and how many records may break it.
    fn expression(
        &mut self,
        implementation: &Node,
        fields: &mut Fields<'_>,
    ) -> Option<QualityKind> {
        let text = self.text_of("implementation", implementation)?;
        self.expressions
            .push((text.clone(), implementation.span.clone()));
        let has_threshold = fields
            .all()
            .any(|(key, _)| key.text.starts_with("must") || key.text == "unit");
        let threshold = match has_threshold {
            true => {
                let unit = self.unit(fields);
                Some((self.operator(fields)?, unit))
            }
            false => None,
        };
        Some(QualityKind::Expression { text, threshold })
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
                let message = format!("the severity `{}` counts as `error`", shortened(&word));
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
