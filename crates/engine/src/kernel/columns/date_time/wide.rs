//! The usual lengths of dates and times in registers.
//!
//! Two loads that overlap cover a field and never leave it. The digits are shuffled together and
//! joined in pairs; a saturating subtraction compares all pairs with their greatest values at once.

use std::arch::x86_64::*;

use super::{DateTimeShape, parse_date_time};
use crate::kernel::simd::Simd;
use crate::kernel::{Empty, Spans};

#[inline(always)]
pub(super) fn mark_date_time<S: Simd>(
    simd: S,
    spans: &Spans<'_>,
    shape: DateTimeShape,
    empty: Empty,
    suspects: &mut [u64],
) {
    for (word, rows) in spans.words(suspects) {
        for (bit, range) in rows {
            let field = &spans.bytes[range];
            let is_suspect = match is_usual(simd, field, shape) {
                Some(is_good) => !is_good,
                None if field.is_empty() => empty.is_suspect(),
                None => parse_date_time(field, shape).is_none(),
            };
            *word |= u64::from(is_suspect) << bit;
        }
    }
}

/// Whether `field` is of that shape; `None` if it is not of a length that is handled here.
#[inline(always)]
fn is_usual<S: Simd>(simd: S, field: &[u8], shape: DateTimeShape) -> Option<bool> {
    match shape {
        DateTimeShape::Date => Some(read_date(simd, field.try_into().ok()?).is_some()),
        DateTimeShape::Time => Some(read_time(simd, field.try_into().ok()?).is_some()),
        DateTimeShape::DateTime => match field.split_first_chunk()? {
            (date_time, [] | [b'Z']) => Some(read_date_time(simd, date_time).is_some()),
            _ => None,
        },
    }
}

/// Century, year in it, month and day, 16 bits each, from the lowest up.
pub(in crate::kernel) type Date = u64;

/// Hour, minute and second, as above.
pub(in crate::kernel) type Time = u64;

/// In a shuffle: write a zero.
const NO: i8 = -1;

/// `YYYY-MM-DD`.
#[inline(always)]
pub(in crate::kernel) fn read_date<S: Simd>(simd: S, date: &[u8; 10]) -> Option<Date> {
    let [y1, y2, y3, y4, _, m1, m2, _, d1, d2] = *date;
    // Bytes 0 to 7, then 2 to 9.
    let first = i64::from_le_bytes([y1, y2, y3, y4, date[4], m1, m2, date[7]]);
    let last = i64::from_le_bytes([y3, y4, date[4], m1, m2, date[7], d1, d2]);
    // SAFETY: `simd` proves AVX2.
    let values = unsafe {
        let order = _mm_setr_epi8(0, 1, 2, 3, 5, 6, 14, 15, NO, NO, NO, NO, NO, NO, NO, NO);
        _mm_shuffle_epi8(digit_values(simd, _mm_set_epi64x(last, first)), order)
    };
    let numbers = low_numbers(simd, join_digits(simd, values));
    let is_date =
        are_digits(simd, values) & is_calendar_day(numbers) & (date[4] == b'-') & (date[7] == b'-');
    is_date.then_some(numbers)
}

/// `HH:MM:SS`.
#[inline(always)]
pub(in crate::kernel) fn read_time<S: Simd>(simd: S, time: &[u8; 8]) -> Option<Time> {
    // SAFETY: `simd` proves AVX2.
    let (values, greatest) = unsafe {
        let values = digit_values(simd, _mm_cvtsi64_si128(i64::from_le_bytes(*time)));
        let order = _mm_setr_epi8(0, 1, 3, 4, 6, 7, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO);
        (
            _mm_shuffle_epi8(values, order),
            _mm_setr_epi16(23, 59, 59, 0, 0, 0, 0, 0),
        )
    };
    let pairs = join_digits(simd, values);
    let is_time = are_digits(simd, values)
        & is_at_most(simd, pairs, greatest)
        & (time[2] == b':')
        & (time[5] == b':');
    is_time.then_some(low_numbers(simd, pairs))
}

/// `YYYY-MM-DDTHH:MM:SS`.
#[inline(always)]
pub(in crate::kernel) fn read_date_time<S: Simd>(
    simd: S,
    date_time: &[u8; 19],
) -> Option<(Date, Time)> {
    // SAFETY: `simd` proves AVX2; 19 bytes hold 16 of them from byte 0 on and from byte 3 on.
    let (values, greatest, has_separators) = unsafe {
        let first = _mm_loadu_si128(date_time.as_ptr().cast());
        let last = _mm_loadu_si128(date_time.as_ptr().add(3).cast());
        let order = _mm_setr_epi8(0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, NO, NO, NO, NO);
        let seconds = _mm_setr_epi8(
            NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, 14, 15, NO, NO,
        );
        let values = _mm_or_si128(
            _mm_shuffle_epi8(digit_values(simd, first), order),
            _mm_shuffle_epi8(digit_values(simd, last), seconds),
        );
        let greatest = _mm_setr_epi16(99, 99, 12, 31, 23, 59, 59, 0);
        let separators = _mm_loadu_si128(b"....-..-..T..:..".as_ptr().cast());
        let found = _mm_movemask_epi8(_mm_cmpeq_epi8(first, separators));
        let space = i32::from(date_time[10] == b' ') << 10;
        let expected = 1 << 4 | 1 << 7 | 1 << 10 | 1 << 13;
        (values, greatest, (found | space) & expected == expected)
    };
    let pairs = join_digits(simd, values);
    let date = low_numbers(simd, pairs);
    let is_date_time = are_digits(simd, values)
        & is_at_most(simd, pairs, greatest)
        & is_calendar_day(date)
        & has_separators
        & (date_time[16] == b':');
    is_date_time.then_some((date, high_numbers(simd, pairs)))
}

#[inline(always)]
fn digit_values<S: Simd>(_simd: S, text: __m128i) -> __m128i {
    // SAFETY: `_simd` proves AVX2.
    unsafe { _mm_sub_epi8(text, _mm_set1_epi8(b'0'.cast_signed())) }
}

#[inline(always)]
fn are_digits<S: Simd>(_simd: S, values: __m128i) -> bool {
    // SAFETY: `_simd` proves AVX2.
    unsafe {
        let excess = _mm_subs_epu8(values, _mm_set1_epi8(9));
        _mm_testz_si128(excess, excess) == 1
    }
}

/// Eight numbers of two digits, 16 bits each.
#[inline(always)]
fn join_digits<S: Simd>(_simd: S, values: __m128i) -> __m128i {
    // SAFETY: `_simd` proves AVX2.
    unsafe { _mm_maddubs_epi16(values, _mm_set1_epi16(1 << 8 | 10)) }
}

#[inline(always)]
fn is_at_most<S: Simd>(_simd: S, numbers: __m128i, greatest: __m128i) -> bool {
    // SAFETY: `_simd` proves AVX2.
    unsafe {
        let excess = _mm_subs_epu16(numbers, greatest);
        _mm_testz_si128(excess, excess) == 1
    }
}

/// The first four of eight numbers.
#[inline(always)]
fn low_numbers<S: Simd>(_simd: S, numbers: __m128i) -> u64 {
    // SAFETY: `_simd` proves AVX2.
    unsafe { _mm_cvtsi128_si64(numbers).cast_unsigned() }
}

/// The last four of eight numbers.
#[inline(always)]
fn high_numbers<S: Simd>(_simd: S, numbers: __m128i) -> u64 {
    // SAFETY: `_simd` proves AVX2.
    unsafe { _mm_extract_epi64::<1>(numbers).cast_unsigned() }
}

/// One of four numbers.
#[inline(always)]
pub(in crate::kernel) fn number(numbers: u64, index: u32) -> i64 {
    i64::from((numbers >> (16 * index)) as u16)
}

/// Whether century, year in it, month and day, 16 bits each, are a day of the calendar.
#[inline(always)]
fn is_calendar_day(numbers: u64) -> bool {
    let number = |index: u32| u32::from((numbers >> (16 * index)) as u16);
    let (century, year, month, day) = (number(0), number(1), number(2), number(3));
    // A year divisible by 100 has to be divisible by 400: its century by 4.
    let is_leap = (if year == 0 { century } else { year }) % 4 == 0;
    // By month, from bit 2 (January) on: how many days more than 28, two bits each.
    const MORE_DAYS: u32 = 0b11_10_11_10_11_11_10_11_10_11_00_11_00;
    let leap_day = u32::from(is_leap & (month == 2));
    let days = 28 + (MORE_DAYS >> (2 * (month & 15)) & 3) + leap_day;
    (month.wrapping_sub(1) < 12) & (day.wrapping_sub(1) < days)
}
