//! The ways in which logs write a time, each read from the start of a text.
//!
//! A [`Stamp`] is what is written and nothing more: a clock on a wall, perhaps without a year, perhaps with its offset
//! from UTC. What is missing is filled in by [`super::Clock`].

use super::civil::{SECOND_US, days_since_epoch, wall_us};

/// A time as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Microseconds since 1970 on the clock that wrote it.
    pub(crate) wall_us: i64,
    /// Seconds that this clock is ahead of UTC, if that is written.
    pub(crate) offset: Option<i32>,
}

/// A day without its year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Yearless {
    pub(crate) month: u32,
    pub(crate) day: u32,
    /// Microseconds since midnight.
    pub(crate) time_us: i64,
}

/// `10/Oct/2000:13:55:36 -0700`, as NCSA, Apache and nginx write it: 26 bytes.
pub(crate) fn clf(text: &[u8; 26]) -> Option<Stamp> {
    let [
        d1,
        d2,
        b'/',
        m1,
        m2,
        m3,
        b'/',
        y1,
        y2,
        y3,
        y4,
        b':',
        time @ ..,
    ] = text
    else {
        return None;
    };
    let [h1, h2, b':', n1, n2, b':', s1, s2, b' ', zone @ ..] = time else {
        return None;
    };
    let wall_us = wall_us(
        two(*y1, *y2)? * 100 + two(*y3, *y4)?,
        month_of_name([*m1, *m2, *m3])?,
        two(*d1, *d2)?,
        two(*h1, *h2)?,
        two(*n1, *n2)?,
        two(*s1, *s2)?,
    )?;
    let (offset, len) = offset(zone)?;
    (len == zone.len()).then_some(Stamp {
        wall_us,
        offset: Some(offset),
    })
}

/// The day and second of ISO 8601 as it is often written: `2026-11-20T14:30:05`, with a space or `_` for the `T` or with
/// `/` for `-`: 19 bytes.
pub(crate) fn iso_second(text: &[u8; 19]) -> Option<i64> {
    let [y1, y2, y3, y4, a, m1, m2, b, d1, d2, between, time @ ..] = text;
    let [h1, h2, b':', n1, n2, b':', s1, s2] = time else {
        return None;
    };
    if a != b || !matches!(a, b'-' | b'/') || !matches!(between, b'T' | b't' | b' ' | b'_') {
        return None;
    }
    wall_us(
        two(*y1, *y2)? * 100 + two(*y3, *y4)?,
        two(*m1, *m2)?,
        two(*d1, *d2)?,
        two(*h1, *h2)?,
        two(*n1, *n2)?,
        two(*s1, *s2)?,
    )
}

/// What may follow such a second: `.123456` or `,123`, then `Z`, `+01:00`, `+0100`, `+01`, ` +0100`, ` UTC`. Microseconds,
/// the offset if there is one, and how many bytes.
pub(crate) fn iso_rest(text: &[u8]) -> (i64, Option<i32>, usize) {
    let (micros, mut len) = fraction(text);
    let rest = &text[len..];
    let mut found = None;
    // A space only belongs to the time if an offset follows it.
    let (gap, zone) = match rest {
        [b' ', zone @ ..] => (1, zone),
        zone => (0, zone),
    };
    if (gap == 0 || matches!(zone.first(), Some(b'+' | b'-' | b'U' | b'G')))
        && let Some((seconds, zone_len)) = offset(zone)
    {
        found = Some(seconds);
        len += gap + zone_len;
    }
    (micros, found, len)
}

/// `.5`, `,123456`: microseconds (further digits are dropped) and how many bytes; nothing is nothing.
fn fraction(text: &[u8]) -> (i64, usize) {
    let [b'.' | b',', digits @ ..] = text else {
        return (0, 0);
    };
    let count = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if count == 0 {
        return (0, 0);
    }
    let mut micros = 0;
    for place in 0..6 {
        let digit = digits[..count].get(place).map_or(0, |digit| digit - b'0');
        micros = micros * 10 + i64::from(digit);
    }
    (micros, 1 + count)
}

/// `Z`, `UTC`, `GMT`, `+01:00`, `+0100`, `+01`: seconds ahead of UTC, and how many bytes.
fn offset(text: &[u8]) -> Option<(i32, usize)> {
    let (sign, rest) = match text {
        [b'Z' | b'z', ..] => return Some((0, 1)),
        [b'U', b'T', b'C', ..] | [b'G', b'M', b'T', ..] => return Some((0, 3)),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes, len) = match rest {
        [h1, h2, b':', m1, m2, ..] => (two(*h1, *h2)?, two(*m1, *m2)?, 6),
        [h1, h2, m1, m2, ..] if m1.is_ascii_digit() => (two(*h1, *h2)?, two(*m1, *m2)?, 5),
        [h1, h2, ..] => (two(*h1, *h2)?, 0, 3),
        _ => return None,
    };
    let seconds = (hours * 3600 + minutes * 60) as i32;
    (hours < 24 && minutes < 60).then_some((sign * seconds, len))
}

/// `Oct 11 22:14:15`, the day padded with a space or a zero, perhaps with a fraction, as RFC 3164 has it; or with a year,
/// behind the day (`Oct 11 2003 22:14:15`) or at the end (`Oct 11 22:14:15 2003`, as `asctime` writes it). The year if it
/// is written, the rest, and how many bytes.
pub(crate) fn month_first(text: &[u8]) -> Option<(Option<u32>, Yearless, usize)> {
    let [m1, m2, m3, b' ', rest @ ..] = text else {
        return None;
    };
    let month = month_of_name([*m1, *m2, *m3])?;
    let (day, day_len) = match rest {
        [b' ', d, ..] if d.is_ascii_digit() => (u32::from(d - b'0'), 2),
        [d1, d2, ..] if d2.is_ascii_digit() => (two(*d1, *d2)?, 2),
        [d, b' ', ..] if d.is_ascii_digit() => (u32::from(d - b'0'), 1),
        _ => return None,
    };
    let mut at = 4 + day_len;
    let mut year = None;
    if let Some([b' ', y1, y2, y3, y4, b' ']) = text.get(at..at + 6) {
        year = Some(two(*y1, *y2)? * 100 + two(*y3, *y4)?);
        at += 5;
    }
    let Some(b' ') = text.get(at) else {
        return None;
    };
    let (time_us, len) = time_of_day(&text[at + 1..])?;
    at += 1 + len;
    let behind = text.get(at..at + 5);
    if let (None, Some([b' ', digits @ ..])) = (year, behind)
        && digits.iter().all(u8::is_ascii_digit)
        && !text.get(at + 5).is_some_and(u8::is_ascii_alphanumeric)
    {
        let [y1, y2, y3, y4] = digits else {
            return None;
        };
        year = Some(two(*y1, *y2)? * 100 + two(*y3, *y4)?);
        at += 5;
    }
    let known = Yearless {
        month,
        day,
        time_us,
    };
    // Some day of that name exists, be it in a leap year.
    days_since_epoch(year.unwrap_or(2000), month, day)?;
    Some((year, known, at))
}

/// `1120 14:30:05.123456` as glog writes it, or with a year, `20261120 14:30:05.123456`.
pub(crate) fn glog(text: &[u8]) -> Option<(Option<u32>, Yearless, usize)> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (year, rest) = match (digits, text) {
        (4, rest) => (None, rest),
        (8, [y1, y2, y3, y4, rest @ ..]) => (Some(two(*y1, *y2)? * 100 + two(*y3, *y4)?), rest),
        _ => return None,
    };
    let [m1, m2, d1, d2, b' ', time @ ..] = rest else {
        return None;
    };
    let (month, day) = (two(*m1, *m2)?, two(*d1, *d2)?);
    days_since_epoch(year.unwrap_or(2000), month, day)?;
    let (time_us, len) = time_of_day(time)?;
    let known = Yearless {
        month,
        day,
        time_us,
    };
    Some((year, known, digits + 1 + len))
}

/// `22:14:15` with or without a fraction: microseconds since midnight, and how many bytes.
pub(crate) fn time_of_day(text: &[u8]) -> Option<(i64, usize)> {
    let [h1, h2, b':', n1, n2, b':', s1, s2, rest @ ..] = text else {
        return None;
    };
    let (hour, minute, second) = (two(*h1, *h2)?, two(*n1, *n2)?, two(*s1, *s2)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (micros, len) = fraction(rest);
    let seconds = i64::from(hour * 3600 + minute * 60 + second);
    Some((seconds * SECOND_US + micros, 8 + len))
}

/// Seconds since 1970 in ten digits, perhaps with a fraction; or milliseconds in 13, microseconds in 16, nanoseconds in 19.
pub(crate) fn epoch(text: &[u8]) -> Option<i64> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (micros, len) = fraction(&text[count..]);
    if len > 0 && count != 10 || count + len != text.len() {
        return None;
    }
    if !matches!(count, 10 | 13 | 16 | 19) {
        return None;
    }
    let value = text[..count].iter().try_fold(0_i64, |value, digit| {
        value
            .checked_mul(10)?
            .checked_add(i64::from(digit.wrapping_sub(b'0')))
    })?;
    match count {
        10 => value.checked_mul(SECOND_US)?.checked_add(micros),
        13 => value.checked_mul(1000),
        16 => Some(value),
        _ => Some(value / 1000),
    }
}

/// The number that two digits are.
#[inline(always)]
fn two(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then_some(u32::from(tens) * 10 + u32::from(ones))
}

fn month_of_name(name: [u8; 3]) -> Option<u32> {
    Some(match &name {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
}
