//! Plain decimals of up to sixteen characters, in one register and without branches.
//!
//! The last sixteen bytes up to the end of the field are loaded, so that the last digit always has
//! the same place. The point is found by comparison and closed up by a byte shuffle; then pairs of
//! digits are joined three times over: 1 → 2 → 4 → 8 digits.

use std::arch::x86_64::*;

use crate::kernel::simd::Simd;

/// How many bytes are read, up to the end of the field.
pub(in crate::kernel) const WINDOW_BYTES: usize = 16;

/// What [`parse_plain`] found. Unless `is_valid`, the rest means nothing.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernel) struct Plain {
    /// The characters were `-?[0-9]+(\.[0-9]+)?`.
    pub(in crate::kernel) is_valid: bool,
    /// There was a minus.
    pub(in crate::kernel) is_negative: bool,
    /// All digits, with sign: less than 10^16.
    pub(in crate::kernel) mantissa: i64,
    /// How many of the digits stand after the point: at most 14.
    pub(in crate::kernel) scale: usize,
    /// Only zeros stand after the point.
    pub(in crate::kernel) is_integer: bool,
}

/// By the length of the field: which bytes of the window belong to it.
static KEEP: [[u8; WINDOW_BYTES]; WINDOW_BYTES + 1] = {
    let mut keep = [[0; WINDOW_BYTES]; WINDOW_BYTES + 1];
    let mut len = 1;
    while len <= WINDOW_BYTES {
        keep[len] = keep[len - 1];
        keep[len][WINDOW_BYTES - len] = 0xFF;
        len += 1;
    }
    keep
};

/// By the number of digits after the point: the shuffle that moves what stands before the point
/// one byte up, over it. Entry 16 stands for no point and moves nothing.
static CLOSE_UP: [[u8; WINDOW_BYTES]; WINDOW_BYTES + 1] = {
    let mut shuffles = [[0; WINDOW_BYTES]; WINDOW_BYTES + 1];
    let mut scale = 0;
    while scale <= WINDOW_BYTES {
        let mut index = 0;
        while index < WINDOW_BYTES {
            let is_before_point = index + scale < WINDOW_BYTES;
            shuffles[scale][index] = match (is_before_point, index) {
                // The high bit writes a zero.
                (true, 0) => 0x80,
                (true, _) => index as u8 - 1,
                (false, _) => index as u8,
            };
            index += 1;
        }
        scale += 1;
    }
    shuffles
};

/// Reads the last `len` characters of `window`, 1 to 16.
#[inline(always)]
pub(in crate::kernel) fn parse_plain<S: Simd>(
    _simd: S,
    window: &[u8; WINDOW_BYTES],
    len: usize,
    point: u8,
) -> Plain {
    let is_negative = window[WINDOW_BYTES - len] == b'-';
    let len = len - usize::from(is_negative);
    // Bit 15 is the last character; `first` the bit of the first digit.
    let first = 0x1_0000_u32 >> len;
    let field = 0x1_0000 - first;

    // SAFETY: `_simd` proves AVX2, and the arrays hold 16 bytes, at any alignment.
    let (is_valid, after_point, is_integer, eights) = unsafe {
        let load = |bytes: &[u8; WINDOW_BYTES]| _mm_loadu_si128(bytes.as_ptr().cast());
        let text = load(window);
        let values = _mm_sub_epi8(text, _mm_set1_epi8(b'0'.cast_signed()));
        let is_digit = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
        let is_point = _mm_cmpeq_epi8(text, _mm_set1_epi8(point.cast_signed()));
        let points = _mm_movemask_epi8(is_point).cast_unsigned() & field;
        let digits = _mm_movemask_epi8(is_digit).cast_unsigned() & field;
        let is_valid = (len > 0)
            & (digits | points == field)
            & (points & points.wrapping_sub(1) == 0)
            & (points & (first | 0x8000) == 0);

        let digits = _mm_and_si128(values, load(&KEEP[len]));
        let zeros = _mm_movemask_epi8(_mm_cmpeq_epi8(digits, _mm_setzero_si128())).cast_unsigned();
        // With no point this is empty: all bits are below "bit -1".
        let fraction = !(points | points.wrapping_sub(1)) & field;
        let is_integer = !zeros & fraction == 0;

        // 16 if there is no point, which as a scale is 0.
        let after_point = (points << 16 | 0x8000).leading_zeros() as usize;
        let digits = _mm_shuffle_epi8(digits, load(&CLOSE_UP[after_point]));
        let pairs = _mm_maddubs_epi16(digits, _mm_set1_epi16(1 << 8 | 10));
        let fours = _mm_madd_epi16(pairs, _mm_set1_epi32(1 << 16 | 100));
        let fours = _mm_packus_epi32(fours, fours);
        let eights = _mm_madd_epi16(fours, _mm_set1_epi32(1 << 16 | 10_000));
        (
            is_valid,
            after_point,
            is_integer,
            _mm_cvtsi128_si64(eights).cast_unsigned(),
        )
    };
    let magnitude = (eights & 0xFFFF_FFFF) * 100_000_000 + (eights >> 32);
    // Two's complement: all bits flipped, plus one.
    let sign = i64::from(is_negative).wrapping_neg();
    let mantissa = (magnitude.cast_signed() ^ sign).wrapping_sub(sign);
    Plain {
        is_valid,
        is_negative,
        mantissa,
        scale: after_point & 15,
        is_integer,
    }
}
