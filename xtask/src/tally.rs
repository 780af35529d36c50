//! What `cargo xtask test` counts: tests one by one, every other step as one.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::Result;
use crate::command::{cargo, watch};

/// Tests and steps that passed, and what failed.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: u64,
    skipped: u64,
    failed: Vec<String>,
    /// Time in pytest.
    elapsed: Duration,
}

impl Tally {
    /// Counts a step as one.
    pub(crate) fn step(&mut self, name: &str, outcome: Result<bool>) {
        match outcome {
            Ok(true) => self.passed += 1,
            Ok(false) => self.failed.push(name.to_owned()),
            Err(reason) => self.failed.push(format!("{name}: {reason}")),
        }
    }

    /// Runs `cargo test` and counts its tests; fewer than `least` of them is a failure too, because
    /// a filter that fits nothing passes.
    pub(crate) fn tests(
        &mut self,
        name: &str,
        arguments: &str,
        environment: &[(&str, &str)],
        least: u64,
    ) {
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

    /// Notes that a step could not even begin.
    pub(crate) fn fail(&mut self, name: &str, reason: &str) {
        self.failed.push(format!("{name}: {reason}"));
    }

    /// Runs pytest and counts its tests. That none ran is a failure.
    pub(crate) fn pytest(&mut self, name: &str, command: &mut Command) {
        let mut sum = PytestSum::default();
        let mut failed = Vec::new();
        let start = Instant::now();
        let outcome = watch(command, |line| {
            if let Some(test) = pytest_failure(line) {
                failed.push(format!("{name}: {test}"));
            } else if let Some(counts) = pytest_sum(line) {
                sum = counts;
            }
        });
        self.elapsed += start.elapsed();
        self.passed += sum.passed;
        self.skipped += sum.skipped;
        match outcome {
            Err(reason) => failed.push(format!("{name}: {reason}")),
            Ok(false) if failed.is_empty() => failed.push(format!("{name}: pytest failed")),
            Ok(true) if sum.passed == 0 => failed.push(format!("{name}: no test ran")),
            Ok(_) => {}
        }
        self.failed.append(&mut failed);
    }

    /// Tests and steps that ran.
    pub(crate) fn count(&self) -> u64 {
        self.passed + self.failed.len() as u64
    }

    /// How long pytest ran in all.
    pub(crate) fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Says what came of it; whether all is well.
    pub(crate) fn finish(&self) -> bool {
        for failure in &self.failed {
            eprintln!("FAILED: {failure}");
        }
        let skipped = match self.skipped {
            0 => String::new(),
            count => format!(", {count} skipped"),
        };
        eprintln!(
            "{} passed, {} failed{skipped}",
            self.passed,
            self.failed.len()
        );
        self.failed.is_empty()
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

/// What the last line of pytest counts.
#[derive(Debug, Default, PartialEq, Eq)]
struct PytestSum {
    passed: u64,
    skipped: u64,
}

/// The sum, if `line` is the last one: `3 failed, 12 passed, 1 skipped in 0.52s`.
fn pytest_sum(line: &str) -> Option<PytestSum> {
    let (counts, seconds) = line.trim_matches(['=', ' ']).rsplit_once(" in ")?;
    if !seconds.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut sum = PytestSum::default();
    for count in counts.split(", ") {
        let (number, word) = count.split_once(' ')?;
        let number: u64 = number.parse().ok()?;
        match word {
            "passed" => sum.passed = number,
            "skipped" => sum.skipped = number,
            _ => {}
        }
    }
    Some(sum)
}

/// The test that failed: `FAILED python/tests/test_a.py::test_b - assert 1 == 2`, or `ERROR` in its set-up.
fn pytest_failure(line: &str) -> Option<&str> {
    let rest = line
        .strip_prefix("FAILED ")
        .or_else(|| line.strip_prefix("ERROR "))?;
    Some(rest.split(" - ").next().unwrap_or(rest))
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

    #[test]
    fn lines_of_pytest_are_understood() {
        let sum = |passed, skipped| Some(PytestSum { passed, skipped });
        assert_eq!(pytest_sum("12 passed in 0.52s"), sum(12, 0));
        let long = "==== 3 failed, 12 passed, 1 skipped, 2 warnings in 65.02s (0:01:05) ====";
        assert_eq!(pytest_sum(long), sum(12, 1));
        assert_eq!(pytest_sum("a word in 3 places"), None);
        assert_eq!(pytest_sum("no tests ran in 0.01s"), None);
        let failure = "FAILED python/tests/test_a.py::test_b - assert 1 == 2";
        assert_eq!(
            pytest_failure(failure),
            Some("python/tests/test_a.py::test_b")
        );
        assert_eq!(pytest_failure("..F."), None);
    }
}
