//! A stream of Protobuf messages to columns, beside prost's messages from generated code and prost-reflect's dynamic ones.
//!
//! 32 MiB of payments, no two alike, about 105 bytes each, with a message in each: an id, an amount, a moment, a country as
//! an enum, a customer with a name and a city, a memo. `walker` reads all columns into blocks that nobody looks at, `walker_2` two of
//! them; the others decode each message and drop it, which gives values and no columns.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use prost::Message;
use prost_reflect::DynamicMessage;
use tamis_engine::source::{MemorySource, Source};
use tamis_formats::file::RecordFile;
use tamis_formats::messages::{MessageOptions, SchemaFile, SchemaOptions};
use tamis_formats::protobuf::{ProtobufFile, Schema};
use tamis_formats::{Block, Malformed, Visitor};

const SIZE: usize = 32 << 20;

/// What generated code for `payment.proto` is.
#[derive(Clone, PartialEq, Message)]
struct Payment {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(double, tag = "2")]
    amount: f64,
    #[prost(message, optional, tag = "3")]
    at: Option<Moment>,
    #[prost(int32, tag = "4")]
    country: i32,
    #[prost(message, optional, tag = "5")]
    customer: Option<Customer>,
    #[prost(string, tag = "6")]
    memo: String,
    #[prost(int64, tag = "7")]
    account: i64,
    #[prost(bool, tag = "8")]
    paid: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Moment {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Customer {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    city: String,
}

/// The stream, and how many messages it has.
fn payments(size: usize) -> (Vec<u8>, u64) {
    let mut random = fastrand::Rng::with_seed(7);
    let mut stream = Vec::with_capacity(size + 512);
    let mut count = 0;
    while stream.len() < size {
        let mut words = |range: std::ops::Range<usize>| -> String {
            let len = random.usize(range);
            (0..len).map(|_| random.alphabetic()).collect()
        };
        let (name, city, memo) = (words(5..20), words(4..12), words(2..30));
        let payment = Payment {
            id: format!("TX{:010}", random.u64(..10_000_000_000)),
            amount: random.u32(1..100_000_000) as f64 / 100.0,
            at: Some(Moment {
                seconds: random.i64(1_700_000_000..1_800_000_000),
                nanos: 0,
            }),
            country: random.i32(..5),
            customer: Some(Customer { name, city }),
            memo,
            account: random.i64(..1_000_000_000_000),
            paid: random.bool(),
        };
        payment
            .encode_length_delimited(&mut stream)
            .expect("a vector takes everything");
        count += 1;
    }
    (stream, count)
}

struct Ignored;

impl Visitor for Ignored {
    fn block(&mut self, block: &Block<'_>) {
        black_box(block);
    }

    fn malformed(&mut self, record: &Malformed<'_>) {
        panic!("{:?}", record.fault);
    }
}

/// Calls `visit` with each message of a stream.
fn for_each(mut stream: &[u8], mut visit: impl FnMut(&[u8])) {
    while !stream.is_empty() {
        let len = prost::decode_length_delimiter(&mut stream).expect("a length");
        let (message, rest) = stream.split_at(len);
        visit(message);
        stream = rest;
    }
}

fn protobuf(criterion: &mut Criterion) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/payment.proto");
    let options = MessageOptions::new(SchemaOptions {
        file: SchemaFile::Proto {
            path,
            includes: Vec::new(),
        },
        message: Some("Payment".to_owned()),
    });
    let schema = Arc::new(Schema::read(&options.schema).expect("a valid schema"));
    let (stream, count) = payments(SIZE);
    let source = MemorySource::new("payments", stream.clone());
    let walk = |wanted: &[usize]| {
        let opened = source.open().expect("memory");
        let file = ProtobufFile::new(opened, schema.clone(), options.clone());
        for unit in file.units(wanted).expect("a stream") {
            let unit = unit.expect("whole messages");
            black_box(unit.visit(&mut Ignored).expect("messages"));
        }
    };
    let all: Vec<usize> = (0..schema.columns().len()).collect();
    for throughput in [
        Throughput::Bytes(stream.len() as u64),
        Throughput::Elements(count),
    ] {
        let unit = match throughput {
            Throughput::Bytes(_) => "bytes",
            _ => "messages",
        };
        let mut group = criterion.benchmark_group(format!("protobuf/{unit}"));
        group.throughput(throughput).sample_size(10);
        group.bench_function("walker", |bencher| bencher.iter(|| walk(&all)));
        group.bench_function("walker_2", |bencher| bencher.iter(|| walk(&all[..2])));
        group.bench_function("prost", |bencher| {
            bencher.iter(|| {
                for_each(&stream, |message| {
                    black_box(Payment::decode(message).expect("a message"));
                });
            });
        });
        group.bench_function("dynamic", |bencher| {
            bencher.iter(|| {
                for_each(&stream, |message| {
                    let descriptor = schema.descriptor().clone();
                    black_box(DynamicMessage::decode(descriptor, message).expect("a message"));
                });
            });
        });
        group.finish();
    }
}

criterion_group!(benches, protobuf);
criterion_main!(benches);
