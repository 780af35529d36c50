//! Records back to bytes: fields of CSV, values of JSON.
//!
//! Bytes that need not change are copied as they came; this is for those that must, since they go from one format to
//! another. A block's values are written by [`write_delimited_field`] and [`write_json_field`]; CSV fields by
//! [`csv::write_field`], moments by [`write_moment`](crate::moment::write_moment).

mod field;
mod json;

use crate::csv::{self, Dialect};
use crate::sniff::Format;
pub use field::{write_delimited_field, write_json_field};

pub use json::{write_json_number, write_json_string};

/// How rows become text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// Delimited fields, below a header where the dialect has one.
    Delimited(Dialect),
    /// One JSON object each.
    Json {
        /// An element of an array, with the comma in front of it, not a line.
        is_element: bool,
    },
}

impl Lines {
    /// The rows of a format; `None` if it is none of text.
    pub fn of(format: Format) -> Option<Lines> {
        match format {
            Format::Delimited { delimiter } => Some(Lines::Delimited(Dialect {
                delimiter,
                ..Dialect::csv()
            })),
            Format::JsonLines => Some(Lines::Json { is_element: false }),
            Format::JsonArray => Some(Lines::Json { is_element: true }),
            Format::Parquet | Format::ArrowFile | Format::ArrowStream | Format::Protobuf => None,
        }
    }

    /// The line of names in front of the rows; empty where there is none.
    pub fn header<'n>(&self, names: impl Iterator<Item = &'n [u8]>) -> Vec<u8> {
        let mut line = Vec::new();
        if let Lines::Delimited(dialect) = self
            && dialect.header
        {
            for (index, name) in names.enumerate() {
                if index > 0 {
                    line.push(dialect.delimiter);
                }
                csv::write_field(name, dialect, &mut line);
            }
            line.push(b'\n');
        }
        line
    }

    /// Appends a row that is JSON already, with what stands in front of it or behind it.
    pub fn push_json(&self, row: &[u8], out: &mut Vec<u8>) {
        let is_element = matches!(self, Lines::Json { is_element: true });
        if is_element {
            out.extend_from_slice(b",\n");
        }
        out.extend_from_slice(row);
        if !is_element {
            out.push(b'\n');
        }
    }
}
