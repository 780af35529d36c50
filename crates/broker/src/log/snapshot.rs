//! What a partition knows of its producers, on the disk: `00000000000000000123.producers`, as it was before offset 123.
//!
//! ```text
//! byte 0  "TAMISPRD"
//!      8  version u32, 1
//!     12  count of producers u32
//!         each: id i64, epoch i16, count of batches u16
//!               each: first sequence i32, last sequence i32, base offset i64, time i64
//!   last  CRC-32C u32 of everything before
//! ```
//!
//! Big-endian, as all there is in the folder. One is written whenever a segment begins and when the broker ends; what came
//! behind it is read from the log. One that is not whole counts for nothing: the next older one does, and more of the log is read.

use std::fs;
use std::path::{Path, PathBuf};

use crc_fast::{CrcAlgorithm, checksum};

use super::producers::{Appended, Producer, Producers};
use crate::disk::{remove, replace_lazily};
use crate::{Error, Result};

const MAGIC: &[u8; 8] = b"TAMISPRD";
const VERSION: u32 = 1;
const EXTENSION: &str = "producers";

/// Snapshots kept: the newest, and one before it.
const KEPT: usize = 2;

/// Writes what is known before `offset`, and removes the oldest ones.
pub(super) fn write(folder: &Path, offset: i64, producers: &Producers) -> Result<()> {
    let path = folder.join(format!("{offset:020}.{EXTENSION}"));
    replace_lazily(&path, &encode(producers))?;
    for (_, old) in list(folder)?.into_iter().rev().skip(KEPT) {
        remove(&old)?;
    }
    Ok(())
}

/// The newest that is whole, and not of later than `end_offset`.
pub(super) fn read(folder: &Path, end_offset: i64) -> Result<(i64, Producers)> {
    for (offset, path) in list(folder)?.into_iter().rev() {
        if offset > end_offset {
            continue;
        }
        let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
        match decode(&bytes) {
            Some(producers) => return Ok((offset, producers)),
            None => tracing::warn!(file = %path.display(), "is damaged and not used"),
        }
    }
    Ok((0, Producers::default()))
}

/// Oldest first.
fn list(folder: &Path) -> Result<Vec<(i64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path();
        if path.extension().is_none_or(|it| it != EXTENSION) {
            continue;
        }
        let stem = path.file_stem().and_then(|it| it.to_str());
        if let Some(offset) = stem.and_then(|it| it.parse().ok()) {
            found.push((offset, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn encode(producers: &Producers) -> Vec<u8> {
    let sorted = producers.sorted();
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&(sorted.len() as u32).to_be_bytes());
    for (id, producer) in sorted {
        bytes.extend_from_slice(&id.to_be_bytes());
        bytes.extend_from_slice(&producer.epoch.to_be_bytes());
        bytes.extend_from_slice(&(producer.batches.len() as u16).to_be_bytes());
        for batch in &producer.batches {
            bytes.extend_from_slice(&batch.first_sequence.to_be_bytes());
            bytes.extend_from_slice(&batch.last_sequence.to_be_bytes());
            bytes.extend_from_slice(&batch.base_offset.to_be_bytes());
            bytes.extend_from_slice(&batch.timestamp.to_be_bytes());
        }
    }
    let crc = checksum(CrcAlgorithm::Crc32Iscsi, &bytes) as u32;
    bytes.extend_from_slice(&crc.to_be_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Producers> {
    let (mut rest, crc) = bytes.split_last_chunk::<4>()?;
    if checksum(CrcAlgorithm::Crc32Iscsi, rest) as u32 != u32::from_be_bytes(*crc) {
        return None;
    }
    let mut producers = Producers::default();
    let is_known =
        &take::<8>(&mut rest)? == MAGIC && u32::from_be_bytes(take(&mut rest)?) == VERSION;
    if !is_known {
        return None;
    }
    for _ in 0..u32::from_be_bytes(take(&mut rest)?) {
        let id = i64::from_be_bytes(take(&mut rest)?);
        let mut producer = Producer {
            epoch: i16::from_be_bytes(take(&mut rest)?),
            ..Producer::default()
        };
        for _ in 0..u16::from_be_bytes(take(&mut rest)?) {
            producer.batches.push_back(Appended {
                first_sequence: i32::from_be_bytes(take(&mut rest)?),
                last_sequence: i32::from_be_bytes(take(&mut rest)?),
                base_offset: i64::from_be_bytes(take(&mut rest)?),
                timestamp: i64::from_be_bytes(take(&mut rest)?),
                behind: None,
            });
        }
        producers.restore(id, producer);
    }
    rest.is_empty().then_some(producers)
}

/// Reads a snapshot of these bytes, with the right checksum, and makes it again of what it says: for fuzzing.
///
/// # Panics
/// If that is not the same.
#[cfg(fuzzing)]
pub fn check_snapshot(bytes: &[u8]) {
    let crc = checksum(CrcAlgorithm::Crc32Iscsi, bytes) as u32;
    let bytes = [bytes, &crc.to_be_bytes()].concat();
    if let Some(producers) = decode(&bytes) {
        let again = decode(&encode(&producers));
        assert_eq!(again.expect("it is whole"), producers);
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}
