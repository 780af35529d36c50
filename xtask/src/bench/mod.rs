//! `cargo xtask bench`: `tamis check` and its peers on the same data, in one run.
//!
//! 1. [`data`] generates transactions as CSV and as JSON lines, and knows how many rows are invalid.
//! 2. Every *contender* (a job with its options, or a peer) runs once in each round: whatever else the
//!    machine does then is spread over all of them. A run that finds another number of invalid rows
//!    ends the benchmark: a fast wrong answer is no answer.
//! 3. [`table`] prints the medians.
//!
//! Others have a table of their own: [`python`] the Python package, [`process`] the verbs that process data, [`scan`] those that scan, [`store`] the store, [`broker`] the broker,
//! [`kernels`] the kernels, [`techniques`] what options turn off. [`regress`] counts instructions instead, to compare a change with what was
//! before it.
//!
//! Tamis is timed as a whole process. A peer times itself, without the start of Python and its imports.

mod broker;
mod contender;
mod data;
mod goal;
mod kernels;
mod process;
mod python;
pub(crate) mod regress;
mod scan;
mod sources;
mod store;
mod table;
mod techniques;
mod whole;

use std::fs;
use std::path::Path;

use crate::Result;
use crate::command::{build_binary, output, program, root};
use crate::options::Options;
use crate::python::Python;
use contender::{Contender, Sample};
use data::Data;

/// About a gigabyte.
const ROWS: u64 = 15_000_000;

/// The peers: the tool and its script.
const PEERS: [(&str, &str); 4] = [
    ("polars expressions", "benches/peers/polars_expressions.py"),
    ("duckdb SQL", "benches/peers/duckdb_sql.py"),
    ("pandera", "benches/peers/pandera_schema.py"),
    ("pydantic", "benches/peers/pydantic_rows.py"),
];

/// A benchmark with a table of its own.
type Other = fn(&Options) -> Result<bool>;

/// Benchmarks by their option.
const OTHERS: [(&str, Other); 7] = [
    ("python", python::run),
    ("process", process::run),
    ("scan", scan::run),
    ("store", store::run),
    ("broker", broker::run),
    ("kernels", kernels::run),
    ("techniques", techniques::run),
];

pub(crate) fn run(options: &Options) -> Result<bool> {
    if options.has("regress") {
        return regress::run(options.has("write"));
    }
    for (name, run) in OTHERS {
        if options.has(name) {
            return run(options);
        }
    }
    let rows = options.number("rows", ROWS)?;
    let rounds = options.number("rounds", 5usize)?.max(1);
    build_binary()?;
    let data = Data::generate(rows)?;
    let small = Data::generate(10)?;

    let mut contenders = contender::tamis(&data);
    contenders.push(contender::start_up(&small));
    if options.has("peers") {
        let python = Python::with("peers-python", Path::new("benches/peers/requirements.txt"))?;
        let csv = data.as_csv();
        let peer = |(name, script)| contender::script(&python, name, script, &[], &csv);
        contenders.extend(PEERS.map(peer));
    }
    let samples = measure(&contenders, rounds)?;

    let setting = format!(
        "{} {} transactions, {} of them invalid; CSV {:.0} MB, JSON lines {:.0} MB, in the page cache. \
         Medians of {rounds} interleaved rounds.",
        machine()?,
        data.rows,
        data.invalid,
        data.csv_bytes as f64 / 1e6,
        data.jsonl_bytes as f64 / 1e6,
    );
    let text = format!("{setting}\n\n{}", table::render(&contenders, &samples));
    publish(&text, options, "bench")
}

/// Prints the tables, and puts them between the markers called `marker` if a file is to have them.
fn publish(text: &str, options: &Options, marker: &str) -> Result<bool> {
    print(text);
    if let Some(path) = options.text("write") {
        replace_between_markers(&root().join(path), text, marker)?;
    }
    Ok(true)
}

/// The samples of each contender, a round at a time.
fn measure(contenders: &[Contender], rounds: usize) -> Result<Vec<Vec<Sample>>> {
    let mut samples = vec![Vec::new(); contenders.len()];
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        for (contender, samples) in contenders.iter().zip(&mut samples) {
            // What takes half a minute is not made more exact by more runs.
            if samples
                .first()
                .is_some_and(|first: &Sample| first.seconds > 20.0)
            {
                continue;
            }
            let sample = contender.run()?;
            eprintln!("  {:48} {:.3} s", contender.name(), sample.seconds);
            samples.push(sample);
        }
    }
    Ok(samples)
}

/// When and on what the numbers were taken.
fn machine() -> Result<String> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown CPU", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let date = output(program("date").args(["-u", "+%F"]))?;
    let commit = output(program("git").args(["rev-parse", "--short", "HEAD"]))?;
    Ok(format!("{date}, commit {commit}, {model}, {cores} cores."))
}

/// Replaces what lies between the lines `<!-- MARKER:begin -->` and `<!-- MARKER:end -->`.
fn replace_between_markers(path: &Path, text: &str, marker: &str) -> Result<()> {
    let begin = format!("<!-- {marker}:begin -->\n");
    let end = format!("<!-- {marker}:end -->\n");
    let error = |reason: &str| format!("{}: {reason}", path.display());
    let old = fs::read_to_string(path).map_err(|e| error(&e.to_string()))?;
    let parts = old.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before, after))
    });
    let (before, after) = parts.ok_or_else(|| error(&format!("has no {marker} markers")))?;
    let new = format!("{before}{begin}{text}\n{end}{after}");
    fs::write(path, new).map_err(|e| error(&e.to_string()))
}

/// The tables are data: they go to standard output.
#[expect(clippy::print_stdout, reason = "this is the output of the command")]
fn print(text: &str) {
    println!("{text}");
}
