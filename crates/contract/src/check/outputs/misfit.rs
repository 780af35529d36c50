//! A good record that cannot be written as the file of good records wants it.

use tamis_formats::vector::Type;

use crate::report::shown_value;

/// See the module.
#[derive(Debug)]
pub(crate) struct Misfit {
    /// From the start of the block, or of what the block is [behind](Self::behind).
    pub(super) row: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Value {
        column: String,
        ty: Type,
        shown: String,
    },
    Key(String),
    Rows(String),
}

impl Misfit {
    /// A value that its column's type does not have.
    pub(super) fn value(row: usize, column: &str, ty: Type, text: &[u8]) -> Misfit {
        Misfit {
            row: row as u64,
            what: What::Value {
                column: column.to_owned(),
                ty,
                shown: shown_value(text),
            },
        }
    }

    /// A key of a JSON record that has no column.
    pub(super) fn key(path: String) -> Misfit {
        Misfit {
            row: 0,
            what: What::Key(path),
        }
    }

    /// Rows that cannot be put together.
    pub(super) fn rows(message: String) -> Misfit {
        Misfit {
            row: 0,
            what: What::Rows(message),
        }
    }

    /// The same, with so many rows before what it counted from.
    pub(crate) fn behind(self, rows: u64) -> Misfit {
        Misfit {
            row: rows + self.row,
            ..self
        }
    }

    /// What is wrong, and what to do about it.
    pub(super) fn describe(&self, input: &str) -> String {
        match &self.what {
            What::Value { column, ty, shown } => format!(
                "row {} of `{input}` keeps the contract, but column `{column}` of type {ty} cannot hold its value `{shown}`: \
                 write CSV or JSON lines, or make the column a string in the contract",
                self.row + 1
            ),
            What::Key(path) => format!(
                "good records of `{input}` have the key `{path}`, which the contract does not name, so that no column takes it: \
                 add it to the contract, or write JSON lines"
            ),
            What::Rows(message) => format!("`{input}`: {message}"),
        }
    }
}
