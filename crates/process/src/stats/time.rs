//! Moments as text, for the bounds of histograms.

use super::distribution::MomentShape;

const SECONDS_PER_DAY: i64 = 86_400;

/// A moment so many seconds after 1970-01-01T00:00:00Z, or after midnight for a time of day.
pub(super) fn write_moment(seconds: i64, shape: MomentShape) -> String {
    let (days, second) = (
        seconds.div_euclid(SECONDS_PER_DAY),
        seconds.rem_euclid(SECONDS_PER_DAY),
    );
    let time = format!(
        "{:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    );
    let (year, month, day) = civil(days);
    match shape {
        MomentShape::Time => time,
        MomentShape::Date => format!("{year:04}-{month:02}-{day:02}"),
        MomentShape::Timestamp => format!("{year:04}-{month:02}-{day:02}T{time}Z"),
    }
}

/// The day so many days after 1970-01-01 in the proleptic Gregorian calendar (Hinnant, `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use tamis_engine::kernel::{DateTimeShape, parse_date_time};

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for day in (-700_000..2_000_000).step_by(97) {
            let seconds = day * SECONDS_PER_DAY + day.rem_euclid(SECONDS_PER_DAY);
            let text = write_moment(seconds, MomentShape::Timestamp);
            let moment = parse_date_time(text.as_bytes(), DateTimeShape::DateTime);
            assert_eq!(moment.map(|moment| moment.seconds), Some(seconds), "{text}");
        }
        assert_eq!(write_moment(3661, MomentShape::Time), "01:01:01");
    }
}
