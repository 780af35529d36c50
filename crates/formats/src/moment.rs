//! Days, times of day and points in time as ISO 8601 writes them: `2024-02-29`, `10:20:30.500`.
//!
//! A year outside of 0 to 9999 is written as ISO 8601 expands years, with a sign and at least four digits: `+10000-01-01`,
//! `-0001-12-31`. Who reads dates here reads none of these.

use std::fmt;
use std::io::Write;

use crate::calendar::{DAY_SECONDS, civil};
use crate::vector::Type;

/// Bytes of the longest moment: a year of 12 digits and its sign, and `-02-29T10:20:30.123456789+01:00`.
pub(crate) const TEXT_BYTES_MAX: usize = 48;

/// Digits of a fraction of a second in microseconds.
const MICRO_DIGITS: u32 = 6;

/// Appends a value of a [`Vector`](crate::vector::Vector) of moments: `2024-02-29`, `10:20:30`, `2024-02-29T10:20:30.5Z`, with as
/// many digits of a second as it takes.
///
/// # Panics
/// If `ty` is no type of moments.
pub fn write_moment(ty: Type, value: i64, out: &mut Vec<u8>) {
    let mut text = [0; TEXT_BYTES_MAX];
    let len = match ty {
        Type::Date => write_date(value, &mut text),
        Type::Time => micros(value, &mut text),
        Type::Timestamp => {
            let per_day = DAY_SECONDS * 10_i64.pow(MICRO_DIGITS);
            let day = write_date(value.div_euclid(per_day), &mut text);
            text[day] = b'T';
            let end = day + 1 + micros(value.rem_euclid(per_day), &mut text[day + 1..]);
            text[end] = b'Z';
            end + 1
        }
        other => unreachable!("{other} values are no moments"),
    };
    out.extend_from_slice(&text[..len]);
}

/// A time of day in microseconds, without zeros at the end of its fraction.
fn micros(value: i64, out: &mut [u8]) -> usize {
    let mut len = time(value, MICRO_DIGITS, out);
    if out[8] == b'.' {
        while out[len - 1] == b'0' {
            len -= 1;
        }
    }
    len
}

/// A time of day that counts in units of `10^-digits` seconds.
pub(crate) fn time(value: i64, digits: u32, out: &mut [u8]) -> usize {
    let per_second = 10_i64.pow(digits);
    write_time(
        value.div_euclid(per_second),
        value.rem_euclid(per_second) as u32,
        digits,
        out,
    )
}

/// `10:20:30.500`; what is no time of day is written as seconds, which is no time in ISO 8601.
pub(crate) fn write_time(seconds: i64, fraction: u32, digits: u32, out: &mut [u8]) -> usize {
    if !(0..DAY_SECONDS).contains(&seconds) {
        return written(format_args!("{seconds}"), out);
    }
    let seconds = seconds as u64;
    two_digits(seconds / 3600, out);
    out[2] = b':';
    two_digits(seconds / 60 % 60, &mut out[3..]);
    out[5] = b':';
    two_digits(seconds % 60, &mut out[6..]);
    if fraction == 0 {
        return 8;
    }
    let digits = digits as usize;
    out[8] = b'.';
    let mut rest = fraction;
    for digit in out[9..9 + digits].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    9 + digits
}

/// `2024-02-29`, for the day that many days after 1970-01-01.
pub(crate) fn write_date(days: i64, out: &mut [u8]) -> usize {
    let (year, month, day) = civil(days);
    let mut end = 4;
    match year {
        0..=9999 => {
            two_digits(year as u64 / 100, out);
            two_digits(year as u64 % 100, &mut out[2..]);
        }
        _ => end = written(format_args!("{year:+05}"), out),
    }
    out[end] = b'-';
    two_digits(month, &mut out[end + 1..]);
    out[end + 3] = b'-';
    two_digits(day, &mut out[end + 4..]);
    end + 6
}

pub(crate) fn two_digits(number: u64, out: &mut [u8]) {
    out[0] = b'0' + (number / 10) as u8;
    out[1] = b'0' + (number % 10) as u8;
}

fn written(integer: fmt::Arguments<'_>, mut out: &mut [u8]) -> usize {
    let before = out.len();
    out.write_fmt(integer)
        .expect("there is room for every integer");
    before - out.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(days: i64) -> String {
        let mut out = [0; TEXT_BYTES_MAX];
        let len = write_date(days, &mut out);
        String::from_utf8(out[..len].to_vec()).unwrap()
    }

    #[test]
    fn dates_follow_the_calendar() {
        for (days, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (19_782, "2024-02-29"),
            (19_783, "2024-03-01"),
            (-719_528, "0000-01-01"),
            (-719_529, "-0001-12-31"),
            (2_932_896, "9999-12-31"),
            (2_932_897, "+10000-01-01"),
        ] {
            assert_eq!(date(days), text, "{days}");
        }
        // Every day has the day behind it, for some four centuries.
        let mut last = date(-100_000);
        for days in -99_999..150_000 {
            let next = date(days);
            assert!(last < next, "{last} {next}");
            last = next;
        }
        let longest = i64::MIN.div_euclid(DAY_SECONDS);
        assert!(date(longest).len() + 26 < TEXT_BYTES_MAX);
    }

    #[test]
    fn what_is_no_time_of_day_is_written_as_none() {
        let mut out = [0; TEXT_BYTES_MAX];
        assert_eq!(write_time(DAY_SECONDS, 0, 0, &mut out), 5);
        assert_eq!(&out[..5], b"86400");
        assert_eq!(time(DAY_SECONDS * 1000 - 1, 3, &mut out), 12);
        assert_eq!(&out[..12], b"23:59:59.999");
    }

    #[test]
    fn moments_of_vectors_are_in_utc() {
        let text = |ty, value| {
            let mut out = Vec::new();
            write_moment(ty, value, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(Type::Date, 19_782), "2024-02-29");
        assert_eq!(text(Type::Time, 37_230_500_000), "10:20:30.5");
        assert_eq!(
            text(Type::Timestamp, 1_709_202_030_000_000),
            "2024-02-29T10:20:30Z"
        );
        assert_eq!(text(Type::Timestamp, -1), "1969-12-31T23:59:59.999999Z");
        text(Type::Timestamp, i64::MIN);
        text(Type::Date, i64::MIN / DAY_SECONDS);
    }
}
