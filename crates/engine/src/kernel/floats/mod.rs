//! Text to binary numbers: doubles, correctly rounded, and 64-bit integers.
//!
//! What is a number here is what [`Decimal`](crate::number::Decimal) reads:
//! `-? (digits [. [digits]] | . digits) ([eE] [+-]? digits)?`, so no NaN, no infinity, no leading
//! `+`, no spaces, no underscores, and nothing beyond the limits of a decimal: what `1e-99999` is must
//! not depend on who reads it.
//!
//! A plain number of up to 15 digits and a scale of up to 22 is one exact integer divided by one
//! exact power of ten, and IEEE 754 rounds that division correctly (Clinger 1990). All others go to
//! `fast-float2`.

#[cfg(target_arch = "x86_64")]
pub(super) mod plain;

use super::{Kernel, Spans, dispatch};

impl Kernel {
    /// The double nearest to the number in `field`, ties to even.
    ///
    /// `None` if `field` is no number, or too large for a double; too small ones become zero.
    pub fn parse_f64(self, field: &[u8]) -> Option<f64> {
        dispatch!(self, parse_f64(field: &[u8]) -> Option<f64>)
    }

    /// Appends the value of each row's field to `out` as [`parse_f64`](Self::parse_f64) reads it.
    ///
    /// A row without a value, empty ones too, gets NaN and is marked.
    pub fn parse_f64s(self, spans: &Spans<'_>, out: &mut Vec<f64>, suspects: &mut [u64]) {
        dispatch!(self, parse_f64s(spans: &Spans<'_>, out: &mut Vec<f64>, suspects: &mut [u64]));
    }

    /// The integer `-?[0-9]+` in `field`; `None` if it is none, or does not fit.
    pub fn parse_i64(self, field: &[u8]) -> Option<i64> {
        dispatch!(self, parse_i64(field: &[u8]) -> Option<i64>)
    }
}

mod scalar {
    use crate::kernel::Spans;
    use crate::number::{Decimal, PLACES_MAX};

    #[inline(never)]
    pub(super) fn parse_f64(field: &[u8]) -> Option<f64> {
        let unsigned = field.strip_prefix(b"-").unwrap_or(field);
        // What starts like a number is read by `fast-float2` as the grammar above has it; it would
        // also read a `+`, `inf` and `nan`.
        match unsigned.first() {
            Some(b'0'..=b'9' | b'.') => fast_float2::parse::<f64, _>(field)
                .ok()
                .filter(|value| value.is_finite() && is_within_limits(*value, field)),
            _ => None,
        }
    }

    /// Whether a number's exponent and its length are within the limits of a [`Decimal`].
    #[inline]
    fn is_within_limits(value: f64, number: &[u8]) -> bool {
        // A double other than zero lies between 10^-324 and 10^309, so `number` cannot have an exponent beyond that by more
        // than its own length: of so few bytes, less than 4,500. Zero can, and is looked at.
        (value != 0.0 && number.len() <= PLACES_MAX / 4) || is_within_limits_as_written(number)
    }

    #[inline(never)]
    fn is_within_limits_as_written(number: &[u8]) -> bool {
        let mark = number.iter().rposition(|byte| matches!(byte, b'e' | b'E'));
        // An exponent of three digits is, or of two and a sign.
        let is_short = number.len() < PLACES_MAX / 2;
        is_short && mark.is_none_or(|at| number.len() - at <= 4) || Decimal::parse(number).is_some()
    }

    pub(super) fn parse_f64s(spans: &Spans<'_>, out: &mut Vec<f64>, suspects: &mut [u64]) {
        for (word, rows) in spans.words(suspects) {
            for (bit, range) in rows {
                let value = parse_f64(&spans.bytes[range]);
                out.push(value.unwrap_or(f64::NAN));
                *word |= u64::from(value.is_none()) << bit;
            }
        }
    }

    pub(super) fn parse_i64(field: &[u8]) -> Option<i64> {
        let (is_negative, digits) = match field {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, field),
        };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        // Summed up on the negative side, which reaches further by one.
        let negative = digits.iter().try_fold(0_i64, |sum, digit| {
            sum.checked_mul(10)?.checked_sub(i64::from(digit - b'0'))
        })?;
        if is_negative {
            Some(negative)
        } else {
            negative.checked_neg()
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod wide {
    use super::plain::{Plain, WINDOW_BYTES, parse_plain};
    use super::scalar;
    use crate::kernel::Spans;
    use crate::kernel::simd::Simd;

    /// Up to this, all integers are doubles.
    const EXACT_MAX: u64 = 1 << f64::MANTISSA_DIGITS;

    /// The powers of ten a [`Plain`] can have as scale: all of them exact.
    const POWERS_OF_TEN: [f64; WINDOW_BYTES] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    ];

    #[inline(always)]
    pub(super) fn parse_f64<S: Simd>(simd: S, field: &[u8]) -> Option<f64> {
        if (1..=WINDOW_BYTES).contains(&field.len()) {
            let plain = parse_plain(simd, &window_of(field), field.len(), b'.');
            if let Some(value) = value_of(plain) {
                return Some(value);
            }
        }
        scalar::parse_f64(field)
    }

    #[inline(always)]
    pub(super) fn parse_f64s<S: Simd>(
        simd: S,
        spans: &Spans<'_>,
        out: &mut Vec<f64>,
        suspects: &mut [u64],
    ) {
        out.reserve(spans.rows);
        for (word, rows) in spans.words(suspects) {
            for (bit, range) in rows {
                let window = spans
                    .bytes
                    .get(..range.end)
                    .and_then(|before| before.last_chunk());
                let fast = match window {
                    Some(window) if (1..=WINDOW_BYTES).contains(&range.len()) => {
                        value_of(parse_plain(simd, window, range.len(), b'.'))
                    }
                    _ => None,
                };
                let value = fast.or_else(|| scalar::parse_f64(&spans.bytes[range]));
                out.push(value.unwrap_or(f64::NAN));
                *word |= u64::from(value.is_none()) << bit;
            }
        }
    }

    #[inline(always)]
    pub(super) fn parse_i64<S: Simd>(simd: S, field: &[u8]) -> Option<i64> {
        if (1..=WINDOW_BYTES).contains(&field.len()) {
            // A number with a minus for a point has a scale, and none without is taken for one.
            let plain = parse_plain(simd, &window_of(field), field.len(), b'-');
            if plain.is_valid & (plain.scale == 0) {
                return Some(plain.mantissa);
            }
        }
        scalar::parse_i64(field)
    }

    /// Copies 1 to 16 bytes to the end of a window: two pieces of a fixed size that overlap.
    #[inline(always)]
    fn window_of(text: &[u8]) -> [u8; WINDOW_BYTES] {
        // The first piece goes where the text begins, the last to the end of the window.
        let begin = 8 * (WINDOW_BYTES - text.len()) as u32;
        let (first, last) =
            if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
                (
                    u128::from(u64::from_le_bytes(*first)),
                    u128::from(u64::from_le_bytes(*last)) << 64,
                )
            } else if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
                (
                    u128::from(u32::from_le_bytes(*first)),
                    u128::from(u32::from_le_bytes(*last)) << 96,
                )
            } else {
                let (middle, last) = (text[text.len() / 2], text[text.len() - 1]);
                let from_begin = u128::from(text[0]) | u128::from(middle) << (8 * (text.len() / 2));
                (from_begin, u128::from(last) << 120)
            };
        (first << begin | last).to_le_bytes()
    }

    /// The double, if one division rounds correctly.
    #[inline(always)]
    pub(in crate::kernel) fn value_of(plain: Plain) -> Option<f64> {
        let magnitude = plain.mantissa.unsigned_abs();
        let value = magnitude as f64 / POWERS_OF_TEN[plain.scale];
        let value = if plain.is_negative { -value } else { value };
        (plain.is_valid & (magnitude <= EXACT_MAX)).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_the_grammar_says() {
        for kernel in Kernel::available() {
            for (text, value) in [
                ("0", Some(0.0)),
                ("-0", Some(-0.0)),
                ("5.", Some(5.0)),
                (".5", Some(0.5)),
                ("007", Some(7.0)),
                ("1e3", Some(1000.0)),
                ("1E+3", Some(1000.0)),
                ("1e-400", Some(0.0)),
                ("1e-6144", Some(0.0)),
                ("1e-6145", None),
                ("0e99999", Some(0.0)),
                ("9007199254740993", Some(9007199254740992.0)),
                ("1e400", None),
                ("-1e400", None),
                ("", None),
                ("-", None),
                (".", None),
                ("+1", None),
                ("-+1", None),
                ("--1", None),
                ("nan", None),
                ("-inf", None),
                ("infinity", None),
                (" 1", None),
                ("1 ", None),
                ("1_0", None),
                ("1,5", None),
                ("0x1", None),
                ("1.2.3", None),
            ] {
                let parsed = kernel.parse_f64(text.as_bytes());
                assert_eq!(
                    parsed.map(f64::to_bits),
                    value.map(f64::to_bits),
                    "{text} {kernel:?}"
                );
            }
        }
    }

    /// Where a double stands for a number, so does a [`Decimal`](crate::number::Decimal), however long it is written.
    #[test]
    fn limits_are_those_of_decimals() {
        let zeros = |count: usize| "0".repeat(count);
        for count in [10, 3_000, 4_090, 4_096, 5_800, 8_190, 16_384, 16_385] {
            for (text, is_zero) in [
                (format!("1{}e-{count}", zeros(count)), false),
                (format!("0.{}1e{count}", zeros(count)), false),
                (format!("1.{}", zeros(count)), false),
                (format!("0.{}1e{}", zeros(count), count + 300), false),
                (format!("0e-{count}"), true),
                (format!("0.{}", zeros(count)), true),
                (format!("1{}e-{}", zeros(count), count + 400), true),
            ] {
                let decimal = crate::number::Decimal::parse(text.as_bytes());
                for kernel in Kernel::available() {
                    let parsed = kernel.parse_f64(text.as_bytes());
                    let shown = &text[..text.len().min(8)];
                    assert_eq!(parsed.is_some(), decimal.is_some(), "{shown} {count}");
                    assert!(parsed.is_none_or(|value| (value == 0.0) == is_zero));
                }
            }
        }
    }

    #[test]
    fn integers_reach_both_ends() {
        for kernel in Kernel::available() {
            for (text, value) in [
                ("9223372036854775807", Some(i64::MAX)),
                ("-9223372036854775808", Some(i64::MIN)),
                ("9223372036854775808", None),
                ("-9223372036854775809", None),
                ("00000000000000000000001", Some(1)),
                ("-0", Some(0)),
                ("1.0", None),
                ("1-2", None),
                ("", None),
                ("-", None),
                ("+1", None),
            ] {
                assert_eq!(
                    kernel.parse_i64(text.as_bytes()),
                    value,
                    "{text} {kernel:?}"
                );
            }
        }
    }
}
