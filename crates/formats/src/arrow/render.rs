//! Rows of arrays as text: delimited fields, or JSON.
//!
//! In CSV members of structs are columns (`customer.city`) and lists are their JSON; a null is an empty field. In JSON
//! every row is an object, with its structs and lists in it.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, StructArray};
use arrow_schema::{DataType, Fields, Schema};
use arrow_select::filter::filter;
use arrow_select::take::take;

use super::nested::{self, Json};
use super::{Leaf, Reader, Spare, every_leaf};
use crate::Error;
use crate::columns::Batch;
use crate::csv::{self, Dialect};
use crate::write::{Lines, write_delimited_field};

/// Writes rows of a schema.
#[derive(Clone, Debug)]
pub struct RowWriter {
    lines: Lines,
    leaves: Vec<Leaf>,
    reader: Reader,
}

impl RowWriter {
    /// A writer of rows of this schema.
    ///
    /// # Errors
    /// [`Error::NoText`] for a column that has none.
    pub fn new(schema: &Schema, lines: Lines) -> Result<RowWriter, Error> {
        let leaves = every_leaf(schema);
        let columns = leaves.iter().map(|leaf| Some((leaf, Spare::default())));
        Ok(RowWriter {
            lines,
            reader: Reader::new(columns)?,
            leaves,
        })
    }

    /// What rows become.
    pub fn lines(&self) -> Lines {
        self.lines
    }

    /// The line of names in front of the rows; empty in JSON.
    pub fn header(&self) -> Vec<u8> {
        let names = self.leaves.iter().map(|leaf| leaf.name.as_bytes());
        self.lines.header(names)
    }

    /// Calls `visit` with each row as text, with what stands in front of it or behind it.
    ///
    /// # Errors
    /// [`Error::ValueTooLong`], [`Error::NotUtf8`]; [`Error::NoText`] for what no JSON can hold.
    pub fn for_each_row(
        &self,
        array: &StructArray,
        visit: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Error> {
        match &self.lines {
            Lines::Delimited(dialect) => self.for_each_record(array, dialect, visit),
            Lines::Json { .. } => {
                let Json { bytes, ends } = nested::json(array, array.nulls(), 0..array.len())?;
                let (mut start, mut row) = (0, Vec::new());
                for end in ends {
                    row.clear();
                    self.lines.push_json(&bytes[start..end], &mut row);
                    visit(&row);
                    start = end;
                }
                Ok(())
            }
        }
    }

    fn for_each_record(
        &self,
        array: &StructArray,
        dialect: &Dialect,
        visit: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Error> {
        let (mut line, mut scratch) = (Vec::new(), Vec::new());
        for slice in self.reader.slices(array) {
            slice.for_each_block(&mut |block| {
                for row in 0..block.rows {
                    line.clear();
                    for column in 0..block.columns {
                        if column > 0 {
                            line.push(dialect.delimiter);
                        }
                        let place = (row, column);
                        write_delimited_field(block, place, None, dialect, &mut scratch, &mut line);
                    }
                    if line.is_empty() {
                        // A record of nothing would be a blank line.
                        csv::write_field(b"", dialect, &mut line);
                    }
                    line.push(b'\n');
                    visit(&line);
                }
            })?;
        }
        Ok(())
    }
}

/// `array` with columns of the types of `fields`: texts that come as keys of a dictionary may be called texts by the schema.
///
/// # Errors
/// [`Error::Damaged`] for columns that are of another type still.
pub fn as_declared(array: StructArray, fields: &Fields) -> Result<StructArray, Error> {
    if array.fields() == fields {
        return Ok(array);
    }
    let failed = |error: arrow_schema::ArrowError| Error::Damaged {
        place: "rows".to_owned(),
        message: error.to_string(),
    };
    let rows = array.len();
    let (_, columns, nulls) = array.into_parts();
    let declared = columns.into_iter().zip(fields).map(|(column, field)| {
        match (column.data_type(), field.data_type()) {
            (DataType::Struct(_), DataType::Struct(members)) => {
                let column = as_declared(column.as_struct().clone(), members)?;
                Ok(Arc::new(column) as ArrayRef)
            }
            (DataType::Dictionary(_, values), declared) if values.as_ref() == declared => {
                let dictionary = column.as_any_dictionary();
                take(dictionary.values(), dictionary.keys(), None).map_err(failed)
            }
            _ => Ok(column),
        }
    });
    let columns = declared.collect::<Result<Vec<_>, Error>>()?;
    StructArray::try_new_with_length(fields.clone(), columns, nulls, rows).map_err(failed)
}

/// The rows of `array` for which `is_good` says so, and the others.
///
/// # Errors
/// [`Error::Damaged`] for columns whose values cannot be picked.
///
/// # Panics
/// If there is not one answer for each row.
pub fn divide(array: &StructArray, is_good: Vec<bool>) -> Result<[StructArray; 2], Error> {
    let good = BooleanArray::from(is_good);
    let bad = BooleanArray::new(!good.values(), None);
    let pick = |rows: &BooleanArray| {
        let picked = filter(array, rows).map_err(|error| Error::Damaged {
            place: "rows".to_owned(),
            message: error.to_string(),
        })?;
        Ok(picked.as_struct().clone())
    };
    if good.false_count() == 0 {
        return Ok([array.clone(), array.slice(0, 0)]);
    }
    Ok([pick(&good)?, pick(&bad)?])
}

#[cfg(test)]
mod tests {
    use arrow_array::StringArray;
    use arrow_array::types::Int32Type;
    use arrow_schema::Field;

    use super::*;

    #[test]
    fn keys_become_the_texts_that_the_schema_speaks_of() {
        let keys: arrow_array::DictionaryArray<Int32Type> = [Some("a"), None, Some("b"), Some("a")]
            .into_iter()
            .collect();
        let keys: ArrayRef = Arc::new(keys);
        let field = |name: &str, array: &ArrayRef| {
            Arc::new(Field::new(name, array.data_type().clone(), true))
        };
        let inner = StructArray::from(vec![(field("x", &keys), Arc::clone(&keys))]);
        let inner: ArrayRef = Arc::new(inner);
        let outer = StructArray::from(vec![(field("k", &keys), keys), (field("s", &inner), inner)]);
        let text = Field::new("x", DataType::Utf8, true);
        let member = DataType::Struct(Fields::from(vec![text.clone()]));
        let fields = vec![text.with_name("k"), Field::new("s", member, true)];
        let declared = as_declared(outer, &Fields::from(fields)).unwrap();
        let expected = StringArray::from(vec![Some("a"), None, Some("b"), Some("a")]);
        assert_eq!(declared.column(0).as_string::<i32>(), &expected);
        let member = declared.column(1).as_struct().column(0);
        assert_eq!(member.as_string::<i32>(), &expected);
    }
}
