//! A few thousand values of a column, chosen by where they stand and not by who saw them.
//!
//! Every record has a priority: a number that looks random and follows from its place in the input
//! ([`permute`](super::hash::permute)). A sample keeps the values of the records with the smallest ones. So it is a uniform
//! sample without replacement, the same however the input was cut, and merging two is keeping the smallest of both.

use super::dictionary::Family;

/// Bytes of a value that are kept.
const KEPT_BYTES: usize = 64;

/// Values of the records with the smallest priorities.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    values_max: usize,
    /// No value of a record with this priority, or a larger one, is wanted any more.
    threshold: u64,
    values: Vec<Value>,
    texts: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Value {
    priority: u64,
    /// Of the whole text.
    hash: u64,
    start: u32,
    len: u8,
    family: Family,
    is_cut: bool,
}

/// A value of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sampled<'s> {
    pub(super) family: Family,
    /// Its beginning, if it is long.
    pub(super) text: &'s [u8],
    pub(super) hash: u64,
    pub(super) is_cut: bool,
    priority: u64,
}

impl Sample {
    /// An empty one that keeps so many values.
    pub(super) fn new(values_max: usize) -> Sample {
        Sample {
            values_max,
            threshold: if values_max == 0 { 0 } else { u64::MAX },
            values: Vec::new(),
            texts: Vec::new(),
        }
    }

    /// Whether the value of a record with that priority is wanted.
    #[inline(always)]
    pub(super) fn wants(&self, priority: u64) -> bool {
        priority < self.threshold
    }

    /// Takes the value of a record with that priority.
    pub(super) fn take(&mut self, priority: u64, family: Family, text: &[u8], hash: u64) {
        let kept = &text[..text.len().min(KEPT_BYTES)];
        let start = self.texts.len() as u32;
        self.texts.extend_from_slice(kept);
        self.values.push(Value {
            priority,
            hash,
            start,
            len: kept.len() as u8,
            family,
            is_cut: kept.len() < text.len(),
        });
        if self.values.len() > self.values_max + self.values_max / 2 {
            self.prune();
        }
    }

    /// Lets go of all but the smallest priorities.
    fn prune(&mut self) {
        if self.values.len() <= self.values_max {
            return;
        }
        self.values
            .select_nth_unstable_by_key(self.values_max, |value| value.priority);
        self.threshold = self.values[self.values_max].priority;
        self.values.truncate(self.values_max);
        let mut texts = Vec::with_capacity(self.texts.len());
        for value in &mut self.values {
            let text = &self.texts[value.start as usize..][..usize::from(value.len)];
            value.start = texts.len() as u32;
            texts.extend_from_slice(text);
        }
        self.texts = texts;
    }

    /// Takes those of another one.
    pub(super) fn merge(&mut self, other: &Sample) {
        for value in &other.values {
            if self.wants(value.priority) {
                let start = self.texts.len() as u32;
                let text = &other.texts[value.start as usize..][..usize::from(value.len)];
                self.texts.extend_from_slice(text);
                self.values.push(Value { start, ..*value });
            }
        }
        self.prune();
    }

    /// The values, no more than there may be, in the order of their texts.
    pub(super) fn values(&mut self) -> Vec<Sampled<'_>> {
        self.prune();
        let mut values: Vec<Sampled<'_>> = self
            .values
            .iter()
            .map(|value| Sampled {
                family: value.family,
                text: &self.texts[value.start as usize..][..usize::from(value.len)],
                hash: value.hash,
                is_cut: value.is_cut,
                priority: value.priority,
            })
            .collect();
        values.sort_unstable();
        values
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash::permute;
    use super::*;

    fn sample(rows: impl Iterator<Item = u64>) -> Sample {
        let mut sample = Sample::new(64);
        for row in rows {
            if sample.wants(permute(row)) {
                let text = (row % 10).to_string();
                sample.take(permute(row), Family::Untyped, text.as_bytes(), row % 10);
            }
        }
        sample
    }

    #[test]
    fn who_saw_a_row_does_not_matter() {
        let mut whole = sample(0..10_000);
        let mut merged = sample((0..10_000).filter(|row| row % 7 == 0));
        merged.merge(&sample((0..10_000).rev().filter(|row| row % 7 != 0)));
        assert_eq!(merged.values(), whole.values());
        assert_eq!(whole.values().len(), 64);
        assert_eq!(sample(0..50).values().len(), 50);
    }

    #[test]
    fn each_row_is_as_likely_as_any_other() {
        let mut counts = [0; 10];
        for round in 0..100 {
            let mut sample = sample(round * 100_000..round * 100_000 + 1000);
            for value in sample.values() {
                counts[value.hash as usize] += 1;
            }
        }
        // 640 on average, with a standard deviation of 23.
        assert!(
            counts.iter().all(|count| (540..740).contains(count)),
            "{counts:?}"
        );
    }
}
