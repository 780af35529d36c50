//! Rows that a program holds as values: column by column, each value as the text a rule reads.
//!
//! A value keeps what it is beside its text ([`Kind`]): a number is judged as a number of JSON would be, a text as the
//! field of a CSV. Moments become texts in ISO 8601, floats the shortest text that reads back as
//! the same float; `NaN` and the infinities become texts that are no numbers.
//!
//! ```
//! use tamis_formats::Kind;
//! use tamis_formats::columns::{Batch, Columns};
//!
//! let mut rows = Columns::new(2);
//! rows.column(0).text("TX0001")?;
//! rows.column(1).float(12.5)?;
//! rows.end_row();
//! rows.column(0).text("TX0002")?;
//! rows.end_row();
//! rows.for_each_block(&mut |block| {
//!     assert_eq!(block.column(1).field(0), b"12.5");
//!     assert_eq!((block.kind(0, 1), block.kind(1, 1)), (Kind::Number, Kind::Missing));
//! })?;
//! # Ok::<(), tamis_formats::Error>(())
//! ```

use crate::block::{Column, ExtraKey, Kinds};
use crate::{Block, Error, Kind};

/// Rows of a block of columns: with some columns of short values it stays in a second-level cache.
pub const BLOCK_ROWS: usize = 2048;

/// The longest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 1 << 30;

/// Some rows, in columns, which a check can look at.
pub trait Batch: Send {
    /// Calls `visit` with the rows, a block after the other. Every block has as many columns.
    ///
    /// # Errors
    /// [`Error::ValueTooLong`].
    fn for_each_block(&self, visit: &mut dyn FnMut(&Block<'_>)) -> Result<(), Error>;
}

/// A batch under construction. A row that is given no value for a column has none ([`Kind::Missing`]).
#[derive(Clone, Debug)]
pub struct Columns {
    columns: Vec<Values>,
    rows: usize,
    /// Keys that are no columns, as JSON strings, one behind the other.
    keys: Vec<u8>,
    extra_keys: Vec<ExtraKey>,
}

/// The values of one column.
#[derive(Clone, Debug, Default)]
pub struct Values {
    bytes: Vec<u8>,
    index: Vec<u32>,
    kinds: Vec<Kind>,
}

impl Columns {
    /// No rows yet.
    pub fn new(columns: usize) -> Columns {
        Columns {
            columns: vec![Values::default(); columns],
            rows: 0,
            keys: Vec::new(),
            extra_keys: Vec::new(),
        }
    }

    /// Number of rows that have ended.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of text in all columns together. A batch should stay below some megabytes.
    pub fn len_bytes(&self) -> usize {
        {
            let values = self.columns.iter().map(|column| column.bytes.len());
            values.sum::<usize>() + self.keys.len()
        }
    }

    /// One column, to give the current row its value there: at most one.
    pub fn column(&mut self, column: usize) -> &mut Values {
        &mut self.columns[column]
    }

    /// Says that the current row has a key that is no column, where such keys are refused.
    pub fn extra_key(&mut self, key: &str) {
        self.extra_keys.push(ExtraKey {
            row: self.rows as u32,
            offset: self.keys.len() as u32,
        });
        self.keys.push(b'"');
        for byte in key.bytes() {
            if matches!(byte, b'"' | b'\\') {
                self.keys.push(b'\\');
            }
            self.keys.push(byte);
        }
        self.keys.push(b'"');
    }

    /// Ends the current row.
    pub fn end_row(&mut self) {
        self.rows += 1;
        for column in &mut self.columns {
            if column.kinds.len() < self.rows {
                let at = column.bytes.len();
                column.add(Kind::Missing, at);
            }
            debug_assert_eq!(column.kinds.len(), self.rows, "one value for each row");
        }
    }
}

impl Batch for Columns {
    fn for_each_block(&self, visit: &mut dyn FnMut(&Block<'_>)) -> Result<(), Error> {
        let mut apart = Vec::with_capacity(self.columns.len());
        let mut extra_keys = Vec::new();
        for first in (0..self.rows).step_by(BLOCK_ROWS) {
            let rows = first..self.rows.min(first + BLOCK_ROWS);
            apart.clear();
            apart.extend(self.columns.iter().map(|column| Column {
                bytes: &column.bytes,
                index: &column.index[2 * rows.start..2 * rows.end],
                kinds: Kinds::Each(&column.kinds[rows.clone()]),
                ascii: None,
                suspects: None,
            }));
            let keys = self.extra_keys.iter();
            let keys = keys.filter(|key| rows.contains(&(key.row as usize)));
            extra_keys.clear();
            extra_keys.extend(keys.map(|key| ExtraKey {
                row: key.row - first as u32,
                ..*key
            }));
            visit(&Block {
                bytes: &self.keys,
                extra_keys: &extra_keys,
                ..Block::apart(&apart, rows.len())
            });
        }
        Ok(())
    }
}

impl Values {
    /// Text, read as a CSV field is: as the column's type, and as null when it is empty.
    ///
    /// # Errors
    /// [`Error::ValueTooLong`], as for all other kinds of value.
    pub fn text(&mut self, text: &str) -> Result<(), Error> {
        self.push(Kind::Text, text.as_bytes())
    }

    /// A value that is a string whatever the column's type, such as a moment in ISO 8601.
    pub fn string(&mut self, text: &str) -> Result<(), Error> {
        self.push(Kind::String, text.as_bytes())
    }

    /// A number by its text, such as a decimal or a large integer: `-12.50`, `1E+3`.
    pub fn number(&mut self, text: &str) -> Result<(), Error> {
        self.push(Kind::Number, text.as_bytes())
    }

    /// An integer.
    pub fn integer(&mut self, value: i64) -> Result<(), Error> {
        self.push(Kind::Number, itoa::Buffer::new().format(value).as_bytes())
    }

    /// A float, as the shortest text that reads back as the same.
    pub fn float(&mut self, value: f64) -> Result<(), Error> {
        self.push(Kind::Number, zmij::Buffer::new().format(value).as_bytes())
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, value: bool) -> Result<(), Error> {
        self.push(Kind::Boolean, if value { b"true" } else { b"false" })
    }

    /// An object or an array, with a text that shows it to people.
    pub fn nested(&mut self, kind: Kind, shown: &str) -> Result<(), Error> {
        self.push(kind, shown.as_bytes())
    }

    /// Null.
    pub fn null(&mut self) {
        self.add(Kind::Null, self.bytes.len());
    }

    fn push(&mut self, kind: Kind, text: &[u8]) -> Result<(), Error> {
        let start = self.bytes.len();
        if text.len() > VALUE_BYTES_MAX || start > VALUE_BYTES_MAX {
            return Err(Error::ValueTooLong {
                len_bytes: start + text.len(),
                limit_bytes: VALUE_BYTES_MAX,
            });
        }
        self.bytes.extend_from_slice(text);
        self.add(kind, start);
        Ok(())
    }

    /// Adds the value that `bytes` ends with, from `start` on.
    fn add(&mut self, kind: Kind, start: usize) {
        self.index
            .extend([(start as u32).wrapping_sub(1), self.bytes.len() as u32]);
        self.kinds.push(kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_what_they_are() {
        let mut rows = Columns::new(1);
        let column = rows.column(0);
        column.integer(i64::MIN).unwrap();
        rows.end_row();
        for value in [0.1 + 0.2, 1e300, -0.0, f64::NAN, f64::NEG_INFINITY, 12.0] {
            rows.column(0).float(value).unwrap();
            rows.end_row();
        }
        rows.column(0).boolean(false).unwrap();
        rows.end_row();
        rows.column(0).null();
        rows.end_row();
        rows.end_row();
        rows.column(0).text("é").unwrap();
        rows.end_row();
        let mut found = Vec::new();
        rows.for_each_block(&mut |block| {
            for row in 0..block.rows {
                let text = String::from_utf8_lossy(block.column(0).field(row)).into_owned();
                found.push((block.kind(row, 0), text));
            }
            assert!(!block.is_ascii(0) && block.only_kind(0).is_none());
        })
        .unwrap();
        let expected = [
            (Kind::Number, "-9223372036854775808"),
            (Kind::Number, "0.30000000000000004"),
            (Kind::Number, "1e+300"),
            (Kind::Number, "-0.0"),
            (Kind::Number, "NaN"),
            (Kind::Number, "-inf"),
            (Kind::Number, "12.0"),
            (Kind::Boolean, "false"),
            (Kind::Null, ""),
            (Kind::Missing, ""),
            (Kind::Text, "é"),
        ];
        let found: Vec<_> = found
            .iter()
            .map(|(kind, text)| (*kind, text.as_str()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn batches_come_in_blocks() {
        let mut rows = Columns::new(1);
        for row in 0..2 * BLOCK_ROWS as i64 + 1 {
            rows.column(0).integer(row).unwrap();
            rows.end_row();
        }
        let mut next = 0;
        rows.for_each_block(&mut |block| {
            for row in 0..block.rows {
                assert_eq!(block.column(0).field(row), next.to_string().as_bytes());
                next += 1;
            }
        })
        .unwrap();
        assert_eq!(next, rows.rows());
    }
}
