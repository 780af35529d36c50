//! What stands for a value, or for the values of a composite key: 128 bits of hash.

use xxhash_rust::xxh3::xxh3_128;

/// Stands for the value of a unique column, or for the values of several.
///
/// Equal values have equal keys; different values have, for all that will ever happen, different
/// ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u128);

/// The key of the values of one or several columns.
///
/// Where one value ends and the next begins counts: (`a`, `bc`) and (`ab`, `c`) have different
/// keys. One value costs one hash of its bytes; nothing is allocated, however many there are.
pub fn key_of(parts: &[&[u8]]) -> Key {
    let Some((first, rest)) = parts.split_first() else {
        return Key(xxh3_128(&[]));
    };
    // Each value is hashed by itself and folded in as 16 bytes of fixed place, so its length needs
    // no encoding. A streaming hasher would carry half a kilobyte of state for a few short cells.
    let mut folded = xxh3_128(first);
    for part in rest {
        let mut pair = [0; 32];
        pair[..16].copy_from_slice(&folded.to_le_bytes());
        pair[16..].copy_from_slice(&xxh3_128(part).to_le_bytes());
        folded = xxh3_128(&pair);
    }
    Key(folded)
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
