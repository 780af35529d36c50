//! `cargo xtask bench --python`: the validators of the Python package beside `tamis check`, and their peers.
//!
//! All check the same rows for the same rules, in interleaved rounds, and an answer with another number of invalid rows
//! ends the benchmark. Peers that take minutes get fewer rows of the same kind, which the table says: what counts is
//! rows a second, and theirs does not depend on the number of rows (they go row by row, or hold all of it).
//!
//! Records that come one by one have a table of their own, which [`ONE_BY_ONE`] makes.

use std::fmt::Write;
use std::path::Path;

use super::contender::{self, Contender, Kind, Sample};
use super::data::Csv;
use super::table::median;
use super::{machine, measure, publish};
use crate::command::{build_binary, output};
use crate::options::Options;
use crate::python::Python;
use crate::{Result, package};

const ROWS: u64 = 5_000_000;

/// About a gigabyte: what the promises about the cache are given for.
const CACHE_ROWS: u64 = 15_600_000;

/// The validators: what the table calls them, and the name of the case in `benches/python/validators.py`.
const VALIDATORS: [(&str, &str); 8] = [
    ("`Validator.validate_csv`", "validator"),
    ("`StreamingValidator`, 10,000 rows a batch", "streaming"),
    ("`DistributedValidator`, 2 threads", "distributed_threads"),
    (
        "`DistributedValidator`, 2 processes",
        "distributed_processes",
    ),
    (
        "`MapReduceValidator`, one range after the other",
        "map_reduce",
    ),
    ("`Validator.validate`, polars, all text", "from_polars"),
    ("`Validator.validate`, polars, typed", "from_polars_typed"),
    ("`Validator.validate`, pyarrow, all text", "from_pyarrow"),
];

const CACHED: [(&str, &str); 2] = [
    ("`CachedValidator`, a hit, `verify=\"stat\"`", "cache_stat"),
    (
        "`CachedValidator`, a hit, `verify=\"content\"`",
        "cache_content",
    ),
];

/// The peers: the tool, its script, and the most rows it is given.
const PEERS: [(&str, &str, u64); 8] = [
    (
        "polars expressions, by hand",
        "polars_expressions.py",
        u64::MAX,
    ),
    ("DuckDB SQL, by hand", "duckdb_sql.py", u64::MAX),
    ("pandera on polars", "pandera_schema.py", u64::MAX),
    ("pointblank on polars", "pointblank_steps.py", u64::MAX),
    ("pydantic", "pydantic_rows.py", 1_000_000),
    ("jsonschema-rs", "jsonschema_rows.py", 1_000_000),
    (
        "great_expectations on pandas",
        "great_expectations_suite.py",
        1_000_000,
    ),
    ("frictionless", "frictionless_schema.py", 200_000),
];

/// An answer that comes sooner is one that was known: nothing was read, so there is no rate.
const HIT_SECONDS_MAX: f64 = 0.01;

/// Prints a table: `LineProcessor`, and the peers that are installed where it runs.
const ONE_BY_ONE: &str = "benches/python/line.py";

pub(super) fn run(options: &Options) -> Result<bool> {
    let rows = options.number("rows", ROWS)?;
    let rounds = options.number("rounds", 5usize)?.max(1);
    build_binary()?;
    let python = package::environment()?;
    let data = Csv::generate(rows)?;
    let cached_data = Csv::generate(CACHE_ROWS)?;

    let mut contenders = vec![contender::binary(&data)];
    let validator = |data| {
        let python = &python;
        move |(name, case)| contender::validator(python, name, case, data)
    };
    contenders.extend(VALIDATORS.map(validator(&data)));
    contenders.extend(CACHED.map(validator(&cached_data)));
    let mut one_by_one = python.script(ONE_BY_ONE);
    if options.has("peers") {
        let python = Python::with("peers-python", Path::new("benches/peers/requirements.txt"))?;
        contenders.extend(peers(&python, &data)?);
        python.install(&package::newest_wheel()?)?;
        one_by_one = python.script(ONE_BY_ONE);
    }
    let samples = measure(&contenders, rounds)?;
    let one_by_one = output(&mut one_by_one)?;

    let mut text = format!(
        "{} {} transactions, {} of them invalid, CSV {:.0} MB, in the page cache. Medians of {rounds} interleaved \
         rounds (one for what takes more than 20 s). `tamis check` is timed as a whole process, everything else from \
         the call to its result.\n\n",
        machine()?,
        data.rows,
        data.invalid,
        data.bytes as f64 / 1e6,
    );
    push_table(&mut text, &contenders, &samples, &data);
    write!(
        text,
        "\nOne record at a time, all in one process that takes turns; medians of short rounds.\n\n{one_by_one}\n"
    )
    .expect("a string takes everything");
    publish(&text, options, "python-bench")
}

fn peers(python: &Python, data: &Csv) -> Result<Vec<Contender>> {
    let mut peers = Vec::new();
    for (name, script, rows_max) in PEERS {
        let script = format!("benches/peers/{script}");
        let own = match data.rows > rows_max {
            true => &Csv::generate(rows_max)?,
            false => data,
        };
        peers.push(contender::script(python, name, &script, &[], own));
    }
    Ok(peers)
}

/// One row for each; the first is what the others are compared with.
fn push_table(text: &mut String, contenders: &[Contender], samples: &[Vec<Sample>], data: &Csv) {
    text.push_str("| | rows | time | rows a second | bytes | peak RSS | beside `tamis check` |\n");
    text.push_str("|---|---|---|---|---|---|---|\n");
    let mut rate_of_binary = None;
    for (contender, samples) in contenders.iter().zip(samples) {
        let seconds = median(samples.iter().map(|sample| sample.seconds).collect());
        let peak_rss = samples.iter().map(|sample| sample.peak_rss_bytes).max();
        let rate = contender.rows as f64 / seconds;
        let share = rate / *rate_of_binary.get_or_insert(rate);
        let share = match (&contender.kind, contender.rows == data.rows) {
            (Kind::Binary, _) => String::new(),
            // A hit reads no rows.
            (_, false) if contender.rows > data.rows => String::new(),
            _ if share >= 0.1 => format!("{:.0} %", share * 100.0),
            _ => format!("1/{:.0}", 1.0 / share),
        };
        let (time, rates) = match seconds < HIT_SECONDS_MAX {
            true => (format!("{:.1} ms", seconds * 1e3), "| ".to_owned()),
            false => (
                format!("{seconds:.3} s"),
                format!(
                    "{:.2} M | {:.2} GB/s",
                    rate / 1e6,
                    contender.bytes as f64 / seconds / 1e9
                ),
            ),
        };
        writeln!(
            text,
            "| {} | {:.1} M | {time} | {rates} | {:.0} MB | {share} |",
            contender.name(),
            contender.rows as f64 / 1e6,
            peak_rss.unwrap_or_default() as f64 / 1e6,
        )
        .expect("a string takes everything");
    }
}
