//! The values of messages, judged a batch at a time: from one alone to a thousand, beside the same records as a file.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tamis_contract::check::{Check, CheckOptions, MessageCheck, Payload, Unchecked};
use tamis_contract::model::{Contract, Object, Property};
use tamis_engine::source::MemorySource;

/// Rows of the file.
const ROWS: u64 = 100_000;

fn check() -> Check {
    let countries = ["AT", "BE", "CH", "CZ", "DE", "DK", "ES", "FI", "FR", "GB"];
    let id = Property::string("transaction_id").required();
    let object = Object::new("transactions")
        .property(id.pattern("^TX\\d{10}$").expect("a pattern"))
        .property(
            Property::number("amount")
                .required()
                .minimum(1)
                .maximum(1_000_000),
        )
        .property(Property::timestamp("timestamp").required())
        .property(
            Property::string("account_id")
                .required()
                .min_length(8)
                .max_length(20),
        )
        .property(Property::string("country").required().one_of(countries))
        .property(Property::string("memo").max_length(200));
    let contract = Contract::builder("bench").object(object).build();
    Check::compile(&contract, &contract.objects[0], Unchecked::Refuse).expect("nothing unchecked")
}

/// A payment; a bad one in two of its columns.
fn json(row: u64, is_bad: bool) -> Vec<u8> {
    let cents = row * 7919 % 100;
    let (amount, country) = (
        row * 104_729 % 900_000,
        ["DE", "FR", "AT", "GB"][row as usize % 4],
    );
    let (amount, country) = if is_bad {
        (0, "XX")
    } else {
        (amount + 1, country)
    };
    let id = row * 1_234_567_891 % 10_000_000_000;
    let second = row % 60;
    let memo = if row.is_multiple_of(7) {
        "\"Invoice 4711, thank you\""
    } else {
        "null"
    };
    format!(
        "{{\"transaction_id\":\"TX{id:010}\",\"amount\":{amount}.{cents:02},\"timestamp\":\"2025-05-14T12:16:{second:02}Z\",\
         \"account_id\":\"508323A0F4{second}\",\"country\":\"{country}\",\"memo\":{memo}}}"
    )
    .into_bytes()
}

fn csv(row: u64, memo: &str) -> Vec<u8> {
    let id = row * 1_234_567_891 % 10_000_000_000;
    let (amount, second) = (row * 104_729 % 900_000 + 1, row % 60);
    format!("TX{id:010},{amount}.25,2025-05-14T12:16:{second:02}Z,508323A0F4{second},DE,{memo}")
        .into_bytes()
}

fn messages(criterion: &mut Criterion) {
    let check = check();
    let mut group = criterion.benchmark_group("messages");
    let many = |value: &dyn Fn(u64) -> Vec<u8>| (0..1000).map(value).collect::<Vec<_>>();
    let batches = [
        ("json/1", Payload::Json, vec![json(7, false)], 0),
        ("json/1 bad", Payload::Json, vec![json(7, true)], 1),
        (
            "json/10",
            Payload::Json,
            (0..10).map(|row| json(row, false)).collect(),
            0,
        ),
        ("json/1000", Payload::Json, many(&|row| json(row, false)), 0),
        (
            "json/1000, 10 bad",
            Payload::Json,
            many(&|row| json(row, row % 100 == 0)),
            10,
        ),
        (
            "json/1000 bad",
            Payload::Json,
            many(&|row| json(row, true)),
            1000,
        ),
        ("csv/1", Payload::Csv, vec![csv(7, "")], 0),
        ("csv/1000", Payload::Csv, many(&|row| csv(row, "")), 0),
        (
            "csv/1000, 10 on two lines",
            Payload::Csv,
            many(&|row| csv(row, ["", "\"a\nb\""][usize::from(row % 100 == 0)])),
            0,
        ),
        (
            "csv/1000, 1 unclosed",
            Payload::Csv,
            many(&|row| csv(row, ["", "\"a"][usize::from(row == 500)])),
            1,
        ),
    ];
    for (name, payload, values, bad) in &batches {
        let check = MessageCheck::new(&check, *payload).expect("no rule needs all records");
        let bytes: usize = values.iter().map(Vec::len).sum();
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(*name, |bencher| {
            bencher.iter(|| {
                let verdicts = check.judge(values.iter().map(|value| Some(value.as_slice())));
                assert_eq!(verdicts.bad().len(), *bad);
            });
        });
    }
    let mut file = Vec::new();
    for row in 0..ROWS {
        file.extend(json(row, false));
        file.push(b'\n');
    }
    group.throughput(Throughput::Bytes(file.len() as u64));
    let options = CheckOptions {
        threads: 1,
        ..CheckOptions::default()
    };
    let file = MemorySource::new("bench.jsonl", file);
    group.bench_function("a file of JSON lines", |bencher| {
        bencher.iter(|| {
            let report = check.run(&[&file], &options, None, None);
            assert!(report.expect("memory can be read").passed);
        });
    });
    group.finish();
}

criterion_group!(benches, messages);
criterion_main!(benches);
