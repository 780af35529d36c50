//! Goal: no bytes in the place of a file of the broker make its readers panic; what a recovery has found stays, whatever is cleaned,
//! and is found again; no hostile batch comes out of a cleaning with other records than those that stay.
//!
//! The first byte says which reader the rest is for.

#![no_main]

use std::env::temp_dir;
use std::process::id;

use libfuzzer_sys::fuzz_target;
use tamis_broker::{groups, log};

/// How many there are.
const READERS: u8 = 4;

fuzz_target!(|data: &[u8]| {
    let Some((&reader, bytes)) = data.split_first() else {
        return;
    };
    match reader % READERS {
        0 => log::check_log(&temp_dir().join(format!("tamis-fuzz-{}", id())), bytes),
        1 => log::check_batch(bytes),
        2 => log::check_snapshot(bytes),
        _ => groups::check_record(bytes),
    }
});
