//! Byte kernels of JSON: which bytes can end a string, and what nests.

use super::{Kernel, dispatch};

/// What 64 bytes of JSON are made of; bit `i` speaks of byte `i`. See [`Kernel::json_nesting`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonNesting {
    /// From the opening quote of a string to the byte before its closing quote.
    pub quoted: u64,
    /// `{` and `[` outside of strings.
    pub openers: u64,
    /// `}` and `]` outside of strings.
    pub closers: u64,
    /// `\n`, wherever it stands.
    pub newlines: u64,
}

/// Where [`Kernel::json_nesting`] goes on. The default is the start of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonStrings {
    /// The next byte is inside of a string.
    pub is_quoted: bool,
    /// An odd number of backslashes stands before the next byte.
    is_escaped: bool,
}

impl Kernel {
    /// Tells strings from what is around them, for text that is read on where `strings` says.
    ///
    /// `blocks` gets one element for 64 bytes; what it held before is lost. Bits behind the text are zero, but for
    /// `quoted`, whose are any. A backslash takes its meaning from the next byte wherever it stands: outside of strings it has none
    /// itself, and what is made of such text is not JSON in any case.
    pub fn json_nesting(
        self,
        bytes: &[u8],
        strings: &mut JsonStrings,
        blocks: &mut Vec<JsonNesting>,
    ) {
        blocks.resize(bytes.len().div_ceil(64), JsonNesting::default());
        dispatch!(self, json_nesting(
            bytes: &[u8],
            strings: &mut JsonStrings,
            blocks: &mut [JsonNesting],
        ));
    }

    /// Marks the bytes that a string literal cannot run over: quote, backslash and control characters.
    ///
    /// Bit `i % 8` of byte `i / 8` of `stops` speaks of byte `i`. Behind the text follow ones, at
    /// least 64 of them, so that eight bytes can be read for any offset up to the length of the text,
    /// and a search that starts there ends. What `stops` held before is lost. The answer is whether
    /// all bytes are ASCII, which comes for free.
    pub fn json_stops(self, bytes: &[u8], stops: &mut Vec<u8>) -> bool {
        stops.resize((bytes.len() / 64 + 2) * 8, 0xff);
        dispatch!(self, json_stops(bytes: &[u8], stops: &mut [u8]) -> bool)
    }
}

mod scalar {
    use super::{JsonNesting, JsonStrings};

    pub(super) fn json_nesting(
        bytes: &[u8],
        strings: &mut JsonStrings,
        blocks: &mut [JsonNesting],
    ) {
        for (bytes, nesting) in bytes.chunks(64).zip(blocks) {
            *nesting = JsonNesting::default();
            for (position, &byte) in bytes.iter().enumerate() {
                let is_escaped = std::mem::take(&mut strings.is_escaped);
                strings.is_escaped = byte == b'\\' && !is_escaped;
                strings.is_quoted ^= byte == b'"' && !is_escaped;
                let bit = |is_set: bool| u64::from(is_set) << position;
                nesting.quoted |= bit(strings.is_quoted);
                nesting.openers |= bit(matches!(byte, b'{' | b'[') && !strings.is_quoted);
                nesting.closers |= bit(matches!(byte, b'}' | b']') && !strings.is_quoted);
                nesting.newlines |= bit(byte == b'\n');
            }
        }
    }

    pub(super) fn json_stops(bytes: &[u8], stops: &mut [u8]) -> bool {
        stops.fill(0xff);
        for (eight, bits) in bytes.chunks(8).zip(stops) {
            for (position, &byte) in eight.iter().enumerate() {
                let can_stop = byte < b' ' || byte == b'"' || byte == b'\\';
                *bits &= !(u8::from(!can_stop) << position);
            }
        }
        bytes.is_ascii()
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use super::{JsonNesting, JsonStrings};
    use crate::kernel::simd::{Simd, blocks, low_bits};

    #[inline(always)]
    pub(super) fn json_nesting<S: Simd>(
        simd: S,
        bytes: &[u8],
        strings: &mut JsonStrings,
        out: &mut [JsonNesting],
    ) {
        let (blocks, last, last_len) = blocks(bytes);
        let (mut is_quoted, mut is_escaped) =
            (u64::from(strings.is_quoted), u64::from(strings.is_escaped));
        let (whole, tail) = out.split_at_mut(blocks.len());
        for (block, nesting) in blocks.iter().zip(whole) {
            let block = simd.load(block);
            let (quoted, escaped_next) = block_strings(simd, block, is_quoted, is_escaped, 64);
            *nesting = block_nesting(simd, block, quoted);
            (is_quoted, is_escaped) = (quoted >> 63, escaped_next);
        }
        if let Some(nesting) = tail.first_mut() {
            let block = simd.load(&last);
            let (quoted, escaped_next) =
                block_strings(simd, block, is_quoted, is_escaped, last_len);
            *nesting = block_nesting(simd, block, quoted);
            (is_quoted, is_escaped) = (quoted >> 63, escaped_next);
        }
        (strings.is_quoted, strings.is_escaped) = (is_quoted != 0, is_escaped != 0);
    }

    /// Which bytes of a block are quoted, and whether the byte behind the first `len` is escaped. The runs of backslashes are
    /// told apart by where they start, as simdjson does it (Langdale and Lemire 2019, section 3.1.1).
    #[inline(always)]
    fn block_strings<S: Simd>(
        simd: S,
        block: S::Block,
        is_quoted: u64,
        is_escaped: u64,
        len: usize,
    ) -> (u64, u64) {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let backslashes = simd.equal(block, b'\\') & !is_escaped;
        let follows = backslashes << 1 | is_escaped;
        let odd_starts = backslashes & !EVEN & !follows;
        let (even_runs, overflow) = odd_starts.overflowing_add(backslashes);
        let escaped = (EVEN ^ (even_runs << 1)) & follows;
        let quotes = simd.equal(block, b'"') & !escaped;
        let quoted = simd.prefix_xor(quotes) ^ 0u64.wrapping_sub(is_quoted);
        let escaped_next = match len {
            64 => u64::from(overflow),
            len => escaped >> len & 1,
        };
        (quoted, escaped_next)
    }

    #[inline(always)]
    fn block_nesting<S: Simd>(simd: S, block: S::Block, quoted: u64) -> JsonNesting {
        JsonNesting {
            quoted,
            openers: (simd.equal(block, b'{') | simd.equal(block, b'[')) & !quoted,
            closers: (simd.equal(block, b'}') | simd.equal(block, b']')) & !quoted,
            newlines: simd.equal(block, b'\n'),
        }
    }

    #[inline(always)]
    pub(super) fn json_stops<S: Simd>(simd: S, bytes: &[u8], stops: &mut [u8]) -> bool {
        let (blocks, last, last_len) = blocks(bytes);
        let (words, _) = stops.as_chunks_mut::<8>();
        let (words, tail) = words.split_at_mut(blocks.len());
        let mut non_ascii = 0;
        for (block, word) in blocks.iter().zip(words) {
            let block = simd.load(block);
            non_ascii |= simd.non_ascii(block);
            *word = block_stops(simd, block).to_le_bytes();
        }
        let last = simd.load(&last);
        non_ascii |= simd.non_ascii(last);
        tail.fill([0xff; 8]);
        tail[0] = (block_stops(simd, last) | !low_bits(last_len)).to_le_bytes();
        non_ascii == 0
    }

    #[inline(always)]
    fn block_stops<S: Simd>(simd: S, block: S::Block) -> u64 {
        simd.at_most(block, b' ' - 1) | simd.equal(block, b'"') | simd.equal(block, b'\\')
    }
}
