//! What a check found, as a value; its JSON; and its text for people ([`text`]).
//!
//! A [`Report`] says first of all what was checked: which inputs, which contract, how many rules
//! on how many rows, and which rules were not. Then what was found: exact counts by rule, a sample
//! of the violations in input order, every metric with its threshold. The check engine fills it,
//! everything else only reads it.
//!
//! The JSON is a promise to scripts, described field by field in `docs/report.md`: the names here
//! are the names there, in this order. Fields may be added; one that changes or goes raises
//! [`SCHEMA_VERSION`]. What does not apply is `null`, never left out.

mod metric;
mod note;
mod shown;
pub mod text;
mod violations;

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tamis_engine::pipeline::Stages;

pub use metric::{Expected, Measured, MetricReport};
pub use note::{Note, NoteKind};
pub(crate) use shown::shorten;
pub use shown::{SHOWN_CHARS_MAX, shown_value};
pub use violations::{RuleCount, Sample, Violations};

use crate::model::UncheckedRule;

/// Version of the JSON; grows when a field changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 1;

/// What a check found.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What was read, in the order of the run.
    pub inputs: Vec<InputReport>,
    /// What it was checked against.
    pub contract: ContractReport,
    /// How many rows there are, and how many are good.
    pub rows: Rows,
    /// Rules that were checked on every row, or on the whole.
    pub rules_checked: u64,
    /// Rules of the contract that were not.
    pub rules_not_checked: Vec<RuleNotChecked>,
    /// Exact counts of what was broken.
    pub violations: Violations,
    /// The first violations in input order, up to the limit of the run.
    pub samples: Vec<Sample>,
    /// Every threshold of the contract with what was measured.
    pub metrics: Vec<MetricReport>,
    /// What is no violation but good to know.
    pub notes: Vec<Note>,
    /// Files that the good and the bad rows went to.
    pub outputs: Vec<OutputReport>,
    /// Whether warnings fail the run like errors.
    pub strict: bool,
    /// Whether all rows were checked; `false` when the run stopped at its first violation.
    pub complete: bool,
    /// The verdict.
    pub passed: bool,
    /// How fast it went and what it took.
    pub performance: Performance,
}

/// One input of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct InputReport {
    /// Its name as the user gave it: a path, a URI, or `-`.
    pub name: String,
    /// How its records are written: `csv` or `jsonl`.
    pub format: String,
    /// How it is compressed (`gzip`, `zstd`, `lz4`), if it is.
    pub compression: Option<String>,
    /// Its size as stored.
    pub bytes: u64,
    /// Rows in it, good and bad.
    pub rows: u64,
    /// Rows in it with a violation of severity `error`.
    pub rows_invalid: u64,
}

/// The contract that was checked against.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct ContractReport {
    /// Identifier of the contract.
    pub id: String,
    /// Version of the contract.
    pub version: String,
    /// The object of the contract that describes the inputs.
    pub object: String,
    /// The file it was read from; `null` for a contract made in code.
    pub file: Option<String>,
}

/// Numbers of rows. A row is one data record: a CSV header, blank lines and comments are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Rows {
    /// All rows; `valid` and `invalid` add up to it.
    pub total: u64,
    /// Rows without a violation of severity `error`.
    pub valid: u64,
    /// Rows with at least one.
    pub invalid: u64,
}

/// A rule of the contract that was not checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct RuleNotChecked {
    /// Where it stands: `orders`, `orders.amount`, or empty for the contract as a whole.
    pub location: String,
    /// The rule in the contract's own word.
    pub rule: String,
    /// Why it was not checked.
    pub reason: String,
}

/// A file that rows were written to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct OutputReport {
    /// Which rows.
    pub kind: OutputKind,
    /// Its name as the user gave it.
    pub name: String,
    /// Rows in it.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
}

/// Which rows a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// Rows without an error.
    Good,
    /// Rows with one, each with its reasons.
    Bad,
}

/// How fast the run went and what it took.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Performance {
    /// Bytes checked, after decompression.
    pub bytes: u64,
    /// Wall-clock time of the check.
    pub seconds: f64,
    /// Rows a second.
    pub records_per_second: f64,
    /// Bytes a second, after decompression.
    pub bytes_per_second: f64,
    /// Worker threads.
    pub threads: usize,
    /// Instructions the kernels ran on: `scalar`, `avx2` or `avx512`.
    pub simd: String,
    /// How the inputs were read: `mmap`, `read`, `stream` or `memory`; `mixed` if it differed.
    pub io: String,
    /// The most physical memory the process has held; `null` where the system does not say.
    pub peak_rss_bytes: Option<u64>,
    /// Keys of `unique` rules that did not fit into memory.
    pub spilled_bytes: u64,
    /// Where the time went.
    pub stages: StageTimes,
}

/// Time in each stage, summed over the threads.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct StageTimes {
    /// Reading and decompressing streams, which one thread at a time does.
    pub read_seconds: f64,
    /// Reading files, finding records and judging them.
    pub map_seconds: f64,
    /// Workers waiting because the merge was behind.
    pub merge_wait_seconds: f64,
    /// Adding up and writing good and bad rows, on one thread.
    pub merge_seconds: f64,
    /// The stage to speed up first: `read`, `map` or `merge`.
    pub limiting: String,
}

impl StageTimes {
    /// The times of a run that took `elapsed` in all.
    pub fn new(stages: &Stages, elapsed: Duration) -> Self {
        // A stage of one thread that was busy most of the time held up the others.
        let is_limiting = |stage: Duration| stage.as_secs_f64() > 0.7 * elapsed.as_secs_f64();
        let limiting = match () {
            () if is_limiting(stages.merge) => "merge",
            () if is_limiting(stages.read) => "read",
            () => "map",
        };
        Self {
            read_seconds: stages.read.as_secs_f64(),
            map_seconds: stages.map.as_secs_f64(),
            merge_wait_seconds: stages.merge_wait.as_secs_f64(),
            merge_seconds: stages.merge.as_secs_f64(),
            limiting: limiting.to_owned(),
        }
    }
}

impl Report {
    /// Writes the JSON, indented, with a newline at the end.
    ///
    /// # Errors
    /// What `out` answers.
    pub fn write_json(&self, out: &mut dyn io::Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        out.write_all(b"\n")
    }

    /// The JSON as a string, as [`Self::write_json`] writes it.
    pub fn to_json(&self) -> String {
        let mut json = Vec::new();
        self.write_json(&mut json)
            .expect("memory can always be written");
        String::from_utf8(json).expect("JSON is UTF-8")
    }

    /// Reads what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// When it is no report, or one of another [`SCHEMA_VERSION`].
    pub fn from_json(json: &[u8]) -> serde_json::Result<Self> {
        let report: Self = serde_json::from_slice(json)?;
        match report.schema_version {
            SCHEMA_VERSION => Ok(report),
            other => Err(serde::de::Error::custom(format!(
                "a report of version {other}; this Tamis reads version {SCHEMA_VERSION}"
            ))),
        }
    }

    /// Whether a metric of severity `error` missed its threshold.
    pub fn has_failed_metric(&self) -> bool {
        self.metrics.iter().any(MetricReport::is_error)
    }
}

impl Performance {
    /// Fills in the rates of a run that checked `bytes` and `rows` in `seconds`.
    pub fn measured(bytes: u64, rows: u64, seconds: f64) -> Self {
        // A run too short to be timed is taken as a nanosecond, not as infinitely fast.
        let divisor = seconds.max(1e-9);
        Self {
            bytes,
            seconds,
            records_per_second: rows as f64 / divisor,
            bytes_per_second: bytes as f64 / divisor,
            ..Self::default()
        }
    }
}

impl From<&UncheckedRule> for RuleNotChecked {
    fn from(rule: &UncheckedRule) -> Self {
        Self {
            location: rule.location.clone(),
            rule: rule.rule.clone(),
            reason: rule.reason.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
