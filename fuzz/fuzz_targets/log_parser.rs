//! Goal: no line makes a parser panic or depend on the lines before it, and a log is the same however it is cut.
//!
//! The first byte of an input chooses the format, the second the chunk size and the number of threads.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis_engine::source::MemorySource;
use tamis_scan::logs::format::{By, Format, Pattern};
use tamis_scan::logs::time::{Bound, Zone};
use tamis_scan::logs::{FormatChoice, Input, LogOptions, logs};

const PATTERN: &str = "{host} [{time}] \"{method} {path} {}\" {status} {x}";

fuzz_target!(|data: &[u8]| {
    let [format, cut, text @ ..] = data else {
        return;
    };
    if let Ok(text) = std::str::from_utf8(text) {
        // Bounds and patterns are foreign, too.
        let _ = Bound::parse(text);
        let _ = Pattern::compile(text);
    }
    let pattern = Pattern::compile(PATTERN).expect("a good pattern");
    let format = match Format::DETECTED.get(usize::from(format % 9)) {
        Some(format) => FormatChoice::Format(format.clone()),
        None if *format % 9 == 7 => FormatChoice::pattern(pattern),
        None => FormatChoice::Detect,
    };
    let options = LogOptions {
        format,
        by: By::new(Some(["host", "level", "x"][usize::from(cut % 3)])),
        since: (cut & 0x80 != 0).then(|| Bound::parse("2026-11-20").expect("a bound")),
        zone: Some(Zone::UTC),
        now_us: 1_795_186_800_000_000,
        // Small enough that long inputs are estimated.
        memory_bytes: 60_000,
        ..LogOptions::default()
    };
    let run = |options: &LogOptions| {
        let source = MemorySource::new("log", text.to_vec());
        logs(&[Input::named(&source)], options).map(|(report, _)| report.to_json())
    };
    let cut_up = LogOptions {
        threads: 1 + usize::from(cut % 3),
        chunk_bytes: 1 + usize::from(*cut) * 3,
        ..options.clone()
    };
    match (run(&options), run(&cut_up)) {
        (Ok(whole), Ok(cut)) => assert_eq!(whole, cut),
        (Err(whole), Err(cut)) => assert_eq!(whole.to_string(), cut.to_string()),
        (whole, cut) => panic!("{whole:?} is not {cut:?}"),
    }
});
