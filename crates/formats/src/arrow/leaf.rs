//! Columns of a schema, and members of structs, under the names they are asked for by.

use arrow_schema::{DataType, Fields, Schema};

use super::{moment, number};
use crate::{Error, Kind};

/// A column, or a member of a struct, with the name a contract knows it by.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// `amount`, or `customer.city` for a member.
    pub name: String,
    /// Its index in the schema, then in each struct.
    pub(super) path: Vec<usize>,
    pub(crate) data_type: DataType,
}

/// The columns of `schema` under the names of a contract's: a struct is one column, unless `known` has names
/// of its members.
pub fn leaves(schema: &Schema, known: &[String]) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    add_leaves(schema.fields(), "", &[], known, &mut leaves);
    leaves
}

fn add_leaves(
    fields: &Fields,
    prefix: &str,
    parent: &[usize],
    known: &[String],
    leaves: &mut Vec<Leaf>,
) {
    for (index, field) in fields.iter().enumerate() {
        let name = format!("{prefix}{}", field.name());
        let path = [parent, &[index]].concat();
        let members = match field.data_type() {
            DataType::Struct(members) => {
                let prefix = format!("{name}.");
                let is_known = known.iter().any(|known| known.starts_with(&prefix));
                is_known.then_some((prefix, members))
            }
            _ => None,
        };
        if members.is_none() || known.contains(&name) {
            leaves.push(Leaf {
                name,
                path: path.clone(),
                data_type: field.data_type().clone(),
            });
        }
        if let Some((prefix, members)) = members {
            add_leaves(members, &prefix, &path, known, leaves);
        }
    }
}

/// All columns that are no structs, and the members of those that are.
#[cfg(feature = "parquet")]
pub(crate) fn every_leaf(schema: &Schema) -> Vec<Leaf> {
    fn add(fields: &Fields, prefix: &str, parent: &[usize], leaves: &mut Vec<Leaf>) {
        for (index, field) in fields.iter().enumerate() {
            let name = format!("{prefix}{}", field.name());
            let path = [parent, &[index]].concat();
            match field.data_type() {
                DataType::Struct(members) => add(members, &format!("{name}."), &path, leaves),
                data_type => leaves.push(Leaf {
                    name,
                    path,
                    data_type: data_type.clone(),
                }),
            }
        }
    }
    let mut leaves = Vec::new();
    add(schema.fields(), "", &[], &mut leaves);
    leaves
}

impl Leaf {
    /// Its index in the schema, then in each struct.
    #[cfg(feature = "parquet")]
    pub(crate) fn path(&self) -> &[usize] {
        &self.path
    }

    /// The same column at another place.
    #[cfg(feature = "parquet")]
    pub(crate) fn moved(&self, path: Vec<usize>) -> Leaf {
        Leaf {
            path,
            ..self.clone()
        }
    }

    /// What the values are.
    ///
    /// # Errors
    /// [`Error::UnsupportedType`] for intervals, unions and the like.
    pub fn kind(&self) -> Result<Kind, Error> {
        let data_type = match &self.data_type {
            DataType::Dictionary(_, values) => values,
            DataType::RunEndEncoded(_, values) => values.data_type(),
            other => other,
        };
        Ok(match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
            // Writers that do not know better store texts as bytes.
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Kind::Text,
            DataType::Boolean => Kind::Boolean,
            DataType::Null => Kind::Null,
            DataType::Struct(_) | DataType::Map(..) => Kind::Object,
            DataType::List(_)
            | DataType::LargeList(_)
            | DataType::ListView(_)
            | DataType::LargeListView(_)
            | DataType::FixedSizeList(..) => Kind::Array,
            number if number::is_number(number) => Kind::Number,
            moment if moment::is_moment(moment) => Kind::String,
            _ => {
                return Err(self.unsupported("cast it to a string or a number, or drop its rules"));
            }
        })
    }

    /// The error for whoever needs a text of such values.
    pub(super) fn has_no_text(&self) -> Error {
        Error::NoText {
            column: self.name.clone(),
            data_type: self.data_type.to_string(),
            shown: None,
        }
    }

    /// How two moments of a column of moments are written, one with a fraction and one without, if its type has fractions.
    /// All of the years 1 to 9999 are written like one of them.
    pub fn moments(&self) -> Option<[String; 2]> {
        moment::examples(&self.data_type)
    }

    /// The error for a column of this type.
    pub fn unsupported(&self, remedy: &'static str) -> Error {
        Error::UnsupportedType {
            column: self.name.clone(),
            data_type: self.data_type.to_string(),
            remedy,
        }
    }
}
