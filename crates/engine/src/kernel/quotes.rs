//! Quotes of a stretch of CSV whose start is not known to lie inside or outside of quotes.
//!
//! A worker that takes a chunk from the middle of a file counts its quotes: their parity says
//! whether the chunk changes the side, and parities compose. That is only right where quotes are
//! used as RFC 4180 §2 has it: around whole fields, doubled inside of them. So the same pass checks
//! for quotes that open or close elsewhere, once for each side the chunk may start on.

use super::{Kernel, dispatch};

/// What the quotes of a stretch of bytes say; see [`Kernel::scan_quotes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuoteScan {
    /// There is at least one quote.
    pub has_quotes: bool,
    /// The number of quotes is odd: the stretch ends on the other side than it starts on.
    pub odd: bool,
    /// No quote is stray if the first byte is outside of quotes.
    pub outside_ok: bool,
    /// No quote is stray if the first byte is inside of quotes.
    pub inside_ok: bool,
}

impl Kernel {
    /// Counts quotes and looks for stray ones, under both hypotheses about the first byte.
    ///
    /// An opening quote is stray unless a delimiter, LF, CR or quote is directly before it, a
    /// closing one unless one of these is directly after it. What lies before `bytes` and after
    /// them is not known here: a quote as first byte is not checked for what is before it, one as
    /// last byte not for what is after it.
    pub fn scan_quotes(self, bytes: &[u8], delimiter: u8, quote: u8) -> QuoteScan {
        dispatch!(self, scan_quotes(bytes: &[u8], delimiter: u8, quote: u8) -> QuoteScan)
    }
}

/// Whether `byte` may stand on the outer side of a quote.
#[inline(always)]
pub(super) fn is_border(byte: u8, delimiter: u8, quote: u8) -> bool {
    byte == delimiter || byte == quote || byte == b'\n' || byte == b'\r'
}

mod scalar {
    use super::{QuoteScan, is_border};

    pub(super) fn scan_quotes(bytes: &[u8], delimiter: u8, quote: u8) -> QuoteScan {
        let mut scan = QuoteScan {
            has_quotes: false,
            odd: false,
            outside_ok: true,
            inside_ok: true,
        };
        for (position, _) in bytes.iter().enumerate().filter(|&(_, &byte)| byte == quote) {
            let follows_border = position == 0 || is_border(bytes[position - 1], delimiter, quote);
            let precedes_border =
                position + 1 == bytes.len() || is_border(bytes[position + 1], delimiter, quote);
            // After an even number of quotes this one opens if we started outside, closes if inside.
            let (if_opening, if_closing) = if scan.odd {
                (&mut scan.inside_ok, &mut scan.outside_ok)
            } else {
                (&mut scan.outside_ok, &mut scan.inside_ok)
            };
            *if_opening &= follows_border;
            *if_closing &= precedes_border;
            scan.odd = !scan.odd;
            scan.has_quotes = true;
        }
        scan
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use super::{QuoteScan, is_border};
    use crate::kernel::simd::{BLOCK_BYTES, Simd, blocks, low_bits};

    #[inline(always)]
    pub(super) fn scan_quotes<S: Simd>(
        simd: S,
        bytes: &[u8],
        delimiter: u8,
        quote: u8,
    ) -> QuoteScan {
        let dialect = Dialect { delimiter, quote };
        let mut found = Found::default();
        let (blocks, last, last_len) = blocks(bytes);
        for (number, block) in blocks.iter().enumerate() {
            found.add(
                simd,
                dialect,
                bytes,
                number * BLOCK_BYTES,
                block,
                BLOCK_BYTES,
            );
        }
        found.add(
            simd,
            dialect,
            bytes,
            blocks.len() * BLOCK_BYTES,
            &last,
            last_len,
        );
        QuoteScan {
            has_quotes: found.has_quotes,
            odd: found.inside != 0,
            outside_ok: found.stray_from_outside == 0,
            inside_ok: found.stray_from_inside == 0,
        }
    }

    #[derive(Clone, Copy)]
    struct Dialect {
        delimiter: u8,
        quote: u8,
    }

    /// What the blocks so far say; a mask other than 0 means yes.
    #[derive(Default)]
    struct Found {
        has_quotes: bool,
        /// All ones while inside of quotes, if the first byte is outside.
        inside: u64,
        stray_from_outside: u64,
        stray_from_inside: u64,
    }

    impl Found {
        /// Adds the first `len` bytes of `block`, which starts at byte `start` of `bytes`.
        #[inline(always)]
        fn add<S: Simd>(
            &mut self,
            simd: S,
            Dialect { delimiter, quote }: Dialect,
            bytes: &[u8],
            start: usize,
            block: &[u8; BLOCK_BYTES],
            len: usize,
        ) {
            let block = simd.load(block);
            let valid = low_bits(len);
            let quotes = simd.equal(block, quote) & valid;
            if quotes == 0 {
                return;
            }
            self.has_quotes = true;
            let borders = quotes
                | simd.equal(block, delimiter)
                | simd.equal(block, b'\n')
                | simd.equal(block, b'\r');
            // The neighbours of a block are looked at in memory: blocks without quotes need not
            // hand anything on.
            let follows = start == 0 || is_border(bytes[start - 1], delimiter, quote);
            let next = bytes.get(start + len);
            let precedes = next.is_none_or(|&next| is_border(next, delimiter, quote));
            let follows_border = borders << 1 | u64::from(follows);
            let precedes_border = (borders & valid) >> 1 | u64::from(precedes) << (len - 1);
            let within = simd.prefix_xor(quotes) ^ self.inside;
            let opening = quotes & within;
            let closing = quotes & !within;
            self.stray_from_outside |= opening & !follows_border | closing & !precedes_border;
            self.stray_from_inside |= closing & !follows_border | opening & !precedes_border;
            self.inside ^= u64::from(quotes.count_ones() & 1).wrapping_neg();
        }
    }
}
