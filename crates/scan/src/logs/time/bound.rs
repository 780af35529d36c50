//! What people write for `--since` and `--until`.
//!
//! | written | meant |
//! |---|---|
//! | `2026-11-20T14:30:00Z`, `2026-11-20 14:30` | that moment; without an offset on the clock of the log |
//! | `2026-11-20` | its midnight |
//! | `14:30`, `14:30:05` | `--since`: the last time it was that late; `--until`: the next time after `--since` |
//! | `2h ago`, `-2h`, `90 minutes ago`, `1d12h ago` | so long before now |
//! | `now`, `today`, `yesterday` | now, and the midnights |

use super::civil::{DAY_US, SECOND_US, TIMES_US};
use super::{Clock, Zone, stamp};

/// One end of a range of time, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    text: String,
    meaning: Meaning,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// A moment; its offset if it was written.
    Stamp { wall_us: i64, offset: Option<i32> },
    /// A time of day.
    TimeOfDay { time_us: i64 },
    /// So long before now.
    Ago { us: i64 },
    /// A midnight, so many days before today.
    Midnight { days_ago: i64 },
}

impl Bound {
    /// Reads what was written.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Bound, String> {
        let meaning = meaning(text.trim()).ok_or_else(|| {
            format!("`{text}` is no time: expected one like `2026-11-20T14:30:00Z`, `2026-11-20`, `14:30` or `2h ago`")
        })?;
        Ok(Bound {
            text: text.to_owned(),
            meaning,
        })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The moment, as microseconds since 1970, when `now_us` is now; what was written without an offset is on the clock of `zone`.
    pub fn time_us(&self, now_us: i64, zone: &Zone) -> i64 {
        self.resolve(now_us, zone, None)
    }

    /// The moment, as microseconds since 1970; one before or after all times that there are is the first or the last of
    /// them. `after_us` is the beginning of the range when this is its end.
    fn resolve(&self, now_us: i64, zone: &Zone, after_us: Option<i64>) -> i64 {
        let time_us = self.moment(now_us, zone, after_us);
        time_us.clamp(*TIMES_US.start(), *TIMES_US.end())
    }

    fn moment(&self, now_us: i64, zone: &Zone, after_us: Option<i64>) -> i64 {
        let to_utc = |wall_us: i64| wall_us - i64::from(zone.offset_at_wall(wall_us)) * SECOND_US;
        let today = || {
            let wall_us = now_us + i64::from(zone.offset_at(now_us)) * SECOND_US;
            wall_us.div_euclid(DAY_US)
        };
        match self.meaning {
            Meaning::Stamp {
                wall_us,
                offset: Some(offset),
            } => wall_us - i64::from(offset) * SECOND_US,
            Meaning::Stamp { wall_us, .. } => to_utc(wall_us),
            Meaning::Ago { us } => now_us.saturating_sub(us),
            Meaning::Midnight { days_ago } => to_utc((today() - days_ago) * DAY_US),
            Meaning::TimeOfDay { time_us } => match after_us {
                None => {
                    let latest = to_utc(today() * DAY_US + time_us);
                    match latest > now_us {
                        true => to_utc((today() - 1) * DAY_US + time_us),
                        false => latest,
                    }
                }
                Some(after_us) => {
                    let wall_us = after_us + i64::from(zone.offset_at(after_us)) * SECOND_US;
                    let day = wall_us.div_euclid(DAY_US);
                    let same_day = to_utc(day * DAY_US + time_us);
                    match same_day > after_us {
                        true => same_day,
                        false => to_utc((day + 1) * DAY_US + time_us),
                    }
                }
            },
        }
    }
}

/// From when to when: the beginning belongs to it, the end does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First microsecond since 1970 that belongs to it.
    pub since_us: Option<i64>,
    /// First one that no longer does.
    pub until_us: Option<i64>,
}

impl Range {
    /// All of time.
    pub const ALL: Range = Range {
        since_us: None,
        until_us: None,
    };

    /// The range between two bounds, for a log whose clock is that of `zone`.
    pub(crate) fn resolve(
        since: Option<&Bound>,
        until: Option<&Bound>,
        now_us: i64,
        zone: &Zone,
    ) -> Range {
        let since_us = since.map(|bound| bound.resolve(now_us, zone, None));
        let until_us = until.map(|bound| bound.resolve(now_us, zone, since_us));
        Range { since_us, until_us }
    }

    /// Whether it is all of time.
    pub(crate) fn is_all(self) -> bool {
        self == Range::ALL
    }

    /// Whether that moment belongs to it.
    #[inline(always)]
    pub(crate) fn contains(self, time_us: i64) -> bool {
        self.since_us.is_none_or(|since| since <= time_us)
            && self.until_us.is_none_or(|until| time_us < until)
    }
}

fn meaning(text: &str) -> Option<Meaning> {
    match text.to_ascii_lowercase().as_str() {
        "now" => return Some(Meaning::Ago { us: 0 }),
        "today" => return Some(Meaning::Midnight { days_ago: 0 }),
        "yesterday" => return Some(Meaning::Midnight { days_ago: 1 }),
        _ => {}
    }
    if let Some(ago) = text.strip_prefix('-') {
        return duration_us(ago).map(|us| Meaning::Ago { us });
    }
    if let Some(ago) = text.strip_suffix("ago") {
        return duration_us(ago.trim_end()).map(|us| Meaning::Ago { us });
    }
    let bytes = text.as_bytes();
    if let Some(time_us) = time_of_day_us(text) {
        return Some(Meaning::TimeOfDay { time_us });
    }
    // A day, and a day with hours and minutes, are completed.
    let midnight = format!("{text}T00:00:00");
    let zero_seconds = match bytes.len() {
        16 => format!("{text}:00"),
        len if len > 16 && !matches!(bytes[16], b':') => {
            format!("{}:00{}", text.get(..16)?, text.get(16..)?)
        }
        _ => String::new(),
    };
    [text, midnight.as_str(), zero_seconds.as_str()]
        .into_iter()
        .find_map(written_out)
}

/// A moment that is written out.
fn written_out(text: &str) -> Option<Meaning> {
    let bytes = text.as_bytes();
    if let Some((second, rest)) = bytes.split_first_chunk::<19>()
        && let Some(wall_us) = stamp::iso_second(second)
    {
        let (micros, offset, len) = stamp::iso_rest(rest);
        return (len == rest.len()).then_some(Meaning::Stamp {
            wall_us: wall_us + micros,
            offset,
        });
    }
    let with_offset = || {
        let clf = stamp::clf(bytes.try_into().ok()?)?;
        Some(clf.wall_us - i64::from(clf.offset?) * SECOND_US)
    };
    // What has no year stays out: which one is meant depends on the log.
    let odd = || Clock::new(Zone::UTC, 0).whole(bytes).map(|it| it.time_us);
    let is_odd = text.contains(',') || bytes.iter().all(u8::is_ascii_digit);
    let time_us = with_offset().or_else(|| odd().filter(|_| is_odd))?;
    Some(Meaning::Stamp {
        wall_us: time_us,
        offset: Some(0),
    })
}

/// `14:30`, `14:30:05`, `14:30:05.5`: microseconds since midnight.
fn time_of_day_us(text: &str) -> Option<i64> {
    let with_seconds = match text.len() {
        5 => format!("{text}:00"),
        _ => text.to_owned(),
    };
    let (time_us, len) = stamp::time_of_day(with_seconds.as_bytes())?;
    (len == with_seconds.len()).then_some(time_us)
}

/// `2h`, `90 minutes`, `1d12h`: microseconds.
fn duration_us(text: &str) -> Option<i64> {
    let (mut rest, mut total) = (text.trim(), 0_i64);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let value: i64 = rest[..digits].parse().ok()?;
        let unit_on = rest[digits..].trim_start();
        let letters = unit_on
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(unit_on.len());
        let seconds = match unit_on[..letters].to_ascii_lowercase().as_str() {
            "s" | "sec" | "secs" | "second" | "seconds" => 1,
            "m" | "min" | "mins" | "minute" | "minutes" => 60,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3_600,
            "d" | "day" | "days" => 86_400,
            "w" | "week" | "weeks" => 604_800,
            _ => return None,
        };
        let more = value.checked_mul(seconds * SECOND_US)?;
        total = total.checked_add(more)?;
        rest = unit_on[letters..].trim_start();
    }
    Some(total)
}
