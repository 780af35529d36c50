//! `cargo xtask bench --kernels`: every kernel with every instruction set, as criterion times it.
//!
//! Criterion leaves its medians as JSON below `target/criterion`; this is the table of them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{machine, publish};
use crate::Result;
use crate::command::{cargo, require, target};
use crate::options::Options;

/// Instruction sets, slowest first.
const SETS: [&str; 3] = ["scalar", "avx2", "avx512"];

/// What a benchmark counts in a pass, and the nanoseconds of one.
#[derive(Clone, Debug)]
struct Timing {
    function: String,
    /// Bytes or rows, and which of them.
    amount: (f64, &'static str),
    nanoseconds: f64,
}

pub(super) fn run(options: &Options) -> Result<bool> {
    let folder = target().join("criterion");
    // Kernels that are no more would be in the table.
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    require(&mut cargo("bench --package tamis-engine --bench kernel"))?;
    let groups = read(&folder)?;
    let mut text = format!(
        "{} 64 KiB in the first-level caches, one core; medians of criterion.\n\n",
        machine()?
    );
    push_kernels(&mut text, &groups);
    push_layout(&mut text, &groups);
    publish(text.trim_end(), options, "kernel-bench")
}

/// The timings of each group.
fn read(folder: &Path) -> Result<BTreeMap<String, Vec<Timing>>> {
    let mut groups: BTreeMap<String, Vec<Timing>> = BTreeMap::new();
    for group in folders(folder)? {
        for function in folders(&group)? {
            let [benchmark, estimates] = ["benchmark.json", "estimates.json"]
                .map(|name| json(&function.join("new").join(name)));
            // Folders of reports have none.
            let (Ok(benchmark), Ok(estimates)) = (benchmark, estimates) else {
                continue;
            };
            let text = |name: &str| benchmark[name].as_str().unwrap_or_default().to_owned();
            let throughput = &benchmark["throughput"];
            let amount = match throughput["Bytes"].as_f64() {
                Some(bytes) => (bytes, "B"),
                None => (throughput["Elements"].as_f64().unwrap_or(f64::NAN), "rows"),
            };
            groups.entry(text("group_id")).or_default().push(Timing {
                function: text("function_id"),
                amount,
                nanoseconds: estimates["median"]["point_estimate"]
                    .as_f64()
                    .unwrap_or(f64::NAN),
            });
        }
    }
    Ok(groups)
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(paths.filter(|path| path.is_dir()).collect())
}

fn json(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// One row for each kernel.
fn push_kernels(text: &mut String, groups: &BTreeMap<String, Vec<Timing>>) {
    text.push_str(
        "| kernel | scalar | AVX2 | AVX-512 | best beside scalar |\n|---|---|---|---|---|\n",
    );
    for (name, timings) in groups.iter().filter(|(name, _)| *name != "layout") {
        let of = |set: &str| timings.iter().find(|timing| timing.function == set);
        let [scalar, avx2, avx512] =
            SETS.map(|set| of(set).map_or_else(|| "-".to_owned(), Timing::rate));
        let best = timings
            .iter()
            .map(|timing| timing.nanoseconds)
            .min_by(f64::total_cmp);
        let gain = match (of("scalar"), best) {
            (Some(scalar), Some(best)) => format!("{:.1} x", scalar.nanoseconds / best),
            _ => "-".to_owned(),
        };
        writeln!(text, "| `{name}` | {scalar} | {avx2} | {avx512} | {gain} |")
            .expect("a string takes everything");
    }
}

/// The rules of four columns, record by record and column by column.
fn push_layout(text: &mut String, groups: &BTreeMap<String, Vec<Timing>>) {
    let Some(timings) = groups.get("layout") else {
        return;
    };
    let mut timings = timings.clone();
    timings.sort_by(|a, b| b.nanoseconds.total_cmp(&a.nanoseconds));
    let Some(records) = timings
        .iter()
        .find(|timing| timing.function == "records")
        .map(|timing| timing.nanoseconds)
    else {
        return;
    };
    text.push_str("\nThe rules of four columns, record by record and column by column:\n\n| | rate | beside records |\n|---|---|---|\n");
    for timing in &timings {
        let gain = records / timing.nanoseconds;
        writeln!(
            text,
            "| {} | {} | {gain:.1} x |",
            timing.function,
            timing.rate()
        )
        .expect("a string takes everything");
    }
}

impl Timing {
    /// `12.3 GB/s` or `456 M rows/s`.
    fn rate(&self) -> String {
        let (amount, unit) = self.amount;
        // Per nanosecond is giga per second.
        let giga = amount / self.nanoseconds;
        match unit {
            "B" => format!("{giga:.1} GB/s"),
            _ => format!("{:.0} M rows/s", giga * 1e3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(function: &str, amount: (f64, &'static str), nanoseconds: f64) -> Timing {
        Timing {
            function: function.to_owned(),
            amount,
            nanoseconds,
        }
    }

    #[test]
    fn the_table_has_a_row_for_each_kernel() {
        let bytes = (65_536.0, "B");
        let rows = (1000.0, "rows");
        let groups = BTreeMap::from([
            (
                "index".to_owned(),
                vec![
                    timing("avx2", bytes, 10_000.0),
                    timing("scalar", bytes, 80_000.0),
                ],
            ),
            (
                "layout".to_owned(),
                vec![
                    timing("records", rows, 4000.0),
                    timing("columns avx2", rows, 1000.0),
                ],
            ),
        ]);
        let mut text = String::new();
        push_kernels(&mut text, &groups);
        push_layout(&mut text, &groups);
        assert!(
            text.contains("| `index` | 0.8 GB/s | 6.6 GB/s | - | 8.0 x |"),
            "{text}"
        );
        assert!(
            text.contains("| columns avx2 | 1000 M rows/s | 4.0 x |"),
            "{text}"
        );
        assert!(!text.contains("`layout`"), "{text}");
    }
}
