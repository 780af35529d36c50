//! Properties: columns, members of nested records and elements of lists.

use std::ops::Range;

use crate::model::{Extra, LogicalType, Property, UncheckedKind};

use super::fields::Fields;
use super::quality::Place;
use super::reader::Reader;
use super::yaml::{Data, Node, Scalar};

/// Keys of the standard that describe a property and check nothing.
const DESCRIPTIVE: &[&str] = &[
    "authoritativeDefinitions",
    "businessName",
    "classification",
    "criticalDataElement",
    "deprecated",
    "encryptedName",
    "examples",
    "id",
    "map",
    "partitionKeyPosition",
    "partitioned",
    "physicalType",
    "relationships",
    "semanticType",
    "synonyms",
    "tags",
    "transformDescription",
    "transformLogic",
    "transformSourceObjects",
];

/// Types of the standard (3.2) whose values Tamis cannot judge.
const UNCHECKED_TYPES: [&str; 2] = ["map", "vector"];

impl Reader<'_> {
    pub(super) fn property(&mut self, node: &Node) -> Option<Property> {
        let mut fields = Fields::of(self, "a property", node)?;
        let name = self.name_of(&mut fields, "property")?;
        self.location.push(name.clone());
        let property = self.named_property(fields, name);
        self.location.pop();
        Some(property)
    }

    /// The elements of a list (`items`), which need no name.
    fn element(&mut self, node: &Node) -> Option<Property> {
        let mut fields = Fields::of(self, "items", node)?;
        let name = fields.text(self, "name").unwrap_or_default();
        self.location.push("items".to_owned());
        let property = self.named_property(fields, name);
        self.location.pop();
        Some(property)
    }

    fn named_property(&mut self, mut fields: Fields<'_>, name: String) -> Property {
        let physical_name = fields.text(self, "physicalName");
        let description = fields.text(self, "description");
        let mut carried = Extra::new();
        let type_node = fields.take("logicalType");
        let logical_type = type_node.and_then(|node| self.logical_type(node, &mut carried));
        let required = fields.boolean(self, "required").unwrap_or(false);
        let unique = fields.boolean(self, "unique").unwrap_or(false);
        let primary_key_position = self.primary_key(&mut fields);
        let members = fields.list(self, "properties");
        let mut properties = self.properties(members);
        let items = fields
            .take("items")
            .and_then(|node| self.element(node))
            .map(Box::new);
        let is_unchecked_type = logical_type.is_none() && type_node.is_some();
        let mut constraints = match fields.take("logicalTypeOptions") {
            Some(node) if is_unchecked_type => {
                carried.push(("logicalTypeOptions".to_owned(), node.value()));
                Default::default()
            }
            Some(node) => self.options(node, logical_type, &mut properties, &mut carried),
            None => Default::default(),
        };
        constraints.allowed_values = self.allowed_values(&mut fields, &mut carried);
        let rules = fields.list(self, "quality");
        let quality = self.quality(rules, Place::Property);
        let (optional, custom) = match fields.take("customProperties") {
            Some(node) => self.optional_fact(node),
            None => Default::default(),
        };
        self.relationships(&fields);
        let mut extra = fields.finish(self, DESCRIPTIVE);
        extra.extend(carried);
        extra.extend(custom.map(|custom| ("customProperties".to_owned(), custom)));
        Property {
            name,
            physical_name,
            description,
            logical_type,
            required,
            optional,
            unique,
            primary_key_position,
            constraints,
            quality,
            properties,
            items,
            extra,
        }
    }

    fn logical_type(&mut self, node: &Node, carried: &mut Extra) -> Option<LogicalType> {
        let name = self.text_of("logicalType", node)?;
        let known = LogicalType::ALL
            .into_iter()
            .find(|known| known.name() == name);
        if known.is_none() && UNCHECKED_TYPES.contains(&name.as_str()) {
            let reason = format!("values of type `{name}` are not checked");
            self.not_checked(UncheckedKind::Rule, &node.span, "logicalType", reason);
            carried.push(("logicalType".to_owned(), node.value()));
        } else if known.is_none() {
            let names = LogicalType::ALL.map(LogicalType::name);
            self.unknown("unknown-value", &node.span, "logicalType", &name, &names);
        }
        known
    }

    /// The place in the primary key: `primaryKeyPosition`, else 1 for a key of one column.
    fn primary_key(&mut self, fields: &mut Fields<'_>) -> Option<u32> {
        let is_key = fields.boolean(self, "primaryKey").unwrap_or(false);
        let Some(node) = fields.take("primaryKeyPosition") else {
            return is_key.then_some(1);
        };
        let position = match &node.data {
            // The standard's own default for "not in the key".
            Data::Scalar {
                text,
                kind: Scalar::Number,
            } if text == "-1" => return is_key.then_some(1),
            _ => self.count_of("primaryKeyPosition", node)?,
        };
        if !is_key {
            let help = "write `primaryKey: true` beside it";
            self.warning(
                "contradiction",
                &node.span,
                "`primaryKeyPosition` without `primaryKey: true` is ignored",
                help,
            );
            return None;
        }
        u32::try_from(position).ok()
    }

    /// The values of `enum` (3.2): a list of `{value: ...}`, or of plain values as other tools write it.
    fn allowed_values(
        &mut self,
        fields: &mut Fields<'_>,
        carried: &mut Extra,
    ) -> Option<Vec<String>> {
        let node = fields.take("enum")?;
        let mut values = Vec::new();
        let mut is_described = false;
        for item in self.list_of("enum", node) {
            match &item.data {
                Data::Scalar {
                    kind: Scalar::Null, ..
                } => self.wrong_type("enum", item, "a list of values"),
                Data::Scalar { text, .. } => values.push(text.clone()),
                Data::List(_) => self.wrong_type("enum", item, "a list of values"),
                Data::Map(_) => values.extend(self.enum_value(item, &mut is_described)),
            }
        }
        if values.is_empty() {
            self.error(
                "contradiction",
                &node.span,
                "an empty `enum` allows no value at all",
            );
        }
        if is_described {
            carried.push(("enum".to_owned(), node.value()));
        }
        Some(values)
    }

    /// One `{value: ...}`; `is_described` tells that it says more than the value.
    fn enum_value(&mut self, item: &Node, is_described: &mut bool) -> Option<String> {
        let mut fields = Fields::of(self, "enum", item)?;
        let value = match fields.take("value") {
            Some(Node {
                data: Data::Scalar { text, .. },
                ..
            }) => Some(text.clone()),
            Some(node) => {
                self.wrong_type("value", node, "a single value");
                None
            }
            None => {
                let start: Range<usize> = item.span.start..item.span.start + 1;
                self.error("missing-key", &start, "this value of `enum` has no `value`");
                None
            }
        };
        let descriptive = [
            "authoritativeDefinitions",
            "customProperties",
            "description",
            "id",
            "label",
            "tags",
        ];
        *is_described |= !fields.finish(self, &descriptive).is_empty();
        value
    }
}
