//! One hash per value, from one load where the value is short.
//!
//! Most values of a table have at most 16 bytes. These are loaded as one 128-bit word, zeros behind the value, and
//! the word serves three times: for the hash, for the order of texts ([`super::extremes`]), and for reading numbers.

use xxhash_rust::xxh3::xxh3_64;

/// Bytes of a value that its word holds.
pub(super) const WORD_BYTES: usize = 16;

/// Odd numbers without a pattern: the fractional digits of the square roots of the first primes.
const SEEDS: [u64; 4] = [
    0x6a09_e667_f3bc_c909,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
];

/// The first [`WORD_BYTES`] bytes of the value at `start`, the first in the lowest bits, zeros behind its end.
#[inline(always)]
pub(super) fn word_at(bytes: &[u8], start: usize, len: usize) -> u128 {
    match bytes.get(start..start + WORD_BYTES) {
        Some(loaded) => {
            let loaded: [u8; WORD_BYTES] = loaded.try_into().expect("it has that length");
            u128::from_le_bytes(loaded) & mask(len)
        }
        None => word_of(&bytes[start..start + len]),
    }
}

/// The word of a value that stands alone.
pub(super) fn word_of(text: &[u8]) -> u128 {
    let mut padded = [0; WORD_BYTES];
    let len = text.len().min(WORD_BYTES);
    padded[..len].copy_from_slice(&text[..len]);
    u128::from_le_bytes(padded)
}

/// The bits of the first `len` bytes of a word.
#[inline(always)]
fn mask(len: usize) -> u128 {
    match len {
        0 => 0,
        _ => u128::MAX >> (8 * WORD_BYTES.saturating_sub(len)),
    }
}

/// The hash of a value whose word is at hand.
#[inline(always)]
pub(super) fn hash(text: &[u8], word: u128) -> u64 {
    if text.len() <= WORD_BYTES {
        let (low, high) = (word as u64, (word >> 64) as u64);
        let folded = fold(low ^ SEEDS[0], high ^ SEEDS[1] ^ text.len() as u64);
        fold(folded ^ SEEDS[2], SEEDS[3])
    } else {
        xxh3_64(text)
    }
}

/// The two halves of the product, each of whose bits depends on many of both factors.
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

/// A permutation of the numbers that looks random (splitmix64's finaliser, Steele, Lea and Flood 2014).
#[inline(always)]
pub(super) fn permute(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_value_has_one_word_wherever_it_stands() {
        let bytes = b"0123456789abcdefXYZ";
        for start in 0..bytes.len() {
            for end in start..=bytes.len() {
                let text = &bytes[start..end];
                assert_eq!(
                    word_at(bytes, start, text.len()),
                    word_of(text),
                    "{start}..{end}"
                );
            }
        }
    }

    /// Neighbouring values, and values that differ only in zeros behind them, fall apart in their first bits too.
    #[test]
    fn similar_values_differ() {
        let mut seen = HashSet::new();
        let mut first_bits = vec![0_u32; 1 << 10];
        for number in 0..100_000_u32 {
            let text = format!("TX{number:08}");
            let hash = hash(text.as_bytes(), word_of(text.as_bytes()));
            assert!(seen.insert(hash));
            first_bits[(hash >> 54) as usize] += 1;
        }
        let (least, most) = (first_bits.iter().min(), first_bits.iter().max());
        // 98 on average, with a standard deviation of 10.
        assert!(least > Some(&40) && most < Some(&160), "{least:?} {most:?}");
        for len in 0..=WORD_BYTES {
            let zeros = vec![0; len];
            assert!(seen.insert(hash(&zeros, word_of(&zeros))));
        }
    }
}
