//! Events over time, in buckets as wide as the time they cover asks for.
//!
//! How long a log is shows only at its end. So buckets begin a second wide, and when there are too many, each run of them
//! becomes one of the next width of a ladder, in which every step divides the one after it. The width follows from the
//! times alone: it is the first one at which all of them fill few enough buckets, whoever saw which of them.

use std::collections::HashMap;

use super::time::civil::{SECOND_US, TIMES_US};

/// Widths of buckets in seconds: of a second, some minutes, some hours, a day, a week, four weeks, years of 52 weeks.
const WIDTHS_SECONDS: [i64; 19] = [
    1,
    5,
    10,
    30,
    60,
    300,
    600,
    1_800,
    3_600,
    10_800,
    21_600,
    43_200,
    86_400,
    604_800,
    2_419_200,
    31_449_600,
    314_496_000,
    3_144_960_000,
    31_449_600_000,
];

/// Buckets that are kept.
const BUCKETS_MAX: usize = 4096;

/// Buckets that are shown.
const SHOWN_MAX: i64 = 40;

/// What came within a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) events: u64,
    pub(super) errors: u64,
}

/// Events over time.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    /// Buckets begin at whole multiples of their width on a clock that is so much ahead of UTC.
    offset_us: i64,
    /// Which of the widths.
    step: usize,
    /// By number of the bucket.
    buckets: HashMap<i64, Counts>,
    /// The bucket of the last event, which is mostly that of the next one, and its ends.
    current: i64,
    current_start_us: i64,
    current_end_us: i64,
    in_current: Counts,
}

/// Buckets as they are shown: without gaps, the first and the last not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) width_seconds: i64,
    /// When each begins, in microseconds since 1970, and what it holds.
    pub(super) buckets: Vec<(i64, Counts)>,
}

impl Timeline {
    /// An empty one for a clock that is so many seconds ahead of UTC.
    pub(super) fn new(offset_seconds: i32) -> Timeline {
        Timeline {
            offset_us: i64::from(offset_seconds) * SECOND_US,
            step: 0,
            buckets: HashMap::new(),
            current: 0,
            // No time is in here.
            current_start_us: i64::MAX,
            current_end_us: i64::MIN,
            in_current: Counts::default(),
        }
    }

    /// Counts an event.
    #[inline(always)]
    pub(super) fn add(&mut self, time_us: i64, is_error: bool) {
        if time_us < self.current_start_us || time_us >= self.current_end_us {
            self.turn_to(time_us);
        }
        self.in_current.events += 1;
        self.in_current.errors += u64::from(is_error);
    }

    /// Adds the counts of another one for the same clock.
    pub(super) fn merge(&mut self, other: &Timeline) {
        let mut other = other.clone();
        other.settle();
        self.settle();
        while self.step < other.step {
            self.widen();
        }
        while other.step < self.step {
            other.widen();
        }
        for (number, counts) in other.buckets {
            self.put(number, counts);
        }
        self.fit();
    }

    /// The buckets in the width in which few enough cover all of them.
    pub(super) fn shown(&self) -> Shown {
        let mut all = self.clone();
        all.settle();
        let Some((first, last)) = all.ends() else {
            return Shown::default();
        };
        while all.step + 1 < WIDTHS_SECONDS.len() {
            let (first, last) = all.ends().unwrap_or((first, last));
            if last - first < SHOWN_MAX {
                break;
            }
            all.widen();
        }
        let (first, last) = all.ends().unwrap_or((first, last));
        let width_us = all.width_us();
        let at = |number: i64| {
            let counts = all.buckets.get(&number).copied().unwrap_or_default();
            // The first bucket of a wide one may begin before the first year.
            let start_us = number * width_us - all.offset_us;
            (start_us.max(*TIMES_US.start()), counts)
        };
        Shown {
            width_seconds: width_us / SECOND_US,
            buckets: (first..=last).map(at).collect(),
        }
    }

    fn width_us(&self) -> i64 {
        WIDTHS_SECONDS[self.step] * SECOND_US
    }

    /// The first and the last bucket.
    fn ends(&self) -> Option<(i64, i64)> {
        let numbers = || self.buckets.keys().copied();
        Some((numbers().min()?, numbers().max()?))
    }

    #[cold]
    fn turn_to(&mut self, time_us: i64) {
        self.settle();
        let wall_us = time_us.saturating_add(self.offset_us);
        self.current = wall_us.div_euclid(self.width_us());
        self.current_start_us = self.current * self.width_us() - self.offset_us;
        self.current_end_us = self.current_start_us + self.width_us();
    }

    /// Puts what was counted for the current bucket to the others.
    fn settle(&mut self) {
        let counts = std::mem::take(&mut self.in_current);
        if counts.events > 0 {
            self.put(self.current, counts);
            self.fit();
        }
        // The width may have changed.
        (self.current_start_us, self.current_end_us) = (i64::MAX, i64::MIN);
    }

    fn put(&mut self, number: i64, counts: Counts) {
        let bucket = self.buckets.entry(number).or_default();
        bucket.events += counts.events;
        bucket.errors += counts.errors;
    }

    fn fit(&mut self) {
        while self.buckets.len() > BUCKETS_MAX && self.step + 1 < WIDTHS_SECONDS.len() {
            self.widen();
        }
    }

    /// Takes the next width.
    fn widen(&mut self) {
        let factor = WIDTHS_SECONDS[self.step + 1] / WIDTHS_SECONDS[self.step];
        self.step += 1;
        for (number, counts) in std::mem::take(&mut self.buckets) {
            self.put(number.div_euclid(factor), counts);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::logs::tests::cases;

    fn timeline(times: &[i64]) -> Timeline {
        let mut timeline = Timeline::new(3600);
        for (number, &time_us) in times.iter().enumerate() {
            timeline.add(time_us, number % 3 == 0);
        }
        timeline
    }

    #[test]
    fn every_width_divides_the_next() {
        let is_multiple = |pair: &[i64]| pair[1] % pair[0] == 0;
        assert!(WIDTHS_SECONDS.windows(2).all(is_multiple));
    }

    #[test]
    fn buckets_begin_on_the_clock_of_the_log() {
        // 36 hours from 2026-11-20T22:30:00Z on, which is 23:30 there.
        let start = 1_795_213_800 * SECOND_US;
        let times: Vec<i64> = (0..36 * 60)
            .map(|minute| start + minute * 60 * SECOND_US)
            .collect();
        let shown = timeline(&times).shown();
        assert_eq!((shown.width_seconds, shown.buckets.len()), (3600, 37));
        assert_eq!(shown.buckets[0].0, start - 1800 * SECOND_US);
        assert_eq!(shown.buckets[0].1.events, 30);
        assert_eq!(
            shown.buckets[1].1,
            Counts {
                events: 60,
                errors: 20
            }
        );
    }

    #[test]
    fn all_of_time_is_little_to_show() {
        let ends = [*TIMES_US.start(), *TIMES_US.end()];
        let shown = timeline(&ends).shown();
        assert!(shown.buckets.len() <= SHOWN_MAX as usize);
        assert!(
            shown
                .buckets
                .iter()
                .all(|(start_us, _)| TIMES_US.contains(start_us))
        );
        let many: Vec<i64> = (0..20_000).map(|day| day * 86_400 * SECOND_US).collect();
        let shown = timeline(&many).shown();
        let events: u64 = shown.buckets.iter().map(|(_, counts)| counts.events).sum();
        assert_eq!(events, 20_000);
    }

    proptest! {
        #![proptest_config(cases(64))]

        #[test]
        fn who_counts_does_not_show(
            times in proptest::collection::vec(0..40_000_000_000_000_i64, 0..9000),
            seed in any::<u64>(),
        ) {
            let whole = timeline(&times).shown();
            let mut halves = [Timeline::new(3600), Timeline::new(3600)];
            for (number, &time_us) in times.iter().enumerate() {
                let half = (seed >> (number % 64) & 1) as usize;
                halves[half].add(time_us, number % 3 == 0);
            }
            let [one, mut other] = halves;
            other.merge(&one);
            prop_assert_eq!(other.shown(), whole);
        }
    }
}
