//! `cargo xtask bench --kernels`: every kernel with every instruction set, as criterion times it; and the parts of the store.
//!
//! Criterion leaves its medians as JSON below `target/criterion`; these are tables of them.

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

/// Benchmarks of what is no kernel, each with a table: what it is of, the package, its name, and what it counts if not bytes.
const PARTS: [(&str, &str, &str, &str); 3] = [
    (
        "The chunker of the store",
        "tamis-store",
        "chunker",
        "bytes",
    ),
    ("The index of the store", "tamis-store", "index", "ids"),
    (
        "The page cache, times of one read",
        "tamis-engine",
        "page_cache",
        "bytes",
    ),
];

/// What a benchmark counts in a pass, and the nanoseconds of one.
#[derive(Clone, Debug)]
struct Timing {
    function: String,
    /// Bytes or rows, and which of them.
    amount: (f64, &'static str),
    nanoseconds: f64,
}

pub(super) fn run(options: &Options) -> Result<bool> {
    let groups = measure("tamis-engine", "kernel", "rows")?;
    let mut text = format!(
        "{} 64 KiB in the first-level caches, one core; medians of criterion.\n\n",
        machine()?
    );
    push_kernels(&mut text, &groups);
    push_layout(&mut text, &groups);
    for (title, package, bench, unit) in PARTS {
        push_part(&mut text, title, &measure(package, bench, unit)?);
    }
    publish(text.trim_end(), options, "kernel-bench")
}

/// Runs a benchmark; the timings of each group.
fn measure(
    package: &str,
    bench: &str,
    unit: &'static str,
) -> Result<BTreeMap<String, Vec<Timing>>> {
    let folder = target().join("criterion");
    // What another benchmark left, or this one when it had other groups, would be in the table.
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    require(&mut cargo(&format!(
        "bench --package {package} --bench {bench}"
    )))?;
    read(&folder, unit)
}

/// The timings of each group; what is not counted in bytes is counted in `unit`.
fn read(folder: &Path, unit: &'static str) -> Result<BTreeMap<String, Vec<Timing>>> {
    let mut groups: BTreeMap<String, Vec<Timing>> = BTreeMap::new();
    let mut left = folders(folder)?;
    while let Some(function) = left.pop() {
        let [benchmark, estimates] =
            ["benchmark.json", "estimates.json"].map(|name| json(&function.join("new").join(name)));
        // Folders of groups and of reports have none.
        let (Ok(benchmark), Ok(estimates)) = (benchmark, estimates) else {
            left.extend(folders(&function)?);
            continue;
        };
        let text = |name: &str| benchmark[name].as_str();
        let throughput = &benchmark["throughput"];
        let amount = match throughput["Bytes"].as_f64() {
            Some(bytes) => (bytes, "B"),
            None => (throughput["Elements"].as_f64().unwrap_or(f64::NAN), unit),
        };
        let group = groups.entry(text("group_id").unwrap_or_default().to_owned());
        let names = ["function_id", "value_str"].map(text);
        group.or_default().push(Timing {
            function: names.into_iter().flatten().collect::<Vec<_>>().join(", "),
            amount,
            nanoseconds: estimates["median"]["point_estimate"]
                .as_f64()
                .unwrap_or(f64::NAN),
        });
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

/// A row for each function of each group, in the order of their names.
fn push_part(text: &mut String, title: &str, groups: &BTreeMap<String, Vec<Timing>>) {
    write!(
        text,
        "\n{title}:\n\n| | | time | rate |\n|---|---|---|---|\n"
    )
    .expect("a string takes everything");
    for (group, timings) in groups {
        let mut timings: Vec<_> = timings.iter().collect();
        timings.sort_by(|one, other| one.function.cmp(&other.function));
        let mut group = group.as_str();
        for timing in timings {
            let (function, time) = (&timing.function, timing.time());
            // What counts nothing has no rate.
            let rate = match timing.amount.0.is_nan() {
                true => String::new(),
                false => timing.rate(),
            };
            writeln!(text, "| {group} | {function} | {time} | {rate} |")
                .expect("a string takes everything");
            group = "";
        }
    }
}

impl Timing {
    /// `12.3 ms`.
    fn time(&self) -> String {
        match self.nanoseconds {
            short if short < 1e4 => format!("{short:.0} ns"),
            medium if medium < 1e7 => format!("{:.1} µs", medium / 1e3),
            long => format!("{:.1} ms", long / 1e6),
        }
    }

    /// `12.3 GB/s` or `456 M rows/s`.
    fn rate(&self) -> String {
        let (amount, unit) = self.amount;
        // Per nanosecond is giga per second.
        let giga = amount / self.nanoseconds;
        match unit {
            "B" => format!("{giga:.1} GB/s"),
            _ => format!("{:.0} M {unit}/s", giga * 1e3),
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

    #[test]
    fn a_part_has_a_row_for_each_function() {
        let groups = BTreeMap::from([(
            "hit".to_owned(),
            vec![
                timing("pread, 4 KiB", (4096.0, "B"), 500.0),
                timing("look up", (1e6, "ids"), 20e6),
                timing("open", (f64::NAN, "ids"), 20e3),
            ],
        )]);
        let mut text = String::new();
        push_part(&mut text, "The store", &groups);
        let rows: Vec<_> = text.lines().skip(5).collect();
        let expected = [
            "| hit | look up | 20.0 ms | 50 M ids/s |",
            "|  | open | 20.0 µs |  |",
            "|  | pread, 4 KiB | 500 ns | 8.2 GB/s |",
        ];
        assert_eq!(rows, expected, "{text}");
    }
}
