//! The file of the table: its slots behind a header, so that opening the staging of a million files is one read of 16 MB and
//! no work per file.
//!
//! It is never needed: one that is missing, damaged or of another log is made again from the log. It is durable all the same, and written
//! after the `fdatasync` of the log that it covers: so one that knows more than its log has says that the log was cut, which is
//! damage.

use std::fs::File;
use std::io;
use std::path::Path;

use xxhash_rust::xxh3::Xxh3;

use super::latest::Latest;
use super::record::flaw;
use super::scan::HEADER_BYTES as LOG_HEADER_BYTES;
use super::table::{LOG_BYTES_MAX, SLOTS_MIN, Table};
use crate::codec::{Read, Reader};

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

/// Reads the table at `path`; none if there is no file.
///
/// # Errors
/// What keeps it from being used: it is not whole, of another version, or cannot be read.
pub(super) fn read(path: &Path) -> Read<Option<Found>> {
    let unread = |_| flaw(0, "the table cannot be read");
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unread(error)),
    };
    let len_bytes = file.metadata().map_err(unread)?.len();
    decode(file, len_bytes).map(Some)
}

/// The table in a file of this length.
///
/// # Errors
/// As [`read`].
pub(super) fn decode(mut file: impl io::Read, len_bytes: u64) -> Read<Found> {
    let unread = |_| flaw(0, "the table cannot be read");
    let mut header = [0; HEADER_BYTES];
    file.read_exact(&mut header).map_err(unread)?;
    let mut reader = Reader::new(&header);
    if reader.array() != Ok(MAGIC) || reader.u16() != Ok(VERSION) {
        return Err(flaw(0, "this is no table of a staging area"));
    }
    reader.take(6)?;
    let (generation, covered_bytes, slots) = (reader.u64()?, reader.u64()?, reader.u64()?);
    let (live_count, mark, live_bytes) = (reader.u64()?, reader.u64()?, reader.u64()?);
    let sum = reader.u64()?;
    // A table is three eighths full at least, and a record has 12 bytes at least. Held against that, and against the
    // length of the file, before room is made for it.
    let file_bytes = slots.saturating_mul(8).saturating_add(HEADER_BYTES as u64);
    let is_plausible = (slots == SLOTS_MIN as u64 || slots <= covered_bytes / 4)
        && file_bytes == len_bytes
        && live_bytes <= covered_bytes
        && mark < covered_bytes
        && (LOG_HEADER_BYTES..=LOG_BYTES_MAX).contains(&covered_bytes);
    let impossible = || flaw(16, "the numbers of the table cannot be");
    if !is_plausible {
        return Err(impossible());
    }
    let mut slots = vec![[0; 8]; usize::try_from(slots).map_err(|_| impossible())?];
    file.read_exact(slots.as_flattened_mut()).map_err(unread)?;
    if sum != sum_of(&header[..HEADER_BYTES - 8], &slots) {
        return Err(flaw(0, "the checksum of the table is wrong"));
    }
    let latest = Latest {
        table: Table::of_slots(slots).ok_or_else(impossible)?,
        live_count: usize::try_from(live_count).map_err(|_| impossible())?,
        live_bytes,
        mark,
    };
    Ok(Found {
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
