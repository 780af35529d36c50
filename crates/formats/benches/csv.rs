//! Chunks to blocks, nothing done with them: what the parser costs a check.
//!
//! `cargo bench -p tamis-formats --bench csv`. Records are like those of `tamis gen transactions`, about 65
//! bytes in 6 columns; the chunk of 1 MiB stays in the cache, so this is the speed of one core.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tamis_engine::kernel::Kernel;
use tamis_formats::csv::{Dialect, Parser, unquote_column};
use tamis_formats::{Block, Malformed, Visitor};

const COLUMNS: usize = 6;
const CHUNK_BYTES: usize = 1 << 20;

/// Counts rows, so that the work cannot be left out.
struct Count(usize);

impl Visitor for Count {
    fn block(&mut self, block: &Block<'_>) {
        self.0 += black_box(block).rows;
    }

    fn malformed(&mut self, record: &Malformed<'_>) {
        black_box(record);
        self.0 += 1;
    }
}

/// Asks for every column without its quotes.
struct Unquote {
    dialect: Dialect,
    index: Vec<u32>,
}

impl Visitor for Unquote {
    fn block(&mut self, block: &Block<'_>) {
        for column in 0..block.columns {
            black_box(unquote_column(
                block,
                column,
                &self.dialect,
                &mut self.index,
            ));
        }
    }

    fn malformed(&mut self, _: &Malformed<'_>) {}
}

/// A chunk of records; `memo` gives the last field of each record, its terminator included.
fn chunk(memo: impl Fn(usize) -> &'static str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(CHUNK_BYTES);
    let mut random = fastrand::Rng::with_seed(1);
    for row in 0.. {
        let amount = random.u32(100..10_000_000);
        let record = format!(
            "TX{row:010},{}.{:02},2024-03-{:02}T12:{:02}:00Z,AC{:08},DE,{}",
            amount / 100,
            amount % 100,
            random.u8(1..29),
            random.u8(0..60),
            random.u32(0..100_000_000),
            memo(row)
        );
        if bytes.len() + record.len() > CHUNK_BYTES {
            return bytes;
        }
        bytes.extend_from_slice(record.as_bytes());
    }
    unreachable!("the chunk fills up")
}

fn parse(criterion: &mut Criterion) {
    let chunks = [
        ("clean", chunk(|_| "gift\n")),
        ("crlf", chunk(|_| "gift\r\n")),
        (
            "quoted_10_percent",
            chunk(|row| match row % 20 {
                0 => "\"socks, grey\"\n",
                10 => "\"two\nlines, \"\"one\"\" memo\"\n",
                _ => "gift\n",
            }),
        ),
        ("non_ascii", chunk(|_| "caf\u{e9}\n")),
        (
            "inch_mark_per_1000",
            chunk(|row| {
                if row % 1000 == 500 {
                    "5\" pipe\n"
                } else {
                    "gift\n"
                }
            }),
        ),
        ("inch_mark_in_each", chunk(|_| "5\" pipe\n")),
        (
            "ragged_per_1000",
            chunk(|row| {
                if row % 1000 == 500 {
                    "one,more\n"
                } else {
                    "gift\n"
                }
            }),
        ),
        ("ragged_each", chunk(|_| "one,more\n")),
    ];
    for kernel in Kernel::available() {
        let mut group = criterion.benchmark_group(format!("parse/{}", kernel.name()));
        for (name, bytes) in &chunks {
            group.throughput(Throughput::Bytes(bytes.len() as u64));
            let mut parser = Parser::new(Dialect::csv(), COLUMNS, kernel);
            group.bench_function(*name, |bencher| {
                bencher.iter(|| {
                    let mut count = Count(0);
                    parser.parse(bytes, true, &mut count);
                    count.0
                });
            });
        }
    }
}

fn dialects(criterion: &mut Criterion) {
    let bytes = chunk(|_| "gift\n");
    let mut group = criterion.benchmark_group("dialect");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    let csv = Dialect::csv();
    let dialects = [
        ("trim", Dialect { trim: true, ..csv }),
        (
            "comment",
            Dialect {
                comment: Some(b'#'),
                ..csv
            },
        ),
        (
            "escape",
            Dialect {
                escape: Some(b'\\'),
                ..csv
            },
        ),
    ];
    for (name, dialect) in dialects {
        let mut parser = Parser::new(dialect, COLUMNS, Kernel::detect());
        group.bench_function(name, |bencher| {
            bencher.iter(|| parser.parse(&bytes, true, &mut Count(0)));
        });
    }
    let mut parser = Parser::new(csv, COLUMNS, Kernel::detect());
    let mut unquote = Unquote {
        dialect: csv,
        index: Vec::new(),
    };
    group.bench_function("unquote_every_column", |bencher| {
        bencher.iter(|| parser.parse(&bytes, true, &mut unquote));
    });
    let returns: Vec<u8> = bytes
        .iter()
        .map(|&byte| if byte == b'\n' { b'\r' } else { byte })
        .collect();
    let strict = Dialect {
        terminator: tamis_engine::framing::Terminator::CarriageReturn,
        ..csv
    };
    let mut parser = Parser::new(strict, COLUMNS, Kernel::detect());
    group.bench_function("carriage_return_strict", |bencher| {
        bencher.iter(|| parser.parse(&returns, true, &mut Count(0)));
    });
}

criterion_group!(benches, parse, dialects);
criterion_main!(benches);
