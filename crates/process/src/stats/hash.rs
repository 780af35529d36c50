//! One hash per value, from one load where the value is short.
//!
//! Most values of a table have at most 16 bytes. These are loaded as one 128-bit word, zeros behind the value, and
//! the word serves three times: for the hash, for the order of texts ([`super::extremes`]), and for reading numbers.

pub(crate) use tamis_engine::sketch::permute;
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
            u128::from_le_bytes(loaded) & MASKS[len.min(WORD_BYTES)]
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

/// For each length the bits of so many first bytes. A table, since shifts by more than 63 are branches.
const MASKS: [u128; WORD_BYTES + 1] = {
    let mut masks = [0; WORD_BYTES + 1];
    let mut len = 1;
    while len <= WORD_BYTES {
        masks[len] = u128::MAX >> (8 * (WORD_BYTES - len));
        len += 1;
    }
    masks
};

/// The hash of a value whose word is at hand.
#[inline(always)]
pub(super) fn hash(text: &[u8], word: u128) -> u64 {
    if text.len() > 2 * WORD_BYTES {
        return xxh3_64(text);
    }
    let first = fold(
        word as u64 ^ SEEDS[0],
        (word >> 64) as u64 ^ SEEDS[1] ^ text.len() as u64,
    );
    // The last bytes make a word of their own; it overlaps the first.
    match text.last_chunk() {
        Some(last) if text.len() > WORD_BYTES => {
            let last = u128::from_le_bytes(*last);
            let last = fold(last as u64 ^ SEEDS[2], (last >> 64) as u64 ^ SEEDS[3]);
            fold(first ^ SEEDS[2], last ^ SEEDS[0])
        }
        _ => fold(first ^ SEEDS[2], SEEDS[3]),
    }
}

/// The two halves of the product, each of whose bits depends on many of both factors.
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
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
            // One, two, and more than two words.
            for text in [
                format!("TX{number:08}"),
                format!("{number:08}-0000-0000"),
                format!("TX-0000-{number:020}"),
                format!("{number:040}"),
            ] {
                let hash = hash(text.as_bytes(), word_of(text.as_bytes()));
                assert!(seen.insert(hash));
                first_bits[(hash >> 54) as usize] += 1;
            }
        }
        let (least, most) = (first_bits.iter().min(), first_bits.iter().max());
        // 391 on average, with a standard deviation of 20.
        assert!(
            least > Some(&280) && most < Some(&500),
            "{least:?} {most:?}"
        );
        for len in 0..=WORD_BYTES {
            let zeros = vec![0; len];
            assert!(seen.insert(hash(&zeros, word_of(&zeros))));
        }
    }
}
