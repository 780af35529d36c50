//! The counts of any number of values in a fixed amount of memory: a count sketch.
//!
//! Charikar, Chen and Farach-Colton, "Finding Frequent Items in Data Streams", 2002. Each row has a cell for a value, and a
//! sign with which its counts are added there. Other values in the cell come with either sign and cancel each other
//! out, so that the estimate is not too high on the whole (as that of a count-min sketch is), and is off by
//! `sqrt(F2 / width)`, where `F2` is the sum of the squares of the counts of all other values. The median of five rows
//! keeps one row with a frequent value from spoiling the answer.
//!
//! Cells are sums, so that neither the order nor the number of workers shows in them.

use super::Counts;

/// Rows: an odd number, for the median.
const ROWS: usize = 5;

/// Cells of a row. All shards of a table together have sixteen times as many.
pub(super) const WIDTH: usize = 2048;

/// Estimates the counts of all values of a shard.
#[derive(Debug)]
pub(super) struct CountSketch {
    /// Row after row. A cell is half a cache line.
    cells: Box<[Cell]>,
}

#[derive(Clone, Copy, Debug, Default)]
#[repr(align(32))]
struct Cell([i64; 4]);

impl CountSketch {
    pub(super) fn new() -> CountSketch {
        CountSketch {
            cells: vec![Cell::default(); ROWS * WIDTH].into(),
        }
    }

    pub(super) fn add(&mut self, hash: u64, counts: Counts) {
        let more = values(counts);
        for row in 0..ROWS {
            let (cell, sign) = place(hash, row);
            for (sum, value) in self.cells[cell].0.iter_mut().zip(more) {
                // Wrapping keeps the sum free of the order, whatever a log claims.
                *sum = sum.wrapping_add(sign.wrapping_mul(value));
            }
        }
    }

    /// The counts of a value that is known to have come `at_least` times.
    pub(super) fn estimate(&self, hash: u64, at_least: u64) -> Counts {
        let mut found = [[0; ROWS]; 4];
        for row in 0..ROWS {
            let (cell, sign) = place(hash, row);
            for (column, value) in found.iter_mut().zip(self.cells[cell].0) {
                column[row] = sign.wrapping_mul(value);
            }
        }
        let [events, errors, bytes, log_bytes] = found.map(|mut rows| {
            rows.sort_unstable();
            rows[ROWS / 2].max(0) as u64
        });
        let events = events.max(at_least);
        Counts {
            events,
            errors: errors.min(events),
            bytes,
            log_bytes,
        }
    }

    /// The sum of the squares of the events of all values, about: the median of the rows' sums (Alon, Matias and Szegedy 1996).
    pub(super) fn squares(&self) -> f64 {
        let mut sums: Vec<f64> = self
            .cells
            .chunks_exact(WIDTH)
            .map(|row| row.iter().map(|cell| (cell.0[0] as f64).powi(2)).sum())
            .collect();
        sums.sort_by(f64::total_cmp);
        sums[ROWS / 2]
    }
}

fn values(counts: Counts) -> [i64; 4] {
    [counts.events, counts.errors, counts.bytes, counts.log_bytes].map(|count| count as i64)
}

/// The cell of a value in a row, and its sign.
fn place(hash: u64, row: usize) -> (usize, i64) {
    // One step of SplitMix64 for each row makes them independent of each other.
    let mixed = super::sample::mix(
        hash.wrapping_add(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(row as u64 + 1)),
    );
    let sign = 1 - 2 * (mixed >> 63) as i64;
    (row * WIDTH + mixed as usize % WIDTH, sign)
}
