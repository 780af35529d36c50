//! The constants behind `in`.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use tamis_engine::kernel::ShortSet;

/// Up to so many values are compared one by one: quicker than a hash.
const FEW: usize = 8;

/// Values without null, to ask whether one is among them.
#[derive(Clone, Debug)]
pub(crate) enum Set {
    /// `false` and `true`.
    Booleans([bool; 2]),
    Integers(Keys),
    /// The bits of numbers, zero without its sign. NaN is in no set.
    Numbers(Keys),
    /// Up to 64 texts of 1 to 8 bytes: one multiplication finds the only slot.
    ShortTexts(ShortSet),
    Texts(HashSet<Box<[u8]>, BuildHasherDefault<Mixer>>),
}

/// 64-bit values.
#[derive(Clone, Debug)]
pub(crate) enum Keys {
    Few(Vec<u64>),
    Many(HashSet<u64, BuildHasherDefault<Mixer>>),
}

impl Set {
    pub(crate) fn integers(values: impl IntoIterator<Item = i64>) -> Set {
        Set::Integers(Keys::new(values.into_iter().map(i64::cast_unsigned)))
    }

    pub(crate) fn numbers(values: impl IntoIterator<Item = f64>) -> Set {
        Set::Numbers(Keys::new(values.into_iter().map(key_of_number)))
    }

    pub(crate) fn texts(values: Vec<Box<[u8]>>) -> Set {
        let slices: Vec<&[u8]> = values.iter().map(|value| &value[..]).collect();
        match ShortSet::new(&slices) {
            Some(set) => Set::ShortTexts(set),
            None => Set::Texts(values.into_iter().collect()),
        }
    }
}

/// Numbers that are equal have the same key.
#[inline]
pub(crate) fn key_of_number(value: f64) -> u64 {
    // Adding zero makes -0.0 a plain zero.
    (value + 0.0).to_bits()
}

impl Keys {
    fn new(values: impl Iterator<Item = u64>) -> Keys {
        let mut values: Vec<u64> = values.collect();
        values.sort_unstable();
        values.dedup();
        match values.len() {
            0..=FEW => Keys::Few(values),
            _ => Keys::Many(values.into_iter().collect()),
        }
    }
}

/// FNV over words of eight bytes, mixed at the end: constants of one's own expression need no defence against attackers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        // The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn write(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..piece.len()].copy_from_slice(piece);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0 ^ word)
            .wrapping_mul(0x0000_0100_0000_01B3)
            .rotate_left(29);
    }
}
