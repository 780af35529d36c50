//! AVX-512 with byte permutation and compression (VBMI, VBMI2): Ice Lake, Zen 4 and later.
//!
//! Compared with AVX2 a mask takes one comparison instead of two and a join, and the structural
//! index is flattened sixteen entries at a time.

use std::arch::x86_64::*;
use std::mem::MaybeUninit;

use super::{Avx2, BLOCK_BYTES, ByteClasses, CLASSES_MAX, Folded, Simd, WINDOW_BYTES};

/// Proof that the CPU has what [`Avx2`] stands for and AVX-512 F, BW, VL, VBMI and VBMI2.
#[derive(Clone, Copy)]
pub(in crate::kernel) struct Avx512(Avx2);

impl Avx512 {
    /// # Safety
    /// The CPU has what [`Avx2`] stands for and AVX-512 F, BW, VL, VBMI and VBMI2.
    #[inline(always)]
    pub(in crate::kernel) unsafe fn assume() -> Avx512 {
        // SAFETY: part of what the caller promises.
        Avx512(unsafe { Avx2::assume() })
    }
}

/// 0, 1, 2, .. 63: compressed by a mask it becomes the positions of the set bits.
static POSITIONS: [u8; BLOCK_BYTES] = {
    let mut positions = [0; BLOCK_BYTES];
    let mut position = 0;
    while position < BLOCK_BYTES {
        positions[position] = position as u8;
        position += 1;
    }
    positions
};

impl Simd for Avx512 {
    type Block = __m512i;

    /// The classes of bytes 0 to 63, 64 to 127, and so on.
    type Tables = [__m512i; 4];

    #[inline(always)]
    fn load(self, bytes: &[u8; BLOCK_BYTES]) -> __m512i {
        // SAFETY: `self` proves AVX-512; the array holds 64 bytes, at any alignment.
        unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
    }

    #[inline(always)]
    fn equal(self, block: __m512i, byte: u8) -> u64 {
        // SAFETY: `self` proves AVX-512 BW.
        unsafe { _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(byte.cast_signed())) }
    }

    #[inline(always)]
    fn at_most(self, block: __m512i, byte: u8) -> u64 {
        // SAFETY: `self` proves AVX-512 BW.
        unsafe { _mm512_cmple_epu8_mask(block, _mm512_set1_epi8(byte.cast_signed())) }
    }

    #[inline(always)]
    fn non_ascii(self, block: __m512i) -> u64 {
        // SAFETY: `self` proves AVX-512 BW.
        unsafe { _mm512_movepi8_mask(block) }
    }

    #[inline(always)]
    fn char_starts(self, block: __m512i) -> u64 {
        // SAFETY: `self` proves AVX-512 BW.
        unsafe { _mm512_cmpgt_epi8_mask(block, _mm512_set1_epi8(0xBF_u8.cast_signed())) }
    }

    #[inline(always)]
    fn tables(self, classes: &ByteClasses) -> [__m512i; 4] {
        let (quarters, _) = classes.table.as_chunks::<BLOCK_BYTES>();
        [0, 1, 2, 3].map(|quarter| self.load(&quarters[quarter]))
    }

    /// Each of two permutations looks up the low seven bits of a byte; the high one chooses.
    #[inline(always)]
    fn classify(self, block: __m512i, tables: [__m512i; 4]) -> __m512i {
        // SAFETY: `self` proves AVX-512 BW and VBMI.
        unsafe {
            let ascii = _mm512_permutex2var_epi8(tables[0], block, tables[1]);
            let other = _mm512_permutex2var_epi8(tables[2], block, tables[3]);
            _mm512_mask_blend_epi8(_mm512_movepi8_mask(block), ascii, other)
        }
    }

    #[inline(always)]
    fn class_bits(self, _: &ByteClasses) -> (&[u8; CLASSES_MAX], bool) {
        (&[1, 2, 4, 8, 16, 32, 64, 128], true)
    }

    #[inline(always)]
    fn any_bit(self, block: __m512i, bits: u8) -> u64 {
        // SAFETY: `self` proves AVX-512 BW.
        unsafe { _mm512_test_epi8_mask(block, _mm512_set1_epi8(bits.cast_signed())) }
    }

    #[inline(always)]
    fn starts_of_letters<const COUNT: usize>(
        self,
        window: &[u8; WINDOW_BYTES],
        letters: &[(usize, Folded); COUNT],
    ) -> u64 {
        let mut starts = !0;
        for &(offset, Folded { fold, byte }) in letters {
            let block = window[offset..].first_chunk().expect("offsets are small");
            let block = self.load(block);
            // SAFETY: `self` proves AVX-512 BW.
            starts &= unsafe {
                let folded = _mm512_or_si512(block, _mm512_set1_epi8(fold.cast_signed()));
                _mm512_cmpeq_epi8_mask(folded, _mm512_set1_epi8(byte.cast_signed()))
            };
        }
        starts
    }

    #[inline(always)]
    fn prefix_xor(self, mask: u64) -> u64 {
        self.0.prefix_xor(mask)
    }

    /// Compresses the positions of the set bits in a register (storing compressed bytes is very
    /// slow on Zen 4), then widens sixteen at a time.
    #[inline(always)]
    fn flatten(self, mask: u64, base: u32, out: &mut [MaybeUninit<u32>; BLOCK_BYTES]) -> usize {
        let count = mask.count_ones() as usize;
        // SAFETY: `self` proves VBMI2; the four stores fill the 64 entries of `out` and no more.
        unsafe {
            let positions = _mm512_loadu_si512(POSITIONS.as_ptr().cast());
            let positions = _mm512_maskz_compress_epi8(mask, positions);
            let base = _mm512_set1_epi32(base.cast_signed());
            let out = out.as_mut_ptr().cast::<__m512i>();
            let widen = |sixteen| _mm512_add_epi32(_mm512_cvtepu8_epi32(sixteen), base);
            _mm512_storeu_si512(out, widen(_mm512_castsi512_si128(positions)));
            if count > 16 {
                _mm512_storeu_si512(out.add(1), widen(_mm512_extracti32x4_epi32::<1>(positions)));
            }
            if count > 32 {
                _mm512_storeu_si512(out.add(2), widen(_mm512_extracti32x4_epi32::<2>(positions)));
                _mm512_storeu_si512(out.add(3), widen(_mm512_extracti32x4_epi32::<3>(positions)));
            }
        }
        count
    }

    #[inline(always)]
    fn min_max(self, values: &[f64], so_far: (f64, f64)) -> (f64, f64) {
        self.0.min_max(values, so_far)
    }
}
