//! What is timed: a job of `tamis check` with its options, or a peer on the same file.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use super::data::{Csv, Data};
use crate::Result;
use crate::command::{program, target};
use crate::python::Python;

/// Something to run and the answer it must give.
#[derive(Debug)]
pub(super) struct Contender {
    pub(super) kind: Kind,
    /// The program with its arguments.
    command: Vec<std::ffi::OsString>,
    /// Bytes it reads.
    pub(super) bytes: u64,
    pub(super) rows: u64,
    invalid: u64,
}

/// Which table a contender is in, and its row there.
#[derive(Debug)]
pub(super) enum Kind {
    Tamis {
        job: Job,
        simd: &'static str,
        threads: usize,
        io: &'static str,
    },
    /// Ten rows: what a process costs.
    StartUp,
    /// `tamis check` beside the Python package.
    Binary,
    /// A script that times itself.
    Script { name: &'static str },
}

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    FullContract,
    OneNumber,
    Jsonl,
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) seconds: f64,
    pub(super) peak_rss_bytes: u64,
}

impl Job {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::FullContract => "full contract",
            Self::OneNumber => "one numeric rule",
            Self::Jsonl => "full contract, JSON lines",
        }
    }
}

/// Every job with every instruction set of this CPU, one and two threads, mapped and read.
pub(super) fn tamis(data: &Data) -> Vec<Contender> {
    let jobs = [
        (
            Job::FullContract,
            &data.csv,
            data.csv_bytes,
            &data.contract,
            data.invalid,
        ),
        (
            Job::OneNumber,
            &data.csv,
            data.csv_bytes,
            &data.amount_contract,
            data.invalid_amounts,
        ),
        (
            Job::Jsonl,
            &data.jsonl,
            data.jsonl_bytes,
            &data.contract,
            data.invalid,
        ),
    ];
    let mut contenders = Vec::new();
    for (job, file, bytes, contract, invalid) in jobs {
        for simd in instruction_sets() {
            for threads in [1, 2] {
                for io in ["mmap", "read"] {
                    let threads_text = threads.to_string();
                    let options = ["--simd", simd, "--threads", &threads_text, "--io", io];
                    contenders.push(Contender {
                        kind: Kind::Tamis {
                            job,
                            simd,
                            threads,
                            io,
                        },
                        command: check(file, contract, &options),
                        bytes,
                        rows: data.rows,
                        invalid,
                    });
                }
            }
        }
    }
    contenders
}

/// The full contract on a file of a few rows.
pub(super) fn start_up(data: &Data) -> Contender {
    Contender {
        kind: Kind::StartUp,
        command: check(&data.csv, &data.contract, &[]),
        bytes: data.csv_bytes,
        rows: data.rows,
        invalid: data.invalid,
    }
}

/// A script that checks the CSV file; it is given `arguments` before the file's name.
pub(super) fn script(
    python: &Python,
    name: &'static str,
    script: &str,
    arguments: &[&str],
    data: &Csv,
) -> Contender {
    let script = python.script(script);
    let words = [script.get_program()].into_iter().chain(script.get_args());
    let mut command: Vec<_> = words.map(ToOwned::to_owned).collect();
    command.extend(arguments.iter().map(Into::into));
    command.push(data.path.clone().into());
    Contender {
        kind: Kind::Script { name },
        command,
        bytes: data.bytes,
        rows: data.rows,
        invalid: data.invalid,
    }
}

/// The same of a validator of the Python package, which needs the contract as well.
pub(super) fn validator(python: &Python, name: &'static str, case: &str, data: &Csv) -> Contender {
    let mut contender = script(python, name, "benches/python/validators.py", &[case], data);
    contender.command.push(data.contract.clone().into());
    contender
}

/// `tamis check` as the Python package does it: two threads that read by position.
pub(super) fn binary(data: &Csv) -> Contender {
    let options = ["--io", "read"];
    Contender {
        kind: Kind::Binary,
        command: check(&data.path, &data.contract, &options),
        bytes: data.bytes,
        rows: data.rows,
        invalid: data.invalid,
    }
}

impl Contender {
    pub(super) fn name(&self) -> String {
        match &self.kind {
            Kind::Tamis {
                job,
                simd,
                threads,
                io,
            } => format!("{}, {simd}, {threads} threads, {io}", job.name()),
            Kind::StartUp => "ten rows".to_owned(),
            Kind::Binary => "tamis check --io read".to_owned(),
            Kind::Script { name } => (*name).to_owned(),
        }
    }

    /// Runs once.
    pub(super) fn run(&self) -> Result<Sample> {
        let (name, arguments) = self
            .command
            .split_first()
            .expect("a contender has a program");
        let mut command: Command = program(name);
        command
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stderr(Stdio::inherit());
        let start = Instant::now();
        let output = command
            .output()
            .map_err(|error| format!("{}: {error}", self.name()))?;
        let wall_seconds = start.elapsed().as_secs_f64();
        let report: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("{} ({}): {error}", self.name(), output.status))?;
        let (rows, invalid, seconds, peak_rss) = match self.kind {
            Kind::Script { .. } => (
                &report["rows"],
                &report["invalid"],
                report["seconds"].as_f64(),
                &report["peak_rss_bytes"],
            ),
            Kind::Tamis { .. } | Kind::StartUp | Kind::Binary => (
                &report["rows"]["total"],
                &report["rows"]["invalid"],
                Some(wall_seconds),
                &report["performance"]["peak_rss_bytes"],
            ),
        };
        if (rows.as_u64(), invalid.as_u64()) != (Some(self.rows), Some(self.invalid)) {
            let (expected_rows, expected_invalid) = (self.rows, self.invalid);
            return Err(format!(
                "{}: {invalid} of {rows} rows invalid, but {expected_invalid} of {expected_rows} are",
                self.name()
            ));
        }
        Ok(Sample {
            seconds: seconds
                .ok_or_else(|| format!("{} does not say how long it took", self.name()))?,
            peak_rss_bytes: peak_rss.as_u64().unwrap_or_default(),
        })
    }
}

/// The command of a check that answers in JSON.
fn check(file: &Path, contract: &Path, options: &[&str]) -> Vec<std::ffi::OsString> {
    let mut command = vec![
        target().join("release/tamis").into(),
        "check".into(),
        file.into(),
    ];
    command.extend(["--contract".into(), contract.into()]);
    command.extend(["--format", "json", "--quiet", "--perf"].map(Into::into));
    command.extend(options.iter().map(Into::into));
    command
}

/// What this CPU has, slowest first.
fn instruction_sets() -> Vec<&'static str> {
    let mut sets = vec!["scalar"];
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx2") {
            sets.push("avx2");
        }
        if is_x86_feature_detected!("avx512vbmi2") {
            sets.push("avx512");
        }
    }
    sets
}
