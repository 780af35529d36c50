//! Rows in order: `--by 'amount desc, id'`.
//!
//! ```text
//!   piece ─► rows as they are to be written, each with its key ([`keys`]) ─► a buffer for each worker ([`buffer`])
//!                                                  │ full: sorted, appended to an unnamed file as a run
//!            buffers, or runs of all workers ─► merged by key, then by where rows stood ─► sink
//! ```
//!
//! Rows leave as they came, as they do from [`rows`](crate::rows), whose map this is. Sorting is stable, and the order is that of the
//! values alone: neither threads nor chunks nor memory can change it. A key is bytes that are ordered like the values, so
//! that comparing rows is comparing bytes.
//!
//! ```
//! use tamis_engine::sink::{MemorySink, Sink};
//! use tamis_engine::source::MemorySource;
//! use tamis_process::sort::{SortOptions, SortQuery, sort};
//! use tamis_process::table::{Table, TableOptions};
//!
//! let source = MemorySource::new("orders.csv", "id,amount\n1,9.5\n2,10\n3,\n4,9.5\n");
//! let mut table = Table::open(vec![&source], TableOptions::default())?;
//! let (sink, output) = MemorySink::new("sorted");
//! let sink = std::cell::Cell::new(Some(Box::new(sink) as Box<dyn Sink>));
//! let open_sink = || Ok(sink.take().expect("it is opened once"));
//! sort(&mut table, &SortQuery::by("amount desc"), &SortOptions::default(), &open_sink)?;
//! assert_eq!(output.bytes().unwrap(), b"id,amount\n2,10\n1,9.5\n4,9.5\n3,\n");
//! # Ok::<(), tamis_process::Error>(())
//! ```

mod buffer;
mod finish;
mod keys;
mod spec;
mod worker;

use std::path::PathBuf;
use std::sync::Mutex;

use tamis_engine::sink::Sink;

use crate::Result;
use crate::order::{Starts, Tickets};
use crate::rows::{Plan, Query, Writer, Written};
use crate::spill::{SpillPlace, held_bytes};
use crate::table::{Attempt, Table, settle};
use buffer::BYTES_MAX;
use finish::End;
use keys::Key;
use worker::{Shared, Worker};

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SortQuery {
    /// The columns that rows are ordered by: `amount desc, id`.
    pub by: String,
    /// Null comes first where it is not said otherwise; else last, in either direction.
    pub are_nulls_first: bool,
    /// Of rows with equal keys only the first is written.
    pub is_unique: bool,
    /// Which rows, and how they are written.
    pub rows: Query,
}

impl SortQuery {
    /// All rows in that order.
    pub fn by(by: &str) -> SortQuery {
        SortQuery {
            by: by.to_owned(),
            ..SortQuery::default()
        }
    }
}

/// How much memory there is, and what is beyond it.
#[derive(Clone, Debug)]
pub struct SortOptions {
    /// What the run may take: rows, and about 24 MB beside them.
    pub memory_bytes: usize,
    /// Where they go beyond that; `None`: the system's temporary folder.
    pub spill_dir: Option<PathBuf>,
}

impl Default for SortOptions {
    fn default() -> SortOptions {
        SortOptions {
            memory_bytes: 200_000_000,
            spill_dir: None,
        }
    }
}

/// What a run read and wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sorted {
    /// What was written.
    pub written: Written,
    /// Bytes that did not fit into memory.
    pub spilled_bytes: u64,
}

/// Writes the rows of `table` in order to what `open_sink` opens.
///
/// # Errors
/// As [`write_rows`](crate::rows::write_rows), and [`Error::Expression`](crate::Error::Expression) for an order that cannot be.
pub fn sort(
    table: &mut Table<'_>,
    query: &SortQuery,
    options: &SortOptions,
    open_sink: &dyn Fn() -> tamis_engine::Result<Box<dyn Sink>>,
) -> Result<Sorted> {
    let typed = plan(table, query)?.0.typed;
    settle(table, &typed, true, |table| {
        // Types may have become wider since.
        let (plan, keys) = plan(table, query)?;
        let mut writer = Writer::new(&plan, open_sink()?)?;
        writer.begin(table);
        let memory_bytes = held_bytes(options.memory_bytes);
        let shared = Shared {
            plan: &plan,
            keys: &keys,
            memory_bytes: (memory_bytes / table.options().threads).min(BYTES_MAX),
            place: SpillPlace::new(options.spill_dir.as_deref(), "spilled rows"),
            tickets: Tickets::default(),
            hands: Mutex::new(Vec::new()),
        };
        let mut starts = Starts::default();
        let scanned = table.scan_passing(
            &plan.wanted,
            &plan.passed,
            |layout| Worker::new(&shared, layout),
            |worker, piece| worker.take(piece),
            |(ticket, part), start| {
                starts.note(ticket, start.rows);
                writer.merge(part, start, &mut None)
            },
        )?;
        writer.note_scanned(scanned);
        if let Some(fault) = writer.fault() {
            return fault.map(Attempt::Misfit);
        }
        let end = End {
            starts: &starts,
            memory_bytes,
            is_unique: query.is_unique,
            cancel: &table.options().cancel,
            place: &shared.place.clone(),
        };
        let ended = end.write(shared.into_hands(), &mut writer)?;
        let mut written = writer.finish()?;
        written.rows -= ended.repeated;
        Ok(Attempt::Done(Sorted {
            written,
            spilled_bytes: ended.spilled_bytes,
        }))
    })
}

/// What is read and written, and what rows are ordered by.
fn plan(table: &mut Table<'_>, query: &SortQuery) -> Result<(Plan, Vec<Key>)> {
    let items = spec::parse(&query.by, query.are_nulls_first)?;
    let mut plan = Plan::new(table, &query.rows)?;
    plan.keep_ends()?;
    let mut keys = Vec::new();
    for item in items {
        let column = item.find(&query.by, table)?;
        keys.push(Key {
            place: plan.want_values(column, table.columns()[column].ty),
            is_descending: item.is_descending,
            are_nulls_first: item.are_nulls_first,
        });
    }
    Ok((plan, keys))
}
