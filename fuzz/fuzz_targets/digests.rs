//! Goal: no file in the place of the kept digests makes their reader panic, and whatever it takes gives an answer for any file.
//!
//! An input is read as it is, and once more with a checksum behind it, which no fuzzer guesses.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis_engine::digest::{Algorithm, Digest};
use tamis_engine::stamp::Stamp;
use tamis_scan::dupes::cache::Cache;

fuzz_target!(|data: &[u8]| {
    let checksum = Digest::of(data, Algorithm::Blake3);
    let whole = [data, checksum.as_bytes()].concat();
    for bytes in [data, &whole] {
        let Ok(mut cache) = Cache::parse(bytes) else {
            continue;
        };
        for entry in data.chunks(72) {
            let Some(&[device, inode, len_bytes, modified, changed]) =
                entry.as_chunks().0.first_chunk()
            else {
                continue;
            };
            cache.digest(&Stamp {
                device: u64::from_le_bytes(device),
                inode: u64::from_le_bytes(inode),
                len_bytes: u64::from_le_bytes(len_bytes),
                modified_ns: i64::from_le_bytes(modified),
                changed_ns: i64::from_le_bytes(changed),
            });
        }
    }
});
