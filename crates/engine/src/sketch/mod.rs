//! Small answers to large questions: how many different values there were, and where they lie.
//!
//! A sketch takes any number of values in memory that does not grow with them, and two sketches merge into the one that
//! all values together give, in any order. So the same input gives the same answer for any number of threads.

mod ddsketch;
mod hyperloglog;

pub use ddsketch::{Bucket, Sketch};
pub use hyperloglog::HyperLogLog;

/// A hash of a number for these sketches: a permutation that looks random (splitmix64's finaliser, Steele, Lea and Flood 2014).
#[inline(always)]
pub fn permute(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
