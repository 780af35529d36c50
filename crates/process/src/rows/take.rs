//! Some of the rows: the first ones, or drawn ones.
//!
//! A row is drawn by a hash of the seed and of where it stands in the inputs, so that the choice depends neither on threads
//! nor on chunks. A fraction keeps the rows whose hash is small enough; a sample of fixed size keeps the rows with the
//! smallest hashes, which makes every set of that size equally likely.

use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, Ordering};

use tamis_engine::sketch::permute;

/// The hash that a row is drawn by: `input` is the number of its input, `place` where in it the row stands.
pub(super) fn draw(seed: u64, input: usize, place: u64) -> u64 {
    permute(permute(seed ^ permute(input as u64 + 1)) ^ place)
}

/// The greatest hash that is kept with a probability of `rate`; `None` if none is.
pub(super) fn draw_max(rate: f64) -> Option<u64> {
    // 2^64 hashes; a rate of 1 keeps all of them.
    let count = rate * 2_f64.powi(64);
    (count >= 1.0).then(|| (count as u128 - 1) as u64)
}

/// The rows with the smallest hashes so far.
#[derive(Debug)]
pub(crate) struct Reservoir<'a> {
    size: usize,
    rows: BinaryHeap<Drawn>,
    /// A row with a greater hash than this will not be kept: workers need not bring it.
    pub(super) bound: &'a AtomicU64,
}

/// A row that may be kept. They are ordered by their hash, and by their place where that is the same.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Drawn {
    draw: u64,
    /// Its number among all rows that were offered.
    number: u64,
    bytes: Vec<u8>,
}

impl<'a> Reservoir<'a> {
    pub(super) fn new(size: usize, bound: &'a AtomicU64) -> Reservoir<'a> {
        Reservoir {
            size,
            rows: BinaryHeap::new(),
            bound,
        }
    }

    /// Offers a row; later ones have greater numbers.
    pub(super) fn offer(&mut self, draw: u64, number: u64, bytes: &[u8]) {
        let is_full = self.rows.len() == self.size;
        let greatest = self.rows.peek();
        if is_full
            && greatest.is_none_or(|greatest| (greatest.draw, greatest.number) < (draw, number))
        {
            return;
        }
        if is_full {
            self.rows.pop();
        }
        self.rows.push(Drawn {
            draw,
            number,
            bytes: bytes.to_vec(),
        });
        if self.rows.len() == self.size
            && let Some(greatest) = self.rows.peek()
        {
            self.bound.store(greatest.draw, Ordering::Relaxed);
        }
    }

    /// The rows in the order of the input.
    pub(super) fn into_rows(self) -> impl ExactSizeIterator<Item = Vec<u8>> {
        let mut rows = self.rows.into_vec();
        rows.sort_unstable_by_key(|row| row.number);
        rows.into_iter().map(|row| row.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_probabilities() {
        assert_eq!(draw_max(0.0), None);
        assert_eq!(draw_max(1.0), Some(u64::MAX));
        assert_eq!(draw_max(0.5), Some((1 << 63) - 1));
        let kept = (0..100_000).filter(|&place| draw(7, 0, place) <= draw_max(0.1).unwrap());
        let count = kept.count();
        assert!((9_500..10_500).contains(&count), "{count}");
    }

    #[test]
    fn a_reservoir_keeps_the_smallest() {
        let bound = AtomicU64::new(u64::MAX);
        let mut reservoir = Reservoir::new(2, &bound);
        for (number, draw) in [5, 3, 9, 3, 1].into_iter().enumerate() {
            reservoir.offer(draw, number as u64, &[number as u8]);
        }
        let rows: Vec<_> = reservoir.into_rows().collect();
        assert_eq!(rows, [[1], [4]], "of equal hashes the first");
        assert_eq!(bound.into_inner(), 3);
    }
}
