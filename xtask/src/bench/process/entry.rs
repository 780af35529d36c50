//! Running the contenders, and holding their answers against each other.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::super::table::median;
use super::FOLDER;
use super::data::{Table, folder};
use super::task::{TASKS, Task};
use crate::Result;
use crate::command::{output, target};
use crate::python::Python;

/// The first is ours.
const CONTENDERS: [&str; 6] = [
    "tamis_cli.py",
    "parquet_crate.py",
    "polars_lazy.py",
    "duckdb_sql.py",
    "pyarrow_compute.py",
    "chdb_sql.py",
];

/// A peer that takes longer runs in the first round only: its figure is no more exact with more of them.
pub(super) const LONG_SECONDS: f64 = 5.0;

/// One contender at one task on one table.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) table: &'a Table,
    pub(super) task: &'static Task,
    script: &'static str,
    pub(super) threads: usize,
    pub(super) runs: Vec<Run>,
    /// Which peer could not do it, and why.
    pub(super) failure: Option<String>,
}

/// What a script says of itself.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) tool: String,
    seconds: f64,
    pub(super) peak_rss_bytes: u64,
    /// Rows of the table.
    answer: Value,
}

/// Everything there is to run, in the order of a round.
pub(super) fn entries<'a>(python: &Python, tables: &'a [Table]) -> Result<Vec<Entry<'a>>> {
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
        for task in &TASKS {
            for script in CONTENDERS {
                if !known[script].iter().any(|name| name == task.name) {
                    continue;
                }
                let threads: &[usize] = match script == CONTENDERS[0] && task.scales {
                    true => &[2, 1],
                    false => &[2],
                };
                entries.extend(threads.iter().map(|&threads| Entry {
                    table,
                    task,
                    script,
                    threads,
                    runs: Vec::new(),
                    failure: None,
                }));
            }
        }
    }
    Ok(entries)
}

/// One round.
pub(super) fn run_once(python: &Python, entries: &mut [Entry<'_>]) -> Result<()> {
    for entry in &mut *entries {
        let first = entry.runs.first();
        let is_long = first.is_some_and(|run| run.seconds > LONG_SECONDS);
        if !entry.is_tamis() && (is_long || entry.failure.is_some()) {
            continue;
        }
        let run = match entry.run(python)? {
            Ok(run) => run,
            Err(reason) => {
                let (table, task) = (entry.table.name, entry.task.name);
                eprintln!("  {table:12} {task:13} {reason}");
                entry.failure = Some(reason);
                continue;
            }
        };
        eprintln!(
            "  {:12} {:13} {:16} {} threads {:8.3} s {:6.0} MB",
            entry.table.name,
            entry.task.name,
            run.tool,
            entry.threads,
            run.seconds,
            run.peak_rss_bytes as f64 / 1e6,
        );
        entry.runs.push(run);
    }
    compare(entries)
}

impl Entry<'_> {
    pub(super) fn is_tamis(&self) -> bool {
        self.script == CONTENDERS[0]
    }

    /// Runs once; a peer may say that it cannot.
    fn run(&self, python: &Python) -> Result<std::result::Result<Run, String>> {
        let input = self.table.path(self.task.input);
        warm(input)?;
        let result = result_path()?;
        let mut command = contender(python, self.script);
        command
            .args([self.task.name, self.table.name])
            .arg(input)
            .arg(&result);
        command
            .arg(self.threads.to_string())
            .stderr(Stdio::inherit());
        let printed = output(&mut command)?;
        // The next one finds no old file to replace.
        let _ = fs::remove_file(&result);
        let report: Value = serde_json::from_str(&printed)
            .map_err(|error| format!("{} {}: {error}", self.script, self.task.name))?;
        let text = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
        if let Some(reason) = report["failed"].as_str() {
            return Ok(Err(reason.to_owned()));
        }
        Ok(Ok(Run {
            tool: format!("{} {}", text("tool"), text("version")),
            seconds: report["seconds"].as_f64().unwrap_or(f64::NAN),
            peak_rss_bytes: report["peak_rss_bytes"].as_u64().unwrap_or_default(),
            answer: report["answer"].clone(),
        }))
    }

    pub(super) fn seconds(&self) -> f64 {
        median(self.runs.iter().map(|run| run.seconds).collect())
    }
}

/// A script, ready to be given its arguments.
pub(super) fn contender(python: &Python, script: &str) -> Command {
    let mut command = python.script(&format!("{FOLDER}/{script}"));
    command.env("TAMIS", target().join("release/tamis"));
    command.env("DECODE", target().join("release/examples/decode"));
    command
}

/// Reads a file through: a system that reclaims memory has let go of what was not read for a while.
fn warm(path: &Path) -> Result<()> {
    let read = fs::File::open(path).and_then(|mut file| io::copy(&mut file, &mut io::sink()));
    read.map(drop)
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// Where results are written.
fn result_path() -> Result<PathBuf> {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        memory.to_owned()
    } else {
        folder()?
    };
    Ok(folder.join(format!("tamis-bench-{}.out", std::process::id())))
}

/// All contenders give one answer to each task.
fn compare(entries: &[Entry<'_>]) -> Result<()> {
    for entry in entries {
        let is_same_task = |other: &&Entry<'_>| {
            (other.table.name, other.task.name) == (entry.table.name, entry.task.name)
        };
        let first = entries.iter().find(is_same_task).unwrap_or(entry);
        let (Some(run), Some(expected)) = (entry.runs.last(), first.runs.last()) else {
            continue;
        };
        if !is_equal(&run.answer, &expected.answer) {
            let (task, table) = (entry.task.name, entry.table.name);
            return Err(format!(
                "{task} of {table}: {} answers {}, and {} answers {}",
                run.tool, run.answer, expected.tool, expected.answer
            ));
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
