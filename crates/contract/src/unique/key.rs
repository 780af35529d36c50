//! What stands for a value, or for the values of a composite key: 128 bits of hash.

use xxhash_rust::xxh3::xxh3_128;

/// Stands for the value of a unique column, or for the values of several.
///
/// Equal values have equal keys; different values have, for all that will ever happen, different
/// ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u128);

impl Key {
    /// The key of one value: one hash of its bytes.
    pub fn of(value: &[u8]) -> Key {
        Key(xxh3_128(value))
    }

    /// The key of the values of this one and another value behind them.
    ///
    /// Each value is hashed by itself and folded in as 16 bytes of fixed place, so its length needs no
    /// encoding. A streaming hasher would carry half a kilobyte of state for a few short cells.
    #[must_use]
    pub fn and(self, value: &[u8]) -> Key {
        let mut pair = [0; 32];
        pair[..16].copy_from_slice(&self.0.to_le_bytes());
        pair[16..].copy_from_slice(&xxh3_128(value).to_le_bytes());
        Key(xxh3_128(&pair))
    }
}

/// The key of the values of one or several columns.
///
/// Where one value ends and the next begins counts: (`a`, `bc`) and (`ab`, `c`) have different
/// keys. Nothing is allocated, however many there are.
pub fn key_of(parts: &[&[u8]]) -> Key {
    match parts.split_first() {
        None => Key::of(&[]),
        Some((first, rest)) => rest
            .iter()
            .fold(Key::of(first), |key, value| key.and(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_borders_of_values_count() {
        let keys = [
            key_of(&[b"abc"]),
            key_of(&[b"a", b"bc"]),
            key_of(&[b"ab", b"c"]),
            key_of(&[b"abc", b""]),
            key_of(&[b"", b"abc"]),
            key_of(&[b"a", b"b", b"c"]),
            key_of(&[b""]),
            key_of(&[b"", b""]),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert!(
                !keys[..index].contains(key),
                "key {index} repeats an earlier one"
            );
        }
        assert_eq!(key_of(&[b"a", b"bc"]), keys[1]);
    }
}
