//! Objects: the elements of `schema`.

use std::collections::HashSet;

use crate::expression;
use crate::model::{Object, Property, UncheckedKind};

use super::fields::Fields;
use super::quality::Place;
use super::reader::{Reader, shortened};
use super::yaml::Node;

/// Keys of the standard that describe an object and check nothing.
const DESCRIPTIVE: &[&str] = &[
    "authoritativeDefinitions",
    "businessName",
    "context",
    "dataGranularityDescription",
    "deprecated",
    "id",
    "logicalType",
    "physicalType",
    "relationships",
    "synonyms",
    "tags",
];

impl Reader<'_> {
    pub(super) fn object(&mut self, node: &Node) -> Option<Object> {
        let mut fields = Fields::of(self, "an element of `schema`", node)?;
        let name = self.name_of(&mut fields, "object")?;
        self.location.push(name.clone());
        let physical_name = fields.text(self, "physicalName");
        let description = fields.text(self, "description");
        let members = fields.list(self, "properties");
        let properties = self.properties(members);
        let rules = fields.list(self, "quality");
        let quality = self.quality(rules, Place::Object(&properties));
        self.check_expressions(&properties);
        let facts = match fields.take("customProperties") {
            Some(node) => self.object_facts(node),
            None => Default::default(),
        };
        self.relationships(&fields);
        let mut extra = fields.finish(self, DESCRIPTIVE);
        let foreign = facts.foreign;
        extra.extend(foreign.map(|foreign| ("customProperties".to_owned(), foreign)));
        self.location.pop();
        Some(Object {
            name,
            physical_name,
            description,
            properties,
            quality,
            csv: facts.csv,
            extra_columns: facts.extra_columns,
            duplicate_columns: facts.duplicate_columns,
            extra,
        })
    }

    /// Finds what is wrong with the expressions of an object that has these properties.
    fn check_expressions(&mut self, properties: &[Property]) {
        let expressions = std::mem::take(&mut self.expressions);
        if expressions.is_empty() {
            return;
        }
        let names = expression::names(properties);
        for (text, span) in expressions {
            let Err(error) = expression::compile(&text, &names) else {
                continue;
            };
            let at = text.get(error.span.clone()).filter(|part| !part.is_empty());
            let place = at.map(|part| format!(", at `{}`", shortened(part)));
            let message = format!("{}{}", error.message, place.unwrap_or_default());
            match error.help {
                Some(help) => self.error_with_help("wrong-expression", &span, message, help),
                None => self.error("wrong-expression", &span, message),
            }
        }
    }

    /// The properties of an object, or of a property that is one.
    pub(super) fn properties(&mut self, nodes: &[Node]) -> Vec<Property> {
        let mut names = HashSet::new();
        let mut columns = HashSet::new();
        let mut properties = Vec::new();
        for node in nodes {
            let Some(property) = self.property(node) else {
                continue;
            };
            if !names.insert(property.name.clone()) {
                let message = format!("two properties are named `{}`", property.name);
                self.error("duplicate-name", &node.span, message);
            } else if !columns.insert(property.column_name().to_owned()) {
                let message = format!(
                    "two properties describe the column `{}`",
                    property.column_name()
                );
                self.error_with_help(
                    "duplicate-name",
                    &node.span,
                    message,
                    "give each its own `physicalName`",
                );
            }
            properties.push(property);
        }
        properties
    }

    /// The name of an object or property, which it must have.
    pub(super) fn name_of(&mut self, fields: &mut Fields<'_>, what: &str) -> Option<String> {
        if !fields.has("name") {
            self.error(
                "missing-key",
                &(fields.span.start..fields.span.start + 1),
                format!("this {what} has no `name`"),
            );
        }
        let node = fields.take("name")?;
        let name = self.text_of("name", node)?;
        if name.is_empty() {
            self.error(
                "unknown-value",
                &node.span,
                format!("the name of this {what} is empty"),
            );
        }
        Some(name)
    }

    /// Lists foreign keys, which need a second input.
    pub(super) fn relationships(&mut self, fields: &Fields<'_>) {
        if let Some((key, node)) = fields
            .rest()
            .find(|(key, node)| key.text == "relationships" && !node.is_null())
        {
            for _ in self.list_of("relationships", node) {
                let reason = "foreign keys need the other object's data, which a check of one input does not read";
                self.not_checked(UncheckedKind::Rule, &key.span, "relationships", reason);
            }
        }
    }
}
