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
//! contract says so, so that a check reads it the same way. Of columns that repeat a name the first is described, and the
//! contract lets the others pass. One thing cannot be put into a contract, and a check finds it again: malformed
//! records, which are skipped and counted.
//!
//! # Several inputs
//! They make one contract, in the dialect of the first. CSV files may differ in their columns: one that some lack is
//! optional.
//!
//! Not here: patterns, dependencies between columns.
//!
//! ```
//! use tamis_engine::source::MemorySource;
//! use tamis_process::infer::{InferOptions, infer};
//!
//! let source = MemorySource::new("orders.csv", b"id,amount\n7,1.50\n8,NA\n".to_vec());
//! let inferred = infer(&[&source], &InferOptions::default())?;
//! let amount = &inferred.contract.objects[0].properties[1];
//! assert_eq!((amount.name.as_str(), amount.required), ("amount", false));
//! assert_eq!(inferred.contract.objects[0].csv.missing_values, Some(vec!["NA".to_owned()]));
//! # Ok::<(), tamis_process::Error>(())
//! ```

pub(crate) mod column;
mod dates;
mod decide;
mod distinct;
mod document;
mod keys;
pub(crate) mod nulls;
pub(crate) mod open;
mod run;
mod shapes;
mod tally;
pub(crate) mod tree;
pub(crate) mod typing;
mod worker;

use std::path::PathBuf;

use tamis_contract::model::{Contract, CsvFacts};
use tamis_engine::control::{Cancel, Progress};
use tamis_engine::kernel::Kernel;
use tamis_engine::pipeline::{CHUNK_BYTES_DEFAULT, RECORD_BYTES_MAX_DEFAULT};
use tamis_engine::source::Source;
use tamis_formats::messages::MessageOptions;
use tamis_formats::sniff::Format;

use crate::Result;

/// The most values of a column that [`InferOptions::listed_max`] can ask for.
pub const LISTED_MAX_LIMIT: usize = distinct::VALUES_MAX_LIMIT;

/// How inputs are to be read, and what is to be found out.
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
    /// Format of the inputs; `None`: by name, then by content.
    pub format: Option<Format>,
    /// What is known of inputs that are streams of Protobuf messages.
    pub messages: Option<MessageOptions>,
    /// What is known of the CSV dialect. If missing values are given, no others are looked for.
    pub csv: CsvFacts,
    /// Whether columns without repeated values are looked for.
    pub finds_unique: bool,
    /// The most values of a column that are listed; 0: none are. At most [`LISTED_MAX_LIMIT`].
    pub listed_max: usize,
    /// Memory for the keys of columns that may be unique.
    pub memory_bytes: usize,
    /// Where they go beyond it; `None`: into the system's temporary folder.
    pub spill_dir: Option<PathBuf>,
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
            messages: None,
            csv: CsvFacts::default(),
            finds_unique: true,
            listed_max: distinct::VALUES_MAX_DEFAULT,
            memory_bytes: 200_000_000,
            spill_dir: None,
            cancel: Cancel::new(),
            progress: Progress::new(),
        }
    }
}

/// A contract, and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Inferred {
    /// One object that describes the inputs.
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

/// Infers the contract that every well-formed record of `sources` keeps.
///
/// The result depends on the records alone, not on threads, chunks or kernel.
///
/// # Errors
/// [`Error::Engine`] when an input cannot be read to its end, [`Error::Format`] when its format cannot be settled,
/// [`Error::TooManyKeys`] for JSON lines whose keys are data; [`Error::OtherFormat`], [`Error::OtherDialect`] and
/// [`Error::OtherColumns`] for inputs that no contract can hold together; [`Error::TooManyColumns`] for one that would be
/// longer than contracts that are read.
///
/// # Panics
/// If there are no sources.
///
/// [`Error::Engine`]: crate::Error::Engine
/// [`Error::Format`]: crate::Error::Format
/// [`Error::TooManyKeys`]: crate::Error::TooManyKeys
/// [`Error::OtherFormat`]: crate::Error::OtherFormat
/// [`Error::OtherDialect`]: crate::Error::OtherDialect
/// [`Error::OtherColumns`]: crate::Error::OtherColumns
/// [`Error::TooManyColumns`]: crate::Error::TooManyColumns
pub fn infer(sources: &[&dyn Source], options: &InferOptions) -> Result<Inferred> {
    let (first, others) = sources.split_first().expect("a contract has an input");
    let mut run = run::Run::new(*first, options)?;
    for &source in others {
        run.go_on(source)?;
    }
    run.finish()
}
