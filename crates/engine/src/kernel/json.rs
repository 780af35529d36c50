//! Byte kernel of JSON: which bytes can end a string.

use super::{Kernel, dispatch};

impl Kernel {
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
    use crate::kernel::simd::{Simd, blocks, low_bits};

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
