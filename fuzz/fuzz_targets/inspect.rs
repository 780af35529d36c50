//! Goal: no bytes make the parser of any header panic or take for ever, and they are the same by position as in memory; what is
//! listed lies in the file, and can be printed.

#![no_main]

use std::ops::Range;

use libfuzzer_sys::fuzz_target;
use tamis_engine::source::{MemorySource, Opened, RandomAccess, Source};
use tamis_scan::inspect::{InspectOptions, Inspection, Part, inspect, text};

fuzz_target!(|bytes: &[u8]| {
    let source = MemorySource::new("input", bytes.to_vec());
    let options = InspectOptions {
        parts_max: 50,
        entries_max: 50,
        ..InspectOptions::default()
    };
    let found = inspect(&source, &options).expect("memory can be read");
    let by_position = inspect(&ByPosition(source), &options).expect("memory can be read");
    assert_eq!(by_position, found);
    if found.damage.is_none() {
        look_at(&found, bytes.len() as u64);
    }
    let mut page = String::new();
    let text_options = text::TextOptions {
        limit: 10,
        entries: true,
    };
    text::write(&found, text_options, &mut page).expect("a string takes everything");
    serde_json::to_string(&found).expect("it has keys of texts only");
});

/// Parts with bytes must lie in the file; a table of Parquet may have its columns in other ones.
fn look_at(found: &Inspection, len_bytes: u64) {
    let is_inside = |part: &Part| {
        let end = part.offset.checked_add(part.bytes);
        part.bytes == 0
            || part.facts.get("in the file").is_some()
            || end.is_some_and(|end| end <= len_bytes)
    };
    let entries = found.entries.iter().flat_map(|entries| &entries.listed);
    for part in entries {
        assert!(is_inside(part), "{part:?}");
    }
}

/// Memory that has to be asked for each range.
#[derive(Debug)]
struct ByPosition(MemorySource);

#[derive(Debug)]
struct Region(Box<dyn RandomAccess>);

impl Source for ByPosition {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn open(&self) -> tamis_engine::Result<Opened> {
        Ok(match self.0.open()? {
            Opened::Random(access) => Opened::Random(Box::new(Region(access))),
            stream @ Opened::Stream(_) => stream,
        })
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}

impl RandomAccess for Region {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn len_bytes(&self) -> u64 {
        self.0.len_bytes()
    }

    fn backend(&self) -> &'static str {
        "read"
    }

    fn with_range(
        &self,
        range: Range<u64>,
        visit: &mut dyn FnMut(&[u8]),
    ) -> tamis_engine::Result<()> {
        assert!(range.end <= self.len_bytes(), "{range:?}");
        self.0.with_range(range, visit)
    }

    fn release(&self, range: Range<u64>) {
        self.0.release(range);
    }

    fn verify(&self) -> tamis_engine::Result<()> {
        self.0.verify()
    }
}
