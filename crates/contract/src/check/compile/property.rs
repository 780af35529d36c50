//! A property becomes a column: null and absence, its type, and in which order the rest of its rules is added.

use super::{ColumnRules, Compiler, UniqueRule};
use crate::check::fast::FastCheck;
use crate::check::rule::{REQUIRED, Rule, RuleId};
use crate::check::value::{Consequence, Temporal, TypeCheck, ValueCheck, iso_shape};
use crate::format::{DateFormat, Format, IsoShape};
use crate::model::{LogicalType, Property, Severity};

impl Compiler {
    /// Adds the column, and those of the members of an object behind it.
    pub(super) fn property(
        &mut self,
        property: &Property,
        parent: &[String],
        logical_parent: &[String],
    ) {
        let extended = |parent: &[String], name: &str| [parent, &[name.to_owned()]].concat();
        let path = extended(parent, property.column_name());
        let logical_path = extended(logical_parent, &property.name);
        let column = path.join(".");
        let mut values = ValueCheck {
            null_texts: self.null_texts.clone(),
            decimal_char: self.decimal_char,
            ..ValueCheck::default()
        };
        if property.required || property.primary_key_position.is_some() {
            let rule = self.rule(
                &column,
                REQUIRED,
                Severity::Error,
                "must not be null".into(),
            );
            values.on_null.push(Consequence::Violation(rule));
        }
        if let Some(logical_type) = property.logical_type {
            values.kind = self.type_check(property, logical_type, &column);
        }
        self.constraints(property, &column, &mut values.constraints);
        let index = self.compiled.columns.len();
        if property.unique {
            let rule = self.rule(
                &column,
                "unique",
                Severity::Error,
                "must not occur twice".into(),
            );
            self.compiled.unique.push(UniqueRule {
                columns: vec![index],
                rule: Some(rule),
            });
        }
        for quality in &property.quality {
            self.value_quality(quality, property, (index, &column), &mut values);
        }
        if property
            .items
            .as_ref()
            .is_some_and(|items| has_rules(items))
        {
            self.unchecked(
                &column,
                "items",
                "rules on the elements of an array are not checked yet",
            );
        }
        let missing_rule = self.absence(property, &column, &mut values);
        let fast = FastCheck::new(&values);
        self.compiled.columns.push(ColumnRules {
            path: path.clone(),
            logical_path: logical_path.clone(),
            missing_rule,
            values,
            fast,
        });
        for member in &property.properties {
            self.property(member, &path, &logical_path);
        }
    }

    /// What it means that a JSON record lacks the key, where that differs from null; and the rule that a header
    /// breaks without the column.
    fn absence(
        &mut self,
        property: &Property,
        column: &str,
        values: &mut ValueCheck,
    ) -> Option<RuleId> {
        let is_required = property.required || property.primary_key_position.is_some();
        match property.optional {
            Some(true) => {
                values.on_missing = Some(Vec::new());
                None
            }
            Some(false) if !is_required => {
                let rule = self.compiled.rules.add(Rule {
                    column: Some(column.to_owned()),
                    word: "missingColumn".into(),
                    severity: Severity::Error,
                    expected: "must be there".to_owned(),
                    is_structural: true,
                });
                let mut consequences = vec![Consequence::Violation(rule)];
                consequences.extend_from_slice(&values.on_null);
                values.on_missing = Some(consequences);
                Some(rule)
            }
            // As null; and where null breaks `required`, that says enough.
            Some(false) | None => Some(self.compiled.structural.missing_column),
        }
    }

    fn type_check(
        &mut self,
        property: &Property,
        logical_type: LogicalType,
        column: &str,
    ) -> Option<(TypeCheck, RuleId)> {
        let format = match &property.constraints.format {
            Some(Format::Temporal(format)) => Some(format),
            _ => None,
        };
        let (kind, word, expected) = match (logical_type, format) {
            (LogicalType::String, _) => (TypeCheck::String, "type", "must be a string".into()),
            (LogicalType::Number, _) => (TypeCheck::Number, "type", "must be a number".into()),
            (LogicalType::Integer, _) => (TypeCheck::Integer, "type", "must be an integer".into()),
            (LogicalType::Boolean, _) => (
                TypeCheck::Boolean,
                "type",
                "must be `true` or `false`".into(),
            ),
            (LogicalType::Object, _) => (TypeCheck::Object, "type", "must be an object".into()),
            (LogicalType::Array, _) => (TypeCheck::Array, "type", "must be an array".into()),
            (_, Some(format)) => {
                let expected = format!(
                    "must be a {} written as `{}`",
                    logical_type.name(),
                    format.as_str()
                );
                (TypeCheck::Temporal(temporal_of(format)), "format", expected)
            }
            (temporal, None) => {
                let shape = iso_shape(temporal).expect("the remaining types are temporal");
                let expected = format!("must be a {} in ISO 8601", temporal.name());
                (TypeCheck::Temporal(Temporal::Iso(shape)), "type", expected)
            }
        };
        Some((kind, self.rule(column, word, Severity::Error, expected)))
    }
}

fn has_rules(property: &Property) -> bool {
    property.logical_type.is_some()
        || property.required
        || !property.constraints.is_empty()
        || !property.quality.is_empty()
        || property.properties.iter().any(has_rules)
}

/// A format that is ISO 8601 as it is, whatever its letters, is read by the kernel, any other by its own program.
fn temporal_of(format: &DateFormat) -> Temporal {
    match format.iso_shape() {
        Some(IsoShape {
            shape,
            layout: None,
        }) => Temporal::Iso(shape),
        _ => Temporal::Format(format.clone()),
    }
}
