//! Goal: no bytes in the place of a file of the store, or of one of rules (`.tamisignore`), make its readers panic, and none of them takes
//! much memory for a small file.
//!
//! The first byte says which reader the rest is for. No fuzzer guesses a checksum, so each file is tried with the right ones as well
//! (`sums`).

#![no_main]

#[path = "store/sums.rs"]
mod sums;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use libfuzzer_sys::fuzz_target;
use tamis_store::read::StoreUri;
use tamis_store::walk::Rules;
use tamis_store::{commit, format::Format, index, pack, staging, tree};

/// How many there are.
const READERS: u8 = 12;

fuzz_target!(|data: &[u8]| {
    let Some((&reader, bytes)) = data.split_first() else {
        return;
    };
    for bytes in [bytes, &sums::put_right(reader, bytes)] {
        match reader % READERS {
            0 => drop(pack::read::check_pack(bytes)),
            1 => drop(pack::frame::read_head(bytes)),
            2 => drop(index::check_segment(bytes)),
            3 => drop(tree::check_node(bytes)),
            4 => drop(commit::check(bytes)),
            5 => drop(commit::decode_ref(bytes).and(commit::decode_forgotten(bytes))),
            6 => drop(staging::check_log(bytes)),
            7 => drop(Format::decode(bytes)),
            8 => drop(index::check_manifest(bytes)),
            9 => {
                let (log, table) = sums::log_and_table(bytes);
                drop(staging::check_staging(log, table));
            }
            10 => check_uri(bytes),
            _ => check_rules(bytes),
        }
    }
});

/// A name that is one says where everything in it is.
fn check_uri(bytes: &[u8]) {
    let text = OsStr::from_bytes(bytes);
    let Ok(uri) = StoreUri::parse(text) else {
        return;
    };
    assert!(StoreUri::is_meant(text) && bytes.ends_with(&uri.path));
    let store = uri.store.as_ref();
    let front = store.map(|it| [it.as_os_str().as_bytes(), b"@"].concat());
    let again = [
        b"store:",
        &front.unwrap_or_default()[..],
        uri.revision.as_bytes(),
        b":",
        &uri.path,
    ];
    let again = StoreUri::parse(OsStr::from_bytes(&again.concat()));
    assert_eq!(again.ok(), Some(uri));
}

/// Rules, a zero byte, and what they are asked of: a folder, if it ends with a slash. A comment behind them changes nothing.
fn check_rules(bytes: &[u8]) {
    let end = bytes.iter().position(|&byte| byte == 0);
    let (text, path) = bytes.split_at(end.unwrap_or(bytes.len()));
    let path = path.get(1..).unwrap_or_default();
    let (path, is_folder) = match path.strip_suffix(b"/") {
        Some(folder) => (folder, true),
        None => (path, false),
    };
    // With an end of the last line in both: it decides about a `\r` before it.
    let Ok(rules) = Rules::parse(&[text, b"\n"].concat()) else {
        return;
    };
    let commented = Rules::parse(&[text, b"\n# *"].concat()).expect("a comment is no rule");
    assert_eq!(
        rules.is_ignored(path, is_folder),
        commented.is_ignored(path, is_folder)
    );
}
