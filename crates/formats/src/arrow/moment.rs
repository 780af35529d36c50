//! Dates, times and timestamps in ISO 8601: `2024-02-29`, `10:20:30.500`, `2024-02-29T10:20:30Z`.
//!
//! A fraction has the digits of the unit, or none if it is zero. A timestamp with a fixed offset is written with it,
//! one with any other zone in UTC. A year outside of 0 to 9999 is written with its sign (`+10000-01-01`), which no rule takes for
//! a date.

use std::ops::Range;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, TimeUnit};

use super::text::Text;
use crate::calendar::DAY_SECONDS;
use crate::moment::{time, two_digits, write_date, write_time};

/// Bytes of the longest moment.
const MOMENT_BYTES: usize = crate::moment::TEXT_BYTES_MAX;

/// Whether values of this type are moments.
pub(super) fn is_moment(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Date32
            | DataType::Date64
            | DataType::Time32(_)
            | DataType::Time64(_)
            | DataType::Timestamp(..)
    )
}

/// Writes these rows of an array of moments; all of it is ASCII.
pub(super) fn write(
    array: &dyn Array,
    nulls: Option<&NullBuffer>,
    rows: Range<usize>,
    text: &mut Text,
) -> bool {
    let mut to = Rows {
        array,
        nulls,
        rows,
        text,
    };
    match array.data_type() {
        DataType::Date32 => to.write::<Date32Type>(|days, out| write_date(days.into(), out)),
        DataType::Date64 => to.write::<Date64Type>(|millis, out| {
            write_date(millis.div_euclid(1000 * DAY_SECONDS), out)
        }),
        DataType::Time32(TimeUnit::Second) => {
            to.write::<Time32SecondType>(|value, out| write_time(value.into(), 0, 0, out));
        }
        DataType::Time32(_) => {
            to.write::<Time32MillisecondType>(|value, out| time(value.into(), 3, out))
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            to.write::<Time64MicrosecondType>(|value, out| time(value, 6, out));
        }
        DataType::Time64(_) => to.write::<Time64NanosecondType>(|value, out| time(value, 9, out)),
        DataType::Timestamp(unit, zone) => {
            let zone = Zone::new(zone.as_deref());
            match unit {
                TimeUnit::Second => to.write::<TimestampSecondType>(zone.writer(0)),
                TimeUnit::Millisecond => to.write::<TimestampMillisecondType>(zone.writer(3)),
                TimeUnit::Microsecond => to.write::<TimestampMicrosecondType>(zone.writer(6)),
                TimeUnit::Nanosecond => to.write::<TimestampNanosecondType>(zone.writer(9)),
            }
        }
        other => unreachable!("{other} is no moment"),
    }
    true
}

/// The first moment of 1970 and one that has a fraction, if values of this type are days or points in time.
pub(super) fn examples(data_type: &DataType) -> Option<[String; 2]> {
    let written = |write: &mut dyn FnMut(i64, &mut [u8]) -> usize| {
        [0, 1].map(|value| {
            let mut out = [0; MOMENT_BYTES];
            let len = write(value, &mut out);
            String::from_utf8_lossy(&out[..len]).into_owned()
        })
    };
    match data_type {
        DataType::Date32 | DataType::Date64 => Some(written(&mut write_date)),
        DataType::Timestamp(unit, zone) => {
            let digits = match unit {
                TimeUnit::Second => 0,
                TimeUnit::Millisecond => 3,
                TimeUnit::Microsecond => 6,
                TimeUnit::Nanosecond => 9,
            };
            let zone = Zone::new(zone.as_deref());
            Some(written(&mut zone.writer(digits)))
        }
        _ => None,
    }
}

/// What is to be written, and where to.
struct Rows<'r> {
    array: &'r dyn Array,
    nulls: Option<&'r NullBuffer>,
    rows: Range<usize>,
    text: &'r mut Text,
}

impl Rows<'_> {
    fn write<T: ArrowPrimitiveType>(&mut self, write: impl FnMut(T::Native, &mut [u8]) -> usize) {
        let values = &self.array.as_primitive::<T>().values()[self.rows.clone()];
        self.text
            .write_each(values, self.nulls, self.rows.start, MOMENT_BYTES, write);
    }
}

/// How a timestamp's zone is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Zone {
    /// Added to UTC.
    offset_seconds: i64,
    suffix: Suffix,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suffix {
    None,
    Utc,
    Offset,
}

impl Zone {
    fn new(name: Option<&str>) -> Zone {
        let Some(name) = name else {
            return Zone {
                offset_seconds: 0,
                suffix: Suffix::None,
            };
        };
        match fixed_offset(name) {
            Some(offset_seconds) if offset_seconds != 0 => Zone {
                offset_seconds,
                suffix: Suffix::Offset,
            },
            _ => Zone {
                offset_seconds: 0,
                suffix: Suffix::Utc,
            },
        }
    }

    /// Writes timestamps that count in units of `10^-digits` seconds.
    fn writer(self, digits: u32) -> impl FnMut(i64, &mut [u8]) -> usize {
        let per_second = 10_i64.pow(digits);
        move |value, out| {
            let seconds = value
                .div_euclid(per_second)
                .saturating_add(self.offset_seconds);
            let fraction = value.rem_euclid(per_second) as u32;
            let mut end = write_date(seconds.div_euclid(DAY_SECONDS), out);
            out[end] = b'T';
            end += 1;
            end += write_time(
                seconds.rem_euclid(DAY_SECONDS),
                fraction,
                digits,
                &mut out[end..],
            );
            match self.suffix {
                Suffix::None => {}
                Suffix::Utc => {
                    out[end] = b'Z';
                    end += 1;
                }
                Suffix::Offset => {
                    out[end] = if self.offset_seconds < 0 { b'-' } else { b'+' };
                    let minutes = self.offset_seconds.unsigned_abs() / 60;
                    two_digits(minutes / 60, &mut out[end + 1..]);
                    out[end + 3] = b':';
                    two_digits(minutes % 60, &mut out[end + 4..]);
                    end += 6;
                }
            }
            end
        }
    }
}

/// The seconds of `+01:00`, `-0530` or `+01`; `None` for any other zone, and for an offset that is no whole
/// number of minutes within a day.
fn fixed_offset(name: &str) -> Option<i64> {
    let (sign, digits) = match name.as_bytes() {
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let number = |digits: &[u8]| {
        let is_number = digits.iter().all(u8::is_ascii_digit);
        is_number.then(|| {
            digits
                .iter()
                .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'))
        })
    };
    let (hours, minutes) = match digits {
        [_, _] => (number(digits)?, 0),
        [h1, h2, m1, m2] | [h1, h2, b':', m1, m2] => (number(&[*h1, *h2])?, number(&[*m1, *m2])?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(value: i64, digits: u32, zone: Option<&str>) -> String {
        let mut out = [0; MOMENT_BYTES];
        let len = Zone::new(zone).writer(digits)(value, &mut out);
        String::from_utf8(out[..len].to_vec()).unwrap()
    }

    #[test]
    fn timestamps_have_the_digits_of_their_unit_and_their_zone() {
        let at = 1_709_202_030; // 2024-02-29T10:20:30Z
        for (value, digits, zone, text) in [
            (at, 0, None, "2024-02-29T10:20:30"),
            (at * 1000 + 500, 3, None, "2024-02-29T10:20:30.500"),
            (at * 1_000_000, 6, None, "2024-02-29T10:20:30"),
            (
                at * 1_000_000_000 + 1,
                9,
                Some("UTC"),
                "2024-02-29T10:20:30.000000001Z",
            ),
            (at, 0, Some("Europe/Berlin"), "2024-02-29T10:20:30Z"),
            (at, 0, Some("+00:00"), "2024-02-29T10:20:30Z"),
            (at, 0, Some("+05:30"), "2024-02-29T15:50:30+05:30"),
            (at, 0, Some("-1130"), "2024-02-28T22:50:30-11:30"),
            (-1, 3, None, "1969-12-31T23:59:59.999"),
        ] {
            assert_eq!(stamp(value, digits, zone), text);
        }
        for value in [i64::MIN, i64::MAX] {
            for digits in [0, 3, 6, 9] {
                stamp(value, digits, Some("+23:59"));
            }
        }
    }
}
