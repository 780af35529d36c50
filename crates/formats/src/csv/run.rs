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

use memchr::memchr;
use simdutf8::compat::from_utf8;

use crate::{Block, Fault, Malformed, Totals, Visitor};

/// The records that will be the next block, and the way to the visitor.
pub(super) struct Run<'r, V> {
    pub(super) bytes: &'r [u8],
    pub(super) columns: usize,
    /// The dialect's quote.
    pub(super) quote: Option<u8>,
    pub(super) visitor: &'r mut V,
    /// See the module.
    pub(super) index: &'r mut Vec<u32>,
    pub(super) base: usize,
    pub(super) rows: usize,
    /// Whether some record ends in `\r\n`.
    pub(super) trim_cr: bool,
    /// Whether a byte outside ASCII was seen before `seen_to`, or nobody looked.
    pub(super) maybe_non_ascii: bool,
    /// Whether a quote was.
    pub(super) maybe_quoted: bool,
    pub(super) seen_to: usize,
    pub(super) totals: Totals,
    /// Line ends before this byte are in the totals.
    pub(super) counted_to: usize,
}

impl<'r, V: Visitor> Run<'r, V> {
    /// An empty run at the start of `bytes`; what `index` holds is of no interest.
    pub(super) fn new(
        bytes: &'r [u8],
        columns: usize,
        quote: Option<u8>,
        visitor: &'r mut V,
        index: &'r mut Vec<u32>,
    ) -> Run<'r, V> {
        index.clear();
        index.push(u32::MAX);
        Run {
            bytes,
            columns,
            quote,
            visitor,
            index,
            base: 0,
            rows: 0,
            trim_cr: false,
            maybe_non_ascii: false,
            maybe_quoted: false,
            seen_to: 0,
            totals: Totals::default(),
            counted_to: 0,
        }
    }

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

    /// Drops the entries of the record that is not whole yet.
    pub(super) fn drop_unfinished(&mut self) {
        self.index.truncate(self.whole() + 1);
    }

    /// Counts the record whose ends were just appended as whole.
    pub(super) fn push_row(&mut self) {
        self.rows += 1;
        let last = self.index[self.whole()] as usize;
        self.trim_cr |= self.bytes.get(last) == Some(&b'\n') && is_after_cr(self.bytes, last);
    }

    /// Counts the records that the entries behind the last whole one make up, as far as they go.
    /// All of these are delimiters but for `terminators` newlines.
    pub(super) fn settle(&mut self, terminators: usize) {
        if terminators == 0 {
            // Not for speed alone: a long record must not be looked through again at each window.
            return;
        }
        let whole = self.whole();
        let rows = (self.index.len() - 1 - whole) / self.columns;
        let ends = &self.index[whole..=whole + rows * self.columns];
        let regular = if terminators == rows {
            regular_records(self.bytes, ends, self.columns)
        } else {
            None
        };
        match regular {
            Some(Regular { crlf }) => {
                self.rows += rows;
                self.trim_cr |= crlf;
            }
            None => self.settle_one_by_one(),
        }
    }

    /// [`settle`](Self::settle) for entries that hold ragged records or blank lines.
    pub(super) fn settle_one_by_one(&mut self) {
        let mut before = self.whole();
        loop {
            let ends = &self.index[before + 1..];
            let is_newline = |&end: &u32| self.bytes[end as usize] == b'\n';
            let Some(found) = ends.iter().position(is_newline).map(|entry| entry + 1) else {
                return;
            };
            let record = self.index[before].wrapping_add(1) as usize
                ..self.index[before + found] as usize + 1;
            let is_blank = matches!(&self.bytes[record.clone()], b"\n" | b"\r\n");
            before += found;
            if found == self.columns && !is_blank {
                self.push_row();
                continue;
            }
            self.flush();
            if is_blank {
                self.totals.blank_lines += 1;
            } else {
                let expected = self.columns;
                self.malformed(record, Fault::FieldCount { found, expected });
            }
            self.base = before;
        }
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
        let unfinished = &self.bytes[self.next_start()..self.seen_to.max(self.next_start())];
        let quote_in = |bytes| {
            self.quote
                .is_some_and(|quote| memchr(quote, bytes).is_some())
        };
        self.maybe_non_ascii = self.maybe_non_ascii && !unfinished.is_ascii();
        self.maybe_quoted = self.maybe_quoted && quote_in(unfinished);
    }

    /// Drops the entries in front of the base.
    pub(super) fn compact(&mut self) {
        self.index.drain(..self.base);
        self.base = 0;
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
            extra_keys: &[],
            bytes: self.bytes,
            index: &self.index[base..=base + rows * self.columns],
            rows,
            columns: self.columns,
            step: 1,
            trim_cr: self.trim_cr,
            quote: self.quote.filter(|_| self.maybe_quoted),
            records: None,
            kinds: None,
            ascii,
            apart: None,
            origin: None,
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

/// Records that all have the expected fields.
struct Regular {
    /// Whether some of them end in `\r\n`.
    crlf: bool,
}

/// Checks records given as the ends of their fields, base entry first, that have as many newlines
/// among them as there are records: the last field of each must end in a newline, and if there is only one,
/// it must not be a blank line. Looks at no more than that: it runs over every record of an input.
fn regular_records(bytes: &[u8], ends: &[u32], columns: usize) -> Option<Regular> {
    let is_blank = |pair: &[u32]| {
        let len = pair[1].wrapping_sub(pair[0]);
        len == 1 || (len == 2 && is_after_cr(bytes, pair[1] as usize))
    };
    if columns == 1 && ends.windows(2).any(is_blank) {
        return None;
    }
    let (mut newlines, mut crlf) = (true, false);
    for record in ends[1..].chunks_exact(columns) {
        let end = record[columns - 1] as usize;
        newlines &= bytes[end] == b'\n';
        crlf |= is_after_cr(bytes, end);
    }
    newlines.then_some(Regular { crlf })
}

fn is_after_cr(bytes: &[u8], offset: usize) -> bool {
    bytes.get(offset.wrapping_sub(1)) == Some(&b'\r')
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
