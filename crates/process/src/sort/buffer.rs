//! Rows in memory, on their way to a sorted run.
//!
//! ```text
//!   bytes     key | row | key | row | ...
//!   entries   first 12 bytes of the key, order, where key and row lie
//! ```
//!
//! Only entries are moved. Most are told apart by the first bytes of their keys, without a look at `bytes`: the key of one
//! number has nine.

use std::cmp::Ordering;

use tamis_engine::Result;

use crate::spill::run::{Record, RunWriter};

/// No buffer is larger: places in it have 32 bits. A row may make it twice as large before that is noticed.
pub(super) const BYTES_MAX: usize = 1 << 31;

/// Rows with their keys.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

/// Bytes of a key that an entry has.
const PREFIX_BYTES: usize = 12;

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The first bytes of the key, the first on top, zeros behind its end.
    prefix: u64,
    order: u64,
    start: u32,
    key_len: u32,
    row_len: u32,
    /// The four bytes of the key that follow.
    more: u32,
}

impl Entry {
    /// Compares keys as far as entries tell; `None`: they may differ in what comes behind.
    #[inline(always)]
    fn compare(&self, other: &Entry) -> Option<Ordering> {
        match (self.prefix, self.more).cmp(&(other.prefix, other.more)) {
            // No key is the beginning of another, so short ones are equal.
            Ordering::Equal if self.key_len.max(other.key_len) as usize > PREFIX_BYTES => None,
            by_prefix => Some(by_prefix),
        }
    }
}

impl Buffer {
    /// Bytes in use.
    pub(super) fn len_bytes(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<Entry>()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Appends a row: `write_key` appends its key.
    pub(super) fn push(&mut self, order: u64, row: &[u8], write_key: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write_key(&mut self.bytes);
        let key = &self.bytes[start..];
        let first: [u8; PREFIX_BYTES] = match key.first_chunk() {
            Some(first) => *first,
            None => {
                let mut first = [0; PREFIX_BYTES];
                first[..key.len()].copy_from_slice(key);
                first
            }
        };
        let [a, b, c, d, e, f, g, h, rest @ ..] = first;
        self.entries.push(Entry {
            prefix: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            order,
            start: start as u32,
            key_len: key.len() as u32,
            row_len: row.len() as u32,
            more: u32::from_be_bytes(rest),
        });
        self.bytes.extend_from_slice(row);
    }

    /// Puts the rows in order: by key, then as they came. Orders grow from row to row.
    pub(super) fn sort(&mut self) {
        let bytes = &self.bytes;
        let key = |entry: &Entry| &bytes[entry.start as usize..][..entry.key_len as usize];
        self.entries.sort_unstable_by(|one, other| {
            let by_key = one
                .compare(other)
                .unwrap_or_else(|| key(one).cmp(key(other)));
            by_key.then_with(|| one.order.cmp(&other.order))
        });
    }

    /// The row at that place.
    pub(super) fn get(&self, at: usize) -> Record<'_> {
        let entry = &self.entries[at];
        let both = &self.bytes[entry.start as usize..];
        let (key, rest) = both.split_at(entry.key_len as usize);
        Record {
            key,
            order: entry.order,
            payload: &rest[..entry.row_len as usize],
        }
    }

    /// Compares rows of two sorted buffers; `rank` says what orders stand for.
    pub(super) fn compare(
        (one, one_at): (&Buffer, usize),
        (other, other_at): (&Buffer, usize),
        rank: impl Fn(u64) -> u64,
    ) -> Ordering {
        let (one_entry, other_entry) = (&one.entries[one_at], &other.entries[other_at]);
        let by_key = one_entry
            .compare(other_entry)
            .unwrap_or_else(|| one.get(one_at).key.cmp(other.get(other_at).key));
        by_key.then_with(|| rank(one_entry.order).cmp(&rank(other_entry.order)))
    }

    /// Sorts the rows, appends them as a run, and is empty again.
    pub(super) fn spill(&mut self, writer: &mut RunWriter) -> Result<()> {
        self.sort();
        (0..self.len()).try_for_each(|at| writer.push(self.get(at)))?;
        self.bytes.clear();
        self.entries.clear();
        writer.end_run()
    }
}
