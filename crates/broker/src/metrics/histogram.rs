//! How many values were how large: a counter for each range, as Prometheus has it.

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

#[cfg(test)]
mod tests {
    use super::*;

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
