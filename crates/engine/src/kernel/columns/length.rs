//! Which fields are empty, and which are too short or too long.

use crate::kernel::{Empty, Kernel, Spans, dispatch};

/// How long a field may be, and what is known of the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    /// The least number of characters.
    pub min: u32,
    /// The greatest number of characters.
    pub max: u32,
    /// A field that starts with this byte is suspect whatever its length: what it stands for is
    /// shorter than what is written.
    pub quote: Option<u8>,
    /// All bytes are known to be ASCII, so bytes are characters. Otherwise every byte counts that
    /// is no UTF-8 continuation byte.
    pub ascii: bool,
}

impl Kernel {
    /// Marks the rows whose field is empty.
    pub fn mark_empty(self, spans: &Spans<'_>, suspects: &mut [u64]) {
        // Nothing but the index is read; there is nothing to gain from wider registers.
        for (word, rows) in spans.words(suspects) {
            for (bit, range) in rows {
                let is_suspect = range.is_empty();
                *word |= u64::from(is_suspect) << bit;
            }
        }
    }

    /// Marks the rows whose field is not of one of these `lengths`, or starts with a quote.
    pub fn mark_length(
        self,
        spans: &Spans<'_>,
        lengths: Lengths,
        empty: Empty,
        suspects: &mut [u64],
    ) {
        dispatch!(
            self,
            mark_length(
                spans: &Spans<'_>,
                lengths: Lengths,
                empty: Empty,
                suspects: &mut [u64],
            )
        );
    }
}

impl Lengths {
    /// Whether a field that starts with `first` and has `chars` characters is suspect.
    #[inline(always)]
    fn is_suspect(self, first: u8, chars: usize) -> bool {
        // No byte equals 256: without quoting the comparison is never true.
        let quote = self.quote.map_or(256, u16::from);
        (u16::from(first) == quote) | (chars < self.min as usize) | (chars > self.max as usize)
    }
}

mod scalar {
    use super::Lengths;
    use crate::kernel::{Empty, Kernel, Spans};

    pub(super) fn mark_length(
        spans: &Spans<'_>,
        lengths: Lengths,
        empty: Empty,
        suspects: &mut [u64],
    ) {
        for (word, rows) in spans.words(suspects) {
            for (bit, range) in rows {
                let field = &spans.bytes[range];
                let chars = if lengths.ascii {
                    field.len()
                } else {
                    Kernel::scalar().count_chars(field)
                };
                let is_suspect = match field.first() {
                    Some(&first) => lengths.is_suspect(first, chars),
                    None => empty.is_suspect(),
                };
                *word |= u64::from(is_suspect) << bit;
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use super::Lengths;
    use crate::kernel::count::wide::count_chars;
    use crate::kernel::simd::{BLOCK_BYTES, Simd, low_bits};
    use crate::kernel::{Empty, Spans};

    #[inline(always)]
    pub(super) fn mark_length<S: Simd>(
        simd: S,
        spans: &Spans<'_>,
        lengths: Lengths,
        empty: Empty,
        suspects: &mut [u64],
    ) {
        for (word, rows) in spans.words(suspects) {
            for (bit, range) in rows {
                let field = &spans.bytes[range.clone()];
                // No longer in bytes than allowed in characters: without a lower limit that will do.
                let bytes_will_do = lengths.min == 0 && field.len() <= lengths.max as usize;
                let chars = if lengths.ascii || bytes_will_do {
                    field.len()
                } else {
                    match spans.bytes[range.start..].first_chunk::<BLOCK_BYTES>() {
                        Some(block) if field.len() <= BLOCK_BYTES => {
                            let starts = simd.char_starts(simd.load(block)) & low_bits(field.len());
                            starts.count_ones() as usize
                        }
                        _ => count_chars(simd, field),
                    }
                };
                let is_suspect = match field.first() {
                    Some(&first) => lengths.is_suspect(first, chars),
                    None => empty.is_suspect(),
                };
                *word |= u64::from(is_suspect) << bit;
            }
        }
    }
}
