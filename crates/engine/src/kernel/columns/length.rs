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
        spans.mark(suspects, |range| range.is_empty());
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
        spans.mark(suspects, |range| {
            let field = &spans.bytes[range];
            let Some(&first) = field.first() else {
                return empty.is_suspect();
            };
            let chars = if lengths.ascii {
                field.len()
            } else {
                Kernel::scalar().count_chars(field)
            };
            lengths.is_suspect(first, chars)
        });
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
        if lengths.ascii {
            spans.mark(suspects, |range| match spans.bytes[range.clone()].first() {
                Some(&first) => lengths.is_suspect(first, range.len()),
                None => empty.is_suspect(),
            });
        } else {
            spans.mark(suspects, |range| {
                let field = &spans.bytes[range.clone()];
                let Some(&first) = field.first() else {
                    return empty.is_suspect();
                };
                let block = spans.bytes[range.start..].first_chunk::<BLOCK_BYTES>();
                let chars = match block {
                    Some(block) if field.len() <= BLOCK_BYTES => {
                        let starts = simd.char_starts(simd.load(block)) & low_bits(field.len());
                        starts.count_ones() as usize
                    }
                    _ => count_chars(simd, field),
                };
                lengths.is_suspect(first, chars)
            });
        }
    }
}
