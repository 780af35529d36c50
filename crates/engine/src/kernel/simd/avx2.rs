//! AVX2 with BMI and carry-less multiplication: every x86-64 server since 2015.

use std::arch::x86_64::*;
use std::mem::MaybeUninit;

use super::{BLOCK_BYTES, ByteClasses, CLASSES_MAX, Folded, Simd, WINDOW_BYTES};

/// Proof that the CPU has AVX2, BMI1, BMI2, LZCNT, POPCNT and PCLMULQDQ.
#[derive(Clone, Copy)]
pub(in crate::kernel) struct Avx2(());

impl Avx2 {
    /// # Safety
    /// The CPU has all of AVX2, BMI1, BMI2, LZCNT, POPCNT and PCLMULQDQ.
    #[inline(always)]
    pub(in crate::kernel) unsafe fn assume() -> Avx2 {
        Avx2(())
    }
}

/// Joins the masks of the two halves of a block.
#[inline(always)]
fn join(low: i32, high: i32) -> u64 {
    u64::from(low as u32) | u64::from(high as u32) << 32
}

/// The buckets of each byte.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
unsafe fn buckets(bytes: __m256i, [lows, highs]: [__m256i; 2]) -> __m256i {
    // SAFETY: as the caller promises.
    unsafe {
        let half = _mm256_set1_epi8(0x0F);
        let low = _mm256_and_si256(bytes, half);
        let high = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), half);
        _mm256_and_si256(
            _mm256_shuffle_epi8(lows, low),
            _mm256_shuffle_epi8(highs, high),
        )
    }
}

impl Simd for Avx2 {
    type Block = [__m256i; 2];

    /// Buckets by low half and by high half of a byte.
    type Tables = [__m256i; 2];

    #[inline(always)]
    fn load(self, bytes: &[u8; BLOCK_BYTES]) -> [__m256i; 2] {
        let halves = bytes.as_ptr().cast::<__m256i>();
        // SAFETY: the array holds both halves, and the load allows any alignment.
        unsafe {
            [
                _mm256_loadu_si256(halves),
                _mm256_loadu_si256(halves.add(1)),
            ]
        }
    }

    #[inline(always)]
    fn equal(self, [low, high]: [__m256i; 2], byte: u8) -> u64 {
        // SAFETY: `self` proves AVX2.
        unsafe {
            let byte = _mm256_set1_epi8(byte.cast_signed());
            join(
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(low, byte)),
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(high, byte)),
            )
        }
    }

    #[inline(always)]
    fn at_most(self, [low, high]: [__m256i; 2], byte: u8) -> u64 {
        // SAFETY: `self` proves AVX2.
        unsafe {
            // There is no unsigned comparison, but there is an unsigned maximum.
            let byte = _mm256_set1_epi8(byte.cast_signed());
            join(
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_max_epu8(low, byte), byte)),
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_max_epu8(high, byte), byte)),
            )
        }
    }

    #[inline(always)]
    fn non_ascii(self, [low, high]: [__m256i; 2]) -> u64 {
        // SAFETY: `self` proves AVX2.
        unsafe { join(_mm256_movemask_epi8(low), _mm256_movemask_epi8(high)) }
    }

    #[inline(always)]
    fn char_starts(self, [low, high]: [__m256i; 2]) -> u64 {
        // SAFETY: `self` proves AVX2.
        unsafe {
            // Read as signed, the continuation bytes are the 64 smallest values.
            let last_continuation = _mm256_set1_epi8(0xBF_u8.cast_signed());
            join(
                _mm256_movemask_epi8(_mm256_cmpgt_epi8(low, last_continuation)),
                _mm256_movemask_epi8(_mm256_cmpgt_epi8(high, last_continuation)),
            )
        }
    }

    #[inline(always)]
    fn tables(self, classes: &ByteClasses) -> [__m256i; 2] {
        let low = classes.buckets.low.as_ptr().cast();
        let high = classes.buckets.high.as_ptr().cast();
        // SAFETY: `self` proves AVX2; the arrays hold 16 bytes, at any alignment.
        unsafe {
            [
                _mm256_broadcastsi128_si256(_mm_loadu_si128(low)),
                _mm256_broadcastsi128_si256(_mm_loadu_si128(high)),
            ]
        }
    }

    #[inline(always)]
    fn classify(self, [low, high]: [__m256i; 2], tables: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: `self` proves AVX2.
        unsafe { [buckets(low, tables), buckets(high, tables)] }
    }

    #[inline(always)]
    fn class_bits(self, classes: &ByteClasses) -> (&[u8; CLASSES_MAX], bool) {
        (&classes.buckets.of_class, classes.buckets.exact)
    }

    #[inline(always)]
    fn any_bit(self, [low, high]: [__m256i; 2], bits: u8) -> u64 {
        // SAFETY: `self` proves AVX2.
        unsafe {
            let bits = _mm256_set1_epi8(bits.cast_signed());
            let zero = _mm256_setzero_si256();
            !join(
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_and_si256(low, bits), zero)),
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_and_si256(high, bits), zero)),
            )
        }
    }

    #[inline(always)]
    fn starts_of_letters<const COUNT: usize>(
        self,
        window: &[u8; WINDOW_BYTES],
        letters: &[(usize, Folded); COUNT],
    ) -> u64 {
        // SAFETY: `self` proves AVX2.
        unsafe {
            let mut starts = [_mm256_set1_epi8(-1); 2];
            for &(offset, Folded { fold, byte }) in letters {
                let block = window[offset..].first_chunk().expect("offsets are small");
                let fold = _mm256_set1_epi8(fold.cast_signed());
                let byte = _mm256_set1_epi8(byte.cast_signed());
                for (starts, half) in starts.iter_mut().zip(self.load(block)) {
                    let is_equal = _mm256_cmpeq_epi8(_mm256_or_si256(half, fold), byte);
                    *starts = _mm256_and_si256(*starts, is_equal);
                }
            }
            join(
                _mm256_movemask_epi8(starts[0]),
                _mm256_movemask_epi8(starts[1]),
            )
        }
    }

    #[inline(always)]
    fn prefix_xor(self, mask: u64) -> u64 {
        // SAFETY: `self` proves PCLMULQDQ.
        unsafe {
            let mask = _mm_set_epi64x(0, mask.cast_signed());
            let product = _mm_clmulepi64_si128::<0>(mask, _mm_set1_epi8(-1));
            _mm_cvtsi128_si64(product).cast_unsigned()
        }
    }

    /// Writes eight entries at a time, needed or not: rounding the count up spares a badly
    /// predicted branch per entry (the method of simdjson).
    #[inline(always)]
    fn flatten(self, mut mask: u64, base: u32, out: &mut [MaybeUninit<u32>; BLOCK_BYTES]) -> usize {
        let count = mask.count_ones() as usize;
        for eight in out.as_chunks_mut::<8>().0 {
            for entry in eight {
                entry.write(base.wrapping_add(mask.trailing_zeros()));
                mask &= mask.wrapping_sub(1);
            }
            if mask == 0 {
                break;
            }
        }
        count
    }

    #[inline(always)]
    fn min_max(self, values: &[f64], so_far: (f64, f64)) -> (f64, f64) {
        let (fours, rest) = values.as_chunks::<4>();
        let mut low = [so_far.0; 4];
        let mut high = [so_far.1; 4];
        // SAFETY: `self` proves AVX2; the loads and stores stay inside of arrays of four.
        unsafe {
            let mut lows = _mm256_loadu_pd(low.as_ptr());
            let mut highs = _mm256_loadu_pd(high.as_ptr());
            for four in fours {
                let four = _mm256_loadu_pd(four.as_ptr());
                // With a NaN in the first operand these return the second: NaN is skipped.
                lows = _mm256_min_pd(four, lows);
                highs = _mm256_max_pd(four, highs);
            }
            _mm256_storeu_pd(low.as_mut_ptr(), lows);
            _mm256_storeu_pd(high.as_mut_ptr(), highs);
        }
        let low = low.iter().chain(rest).copied().fold(so_far.0, f64::min);
        let high = high.iter().chain(rest).copied().fold(so_far.1, f64::max);
        (low, high)
    }
}
