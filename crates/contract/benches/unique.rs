//! The index behind `unique`: keys a second from pushing to the answer, in memory and spilled.

use std::hint::black_box;
use std::num::NonZero;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tamis_contract::unique::{Key, UniqueIndex, key_of};

/// As many keys as a gigabyte of transactions holds.
const KEYS: u64 = 15_500_000;
/// Rows in a chunk of 1 MiB of them, about.
const CHUNK: usize = 16_000;

fn bench(criterion: &mut Criterion) {
    let values: Vec<_> = (0..KEYS)
        .map(|value| format!("TX{value:010}").into_bytes())
        .collect();
    let keys: Vec<_> = values.iter().map(|value| key_of(&[value])).collect();
    let mut group = criterion.benchmark_group("unique");
    group.throughput(Throughput::Elements(KEYS)).sample_size(10);
    group.bench_function("key_of/12 bytes", |bencher| {
        bencher.iter(|| {
            for value in &values {
                black_box(key_of(&[value]));
            }
        });
    });
    for (name, memory_bytes) in [("memory", 2 << 30), ("spilled", 100_000_000)] {
        for threads in [1, 2] {
            group.bench_function(format!("{name}/{threads}"), |bencher| {
                bencher.iter(|| duplicates(&keys, memory_bytes, threads));
            });
        }
    }
    group.finish();
}

fn duplicates(keys: &[Key], memory_bytes: usize, threads: usize) -> u64 {
    let mut index = UniqueIndex::new(memory_bytes, None);
    for (chunk, first) in keys.chunks(CHUNK).zip((0..).step_by(CHUNK)) {
        let keys = chunk.iter().copied().zip(first..);
        index.push(keys).expect("the spill file can be written");
    }
    let threads = NonZero::new(threads).expect("at least one thread");
    let duplicates = index.finish(threads).expect("the spill file can be read");
    duplicates.count()
}

criterion_group!(benches, bench);
criterion_main!(benches);
