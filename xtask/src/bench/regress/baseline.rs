//! The committed counts, one line for each case, and what set they belong to.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use crate::Result;
use crate::command::{output, program, root};

/// More than so many percent above the baseline is a regression.
const TOLERANCE_PERCENT: u64 = 3;

/// Instructions by case, and the compiler whose code was counted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Baseline {
    compiler: String,
    counts: BTreeMap<String, u64>,
}

/// What the comparison of two says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Cases that take more than the tolerance allows, or that only one of the two has.
    pub(super) failures: Vec<String>,
    /// Cases that take so much less that the baseline should be renewed.
    pub(super) gains: Vec<String>,
}

impl Baseline {
    pub(super) fn of_this_build(counts: BTreeMap<String, u64>) -> Result<Self> {
        Ok(Self {
            compiler: compiler()?,
            counts,
        })
    }

    pub(super) fn read() -> Result<Self> {
        let path = path();
        let text =
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text).map_err(|line| format!("{}: cannot read `{line}`", path.display()))
    }

    pub(super) fn write(&self) -> Result<()> {
        fs::write(path(), self.to_text()).map_err(|error| format!("{}: {error}", path().display()))
    }

    fn parse(text: &str) -> std::result::Result<Self, &str> {
        let mut baseline = Self {
            compiler: String::new(),
            counts: BTreeMap::new(),
        };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.split_once('\t').ok_or(line)?;
            if name == "compiler" {
                value.clone_into(&mut baseline.compiler);
            } else {
                let count = value.parse().map_err(|_| line)?;
                baseline.counts.insert(name.to_owned(), count);
            }
        }
        Ok(baseline)
    }

    fn to_text(&self) -> String {
        let mut text = format!(
            "# Instructions of each case of the regression gate. Renew: cargo xtask bench --regress --write\n\
             compiler\t{}\n",
            self.compiler
        );
        for (name, count) in &self.counts {
            writeln!(text, "{name}\t{count}").expect("a string takes everything");
        }
        text
    }

    /// Why the counts of the two cannot be compared, if they cannot.
    pub(super) fn is_foreign_to(&self, other: &Self) -> Option<String> {
        (self.compiler != other.compiler).then(|| {
            format!(
                "the baseline was counted with `{}`, and this is `{}`: other code, so nothing is compared",
                self.compiler, other.compiler
            )
        })
    }

    /// Compares what was counted now with `self`.
    pub(super) fn judge(&self, now: &Self) -> Verdict {
        let mut verdict = Verdict::default();
        for (name, &count) in &now.counts {
            let Some(&before) = self.counts.get(name) else {
                verdict
                    .failures
                    .push(format!("{name}: is not in the baseline"));
                continue;
            };
            let change = count as f64 / before as f64 - 1.0;
            let line = format!("{name}: {count} instructions, {:+.1} %", change * 100.0);
            if count * 100 > before * (100 + TOLERANCE_PERCENT) {
                verdict.failures.push(line);
            } else if count * 100 < before * (100 - TOLERANCE_PERCENT) {
                verdict.gains.push(line);
            }
        }
        let gone = self
            .counts
            .keys()
            .filter(|name| !now.counts.contains_key(*name));
        verdict
            .failures
            .extend(gone.map(|name| format!("{name}: is in the baseline and did not run")));
        verdict
    }

    /// How many cases there are.
    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }
}

fn path() -> PathBuf {
    root().join("benches/instructions.tsv")
}

/// What makes the code: `rustc 1.95.0 (59807616e 2026-04-14), x86_64-unknown-linux-gnu`, and flags beyond the manifest's.
fn compiler() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let answer = output(program(rustc).arg("-vV"))?;
    let version = answer.lines().next().unwrap_or_default();
    let host = answer.lines().find_map(|line| line.strip_prefix("host: "));
    let mut compiler = format!("{version}, {}", host.unwrap_or_default());
    if let Some(flags) = std::env::var_os("RUSTFLAGS").filter(|flags| !flags.is_empty()) {
        write!(compiler, ", {}", flags.to_string_lossy()).expect("a string takes everything");
    }
    Ok(compiler)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(counts: &[(&str, u64)]) -> Baseline {
        Baseline {
            compiler: "rustc 1.95.0".to_owned(),
            counts: counts
                .iter()
                .map(|&(name, count)| (name.to_owned(), count))
                .collect(),
        }
    }

    #[test]
    fn three_percent_more_is_too_much() {
        let before = baseline(&[("a", 1000), ("b", 1000), ("c", 1000), ("gone", 1)]);
        let now = baseline(&[("a", 1030), ("b", 1031), ("c", 900), ("new", 1)]);
        let verdict = before.judge(&now);
        let failures = [
            "b: 1031 instructions, +3.1 %",
            "new: is not in the baseline",
            "gone: is in the baseline and did not run",
        ];
        assert_eq!(verdict.failures, failures);
        assert_eq!(verdict.gains, ["c: 900 instructions, -10.0 %"]);
    }

    #[test]
    fn the_file_says_what_was_counted() {
        let before = baseline(&[("index, avx2", 12), ("index, scalar", 345)]);
        let text = before.to_text();
        assert_eq!(Baseline::parse(&text), Ok(before));
        assert_eq!(Baseline::parse("a 1"), Err("a 1"));
        assert_eq!(Baseline::parse("a\tmany"), Err("a\tmany"));
    }

    #[test]
    fn another_compiler_is_another_code() {
        let before = baseline(&[("a", 1)]);
        let mut now = baseline(&[("a", 2)]);
        assert_eq!(before.is_foreign_to(&now), None);
        now.compiler.push_str(", -C target-cpu=native");
        let reason = before.is_foreign_to(&now).expect("they differ");
        assert!(reason.contains("target-cpu"), "{reason}");
    }
}
