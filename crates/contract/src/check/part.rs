//! What checking one chunk gave, and how parts add up.
//!
//! Rows and lines in a [`Part`] count from the start of its chunk; the merge, which sees the parts in
//! order, adds what came before. Counts are always exact; samples are the first few only.

use std::ops::Range;

use tamis_engine::pool::PooledBuffer;
use tamis_formats::Totals;

use super::findings::Findings;
use super::outputs::{Misfit, columns};
use super::rule::RuleId;
use crate::unique::Key;

/// The result of one chunk.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) totals: Totals,
    /// Rows that break a rule of severity error (or warning, when strict).
    pub(crate) invalid: u64,
    /// Violations of each rule.
    pub(crate) by_rule: Vec<u64>,
    /// Rows counted towards each metric.
    pub(crate) metrics: Vec<u64>,
    /// Rows that each expression could not be computed for.
    pub(crate) not_computed: Vec<u64>,
    /// The first violations, in the order of rows, then rules.
    pub(crate) samples: Vec<Sample>,
    /// All violations instead of samples, if the rows will be cut into batches.
    pub(crate) findings: Option<Findings>,
    /// Records without a fault as they are written, if they are wanted and are not columns.
    pub(crate) good: Option<PooledBuffer>,
    /// Which rows have no fault, where they will be taken out of arrays.
    pub(crate) good_rows: Vec<Range<usize>>,
    /// Rows without a fault as columns, if that is what they are written as.
    pub(crate) columns: Vec<columns::Rows>,
    /// The first row without a fault that cannot be written.
    pub(crate) misfit: Option<Misfit>,
    /// Raw records with one, if they are wanted.
    pub(crate) bad: Option<BadRecords>,
    /// For each unique rule, the keys of the rows that have one.
    pub(crate) keys: Vec<Vec<KeyedRow>>,
    /// For each unique rule that a row can break, what a report says of the rows in `keys`, if that is wanted.
    pub(crate) details: Vec<Details>,
    /// Where the first bad record ends, from the start of the chunk.
    pub(crate) first_bad_end: Option<usize>,
    /// First byte of the chunk in its input.
    pub(crate) byte_offset: u64,
}

/// The key of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyedRow {
    pub(crate) key: Key,
    /// From the start of the chunk.
    pub(crate) row: u32,
    /// Another rule makes the row bad already.
    pub(crate) is_bad: bool,
}

/// What a report says of rows with a key, one after the other, should they turn out to be duplicates.
#[derive(Clone, Debug, Default)]
pub(crate) struct Details {
    pub(crate) rows: Vec<Detail>,
    /// The shown values.
    pub(crate) text: String,
}

/// One row of [`Details`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Detail {
    /// Line ends between the start of the chunk and the record.
    pub(crate) line: u64,
    /// First byte of the record in the chunk.
    pub(crate) offset: usize,
    /// Where its value ends in the text; it begins where the one before ends.
    pub(crate) text_end: usize,
}

/// A violation with everything a person needs to find it.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) row: u64,
    /// Line ends between the start of the chunk and the record.
    pub(crate) line: u64,
    /// First byte of the record in the chunk.
    pub(crate) offset: usize,
    pub(crate) rule: RuleId,
    /// What broke the rule; for `extraColumn` the key.
    pub(crate) value: Option<String>,
    pub(crate) message: String,
}

/// Raw records with a fault, and what is wrong with each.
#[derive(Debug)]
pub(crate) struct BadRecords {
    pub(crate) bytes: PooledBuffer,
    pub(crate) records: Vec<BadRecord>,
    /// Broken rules, record after record.
    pub(crate) reasons: Vec<RuleId>,
}

/// One of [`BadRecords`]: its `bytes` and `reasons` end here and begin where the one before ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BadRecord {
    pub(crate) row: u64,
    pub(crate) bytes_end: usize,
    pub(crate) reasons_end: usize,
}
