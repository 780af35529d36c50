//! A whole check as a library call: what ten rows cost, and what a thousand do.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tamis_contract::check::{Check, CheckOptions, Unchecked};
use tamis_contract::model::{Contract, Object, Property};
use tamis_engine::source::MemorySource;

fn check(criterion: &mut Criterion) {
    let object = Object::new("transactions")
        .property(
            Property::string("id")
                .required()
                .pattern("^TX\\d{10}$")
                .expect("a pattern"),
        )
        .property(Property::number("amount").required().maximum(1_000_000))
        .property(Property::timestamp("at").required())
        .property(Property::string("country").one_of(["DE", "FR", "US"]));
    let contract = Contract::builder("bench").object(object).build();
    let check = Check::compile(&contract, &contract.objects[0], Unchecked::Refuse)
        .expect("nothing unchecked");
    let options = CheckOptions::default();
    let mut group = criterion.benchmark_group("check");
    for rows in [10, 1000] {
        let row = "TX0123456789,523456.78,2025-03-01T12:34:56Z,DE\n";
        let input = format!("id,amount,at,country\n{}", row.repeat(rows));
        group.throughput(Throughput::Bytes(input.len() as u64));
        let source = MemorySource::new("bench.csv", input);
        group.bench_function(format!("{rows} rows"), |bencher| {
            bencher.iter(|| {
                let report = check
                    .run(&[&source], &options, None, None)
                    .expect("memory can be read");
                assert!(report.passed);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, check);
criterion_main!(benches);
