//! Dates and times as ISO 8601 and RFC 3339 write them, down to the calendar.

use crate::kernel::{Empty, Kernel, Spans, dispatch};

/// How a point in time is written. Years have four digits; second 60 is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateTimeShape {
    /// `2024-02-29`.
    Date,
    /// `2024-02-29T23:59:59`, or with a space for the `T`; then optionally a fraction of 1 to 9
    /// digits (`.5`), then optionally `Z`, `+05:30` or `+0530`. `t` and `z` are not accepted.
    DateTime,
    /// `23:59:59`, optionally with a fraction of 1 to 9 digits.
    Time,
}

/// A point in time that can be compared, offset applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// Since 1970-01-01T00:00:00Z, or since midnight for a time of day. Without an offset, UTC is
    /// meant; a date is its midnight.
    pub seconds: i64,
    /// Billionths of a second on top of these.
    pub nanos: u32,
}

const SECONDS_PER_DAY: i64 = 86_400;

/// Reads all of `field` as that shape: the definition of the kernel.
///
/// `None` if it is written differently or no such day or time exists.
#[inline(never)]
pub fn parse_date_time(field: &[u8], shape: DateTimeShape) -> Option<Moment> {
    match shape {
        DateTimeShape::Date => {
            let (days, rest) = parse_date(field)?;
            rest.is_empty().then_some(Moment {
                seconds: days * SECONDS_PER_DAY,
                nanos: 0,
            })
        }
        DateTimeShape::Time => {
            let (seconds, nanos, rest) = parse_time(field)?;
            rest.is_empty().then_some(Moment { seconds, nanos })
        }
        DateTimeShape::DateTime => {
            let (days, rest) = parse_date(field)?;
            let (b'T' | b' ', rest) = rest.split_first()? else {
                return None;
            };
            let (seconds, nanos, rest) = parse_time(rest)?;
            let seconds = days * SECONDS_PER_DAY + seconds - parse_offset(rest)?;
            Some(Moment { seconds, nanos })
        }
    }
}

/// `YYYY-MM-DD`: days since 1970-01-01, and what follows.
fn parse_date(text: &[u8]) -> Option<(i64, &[u8])> {
    let (date, rest) = text.split_first_chunk::<10>()?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else {
        return None;
    };
    let year = two_digits(y1, y2)? * 100 + two_digits(y3, y4)?;
    let (month, day) = (two_digits(m1, m2)?, two_digits(d1, d2)?);
    if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return None;
    }
    Some((days_since_epoch(year, month, day), rest))
}

/// `HH:MM:SS[.fraction]`: seconds since midnight, billionths, and what follows.
fn parse_time(text: &[u8]) -> Option<(i64, u32, &[u8])> {
    let (time, rest) = text.split_first_chunk::<8>()?;
    let [h1, h2, b':', m1, m2, b':', s1, s2] = *time else {
        return None;
    };
    let (hour, minute, second) = (
        two_digits(h1, h2)?,
        two_digits(m1, m2)?,
        two_digits(s1, s2)?,
    );
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = hour * 3600 + minute * 60 + second;
    let [b'.', fraction @ ..] = rest else {
        return Some((seconds, 0, rest));
    };
    let count = fraction
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if !(1..=9).contains(&count) {
        return None;
    }
    let (digits, rest) = fraction.split_at(count);
    let value = digits
        .iter()
        .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    Some((seconds, value * 10_u32.pow(9 - count as u32), rest))
}

/// Nothing, `Z`, `±HH:MM` or `±HHMM`: seconds east of UTC.
fn parse_offset(text: &[u8]) -> Option<i64> {
    let (sign, hour, minute) = match *text {
        [] | [b'Z'] => return Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] | [sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            (sign, two_digits(h1, h2)?, two_digits(m1, m2)?)
        }
        _ => return None,
    };
    let seconds = hour * 3600 + minute * 60;
    (hour <= 23 && minute <= 59).then_some(if sign == b'-' { -seconds } else { seconds })
}

fn two_digits(tens: u8, ones: u8) -> Option<i64> {
    let is_number = tens.is_ascii_digit() && ones.is_ascii_digit();
    is_number.then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar (Hinnant, `days_from_civil`): years
/// begin in March, so that the leap day is the last one.
pub(in crate::kernel) fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

impl Kernel {
    /// Marks the rows whose field [`parse_date_time`] does not read.
    pub fn mark_date_time(
        self,
        spans: &Spans<'_>,
        shape: DateTimeShape,
        empty: Empty,
        suspects: &mut [u64],
    ) {
        dispatch!(
            self,
            mark_date_time(
                spans: &Spans<'_>,
                shape: DateTimeShape,
                empty: Empty,
                suspects: &mut [u64],
            )
        );
    }
}

mod scalar {
    use super::{DateTimeShape, parse_date_time};
    use crate::kernel::{Empty, Spans};

    pub(super) fn mark_date_time(
        spans: &Spans<'_>,
        shape: DateTimeShape,
        empty: Empty,
        suspects: &mut [u64],
    ) {
        for (word, rows) in spans.words(suspects) {
            for (bit, range) in rows {
                let field = &spans.bytes[range];
                let is_suspect = if field.is_empty() {
                    empty.is_suspect()
                } else {
                    parse_date_time(field, shape).is_none()
                };
                *word |= u64::from(is_suspect) << bit;
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(in crate::kernel) mod wide;

#[cfg(test)]
mod tests {
    use super::*;

    fn date_time(text: &str) -> Option<(i64, u32)> {
        let moment = parse_date_time(text.as_bytes(), DateTimeShape::DateTime);
        moment.map(|moment| (moment.seconds, moment.nanos))
    }

    #[test]
    fn known_moments() {
        assert_eq!(date_time("1970-01-01T00:00:00Z"), Some((0, 0)));
        assert_eq!(date_time("2001-09-09 01:46:40"), Some((1_000_000_000, 0)));
        assert_eq!(date_time("1969-12-31T23:59:59.5"), Some((-1, 500_000_000)));
        assert_eq!(
            date_time("0000-03-01T00:00:00"),
            Some((-719_468 * SECONDS_PER_DAY, 0))
        );
        assert_eq!(
            date_time("2024-02-29T12:00:00+05:30"),
            date_time("2024-02-29T06:30:00Z")
        );
        assert_eq!(
            date_time("2024-02-29T12:00:00-0100"),
            date_time("2024-02-29T13:00:00Z")
        );
    }

    #[test]
    fn what_is_not_accepted() {
        for text in [
            "2023-02-29T00:00:00",
            "1900-02-29T00:00:00",
            "2024-00-10T00:00:00",
            "2024-13-10T00:00:00",
            "2024-04-31T00:00:00",
            "2024-01-00T00:00:00",
            "2024-01-01T24:00:00",
            "2024-01-01T23:60:00",
            "2024-01-01T23:59:60",
            "2024-01-01t00:00:00",
            "2024-01-01T00:00:00z",
            "2024-01-01T00:00:00.",
            "2024-01-01T00:00:00.1234567890",
            "2024-01-01T00:00:00+5:30",
            "2024-01-01T00:00:00+24:00",
            "2024-01-01T00:00:00+05:60",
            "2024-01-01",
            "2024-01-01T00:00",
            "24-01-01T00:00:00",
            "2024-01-01T00:00:00Z ",
            "2024/01/01T00:00:00",
        ] {
            assert_eq!(date_time(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_eight_centuries_follows_the_one_before() {
        for kernel in Kernel::available() {
            let mut days = days_since_epoch(1599, 12, 31);
            for year in 1600..2401 {
                for month in 0..14 {
                    for day in 0..33 {
                        let text = format!("{year:04}-{month:02}-{day:02}");
                        let parsed = parse_date_time(text.as_bytes(), DateTimeShape::Date);
                        if let Some(moment) = parsed {
                            days += 1;
                            assert_eq!(moment.seconds, days * SECONDS_PER_DAY, "{text}");
                        }
                        let index = [u32::MAX, text.len() as u32];
                        let spans = Spans {
                            bytes: text.as_bytes(),
                            index: &index,
                            first: 0,
                            stride: 1,
                            rows: 1,
                            trim_cr: false,
                        };
                        let mut suspects = [0];
                        kernel.mark_date_time(
                            &spans,
                            DateTimeShape::Date,
                            Empty::Pass,
                            &mut suspects,
                        );
                        assert_eq!(suspects[0] == 0, parsed.is_some(), "{text} {kernel:?}");
                    }
                }
            }
            assert_eq!(days, days_since_epoch(2400, 12, 31));
        }
    }
}
