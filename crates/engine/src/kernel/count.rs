//! Byte kernels that only count or fold: newlines, characters, ASCII, extremes.

use super::{Kernel, dispatch};

impl Kernel {
    /// How many bytes equal `byte`; with `b'\n'`, the number of newlines.
    pub fn count_byte(self, bytes: &[u8], byte: u8) -> usize {
        dispatch!(self, count_byte(bytes: &[u8], byte: u8) -> usize)
    }

    /// How many characters (Unicode scalar values) valid UTF-8 holds.
    ///
    /// In other input the bytes are counted that are not of the form `0b10xx_xxxx`.
    pub fn count_chars(self, bytes: &[u8]) -> usize {
        dispatch!(self, count_chars(bytes: &[u8]) -> usize)
    }

    /// Whether all bytes are ASCII.
    pub fn is_ascii(self, bytes: &[u8]) -> bool {
        dispatch!(self, is_ascii(bytes: &[u8]) -> bool)
    }

    /// The smallest and the largest of `values`; `None` if there is no number among them.
    ///
    /// NaN is skipped, and zero comes back as `+0.0`, so that neither the order of the values nor
    /// the instruction set shows in the result.
    pub fn min_max_f64(self, values: &[f64]) -> Option<(f64, f64)> {
        let (min, max) = dispatch!(self, min_max_f64(values: &[f64]) -> (f64, f64));
        // Adding +0.0 turns -0.0 into +0.0 and changes nothing else.
        (min <= max).then_some((min + 0.0, max + 0.0))
    }
}

mod scalar {
    pub(super) fn count_byte(bytes: &[u8], byte: u8) -> usize {
        bytes.iter().filter(|&&candidate| candidate == byte).count()
    }

    pub(super) fn count_chars(bytes: &[u8]) -> usize {
        bytes
            .iter()
            .filter(|&&byte| byte & 0b1100_0000 != 0b1000_0000)
            .count()
    }

    pub(super) fn is_ascii(bytes: &[u8]) -> bool {
        bytes.iter().all(|byte| byte.is_ascii())
    }

    pub(super) fn min_max_f64(values: &[f64]) -> (f64, f64) {
        values
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), &value| {
                (min.min(value), max.max(value))
            })
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod wide {
    use crate::kernel::simd::{Simd, blocks, low_bits};

    #[inline(always)]
    pub(super) fn count_byte<S: Simd>(simd: S, bytes: &[u8], byte: u8) -> usize {
        let (blocks, last, last_len) = blocks(bytes);
        let mut count = 0;
        for block in blocks {
            count += simd.equal(simd.load(block), byte).count_ones() as usize;
        }
        count + (simd.equal(simd.load(&last), byte) & low_bits(last_len)).count_ones() as usize
    }

    #[inline(always)]
    pub(in crate::kernel) fn count_chars<S: Simd>(simd: S, bytes: &[u8]) -> usize {
        let (blocks, last, last_len) = blocks(bytes);
        let mut count = 0;
        for block in blocks {
            count += simd.char_starts(simd.load(block)).count_ones() as usize;
        }
        count + (simd.char_starts(simd.load(&last)) & low_bits(last_len)).count_ones() as usize
    }

    #[inline(always)]
    pub(super) fn is_ascii<S: Simd>(simd: S, bytes: &[u8]) -> bool {
        let (blocks, last, _) = blocks(bytes);
        for block in blocks {
            if simd.non_ascii(simd.load(block)) != 0 {
                return false;
            }
        }
        simd.non_ascii(simd.load(&last)) == 0
    }

    #[inline(always)]
    pub(super) fn min_max_f64<S: Simd>(simd: S, values: &[f64]) -> (f64, f64) {
        simd.min_max(values, (f64::INFINITY, f64::NEG_INFINITY))
    }
}
