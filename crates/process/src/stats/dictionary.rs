//! The distinct values of a column with their counts, while they are few.
//!
//! A column that repeats itself costs one lookup per value: everything else that is said of it (its sum, its quantiles,
//! its shapes) follows from the values and their counts when the run is over. A dictionary is full when it holds so many
//! values, or so many bytes of them; whether a column's *is* follows from its set of values alone, however
//! these were distributed over workers: a part of a set that is not full is not full either.

use super::hash::WORD_BYTES;
use super::limits::Limits;

/// What kind of text a value is: equal texts of different kinds are different values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    /// A value of CSV, which may be anything.
    Untyped,
    /// A string of JSON, which may be a date.
    String,
    /// A text that is declared to be one, whatever it looks like.
    Text,
    /// A number of JSON.
    Number,
    /// `true` or `false` of JSON.
    Boolean,
    /// A JSON object.
    Object,
    /// A JSON array.
    Array,
}

/// Values with their counts.
#[derive(Clone, Debug)]
pub(super) struct Dictionary {
    entries: Vec<Entry>,
    /// Open addressing with linear probing, at most half full; the upper bits of a hash with the number of its entry
    /// plus one, or 0.
    slots: Vec<u64>,
    texts: Vec<u8>,
    values_max: usize,
    bytes_max: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    word: u128,
    hash: u64,
    count: u64,
    start: u32,
    len: u32,
    family: Family,
}

/// A value of a dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known<'d> {
    pub(super) family: Family,
    pub(super) text: &'d [u8],
    pub(super) word: u128,
    pub(super) hash: u64,
    pub(super) count: u64,
}

/// The dictionary cannot take one value more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

const SLOTS_MIN: usize = 16;

/// The bits of a slot that number an entry.
const NUMBER_MASK: u64 = (1 << 20) - 1;

impl Dictionary {
    pub(super) fn new(limits: &Limits) -> Dictionary {
        Dictionary {
            entries: Vec::new(),
            slots: Vec::new(),
            texts: Vec::new(),
            values_max: limits.distinct_max,
            bytes_max: limits.distinct_bytes_max,
        }
    }

    /// Counts a value, whose word and hash these are, `count` times; nothing happens if there is no room for it.
    #[inline]
    pub(super) fn add(
        &mut self,
        family: Family,
        text: &[u8],
        word: u128,
        hash: u64,
        count: u64,
    ) -> Result<(), Full> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut slot = hash as usize;
        if !self.slots.is_empty() {
            loop {
                let found = self.slots[slot & mask];
                if found == 0 {
                    break;
                }
                if (found ^ hash) & !NUMBER_MASK == 0 {
                    let entry = &mut self.entries[(found & NUMBER_MASK) as usize - 1];
                    let is_same = entry.word == word && entry.len as usize == text.len();
                    // A word holds all of a short text.
                    let is_same = is_same
                        && (text.len() <= WORD_BYTES
                            || self.texts[entry.start as usize..][..text.len()] == *text);
                    if is_same && entry.family == family {
                        entry.count += count;
                        return Ok(());
                    }
                }
                slot += 1;
            }
        }
        self.insert(family, text, word, hash, count)
    }

    /// Adds a value that is not there yet.
    #[cold]
    fn insert(
        &mut self,
        family: Family,
        text: &[u8],
        word: u128,
        hash: u64,
        count: u64,
    ) -> Result<(), Full> {
        if self.entries.len() == self.values_max || self.texts.len() + text.len() > self.bytes_max {
            return Err(Full);
        }
        let start = self.texts.len() as u32;
        self.texts.extend_from_slice(text);
        self.entries.push(Entry {
            word,
            hash,
            count,
            start,
            len: text.len() as u32,
            family,
        });
        if 2 * self.entries.len() > self.slots.len() {
            let len = (2 * self.slots.len()).max(SLOTS_MIN);
            self.slots.clear();
            self.slots.resize(len, 0);
            for number in 0..self.entries.len() {
                self.link(number);
            }
        } else {
            self.link(self.entries.len() - 1);
        }
        Ok(())
    }

    fn link(&mut self, number: usize) {
        let hash = self.entries[number].hash;
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize;
        while self.slots[slot & mask] != 0 {
            slot += 1;
        }
        self.slots[slot & mask] = hash & !NUMBER_MASK | (number as u64 + 1);
    }

    /// Number of distinct values.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The values, in the order in which they first came.
    pub(super) fn values(&self) -> impl Iterator<Item = Known<'_>> {
        self.entries.iter().map(|entry| Known {
            family: entry.family,
            text: &self.texts[entry.start as usize..][..entry.len as usize],
            word: entry.word,
            hash: entry.hash,
            count: entry.count,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::hash::{hash, word_of};
    use super::*;

    fn add(dictionary: &mut Dictionary, text: &[u8]) -> Result<(), Full> {
        let word = word_of(text);
        dictionary.add(Family::Untyped, text, word, hash(text, word), 1)
    }

    proptest! {
        /// Goal: the counts of a map, and full exactly where the limits say.
        #[test]
        fn it_is_a_map_with_limits(texts in vec("[abc]{0,3}", 0..200)) {
            let limits = Limits { distinct_max: 20, distinct_bytes_max: 45, ..Limits::of(1) };
            let mut dictionary = Dictionary::new(&limits);
            let mut map: BTreeMap<&[u8], u64> = BTreeMap::new();
            for text in &texts {
                let text = text.as_bytes();
                let bytes: usize = map.keys().map(|known| known.len()).sum();
                let fits = map.contains_key(text) || (map.len() < 20 && bytes + text.len() <= 45);
                prop_assert_eq!(add(&mut dictionary, text).is_ok(), fits);
                if fits {
                    *map.entry(text).or_default() += 1;
                }
            }
            let found: BTreeMap<&[u8], u64> = dictionary.values().map(|known| (known.text, known.count)).collect();
            prop_assert_eq!(found, map);
        }
    }

    #[test]
    fn kinds_are_told_apart() {
        let mut dictionary = Dictionary::new(&Limits::of(1));
        let (text, word) = (b"1", word_of(b"1"));
        for family in [Family::String, Family::Number, Family::String] {
            dictionary
                .add(family, text, word, hash(text, word), 1)
                .unwrap();
        }
        let counts: Vec<u64> = dictionary.values().map(|known| known.count).collect();
        assert_eq!(counts, [2, 1]);
    }
}
