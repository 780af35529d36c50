//! Days since 1970 as years, months and days.

/// Seconds of a day.
pub const DAY_SECONDS: i64 = 86_400;

/// Year, month and day, both from 1, by the proleptic Gregorian calendar. The algorithm is Howard Hinnant's `civil_from_days`
/// (<https://howardhinnant.github.io/date_algorithms.html>).
///
/// ```
/// assert_eq!(tamis_formats::calendar::civil(-1), (1969, 12, 31));
/// ```
#[inline]
pub fn civil(days: i64) -> (i64, u64, u64) {
    // Years begin in March here, so that the leap day is the last of its year. No day that anybody means wraps.
    let days = days.wrapping_add(719_468);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097) as u64;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era as i64 + era * 400 + i64::from(month <= 2);
    (year, month, day)
}
