//! How much is kept of each column, so that all columns together stay within bounds.
//!
//! The limits depend on the number of columns (of JSON lines on that of their first records) and on nothing else: not on
//! the threads, nor on what the data turns out to be. A table of a hundred columns or fewer gets all of it; one of ten thousand gets coarser sketches,
//! and the result says how coarse.

use crate::infer::tree::KEYS_MAX;
use tamis_engine::sketch::HyperLogLog;
use tamis_engine::sketch::Sketch;

/// Columns that JSON lines are taken to have if their first records have fewer; how many they have is known at the end
/// only.
pub(super) const JSON_COLUMNS: usize = 256;

/// The most different keys that JSON lines may turn out to have, which were taken to have so many columns: keys that
/// nobody has reckoned with would take more memory than there is for all.
pub(super) fn keys_max(columns: usize) -> usize {
    match columns {
        0..=1024 => 4096,
        _ => KEYS_MAX,
    }
}

/// What a column may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Distinct values up to which they are counted exactly.
    pub(super) distinct_max: usize,
    /// Bytes of distinct values up to which they are.
    pub(super) distinct_bytes_max: usize,
    /// HyperLogLog has `2^precision` registers.
    pub(super) precision: u32,
    /// Bits of the mantissa that tell buckets apart.
    pub(super) sketch_bits: u32,
    /// Values in a sample.
    pub(super) sample_max: usize,
}

impl Limits {
    /// Those of one of so many columns.
    pub(super) fn of(columns: usize) -> Limits {
        let share = |total: usize, least: usize, most: usize| {
            (total / columns.max(1))
                .clamp(least, most)
                .next_power_of_two()
        };
        let (precision, sketch_bits) = match columns {
            0..=128 => (14, 7),
            129..=1024 => (12, 6),
            _ => (10, 4),
        };
        let distinct_max = share(1 << 19, 64, 4096);
        Limits {
            distinct_max,
            distinct_bytes_max: 64 * distinct_max,
            precision,
            sketch_bits,
            sample_max: share(1 << 17, 32, 4096),
        }
    }

    /// The relative standard error of the number of distinct values, where these are too many to keep.
    pub(super) fn distinct_error(&self) -> f64 {
        HyperLogLog::standard_error(self.precision)
    }

    /// By how much of itself a quantile may be off.
    pub(super) fn quantile_error(&self) -> f64 {
        Sketch::relative_error(self.sketch_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What two workers may keep of all columns, in bytes, if the data is as bad as can be. Sketches are taken to
    /// have 40 powers of two.
    #[test]
    fn memory_is_bounded() {
        for columns in [1, 20, 128, 129, 1024, 1025, 10_000] {
            let limits = Limits::of(columns);
            let registers = 1 << limits.precision;
            let sketch = 40 * (8 << limits.sketch_bits);
            let sample = limits.sample_max * 3 / 2 * (24 + 64);
            let total = 2 * columns * (registers + sketch + sample);
            assert!(total < 250_000_000, "{columns}: {total}");
        }
    }
}
