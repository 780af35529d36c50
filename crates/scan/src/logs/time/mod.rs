//! When something happened: from what is written in a log to one number.
//!
//! A time is an `i64` of microseconds since 1970-01-01T00:00:00Z, in the years 1 to 9999: others are no times. Logs write it in a dozen ways ([`stamp`]); the usual ones
//! are read by position, and because neighbouring lines share their second, the last one is remembered. What is
//! odd (RFC 2822, zones by name) goes to jiff. Times without an offset are those of a [`Zone`], times without a year are
//! of the last year in which they are not in the future.
//!
//! - [`civil`] knows the calendar;
//! - [`stamp`] reads what is written;
//! - [`zone`] knows how far a clock is ahead of UTC;
//! - [`bound`] reads what people write for `--since` and `--until`.

mod bound;
pub(crate) mod civil;
mod stamp;
#[cfg(test)]
mod tests;
mod zone;

pub use bound::{Bound, Range};
pub use civil::{date_and_time, offset_name};
pub use zone::Zone;

use civil::{DAY_US, SECOND_US, TIMES_US, date_of_days, days_since_epoch};
use stamp::{Stamp, Yearless};

/// How far a time without a year may lie in the future before it is taken for one of the year before: clocks differ.
const FUTURE_US: i64 = DAY_US;

/// A time that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    /// Microseconds since 1970, UTC.
    pub(crate) time_us: i64,
    /// Seconds that its clock is ahead of UTC, as written or as its zone has it.
    pub(crate) offset_seconds: i32,
}

/// Reads the times of one input, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    zone: Zone,
    /// When the input was written at the latest: tells the year of times that have none.
    latest_us: i64,
    /// The last time in the way of NCSA, and what it was.
    clf: ([u8; 26], Option<Read>),
    /// The last second in the way of ISO 8601, and what it was on its clock.
    iso: ([u8; 19], Option<i64>),
    /// A quarter of an hour on the clock of the zone, and its offset: zones change on these.
    quarter: (i64, i32),
}

impl Clock {
    /// A clock for times of `zone`, none of which is later than `latest_us` by more than a day.
    pub(crate) fn new(zone: Zone, latest_us: i64) -> Clock {
        let quarter = (0, zone.offset_at_wall(0));
        Clock {
            zone,
            latest_us,
            clf: ([0; 26], None),
            iso: ([0; 19], None),
            quarter,
        }
    }

    /// `10/Oct/2000:13:55:36 -0700`.
    #[inline(always)]
    pub(crate) fn clf(&mut self, text: &[u8; 26]) -> Option<Read> {
        if *text == self.clf.0 {
            return self.clf.1;
        }
        let read = stamp::clf(text).and_then(|stamp| self.resolve(stamp));
        self.clf = (*text, read);
        read
    }

    /// ISO 8601 and what resembles it, at the start of `text`; and how many bytes it takes.
    #[inline]
    pub(crate) fn iso(&mut self, text: &[u8]) -> Option<(Read, usize)> {
        let (second, rest) = text.split_first_chunk::<19>()?;
        if *second != self.iso.0 {
            self.iso = (*second, stamp::iso_second(second));
        }
        let wall_us = self.iso.1?;
        let (micros, offset, len) = stamp::iso_rest(rest);
        let stamp = Stamp {
            wall_us: wall_us + micros,
            offset,
        };
        let mut len = 19 + len;
        let mut read = self.resolve(stamp)?;
        // RFC 9557: the zone in brackets, which may stand for the offset.
        if text.get(len) == Some(&b'[')
            && let Some(end) = memchr::memchr(b']', &text[len..])
            && let Some(zone) = zone_of_name(&text[len + 1..len + end])
        {
            len += end + 1;
            if offset.is_none() {
                let offset_seconds = zone.offset_at_wall(stamp.wall_us);
                read = at(stamp.wall_us, offset_seconds)?;
            }
        }
        Some((read, len))
    }

    /// `Oct 11 22:14:15`, at the start of `text`; and how many bytes it takes.
    pub(crate) fn month_first(&mut self, text: &[u8]) -> Option<(Read, usize)> {
        let (year, rest, len) = stamp::month_first(text)?;
        Some((self.of_year(year, rest)?, len))
    }

    /// `1120 14:30:05.123456`, at the start of `text`; and how many bytes it takes.
    pub(crate) fn glog(&mut self, text: &[u8]) -> Option<(Read, usize)> {
        let (year, rest, len) = stamp::glog(text)?;
        Some((self.of_year(year, rest)?, len))
    }

    /// Whatever way a time is written at the start of `text`, where something else may follow.
    pub(crate) fn prefix(&mut self, text: &[u8]) -> Option<(Read, usize)> {
        if let Some(found) = self.iso(text) {
            return Some(found);
        }
        if let Some(clf) = text.first_chunk::<26>()
            && let Some(read) = self.clf(clf)
        {
            return Some((read, 26));
        }
        let weekday = match text {
            [a, b, c, b' ', ..] if [a, b, c].iter().all(|byte| byte.is_ascii_alphabetic()) => 4,
            _ => 0,
        };
        let named = self.month_first(text);
        named.or_else(|| {
            let (read, len) = self.month_first(&text[weekday..]).filter(|_| weekday > 0)?;
            Some((read, weekday + len))
        })
    }

    /// All of `text`, whatever way a time is written.
    pub(crate) fn whole(&mut self, text: &[u8]) -> Option<Read> {
        if let Some((read, len)) = self.prefix(text)
            && len == text.len()
        {
            return Some(read);
        }
        if let Some(time_us) = stamp::epoch(text) {
            return at(time_us, 0);
        }
        // `Fri, 20 Nov 2026 14:30:05 +0000`.
        let mut copy = [0; COPY_BYTES];
        let odd = jiff::fmt::rfc2822::parse(copied(text, &mut copy)?).ok()?;
        let offset_seconds = odd.offset().seconds();
        let time_us = odd.timestamp().as_microsecond();
        at(
            time_us + i64::from(offset_seconds) * SECOND_US,
            offset_seconds,
        )
    }

    /// The moment that a stamp stands for.
    #[inline(always)]
    fn resolve(&mut self, stamp: Stamp) -> Option<Read> {
        match stamp.offset {
            Some(offset) => at(stamp.wall_us, offset),
            None => at(stamp.wall_us, self.offset_at_wall(stamp.wall_us)),
        }
    }

    /// How far the zone's clock is ahead of UTC when it shows this.
    fn offset_at_wall(&mut self, wall_us: i64) -> i32 {
        const QUARTER_US: i64 = 900 * SECOND_US;
        let quarter = wall_us.div_euclid(QUARTER_US);
        if quarter != self.quarter.0 {
            self.quarter = (quarter, self.zone.offset_at_wall(wall_us));
        }
        self.quarter.1
    }

    /// The last time of that name that is not in the future.
    fn of_year(&mut self, year: Option<u32>, rest: Yearless) -> Option<Read> {
        let latest_us = self.latest_us.saturating_add(FUTURE_US);
        let mut in_year = |year: u32| {
            let days = days_since_epoch(year, rest.month, rest.day)?;
            self.resolve(Stamp {
                wall_us: days * DAY_US + rest.time_us,
                offset: None,
            })
        };
        if let Some(year) = year {
            return in_year(year);
        }
        let (latest_year, _, _) = date_of_days(latest_us.div_euclid(DAY_US));
        // A leap day may be eight years back.
        (0..=8)
            .map_while(|back| u32::try_from(latest_year - back).ok())
            .filter_map(&mut in_year)
            .find(|read| read.time_us <= latest_us)
    }
}

/// The zone of that name, which may be marked as critical. Other words in brackets are no zones.
fn zone_of_name(name: &[u8]) -> Option<Zone> {
    let mut copy = [0; COPY_BYTES];
    let name = copied(name, &mut copy)?.trim_start_matches('!');
    let is_name = name.contains('/') || name == "UTC";
    is_name.then(|| Zone::named(name).ok())?
}

/// More than dates with words and names of zones take.
const COPY_BYTES: usize = 64;

/// `text` as characters. It may be mapped, and somebody may write to it after it was found to be UTF-8: so that is asked of a
/// copy. `None` if it is not, or too long.
fn copied<'c>(text: &[u8], copy: &'c mut [u8; COPY_BYTES]) -> Option<&'c str> {
    let copy = copy.get_mut(..text.len())?;
    copy.copy_from_slice(text);
    std::str::from_utf8(copy).ok()
}

/// The moment when a clock shows that; `None` if it lies in no year from 1 to 9999, which nothing that reads a report
/// could read.
#[inline(always)]
fn at(wall_us: i64, offset_seconds: i32) -> Option<Read> {
    let time_us = wall_us - i64::from(offset_seconds) * SECOND_US;
    TIMES_US.contains(&time_us).then_some(Read {
        time_us,
        offset_seconds,
    })
}
