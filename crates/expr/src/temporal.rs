//! Dates, times, timestamps and durations: texts to numbers, numbers to texts, and the parts of a calendar day.
//!
//! A date is days since 1970-01-01, a time microseconds since midnight, a timestamp microseconds since
//! 1970-01-01T00:00:00Z, a duration microseconds.

use std::fmt::Write;

use tamis_engine::kernel::{DateTimeShape, parse_date_time};

pub(crate) const MILLISECOND: i64 = 1000;
pub(crate) const SECOND: i64 = 1000 * MILLISECOND;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

const SECONDS_PER_DAY: i64 = 86_400;

/// Days in 400 years, after which the calendar repeats.
const DAYS_PER_ERA: i64 = 146_097;

/// `2024-01-31`.
pub(crate) fn parse_date(text: &[u8]) -> Option<i64> {
    let moment = parse_date_time(text, DateTimeShape::Date)?;
    Some(moment.seconds.div_euclid(SECONDS_PER_DAY))
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

/// The day so many days after 1970-01-01, in the proleptic Gregorian calendar (Hinnant, `civil_from_days`): years begin in
/// March, so that the leap day is the last one.
#[inline]
pub(crate) fn day_of(days: i64) -> Day {
    let days = days.wrapping_add(719_468);
    let era = days.div_euclid(DAYS_PER_ERA);
    let day_of_era = days.rem_euclid(DAYS_PER_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let from_march = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * from_march + 2) / 153;
    let day = from_march - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let day_of_year = match month {
        1 | 2 => from_march - 306,
        _ => from_march + 59 + i64::from(is_leap),
    };
    Day {
        year,
        month,
        day,
        day_of_year,
    }
}

/// Writes a date: `2024-01-31`. Years beyond four digits have a sign, as ISO 8601 has it.
pub(crate) fn write_date(days: i64, out: &mut String) {
    let Day {
        year, month, day, ..
    } = day_of(days);
    let result = match year {
        0..=9999 => write!(out, "{year:04}-{month:02}-{day:02}"),
        _ => write!(out, "{year:+05}-{month:02}-{day:02}"),
    };
    result.expect("a string takes all that is written");
}

/// Writes a time of day: `23:59:59`, with as many digits behind as it takes.
pub(crate) fn write_time(micros: i64, out: &mut String) {
    let (hours, minutes, seconds) = (micros / HOUR, micros / MINUTE % 60, micros / SECOND % 60);
    write!(out, "{hours:02}:{minutes:02}:{seconds:02}")
        .expect("a string takes all that is written");
    write_fraction(micros % SECOND, out);
}

/// Writes a timestamp: `2024-01-31T23:59:59Z`.
pub(crate) fn write_timestamp(micros: i64, out: &mut String) {
    write_date(micros.div_euclid(DAY), out);
    out.push('T');
    write_time(micros.rem_euclid(DAY), out);
    out.push('Z');
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
            write_date(days, &mut text);
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
            write_timestamp(parse_timestamp(text.as_bytes()).unwrap(), &mut out);
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
            write_timestamp(micros, &mut out);
            write_duration(micros, &mut out);
            write_date(micros, &mut out);
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
