//! Well-formed records on their way to the visitor.
//!
//! The fast and the strict path append field ends to one index, so that a record read strictly
//! does not cut a block in two:
//!
//! ```text
//! index   ... | base | ends of `rows` whole records ... | ends of an unfinished record ... |
//!              ^ just before the first record            ^ the next ends go on here
//! ```
//!
//! Whatever stands between two records (a blank line, a comment, a malformed record) sends off the
//! records before it and moves the base behind itself.

use std::ops::Range;

use simdutf8::compat::from_utf8;

use crate::{Block, Fault, Malformed, Totals, Visitor};

/// The records that will be the next block, and the way to the visitor.
pub(super) struct Run<'r, V> {
    pub(super) bytes: &'r [u8],
    pub(super) columns: usize,
    /// What the blocks carry as their quote.
    pub(super) quote: Option<u8>,
    pub(super) visitor: &'r mut V,
    /// See the module.
    pub(super) index: &'r mut Vec<u32>,
    pub(super) base: usize,
    pub(super) rows: usize,
    /// Whether some record ends in `\r\n`.
    pub(super) trim_cr: bool,
    /// Whether a byte outside ASCII was seen, or nobody looked.
    pub(super) maybe_non_ascii: bool,
    pub(super) totals: Totals,
}

impl<V: Visitor> Run<'_, V> {
    /// Entry just before the first record that is not whole yet.
    pub(super) fn whole(&self) -> usize {
        self.base + self.rows * self.columns
    }

    /// Where that record starts.
    pub(super) fn next_start(&self) -> usize {
        let start = self.index[self.whole()].wrapping_add(1) as usize;
        // The end of a last record without terminator is one byte before "one past its terminator".
        start.min(self.bytes.len())
    }

    /// Bytes of the records that wait to be sent off.
    pub(super) fn len_bytes(&self) -> usize {
        self.next_start() - self.index[self.base].wrapping_add(1) as usize
    }

    /// Counts the record whose ends were just appended as whole.
    pub(super) fn push_row(&mut self) {
        self.rows += 1;
        let last = self.index[self.whole()] as usize;
        self.trim_cr |= self.bytes[..last].ends_with(b"\r") && self.bytes.get(last) == Some(&b'\n');
    }

    /// Sends off the whole records. The unfinished one stays, and starts the next run.
    pub(super) fn flush(&mut self) {
        if self.rows == 0 {
            return;
        }
        let range = self.index[self.base].wrapping_add(1) as usize..self.next_start();
        let ascii = !self.maybe_non_ascii || self.bytes[range.clone()].is_ascii();
        let (mut base, mut rows) = (self.base, self.rows);
        let mut valid_from = range.start;
        while !ascii && let Some(offset) = invalid_utf8(self.bytes, valid_from..range.end) {
            // Records end in ASCII bytes, so each can be judged by itself.
            let ends = &self.index[base..=base + rows * self.columns];
            let before = rows_that_end_before(ends, self.columns, offset);
            self.send(base, before, false);
            base += before * self.columns;
            let start = self.index[base].wrapping_add(1) as usize;
            base += self.columns;
            valid_from = (self.index[base] as usize + 1).min(self.bytes.len());
            rows -= before + 1;
            self.send_malformed(start..valid_from, Fault::InvalidUtf8 { offset });
        }
        self.send(base, rows, ascii);
        self.base = self.whole();
        self.rows = 0;
        self.trim_cr = false;
    }

    /// Sends off the records so far, then `range`, a malformed one. The caller moves the base.
    pub(super) fn malformed(&mut self, range: Range<usize>, fault: Fault) {
        self.flush();
        let invalid = match fault {
            // An open quote swallows what follows it: that it may hold bad bytes says little.
            Fault::UnclosedQuote { .. } => None,
            _ => invalid_utf8(self.bytes, range.clone()),
        };
        let fault = invalid.map_or(fault, |offset| Fault::InvalidUtf8 { offset });
        self.send_malformed(range, fault);
    }

    /// Starts an empty run at `start`.
    pub(super) fn restart(&mut self, start: usize) {
        self.flush();
        self.index.clear();
        self.index.push((start as u32).wrapping_sub(1));
        self.base = 0;
    }

    fn send(&mut self, base: usize, rows: usize, ascii: bool) {
        if rows == 0 {
            return;
        }
        self.totals.rows += rows as u64;
        self.visitor.block(&Block {
            bytes: self.bytes,
            index: &self.index[base..=base + rows * self.columns],
            rows,
            columns: self.columns,
            step: 1,
            trim_cr: self.trim_cr,
            quote: self.quote,
            records: None,
            kinds: None,
            ascii,
        });
    }

    fn send_malformed(&mut self, range: Range<usize>, fault: Fault) {
        self.totals.rows += 1;
        self.visitor.malformed(&Malformed {
            bytes: self.bytes,
            range,
            fault,
        });
    }
}

/// The first byte of `range` that is not UTF-8.
fn invalid_utf8(bytes: &[u8], range: Range<usize>) -> Option<usize> {
    let error = from_utf8(&bytes[range.clone()]).err()?;
    Some(range.start + error.valid_up_to())
}

/// How many records of an index (its base entry first) end before `offset`.
fn rows_that_end_before(ends: &[u32], columns: usize, offset: usize) -> usize {
    let (mut low, mut high) = (0, (ends.len() - 1) / columns);
    while low < high {
        let middle = usize::midpoint(low, high);
        if (ends[(middle + 1) * columns] as usize) < offset {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
