//! A contract from data: what all records of an input have in common.
//!
//! ```text
//!   chunk ─► blocks ─► values ─► classes, ranges, lengths, few distinct values ─► Part    (worker, parallel)
//!                                                                                  │
//!              Parts in input order ─► columns ─► null tokens ─► types ─► contract       (merge, one thread)
//! ```
//!
//! [`infer`] reads *every* record once and in parallel, and keeps for each column a small state ([`mod@column`]) whose
//! size does not depend on the input. Then it decides which texts are null ([`nulls`]), what each column is
//! ([`mod@typing`]) and what to say of it ([`decide`]).
//!
//! The contract is honest and narrow: its own data keeps it, without a warning, and the next delivery may
//! well not. Wherever an input is read in a way that its name does not tell (delimiter, no header, encoding), the
//! contract says so, so that a check reads it the same way. Two things cannot be put into a contract, and a check
//! finds them again: malformed records, which are skipped and counted, and columns that repeat the name of
//! another, of which the first is described.
//!
//! Not here: patterns, uniqueness, dependencies between columns.
//!
//! ```
//! use tamis_engine::source::MemorySource;
//! use tamis_process::infer::{InferOptions, infer};
//!
//! let source = MemorySource::new("orders.csv", b"id,amount\n7,1.50\n8,NA\n".to_vec());
//! let inferred = infer(&source, &InferOptions::default())?;
//! let amount = &inferred.contract.objects[0].properties[1];
//! assert_eq!((amount.name.as_str(), amount.required), ("amount", false));
//! assert_eq!(inferred.contract.objects[0].csv.missing_values, Some(vec!["NA".to_owned()]));
//! # Ok::<(), tamis_process::Error>(())
//! ```

mod column;
mod decide;
mod distinct;
mod document;
mod nulls;
pub(crate) mod open;
pub(crate) mod tree;
mod typing;
mod worker;

use tamis_contract::model::{Contract, CsvFacts};
use tamis_engine::control::{Cancel, Progress};
use tamis_engine::kernel::Kernel;
use tamis_engine::pipeline::{self, CHUNK_BYTES_DEFAULT, Flow, Options, RECORD_BYTES_MAX_DEFAULT};
use tamis_engine::source::Source;
use tamis_formats::Totals;
use tamis_formats::sniff::Format;

use crate::{Error, Result};
use column::Column;
use document::Document;
use nulls::Tokens;
use open::Input;
use tree::Member;
use worker::{Layout, Part, Worker};

/// How an input is to be read.
#[derive(Clone, Debug)]
pub struct InferOptions {
    /// Worker threads.
    pub threads: usize,
    /// About how long a chunk is.
    pub chunk_bytes: usize,
    /// A record longer than this is an error.
    pub record_bytes_max: usize,
    /// The instruction set.
    pub kernel: Kernel,
    /// Format of the input; `None`: by name, then by content.
    pub format: Option<Format>,
    /// What is known of the CSV dialect. If missing values are given, no others are looked for.
    pub csv: CsvFacts,
    /// Stops the run from outside.
    pub cancel: Cancel,
    /// Watches it.
    pub progress: Progress,
}

impl Default for InferOptions {
    fn default() -> InferOptions {
        InferOptions {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            chunk_bytes: CHUNK_BYTES_DEFAULT,
            record_bytes_max: RECORD_BYTES_MAX_DEFAULT,
            kernel: Kernel::detect(),
            format: None,
            csv: CsvFacts::default(),
            cancel: Cancel::new(),
            progress: Progress::new(),
        }
    }
}

/// A contract, and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Inferred {
    /// One object that describes the input.
    pub contract: Contract,
    /// Records read, malformed ones included.
    pub rows: u64,
    /// Records that could not be split into fields, and so have no say.
    pub malformed: u64,
    /// Bytes read, after decompression.
    pub bytes: u64,
    /// What was decided without being told, and why: sentences for people, in the order of the columns.
    pub notes: Vec<String>,
}

/// Infers the contract that every well-formed record of `source` keeps.
///
/// The result depends on the records alone, not on threads, chunks or kernel.
///
/// # Errors
/// [`Error::Engine`] when the input cannot be read to its end, [`Error::Format`] when its format cannot be settled,
/// [`Error::TooManyKeys`] for JSON lines whose keys are data.
pub fn infer(source: &dyn Source, options: &InferOptions) -> Result<Inferred> {
    let input = Input::open(source, options)?;
    let tokens = match input.layout {
        Layout::Csv { .. } => Tokens::new(options.csv.missing_values.clone()),
        Layout::Jsonl => Tokens::none(),
    };
    let run_options = Options {
        threads: options.threads,
        chunk_bytes: options.chunk_bytes,
        record_bytes_max: options.record_bytes_max,
        live: false,
        start: input.records.start,
        kernel: options.kernel,
        cancel: options.cancel.clone(),
        progress: options.progress.clone(),
        ..Options::default()
    };
    let mut tally = Tally::new(&input.layout, &tokens, input.records.totals);
    let mut bytes = input.records.start;
    // An input without a single field has nothing that could be parsed.
    if !matches!(input.layout, Layout::Csv { width: 0, .. }) {
        let outcome = pipeline::run(
            input.records.opened,
            input.records.shape.framing(),
            &run_options,
            || Worker::new(&input.layout, &tokens, options.kernel),
            |worker, chunk| Ok(worker.look(chunk)),
            |part| Ok(tally.merge(part, &options.progress)),
        )?;
        bytes = outcome.bytes;
    }
    if tally.has_too_many_keys {
        return Err(Error::TooManyKeys {
            input: source.name().to_owned(),
            limit: tree::KEYS_MAX,
        });
    }
    let document = Document {
        source_name: source.name(),
        layout: &input.layout,
        names: &input.names,
        duplicates: &input.duplicates,
        facts: input.facts,
        tokens: &tokens,
        tally: &tally,
    };
    let (contract, mut decided) = document.write();
    let mut notes = input.records.notes;
    notes.append(&mut decided);
    Ok(Inferred {
        contract,
        rows: tally.totals.rows,
        malformed: tally.malformed,
        bytes,
        notes,
    })
}

/// All parts so far.
#[derive(Debug)]
struct Tally {
    totals: Totals,
    malformed: u64,
    /// The columns of CSV.
    columns: Vec<Column>,
    /// Those of JSON lines.
    root: Member,
    keys: usize,
    has_too_many_keys: bool,
}

impl Tally {
    fn new(layout: &Layout, tokens: &Tokens, totals: Totals) -> Tally {
        let width = match layout {
            Layout::Csv { width, .. } => *width,
            Layout::Jsonl => 0,
        };
        Tally {
            totals,
            malformed: 0,
            columns: vec![Column::new(tokens.texts.len()); width],
            root: Member::default(),
            keys: 0,
            has_too_many_keys: false,
        }
    }

    /// Records that have a say.
    fn rows(&self) -> u64 {
        self.totals.rows - self.malformed
    }

    fn merge(&mut self, part: Part, progress: &Progress) -> Flow {
        self.totals.rows += part.totals.rows;
        self.malformed += part.malformed;
        progress.add_records(part.totals.rows);
        let Some(paths) = part.paths else {
            self.has_too_many_keys = true;
            return Flow::Stop;
        };
        if self.columns.is_empty() {
            self.keys += self.root.merge(&paths, part.columns);
            self.has_too_many_keys = self.keys > tree::KEYS_MAX;
        } else {
            let columns = self.columns.iter_mut().zip(part.columns);
            columns.for_each(|(column, later)| column.merge(later));
        }
        match self.has_too_many_keys {
            true => Flow::Stop,
            false => Flow::Continue,
        }
    }
}
