//! One column of a block, as the column kernels see it, and the loop they share.

use std::ops::Range;

/// One column of a block: where the field of each row lies in `bytes`.
///
/// Row `r` spans `index[first + r * stride] + 1 .. index[first + r * stride + 1]` (wrapping: an index of
/// `u32::MAX` stands for "just before byte 0"). For CSV `index` holds every separator and terminator of the
/// block, `first` the column and `stride` the number of columns; for JSON it holds pairs (start - 1, end).
///
/// A field is raw: quotes are part of it.
#[derive(Clone, Copy, Debug)]
pub struct Spans<'a> {
    /// The bytes the index points into.
    pub bytes: &'a [u8],
    /// Offsets into `bytes`.
    pub index: &'a [u32],
    /// Entry of row 0.
    pub first: usize,
    /// Entries from one row to the next.
    pub stride: usize,
    /// Number of rows.
    pub rows: usize,
    /// The field may end in a `\r` that belongs to the terminator (last column of a CRLF file): a trailing `\r` is cut off.
    pub trim_cr: bool,
}

/// What a column kernel does with an empty field, which stands for null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// An empty field is good, whatever else the kernel asks.
    Pass,
    /// An empty field is suspect, whatever else the kernel asks.
    Suspect,
}

impl<'a> Spans<'a> {
    /// Where the field of `row` lies in `bytes`.
    ///
    /// # Panics
    /// If the index does not reach that row, or points outside of `bytes`.
    #[inline(always)]
    pub fn range(&self, row: usize) -> Range<usize> {
        let entry = self.first + row * self.stride;
        let start = self.index[entry].wrapping_add(1) as usize;
        let mut end = self.index[entry + 1] as usize;
        if self.trim_cr && end > start && self.bytes[end - 1] == b'\r' {
            end -= 1;
        }
        start..end
    }

    /// The raw field of `row`.
    ///
    /// # Panics
    /// If the index does not reach that row, or points outside of `bytes`.
    #[inline(always)]
    pub fn field(&self, row: usize) -> &'a [u8] {
        &self.bytes[self.range(row)]
    }

    /// Sets the bit of every row whose range `is_suspect`; bit `r % 64` of word `r / 64` is row `r`.
    #[inline(always)]
    pub(super) fn mark(
        &self,
        suspects: &mut [u64],
        mut is_suspect: impl FnMut(Range<usize>) -> bool,
    ) {
        let words = &mut suspects[..self.rows.div_ceil(64)];
        for (word_index, word) in words.iter_mut().enumerate() {
            let first_row = word_index * 64;
            let rows = first_row..self.rows.min(first_row + 64);
            let mut bits = 0;
            for (bit, row) in rows.enumerate() {
                bits |= u64::from(is_suspect(self.range(row))) << bit;
            }
            *word |= bits;
        }
    }
}

impl Empty {
    /// Whether an empty field is suspect.
    #[inline(always)]
    pub(super) fn is_suspect(self) -> bool {
        self == Empty::Suspect
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_the_index() {
        let spans = Spans {
            bytes: b"ab,c\r\nd,\r\n",
            index: &[u32::MAX, 2, 5, 7, 9],
            first: 1,
            stride: 2,
            rows: 2,
            trim_cr: true,
        };
        assert_eq!(spans.field(0), b"c");
        assert_eq!(spans.field(1), b"");
        let first = Spans { first: 0, ..spans };
        assert_eq!(first.field(0), b"ab");
        assert_eq!(first.field(1), b"d");
    }
}
