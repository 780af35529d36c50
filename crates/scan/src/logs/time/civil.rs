//! Days and years of the proleptic Gregorian calendar, in both directions.

use std::ops::RangeInclusive;

/// Microseconds of a second, a day.
pub(crate) const SECOND_US: i64 = 1_000_000;
pub(crate) const DAY_US: i64 = 86_400 * SECOND_US;

/// The moments that can be written with a year of four digits: 0001-01-01T00:00:00Z to the end of 9999, UTC.
pub(crate) const TIMES_US: RangeInclusive<i64> =
    -62_135_596_800 * SECOND_US..=253_402_300_800 * SECOND_US - 1;

/// A day and a time of day as a clock on a wall shows it, without its zone: microseconds since 1970-01-01T00:00:00
/// of that clock. `None` if there is no such day or time. Second 60 is the first of the next minute.
pub(crate) fn wall_us(
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
) -> Option<i64> {
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_since_epoch(year, month, day)?;
    let seconds = i64::from(hour * 3600 + minute * 60 + second);
    Some(days * DAY_US + seconds * SECOND_US)
}

/// Days since 1970-01-01; `None` if there is no such day.
pub(crate) fn days_since_epoch(year: u32, month: u32, day: u32) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) || year > 9999
    {
        return None;
    }
    // Howard Hinnant, "chrono-compatible low-level date algorithms": years begin in March, so that a leap day is
    // the last day of one.
    let (year, month) = (i64::from(year), i64::from(month));
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// Year, month and day, so many days after 1970-01-01.
pub(crate) fn date_of_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days - era * 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u32, day as u32)
}

fn days_in_month(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `2026-11-20T14:30:05.000123+01:00`, as RFC 3339 has it; the fraction only if there is one. Where the clock of that offset
/// shows a year that RFC 3339 cannot write, the clock is that of UTC. `time_us` is one of [`TIMES_US`].
pub(crate) fn rfc3339(time_us: i64, offset_seconds: i32) -> String {
    let wall_us = time_us.saturating_add(i64::from(offset_seconds) * SECOND_US);
    let offset_seconds = match TIMES_US.contains(&wall_us) {
        true => offset_seconds,
        false => 0,
    };
    let (date, time) = date_and_time(time_us, offset_seconds);
    let fraction = match time_us.rem_euclid(SECOND_US) {
        0 => String::new(),
        micros if micros % 1000 == 0 => format!(".{:03}", micros / 1000),
        micros => format!(".{micros:06}"),
    };
    format!("{date}T{time}{fraction}{}", offset_name(offset_seconds))
}

/// `2026-11-20` and `14:30:05` on a clock of that offset.
pub fn date_and_time(time_us: i64, offset_seconds: i32) -> (String, String) {
    let wall = time_us + i64::from(offset_seconds) * SECOND_US;
    let (year, month, day) = date_of_days(wall.div_euclid(DAY_US));
    let second = wall.rem_euclid(DAY_US) / SECOND_US;
    (
        format!("{year:04}-{month:02}-{day:02}"),
        format!(
            "{:02}:{:02}:{:02}",
            second / 3600,
            second / 60 % 60,
            second % 60
        ),
    )
}

/// `Z`, `+01:00`, `-07:00`.
pub fn offset_name(offset_seconds: i32) -> String {
    if offset_seconds == 0 {
        return "Z".to_owned();
    }
    let sign = if offset_seconds < 0 { '-' } else { '+' };
    let minutes = offset_seconds.abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: every day of ten thousand years is the day that jiff says it is, both ways.
    #[test]
    fn days_are_those_of_jiff() {
        let mut date = jiff::civil::date(0, 1, 1);
        let epoch = jiff::civil::date(1970, 1, 1);
        let mut days = i64::from(epoch.until(date).expect("in range").get_days());
        while date.year() < 9999 {
            let (year, month, day) = (date.year() as u32, date.month() as u32, date.day() as u32);
            assert_eq!(days_since_epoch(year, month, day), Some(days), "{date}");
            assert_eq!(date_of_days(days), (i64::from(year), month, day));
            date = date.tomorrow().expect("in range");
            days += 1;
        }
    }

    #[test]
    fn what_does_not_exist_is_refused() {
        assert_eq!(wall_us(2023, 2, 29, 0, 0, 0), None);
        assert_eq!(wall_us(2024, 13, 1, 0, 0, 0), None);
        assert_eq!(wall_us(2024, 1, 0, 0, 0, 0), None);
        assert_eq!(wall_us(2024, 1, 1, 24, 0, 0), None);
        assert_eq!(
            wall_us(2016, 12, 31, 23, 59, 60),
            wall_us(2017, 1, 1, 0, 0, 0)
        );
    }

    #[test]
    fn times_are_written_as_rfc_3339() {
        let time = wall_us(2026, 11, 20, 13, 30, 5).expect("a time");
        assert_eq!(rfc3339(time, 3600), "2026-11-20T14:30:05+01:00");
        assert_eq!(rfc3339(time + 120_000, 0), "2026-11-20T13:30:05.120Z");
        assert_eq!(rfc3339(-1, -12_600), "1969-12-31T20:29:59.999999-03:30");
    }

    #[test]
    fn years_have_four_digits_on_any_clock() {
        let (first, last) = (*TIMES_US.start(), *TIMES_US.end());
        assert_eq!(rfc3339(first, 0), "0001-01-01T00:00:00Z");
        assert_eq!(rfc3339(first, 3600), "0001-01-01T01:00:00+01:00");
        assert_eq!(rfc3339(first, -3600), "0001-01-01T00:00:00Z");
        assert_eq!(rfc3339(last, 0), "9999-12-31T23:59:59.999999Z");
        assert_eq!(rfc3339(last, 3600), "9999-12-31T23:59:59.999999Z");
    }
}
