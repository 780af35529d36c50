//! Marks for whoever counts words or measures lines: where plain text is anything but letters.

use super::{Kernel, dispatch};

impl Kernel {
    /// Sets bit `i` of `spaces` where byte `i` is ASCII white space (tab, LF, VT, FF, CR or space), and bit `i` of `odd`
    /// where it is no printable ASCII character (below a space, above a tilde). Bits past the last byte are 0.
    ///
    /// # Panics
    /// If a bitmap has fewer than `bytes.len()` bits.
    pub fn mark_text(self, bytes: &[u8], spaces: &mut [u64], odd: &mut [u64]) {
        let words = bytes.len().div_ceil(64);
        let (spaces, odd) = (&mut spaces[..words], &mut odd[..words]);
        dispatch!(self, mark_text(bytes: &[u8], spaces: &mut [u64], odd: &mut [u64]));
    }
}

mod scalar {
    pub(super) fn mark_text(bytes: &[u8], spaces: &mut [u64], odd: &mut [u64]) {
        for ((bytes, spaces), odd) in bytes.chunks(64).zip(spaces).zip(odd) {
            (*spaces, *odd) = (0, 0);
            for (at, byte) in bytes.iter().enumerate() {
                *spaces |= u64::from(matches!(byte, b'\t'..=b'\r' | b' ')) << at;
                *odd |= u64::from(!matches!(byte, b' '..=b'~')) << at;
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use crate::kernel::simd::{Simd, blocks, low_bits};

    #[inline(always)]
    pub(super) fn mark_text<S: Simd>(simd: S, bytes: &[u8], spaces: &mut [u64], odd: &mut [u64]) {
        let (blocks, last, last_len) = blocks(bytes);
        for ((block, spaces), odd) in blocks.iter().zip(&mut *spaces).zip(&mut *odd) {
            (*spaces, *odd) = marks(simd, block);
        }
        if last_len > 0 {
            let (last_spaces, last_odd) = marks(simd, &last);
            spaces[blocks.len()] = last_spaces & low_bits(last_len);
            odd[blocks.len()] = last_odd & low_bits(last_len);
        }
    }

    #[inline(always)]
    fn marks<S: Simd>(simd: S, block: &[u8; 64]) -> (u64, u64) {
        let block = simd.load(block);
        let breaks = simd.at_most(block, b'\r') & !simd.at_most(block, b'\x08');
        let spaces = breaks | simd.equal(block, b' ');
        let odd = simd.at_most(block, b'\x1f') | !simd.at_most(block, b'~');
        (spaces, odd)
    }
}
