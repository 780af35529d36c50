//! The block under construction: spans and kinds of the records walked since the last one was handed on.

use std::ops::Range;

use crate::{Block, ExtraKey, Kind, Visitor};

/// Bytes of index per block: with the text they point into they stay in a 1 MiB second-level cache.
const INDEX_BYTES: usize = 128 << 10;

/// Records per block, whatever their number of columns.
const ROWS_MAX: usize = 4096;

/// Rows with room for one more, which is being filled.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    columns: usize,
    capacity: usize,
    len: usize,
    index: Vec<u32>,
    kinds: Vec<Kind>,
    records: Vec<u32>,
    extra_keys: Vec<ExtraKey>,
}

impl Rows {
    pub(super) fn new(columns: usize) -> Self {
        let row_bytes =
            columns * (size_of::<[u32; 2]>() + size_of::<Kind>()) + size_of::<[u32; 2]>();
        let capacity = (INDEX_BYTES / row_bytes).clamp(16, ROWS_MAX);
        Self {
            columns,
            capacity,
            len: 0,
            index: vec![0; capacity * columns * 2],
            kinds: vec![Kind::Missing; capacity * columns],
            records: vec![0; capacity * 2],
            extra_keys: Vec::new(),
        }
    }

    /// Writes a field of the row being filled. Offsets are in the chunk.
    #[inline(always)]
    pub(super) fn set(&mut self, column: usize, kind: Kind, start: u32, end: u32) {
        let field = self.len * self.columns + column;
        self.kinds[field] = kind;
        let pair = &mut self.index[2 * field..2 * field + 2];
        pair[0] = start.wrapping_sub(1);
        pair[1] = end;
    }

    /// Notes a key of the row being filled that no column asks for.
    pub(super) fn note_extra_key(&mut self, offset: u32) {
        self.extra_keys.push(ExtraKey {
            row: self.len as u32,
            offset,
        });
    }

    /// Makes one field of the row being filled equal another.
    pub(super) fn copy(&mut self, column: usize, original: usize) {
        let row = self.len * self.columns;
        self.kinds[row + column] = self.kinds[row + original];
        let from = 2 * (row + original);
        self.index.copy_within(from..from + 2, 2 * (row + column));
    }

    /// Ends the row being filled, a record that lies there in the chunk; whether the block is full now.
    #[inline(always)]
    pub(super) fn push(&mut self, record: Range<usize>) -> bool {
        let pair = &mut self.records[2 * self.len..2 * self.len + 2];
        pair[0] = record.start as u32;
        pair[1] = record.end as u32;
        self.len += 1;
        self.len == self.capacity
    }

    /// Hands on the complete rows, if there are any. What the row being filled had is lost.
    pub(super) fn flush(&mut self, bytes: &[u8], ascii: bool, visitor: &mut impl Visitor) {
        if self.len == 0 {
            self.extra_keys.clear();
            return;
        }
        let filled = self
            .extra_keys
            .partition_point(|key| (key.row as usize) < self.len);
        let fields = self.len * self.columns;
        visitor.block(&Block {
            bytes,
            index: &self.index[..2 * fields],
            rows: self.len,
            columns: self.columns,
            step: 2,
            trim_cr: false,
            quote: None,
            records: Some(&self.records[..2 * self.len]),
            kinds: Some(&self.kinds[..fields]),
            ascii,
            extra_keys: &self.extra_keys[..filled],
            apart: None,
            origin: None,
        });
        self.len = 0;
        self.extra_keys.clear();
    }
}
