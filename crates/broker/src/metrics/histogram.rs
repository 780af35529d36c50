//! How many values were how large: a counter for each range, as Prometheus has it.

use std::iter;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts of values by their size. Adding one is three additions to atomics.
#[derive(Debug)]
pub(crate) struct Histogram {
    /// The largest value of each range; the last range has none.
    bounds: &'static [u64],
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    /// An empty one with these bounds, which ascend.
    pub(crate) fn new(bounds: &'static [u64]) -> Histogram {
        Histogram {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    /// Counts a value.
    pub(crate) fn note(&self, value: u64) {
        let range = self.bounds.partition_point(|bound| *bound < value);
        self.counts[range].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Counts a time, in nanoseconds.
    pub(crate) fn note_duration(&self, took: Duration) {
        self.note(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// All values together.
    pub(crate) fn sum(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }

    /// How many values were within each range by now.
    pub(crate) fn counts(&self) -> Counts {
        let counts = self.counts.iter();
        Counts {
            bounds: self.bounds,
            counts: counts.map(|it| it.load(Ordering::Relaxed)).collect(),
        }
    }

    /// For each bound how many values were not above it, and then how many there were.
    pub(crate) fn cumulative(&self) -> Vec<(Option<u64>, u64)> {
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        let mut sum = 0;
        let counts = self.counts.iter().map(|count| {
            sum += count.load(Ordering::Relaxed);
            sum
        });
        bounds.zip(counts).collect()
    }
}

/// How many values were within each range, at some moment or between two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    bounds: &'static [u64],
    counts: Vec<u64>,
}

impl Counts {
    /// Those that came since `before`; all, if nothing was counted then.
    pub(crate) fn since(&self, before: &Counts) -> Counts {
        let before = before.counts.iter().copied().chain(iter::repeat(0));
        let counts = self.counts.iter().zip(before);
        Counts {
            bounds: self.bounds,
            counts: counts.map(|(now, then)| now.saturating_sub(then)).collect(),
        }
    }

    /// What this part of the values did not exceed, as if those of a range were spread evenly over it, which is how Prometheus reckons
    /// (`histogram_quantile`). Of those above the last bound only that is known. `None`: there are none.
    pub(crate) fn quantile(&self, part: f64) -> Option<f64> {
        let all: u64 = self.counts.iter().sum();
        let rank = all as f64 * part;
        let (mut below, mut from) = (0.0, 0.0);
        for (range, &count) in self.counts.iter().enumerate() {
            let Some(&bound) = self.bounds.get(range) else {
                break;
            };
            let (count, to) = (count as f64, bound as f64);
            if count > 0.0 && below + count >= rank {
                return Some(from + (to - from) * (rank - below) / count);
            }
            (below, from) = (below + count, to);
        }
        (all > 0).then_some(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_within_its_range() {
        let histogram = Histogram::new(&[10, 20, 40]);
        let none = histogram.counts();
        assert_eq!(none.quantile(0.5), None);
        for value in [15, 15, 15, 15, 30, 30, 30, 30] {
            histogram.note(value);
        }
        let some = histogram.counts();
        assert_eq!(some.since(&Counts::default()), some);
        let quantiles = [0.25, 0.5, 0.75, 1.0].map(|it| some.quantile(it));
        assert_eq!(quantiles, [15.0, 20.0, 30.0, 40.0].map(Some));
        histogram.note(1000);
        let later = histogram.counts().since(&some);
        assert_eq!(later.quantile(0.5), Some(40.0));
        assert_eq!(later.since(&later).quantile(0.99), None);
    }

    #[test]
    fn a_value_belongs_to_the_bound_that_it_does_not_exceed() {
        let histogram = Histogram::new(&[10, 20]);
        for value in [0, 10, 11, 20, 21, u64::from(u32::MAX)] {
            histogram.note(value);
        }
        let counts = histogram.cumulative();
        assert_eq!(counts, [(Some(10), 2), (Some(20), 4), (None, 6)]);
        assert_eq!(histogram.sum(), 62 + u64::from(u32::MAX));
    }
}
