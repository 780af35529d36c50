//! Reading one value by the items of a format.

use tamis_engine::kernel::Moment;

use super::{Field, Item, Length, Minutes, OffsetStyle};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
const SECONDS_PER_DAY: i64 = 86_400;

/// What has been read so far.
#[derive(Clone, Copy, Default)]
struct Parts {
    year: Option<u32>,
    month: Option<u32>,
    day: Option<u32>,
    day_of_year: Option<u32>,
    /// 0 is Monday.
    weekday: Option<u32>,
    hour: u32,
    afternoon: Option<bool>,
    half_day_hour: Option<u32>,
    minute: u32,
    second: u32,
    nanos: u32,
    offset_seconds: i64,
}

/// Reads the whole of `text`.
pub(super) fn parse(items: &[Item], text: &[u8]) -> Option<Moment> {
    let mut parts = Parts::default();
    match parts.read(items, text)? {
        [] => parts.instant(),
        _ => None,
    }
}

impl Parts {
    /// Runs the items; the bytes they leave over.
    fn read<'a>(&mut self, items: &[Item], mut text: &'a [u8]) -> Option<&'a [u8]> {
        for item in items {
            text = match item {
                Item::Literal(literal) => text.strip_prefix(&**literal)?,
                Item::Number { field, min, max } => {
                    let (value, rest) = digits(text, *min, *max)?;
                    self.set(*field, value);
                    rest
                }
                Item::ShortYear => {
                    let (value, rest) = digits(text, 2, 2)?;
                    self.year = Some(2000 + value);
                    rest
                }
                Item::OneOf(bytes) => match text.split_first()? {
                    (byte, rest) if bytes.contains(byte) => rest,
                    _ => return None,
                },
                Item::Fraction { min, max } => {
                    let (value, rest) = digits(text, *min, *max)?;
                    self.nanos = value * 10u32.pow(9 - (text.len() - rest.len()) as u32);
                    rest
                }
                Item::MonthName(length) => {
                    let (index, rest) = name(&MONTHS, *length, text)?;
                    self.month = Some(index + 1);
                    rest
                }
                Item::DayName(length) => {
                    let (index, rest) = name(&DAYS, *length, text)?;
                    self.weekday = Some(index);
                    rest
                }
                Item::HalfDay => {
                    let (half, rest) = text.split_at_checked(2)?;
                    self.afternoon = Some(match () {
                        () if half.eq_ignore_ascii_case(b"AM") => false,
                        () if half.eq_ignore_ascii_case(b"PM") => true,
                        () => return None,
                    });
                    rest
                }
                Item::Offset(style) => {
                    let (seconds, rest) = offset(*style, text)?;
                    self.offset_seconds = seconds;
                    rest
                }
                // As in the JDK: taken if it can be, and never given back.
                Item::Optional(inner) => {
                    let mut attempt = *self;
                    match attempt.read(inner, text) {
                        Some(rest) => {
                            *self = attempt;
                            rest
                        }
                        None => text,
                    }
                }
            };
        }
        Some(text)
    }

    fn set(&mut self, field: Field, value: u32) {
        match field {
            Field::Year => self.year = Some(value),
            Field::Month => self.month = Some(value),
            Field::Day => self.day = Some(value),
            Field::DayOfYear => self.day_of_year = Some(value),
            Field::Hour => self.hour = value,
            Field::HalfDayHour => self.half_day_hour = Some(value),
            Field::Minute => self.minute = value,
            Field::Second => self.second = value,
        }
    }

    /// The moment the parts name, if there is one.
    fn instant(&self) -> Option<Moment> {
        let day = self.days()?;
        // 1970-01-01 was a Thursday.
        if self
            .weekday
            .is_some_and(|weekday| i64::from(weekday) != (day + 3).rem_euclid(7))
        {
            return None;
        }
        let hour = match (self.half_day_hour, self.afternoon) {
            (Some(hour @ 1..=12), half) => hour % 12 + if half == Some(true) { 12 } else { 0 },
            (Some(_), _) => return None,
            (None, _) => self.hour,
        };
        if hour > 23 || self.minute > 59 || self.second > 59 {
            return None;
        }
        let time = i64::from(hour * 3600 + self.minute * 60 + self.second);
        Some(Moment {
            seconds: day * SECONDS_PER_DAY + time - self.offset_seconds,
            nanos: self.nanos,
        })
    }

    /// Days from 1970-01-01; that day itself if the format names none.
    fn days(&self) -> Option<i64> {
        let year = self.year.unwrap_or(1970);
        if let Some(day_of_year) = self.day_of_year {
            let length = if is_leap(year) { 366 } else { 365 };
            return (1..=length)
                .contains(&day_of_year)
                .then(|| days_from_civil(year, 1, 1) + i64::from(day_of_year) - 1);
        }
        let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        let fits = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
        fits.then(|| days_from_civil(year, month, day))
    }
}

/// The number at the start of `text`, as many digits as there are up to `max`.
fn digits(text: &[u8], min: u8, max: u8) -> Option<(u32, &[u8])> {
    let count = text
        .iter()
        .take(usize::from(max))
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (number, rest) = text.split_at(count);
    let value = number
        .iter()
        .fold(0, |value, byte| value * 10 + u32::from(byte - b'0'));
    (count >= usize::from(min)).then_some((value, rest))
}

/// Which of `names` stands at the start of `text`, whatever its case.
fn name<'a>(names: &[&str], length: Length, text: &'a [u8]) -> Option<(u32, &'a [u8])> {
    (0..).zip(names).find_map(|(index, name)| {
        let name = if length == Length::Short {
            &name[..3]
        } else {
            name
        };
        let (start, rest) = text.split_at_checked(name.len())?;
        start
            .eq_ignore_ascii_case(name.as_bytes())
            .then_some((index, rest))
    })
}

/// The offset at the start of `text`, in seconds east of UTC.
fn offset(style: OffsetStyle, text: &[u8]) -> Option<(i64, &[u8])> {
    let (zulu, colon, minutes) = match style {
        OffsetStyle::Iso {
            minutes,
            colon,
            zulu,
        } => (zulu, colon, minutes),
        OffsetStyle::Loose => (true, text.get(3) == Some(&b':'), Minutes::Optional),
    };
    if let (true, Some(rest)) = (zulu, text.strip_prefix(b"Z")) {
        return Some((0, rest));
    }
    let (sign, rest) = match text.split_first()? {
        (b'+', rest) => (1, rest),
        (b'-', rest) => (-1, rest),
        _ => return None,
    };
    let (hours, after_hours) = digits(rest, 2, 2)?;
    let separator: &[u8] = if colon { b":" } else { b"" };
    let (minutes, rest) = match after_hours
        .strip_prefix(separator)
        .and_then(|rest| digits(rest, 2, 2))
    {
        Some(found) => found,
        None if minutes == Minutes::Optional => (0, after_hours),
        None => return None,
    };
    // The widest offset the JDK and ISO 8601 know of is 18 hours.
    (minutes < 60 && hours * 60 + minutes <= 18 * 60)
        .then(|| (sign * i64::from(hours * 3600 + minutes * 60), rest))
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a day of the proleptic Gregorian calendar (Howard Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms").
fn days_from_civil(year: u32, month: u32, day: u32) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * i64::from((month + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}
