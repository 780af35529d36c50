//! What the workers of a pass share: the rules, the layout of the input, and what the parts shall hold.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use tamis_engine::kernel::Kernel;
use tamis_engine::pool::BufferPool;
use tamis_formats::csv::Dialect;
use tamis_formats::file::RecordFile;

use crate::check::CheckOptions;
use crate::check::compile::Compiled;
use crate::check::layout::Layout;
use crate::check::outputs::GoodRows;
use crate::check::rule::RuleId;
use crate::model::Severity;
use crate::unique::{Duplicates, SeenKeys};

/// What all workers of a pass share.
pub(crate) struct Pass<'a> {
    pub(crate) compiled: &'a Compiled,
    pub(crate) layout: &'a Layout,
    pub(crate) kernel: Kernel,
    pub(crate) pool: BufferPool,
    /// The file whose records these are, if they lie in one that is no text.
    pub(crate) file: Option<&'a dyn RecordFile>,
    /// The byte that ends a physical line.
    pub(crate) line_end: u8,
    /// Violations of this severity and above make a row bad.
    pub(crate) bad_from: Severity,
    pub(crate) samples_max: usize,
    /// Enough samples have been merged; set by the merge, so it may be noticed late, never early.
    pub(crate) samples_full: AtomicBool,
    /// What becomes of rows without a fault.
    pub(crate) good: GoodRows,
    pub(crate) wants_bad: bool,
    /// How bad rows of arrays are delimited; `None`: they are JSON.
    pub(crate) bad_dialect: Option<Dialect>,
    pub(crate) wants_keys: bool,
    /// Parts carry every violation.
    pub(crate) wants_findings: bool,
    /// Only those of bad rows, and behind the first so many of a part each rule of a row once, without line and value.
    pub(crate) findings_of_bad: Option<usize>,
    /// The keys so far, when one worker looks at all chunks in order and there is no second pass.
    pub(crate) seen: Option<&'a Mutex<SeenKeys>>,
    /// Keys come with what a report says of their rows: whoever finds the duplicates has not got the input.
    pub(crate) wants_details: bool,
    pub(crate) fail_fast: bool,
    /// In the second pass: which rows of the run repeat a key, and where each chunk begins.
    pub(crate) known: Option<Known<'a>>,
}

impl<'a> Pass<'a> {
    /// Whether records lie at a byte of the input.
    pub(crate) fn has_offsets(&self) -> bool {
        self.layout.is_text() || self.file.is_some()
    }

    /// A pass that judges rows and keeps samples, and nothing else.
    pub(crate) fn new(
        compiled: &'a Compiled,
        layout: &'a Layout,
        line_end: u8,
        options: &CheckOptions,
    ) -> Pass<'a> {
        let pooled_bytes = 8 * options.threads.max(1) * options.chunk_bytes.next_power_of_two();
        Pass {
            compiled,
            layout,
            kernel: options.kernel,
            pool: BufferPool::new(pooled_bytes),
            file: None,
            line_end,
            bad_from: if options.strict {
                Severity::Warning
            } else {
                Severity::Error
            },
            samples_max: options.samples_max,
            samples_full: AtomicBool::new(false),
            good: GoodRows::Unwanted,
            wants_bad: false,
            bad_dialect: None,
            wants_keys: false,
            wants_findings: false,
            findings_of_bad: None,
            seen: None,
            wants_details: false,
            fail_fast: false,
            known: None,
        }
    }

    /// Whether a violation of the rule makes its row bad.
    pub(crate) fn makes_bad(&self, rule: RuleId) -> bool {
        self.compiled.rules.get(rule).severity >= self.bad_from
    }
}

/// What the first pass found out.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    /// For each unique rule.
    pub(crate) duplicates: &'a [Duplicates],
    /// First byte and first row (counted over the run) of each chunk of this input.
    pub(crate) chunks: &'a [(u64, u64)],
}

impl Known<'_> {
    /// The row, counted over the run, that the chunk at `byte_offset` starts with; `None` where the first
    /// pass had no chunk.
    pub(crate) fn first_row(&self, byte_offset: u64) -> Option<u64> {
        let at = self
            .chunks
            .binary_search_by_key(&byte_offset, |&(offset, _)| offset);
        at.ok().map(|at| self.chunks[at].1)
    }
}
