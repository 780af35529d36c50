//! Lines, words, characters, bytes, longest line and records, as GNU `wc` counts them, on all cores.
//!
//! ```text
//!  inputs ──► pieces of fixed size, of all inputs ──► what each holds (parallel) ──► tallies, in order ──► counts
//! ```
//!
//! - [`inputs`](mod@inputs) finds what was named;
//! - [`pieces`] cuts inputs: where it cuts means nothing, so a line of 10 GB takes no more memory than a short one, and
//!   small files are counted by several threads as large ones are;
//! - [`part`] says what a piece holds, with what is open at its ends, and puts parts together;
//! - [`character`] knows what is a space, what can be printed and how wide it is;
//! - [`records`] counts records, which are not lines: that takes the format's own idea of where one ends;
//! - [`report`] writes the counts as columns and as JSON.
//!
//! Compressed inputs are counted as what they unpack to.

mod character;
mod inputs;
mod part;
mod pieces;
mod records;
pub mod report;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use tamis_engine::control::{Cancel, Progress};
use tamis_engine::kernel::Kernel;
use tamis_engine::pipeline::{
    self, CHUNK_BYTES_DEFAULT, Flow, Options, RECORD_BYTES_MAX_DEFAULT, Stages,
};
use tamis_engine::source::{Source, SpooledSource};
use tamis_formats::input::InputOptions;

use crate::{Error, Result};
pub use inputs::{inputs, names};
use part::{Scanner, Tally};
use pieces::{Found, Pieces};

/// What is to be counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Newlines.
    pub lines: bool,
    /// What stands between white space.
    pub words: bool,
    /// Characters; bytes that are none do not count.
    pub chars: bool,
    /// Bytes.
    pub bytes: bool,
    /// The columns of the longest line on a terminal, with tab stops every eight columns.
    pub longest_line: bool,
    /// Records, by the format.
    pub records: bool,
}

impl Wanted {
    /// Everything that is found in bytes alone.
    pub const ALL: Wanted = Wanted {
        lines: true,
        words: true,
        chars: true,
        bytes: true,
        longest_line: true,
        records: false,
    };

    /// Whether bytes are to be looked at, and not only their number and the records.
    fn is_of_text(self) -> bool {
        self.lines || self.is_of_characters()
    }

    /// Whether characters are to be told from one another.
    fn is_of_characters(self) -> bool {
        self.words || self.chars || self.longest_line
    }
}

/// What was counted; 0 for what was not wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Newlines.
    pub lines: u64,
    /// Words.
    pub words: u64,
    /// Characters.
    pub chars: u64,
    /// Bytes.
    pub bytes: u64,
    /// Columns of the longest line.
    pub longest_line: u64,
    /// Records.
    pub records: u64,
}

impl std::ops::AddAssign for Counts {
    /// The longest line of both is the longer one.
    fn add_assign(&mut self, more: Counts) {
        self.lines += more.lines;
        self.words += more.words;
        self.chars += more.chars;
        self.bytes += more.bytes;
        self.longest_line = self.longest_line.max(more.longest_line);
        self.records += more.records;
    }
}

/// One thing to be counted.
#[derive(Debug)]
pub struct Input {
    /// What it is called.
    pub name: PathBuf,
    /// Where its bytes come from.
    pub source: Box<dyn Source>,
    /// Its size as stored, if somebody knows: small inputs are shared out among the threads.
    pub len_bytes: Option<u64>,
}

/// How it is counted.
#[derive(Clone, Debug)]
pub struct CountOptions {
    /// What is asked for.
    pub wanted: Wanted,
    /// Worker threads.
    pub threads: usize,
    /// About how much one thread takes at a time.
    pub chunk_bytes: usize,
    /// The longest record.
    pub record_bytes_max: usize,
    /// How records are written.
    pub format: InputOptions,
    /// The instruction set.
    pub kernel: Kernel,
    /// Stops it from outside.
    pub cancel: Cancel,
    /// Watches it.
    pub progress: Progress,
}

impl Default for CountOptions {
    fn default() -> CountOptions {
        CountOptions {
            wanted: Wanted::ALL,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            chunk_bytes: CHUNK_BYTES_DEFAULT,
            record_bytes_max: RECORD_BYTES_MAX_DEFAULT,
            format: InputOptions::default(),
            kernel: Kernel::detect(),
            cancel: Cancel::new(),
            progress: Progress::new(),
        }
    }
}

/// The counts of all inputs.
#[derive(Debug, Default)]
pub struct Counted {
    /// Of each input its name and its counts, or why it has none.
    pub inputs: Vec<(PathBuf, Result<Counts>)>,
    /// Of all that have some.
    pub total: Counts,
    /// What was decided about records without being told, for people.
    pub notes: Vec<String>,
    /// How bytes were read: `mmap`, `read` or `stream`; `mixed` if it differed.
    pub backend: &'static str,
    /// Where the time went.
    pub stages: Stages,
}

/// Counts what is in `inputs`, each by itself and all together. An input that cannot be read is told of in its place.
///
/// # Errors
/// [`Interrupted`](tamis_engine::Error::Interrupted) once cancelled, or when a thread panicked.
pub fn count(mut inputs: Vec<Input>, options: &CountOptions) -> Result<Counted> {
    let wanted = options.wanted;
    let mut counts: Vec<Result<Counts>> = Vec::new();
    counts.resize_with(inputs.len(), || Ok(Counts::default()));
    if wanted.records && (wanted.bytes || wanted.is_of_text()) {
        // Records are counted in a pass of their own.
        for (input, counts) in inputs.iter_mut().zip(&mut counts) {
            if !input.source.is_repeatable() {
                match SpooledSource::new(input.source.as_ref(), None) {
                    Ok(spooled) => input.source = Box::new(spooled),
                    Err(error) => *counts = Err(error.into()),
                }
            }
        }
    }
    let mut counted = Counted::default();
    if wanted.bytes || wanted.is_of_text() {
        count_text(&inputs, &mut counts, &mut counted, options)?;
    }
    if wanted.records {
        for (input, counts) in inputs.iter().zip(&mut counts) {
            let Ok(known) = counts else { continue };
            match records::count(input.source.as_ref(), options, &mut counted) {
                Ok(records) => known.records = records,
                Err(error) => *counts = Err(error),
            }
            options.cancel.check()?;
        }
    }
    for counts in counts.iter().flatten() {
        counted.total += *counts;
    }
    let names = inputs.into_iter().map(|input| input.name);
    counted.inputs = names.zip(counts).collect();
    Ok(counted)
}

impl Counted {
    fn note_backend(&mut self, backend: &'static str) {
        self.backend = match self.backend {
            "" => backend,
            known if known == backend => known,
            _ => "mixed",
        };
    }
}

/// Counts everything but records.
fn count_text(
    inputs: &[Input],
    counts: &mut [Result<Counts>],
    counted: &mut Counted,
    options: &CountOptions,
) -> Result<()> {
    let run_options = Options {
        threads: options.threads,
        kernel: options.kernel,
        cancel: options.cancel.clone(),
        ..Options::default()
    };
    for bytes in inputs.iter().filter_map(|input| input.len_bytes) {
        options.progress.add_raw_bytes_total(bytes);
    }
    let mut tally = Tally::default();
    let is_good: Vec<bool> = counts.iter().map(Result::is_ok).collect();
    let outcome = pipeline::run_items(
        "inputs",
        Pieces::new(inputs, &is_good, options).map(Ok),
        &run_options,
        || Scanner::new(options.wanted, options.kernel),
        |scanner, piece| Ok(piece.scan(scanner, options)),
        |(index, found): (usize, Found)| {
            let slot = &mut counts[index];
            match found {
                Found::Part { part, raw_bytes } => {
                    tally.add(&part);
                    options.progress.add_plain_bytes(part.bytes);
                    options.progress.add_raw_bytes(raw_bytes);
                }
                Found::Whole(found, raw_bytes) => {
                    options.cancel.check()?;
                    options.progress.add_raw_bytes(raw_bytes);
                    if let Ok(found) = &found {
                        options.progress.add_plain_bytes(found.bytes);
                        counted.note_backend("read");
                    }
                    *slot = found.map_err(Error::from);
                }
                Found::End(result) => {
                    options.cancel.check()?;
                    let found = std::mem::take(&mut tally).finish();
                    let unchanged =
                        result.and_then(|access| access.map_or(Ok(()), |it| it.verify()));
                    // A piece may have failed before.
                    if slot.is_ok() {
                        *slot = unchanged.map(|()| found).map_err(Error::from);
                    }
                }
                Found::Failed(error) => {
                    options.cancel.check()?;
                    if slot.is_ok() {
                        *slot = Err(error.into());
                    }
                }
            }
            Ok(Flow::Continue)
        },
    )?;
    counted.stages += outcome.stages;
    Ok(())
}
