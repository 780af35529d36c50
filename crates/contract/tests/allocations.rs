//! Goal: the hot path allocates for chunks and blocks, never for records.
//!
//! One test in a binary of its own, because it counts what the whole process allocates.

use dhat::{Alloc, HeapStats, Profiler};
use tamis_contract::check::{Check, CheckOptions, Unchecked};
use tamis_contract::model::Contract;
use tamis_contract::odcs::read;
use tamis_engine::source::MemorySource;
use tamis_formats::sniff::Format;

#[global_allocator]
static ALLOCATOR: Alloc = Alloc;

const CONTRACT: &[u8] = br"
apiVersion: v3.2.0
kind: DataContract
id: orders
version: 1.0.0
schema:
  - name: orders
    properties:
      - {name: id, logicalType: string, required: true, logicalTypeOptions: {pattern: '^TX\d{4}$'}}
      - {name: amount, logicalType: number, logicalTypeOptions: {minimum: 0.01, maximum: 1000}}
      - {name: when, logicalType: timestamp}
      - {name: memo, logicalType: string, logicalTypeOptions: {maxLength: 20}}
";

/// Chunks of a run, however many its rows.
const CHUNKS: usize = 8;

/// The text of a record, by its number.
type Record<'r> = &'r dyn Fn(usize) -> String;

/// Checks `rows` rows in [`CHUNKS`] chunks by one worker; the allocations that took.
fn allocations(contract: &Contract, format: Format, rows: usize, record: Record<'_>) -> u64 {
    let mut text = match format {
        Format::Delimited { .. } => "id,amount,when,memo\n".to_owned(),
        _ => String::new(),
    };
    (0..rows).for_each(|row| text.push_str(&record(row)));
    let options = CheckOptions {
        threads: 1,
        chunk_bytes: text.len().div_ceil(CHUNKS),
        format: Some(format),
        ..CheckOptions::default()
    };
    let source = MemorySource::new("orders", text);
    let check = Check::compile(contract, &contract.objects[0], Unchecked::Refuse);
    let check = check.expect("all rules can be checked");
    let before = HeapStats::get().total_blocks;
    let report = check.run(&[&source], &options, None, None);
    let taken = HeapStats::get().total_blocks - before;
    assert_eq!(report.expect("memory can be read").rows.total, rows as u64);
    taken
}

#[test]
fn ten_times_the_records_take_hardly_more_allocations() {
    let _profiler = Profiler::builder().testing().build();
    let contract = read("orders.odcs.yaml", CONTRACT)
        .expect("a good contract")
        .contract;
    let csv = Format::Delimited { delimiter: b',' };
    let time = "2024-05-06T07:08:09Z";
    let plain = move |row| format!("TX{:04},12.5,{time},a memo\n", row % 10_000);
    let quoted = move |row| {
        format!(
            "\"TX{:04}\",\"1.5\",{time},\"a \"\"memo\"\",\nand more\"\n",
            row % 10_000
        )
    };
    let bad = move |row| format!("TX{row},-1,yesterday,a memo that is too long\n");
    let ragged = move |row| format!("TX{:04},12.5\n", row % 10_000);
    let json = move |row| {
        format!(
            "{{\"id\":\"TX{:04}\",\"amount\":12.5,\"when\":\"{time}\",\"memo\":\"a \\u0041\"}}\n",
            row % 10_000
        )
    };
    let bad_json = move |row| format!("{{\"id\":\"TX{row}x\",\"amount\":\"1\",\"when\":null}}\n");
    let cases: [(&str, Format, Record<'_>); 6] = [
        ("plain CSV", csv, &plain),
        ("quoted CSV", csv, &quoted),
        ("CSV that breaks every rule", csv, &bad),
        ("ragged CSV", csv, &ragged),
        ("JSON lines", Format::JsonLines, &json),
        (
            "JSON lines that break every rule",
            Format::JsonLines,
            &bad_json,
        ),
    ];
    for (name, format, record) in cases {
        let few = allocations(&contract, format, 4_000, record);
        let many = allocations(&contract, format, 40_000, record);
        // Longer chunks make some buffers grow a few times more.
        assert!(
            many < few + 25 * CHUNKS as u64,
            "{name}: {few}, then {many}"
        );
    }
}
