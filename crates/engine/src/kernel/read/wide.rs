//! Plain fields in registers, by the means of `floats/plain.rs` and `columns/date_time/wide.rs`.

use super::{MICROS_PER_SECOND, PLAIN_BYTES_MAX, SECONDS_PER_DAY, scalar};
use crate::kernel::Spans;
use crate::kernel::columns::date_time::wide::{
    Date, Time, number, read_date, read_date_time, read_time,
};
use crate::kernel::columns::date_time::{DateTimeShape, days_since_epoch};
use crate::kernel::floats::plain::{Plain, parse_plain};
use crate::kernel::floats::wide::value_of;
use crate::kernel::simd::Simd;

#[inline(always)]
pub(super) fn read_f64s<S: Simd>(
    simd: S,
    spans: &Spans<'_>,
    out: &mut [f64],
    suspects: &mut [u64],
) {
    let out = &mut out[..spans.rows];
    for ((word, rows), out) in spans.words(suspects).zip(out.chunks_mut(64)) {
        for ((bit, range), out) in rows.zip(out) {
            let window = window_of(spans.bytes, range.end);
            let value = match window {
                Some(window) if (1..=PLAIN_BYTES_MAX).contains(&range.len()) => {
                    let plain = parse_plain(simd, window, range.len(), b'.');
                    match value_of(plain) {
                        Some(value) if !is_padded(window, range.len(), plain) => Some(value),
                        _ => None,
                    }
                }
                // Too long, or one of the first fields of `bytes`.
                _ => scalar::f64_of(&spans.bytes[range]),
            };
            *word |= u64::from(value.is_none()) << bit;
            *out = value.unwrap_or_default();
        }
    }
}

#[inline(always)]
pub(super) fn read_i64s<S: Simd>(
    simd: S,
    spans: &Spans<'_>,
    out: &mut [i64],
    suspects: &mut [u64],
) {
    let out = &mut out[..spans.rows];
    for ((word, rows), out) in spans.words(suspects).zip(out.chunks_mut(64)) {
        for ((bit, range), out) in rows.zip(out) {
            let window = window_of(spans.bytes, range.end);
            let value = match window {
                Some(window) if (1..=PLAIN_BYTES_MAX).contains(&range.len()) => {
                    // A number with a minus for a point has a scale, and none without is taken for one.
                    let plain = parse_plain(simd, window, range.len(), b'-');
                    let is_good = plain.is_valid
                        & (plain.scale == 0)
                        & !is_padded(window, range.len(), plain);
                    is_good.then_some(plain.mantissa)
                }
                _ => scalar::i64_of(&spans.bytes[range]),
            };
            *word |= u64::from(value.is_none()) << bit;
            *out = value.unwrap_or_default();
        }
    }
}

/// The last bytes before `end`, if there are enough of them.
#[inline(always)]
fn window_of(bytes: &[u8], end: usize) -> Option<&[u8; PLAIN_BYTES_MAX]> {
    bytes.get(..end)?.last_chunk()
}

/// Whether the first digit is a zero, and more follow before the point.
#[inline(always)]
fn is_padded(window: &[u8; PLAIN_BYTES_MAX], len: usize, plain: Plain) -> bool {
    let first = PLAIN_BYTES_MAX - len + usize::from(plain.is_negative);
    let point = usize::from(plain.scale > 0);
    // A minus alone is no number and has no first digit.
    (window[first % PLAIN_BYTES_MAX] == b'0') & (first + plain.scale + point + 1 < PLAIN_BYTES_MAX)
}

#[inline(always)]
pub(super) fn read_moments<S: Simd>(
    simd: S,
    spans: &Spans<'_>,
    shape: DateTimeShape,
    out: &mut [i64],
    suspects: &mut [u64],
) {
    let out = &mut out[..spans.rows];
    for ((word, rows), out) in spans.words(suspects).zip(out.chunks_mut(64)) {
        for ((bit, range), out) in rows.zip(out) {
            let value = moment_of(simd, &spans.bytes[range], shape);
            *word |= u64::from(value.is_none()) << bit;
            *out = value.unwrap_or_default();
        }
    }
}

#[inline(always)]
fn moment_of<S: Simd>(simd: S, field: &[u8], shape: DateTimeShape) -> Option<i64> {
    match shape {
        DateTimeShape::Date => Some(days_of(read_date(simd, field.try_into().ok()?)?)),
        DateTimeShape::Time => {
            let time = read_time(simd, field.try_into().ok()?)?;
            Some(seconds_of(time) * MICROS_PER_SECOND)
        }
        DateTimeShape::DateTime => match field.split_first_chunk()? {
            (date_time, [] | [b'Z']) => {
                let (date, time) = read_date_time(simd, date_time)?;
                let seconds = days_of(date) * SECONDS_PER_DAY + seconds_of(time);
                Some(seconds * MICROS_PER_SECOND)
            }
            _ => None,
        },
    }
}

#[inline(always)]
fn days_of(date: Date) -> i64 {
    let year = number(date, 0) * 100 + number(date, 1);
    days_since_epoch(year, number(date, 2), number(date, 3))
}

#[inline(always)]
fn seconds_of(time: Time) -> i64 {
    number(time, 0) * 3600 + number(time, 1) * 60 + number(time, 2)
}
