//! Rows in, rows out: what `filter`, `select`, `head`, `sample` and `convert` have in common.
//!
//! ```text
//!   pieces ─► which rows (filter, sample) ─► which columns (select) ─► bytes of the format ─► in order to the sink
//! ```
//!
//! All is done where a block is at hand, by the worker that parsed it; the merge writes bytes and counts rows.
//!
//! # Bytes that need not change do not
//! Rows that keep all their columns and their format leave as the raw bytes of their records. A CSV field that stays CSV
//! keeps its bytes when other columns go, and numbers keep their digits on their way to JSON. Nothing is parsed that no
//! expression and no format asks for: a CSV becomes a TSV without anybody asking what its columns are.
//!
//! # Columns
//! Parquet and Arrow are written as record batches, which workers make of their pieces. Columns of text are read as their types;
//! those of Parquet and Arrow files are passed on as the arrays they are, whatever their type, and nobody looks into them.

mod encode;
mod follow;
mod part;
mod plan;
mod select;
mod take;
mod worker;
mod write;

use tamis_engine::sink::Sink;

pub use crate::batches::{BatchFormat, batch_format};
use crate::table::{Scanned, Table, settle};
use crate::{Error, Result};
pub use follow::{Batch, follow_rows};
pub(crate) use part::Part;
pub(crate) use plan::Plan;
pub(crate) use worker::{Gather, Taken, Worker};
pub(crate) use write::{BATCH_ROWS, Writer};

/// Which rows and columns, and how they are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// An expression that is true for the rows to write. `None`: all.
    pub filter: Option<String>,
    /// The columns to write ([`select`](self)): `id, a:c, !note, amount * 1.2 as gross`. `None`: all.
    pub columns: Option<String>,
    /// How many of the rows.
    pub take: Take,
    /// The format; `None`: that of the first input, or CSV for inputs that are not made of lines.
    pub format: Option<RowFormat>,
}

/// How many of the rows are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Take {
    /// All.
    #[default]
    All,
    /// The first so many.
    First(u64),
    /// So many, each as likely as any other, in the order of the input. The same seed takes the same rows.
    Sample {
        /// How many.
        count: usize,
        /// What the choice depends on, beside where rows stand.
        seed: u64,
    },
    /// Each with this probability.
    Fraction {
        /// From 0 to 1.
        rate: f64,
        /// What the choice depends on, beside where rows stand.
        seed: u64,
    },
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFormat {
    /// Fields with a delimiter between them, quoted where they must be.
    Delimited {
        /// `,` in CSV, a tab in TSV.
        delimiter: u8,
    },
    /// One JSON object a line.
    JsonLines,
    /// A JSON array of objects, one a line.
    JsonArray,
    /// Columns: Parquet or Arrow.
    Batches(BatchFormat),
}

/// What a run read and wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows written.
    pub rows: u64,
    /// Records left out because they cannot be split into fields.
    pub malformed: u64,
    /// Values that could not be computed, such as a division by zero, and so are null.
    pub failed: u64,
    /// What was read.
    pub scanned: Scanned,
}

/// Writes the rows of `table` that `query` asks for to what `open_sink` opens.
///
/// `may_repeat`: a sink that was dropped unfinished has left nothing behind, so that the run can be repeated when the sample
/// of the types turns out to be wrong. Otherwise types that matter are read from all records beforehand, where that is
/// possible.
///
/// # Errors
/// As reading and writing; [`Error::Expression`] for what cannot be asked; [`Error::Misfit`]; [`Error::Malformed`] unless
/// these are to be skipped.
pub fn write_rows(
    table: &mut Table<'_>,
    query: &Query,
    may_repeat: bool,
    open_sink: &dyn Fn() -> tamis_engine::Result<Box<dyn Sink>>,
) -> Result<Written> {
    let plan = Plan::new(table, query)?;
    if !may_repeat && table.is_repeatable() && !plan.typed.is_empty() {
        table.read_types(&plan.typed)?;
    }
    settle(table, &plan.typed.clone(), may_repeat, |table| {
        // Types may have become wider since.
        let plan = Plan::new(table, query)?;
        Writer::new(&plan, open_sink()?)?.run(table)
    })
}

impl Query {
    /// Fails for what cannot be.
    fn validate(&self) -> Result<()> {
        match self.take {
            Take::Fraction { rate, .. } if !(0.0..=1.0).contains(&rate) => {
                Err(Error::Rate { rate })
            }
            _ => Ok(()),
        }
    }
}
