//! Where a group is to go on, as typed.

use std::str::FromStr;

use tamis_scan::logs::time::Bound;

use crate::kafka::offsets::Moment;
use crate::kafka::place::time_ms;

/// A place that is the same for all partitions, or depends on where the group is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Earliest,
    Latest,
    Offset(i64),
    /// So many records further, or back.
    By(i64),
    Time(Bound),
}

/// What there is of a partition, and how far the group is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) earliest: i64,
    pub(super) latest: i64,
    pub(super) committed: Option<i64>,
}

impl Target {
    /// The time that has to be asked for first, if it is one.
    pub(super) fn moment(&self) -> Option<Moment> {
        match self {
            Target::Time(bound) => Some(Moment::Time(time_ms(bound))),
            _ => None,
        }
    }

    /// The offset, which is never outside of the partition. `timed` is what [`Target::moment`] asks for.
    pub(super) fn offset(&self, known: Known, timed: Option<i64>) -> i64 {
        let Known {
            earliest,
            latest,
            committed,
        } = known;
        let offset = match self {
            Target::Earliest => earliest,
            Target::Latest => latest,
            Target::Offset(offset) => *offset,
            Target::By(records) => committed.unwrap_or(earliest).saturating_add(*records),
            Target::Time(_) => timed.unwrap_or(latest),
        };
        offset.clamp(earliest, latest.max(earliest))
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Target, String> {
        let is_number =
            |digits: &str| !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
        let too_large = |_| format!("`{text}` is more than there are offsets");
        match text {
            "earliest" | "beginning" => return Ok(Target::Earliest),
            "latest" | "end" => return Ok(Target::Latest),
            _ => {}
        }
        if is_number(text) {
            return text.parse().map(Target::Offset).map_err(too_large);
        }
        if text.strip_prefix(['+', '-']).is_some_and(is_number) {
            return text.parse().map(Target::By).map_err(too_large);
        }
        Bound::parse(text).map(Target::Time).map_err(|_| {
            format!(
                "`{text}` is no place: expected earliest, latest, an offset, `+N` or `-N` records from where the group is, or a time like `2026-11-20T14:30:00Z` or `2h ago`"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_stays_in_its_partition() {
        let known = Known {
            earliest: 10,
            latest: 100,
            committed: Some(50),
        };
        let offset = |text: &str| text.parse::<Target>().unwrap().offset(known, Some(70));
        assert_eq!(offset("earliest"), 10);
        assert_eq!(offset("latest"), 100);
        assert_eq!(offset("20"), 20);
        assert_eq!(offset("3"), 10);
        assert_eq!(offset("+5"), 55);
        assert_eq!(offset("-5"), 45);
        assert_eq!(offset("-500"), 10);
        assert_eq!(offset("+9223372036854775807"), 100);
        assert_eq!(offset("2h ago"), 70);
        for wrong in ["", "-", "+", "nowhere", "99999999999999999999"] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
    }
}
