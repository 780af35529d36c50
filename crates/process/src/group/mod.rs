//! Rows that share their keys, added up: `--by country --agg 'sum(amount), count()'`.
//!
//! ```text
//!   piece ─► blocks ─► the group of each row ─► states of all aggregates      (worker, parallel; one table per thread)
//!                      column by column         one loop for each
//!                                                        │
//!           tables of all workers, or their partitions on disk ─► groups in the order of their first rows ─► sink
//! ```
//!
//! A worker keeps its groups ([`state`]) for the whole run. They come together at the end ([`finish`]), group by group, by way of
//! bytes; a table that outgrows its part of the memory is appended to a file and begun anew ([`spilled`]).
//!
//! # What the answer depends on
//! The rows and nothing else. Sums are exact ([`aggregate`]), ends and counts are what they are, estimates (`distinct` of many values,
//! quantiles of large groups) come from sketches in which no order matters. Groups come in the order of their first
//! rows: where a piece of input stood is known once the pieces before it are counted, so a row is remembered as the
//! number of its piece and its place in it.
//!
//! # Expressions
//! A key, or what an aggregate computes with, is a column by its name, or else an expression ([`tamis_expr`]), and so is the condition
//! on rows. Numbers of a column are added up in decimal, as they are written; those that are computed are doubles, and their
//! sum is the double nearest to the sum of all.
//!
//! # What is equal
//! Keys are compared by value: `1.50` and `1.5` are one group of a column of numbers, a quoted field is the one without quotes, and
//! what stands for null (see [`tamis_formats::vector`]) is one group. Moments and texts are compared as they are written.
//! Aggregates skip null.
//!
//! ```
//! use tamis_engine::sink::MemorySink;
//! use tamis_engine::source::MemorySource;
//! use tamis_process::group::{GroupOptions, GroupQuery, group};
//! use tamis_process::table::{Table, TableOptions};
//!
//! let source = MemorySource::new("orders.csv", "country,amount\nDE,1.50\nFR,2\nDE,0.25\n");
//! let mut table = Table::open(vec![&source], TableOptions::default())?;
//! let query = GroupQuery::new(Some("country"), "sum(amount), count() as n");
//! let (sink, output) = MemorySink::new("result");
//! group(&mut table, &query, &GroupOptions::default(), Box::new(sink))?;
//! assert_eq!(output.bytes().unwrap(), b"country,sum(amount),n\nDE,1.75,2\nFR,2,1\n");
//! # Ok::<(), tamis_process::Error>(())
//! ```

mod aggregate;
mod columns;
mod decimals;
mod finish;
mod key;
mod output;
mod plan;
mod spec;
mod spilled;
mod state;
mod texts;
mod words;
mod worker;

use std::path::PathBuf;
use std::sync::Mutex;

use tamis_engine::pipeline::Flow;
use tamis_engine::sink::Sink;

use crate::batches::Target;
use crate::order::{Starts, Tickets};
use crate::spill::{SpillPlace, held_bytes};
use crate::table::{Attempt, Misfit, Scanned, Start, Table, settle};
use crate::{Error, Result};
use columns::ColumnOutput;
use finish::{End, Ended};
use output::Output;
use plan::Plan;
use worker::{Fault, Hand, Part, Shared, Worker};

pub use aggregate::distinct::EXACT_MAX as DISTINCT_EXACT_MAX;
pub use aggregate::quantiles::EXACT_MAX as QUANTILE_EXACT_MAX;
pub use output::ResultFormat;

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupQuery {
    /// The columns of keys: `country, "Order Date" as day`. `None`: all rows are one group.
    pub by: Option<String>,
    /// The aggregates: `sum(amount) as total, count(), p95(delay)`.
    pub aggregates: String,
    /// The rows that count, those for which this expression is true; `None`: all.
    pub filter: Option<String>,
    /// How the result is written.
    pub format: ResultFormat,
}

impl GroupQuery {
    /// A query with a result in CSV.
    pub fn new(by: Option<&str>, aggregates: &str) -> GroupQuery {
        GroupQuery {
            by: by.map(str::to_owned),
            aggregates: aggregates.to_owned(),
            filter: None,
            format: ResultFormat::default(),
        }
    }
}

/// How much memory there is, and what is beyond it.
#[derive(Clone, Debug)]
pub struct GroupOptions {
    /// What the run may take: groups, and about 24 MB beside them.
    pub memory_bytes: usize,
    /// Where they go beyond that; `None`: the system's temporary folder.
    pub spill_dir: Option<PathBuf>,
}

impl Default for GroupOptions {
    fn default() -> GroupOptions {
        GroupOptions {
            memory_bytes: 200_000_000,
            spill_dir: None,
        }
    }
}

/// What a run read and wrote.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grouped {
    /// Groups written.
    pub groups: u64,
    /// Records left out because they cannot be split into fields.
    pub malformed: u64,
    /// Values that could not be computed and count as null (a division by zero, a number out of range), and figures that could
    /// not: a sum or a variance beyond all doubles.
    pub failed: u64,
    /// Bytes of groups that did not fit into memory.
    pub spilled_bytes: u64,
    /// Figures of the result are estimates: by how much of itself a `distinct` may be off (its standard error), and by how
    /// much a quantile at most.
    pub estimated: Option<Estimated>,
    /// What was read.
    pub scanned: Scanned,
}

/// How far off estimates are, as a part of themselves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimated {
    /// The standard error of a number of distinct values.
    pub distinct_error: f64,
    /// The most that a quantile is off.
    pub quantile_error: f64,
}

/// Writes what `query` asks for of the rows of `table` to `sink`.
///
/// # Errors
/// [`Error::Expression`] for a query that cannot be answered; as reading and writing; [`Error::Misfit`]; [`Error::Malformed`] unless
/// malformed records are to be skipped.
pub fn group(
    table: &mut Table<'_>,
    query: &GroupQuery,
    options: &GroupOptions,
    sink: Box<dyn Sink>,
) -> Result<Grouped> {
    let wanted = Plan::new(query, table)?.wanted;
    let mut sink = Some(sink);
    settle(table, &wanted, true, |table| {
        // Types may have become wider since.
        let plan = Plan::new(query, table)?;
        let gathered = match gather(table, &plan, options)? {
            Attempt::Done(gathered) => gathered,
            Attempt::Misfit(misfit) => return Ok(Attempt::Misfit(misfit)),
        };
        let end = End {
            plan: &plan,
            threads: table.options().threads,
            memory_bytes: held_bytes(options.memory_bytes),
            cancel: &table.options().cancel,
            place: &place(options),
            starts: &gathered.starts,
        };
        let sink = sink.take().expect("only one attempt is done");
        let mut output = open(sink, query.format, &plan, table.options().threads)?;
        let ended = end.write(gathered.hands, &mut output)?;
        output.finish()?;
        let Ended {
            groups,
            is_estimated,
            failed,
            spilled_bytes,
        } = ended;
        Ok(Attempt::Done(Grouped {
            groups,
            malformed: gathered.malformed,
            failed: gathered.failed + failed,
            spilled_bytes,
            estimated: is_estimated.then(Estimated::of_sketches),
            scanned: gathered.scanned,
        }))
    })
}

/// Begins the result.
fn open(sink: Box<dyn Sink>, format: ResultFormat, plan: &Plan, threads: usize) -> Result<Output> {
    let ResultFormat::Batches(format) = format else {
        return Ok(Output::new(sink, format, plan.names.clone())?);
    };
    let columns = plan.names.iter().zip(&plan.column_types);
    let target = Target::new(format, columns.clone().map(|(name, &ty)| (name, ty, None)));
    let columns = columns.map(|(name, &ty)| (name.clone(), ty)).collect();
    let output = ColumnOutput::new(sink, &target, columns, threads);
    Ok(Output::in_columns(output))
}

/// What the workers have gathered.
struct Gathered {
    hands: Vec<Hand>,
    starts: Starts,
    malformed: u64,
    failed: u64,
    scanned: Scanned,
}

fn gather(table: &mut Table<'_>, plan: &Plan, options: &GroupOptions) -> Result<Attempt<Gathered>> {
    let shared = Shared {
        plan,
        readers: table.readers(),
        skips_malformed: table.options().skips_malformed,
        // What two workers have comes together in a table of its own.
        memory_bytes: held_bytes(options.memory_bytes) / (table.options().threads + 1),
        place: place(options),
        tickets: Tickets::default(),
        hands: Mutex::new(Vec::new()),
    };
    let mut starts = Starts::default();
    let (mut malformed, mut failed, mut failure) = (0, 0, None);
    let scanned = table.scan(
        &plan.wanted,
        |layout| Worker::new(&shared, layout),
        |worker, piece| worker.take(piece),
        |part: Part, start| {
            if let Some(fault) = part.fault {
                failure = Some(fault.of(start));
                return Ok(Flow::Stop);
            }
            starts.note(part.ticket, start.rows);
            malformed += part.malformed;
            failed += part.failed;
            Ok(Flow::Continue)
        },
    )?;
    match failure {
        None => Ok(Attempt::Done(Gathered {
            hands: shared.into_hands(),
            starts,
            malformed,
            failed,
            scanned,
        })),
        Some(Failure::Misfit(misfit)) => Ok(Attempt::Misfit(misfit)),
        Some(Failure::Error(error)) => Err(error),
    }
}

fn place(options: &GroupOptions) -> SpillPlace {
    SpillPlace::new(options.spill_dir.as_deref(), "spilled groups")
}

/// What a run ended with, if not well.
enum Failure {
    Misfit(Misfit),
    Error(Error),
}

impl Fault {
    /// The fault of a piece that starts there.
    fn of(self, start: Start<'_>) -> Failure {
        let input = start.input.to_owned();
        match self {
            Fault::Misfit { row, column, value } => Failure::Misfit(Misfit {
                input,
                column,
                row: start.input_rows + row + 1,
                value,
            }),
            Fault::TextsTooLarge(limit_bytes) => {
                Failure::Error(Error::TextsTooLarge { input, limit_bytes })
            }
            Fault::Malformed {
                row,
                byte_offset,
                fault,
            } => Failure::Error(Error::Malformed {
                input,
                row: start.input_rows + row + 1,
                byte_offset,
                fault,
            }),
        }
    }
}

impl Estimated {
    fn of_sketches() -> Estimated {
        Estimated {
            distinct_error: aggregate::distinct::standard_error(),
            quantile_error: aggregate::quantiles::relative_error(),
        }
    }
}
