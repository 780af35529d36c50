//! The start of an input, read by one dialect: how many fields its records have.

use std::ops::Range;

use crate::csv::{Dialect, Piece, Splitter};

/// A record that is still open after so many bytes of the prefix opened a quote that is none.
const OPEN_BYTES_MAX: usize = 16 << 10;

/// The widths of the records of a prefix.
#[derive(Clone, Debug)]
pub(super) struct Trial<'t> {
    pub(super) dialect: Dialect,
    text: &'t [u8],
    /// Whole records, blank lines and comments left out.
    pub(super) records: Vec<Range<usize>>,
    /// Fields of each.
    pub(super) widths: Vec<usize>,
    /// Fields that most records have.
    pub(super) width: usize,
    /// Records that have so many.
    pub(super) agreeing: usize,
    /// A quote is opened that does not seem to be closed.
    pub(super) is_unclosed: bool,
}

impl<'t> Trial<'t> {
    /// Reads `text`, which is the whole input or its first bytes.
    pub(super) fn new(text: &'t [u8], is_all: bool, dialect: Dialect) -> Trial<'t> {
        let splitter = Splitter::new(&dialect);
        let mut trial = Trial {
            dialect,
            text,
            records: Vec::new(),
            widths: Vec::new(),
            width: 0,
            agreeing: 0,
            is_unclosed: false,
        };
        let (mut start, mut ends) = (0, Vec::new());
        while start < text.len() {
            ends.clear();
            let (piece, end) = splitter.next(text, start, &mut ends);
            // What ends with the prefix may go on behind it.
            let is_whole = is_all || end < text.len() || text.ends_with(b"\n");
            match piece {
                Piece::Record if is_whole => {
                    trial.records.push(start..end);
                    trial.widths.push(ends.len());
                }
                Piece::Unclosed { .. } => {
                    trial.is_unclosed = is_all || end - start > OPEN_BYTES_MAX;
                }
                Piece::Record | Piece::BlankLine | Piece::Comment => {}
            }
            start = end;
        }
        (trial.agreeing, trial.width) = mode(&trial.widths);
        trial
    }

    /// Whether every record has the same fields, at least two.
    pub(super) fn is_strict(&self) -> bool {
        self.width >= 2 && self.agreeing == self.widths.len() && !self.is_unclosed
    }

    /// Whether the first record has as many fields as nine of ten records, at least two.
    pub(super) fn fits(&self) -> bool {
        self.is_viable() && self.widths.first() == Some(&self.width)
    }

    /// Whether nine of ten records have the same fields, at least two.
    pub(super) fn is_viable(&self) -> bool {
        self.width >= 2 && 10 * self.agreeing >= 9 * self.widths.len() && !self.is_unclosed
    }

    /// The first record of a table that may have other records above it: from there on nine of ten have the same
    /// fields, at least two.
    pub(super) fn table_start(&self) -> Option<usize> {
        const ABOVE_MAX: usize = 20;
        let start = self.widths.iter().position(|&width| width == self.width)?;
        let below = self.widths.len() - start;
        let is_table = self.width >= 2 && 10 * self.agreeing >= 9 * below;
        (is_table && start <= ABOVE_MAX && (start == 0 || below >= 2)).then_some(start)
    }

    /// The line that a record starts at, from 1.
    pub(super) fn line(&self, record: usize) -> usize {
        let above = &self.text[..self.records[record].start];
        1 + memchr::memchr_iter(self.dialect.line_end(), above).count()
    }

    /// The raw fields of a record.
    pub(super) fn fields(&self, record: usize) -> impl Iterator<Item = &'t [u8]> {
        let record = &self.text[self.records[record].clone()];
        crate::csv::fields(record, &self.dialect).map(move |field| &record[field])
    }

    /// `all 12 records at the start have 5 fields`, `11 of 12 records at the start have 5 fields`.
    pub(super) fn described(&self) -> String {
        let fields = if self.width == 1 { "field" } else { "fields" };
        let all = self.widths.len();
        match self.agreeing == all {
            true if all == 1 => format!("the one record at the start has {} {fields}", self.width),
            true => format!(
                "all {all} records at the start have {} {fields}",
                self.width
            ),
            false => format!(
                "{} of {all} records at the start have {} {fields}",
                self.agreeing, self.width
            ),
        }
    }
}

/// How often the commonest width comes, and which it is; of several the largest.
fn mode(widths: &[usize]) -> (usize, usize) {
    let mut sorted = widths.to_vec();
    sorted.sort_unstable();
    let runs = sorted.chunk_by(|a, b| a == b);
    runs.map(|run| (run.len(), run[0])).max().unwrap_or((0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_may_go_on_do_not_count() {
        let widths =
            |text: &str, is_all| Trial::new(text.as_bytes(), is_all, Dialect::csv()).widths;
        assert_eq!(widths("a,b\n1,2\n3", true), [2, 2, 1]);
        assert_eq!(widths("a,b\n1,2\n3", false), [2, 2]);
        assert_eq!(widths("a,b\n1,2\n3,\"4\n5", false), [2, 2]);
        assert!(Trial::new(b"a,b\n1,\"2\n", true, Dialect::csv()).is_unclosed);
        assert!(!Trial::new(b"a,b\n1,\"2\n", false, Dialect::csv()).is_unclosed);
    }

    #[test]
    fn the_commonest_width_wins() {
        assert_eq!(mode(&[3, 2, 3, 1]), (2, 3));
        assert_eq!(mode(&[1, 2]), (1, 2));
        assert_eq!(mode(&[]), (0, 0));
    }
}
