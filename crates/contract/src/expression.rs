//! Rules that are expressions over the columns of a record, such as `shipped == null || shipped >= ordered`.
//!
//! They are written in CEL, as those of filters are (`docs/expressions.md`). A record breaks the rule where the expression is
//! false. Where it is null, because a value it needs is null, is not of its type, or cannot be computed, it says nothing: what is
//! wrong with the value itself is for other rules to say.

use tamis_expr::{ExprError, Expression, Schema};
use tamis_formats::vector::Type;

use crate::format::Format;
use crate::model::{LogicalType, Property};

/// A name that expressions know a column by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Named {
    /// `amount`, `customer.city`; by the contract's names, and by those in the data where they differ.
    name: String,
    /// Keys to the value in the data.
    pub(crate) path: Vec<String>,
    /// What its values are read as.
    pub(crate) ty: Type,
}

/// The names of all columns, those of the contract first.
pub(crate) fn names(properties: &[Property]) -> Vec<Named> {
    let mut names = Vec::new();
    let mut physical = Vec::new();
    add_names(properties, &[], &[], &mut names, &mut physical);
    names.append(&mut physical);
    names
}

fn add_names(
    properties: &[Property],
    parent: &[String],
    logical_parent: &[String],
    names: &mut Vec<Named>,
    physical: &mut Vec<Named>,
) {
    for property in properties {
        let path = [parent, &[property.column_name().to_owned()]].concat();
        let logical_path = [logical_parent, std::slice::from_ref(&property.name)].concat();
        let named = |keys: &[String]| Named {
            name: keys.join("."),
            path: path.clone(),
            ty: type_of(property),
        };
        names.push(named(&logical_path));
        if path != logical_path {
            physical.push(named(&path));
        }
        add_names(&property.properties, &path, &logical_path, names, physical);
    }
}

/// What the values of a property are computed with. What is written in a format of its own is text.
fn type_of(property: &Property) -> Type {
    let has_format = matches!(property.constraints.format, Some(Format::Temporal(_)));
    match property.logical_type {
        Some(LogicalType::Integer) => Type::Integer,
        Some(LogicalType::Number) => Type::Number,
        Some(LogicalType::Boolean) => Type::Boolean,
        Some(LogicalType::Date) if !has_format => Type::Date,
        Some(LogicalType::Timestamp) if !has_format => Type::Timestamp,
        Some(LogicalType::Time) if !has_format => Type::Time,
        _ => Type::Text,
    }
}

/// Compiles a rule against the columns it may name.
///
/// # Errors
/// What is wrong with it, and where.
pub(crate) fn compile(text: &str, names: &[Named]) -> Result<Expression, ExprError> {
    let columns = names.iter().map(|named| (named.name.clone(), named.ty));
    Expression::filter(text, &Schema::new(columns))
}
