//! `cargo xtask bench --techniques`: what each technique gains on a check of a gigabyte, for `docs/concepts.md`.
//!
//! Every technique that can be left out by an option is: two command lines that differ in it alone, in interleaved rounds.

use std::fmt::Write;

use serde_json::Value;

use super::data::Csv;
use super::table::median;
use super::{machine, publish};
use crate::Result;
use crate::command::{build_binary, program, target};
use crate::options::Options;

/// About a gigabyte.
const ROWS: u64 = 15_600_000;

/// A technique, the options without it, and those with it. `{half}` is half of the input, in bytes.
const TECHNIQUES: [(&str, &str, &str); 8] = [
    (
        "SIMD (the best set of the CPU beside plain loops)",
        "--threads 1 --io read --simd scalar",
        "--threads 1 --io read",
    ),
    (
        "AVX-512 beside AVX2",
        "--threads 1 --io read --simd avx2",
        "--threads 1 --io read --simd avx512",
    ),
    (
        "a second thread",
        "--threads 1 --io read",
        "--threads 2 --io read",
    ),
    (
        "chunks claimed one by one beside one half of the file for each thread",
        // A longer chunk than the longest record is searched for one that is too long.
        "--threads 2 --io mmap --chunk-size {half} --max-record 64GB",
        "--threads 2 --io mmap",
    ),
    (
        "mapped file, one thread",
        "--threads 1 --io read",
        "--threads 1 --io mmap",
    ),
    (
        "mapped file, two threads",
        "--threads 2 --io read",
        "--threads 2 --io mmap",
    ),
    (
        "chunks of 512 KiB, which stay in the cache, beside 16 MiB",
        "--threads 2 --io read --chunk-size 16MiB",
        "--threads 2 --io read",
    ),
    (
        "chunks of 512 KiB beside 16 KiB",
        "--threads 2 --io read --chunk-size 16KiB",
        "--threads 2 --io read",
    ),
];

/// What a run took.
#[derive(Clone, Copy, Debug)]
struct Run {
    seconds: f64,
    /// Of all threads, as the system counts it: what a busy machine cannot take away.
    cpu_seconds: f64,
    peak_rss_bytes: f64,
}

pub(super) fn run(options: &Options) -> Result<bool> {
    let rows = options.number("rows", ROWS)?;
    let rounds = options.number("rounds", 5usize)?.max(1);
    build_binary()?;
    let data = Csv::generate(rows)?;
    let mut runs = vec![(Vec::new(), Vec::new()); TECHNIQUES.len()];
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        for ((_, without, with), (without_runs, with_runs)) in TECHNIQUES.iter().zip(&mut runs) {
            without_runs.push(check(&data, without)?);
            with_runs.push(check(&data, with)?);
        }
    }
    let mut text = format!(
        "{} A check of {rows} transactions ({:.0} MB) in the page cache against their full contract; medians of {rounds} \
         interleaved rounds.\n\n\
         | technique | time without | with | gain | CPU time | peak memory |\n|---|---|---|---|---|---|\n",
        machine()?,
        data.bytes as f64 / 1e6,
    );
    for ((name, ..), (without, with)) in TECHNIQUES.iter().zip(&runs) {
        let middle =
            |runs: &[Run], figure: fn(&Run) -> f64| median(runs.iter().map(figure).collect());
        let both = |figure| (middle(without, figure), middle(with, figure));
        let (seconds, cpu) = (both(|run| run.seconds), both(|run| run.cpu_seconds));
        let peak = both(|run| run.peak_rss_bytes / 1e6);
        writeln!(
            text,
            "| {name} | {:.3} s | {:.3} s | {:.2} x | {:.2} to {:.2} s | {:.0} to {:.0} MB |",
            seconds.0,
            seconds.1,
            seconds.0 / seconds.1,
            cpu.0,
            cpu.1,
            peak.0,
            peak.1,
        )
        .expect("a string takes everything");
    }
    publish(text.trim_end(), options, "techniques")
}

/// Runs a check with these options in the process that measures itself for `tamis bench`.
fn check(data: &Csv, options: &str) -> Result<Run> {
    let figures = data.path.with_extension("figures.json");
    let half = (data.bytes / 2).to_string();
    let mut command = program(target().join("release/tamis"));
    command
        .arg("measure")
        .arg(&figures)
        .arg("check")
        .arg(&data.path);
    command
        .arg("--contract")
        .arg(&data.contract)
        .args(["--quiet", "--json"]);
    command.args(
        options
            .split(' ')
            .map(|word| if word == "{half}" { &half } else { word }),
    );
    let output = command
        .output()
        .map_err(|error| format!("tamis check: {error}"))?;
    let report: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("tamis check {options} ({}): {error}", output.status))?;
    if report["rows"]["invalid"].as_u64() != Some(data.invalid) {
        return Err(format!(
            "tamis check {options}: another number of invalid rows than {}",
            data.invalid
        ));
    }
    let text = std::fs::read_to_string(&figures)
        .map_err(|error| format!("{}: {error}", figures.display()))?;
    let report: Value =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", figures.display()))?;
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    Ok(Run {
        seconds: number(&report["seconds"]),
        cpu_seconds: number(&report["events"]["cpu_ns"]) / 1e9,
        peak_rss_bytes: number(&report["peak_rss_bytes"]),
    })
}
