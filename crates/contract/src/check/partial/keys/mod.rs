//! Files of keys: how partial results compare rows that no machine has seen together.
//!
//! Whoever maps a range with `unique` rules writes the keys of its rows into a folder that all machines share; whoever
//! reduces reads them all. The file is written as the range is read, with a few KiB for each partition in memory, and
//! read a partition at a time, so neither side needs memory in proportion to the data.
//!
//! ```text
//! offset   size
//!      0      8   "TAMISKEY"
//!      8      4   version, 1
//!     12      4   number of unique rules
//!     16      -   blocks of entries and blocks of details, as they became full
//!      -   48 each   the table: one line for each block, in the order of the blocks
//!      -     32   the end: byte offset of the table (8), lines in it (8), xxh3-64 of the table (8), "YEKSIMAT" (8)
//!
//! an entry, 24 bytes:    low half of the key (8), high half of the key (8),
//!                        row from the start of the range times 2, plus 1 if another rule makes it bad (8)
//! a detail:              row, line ends before it and byte offset, each minus the same of the detail before it in the
//!                        block (0 at its start); length of the shown value; the value in UTF-8. Numbers are LEB128.
//! a line of the table:   rule (4), partition (4), byte offset (8), length (8), entries (8), first row (8), xxh3-64 (8)
//! ```
//!
//! All integers are little-endian. The partition is the key's highest byte; 256 marks a block of details. The file
//! appears under its name whole, or not at all; every block is checked against the table when it is read.

mod folder;
mod reader;
mod writer;

use crate::unique::Key;

pub(super) use folder::{checked_name, shared_folder};
pub(super) use reader::KeyReader;
pub(super) use writer::{Base, FileName, KeyWriter};

const MAGIC: &[u8; 8] = b"TAMISKEY";
const END_MAGIC: &[u8; 8] = b"YEKSIMAT";
const VERSION: u32 = 1;
const HEAD_BYTES: u64 = 16;
const LINE_BYTES: usize = 48;
const END_BYTES: usize = 32;
const ENTRY_BYTES: usize = 24;

/// Partitions of the keys of a rule.
pub(super) const PARTITIONS: u32 = 256;
/// Stands for a partition in the lines of blocks of details.
const DETAILS: u32 = PARTITIONS;

/// A block is written when it has grown to this: 1,024 entries.
const BLOCK_BYTES: usize = 1024 * ENTRY_BYTES;

/// A line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    rule: u32,
    partition: u32,
    byte_offset: u64,
    len_bytes: u64,
    entries: u64,
    first_row: u64,
    checksum: u64,
}

impl Block {
    fn to_bytes(self) -> [u8; LINE_BYTES] {
        let mut bytes = [0; LINE_BYTES];
        bytes[..4].copy_from_slice(&self.rule.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.partition.to_le_bytes());
        let words = [
            self.byte_offset,
            self.len_bytes,
            self.entries,
            self.first_row,
            self.checksum,
        ];
        for (place, word) in bytes[8..].chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8; LINE_BYTES]) -> Block {
        let half = |at: usize| u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        let word = |at: usize| word(&bytes[at..]);
        Block {
            rule: half(0),
            partition: half(4),
            byte_offset: word(8),
            len_bytes: word(16),
            entries: word(24),
            first_row: word(32),
            checksum: word(40),
        }
    }
}

/// The first 8 bytes, which the caller knows are there.
fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|index| bytes[index]))
}

fn partition_of(Key(key): Key) -> usize {
    (key >> 120) as usize
}
