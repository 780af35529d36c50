//! How fast a file in memory is cut: by the `fastcdc` crate, by one thread of ours, by two, and a survey's part in that.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fastcdc::v2020::FastCDC;
use tamis_store::chunker::{Chunker, Parameters, Segments};

const SEGMENT_BYTES: u32 = 8 << 20;

fn cut(criterion: &mut Criterion) {
    // `cargo test --benches` wants to know that it runs, not how fast.
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let len = if is_bench { 256 << 20 } else { 1 << 20 };
    for (kind, bytes) in [
        ("random", random(len)),
        ("text", text(len)),
        ("zeros", vec![0; len]),
        (
            "period 100",
            random(100).into_iter().cycle().take(len).collect(),
        ),
    ] {
        let chunker = Chunker::new(Parameters::default()).expect("the default is valid");
        let mut group = criterion.benchmark_group(format!("chunker/{kind}"));
        group.throughput(Throughput::Bytes(len as u64));
        group.sample_size(10);
        group.bench_function("fastcdc", |bencher| bencher.iter(|| reference(&bytes)));
        group.bench_function("1 thread", |bencher| {
            bencher.iter(|| sequential(&chunker, &bytes));
        });
        group.bench_function("1 thread in segments", |bencher| {
            bencher.iter(|| parallel(&chunker, &bytes, 1));
        });
        group.bench_function("2 threads", |bencher| {
            bencher.iter(|| parallel(&chunker, &bytes, 2));
        });
        group.finish();
    }
}

fn reference(bytes: &[u8]) -> usize {
    FastCDC::new(bytes, 16 << 10, 64 << 10, 256 << 10).count()
}

fn sequential(chunker: &Chunker, mut rest: &[u8]) -> usize {
    let mut count = 0;
    while !rest.is_empty() {
        rest = &rest[chunker.cut(rest)..];
        count += 1;
    }
    count
}

fn parallel(chunker: &Chunker, bytes: &[u8], threads: usize) -> u64 {
    let segments = Segments::new(chunker, bytes.len() as u64, SEGMENT_BYTES);
    let next = AtomicU64::new(0);
    let work = || {
        let mut chunks = 0;
        loop {
            let segment = next.fetch_add(1, Ordering::Relaxed);
            if segment >= segments.count() {
                return chunks;
            }
            let range = segments.range(segment);
            let own = &bytes[range.start as usize..range.end as usize];
            chunks += segments.cut(segment, own).expect("nobody gives up").len() as u64;
        }
    };
    let chunks = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let counts = workers.into_iter().map(|worker| worker.join());
        counts.map(|count| count.expect("no worker panics")).sum()
    });
    black_box(segments.scanned_bytes());
    chunks
}

fn random(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fastrand::Rng::with_seed(7).fill(&mut bytes);
    bytes
}

fn text(len: usize) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(7);
    let mut bytes = Vec::with_capacity(len + 100);
    while bytes.len() < len {
        let (visitor, page) = (rng.u16(..), rng.u32(..) >> rng.u32(8..32));
        let line = format!(
            "10.0.{}.{} GET /page/{page} 200 {}\n",
            visitor >> 8,
            visitor & 255,
            page % 5000
        );
        bytes.extend_from_slice(line.as_bytes());
    }
    bytes.truncate(len);
    bytes
}

criterion_group!(benches, cut);
criterion_main!(benches);
