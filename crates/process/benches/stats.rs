//! What each kind of column costs `tamis stats`: one core, values in the cache, the core set and everything.
//!
//! `cargo bench -p tamis-process --bench stats`. A table has one column and about 4 MiB; a chunk of it stays in the cache. Columns with
//! few values measure the dictionary, those with many the loops of a spread.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tamis_engine::source::MemorySource;
use tamis_process::stats::{StatsOptions, Wanted, stats};

const ROWS: u64 = 400_000;

/// A number that looks random.
fn scatter(row: u64) -> u64 {
    let mixed = (row ^ (row >> 15)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

/// A table of one column.
fn table(value: impl Fn(u64) -> String) -> MemorySource {
    let mut text = "value\n".to_owned();
    for row in 0..ROWS {
        writeln!(text, "{}", value(scatter(row))).expect("a string takes everything");
    }
    MemorySource::new("bench.csv", text.into_bytes())
}

fn columns(criterion: &mut Criterion) {
    let tables = [
        (
            "codes",
            table(|at| ["DE", "FR", "IT", "ES"][at as usize % 4].to_owned()),
        ),
        ("integers", table(|at| (at % 10_000_000).to_string())),
        (
            "decimals",
            table(|at| format!("{}.{:02}", at % 10_000, at / 10_000 % 100)),
        ),
        ("ids", table(|at| format!("TX{:010}", at % 10_000_000_000))),
        ("long", table(|at| format!("{at:020}-{at:020}"))),
        (
            "timestamps",
            table(|at| {
                let (day, second) = (at % 28 + 1, at / 28 % 86_400);
                let (hour, minute) = (second / 3600, second / 60 % 60);
                format!("2025-03-{day:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
            }),
        ),
    ];
    for (set, wanted) in [("core", Wanted::core()), ("all", Wanted::all())] {
        let mut group = criterion.benchmark_group(format!("stats {set}"));
        group.throughput(Throughput::Elements(ROWS)).sample_size(20);
        let options = StatsOptions {
            threads: 1,
            wanted,
            ..StatsOptions::default()
        };
        for (name, source) in &tables {
            group.bench_function(*name, |bencher| {
                bencher.iter(|| black_box(stats(&[source], &options)).expect("it can be read"));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, columns);
criterion_main!(benches);
