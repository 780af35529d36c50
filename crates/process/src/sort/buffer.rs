//! Rows in memory, on their way to a sorted run.
//!
//! ```text
//!   bytes     key | row | key | row | ...
//!   entries   first 8 bytes of the key, order, where key and row lie
//! ```
//!
//! Only entries are moved. Most are told apart by the first bytes of their keys, without a look at `bytes`.

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

#[derive(Clone, Copy, Debug)]
struct Entry {
    prefix: u64,
    order: u64,
    start: u32,
    key_len: u32,
    row_len: u32,
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
        let prefix = match key.first_chunk() {
            Some(first) => u64::from_be_bytes(*first),
            None => {
                let mut first = [0; 8];
                first[..key.len()].copy_from_slice(key);
                u64::from_be_bytes(first)
            }
        };
        self.entries.push(Entry {
            prefix,
            order,
            start: start as u32,
            key_len: key.len() as u32,
            row_len: row.len() as u32,
        });
        self.bytes.extend_from_slice(row);
    }

    /// Puts the rows in order: by key, then as they came. Orders grow from row to row.
    pub(super) fn sort(&mut self) {
        let bytes = &self.bytes;
        let key = |entry: &Entry| &bytes[entry.start as usize..][..entry.key_len as usize];
        self.entries.sort_unstable_by(|one, other| {
            let by_prefix = one.prefix.cmp(&other.prefix);
            by_prefix
                .then_with(|| key(one).cmp(key(other)))
                .then_with(|| one.order.cmp(&other.order))
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
        let by_prefix = one.entries[one_at]
            .prefix
            .cmp(&other.entries[other_at].prefix);
        by_prefix.then_with(|| {
            let (one, other) = (one.get(one_at), other.get(other_at));
            let by_key = one.key.cmp(other.key);
            by_key.then_with(|| rank(one.order).cmp(&rank(other.order)))
        })
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
