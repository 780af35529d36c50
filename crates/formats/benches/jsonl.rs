//! Walking JSON lines for six wanted values, with every kernel, beside serde_json's fastest pass.
//!
//! Two data sets of 32 MiB, no two records alike. `transactions`: about 165 bytes each, the same keys
//! in the same order, one memo in ten with escapes. `varied`: nested, a third of the keys left out at
//! random, nulls, text that is not ASCII, spaces behind the punctuation. The visitor gets the blocks
//! and looks at nothing, so this is the speed of splitting and validating alone; `serde_json`
//! (`IgnoredAny`, line by line) validates the same bytes and finds nothing.

use std::fmt::Write;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tamis_engine::kernel::Kernel;
use tamis_formats::jsonl::{Parser, Path};
use tamis_formats::{Block, Malformed, Visitor};

const SIZE: usize = 32 << 20;
const CHUNK: usize = 1 << 20;

fn transactions(size: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut text = String::with_capacity(size + 512);
    while text.len() < size {
        let id = random.u64(..10_000_000_000);
        let amount = random.u64(1..100_000_000);
        let (month, day) = (random.u8(1..13), random.u8(1..29));
        let (hour, minute, second) = (random.u8(..24), random.u8(..60), random.u8(..60));
        let digits = random.u32(5..17);
        let account = random.u64(..10_u64.pow(digits));
        let country = random
            .choice(["DE", "FR", "GB", "IT", "PL"])
            .unwrap_or("US");
        let words: String = (0..random.usize(2..20))
            .map(|_| random.alphabetic())
            .collect();
        let quoted = if random.u8(..10) == 0 {
            r#", with \"quotes\""#
        } else {
            ", without"
        };
        let (units, cents) = (amount / 100, amount % 100);
        writeln!(
            text,
            r#"{{"transaction_id":"TX{id:010}","amount":{units}.{cents:02},"timestamp":"2025-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z","account_id":"ACC{account}","country":"{country}","memo":"{words}{quoted}"}}"#
        )
        .expect("writing to a string cannot fail");
    }
    text.into_bytes()
}

fn varied(size: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(8);
    let mut text = String::with_capacity(size + 512);
    while text.len() < size {
        let city = random
            .choice(["Zürich", "Bonn", "Łódź", "São Paulo"])
            .unwrap_or("Ur");
        let (zip, floor, score) = (random.u32(..100_000), random.i8(..), random.f64());
        let note = if random.bool() {
            "null"
        } else {
            "\"left at the door\""
        };
        let mut members = vec![
            format!("\"id\": {}", random.u64(..)),
            format!(
                "\"address\": {{\"city\": \"{city}\", \"zip\": \"{zip:05}\", \"floor\": {floor}}}"
            ),
            format!("\"active\": {}", random.bool()),
            format!("\"note\": {note}"),
            format!("\"score\": {score}"),
            format!("\"tags\": [\"a\", \"b\", {zip}]"),
        ];
        members.retain(|_| random.u8(..3) != 0);
        writeln!(text, "{{{}}}", members.join(", ")).expect("writing to a string cannot fail");
    }
    text.into_bytes()
}

struct Unread(usize);

impl Visitor for Unread {
    fn block(&mut self, block: &Block<'_>) {
        self.0 += black_box(block).rows;
    }

    fn malformed(&mut self, record: &Malformed<'_>) {
        panic!("{record:?}");
    }
}

fn chunks(bytes: &[u8]) -> Vec<&[u8]> {
    let mut chunks = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let len = memchr::memrchr(b'\n', &rest[..CHUNK.min(rest.len())])
            .map_or(rest.len(), |end| end + 1);
        let (chunk, behind) = rest.split_at(len);
        chunks.push(chunk);
        rest = behind;
    }
    chunks
}

/// Walks one data set with every kernel, and lets serde_json do it.
fn compare(criterion: &mut Criterion, name: &str, bytes: &[u8], paths: &[Path]) {
    let chunks = chunks(bytes);
    let mut group = criterion.benchmark_group(format!("jsonl/{name}"));
    group
        .throughput(Throughput::Bytes(bytes.len() as u64))
        .sample_size(20);
    for kernel in Kernel::available() {
        for paths in [paths, &paths[..1]] {
            let mut parser = Parser::new(paths, kernel);
            let id = BenchmarkId::new(kernel.name(), format!("{} columns", paths.len()));
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    let mut visitor = Unread(0);
                    for chunk in &chunks {
                        parser.parse(chunk, true, &mut visitor);
                    }
                    visitor.0
                });
            });
        }
    }
    group.bench_function("serde_json", |bencher| {
        bencher.iter(|| {
            for line in bytes.split_inclusive(|&byte| byte == b'\n') {
                black_box(serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok());
            }
        });
    });
    group.finish();
}

fn walk(criterion: &mut Criterion) {
    let columns = [
        "transaction_id",
        "amount",
        "timestamp",
        "account_id",
        "country",
        "memo",
    ];
    compare(
        criterion,
        "transactions",
        &transactions(SIZE),
        &columns.map(|key| Path::new([key])),
    );
    let columns = [
        &["address", "city"][..],
        &["id"],
        &["score"],
        &["note"],
        &["address", "zip"],
    ];
    compare(
        criterion,
        "varied",
        &varied(SIZE),
        &columns.map(|keys| Path::new(keys.iter().copied())),
    );
}

criterion_group!(benches, walk);
criterion_main!(benches);
