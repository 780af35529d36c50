//! Dates, times, timestamps and durations: texts to numbers, numbers to texts, and the parts of a calendar day.
//!
//! A date is days since 1970-01-01, a time microseconds since midnight, a timestamp microseconds since
//! 1970-01-01T00:00:00Z, a duration microseconds.

use std::fmt::Write;

use tamis_engine::kernel::{DateTimeShape, parse_date_time};
use tamis_formats::calendar::{DAY_SECONDS, civil};
use tamis_formats::moment;
use tamis_formats::vector::Type;

pub(crate) const MILLISECOND: i64 = 1000;
pub(crate) const SECOND: i64 = 1000 * MILLISECOND;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// `2024-01-31`.
pub(crate) fn parse_date(text: &[u8]) -> Option<i64> {
    let moment = parse_date_time(text, DateTimeShape::Date)?;
    Some(moment.seconds.div_euclid(DAY_SECONDS))
}

/// `23:59:59.5`.
pub(crate) fn parse_time(text: &[u8]) -> Option<i64> {
    let moment = parse_date_time(text, DateTimeShape::Time)?;
    Some(moment.seconds * SECOND + i64::from(moment.nanos / 1000))
}

/// `2024-01-31T23:59:59Z`; a date is its midnight.
pub(crate) fn parse_timestamp(text: &[u8]) -> Option<i64> {
    let moment = parse_date_time(text, DateTimeShape::DateTime)
        .or_else(|| parse_date_time(text, DateTimeShape::Date))?;
    Some(moment.seconds * SECOND + i64::from(moment.nanos / 1000))
}

/// Go's durations, which are CEL's, and days: `1h30m`, `-1.5h`, `90s`, `7d`. Less than a microsecond is cut off.
pub(crate) fn parse_duration(text: &[u8]) -> Option<i64> {
    let (is_negative, mut rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if rest.is_empty() {
        return None;
    }
    // In billionths, where every unit is whole.
    let mut nanos: i128 = 0;
    while !rest.is_empty() {
        let (piece, after) = parse_amount(rest)?;
        nanos = nanos.checked_add(piece)?;
        rest = after;
    }
    let micros = i64::try_from(nanos / 1000).ok()?;
    Some(if is_negative { -micros } else { micros })
}

/// `1.5h`: billionths of a second, and what follows.
fn parse_amount(text: &[u8]) -> Option<(i128, &[u8])> {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (whole, rest) = text.split_at(digits(text));
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => rest.split_at(digits(rest)),
        _ => (&rest[..0], rest),
    };
    // More digits than these say nothing about a microsecond in 290,000 years.
    if whole.len() + fraction.len() == 0 || whole.len() > 18 || fraction.len() > 15 {
        return None;
    }
    let (unit, len): (i128, usize) = match rest {
        [b'n', b's', ..] => (1, 2),
        [b'u', b's', ..] => (1_000, 2),
        // µ has two code points, both of two bytes: the micro sign and the Greek letter.
        [0xC2, 0xB5, b's', ..] | [0xCE, 0xBC, b's', ..] => (1_000, 3),
        [b'm', b's', ..] => (1_000_000, 2),
        [b's', ..] => (1_000_000_000, 1),
        [b'm', ..] => (60_000_000_000, 1),
        [b'h', ..] => (3_600_000_000_000, 1),
        [b'd', ..] => (86_400_000_000_000, 1),
        _ => return None,
    };
    let number = |digits: &[u8]| {
        digits
            .iter()
            .fold(0_i128, |sum, digit| sum * 10 + i128::from(digit - b'0'))
    };
    let scale = 10_i128.pow(fraction.len() as u32);
    let nanos = (number(whole) * scale + number(fraction)).checked_mul(unit)? / scale;
    Some((nanos, &rest[len..]))
}

/// `UTC`, `Z`, `+01:00`, `-05:30`: microseconds east of UTC.
pub(crate) fn parse_offset(text: &str) -> Option<i64> {
    let [sign, h1, h2, b':', m1, m2] = *text.as_bytes() else {
        return matches!(text, "UTC" | "Z").then_some(0);
    };
    let digits = [h1, h2, m1, m2];
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let [h1, h2, m1, m2] = digits.map(|digit| i64::from(digit - b'0'));
    let (hours, minutes) = (h1 * 10 + h2, m1 * 10 + m2);
    let offset = hours * HOUR + minutes * MINUTE;
    match sign {
        _ if hours > 23 || minutes > 59 => None,
        b'+' => Some(offset),
        b'-' => Some(-offset),
        _ => None,
    }
}

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Day {
    pub(crate) year: i64,
    /// From 1.
    pub(crate) month: i64,
    /// From 1.
    pub(crate) day: i64,
    /// From 0.
    pub(crate) day_of_year: i64,
}

/// The day so many days after 1970-01-01, in the proleptic Gregorian calendar.
#[inline]
pub(crate) fn day_of(days: i64) -> Day {
    /// Days of a year before each month, if it is no leap year.
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let (year, month, day) = civil(days);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let day_of_year = BEFORE[month as usize - 1] + day as i64 - 1;
    Day {
        year,
        month: month as i64,
        day: day as i64,
        day_of_year: day_of_year + i64::from(is_leap && month > 2),
    }
}

/// Writes a moment as it is written where it is a value of its own: `2024-01-31`, `23:59:59.5`, `2024-01-31T23:59:59Z`.
pub(crate) fn write_moment(ty: Type, value: i64, out: &mut String) {
    let mut bytes = std::mem::take(out).into_bytes();
    moment::write_moment(ty, value, &mut bytes);
    *out = String::from_utf8(bytes).expect("moments are written in ASCII");
}

/// Writes a duration in seconds, as CEL does: `5400s`, `-0.5s`.
pub(crate) fn write_duration(micros: i64, out: &mut String) {
    if micros < 0 {
        out.push('-');
    }
    let magnitude = micros.unsigned_abs();
    let second = SECOND.unsigned_abs();
    write!(out, "{}", magnitude / second).expect("a string takes all that is written");
    write_fraction((magnitude % second).cast_signed(), out);
    out.push('s');
}

/// Writes millionths behind a point, without zeros at the end; nothing at all for none.
fn write_fraction(micros: i64, out: &mut String) {
    if micros != 0 {
        write!(out, ".{micros:06}").expect("a string takes all that is written");
        out.truncate(out.trim_end_matches('0').len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_follow_each_other() {
        let (mut year, mut day_of_year) = (1599, -1);
        for days in -135_140..=219_145_i64 {
            let day = day_of(days);
            match (day.month, day.day) {
                (1, 1) => (year, day_of_year) = (year + 1, 0),
                _ => day_of_year += 1,
            }
            assert_eq!((day.year, day.day_of_year), (year, day_of_year), "{days}");
            let mut text = String::new();
            write_moment(Type::Date, days, &mut text);
            assert_eq!(parse_date(text.as_bytes()), Some(days), "{text}");
        }
        assert_eq!(year, 2569);
    }

    #[test]
    fn moments_are_written_as_they_are_read() {
        for text in [
            "1969-12-31T23:59:59.999999Z",
            "2024-02-29T12:00:00.5Z",
            "0001-01-01T00:00:00Z",
        ] {
            let mut out = String::new();
            write_moment(
                Type::Timestamp,
                parse_timestamp(text.as_bytes()).unwrap(),
                &mut out,
            );
            assert_eq!(out, text);
        }
        for (text, written) in [
            ("1h30m", "5400s"),
            ("-1.5h", "-5400s"),
            ("+0.25s", "0.25s"),
            ("7d", "604800s"),
            ("250ms1us", "0.250001s"),
            ("0s", "0s"),
            ("5µs", "0.000005s"),
        ] {
            let mut out = String::new();
            write_duration(parse_duration(text.as_bytes()).unwrap(), &mut out);
            assert_eq!(out, written, "{text}");
        }
        for text in [
            "",
            "-",
            "1",
            "h",
            "1x",
            "1h ",
            ".s",
            "9223372036855d",
            "1e3s",
        ] {
            assert_eq!(parse_duration(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_ends_of_time_can_be_written() {
        for micros in [i64::MIN, i64::MAX] {
            let mut out = String::new();
            write_moment(Type::Timestamp, micros, &mut out);
            write_duration(micros, &mut out);
            write_moment(Type::Date, micros, &mut out);
        }
    }

    #[test]
    fn offsets_are_fixed() {
        assert_eq!(parse_offset("+01:30"), Some(90 * MINUTE));
        assert_eq!(parse_offset("-05:00"), Some(-5 * HOUR));
        assert_eq!(parse_offset("UTC"), Some(0));
        for text in ["Europe/Berlin", "+1:00", "+24:00", "01:00", "", "é1:00"] {
            assert_eq!(parse_offset(text), None, "{text}");
        }
    }
}
