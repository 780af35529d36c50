//! Goal: no bytes in the place of a file of the store make its readers panic, and none of them takes much memory for a small file.
//!
//! The first byte says which reader the rest is for. Files that end in a hash are tried with the right one as well, which no fuzzer
//! guesses.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis_store::{commit, format::Format, index, pack, staging, tree};

fuzz_target!(|data: &[u8]| {
    let Some((&reader, bytes)) = data.split_first() else {
        return;
    };
    let hash = *blake3::hash(bytes).as_bytes();
    let whole = [bytes, &hash].concat();
    for bytes in [bytes, &whole] {
        match reader % 8 {
            0 => drop(pack::read::check_pack(bytes)),
            1 => drop(pack::frame::read_head(bytes)),
            2 => drop(index::check_segment(bytes)),
            3 => drop(tree::check_node(bytes)),
            4 => drop(commit::check(bytes)),
            5 => drop(commit::decode_ref(bytes).and(commit::decode_forgotten(bytes))),
            6 => drop(staging::check_log(bytes)),
            _ => drop(Format::decode(bytes)),
        }
    }
});
