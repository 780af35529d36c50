//! Where reading begins and ends, as typed.

use std::str::FromStr;

use tamis_scan::logs::time::{Bound, Zone};

use tamis_kafka::source::Start;

use crate::kafka::offsets::Moment;

/// A place in every partition that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// One that the client knows.
    Known(Start),
    /// The first record of a time, which may count from now.
    Time(Bound),
}

impl Place {
    pub(crate) const BEGINNING: Place = Place::Known(Start::Beginning);
    pub(crate) const END: Place = Place::Known(Start::End);

    /// The time that has to be asked for first, if it is one.
    pub(crate) fn moment(&self) -> Option<Moment> {
        self.start().moment()
    }

    /// The offset in a partition that has these, which is never outside of it. `timed` is what [`Place::moment`] asks for.
    pub(crate) fn offset(&self, earliest: i64, latest: i64, timed: Option<i64>) -> i64 {
        self.start().offset(earliest, latest, timed)
    }

    /// What it is to the client.
    pub(crate) fn start(&self) -> Start {
        match self {
            Place::Known(start) => *start,
            Place::Time(bound) => Start::TimeMs(time_ms(bound)),
        }
    }
}

/// A time in milliseconds since 1970; on this machine's clock, if it does not say which.
pub(crate) fn time_ms(bound: &Bound) -> i64 {
    let now_us = jiff::Timestamp::now().as_microsecond();
    // The first millisecond that is not before it.
    let time_us = bound.time_us(now_us, &Zone::system());
    time_us.div_euclid(1000) + i64::from(time_us.rem_euclid(1000) > 0)
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        let is_number =
            |digits: &str| !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
        let known = |digits: &str, start: fn(i64) -> Start| match digits.parse() {
            Ok(number) => Ok(Place::Known(start(number))),
            Err(_) => Err(format!("`{text}` is more than there are offsets")),
        };
        match text {
            "beginning" | "earliest" | "start" => return Ok(Place::BEGINNING),
            "end" | "latest" => return Ok(Place::END),
            _ => {}
        }
        if is_number(text) {
            return known(text, Start::Offset);
        }
        let signed = |sign: char| text.strip_prefix(sign).filter(|it| is_number(it));
        if let Some(digits) = signed('-') {
            return known(digits, Start::BeforeEnd);
        }
        if let Some(digits) = signed('+') {
            return known(digits, Start::BehindBeginning);
        }
        if let Some(digits) = signed('@') {
            return known(digits, Start::TimeMs);
        }
        Bound::parse(text).map(Place::Time).map_err(|_| {
            format!(
                "`{text}` is no place: expected beginning, end, an offset, `-N` records before the end, `+N` behind the beginning, or a time like `2026-11-20T14:30:00Z`, `2h ago` or `@1789000000000`"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_stays_in_its_partition() {
        let offset = |text: &str| text.parse::<Place>().unwrap().offset(10, 100, Some(70));
        let all = [
            ("beginning", 10),
            ("end", 100),
            ("50", 50),
            ("5", 10),
            ("500", 100),
            ("-5", 95),
            ("-500", 10),
            ("+5", 15),
            ("@1789000000000", 70),
            ("2026-11-20T14:30:00Z", 70),
            ("2h ago", 70),
            ("-2h", 70),
        ];
        for (text, expected) in all {
            assert_eq!(offset(text), expected, "{text}");
        }
        for wrong in ["", "-", "@", "@x", "nowhere", "99999999999999999999"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_is_rounded_to_a_millisecond_that_is_not_before_it() {
        let bound = Bound::parse("1970-01-01T00:00:01.0001Z").unwrap();
        assert_eq!(time_ms(&bound), 1001);
    }
}
