//! Plain decimal numbers as integers of one unit: cents, say, for a column of prices.
//!
//! A number of up to 18 digits is brought to a common *scale*, the number of digits after the point: `12.5` is 1250 at
//! scale 2. Integers add up exactly and in any order, and are compared as they are. What is written otherwise, has more
//! digits after the point than the scale, or does not fit an `i64`, is marked for somebody slower.

use crate::kernel::{Kernel, Spans, dispatch};

/// The most digits a number has here, before and after the point together; the largest scale, too.
const DIGITS_MAX: usize = 18;

/// `10^n`.
const POWERS: [i64; DIGITS_MAX + 1] = {
    let mut powers = [1; DIGITS_MAX + 1];
    let mut n = 1;
    while n <= DIGITS_MAX {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

/// The greatest magnitude that times `10^n` fits.
const LIMITS: [u64; DIGITS_MAX + 1] = {
    let mut limits = [0; DIGITS_MAX + 1];
    let mut n = 0;
    while n <= DIGITS_MAX {
        limits[n] = i64::MAX as u64 / POWERS[n] as u64;
        n += 1;
    }
    limits
};

impl Kernel {
    /// Appends to `out` the number in each row's field, times `10^scale`.
    ///
    /// That is for fields `-?(0|[1-9][0-9]*)(\.[0-9]+)?` (with `point` for the point) of at most 18 digits, at most `scale` of them
    /// after the point, whose value fits. Any other row gets 0 and is marked.
    ///
    /// # Panics
    /// If `scale` is more than 18.
    pub fn parse_fixed(
        self,
        spans: &Spans<'_>,
        point: u8,
        scale: u8,
        out: &mut Vec<i64>,
        suspects: &mut [u64],
    ) {
        let scale = usize::from(scale);
        assert!(scale <= DIGITS_MAX, "scale {scale}");
        dispatch!(
            self,
            parse_fixed(
                spans: &Spans<'_>,
                point: u8,
                scale: usize,
                out: &mut Vec<i64>,
                suspects: &mut [u64],
            )
        );
    }
}

/// `mantissa` with `more` zeros behind it, if that fits.
#[inline(always)]
fn shifted(mantissa: i64, more: usize) -> Option<i64> {
    (mantissa.unsigned_abs() <= LIMITS[more]).then(|| mantissa * POWERS[more])
}

mod scalar {
    use super::{DIGITS_MAX, shifted};
    use crate::kernel::Spans;

    pub(super) fn parse_fixed(
        spans: &Spans<'_>,
        point: u8,
        scale: usize,
        out: &mut Vec<i64>,
        suspects: &mut [u64],
    ) {
        for (word, rows) in spans.words(suspects) {
            for (bit, place) in rows {
                let value = fixed(&spans.bytes[place], point, scale);
                out.push(value.unwrap_or(0));
                *word |= u64::from(value.is_none()) << bit;
            }
        }
    }

    /// The definition of the kernel, for one field.
    #[inline(never)]
    pub(super) fn fixed(field: &[u8], point: u8, scale: usize) -> Option<i64> {
        let unsigned = field.strip_prefix(b"-").unwrap_or(field);
        let (mut magnitude, mut digits, mut decimals) = (0, 0, None);
        for &byte in unsigned {
            if byte.is_ascii_digit() {
                if digits == DIGITS_MAX {
                    return None;
                }
                magnitude = magnitude * 10 + i64::from(byte - b'0');
                digits += 1;
                decimals = decimals.map(|count: usize| count + 1);
            } else if byte == point && digits > 0 && decimals.is_none() {
                decimals = Some(0);
            } else {
                return None;
            }
        }
        if digits == 0 || decimals == Some(0) || matches!(unsigned, [b'0', b'0'..=b'9', ..]) {
            return None;
        }
        let mantissa = match unsigned.len() < field.len() {
            true => -magnitude,
            false => magnitude,
        };
        shifted(mantissa, scale.checked_sub(decimals.unwrap_or(0))?)
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use super::{LIMITS, POWERS, scalar};
    use crate::kernel::Spans;
    use crate::kernel::floats::plain::{WINDOW_BYTES, parse_plain};
    use crate::kernel::simd::Simd;

    #[inline(always)]
    pub(super) fn parse_fixed<S: Simd>(
        simd: S,
        spans: &Spans<'_>,
        point: u8,
        scale: usize,
        out: &mut Vec<i64>,
        suspects: &mut [u64],
    ) {
        out.reserve(spans.rows);
        for (word, rows) in spans.words(suspects) {
            for (bit, place) in rows {
                let window = spans
                    .bytes
                    .get(..place.end)
                    .and_then(|before| before.last_chunk());
                let fast = match window {
                    Some(window) if (1..=WINDOW_BYTES).contains(&place.len()) => {
                        fixed(simd, window, place.len(), point, scale)
                    }
                    _ => None,
                };
                let value = match fast {
                    None if !place.is_empty() => scalar::fixed(&spans.bytes[place], point, scale),
                    fast => fast,
                };
                out.push(value.unwrap_or(0));
                *word |= u64::from(value.is_none()) << bit;
            }
        }
    }

    #[inline(always)]
    fn fixed<S: Simd>(
        simd: S,
        window: &[u8; WINDOW_BYTES],
        len: usize,
        point: u8,
        scale: usize,
    ) -> Option<i64> {
        let plain = parse_plain(simd, window, len, point);
        let first = WINDOW_BYTES - len + usize::from(plain.is_negative);
        // A number of one digit has nothing behind it; the bit keeps the place inside of the window.
        let is_padded = (window[first & (WINDOW_BYTES - 1)] == b'0')
            & (first + 1 < WINDOW_BYTES)
            & (window[(first + 1) & (WINDOW_BYTES - 1)] != point);
        let more = scale.wrapping_sub(plain.scale);
        let in_table = more.min(POWERS.len() - 1);
        let fits = (more <= scale) & (plain.mantissa.unsigned_abs() <= LIMITS[in_table]);
        let value = plain.mantissa.wrapping_mul(POWERS[in_table]);
        (plain.is_valid & !is_padded & fits).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_to_one_scale() {
        for (field, scale, value) in [
            ("12.5", 2, Some(1250)),
            ("-12.5", 1, Some(-125)),
            ("12.5", 0, None),
            ("0", 18, Some(0)),
            ("-0.0", 1, Some(0)),
            ("9", 18, Some(9_000_000_000_000_000_000)),
            ("10", 18, None),
            ("123456789012345678", 0, Some(123_456_789_012_345_678)),
            ("1234567890123456789", 0, None),
            ("12345678901234.5678", 4, Some(123_456_789_012_345_678)),
            ("007", 0, None),
            ("-01", 0, None),
            ("00.5", 1, None),
            ("0.5", 1, Some(5)),
            ("5.", 1, None),
            (".5", 1, None),
            ("1e3", 3, None),
            ("+1", 0, None),
            ("-", 0, None),
            ("", 0, None),
            ("1.2.3", 5, None),
        ] {
            assert_eq!(
                scalar::fixed(field.as_bytes(), b'.', scale),
                value,
                "{field}"
            );
        }
    }
}
