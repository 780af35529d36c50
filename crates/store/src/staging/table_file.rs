//! The file of the table: its slots behind a header, so that opening the staging of a million files is one read of 16 MB and
//! no work per file.
//!
//! It is never needed: one that is missing, damaged, of another log, or that knows more than the log has, is made again from
//! the log. So it is written without `fsync`.

use std::fs::File;
use std::io;
use std::path::Path;

use xxhash_rust::xxh3::Xxh3;

use super::latest::Latest;
use super::scan::HEADER_BYTES as LOG_HEADER_BYTES;
use super::table::{LOG_BYTES_MAX, SLOTS_MIN, Table};
use crate::codec::Reader;

const MAGIC: [u8; 8] = *b"TAMISTAB";
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 72;

/// What stands before the slots in the file of the table of the log of this `generation`, which it knows up to
/// `covered_bytes`.
pub(super) fn header(generation: u64, covered_bytes: u64, latest: &Latest) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend(VERSION.to_le_bytes());
    out.extend([0; 6]);
    for number in [
        generation,
        covered_bytes,
        latest.table.slots().len() as u64,
        latest.live_count as u64,
        latest.mark,
        latest.live_bytes,
    ] {
        out.extend(number.to_le_bytes());
    }
    out.extend(sum_of(&out, latest.table.slots()).to_le_bytes());
    out
}

/// Length of the file.
pub(super) fn len_bytes(table: &Table) -> u64 {
    (HEADER_BYTES + table.slots().len() * 8) as u64
}

/// A table as it was found.
#[derive(Debug)]
pub(super) struct Found {
    /// Of the log that it is about.
    pub(super) generation: u64,
    /// It knows that log up to here.
    pub(super) covered_bytes: u64,
    /// What it knows.
    pub(super) latest: Latest,
}

/// Reads the table at `path`. `None` if there is none, or it is not whole.
pub(super) fn read(path: &Path) -> Option<Found> {
    let file = File::open(path).ok()?;
    let len_bytes = file.metadata().ok()?.len();
    decode(file, len_bytes)
}

/// The table in a file of this length.
pub(super) fn decode(mut file: impl io::Read, len_bytes: u64) -> Option<Found> {
    let mut header = [0; HEADER_BYTES];
    file.read_exact(&mut header).ok()?;
    let mut reader = Reader::new(&header);
    if reader.array() != Ok(MAGIC) || reader.u16() != Ok(VERSION) {
        return None;
    }
    reader.take(6).ok()?;
    let mut number = || reader.u64().ok();
    let (generation, covered_bytes, slots) = (number()?, number()?, number()?);
    let (live_count, mark, live_bytes, sum) = (number()?, number()?, number()?, number()?);
    // A table is three eighths full at least, and a record has 12 bytes at least. Held against that, and against the
    // length of the file, before room is made for it.
    let is_plausible = (slots == SLOTS_MIN as u64 || slots <= covered_bytes / 4)
        && slots.checked_mul(8)?.checked_add(HEADER_BYTES as u64)? == len_bytes
        && live_bytes <= covered_bytes
        && mark < covered_bytes
        && (LOG_HEADER_BYTES..=LOG_BYTES_MAX).contains(&covered_bytes);
    if !is_plausible {
        return None;
    }
    let mut slots = vec![[0; 8]; usize::try_from(slots).ok()?];
    file.read_exact(slots.as_flattened_mut()).ok()?;
    if sum != sum_of(&header[..HEADER_BYTES - 8], &slots) {
        return None;
    }
    let latest = Latest {
        table: Table::of_slots(slots)?,
        live_count: usize::try_from(live_count).ok()?,
        live_bytes,
        mark,
    };
    Some(Found {
        generation,
        covered_bytes,
        latest,
    })
}

fn sum_of(header: &[u8], slots: &[[u8; 8]]) -> u64 {
    let mut sum = Xxh3::new();
    sum.update(header);
    sum.update(slots.as_flattened());
    sum.digest()
}
