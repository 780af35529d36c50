//! Rows of arrays as text: delimited fields, or JSON.
//!
//! In CSV members of structs are columns (`customer.city`) and lists are their JSON; a null is an empty field. In JSON
//! every row is an object, with its structs and lists in it.

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, StructArray};
use arrow_schema::Schema;
use arrow_select::filter::filter;

use super::nested::{self, Json};
use super::{Leaf, Reader, Spare, every_leaf};
use crate::Error;
use crate::columns::Batch;
use crate::csv::{self, Dialect};
use crate::write::Lines;

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
    /// [`Error::UnsupportedType`] for a column that has no text.
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
    /// [`Error::ValueTooLong`], [`Error::NotUtf8`]; [`Error::UnsupportedType`] for what no JSON can hold.
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
        let mut line = Vec::new();
        for slice in self.reader.slices(array) {
            slice.for_each_block(&mut |block| {
                for row in 0..block.rows {
                    line.clear();
                    for column in 0..block.columns {
                        if column > 0 {
                            line.push(dialect.delimiter);
                        }
                        let field = block.column(column).field(row);
                        // A record of nothing would be a blank line.
                        if !field.is_empty() || block.columns == 1 {
                            csv::write_field(field, dialect, &mut line);
                        }
                    }
                    line.push(b'\n');
                    visit(&line);
                }
            })?;
        }
        Ok(())
    }
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
