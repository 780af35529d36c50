//! How far a clock is ahead of UTC.

use jiff::civil;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::civil::SECOND_US;

/// The zone of times that are written without one.
#[derive(Clone, Debug)]
pub struct Zone(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Fixed(i32),
    Named(TimeZone),
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Zone = Zone(Kind::Fixed(0));

    /// A clock that is so many seconds ahead of UTC.
    pub fn fixed(offset_seconds: i32) -> Zone {
        Zone(Kind::Fixed(offset_seconds))
    }

    /// The zone that this machine is set to; UTC if it is set to none.
    pub fn system() -> Zone {
        Zone(Kind::Named(TimeZone::system()))
    }

    /// `utc`, `local`, `+01:00`, `Europe/Berlin`.
    ///
    /// # Errors
    /// What is wrong with the name.
    pub fn named(name: &str) -> std::result::Result<Zone, String> {
        match name.to_ascii_lowercase().as_str() {
            "utc" | "z" | "gmt" => return Ok(Zone::UTC),
            "local" => return Ok(Zone::system()),
            _ => {}
        }
        if name.starts_with(['+', '-']) {
            let (_, offset, len) = super::stamp::iso_rest(name.as_bytes());
            return offset
                .filter(|_| len == name.len())
                .map(Zone::fixed)
                .ok_or_else(|| format!("`{name}` is no offset: expected one like `+01:00`"));
        }
        TimeZone::get(name).map(|zone| Zone(Kind::Named(zone))).map_err(|_| {
            format!("no time zone `{name}`: expected `utc`, `local`, an offset like `+01:00`, or a name like `Europe/Berlin`")
        })
    }

    /// Seconds ahead of UTC when a clock in this zone shows `wall_us`. Where the clock was set back and shows it twice, it is
    /// the first; where it was set forward and never shows it, what it would have shown.
    pub(crate) fn offset_at_wall(&self, wall_us: i64) -> i32 {
        match &self.0 {
            Kind::Fixed(offset) => *offset,
            Kind::Named(zone) => {
                let Some(wall) = civil_time(wall_us) else {
                    return 0;
                };
                let offset = match zone.to_ambiguous_timestamp(wall).offset() {
                    AmbiguousOffset::Unambiguous { offset } => offset,
                    AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => {
                        before
                    }
                };
                offset.seconds()
            }
        }
    }

    /// Seconds ahead of UTC at that moment.
    pub(crate) fn offset_at(&self, time_us: i64) -> i32 {
        match &self.0 {
            Kind::Fixed(offset) => *offset,
            Kind::Named(zone) => jiff::Timestamp::from_microsecond(time_us)
                .map_or(0, |timestamp| zone.to_offset(timestamp).seconds()),
        }
    }
}

/// What a clock on the wall shows, for jiff.
fn civil_time(wall_us: i64) -> Option<civil::DateTime> {
    let seconds = wall_us.div_euclid(SECOND_US);
    let timestamp = jiff::Timestamp::from_second(seconds).ok()?;
    Some(Offset::UTC.to_datetime(timestamp))
}
