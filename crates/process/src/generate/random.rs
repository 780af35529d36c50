//! Random numbers that depend on the seed and the row, and on nothing else.
//!
//! This is SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) read at any position: draw `d` of row `r`
//! is output `8 r + d` of the stream. Any worker can therefore make any row, and the thread count
//! cannot show in the bytes.

/// The increment of SplitMix64: 2^64 divided by the golden ratio, made odd.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// Draws that a row may take: see [`RowRandom::draw`].
const DRAWS_PER_ROW: u64 = 8;

/// The draws of one row.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowRandom {
    state: u64,
}

impl RowRandom {
    /// The draws of row `row` (from 0) under `seed`.
    pub(super) fn new(seed: u64, row: u64) -> Self {
        let position = row.wrapping_mul(DRAWS_PER_ROW);
        Self {
            state: mix(seed).wrapping_add(position.wrapping_mul(GAMMA)),
        }
    }

    /// 64 random bits; the same for the same `index` (below 8) of the same row.
    pub(super) fn draw(self, index: u64) -> u64 {
        debug_assert!(
            index < DRAWS_PER_ROW,
            "draw {index} belongs to the next row"
        );
        mix(self.state.wrapping_add(GAMMA.wrapping_mul(index + 1)))
    }
}

/// The output function of SplitMix64: a bijection under which close inputs give unlike outputs.
pub(super) fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

/// `bits`, taken as a fraction of 2^32, of `bound`: a number below `bound` without a division.
pub(super) fn below(bits: u32, bound: u32) -> u32 {
    ((u64::from(bits) * u64::from(bound)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_splitmix64() {
        // First outputs of the reference implementation for state 1234567.
        let random = RowRandom { state: 1_234_567 };
        assert_eq!(random.draw(0), 6_457_827_717_110_365_317);
        assert_eq!(random.draw(1), 3_203_168_211_198_807_973);
        assert_eq!(random.draw(2), 9_817_491_932_198_370_423);
    }

    #[test]
    fn below_stays_below() {
        assert_eq!(below(0, 10), 0);
        assert_eq!(below(u32::MAX, 10), 9);
        assert_eq!(below(u32::MAX / 2 + 1, 10), 5);
    }
}
