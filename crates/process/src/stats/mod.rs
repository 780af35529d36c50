//! What a table is like: for each column its type, nulls, distinct values, range, sum, quantiles, frequent values.
//!
//! ```text
//!   chunk ─► blocks ─► one column at a time ─► the columns of a shard      (worker, parallel; one shard per thread)
//!                                                        │
//!                 shards, in any order ─► columns ─► null tokens ─► types ─► figures           (one thread, at the end)
//! ```
//!
//! [`stats`] reads every record once. While a column has few distinct values these are kept with their counts
//! ([`dictionary`]), and every figure is exact. Beyond that a column keeps what its values come to ([`mod@column`]): exact
//! sums of the numbers as they are written ([`numbers`]), exact extremes ([`extremes`], [`moments`]), an estimate of the
//! distinct values ([`HyperLogLog`](tamis_engine::sketch::HyperLogLog)), quantiles from buckets ([`Sketch`](tamis_engine::sketch::Sketch)), and a sample for the most frequent values and
//! their shapes ([`sample`]). Each figure says whether it is exact, or how far off it may be.
//!
//! Nothing of this depends on the order of the records, so the answer is the same bytes for any threads, chunks and
//! kernels. The memory is that of [`limits`]: it depends on the number of columns and threads, not on the data.
//!
//! Several inputs are one table, whose columns are found by their names. Types are those of
//! [`infer`](crate::infer), and so are null tokens.
//!
//! ```
//! use tamis_engine::source::MemorySource;
//! use tamis_process::stats::{StatsOptions, stats};
//!
//! let source = MemorySource::new("orders.csv", b"id,amount\n7,1.50\n8,NA\n9,0.25\n".to_vec());
//! let statistics = stats(&[&source], &StatsOptions::default())?;
//! let amount = &statistics.columns[1];
//! assert_eq!((amount.logical_type, amount.nulls.count), ("number", 1));
//! assert_eq!(amount.sum.as_ref().map(|sum| sum.as_str()), Some("1.75"));
//! # Ok::<(), tamis_process::Error>(())
//! ```

mod block;
mod column;
mod dictionary;
mod distribution;
mod extremes;
mod finish;
pub(crate) mod hash;
pub mod html;
mod limits;
mod moments;
pub(crate) mod numbers;
mod plain;
mod report;
mod sample;
mod shape;
mod tally;
#[cfg(test)]
mod tests;
pub mod text;
mod values;
mod wanted;
mod worker;

use tamis_contract::model::CsvFacts;
use tamis_engine::control::{Cancel, Progress};
use tamis_engine::kernel::Kernel;
use tamis_engine::pipeline::{self, CHUNK_BYTES_DEFAULT, Options, RECORD_BYTES_MAX_DEFAULT};
use tamis_engine::source::Source;
use tamis_formats::input::Input as Opened;
use tamis_formats::messages::MessageOptions;
use tamis_formats::sniff::Format;

use crate::Result;
use crate::infer::nulls::Tokens;
use crate::table::note_length;
use crate::units::run_units;
use column::Setting;
use limits::{JSON_COLUMNS, Limits};
pub use report::{
    Basis, Bin, ColumnStats, Distinct, Frequencies, Frequency, Histogram, InputStats, Quantile,
    Quantiles, RowCounts, SCHEMA_VERSION, Scalar, Share, Statistics,
};
use tally::{Input, Tally};
pub use wanted::{Measure, Wanted};
use worker::{Layout, Shards, Worker};

/// How inputs are to be read, and what is to be found out.
#[derive(Clone, Debug)]
pub struct StatsOptions {
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
    /// The columns to look at, by name; `None`: all.
    pub columns: Option<Vec<String>>,
    /// What to find out.
    pub wanted: Wanted,
    /// Stops the run from outside.
    pub cancel: Cancel,
    /// Watches it.
    pub progress: Progress,
}

impl Default for StatsOptions {
    fn default() -> StatsOptions {
        StatsOptions {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            chunk_bytes: CHUNK_BYTES_DEFAULT,
            record_bytes_max: RECORD_BYTES_MAX_DEFAULT,
            kernel: Kernel::detect(),
            format: None,
            messages: None,
            csv: CsvFacts::default(),
            columns: None,
            wanted: Wanted::default(),
            cancel: Cancel::new(),
            progress: Progress::new(),
        }
    }
}

/// Finds out what the table that `sources` make up is like.
///
/// The result depends on the records alone, not on threads, chunks or kernel.
///
/// # Errors
/// [`Error::Engine`](crate::Error::Engine) when an input cannot be read to its end, [`Error::Format`](crate::Error::Format)
/// when its format cannot be settled, [`Error::TooManyKeys`](crate::Error::TooManyKeys) for JSON lines whose keys are
/// data, [`Error::UnknownColumn`](crate::Error::UnknownColumn) for a column that no input has.
pub fn stats(sources: &[&dyn Source], options: &StatsOptions) -> Result<Statistics> {
    stats_within(sources, options, None)
}

/// [`stats`], within limits that do not depend on the number of columns, if there are some.
fn stats_within(
    sources: &[&dyn Source],
    options: &StatsOptions,
    limits: Option<Limits>,
) -> Result<Statistics> {
    let first = match sources.first() {
        Some(source) => Some(Input::open(*source, options)?),
        None => None,
    };
    let columns = first
        .as_ref()
        .map_or(0, |first| column_count(first, options));
    let setting = Setting {
        limits: limits.unwrap_or_else(|| Limits::of(columns)),
        wanted: options.wanted,
        point: point(first.as_ref(), options),
    };
    let tokens = Tokens::new(options.csv.missing_values.clone());
    let selected = options.columns.as_ref();
    let selected = selected.map(|names| names.iter().cloned().collect());
    let shards = Shards::new(setting, tokens, selected);
    let mut tally = Tally::new(limits::keys_max(columns));
    let mut opened = first;
    for (number, source) in sources.iter().enumerate() {
        let input = match opened.take() {
            Some(input) => input,
            None => Input::open(*source, options)?,
        };
        let layout = tally.start(&input, &shards);
        run(number, input, &layout, options, &shards, &mut tally)?;
    }
    tally.finish(shards, options)
}

/// The byte between integer and fraction: as it was given, else as the first input has it.
fn point(first: Option<&Input>, options: &StatsOptions) -> u8 {
    let found = match first.map(|first| &first.opened) {
        Some(Opened::Text(records)) => records.decimal_char,
        _ => None,
    };
    options.csv.decimal_char.or(found).unwrap_or(b'.')
}

/// Columns of an input that are looked at.
fn column_count(input: &Input, options: &StatsOptions) -> usize {
    let width = match input.names {
        Some(_) => input.width,
        None => input.width.max(JSON_COLUMNS),
    };
    match &options.columns {
        Some(columns) => width.min(columns.len()),
        None => width,
    }
}

/// Reads one input to its end.
fn run(
    number: usize,
    input: Input,
    layout: &Layout,
    options: &StatsOptions,
    shards: &Shards,
    tally: &mut Tally,
) -> Result<()> {
    let mut run_options = Options {
        threads: options.threads,
        chunk_bytes: options.chunk_bytes,
        record_bytes_max: options.record_bytes_max,
        kernel: options.kernel,
        cancel: options.cancel.clone(),
        progress: options.progress.clone(),
        ..Options::default()
    };
    note_length(&input.opened, &options.progress);
    let new_worker = || Worker::new(shards, layout, number, options.kernel);
    let outcome = match input.opened {
        Opened::Text(records) => {
            // An input without a single field has nothing that could be parsed.
            if matches!(layout, Layout::Csv { columns, .. } if columns.is_empty()) {
                tally.end(records.start);
                return Ok(());
            }
            run_options.start = records.start;
            let framing = records.shape.framing();
            pipeline::run(
                records.opened,
                framing,
                &run_options,
                new_worker,
                |worker, chunk| Ok(worker.look(chunk)),
                |part| Ok(tally.merge(part, &options.progress)),
            )?
        }
        Opened::File(file) => {
            let places: Vec<usize> = match layout {
                Layout::File { columns } => columns.iter().map(|column| column.place).collect(),
                _ => Vec::new(),
            };
            run_units(
                &input.name,
                file.as_ref(),
                file.units(&places)?,
                &run_options,
                new_worker,
                |worker, unit, number| worker.look_at_unit(unit, number),
                |part| Ok(tally.merge(part, &options.progress)),
            )?
        }
    };
    tally.end(outcome.bytes);
    Ok(())
}
