//! `logicalTypeOptions`: the limits on a property's values.
//!
//! Which options there are depends on the type: those of `text`, of a `number` and of a date or time (`temporal`), each
//! in a module. The two ends of a range are read alike for numbers and for dates (`range`).

mod number;
mod range;
mod temporal;
mod text;

use super::fields::Fields;
use super::reader::Reader;
use super::yaml::Node;
use crate::model::{Constraints, Extra, LogicalType, Property, UncheckedKind};

/// Options of the standard that Tamis does not check, with what they need.
const UNCHECKED: [(&str, &str); 6] = [
    (
        "defaultTimezone",
        "values without an offset are compared as UTC",
    ),
    ("maxItems", "lengths of lists are not checked"),
    ("minItems", "lengths of lists are not checked"),
    (
        "uniqueItems",
        "elements of lists are not compared with each other",
    ),
    ("maxProperties", "members of records are not counted"),
    ("minProperties", "members of records are not counted"),
];

impl Reader<'_> {
    /// The limits; what is not checked is listed and, for writing, put into `carried`.
    pub(super) fn options(
        &mut self,
        node: &Node,
        logical_type: Option<LogicalType>,
        members: &mut [Property],
        carried: &mut Extra,
    ) -> Constraints {
        let mut constraints = Constraints::default();
        let Some(mut fields) = Fields::of(self, "logicalTypeOptions", node) else {
            return constraints;
        };
        let mut kept = Extra::new();
        match logical_type {
            None | Some(LogicalType::String) => {
                self.text_options(&mut fields, &mut constraints, &mut kept)
            }
            Some(LogicalType::Integer | LogicalType::Number) => {
                self.number_options(
                    &mut fields,
                    &mut constraints,
                    logical_type == Some(LogicalType::Integer),
                );
            }
            Some(LogicalType::Date | LogicalType::Timestamp | LogicalType::Time) => {
                self.temporal_options(&mut fields, &mut constraints, logical_type);
            }
            Some(LogicalType::Object) => self.required_members(&mut fields, members),
            Some(LogicalType::Array | LogicalType::Boolean) => {}
        }
        let applicable = applicable_unchecked(logical_type);
        for (key, node) in fields.rest() {
            if let Some((rule, reason)) = UNCHECKED
                .iter()
                .find(|(rule, _)| *rule == key.text && applicable.contains(rule))
            {
                self.not_checked(UncheckedKind::Rule, &key.span, *rule, *reason);
                kept.push((key.text.clone(), node.value()));
            } else if let Some(owner) = owner_of(&key.text) {
                let type_name =
                    logical_type.map_or("a property without `logicalType`", LogicalType::name);
                let message = format!("`{}` does not apply to {type_name}", key.text);
                self.error_with_help(
                    "contradiction",
                    &key.span,
                    message,
                    format!("it applies to {owner}"),
                );
            }
        }
        let reported = |key: &str| applicable.contains(&key) || owner_of(key).is_some();
        let ignored: Vec<&'static str> = ALL_OPTIONS
            .iter()
            .copied()
            .filter(|key| reported(key))
            .collect();
        fields.finish(self, &ignored);
        if !kept.is_empty() {
            carried.push((
                "logicalTypeOptions".to_owned(),
                crate::model::Value::Map(kept),
            ));
        }
        constraints
    }

    /// `required` of an object names the members that must not be null.
    fn required_members(&mut self, fields: &mut Fields<'_>, members: &mut [Property]) {
        let Some(node) = fields.take("required") else {
            return;
        };
        for name in self.texts_of("required", node) {
            match members.iter_mut().find(|member| member.name == name) {
                Some(member) => member.required = true,
                None => self.error(
                    "unknown-value",
                    &node.span,
                    format!("`required` names `{name}`, which is not among the properties"),
                ),
            }
        }
    }
}

/// Every option of the standard.
const ALL_OPTIONS: [&str; 17] = [
    "defaultTimezone",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "required",
    "timezone",
    "uniqueItems",
];

/// The options in [`UNCHECKED`] that a type may have.
fn applicable_unchecked(logical_type: Option<LogicalType>) -> &'static [&'static str] {
    match logical_type {
        Some(LogicalType::Timestamp | LogicalType::Time) => &["defaultTimezone"],
        Some(LogicalType::Array) => &["maxItems", "minItems", "uniqueItems"],
        Some(LogicalType::Object) => &["maxProperties", "minProperties"],
        _ => &[],
    }
}

/// The types an option applies to, in words; `None` for what is no option at all.
fn owner_of(option: &str) -> Option<&'static str> {
    Some(match option {
        "minLength" | "maxLength" | "pattern" => "`string`",
        "multipleOf" => "`integer` and `number`",
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => {
            "`integer`, `number`, `date`, `timestamp` and `time`"
        }
        "format" => "text, numbers, dates and times",
        "timezone" | "defaultTimezone" => "`timestamp` and `time`",
        "minItems" | "maxItems" | "uniqueItems" => "`array`",
        "minProperties" | "maxProperties" | "required" => "`object`",
        _ => return None,
    })
}
