//! Distinct texts, numbered from 1 in the order in which they came.

use xxhash_rust::xxh3::xxh3_64;

use super::words::NONE;

const SLOTS_MIN: usize = 64;

/// The bits of a slot that number an entry; those above are of its hash.
const NUMBER_MASK: u64 = u32::MAX as u64;

/// Texts with their numbers; one number may stand for null instead.
#[derive(Clone, Debug)]
pub(super) struct Texts {
    /// All texts, one behind the other.
    bytes: Vec<u8>,
    /// Where each ends; the first, which nobody asks for, is empty.
    ends: Vec<usize>,
    /// Open addressing with linear probing, at most half full.
    slots: Vec<u64>,
    /// The number that stands for null.
    null: u32,
}

impl Default for Texts {
    fn default() -> Texts {
        Texts {
            bytes: Vec::new(),
            ends: vec![0],
            slots: vec![0; SLOTS_MIN],
            null: NONE,
        }
    }
}

impl Texts {
    /// How many numbers are in use.
    pub(super) fn len(&self) -> usize {
        self.ends.len() - 1
    }

    /// The number of a text, or [`NONE`].
    pub(super) fn find(&self, text: &[u8]) -> u32 {
        self.look_up(text, xxh3_64(text))
    }

    /// The number of a text, a new one if it is not there.
    pub(super) fn intern(&mut self, text: &[u8]) -> u32 {
        let hash = xxh3_64(text);
        match self.look_up(text, hash) {
            NONE => self.add(text, hash),
            known => known,
        }
    }

    /// The number of null.
    pub(super) fn intern_null(&mut self) -> u32 {
        if self.null == NONE {
            self.ends.push(self.bytes.len());
            self.null = self.len() as u32;
        }
        self.null
    }

    /// The text of a number; `None` for null.
    pub(super) fn get(&self, number: u32) -> Option<&[u8]> {
        let at = number as usize;
        (number != self.null).then(|| &self.bytes[self.ends[at - 1]..self.ends[at]])
    }

    /// Forgets everything and gives the memory back.
    pub(super) fn clear(&mut self) {
        *self = Texts::default();
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + 8 * (self.ends.capacity() + self.slots.capacity())
    }

    #[inline]
    fn look_up(&self, text: &[u8], hash: u64) -> u32 {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize;
        loop {
            let slot = self.slots[at & mask];
            if slot == 0 {
                return NONE;
            }
            if (slot ^ hash) & !NUMBER_MASK == 0 {
                let number = (slot & NUMBER_MASK) as u32;
                if self.get(number) == Some(text) {
                    return number;
                }
            }
            at += 1;
        }
    }

    #[cold]
    fn add(&mut self, text: &[u8], hash: u64) -> u32 {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
        let number = self.len() as u32;
        if 2 * self.ends.len() > self.slots.len() {
            self.slots = vec![0; 2 * self.slots.len()];
            for known in 1..number {
                if let Some(text) = self.get(known) {
                    let hash = xxh3_64(text);
                    self.place(known, hash);
                }
            }
        }
        self.place(number, hash);
        number
    }

    fn place(&mut self, number: u32, hash: u64) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize;
        while self.slots[at & mask] != 0 {
            at += 1;
        }
        self.slots[at & mask] = hash & !NUMBER_MASK | u64::from(number);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_text_has_one_number(texts in vec(proptest::option::of("[ab]{0,6}"), 0..300)) {
            let mut known = Texts::default();
            let mut order: Vec<&Option<String>> = Vec::new();
            for text in &texts {
                let number = match text {
                    Some(text) => known.intern(text.as_bytes()),
                    None => known.intern_null(),
                };
                if !order.contains(&text) {
                    order.push(text);
                }
                let at = order.iter().position(|known| *known == text).unwrap();
                prop_assert_eq!(number as usize, at + 1);
                prop_assert_eq!(known.get(number), text.as_deref().map(str::as_bytes));
            }
            prop_assert_eq!(known.len(), order.len());
        }
    }
}
