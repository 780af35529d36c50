//! Whole columns to values: the fields that are written plainly, all others marked.
//!
//! Nearly every field of a typed column is a plain number or a plain date. These kernels read those, a row after the other
//! without a branch that depends on the text, and set a bit for each row that is anything else: empty, quoted, with
//! an exponent, too long, or no value at all. Somebody slower looks at these.
//!
//! What is plain is part of the definition, so that all instruction sets mark the same rows.

#[cfg(target_arch = "x86_64")]
mod wide;

use super::columns::date_time::DateTimeShape;
use super::{Kernel, Spans, dispatch};

/// The longest plain number, in bytes.
const PLAIN_BYTES_MAX: usize = 16;

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

impl Kernel {
    /// Reads the doubles of a column: `-?(0|[1-9][0-9]*)(\.[0-9]+)?`, of up to 16 bytes, whose digits without the point are at
    /// most 2^53.
    ///
    /// A leading zero makes an identifier of a number, so a row with one is marked as all others are; what is put in `out` for a
    /// marked row is 0.
    ///
    /// # Panics
    /// If `out` or `suspects` is shorter than the column.
    pub fn read_f64s(self, spans: &Spans<'_>, out: &mut [f64], suspects: &mut [u64]) {
        dispatch!(self, read_f64s(spans: &Spans<'_>, out: &mut [f64], suspects: &mut [u64]));
    }

    /// Reads the integers of a column: `-?(0|[1-9][0-9]*)`, of up to 16 bytes. As [`read_f64s`](Self::read_f64s) otherwise.
    ///
    /// # Panics
    /// As [`read_f64s`](Self::read_f64s).
    pub fn read_i64s(self, spans: &Spans<'_>, out: &mut [i64], suspects: &mut [u64]) {
        dispatch!(self, read_i64s(spans: &Spans<'_>, out: &mut [i64], suspects: &mut [u64]));
    }

    /// Reads the points in time of a column that are of that shape and 10 bytes long (a date), 8 (a time), or 19 or, with a `Z`,
    /// 20 (both): days since 1970-01-01, microseconds since midnight, microseconds since 1970-01-01T00:00:00Z. As
    /// [`read_f64s`](Self::read_f64s) otherwise.
    ///
    /// # Panics
    /// As [`read_f64s`](Self::read_f64s).
    pub fn read_moments(
        self,
        spans: &Spans<'_>,
        shape: DateTimeShape,
        out: &mut [i64],
        suspects: &mut [u64],
    ) {
        dispatch!(
            self,
            read_moments(
                spans: &Spans<'_>,
                shape: DateTimeShape,
                out: &mut [i64],
                suspects: &mut [u64],
            )
        );
    }
}

mod scalar {
    use super::{MICROS_PER_SECOND, PLAIN_BYTES_MAX, SECONDS_PER_DAY};
    use crate::kernel::columns::date_time::{DateTimeShape, parse_date_time};
    use crate::kernel::{Kernel, Spans};

    /// Up to this, all integers are doubles.
    const EXACT_MAX: u64 = 1 << f64::MANTISSA_DIGITS;

    pub(super) fn read_f64s(spans: &Spans<'_>, out: &mut [f64], suspects: &mut [u64]) {
        read(spans, out, suspects, f64_of);
    }

    pub(super) fn read_i64s(spans: &Spans<'_>, out: &mut [i64], suspects: &mut [u64]) {
        read(spans, out, suspects, i64_of);
    }

    pub(super) fn read_moments(
        spans: &Spans<'_>,
        shape: DateTimeShape,
        out: &mut [i64],
        suspects: &mut [u64],
    ) {
        read(spans, out, suspects, |field| moment_of(field, shape));
    }

    fn read<T: Default>(
        spans: &Spans<'_>,
        out: &mut [T],
        suspects: &mut [u64],
        of: impl Fn(&[u8]) -> Option<T>,
    ) {
        let out = &mut out[..spans.rows];
        for ((word, rows), out) in spans.words(suspects).zip(out.chunks_mut(64)) {
            for ((bit, range), out) in rows.zip(out) {
                let value = of(&spans.bytes[range]);
                *word |= u64::from(value.is_none()) << bit;
                *out = value.unwrap_or_default();
            }
        }
    }

    /// The digits before the point and those behind it.
    fn plain_of(field: &[u8]) -> Option<(&[u8], &[u8])> {
        let unsigned = field.strip_prefix(b"-").unwrap_or(field);
        let (whole, fraction) = match unsigned.iter().position(|&byte| byte == b'.') {
            Some(at) if at + 1 < unsigned.len() => (&unsigned[..at], &unsigned[at + 1..]),
            Some(_) => return None,
            None => (unsigned, &b""[..]),
        };
        let are_digits = [whole, fraction]
            .iter()
            .all(|part| part.iter().all(u8::is_ascii_digit));
        let is_padded = whole.len() > 1 && whole[0] == b'0';
        let is_plain =
            are_digits && !is_padded && !whole.is_empty() && field.len() <= PLAIN_BYTES_MAX;
        is_plain.then_some((whole, fraction))
    }

    fn digits_of(digits: impl IntoIterator<Item = u8>) -> u64 {
        digits
            .into_iter()
            .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))
    }

    pub(super) fn f64_of(field: &[u8]) -> Option<f64> {
        let (whole, fraction) = plain_of(field)?;
        let digits = whole.iter().chain(fraction).copied();
        (digits_of(digits) <= EXACT_MAX)
            .then(|| Kernel::scalar().parse_f64(field))
            .flatten()
    }

    pub(super) fn i64_of(field: &[u8]) -> Option<i64> {
        let (whole, fraction) = plain_of(field)?;
        let value = digits_of(whole.iter().copied()) as i64;
        let is_negative = field[0] == b'-';
        fraction
            .is_empty()
            .then_some(if is_negative { -value } else { value })
    }

    pub(super) fn moment_of(field: &[u8], shape: DateTimeShape) -> Option<i64> {
        let is_plain = match shape {
            DateTimeShape::Date => field.len() == 10,
            DateTimeShape::Time => field.len() == 8,
            DateTimeShape::DateTime => {
                field.len() == 19 || field.len() == 20 && field.ends_with(b"Z")
            }
        };
        let moment = parse_date_time(field, shape).filter(|_| is_plain)?;
        Some(match shape {
            DateTimeShape::Date => moment.seconds.div_euclid(SECONDS_PER_DAY),
            DateTimeShape::Time | DateTimeShape::DateTime => moment.seconds * MICROS_PER_SECOND,
        })
    }
}
