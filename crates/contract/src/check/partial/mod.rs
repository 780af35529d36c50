//! A check in parts: the map half and the merge half as values that travel.
//!
//! ```text
//! inputs ─ split ─► ranges ─ scan (anywhere) ─► scans ─ plan ─► planned ranges
//!                                                                    │
//!      reduce ◄─ merge (any tree, any order) ◄─ partials ◄─ map_range (anywhere)
//! ```
//!
//! A run on one machine ([`Check::run`]) cuts its input into chunks, finds the state each begins in by look-back, checks
//! them on all cores and adds up what came out, in order. Here every one of these steps is a function of its own, and
//! what goes from one to the next can be written down ([`Partial::to_bytes`]) and read again elsewhere:
//!
//! 1. [`Check::split`] divides inputs into byte ranges, and notes how each input is written and what it was: its size
//!    and modification time, so that a file that changes in between is noticed;
//! 2. [`Check::scan`] says what a range does to the framing, whatever state it begins in;
//! 3. [`Check::plan`] composes the scans, so that every range knows its true state: exact for any byte range of quoted
//!    CSV, with no guess;
//! 4. [`Check::map_range`] checks the records that start in a range and gives a [`Partial`];
//! 5. [`Partial::merge`] adds partials up, in any order and any tree;
//! 6. [`Check::reduce`] makes of them the report that [`Check::run`] makes of the same inputs.
//!
//! Records that lie in no file (rows in memory, bytes of a chunk cut by somebody else) become partials without a place
//! through [`Check::map_source`]; they count in the order in which they are merged.
//!
//! `unique` rules compare rows that no machine sees together. With a folder that all machines share
//! ([`CheckOptions::spill_dir`]) the map half leaves its keys there and the merge half reads them ([`keys`]); without
//! one such a contract is refused. Where an engine runs a task twice, nothing is counted twice: a range that comes
//! again writes the same file, and two partials of one range do not merge.
//!
//! `docs/partial.md` describes the serialised forms.
//!
//! ```
//! use tamis_contract::check::{Check, CheckOptions, KeyFiles, Partial, Streams, Unchecked};
//! use tamis_contract::model::{Contract, Object, Property};
//! use tamis_engine::source::MemorySource;
//!
//! let orders = Object::new("orders").property(Property::number("amount").required().minimum(1));
//! let contract = Contract::builder("orders").object(orders).build();
//! let check = Check::compile(&contract, &contract.objects[0], Unchecked::Refuse)?;
//! let source = MemorySource::new("orders.csv", "amount\n5\n\"0\"\n7\n");
//! let options = CheckOptions::default();
//!
//! let ranges = check.split(&[&source], 4, Streams::Refuse, &options)?;
//! let scans: Vec<_> = ranges.iter().map(|range| check.scan(&source, range, &options)).collect::<Result<_, _>>()?;
//! let planned = check.plan(&ranges, &scans)?;
//! let mut partials = Vec::new();
//! for range in planned.iter().rev() {
//!     let partial = check.map_range(&source, range, &options)?;
//!     partials.push(Partial::from_bytes(&partial.to_bytes())?);
//! }
//! let report = check.reduce(partials, &options, KeyFiles::Keep)?;
//! assert_eq!((report.rows.total, report.rows.invalid), (3, 1));
//! assert_eq!(report.samples[0].row, Some(2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod duplicates;
mod envelope;
mod error;
mod keys;
mod map;
mod plan;
mod range;
mod reduce;
mod stretch;
#[cfg(test)]
mod tests;
mod value;

use tamis_engine::control::Cancel;
use tamis_engine::source::Source;
use tamis_formats::columns::Batch;

pub use envelope::PARTIAL_VERSION;
pub use error::PartialError;
pub use range::{InputRange, PlannedRange, Scan};
pub use value::Partial;

#[cfg(feature = "arrow")]
use super::layout::HeaderFaults;
use super::rows::{Columns, RowsInput};
use super::{Check, CheckError, CheckOptions, RULE_ENGINE_VERSION};
use crate::report::Report;

/// What splitting makes of an input that cannot be read from the middle: standard input, a pipe, a compressed or
/// transcoded file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streams {
    /// It is an error that says so.
    Refuse,
    /// It is one range. (What can be read only once is an error still.)
    OneRange,
}

/// What becomes of the files of keys in the shared folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFiles {
    /// They stay.
    Keep,
    /// Those of the reduced partials are removed once the report is made.
    Remove,
}

/// Whether the columns of an Arrow chunk are held to the contract, as a header is.
#[cfg(feature = "arrow")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkColumns {
    /// It is a table.
    Judged,
    /// It is a part of a table with the same columns, and another part's are judged: a column that the table does not
    /// have is missing once.
    JudgedElsewhere,
}

impl Check {
    /// Makes sure that what this check needs of several machines is there: with unique rules a folder that they share.
    /// All other steps look after it too.
    ///
    /// # Errors
    /// [`PartialError::NoSharedFolder`].
    pub fn require_shared_folder(&self, options: &CheckOptions) -> Result<(), PartialError> {
        keys::shared_folder(&self.compiled, options).map(drop)
    }

    /// Divides `sources`, in the order of the report, into ranges of about `chunk_bytes` each. Only the first bytes of
    /// each are read.
    ///
    /// # Errors
    /// [`CheckError`] when an input cannot be opened or its format cannot be settled, and
    /// [`Unsupported`](tamis_engine::Error::Unsupported) for one that cannot be read from the middle, unless `streams`
    /// allows it. [`PartialError::NoSharedFolder`] as for [`map_range`](Self::map_range).
    pub fn split(
        &self,
        sources: &[&dyn Source],
        chunk_bytes: u64,
        streams: Streams,
        options: &CheckOptions,
    ) -> Result<Vec<InputRange>, CheckError> {
        self.require_shared_folder(options)?;
        plan::split(self, sources, chunk_bytes, streams, options)
    }

    /// Reads a range, `source` being its input, and says what it does to the framing. Of JSON lines only the last
    /// byte is read.
    ///
    /// # Errors
    /// [`CheckError`] when the input cannot be read, and [`Changed`](tamis_engine::Error::Changed) when it is not what
    /// it was when it was split.
    pub fn scan(
        &self,
        source: &dyn Source,
        range: &InputRange,
        options: &CheckOptions,
    ) -> Result<Scan, CheckError> {
        plan::scan(self, source, range, options)
    }

    /// Finds the state that each range begins in. Ranges and scans may come in any order; the scan of an input's
    /// last range is not needed.
    ///
    /// # Errors
    /// [`PartialError`] when a range or a scan is missing or comes twice.
    pub fn plan(
        &self,
        ranges: &[InputRange],
        scans: &[Scan],
    ) -> Result<Vec<PlannedRange>, CheckError> {
        plan::plan(self, ranges, scans, &Cancel::new())
    }

    /// Checks the records that start in a planned range; `source` is its input.
    ///
    /// # Errors
    /// [`CheckError`] when the input cannot be read, [`Changed`](tamis_engine::Error::Changed) when it is not what it
    /// was when it was split, [`PartialError::NoSharedFolder`] for a contract with unique rules and no
    /// [`CheckOptions::spill_dir`].
    pub fn map_range(
        &self,
        source: &dyn Source,
        range: &PlannedRange,
        options: &CheckOptions,
    ) -> Result<Partial, CheckError> {
        map::map_range(self, source, range, options)
    }

    /// Checks all records of `source`, a chunk that somebody else has cut: with a header of its own if the contract's
    /// files have one. The partial has no place; its rows count behind those of the partials it is merged behind.
    ///
    /// # Errors
    /// As [`map_range`](Self::map_range).
    pub fn map_source(
        &self,
        source: &dyn Source,
        options: &CheckOptions,
    ) -> Result<Partial, CheckError> {
        map::map_source(self, source, options)
    }

    /// Checks rows that a program holds as a chunk without a place; see [`run_rows`](Self::run_rows) and
    /// [`map_source`](Self::map_source).
    ///
    /// # Errors
    /// As [`run_rows`](Self::run_rows) and [`map_range`](Self::map_range).
    pub fn map_rows<B: Batch>(
        &self,
        input: RowsInput<'_>,
        batches: impl Iterator<Item = tamis_engine::Result<B>> + Send,
        options: &CheckOptions,
    ) -> Result<Partial, CheckError> {
        let columns = Columns::all(&self.compiled);
        map::map_rows(self, columns, input, batches, options)
    }

    /// Checks Arrow arrays as a chunk without a place; see [`run_arrow`](Self::run_arrow) and
    /// [`map_source`](Self::map_source). `columns`: whether it is a table or a part of one.
    ///
    /// # Errors
    /// As [`run_arrow`](Self::run_arrow) and [`map_range`](Self::map_range).
    #[cfg(feature = "arrow")]
    pub fn map_arrow(
        &self,
        input: RowsInput<'_>,
        schema: &arrow_schema::Schema,
        batches: impl Iterator<Item = tamis_engine::Result<arrow_array::StructArray>> + Send,
        columns: ChunkColumns,
        options: &CheckOptions,
    ) -> Result<Partial, CheckError> {
        let (mut found, slices) =
            super::rows::arrow::slices(self, input, schema, batches, options.kernel)?;
        if columns == ChunkColumns::JudgedElsewhere {
            found.faults = HeaderFaults::default();
        }
        map::map_rows(self, found, input, slices, options)
    }

    /// The report of all records behind `partials`, which is that of [`run`](Self::run) but for its times. The order
    /// matters for partials without a place only. Takes threads, memory and folders from `options`; what decides on
    /// the answer is in the partials.
    ///
    /// # Errors
    /// [`PartialError`] when they do not go together, or a range is missing or comes twice; [`CheckError`] when files
    /// of keys cannot be read.
    pub fn reduce(
        &self,
        partials: impl IntoIterator<Item = Partial>,
        options: &CheckOptions,
        key_files: KeyFiles,
    ) -> Result<Report, CheckError> {
        let merged = Partial::merge_all(partials)?;
        let report = reduce::reduce(self, &merged, options)?;
        if let (KeyFiles::Remove, Some(folder)) = (key_files, &options.spill_dir) {
            for name in merged.key_files() {
                // The report is what was asked for; a file that somebody else removed is no reason to withhold it.
                let _ = std::fs::remove_file(folder.join(name));
            }
        }
        Ok(report)
    }

    /// What partials, ranges and the like carry to say which rules they were made with.
    fn rules_id(&self) -> String {
        format!("{}/{RULE_ENGINE_VERSION}", self.fingerprint())
    }

    /// Refuses what was made with other rules.
    fn must_be_mine(&self, what: &'static str, found: &str) -> Result<(), PartialError> {
        let expected = self.rules_id();
        if found == expected {
            return Ok(());
        }
        Err(PartialError::OtherContract {
            what,
            found: found.to_owned(),
            expected,
        })
    }
}
