//! Goal: no bytes that are taken for Parquet or Arrow IPC make their reader panic or take for ever, and what it hands out are
//! texts that lie where it says.
//!
//! The first byte of an input chooses the format, and which columns are read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis_engine::source::MemorySource;
use tamis_formats::input::{Input, InputOptions, open_any};
use tamis_formats::sniff::Format;
use tamis_formats::{Block, Kind, Malformed, Visitor};

fuzz_target!(|data: &[u8]| {
    let Some((&bits, bytes)) = data.split_first() else {
        return;
    };
    let formats = [
        Format::Parquet,
        Format::ArrowFile,
        Format::ArrowStream,
        Format::Parquet,
    ];
    let options = InputOptions {
        format: Some(formats[usize::from(bits % 4)]),
        ..InputOptions::default()
    };
    let source = MemorySource::new("input", bytes.to_vec());
    let Ok(Input::File(file)) = open_any(&source, &options) else {
        return;
    };
    let columns = file.columns().len() + file.structures().len();
    let wanted: Vec<usize> = match bits & 4 {
        0 => (0..columns).collect(),
        _ => (0..columns).rev().step_by(2).collect(),
    };
    let Ok(units) = file.units(&wanted) else {
        return;
    };
    let mut rows = Rows {
        columns: wanted.len(),
        count: 0,
    };
    let mut total = 0;
    for unit in units {
        let Ok(unit) = unit else {
            return;
        };
        let Ok(totals) = unit.visit(&mut rows) else {
            return;
        };
        total += totals.rows;
        assert_eq!(rows.count, total);
    }
    if let Some(rows) = file.rows() {
        assert_eq!(rows, total);
    }
});

/// Looks at every value.
struct Rows {
    columns: usize,
    count: u64,
}

impl Visitor for Rows {
    fn block(&mut self, block: &Block<'_>) {
        for column in 0..self.columns {
            for row in 0..block.rows {
                if !matches!(block.kind(row, column), Kind::Missing | Kind::Null) {
                    let text = block.column(column).field(row);
                    assert!(std::str::from_utf8(text).is_ok(), "{text:?}");
                }
            }
        }
        self.count += block.rows as u64;
    }

    fn malformed(&mut self, record: &Malformed<'_>) {
        panic!("files have no malformed records: {record:?}");
    }
}
