//! The ordinals that repeat an earlier key.

use std::ops::Range;

use roaring::RoaringTreemap;

use super::entry::Entry;

/// Ordinals gathered before they go into the compressed set: 512 KiB of them.
const BATCH: usize = 64 * 1024;

/// The records whose key occurred in an earlier record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Duplicates {
    rows: RoaringTreemap,
}

impl Duplicates {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether the record at this ordinal is one.
    pub fn contains(&self, ordinal: u64) -> bool {
        self.rows.contains(ordinal)
    }

    /// The ordinals in this interval, ascending.
    pub fn range(&self, ordinals: Range<u64>) -> impl Iterator<Item = u64> + '_ {
        let mut rows = self.rows.iter();
        rows.advance_to(ordinals.start);
        rows.take_while(move |&ordinal| ordinal < ordinals.end)
    }

    /// Adds an ordinal above all others.
    pub(super) fn push(&mut self, ordinal: u64) {
        let is_new = self.rows.insert(ordinal);
        debug_assert!(is_new, "{ordinal} is not above all others");
    }

    /// Forgets the ordinals from this one on.
    pub(super) fn truncate(&mut self, ordinal: u64) {
        self.rows.remove_range(ordinal..);
    }

    pub(crate) fn union_with(&mut self, other: Self) {
        self.rows |= other.rows;
    }
}

/// Gathers duplicates found in the order of their keys.
///
/// The compressed set is quick to fill in ascending order only, so ordinals are sorted in batches.
#[derive(Debug, Default)]
pub(super) struct Collector {
    rows: RoaringTreemap,
    batch: Vec<u64>,
}

impl Collector {
    pub(super) fn push(&mut self, ordinal: u64) {
        self.batch.push(ordinal);
        if self.batch.len() == BATCH {
            self.flush();
        }
    }

    /// Takes all but the first of every run of equal keys; `entries` are sorted.
    pub(super) fn take_repeats(&mut self, entries: &mut Vec<Entry>) {
        entries.dedup_by(|repeat, first| {
            let is_repeat = repeat.has_key_of(first);
            if is_repeat {
                self.push(repeat.ordinal);
            }
            is_repeat
        });
    }

    pub(super) fn finish(mut self) -> Duplicates {
        self.flush();
        Duplicates { rows: self.rows }
    }

    fn flush(&mut self) {
        self.batch.sort_unstable();
        let sorted = RoaringTreemap::from_sorted_iter(self.batch.drain(..))
            .expect("the batch was just sorted");
        self.rows |= sorted;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_iterated_in_order() {
        let mut collector = Collector::default();
        // Across the 32-bit border, where the set begins a new bitmap.
        for ordinal in [1 << 33, 5, u64::from(u32::MAX), 9, 7, 1 << 32] {
            collector.push(ordinal);
        }
        let duplicates = collector.finish();
        assert_eq!(duplicates.count(), 6);
        assert!(duplicates.contains(7) && !duplicates.contains(8));
        let within = |range| duplicates.range(range).collect::<Vec<_>>();
        assert_eq!(within(5..9), [5, 7]);
        assert_eq!(within(6..1 << 33), [7, 9, u64::from(u32::MAX), 1 << 32]);
        assert_eq!(within(10..10), [0u64; 0]);
        assert_eq!(within((1 << 33) + 1..u64::MAX), [0u64; 0]);
    }
}
