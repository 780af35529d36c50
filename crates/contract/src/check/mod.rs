//! Checking records against a contract.
//!
//! ```text
//! contract ─ compile ─► rules of each column ─ layout ─► columns of an input
//!                                                             │
//!   chunk ─► blocks ─► fast loops mark suspects ─► suspects are judged ─► Part      (worker, parallel)
//!                                                             │
//!                    Parts in input order ─► Tally ─► thresholds ─► Report         (merge, one thread)
//! ```
//!
//! [`Check::compile`] turns a contract's object into rules, [`Check::run`] checks inputs against them. What is right
//! and wrong is defined in one place, `value`; everything else makes that fast, or finds its place.
//!
//! The same in parts, on any number of machines, is [`Check::split`] to [`Check::reduce`] (`partial`).
//!
//! [`Check::run_batches`] hands out a report for every so many rows while the run goes on.
//!
//! [`RecordCheck`] holds records that come one by one to the same rules, without a report; [`MessageCheck`] the values of
//! messages, a batch at a time.
//!
//! A rule about the whole input needs every key before any row can be judged (`unique`). Then a first pass takes
//! keys, and only if there are duplicates, or files to write, a second one says which rows they are.

mod bad;
mod batches;
mod compile;
mod error;
mod fast;
mod files;
mod findings;
mod fingerprint;
mod layout;
mod merge;
mod messages;
mod outcome;
mod outputs;
mod part;
mod partial;
mod record;
mod rows;
mod rule;
mod run;
#[cfg(test)]
mod tests;
mod threshold;
mod value;
mod worker;

use std::path::PathBuf;

use tamis_engine::control::{Cancel, Progress};
use tamis_engine::kernel::Kernel;
use tamis_engine::pipeline::{CHUNK_BYTES_DEFAULT, RECORD_BYTES_MAX_DEFAULT};
use tamis_engine::sink::Sink;
use tamis_engine::source::Source;
use tamis_formats::columns::Batch;
use tamis_formats::messages::MessageOptions;
use tamis_formats::sniff::Format;

use crate::model::{Contract, ExtraColumns, Object, UncheckedKind, UncheckedRule};
use crate::report::Report;
pub use batches::{BatchOptions, RecordSinks};
use compile::Compiled;
pub use error::CheckError;
pub use fingerprint::{RULE_ENGINE_VERSION, fingerprint};
pub use messages::{
    BadMessage, MessageCheck, Payload, REASON_BYTES_MAX, VIOLATIONS_MAX, Verdicts, Violation,
};
#[cfg(feature = "arrow")]
pub use partial::ChunkColumns;
pub use partial::{
    InputRange, KeyFiles, PARTIAL_VERSION, Partial, PartialError, PlannedRange, Scan, Streams,
};
pub use record::{BrokenRule, RecordCheck, RecordRow, Scalar};
pub use rows::RowsInput;
pub(crate) use rule::is_of_nulls;

/// An object's rules, compiled; checks any number of inputs.
#[derive(Clone, Debug)]
pub struct Check {
    compiled: Compiled,
    contract_id: String,
    contract_version: String,
    fingerprint: String,
}

/// Whether a contract with rules that cannot be checked is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unchecked {
    /// Such a contract is an error.
    Refuse,
    /// The rules are left out, and listed in the report.
    Allow,
}

/// How a check is to run.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// Worker threads.
    pub threads: usize,
    /// About how long a chunk is.
    pub chunk_bytes: usize,
    /// A record longer than this is an error.
    pub record_bytes_max: usize,
    /// The instruction set.
    pub kernel: Kernel,
    /// What the keys of `unique` rules may take before they are spilled to disk.
    pub memory_bytes: usize,
    /// Where they are spilled to, and streams are spooled; `None`: the system's temporary folder.
    pub spill_dir: Option<PathBuf>,
    /// Samples in the report. Counts are always exact.
    pub samples_max: usize,
    /// End after the first bad row; the report covers the rows up to it.
    pub fail_fast: bool,
    /// Violations of severity warning make a row bad as well.
    pub strict: bool,
    /// Do not read values of which the statistics in a file of columns say that they break no rule. Nobody has checked
    /// these: a file that lies passes.
    pub trusts_statistics: bool,
    /// Format of the inputs; `None`: by name, then by content.
    pub format: Option<Format>,
    /// What is known of inputs that are streams of Protobuf messages.
    pub messages: Option<MessageOptions>,
    /// Stops the run from outside.
    pub cancel: Cancel,
    /// Watches it.
    pub progress: Progress,
}

impl Default for CheckOptions {
    fn default() -> CheckOptions {
        CheckOptions {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            chunk_bytes: CHUNK_BYTES_DEFAULT,
            record_bytes_max: RECORD_BYTES_MAX_DEFAULT,
            kernel: Kernel::detect(),
            memory_bytes: 200_000_000,
            spill_dir: None,
            samples_max: 10,
            fail_fast: false,
            strict: false,
            trusts_statistics: false,
            format: None,
            messages: None,
            cancel: Cancel::new(),
            progress: Progress::new(),
        }
    }
}

impl Check {
    /// Compiles the rules of `object`, one of `contract`'s objects.
    ///
    /// # Errors
    /// [`CheckError::Unchecked`] when the contract has rules that cannot be checked and `unchecked` refuses
    /// them.
    pub fn compile(
        contract: &Contract,
        object: &Object,
        unchecked: Unchecked,
    ) -> Result<Check, CheckError> {
        let compiled = compile::compile(contract, object);
        let refused: Vec<UncheckedRule> = match unchecked {
            Unchecked::Allow => Vec::new(),
            Unchecked::Refuse => {
                let is_rule = |rule: &&UncheckedRule| rule.kind == UncheckedKind::Rule;
                compiled.unchecked.iter().filter(is_rule).cloned().collect()
            }
        };
        if !refused.is_empty() {
            return Err(CheckError::Unchecked { rules: refused });
        }
        Ok(Check {
            compiled,
            contract_id: contract.id.clone(),
            contract_version: contract.version.clone(),
            fingerprint: fingerprint(contract, object),
        })
    }

    /// Checks `inputs`, in order, as one run: rows are numbered for each input, and what must be unique must be
    /// so across all of them.
    ///
    /// Records without a fault go to `good`, the others to `bad`, in input order; both are published only when the run has
    /// come to its end. Good records are copied byte for byte, unless the name of `good` is that of another format than
    /// theirs: `.csv`, `.jsonl`, `.json`, `.parquet`, `.arrow`, ... Then they are written in it, in columns of the contract's
    /// types.
    ///
    /// # Errors
    /// [`CheckError`] when an input cannot be read to its end or an output cannot be written. Faults in the data are
    /// in the report.
    pub fn run(
        &self,
        inputs: &[&dyn Source],
        options: &CheckOptions,
        good: Option<Box<dyn Sink>>,
        bad: Option<Box<dyn Sink>>,
    ) -> Result<Report, CheckError> {
        run::run(self, inputs, options, outputs::Outputs::new(good, bad)?)
    }

    /// Checks rows that a program holds as values, batch after batch; `input` says what they are called.
    ///
    /// The columns of every block are those of [`Check::paths`], in that order. Rows are numbered from 1 and have neither
    /// a line nor a byte offset. Batches are made one after the other, on any thread, and checked in parallel;
    /// a few per thread are held at a time, and none is needed twice.
    ///
    /// # Errors
    /// [`CheckError`] when a batch cannot be had, or a value is too long to be checked, or keys of `unique` rules cannot
    /// be spilled. Faults in the data are in the report.
    pub fn run_rows<B: Batch>(
        &self,
        input: RowsInput<'_>,
        batches: impl Iterator<Item = tamis_engine::Result<B>> + Send,
        options: &CheckOptions,
    ) -> Result<Report, CheckError> {
        rows::run(
            self,
            rows::Columns::all(&self.compiled),
            input,
            batches,
            options,
        )
    }

    /// Checks Arrow arrays of `schema`, each a struct of the columns; `input` says what they are called.
    ///
    /// Columns are found by name, and faults of their names are those of a CSV header: an extra column, a missing one. A
    /// struct's members are columns called `struct.member`. Columns without rules are not looked at. Text is read as
    /// a CSV field is, as the column's type, and empty text is null; all else has a type of its own.
    /// Rows are numbered from 1 over all arrays and have neither a line nor a byte offset.
    ///
    /// # Errors
    /// [`CheckError`] when an array cannot be had, or a column has rules and a type that no rule can be held against.
    #[cfg(feature = "arrow")]
    pub fn run_arrow(
        &self,
        input: RowsInput<'_>,
        schema: &arrow_schema::Schema,
        batches: impl Iterator<Item = tamis_engine::Result<arrow_array::StructArray>> + Send,
        options: &CheckOptions,
    ) -> Result<Report, CheckError> {
        let (columns, slices) = rows::arrow::slices(self, input, schema, batches, options.kernel)?;
        rows::run(self, columns, input, slices, options)
    }

    /// The contract's columns: for each the keys that lead to it from a record's root, one unless records are nested.
    pub fn paths(&self) -> impl ExactSizeIterator<Item = &[String]> {
        let columns = self.compiled.columns.iter();
        columns.map(|column| column.path.as_slice())
    }

    /// What identifies the rules: the same for every contract that says the same, see [`fingerprint()`].
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Whether keys at a record's root that the contract does not name are violations.
    pub fn refuses_extra_keys(&self) -> bool {
        self.compiled.extra_columns == Some(ExtraColumns::Refuse)
    }

    /// Number of rules that are checked, structural ones apart.
    pub fn rules_checked(&self) -> usize {
        self.compiled
            .rules
            .iter()
            .filter(|rule| !rule.is_structural)
            .count()
    }

    /// Rules of the contract that are not checked.
    pub fn rules_not_checked(&self) -> &[UncheckedRule] {
        &self.compiled.unchecked
    }
}
