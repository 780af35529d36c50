//! A map from words to numbers: what a short text, or a pair of numbers, stands for.
//!
//! Open addressing with linear probing, at most half full. A column of countries makes a table of a kilobyte, which stays in the
//! first-level cache; a lookup there is a multiplication and a comparison.

/// The number that stands for no entry.
pub(super) const NONE: u32 = 0;

const SLOTS_MIN: usize = 64;

/// Spreads the bits of a word over the upper ones: an odd number without a pattern (2^64 divided by the golden ratio).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Numbers by words. No word is 0, and no number is [`NONE`].
#[derive(Clone, Debug)]
pub(super) struct Words {
    slots: Vec<Slot>,
    len: usize,
    /// 64 less the binary logarithm of the slots.
    shift: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    word: u64,
    number: u32,
}

impl Default for Words {
    fn default() -> Words {
        Words {
            slots: vec![Slot::default(); SLOTS_MIN],
            len: 0,
            shift: 64 - SLOTS_MIN.ilog2(),
        }
    }
}

impl Words {
    /// The number of `word`, or [`NONE`].
    #[inline(always)]
    pub(super) fn find(&self, word: u64) -> u32 {
        let mask = self.slots.len() - 1;
        let mut at = self.home(word);
        loop {
            // The mask is for the compiler: it sees that no slot is out of bounds.
            let slot = &self.slots[at & mask];
            if slot.word == word {
                return slot.number;
            }
            if slot.word == 0 {
                return NONE;
            }
            at += 1;
        }
    }

    /// Adds a word that is not there.
    pub(super) fn insert(&mut self, word: u64, number: u32) {
        if 2 * (self.len + 1) > self.slots.len() {
            let slots = vec![Slot::default(); 2 * self.slots.len()];
            self.shift -= 1;
            for slot in std::mem::replace(&mut self.slots, slots) {
                if slot.word != 0 {
                    self.place(slot);
                }
            }
        }
        self.len += 1;
        self.place(Slot { word, number });
    }

    /// Forgets everything and gives the memory back.
    pub(super) fn clear(&mut self) {
        *self = Words::default();
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.slots.len() * size_of::<Slot>()
    }

    #[inline(always)]
    fn home(&self, word: u64) -> usize {
        ((word ^ (word >> 32)).wrapping_mul(SPREAD) >> self.shift) as usize
    }

    fn place(&mut self, slot: Slot) {
        let mask = self.slots.len() - 1;
        let mut at = self.home(slot.word);
        while self.slots[at & mask].word != 0 {
            at += 1;
        }
        self.slots[at & mask] = slot;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map(words in vec(prop_oneof![1..50_u64, any::<u64>().prop_map(|word| word | 1)], 0..500)) {
            let (mut table, mut map) = (Words::default(), HashMap::new());
            for (&word, number) in words.iter().zip(1..) {
                prop_assert_eq!(table.find(word), map.get(&word).copied().unwrap_or(NONE));
                map.entry(word).or_insert_with(|| {
                    table.insert(word, number);
                    number
                });
            }
            for (word, number) in map {
                prop_assert_eq!(table.find(word), number);
            }
        }
    }
}
