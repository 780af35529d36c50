//! Where the values of a column lie, in buckets whose width grows with the value.
//!
//! A DDSketch (Masson, Rim and Lee, VLDB 2019) with the mapping that needs no logarithm: a bucket is an exponent and
//! the first bits of the mantissa of a double, so finding it is one shift. Each bucket of `2^e * (1 + i/2^b)` is at most
//! `1/2^b` of its value wide, hence a quantile is off by at most `1/(2^(b+1) + 1)` of itself. Counts are integers, so
//! merging is adding, in any order.
//!
//! Values closer to zero than [`MAGNITUDE_MIN`] are counted as zero, those beyond [`MAGNITUDE_MAX`] as that: this bounds
//! the memory of a column, to 2 KiB for each power of two that it has values of.

/// Magnitudes outside of these are not told apart: `2^-256` and `2^256`, about `1e±77`.
const MAGNITUDE_MIN: f64 = f64::from_bits((1023 - 256) << 52);
const MAGNITUDE_MAX: f64 = f64::from_bits((1023 + 256) << 52);

/// Counts of values by magnitude and sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sketch {
    /// Bits of the mantissa that are kept.
    bits: u32,
    zeros: u64,
    positive: Buckets,
    negative: Buckets,
}

/// Counts of neighbouring buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Buckets {
    /// Number of the bucket that `counts[0]` is for.
    first: usize,
    counts: Vec<u64>,
}

/// A bucket that is not empty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// The value nearest to zero that falls into it.
    pub from: f64,
    /// The value behind the last that does.
    pub to: f64,
    /// Values in it.
    pub count: u64,
}

impl Sketch {
    /// An empty one that keeps that many bits of the mantissa.
    pub fn new(bits: u32) -> Sketch {
        Sketch {
            bits,
            zeros: 0,
            positive: Buckets::default(),
            negative: Buckets::default(),
        }
    }

    /// Counts a value `count` times.
    #[inline(always)]
    pub fn add(&mut self, value: f64, count: u64) {
        let magnitude = value.abs();
        if magnitude < MAGNITUDE_MIN {
            self.zeros += count;
            return;
        }
        let number = (magnitude.min(MAGNITUDE_MAX).to_bits() >> (52 - self.bits)) as usize;
        let buckets = match value > 0.0 {
            true => &mut self.positive,
            false => &mut self.negative,
        };
        buckets.add(number, count);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Sketch::new(self.bits);
    }

    /// The memory that its buckets take.
    pub fn memory_bytes(&self) -> usize {
        8 * (self.positive.counts.len() + self.negative.counts.len())
    }

    /// Adds the counts of another one that keeps as many bits.
    pub fn merge(&mut self, other: &Sketch) {
        self.zeros += other.zeros;
        self.positive.merge(&other.positive);
        self.negative.merge(&other.negative);
    }

    /// The buckets that are not empty, from the smallest value to the largest.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        let shift = 52 - self.bits;
        let bound = move |number: usize| f64::from_bits((number as u64) << shift);
        let negative = self
            .negative
            .filled()
            .rev()
            .map(move |(number, count)| Bucket {
                from: -bound(number + 1),
                to: -bound(number),
                count,
            });
        let zero = Bucket {
            from: 0.0,
            to: 0.0,
            count: self.zeros,
        };
        let positive = self.positive.filled().map(move |(number, count)| Bucket {
            from: bound(number),
            to: bound(number + 1),
            count,
        });
        let zero = (self.zeros > 0).then_some(zero);
        negative.chain(zero).chain(positive)
    }

    /// By how much of itself a quantile may be off.
    pub fn relative_error(bits: u32) -> f64 {
        1.0 / f64::from((2_u32 << bits) + 1)
    }
}

impl Bucket {
    /// The value that is nearest to all of the bucket, relative to their size: the harmonic mean of its bounds.
    pub fn middle(&self) -> f64 {
        match self.from == self.to {
            true => self.from,
            false => 2.0 * self.from / (1.0 + self.from / self.to),
        }
    }
}

impl Buckets {
    #[inline(always)]
    fn add(&mut self, number: usize, count: u64) {
        match self.counts.get_mut(number.wrapping_sub(self.first)) {
            Some(known) => *known += count,
            None => self.grow_and_add(number, count),
        }
    }

    #[cold]
    fn grow_and_add(&mut self, number: usize, count: u64) {
        if self.counts.is_empty() {
            self.first = number;
        }
        if number < self.first {
            let missing = self.first - number;
            self.counts.splice(0..0, std::iter::repeat_n(0, missing));
            self.first = number;
        }
        let len = (number - self.first + 1).max(self.counts.len());
        self.counts.resize(len, 0);
        self.counts[number - self.first] += count;
    }

    fn merge(&mut self, other: &Buckets) {
        for (number, count) in other.filled() {
            self.add(number, count);
        }
    }

    fn filled(&self) -> impl DoubleEndedIterator<Item = (usize, u64)> + '_ {
        let last = self.first + self.counts.len();
        (self.first..last)
            .zip(self.counts.iter().copied())
            .filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const BITS: u32 = 7;

    fn sketch(values: &[f64]) -> Sketch {
        let mut sketch = Sketch::new(BITS);
        values.iter().for_each(|&value| sketch.add(value, 1));
        sketch
    }

    proptest! {
        /// The bucket of a value is as near to it as is promised, and buckets are in the order of values.
        #[test]
        fn values_are_found_again(mut values in vec(prop_oneof![-1e9..1e9, -1.0..1.0, Just(0.0)], 1..40)) {
            let buckets: Vec<Bucket> = sketch(&values).buckets().collect();
            values.sort_by(f64::total_cmp);
            let spread = buckets.iter().flat_map(|bucket| std::iter::repeat_n(bucket, bucket.count as usize));
            let limit = Sketch::relative_error(BITS);
            for (value, bucket) in values.iter().zip(spread) {
                prop_assert!(bucket.from <= *value && *value <= bucket.to);
                prop_assert!((bucket.middle() - value).abs() <= limit * 1.000_001 * value.abs());
            }
        }

        #[test]
        fn merging_is_adding(values in vec(-1e6..1e6, 0..40), cut in 0..40_usize) {
            let (first, second) = values.split_at(cut.min(values.len()));
            let mut merged = sketch(second);
            merged.merge(&sketch(first));
            prop_assert!(merged.buckets().eq(sketch(&values).buckets()));
        }
    }

    #[test]
    fn extremes_are_kept_in_bounds() {
        let ends = sketch(&[f64::MAX, f64::MIN, f64::MIN_POSITIVE, -0.0]);
        assert_eq!(ends.zeros, 2);
        assert_eq!(ends.buckets().count(), 3);
        assert!(ends.positive.counts.len() == 1 && ends.negative.counts.len() == 1);
    }
}
