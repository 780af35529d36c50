//! Goal: lines are taken and refused as by serde_json, with the same values, whatever the kernel and the cuts.
//!
//! The oracle is that of the property tests. The first byte of an input chooses the cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis_engine::kernel::Kernel;
// The names by which the oracle knows them.
use tamis_formats::{Block, Fault, Kind, Malformed, Totals, Visitor, jsonl};

use jsonl::{Parser, Path};

#[allow(
    dead_code,
    reason = "the property tests look at faults and spans as well"
)]
#[path = "../../crates/formats/src/jsonl/tests/oracle.rs"]
mod oracle;

fuzz_target!(|data: &[u8]| {
    let Some((&cut, text)) = data.split_first() else {
        return;
    };
    // Keys with a meaning of their own to serde_json, and none in JSON: the oracle refuses them.
    if String::from_utf8_lossy(text).contains("$serde_json::private::") {
        return;
    }
    let paths = [&["a"][..], &["b", "a"], &["b"], &["a"], &[], &["", "\""]];
    let paths = paths.map(|keys| Path::new(keys.iter().copied()));
    let expected = oracle::expect(text, &paths);
    // The line ends behind this share of the text.
    let cut = text.len() * usize::from(cut) / 256;
    let line_end = text[cut..].iter().position(|&byte| byte == b'\n');
    let cut = line_end.map_or(text.len(), |newline| cut + newline + 1);
    for kernel in Kernel::available() {
        // The second time, keys are expected in the order of the first.
        let mut parser = Parser::new(&paths, kernel);
        assert_eq!(oracle::run(text, &mut parser), expected, "{kernel:?}");
        let mut parts = oracle::run(&text[..cut], &mut parser);
        parts.append(oracle::run(&text[cut..], &mut parser), cut);
        assert_eq!(parts, expected, "{kernel:?}, cut at {cut}");
    }
});
