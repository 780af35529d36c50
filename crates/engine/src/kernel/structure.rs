//! The structural index: where the delimiters and newlines outside of quotes are.
//!
//! Sixty-four bytes become one bit each, per kind of byte; a prefix XOR over the quote bits marks
//! what is inside of quotes (a carry-less multiplication by all ones), and the bits that remain
//! are written out as offsets. The method of simdjson and of csveee.
//!
//! Doubled quotes need no special case: they leave and re-enter the quotes with nothing in between.
//! What the method cannot read (stray quotes, a `\r` that is no part of `\r\n`) is not resolved but
//! reported as [`Indexed::irregular`]; the strict parser then takes over.

use super::{Kernel, dispatch};

/// The bytes that give a delimiter-separated input its structure. Records end in LF or CRLF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Structure {
    /// Separates fields.
    pub delimiter: u8,
    /// Surrounds fields that hold delimiters or newlines; `None`: quoting is off.
    pub quote: Option<u8>,
}

/// What one call of [`Kernel::index`] hands to the next. The default is the start of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexState {
    /// The next byte is inside of quotes.
    inside: bool,
    /// The last byte was none that may stand before an opening quote.
    after_content: bool,
}

/// What one call of [`Kernel::index`] saw, besides the index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Indexed {
    /// Newlines outside of quotes: ends of records.
    pub terminators: usize,
    /// All newlines: ends of lines as an editor shows them.
    pub newlines: usize,
    /// Offset of the first stray quote, or `\r` outside of quotes without `\n` after it: from there
    /// on the index is not to be relied on.
    pub irregular: Option<usize>,
    /// There is a byte that is not ASCII.
    pub non_ascii: bool,
}

impl IndexState {
    /// Whether the next byte is inside of quotes.
    pub fn is_inside(self) -> bool {
        self.inside
    }
}

impl Kernel {
    /// Appends to `out` the offset in `bytes` of every delimiter and LF outside of quotes in `from..to`.
    ///
    /// `state` goes from one call to the next; splitting a range into several calls changes nothing.
    /// A quote is stray if it opens where neither a delimiter, LF, CR, quote nor the start of a
    /// record is directly before it, or closes where neither of these nor the end of `bytes` is
    /// directly after it. A `\r` as last byte of `bytes` is irregular.
    ///
    /// Reserves room for `to - from + 64` entries before it starts: meant for 64 KiB at a time.
    ///
    /// # Panics
    /// If `from..to` is not a range of `bytes`, or `to` does not fit into `u32`.
    pub fn index(
        self,
        bytes: &[u8],
        from: usize,
        to: usize,
        structure: &Structure,
        state: &mut IndexState,
        out: &mut Vec<u32>,
    ) -> Indexed {
        assert!(
            from <= to && to <= bytes.len(),
            "{from}..{to} is not in 0..{}",
            bytes.len()
        );
        assert!(
            u32::try_from(to).is_ok(),
            "offset {to} does not fit into u32"
        );
        dispatch!(
            self,
            index(
                bytes: &[u8],
                from: usize,
                to: usize,
                structure: &Structure,
                state: &mut IndexState,
                out: &mut Vec<u32>,
            ) -> Indexed
        )
    }
}

mod scalar {
    use super::{IndexState, Indexed, Structure};
    use crate::kernel::quotes::is_border;

    pub(super) fn index(
        bytes: &[u8],
        from: usize,
        to: usize,
        structure: &Structure,
        state: &mut IndexState,
        out: &mut Vec<u32>,
    ) -> Indexed {
        let mut indexed = Indexed::default();
        for (position, &byte) in bytes.iter().enumerate().take(to).skip(from) {
            let next = bytes.get(position + 1).copied();
            if structure.quote == Some(byte) {
                let is_stray = if state.inside {
                    next.is_some_and(|next| !is_border(next, structure.delimiter, byte))
                } else {
                    state.after_content
                };
                if is_stray {
                    indexed.irregular.get_or_insert(position);
                }
                state.inside = !state.inside;
            } else if !state.inside {
                if byte == structure.delimiter || byte == b'\n' {
                    out.push(position as u32);
                }
                indexed.terminators += usize::from(byte == b'\n');
                if byte == b'\r' && next != Some(b'\n') {
                    indexed.irregular.get_or_insert(position);
                }
            }
            indexed.newlines += usize::from(byte == b'\n');
            indexed.non_ascii |= !byte.is_ascii();
            state.after_content = !is_border(
                byte,
                structure.delimiter,
                structure.quote.unwrap_or(structure.delimiter),
            );
        }
        indexed
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use super::{IndexState, Indexed, Structure};
    use crate::kernel::quotes::is_border;
    use crate::kernel::simd::{BLOCK_BYTES, Simd, blocks, low_bits};

    #[inline(always)]
    pub(super) fn index<S: Simd>(
        simd: S,
        bytes: &[u8],
        from: usize,
        to: usize,
        structure: &Structure,
        state: &mut IndexState,
        out: &mut Vec<u32>,
    ) -> Indexed {
        let delimiter = structure.delimiter;
        let quote = structure.quote.unwrap_or(delimiter);
        let quote_enabled = if structure.quote.is_some() { !0 } else { 0 };
        let mut inside = if state.inside { !0_u64 } else { 0 };
        let mut terminators = 0;
        let mut newline_count = 0;
        let mut irregular = None;
        let mut non_ascii = 0;

        out.reserve(to - from + BLOCK_BYTES);
        let spare = out.spare_capacity_mut();
        let mut written = 0;
        let mut step = |bytes_of_block: &[u8; BLOCK_BYTES], start: usize, len: usize| {
            let valid = low_bits(len);
            let block = simd.load(bytes_of_block);
            let delimiters = simd.equal(block, delimiter) & valid;
            let newlines = simd.equal(block, b'\n') & valid;
            let returns = simd.equal(block, b'\r') & valid;
            let quotes = simd.equal(block, quote) & quote_enabled & valid;
            non_ascii |= simd.non_ascii(block);

            let mut within = inside;
            if quotes | returns != 0 {
                within ^= simd.prefix_xor(quotes);
                let borders = delimiters | newlines | returns | quotes;
                // What is before and after the block is looked at in memory: blocks without quotes
                // need not hand anything on.
                let follows = if start == from {
                    !state.after_content
                } else {
                    is_border(bytes[start - 1], delimiter, quote)
                };
                let next = bytes.get(start + len);
                let precedes = next.is_none_or(|&next| is_border(next, delimiter, quote));
                let follows_border = borders << 1 | u64::from(follows);
                let precedes_border = borders >> 1 | u64::from(precedes) << (len - 1);
                let precedes_newline = newlines >> 1 | u64::from(next == Some(&b'\n')) << (len - 1);
                let odd = quotes & within & !follows_border
                    | quotes & !within & !precedes_border
                    | returns & !within & !precedes_newline;
                if odd != 0 {
                    irregular.get_or_insert(start + odd.trailing_zeros() as usize);
                }
                inside ^= u64::from(quotes.count_ones() & 1).wrapping_neg();
            }

            newline_count += newlines.count_ones() as usize;
            terminators += (newlines & !within).count_ones() as usize;
            let structurals = (delimiters | newlines) & !within;
            let room = spare[written..].first_chunk_mut().expect("reserved above");
            written += simd.flatten(structurals, start as u32, room);
        };

        let (blocks, last, last_len) = blocks(&bytes[from..to]);
        for (number, block) in blocks.iter().enumerate() {
            step(block, from + number * BLOCK_BYTES, BLOCK_BYTES);
        }
        if last_len > 0 {
            step(&last, from + blocks.len() * BLOCK_BYTES, last_len);
        }
        // SAFETY: `flatten` wrote the first `written` entries of the spare capacity.
        unsafe { out.set_len(out.len() + written) };
        state.inside = inside != 0;
        if to > from {
            state.after_content = !is_border(bytes[to - 1], delimiter, quote);
        }
        Indexed {
            terminators,
            newlines: newline_count,
            irregular,
            non_ascii: non_ascii != 0,
        }
    }
}
