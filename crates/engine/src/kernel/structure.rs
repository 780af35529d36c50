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
    /// There is a quote, so that fields may be quoted.
    pub quotes: bool,
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
    use crate::kernel::Kernel;
    use crate::kernel::quotes::is_border;

    pub(super) fn index(
        bytes: &[u8],
        from: usize,
        to: usize,
        structure: &Structure,
        state: &mut IndexState,
        out: &mut Vec<u32>,
    ) -> Indexed {
        let Structure { delimiter, quote } = *structure;
        let is_border = |byte: u8| is_border(byte, delimiter, quote.unwrap_or(delimiter));
        let mut indexed = Indexed {
            newlines: Kernel::scalar().count_byte(&bytes[from..to], b'\n'),
            non_ascii: !Kernel::scalar().is_ascii(&bytes[from..to]),
            ..Indexed::default()
        };
        // Most bytes are none of these: one look-up passes them by.
        let mut has_meaning = [false; 256];
        for byte in [delimiter, quote.unwrap_or(delimiter), b'\n', b'\r'] {
            has_meaning[usize::from(byte)] = true;
        }
        for (offset, &byte) in bytes[from..to].iter().enumerate() {
            if !has_meaning[usize::from(byte)] {
                continue;
            }
            let position = from + offset;
            let next = bytes.get(position + 1);
            if quote == Some(byte) {
                indexed.quotes = true;
                let is_stray = if state.inside {
                    next.is_some_and(|&next| !is_border(next))
                } else if position == from {
                    state.after_content
                } else {
                    !is_border(bytes[position - 1])
                };
                if is_stray {
                    indexed.irregular.get_or_insert(position);
                }
                state.inside = !state.inside;
            } else if !state.inside && (byte == delimiter || byte == b'\n') {
                out.push(position as u32);
                indexed.terminators += usize::from(byte == b'\n');
            } else if !state.inside && byte == b'\r' && next != Some(&b'\n') {
                indexed.irregular.get_or_insert(position);
            }
        }
        if to > from {
            state.after_content = !is_border(bytes[to - 1]);
        }
        indexed
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use std::mem::MaybeUninit;

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
        out.reserve(to - from + BLOCK_BYTES);
        let mut indexer = Indexer {
            simd,
            bytes,
            from,
            delimiter: structure.delimiter,
            quote: structure.quote.unwrap_or(structure.delimiter),
            quoting: if structure.quote.is_some() { !0 } else { 0 },
            after_content: state.after_content,
            inside: if state.inside { !0 } else { 0 },
            terminators: 0,
            newlines: 0,
            irregular: None,
            quotes: 0,
            non_ascii: 0,
            written: 0,
        };
        let (blocks, last, last_len) = blocks(&bytes[from..to]);
        let spare = out.spare_capacity_mut();
        for (number, block) in blocks.iter().enumerate() {
            indexer.add(from + number * BLOCK_BYTES, block, BLOCK_BYTES, spare);
        }
        if last_len > 0 {
            indexer.add(from + blocks.len() * BLOCK_BYTES, &last, last_len, spare);
        }
        state.inside = indexer.inside != 0;
        if to > from {
            state.after_content = !is_border(bytes[to - 1], indexer.delimiter, indexer.quote);
        }
        // SAFETY: `add` wrote the first `written` entries of the spare capacity.
        unsafe { out.set_len(out.len() + indexer.written) };
        Indexed {
            terminators: indexer.terminators,
            newlines: indexer.newlines,
            irregular: indexer.irregular,
            quotes: indexer.quotes != 0,
            non_ascii: indexer.non_ascii != 0,
        }
    }

    /// The index so far.
    struct Indexer<'a, S> {
        simd: S,
        bytes: &'a [u8],
        from: usize,
        delimiter: u8,
        /// Any byte, if quoting is off.
        quote: u8,
        /// All ones, or zero if quoting is off.
        quoting: u64,
        /// What stands before `from` is no border.
        after_content: bool,
        /// All ones while inside of quotes.
        inside: u64,
        terminators: usize,
        newlines: usize,
        /// The first offset that is.
        irregular: Option<usize>,
        /// Yes if any bit is set.
        quotes: u64,
        non_ascii: u64,
        written: usize,
    }

    impl<S: Simd> Indexer<'_, S> {
        /// Adds the first `len` bytes of `block`, which starts at byte `start` of `bytes`.
        #[inline(always)]
        fn add(
            &mut self,
            start: usize,
            block: &[u8; BLOCK_BYTES],
            len: usize,
            spare: &mut [MaybeUninit<u32>],
        ) {
            let simd = self.simd;
            let valid = low_bits(len);
            let block = simd.load(block);
            let delimiters = simd.equal(block, self.delimiter) & valid;
            let newlines = simd.equal(block, b'\n') & valid;
            let returns = simd.equal(block, b'\r') & valid;
            let quotes = simd.equal(block, self.quote) & self.quoting & valid;
            self.quotes |= quotes;
            self.non_ascii |= simd.non_ascii(block);

            let mut within = self.inside;
            if quotes | returns != 0 {
                within ^= simd.prefix_xor(quotes);
                let borders = delimiters | newlines | returns | quotes;
                let (follows, precedes, precedes_newline) = self.neighbours(start, len);
                let follows_border = borders << 1 | u64::from(follows);
                let precedes_border = borders >> 1 | u64::from(precedes) << (len - 1);
                let precedes_newline = newlines >> 1 | u64::from(precedes_newline) << (len - 1);
                let irregular = quotes & within & !follows_border
                    | quotes & !within & !precedes_border
                    | returns & !within & !precedes_newline;
                if irregular != 0 {
                    self.irregular
                        .get_or_insert(start + irregular.trailing_zeros() as usize);
                }
                self.inside ^= u64::from(quotes.count_ones() & 1).wrapping_neg();
            }

            self.newlines += newlines.count_ones() as usize;
            self.terminators += (newlines & !within).count_ones() as usize;
            let structurals = (delimiters | newlines) & !within;
            let room = spare[self.written..]
                .first_chunk_mut()
                .expect("reserved before");
            self.written += simd.flatten(structurals, start as u32, room);
        }

        /// Whether the bytes `start..start + len` follow a border, precede one, precede a newline.
        ///
        /// Looked up in memory, so that blocks without quotes need not hand anything on.
        #[inline(always)]
        fn neighbours(&self, start: usize, len: usize) -> (bool, bool, bool) {
            let is_border = |byte| is_border(byte, self.delimiter, self.quote);
            let follows = if start == self.from {
                !self.after_content
            } else {
                is_border(self.bytes[start - 1])
            };
            let next = self.bytes.get(start + len).copied();
            (follows, next.is_none_or(is_border), next == Some(b'\n'))
        }
    }
}
