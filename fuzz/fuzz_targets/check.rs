//! Goal: a check says the same of any bytes, and writes the same good and bad records, whatever the threads, the
//! chunk size, the kernel and the kind of source.
//!
//! The first byte of an input chooses format and dialect.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tamis_contract::check::{Check, CheckOptions, Unchecked};
use tamis_contract::model::{Contract, CsvFacts, Object};
use tamis_contract::odcs::read;
use tamis_contract::report::{Performance, Report};
use tamis_engine::kernel::Kernel;
use tamis_engine::sink::MemorySink;
use tamis_engine::source::{MemorySource, Source};
use tamis_formats::sniff::Format;

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let reading = read("contract.odcs.yaml", include_bytes!("contract.odcs.yaml"));
    reading.expect("the contract is good").contract
});

fuzz_target!(|data: &[u8]| {
    let Some((&bits, bytes)) = data.split_first() else {
        return;
    };
    let has = |bit: u8| bits >> bit & 1 == 1;
    let format = match (has(0), has(6)) {
        (false, _) => Format::Delimited { delimiter: b',' },
        (true, false) => Format::JsonLines,
        (true, true) => Format::JsonArray,
    };
    let csv = CsvFacts {
        escape: has(1).then_some(Some(b'\\')),
        comment: has(2).then_some(Some(b'#')),
        trim: Some(has(3)),
        header: Some(!has(4)),
        ..CsvFacts::default()
    };
    // Keys that must be unique need a second pass: not always, so that one pass is tried as well.
    let object = &CONTRACT.objects[usize::from(has(5))];
    let object = Object {
        csv: csv.or(&object.csv),
        ..object.clone()
    };
    let check =
        Check::compile(&CONTRACT, &object, Unchecked::Refuse).expect("all rules are checked");
    let options = |threads, chunk_bytes, kernel| CheckOptions {
        threads,
        chunk_bytes,
        kernel,
        format: Some(format),
        ..CheckOptions::default()
    };
    let source = MemorySource::new("input", bytes.to_vec());
    let expected = run(&check, &source, &options(1, 1 << 20, Kernel::scalar()));
    let best = Kernel::detect();
    for (threads, chunk_bytes, kernel) in [
        (2, 1, best),
        (1, 7, best),
        (3, 64, best),
        (1, 1 << 20, best),
    ] {
        let found = run(&check, &source, &options(threads, chunk_bytes, kernel));
        assert_eq!(found, expected, "{threads} threads, {chunk_bytes} bytes");
    }
    for (read_bytes, chunk_bytes) in [(1, 5), (100, 1 << 20)] {
        let stream = source.clone().as_stream(read_bytes);
        let found = run(&check, &stream, &options(2, chunk_bytes, best));
        assert_eq!(
            found, expected,
            "stream of {read_bytes}, {chunk_bytes} bytes"
        );
    }
});

/// The report without its figures, and what was written; or why there is none.
type Outcome = Result<(Report, Option<Vec<u8>>, Option<Vec<u8>>), String>;

fn run(check: &Check, source: &dyn Source, options: &CheckOptions) -> Outcome {
    let (good, good_bytes) = MemorySink::new("good");
    let (bad, bad_bytes) = MemorySink::new("bad");
    let report = check
        .run(
            &[source],
            options,
            Some(Box::new(good)),
            Some(Box::new(bad)),
        )
        .map_err(|error| error.to_string())?;
    assert_eq!(report.rows.valid + report.rows.invalid, report.rows.total);
    let report = Report {
        performance: Performance::default(),
        ..report
    };
    Ok((report, good_bytes.bytes(), bad_bytes.bytes()))
}
