//! `cargo xtask bench --regress`: does any case take more instructions than before?
//!
//! 1. Every kernel runs once over 64 KiB (`crates/engine/benches/kernel/cases.rs`), and every line of [`VERBS`] once
//!    over some thousand generated rows, with one thread and a named instruction set, under [`callgrind`].
//! 2. The counts are compared with the [`baseline`]: a case that takes 3 % more fails, and so does one that only one side
//!    has. `--write` makes them the new baseline, to be committed with the change that explains them.
//!
//! Instructions are not time: a loop can take fewer of them and wait for memory. But they are the same in every run, which no
//! time on a shared machine is, and so small a change as 3 % can be held against a commit. What varies, measured:
//!
//! - from run to run, the kernels not at all, and whole runs by less than 0.1 % (the standard library seeds its hash
//!   tables at random);
//! - from CPU to CPU, glibc's choice of `memcpy` and its like: 1.30 M to 1.07 M instructions of a check of 26.57 M. They
//!   are not counted (see [`callgrind`]), and our own stayed within 0.1 % with each choice;
//! - from compiler to compiler, everything. The baseline names its compiler, and with another nothing is compared.

mod baseline;
mod callgrind;
mod inputs;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::data::Data;
use super::print;
use crate::Result;
use crate::command::{build_binary, cargo, output, target};
use baseline::Baseline;
use callgrind::Program;

/// Instruction sets to count: valgrind knows no AVX-512.
const LEVELS: [&str; 2] = ["scalar", "avx2"];

/// Beside so many rows the start of the process is 5 %.
const ROWS: u64 = 40_000;

/// Whole runs: a name and the arguments of `tamis`. `{csv}`, `{jsonl}` and their like are the generated files.
///
/// A new verb gets a line here, and so does a way through a verb that others do not take.
const VERBS: [(&str, &str); 20] = [
    ("check csv", "check {csv} --contract {contract} --json"),
    ("check jsonl", "check {jsonl} --contract {contract} --json"),
    (
        "check parquet",
        "check {parquet} --contract {contract} --json",
    ),
    (
        "check protobuf",
        "check {messages} --proto {schema} --contract {contract} --json",
    ),
    ("check ten rows", "check {ten} --contract {contract} --json"),
    ("infer csv", "infer {csv}"),
    ("filter csv", "filter {csv} --where country=='DE'"),
    (
        "filter csv, expression",
        "filter {csv} --where double(amount)*1.19>500.0&&!memo.contains('rent')||country.startsWith('D')",
    ),
    (
        "convert csv, columns",
        "convert {csv} - --columns country,amount,memo",
    ),
    (
        "convert csv to jsonl",
        "convert {csv} - --output-format jsonl",
    ),
    ("sort csv", "sort {csv} --by country,transaction_id"),
    ("group csv", "group {csv} --by country"),
    ("stats csv", "stats {csv}"),
    ("stats csv, core", "stats {csv} --core"),
    ("search csv, literal", "search -n ,DE, {csv}"),
    ("search csv, without case", "search -i -c rent {csv}"),
    (
        "search csv, classes",
        "search -c [A-Z][A-Z],[a-z]{3,} {csv}",
    ),
    ("search csv, fields", "search -o -n [0-9]+[.][0-9]+ {csv}"),
    ("count csv", "count {csv}"),
    ("logs", "logs --json {access_log}"),
];

/// Counts and compares, or makes what was counted the baseline; whether no case takes more than it may.
pub(crate) fn run(write: bool) -> Result<bool> {
    if !has_avx2() {
        print("Not counted: the baseline is of x86-64 with AVX2, which this CPU has not.");
        return Ok(true);
    }
    callgrind::require_valgrind()?;
    let mut counts = BTreeMap::new();
    count_kernels(&mut counts)?;
    count_verbs(&mut counts)?;
    let now = Baseline::of_this_build(counts)?;
    if write {
        now.write()?;
        print(&format!(
            "The counts of {} cases are the baseline.",
            now.len()
        ));
        return Ok(true);
    }
    let before = Baseline::read()?;
    if let Some(reason) = before.is_foreign_to(&now) {
        print(&format!("Not compared: {reason}."));
        return Ok(true);
    }
    let verdict = before.judge(&now);
    for line in &verdict.gains {
        print(&format!("fewer: {line}"));
    }
    for line in &verdict.failures {
        print(&format!("more: {line}"));
    }
    let (cases, failures) = (now.len(), verdict.failures.len());
    print(&format!(
        "{cases} cases counted, {failures} beyond the baseline."
    ));
    if failures + verdict.gains.len() > 0 {
        print("If the change is worth it: cargo xtask bench --regress --write");
    }
    Ok(failures == 0)
}

/// Each kernel with each instruction set.
fn count_kernels(counts: &mut BTreeMap<String, u64>) -> Result<()> {
    let bench = build_bench("tamis-engine", "kernel")?;
    for level in LEVELS {
        let program = Program {
            path: &bench,
            arguments: ["--once", level].map(ToOwned::to_owned).to_vec(),
            function: Some("kernel::measured"),
        };
        let (names, instructions) = program.count(&folder())?;
        let names: Vec<_> = names.lines().collect();
        if names.len() != instructions.len() {
            let (calls, names) = (instructions.len(), names.len());
            return Err(format!(
                "callgrind saw {calls} calls of `measured` for {names} kernels"
            ));
        }
        for (name, count) in names.iter().zip(instructions) {
            counts.insert(format!("kernel {name}, {level}"), count);
        }
    }
    Ok(())
}

/// Each line of [`VERBS`] with each instruction set.
fn count_verbs(counts: &mut BTreeMap<String, u64>) -> Result<()> {
    build_binary()?;
    let data = Data::generate(ROWS)?;
    let binary = target().join("release/tamis");
    let [messages, schema] = inputs::protobuf(&data)?;
    let files = [
        ("{parquet}", inputs::parquet(&binary, &data)?),
        ("{access_log}", inputs::access_log(&binary, &data)?),
        ("{messages}", messages),
        ("{schema}", schema),
        ("{csv}", data.csv),
        ("{jsonl}", data.jsonl),
        ("{contract}", data.contract),
        ("{ten}", Data::generate(10)?.csv),
    ];
    for (name, arguments) in VERBS {
        for level in LEVELS {
            let shared =
                format!("{arguments} --threads 1 --io read --progress never --simd {level}");
            let file = |word: &str| {
                let found = files.iter().find(|(key, _)| *key == word);
                found.map_or_else(|| word.to_owned(), |(_, path)| path.display().to_string())
            };
            let program = Program {
                path: &binary,
                arguments: shared.split(' ').map(file).collect(),
                function: None,
            };
            let (_, instructions) = program.count(&folder())?;
            counts.insert(format!("{name}, {level}"), instructions.iter().sum());
        }
    }
    Ok(())
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx2() -> bool {
    false
}

/// Where callgrind writes.
fn folder() -> PathBuf {
    target().join("regress")
}

/// Builds a benchmark as it is timed, without running it; the program.
fn build_bench(package: &str, bench: &str) -> Result<PathBuf> {
    let arguments = format!(
        "build --release --package {package} --bench {bench} --message-format json-render-diagnostics"
    );
    let messages = output(&mut cargo(&arguments))?;
    let artifacts = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let executable = artifacts
        .filter(|message| message["target"]["name"] == bench)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    executable.ok_or_else(|| format!("cargo does not say where the benchmark `{bench}` is"))
}
