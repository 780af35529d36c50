//! The distinct values of a column with their counts, while they are few.
//!
//! A column that repeats itself costs one lookup per value: everything else that is said of it (its sum, its quantiles,
//! its shapes) follows from the values and their counts when the run is over. A dictionary is full when it holds so many
//! values, or so many bytes of them; whether a column's *is* follows from its set of values alone, however
//! these were distributed over workers: a part of a set that is not full is not full either.

use super::hash::{WORD_BYTES, hash};
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

/// By their numbers.
const FAMILIES: [Family; 7] = [
    Family::Untyped,
    Family::String,
    Family::Text,
    Family::Number,
    Family::Boolean,
    Family::Object,
    Family::Array,
];

/// Values with their counts.
#[derive(Clone, Debug)]
pub(super) struct Dictionary {
    /// Those of the values, behind one that no value is.
    entries: Vec<Entry>,
    /// Open addressing with linear probing, at most a quarter full, so that the first slot nearly always is the right
    /// one; the upper bits of a hash with the number of its entry, or 0.
    slots: Vec<u32>,
    texts: Vec<u8>,
    values_max: usize,
    bytes_max: usize,
}

/// Two of them share a cache line: where many columns have many values, waiting for these lines is what a lookup costs.
#[derive(Clone, Copy, Debug)]
struct Entry {
    word: u128,
    count: u64,
    start: u32,
    kind: u32,
}

const _: () = assert!(size_of::<Entry>() == 32);

/// Length and family of a text, which must both be equal.
#[inline(always)]
fn kind(text: &[u8], family: Family) -> u32 {
    // Nothing that long is in a dictionary.
    (text.len().min(1 << 28) as u32) << 3 | family as u32
}

/// What no text has: it would be longer than all texts of a dictionary together.
const KIND_NONE: u32 = u32::MAX;

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

const SLOTS_MIN: usize = 32;

/// The bits of a slot that number an entry.
const NUMBER_MASK: u32 = (1 << 13) - 1;

/// Values that are looked up together.
const BATCH: usize = 64;

impl Dictionary {
    pub(super) fn new(limits: &Limits) -> Dictionary {
        debug_assert!(limits.distinct_max <= NUMBER_MASK as usize);
        let none = Entry {
            word: 0,
            count: 0,
            start: 0,
            kind: KIND_NONE,
        };
        Dictionary {
            entries: vec![none],
            slots: vec![0; SLOTS_MIN],
            texts: Vec::new(),
            values_max: limits.distinct_max,
            bytes_max: limits.distinct_bytes_max,
        }
    }

    /// Counts values of one family, given with their words and hashes, once each; how many there was room for.
    ///
    /// Without a branch where the first slot of a value is its own, so that the processor waits for many entries at
    /// the same time: one after the other took twice as long on a table of 19 columns.
    pub(super) fn add_all<'t>(
        &mut self,
        family: Family,
        words: &[u128],
        hashes: &[u64],
        text: impl Fn(usize) -> &'t [u8],
    ) -> usize {
        let mut numbers = [0; BATCH];
        let batches = words.chunks(BATCH).zip(hashes.chunks(BATCH));
        for (done, (words, hashes)) in (0..).step_by(BATCH).zip(batches) {
            let mask = self.slots.len() - 1;
            for (number, &hash) in numbers.iter_mut().zip(hashes) {
                *number = self.slots[hash as usize & mask] & NUMBER_MASK;
            }
            let mut others = 0_u64;
            for (at, &word) in words.iter().enumerate() {
                let text = text(done + at);
                let entry = &mut self.entries[numbers[at] as usize];
                // A word holds all of a short text.
                let is_it = (entry.word == word)
                    & (entry.kind == kind(text, family))
                    & (text.len() <= WORD_BYTES);
                entry.count += u64::from(is_it);
                others |= u64::from(!is_it) << at;
            }
            let counted = !others;
            while others != 0 {
                let at = others.trailing_zeros() as usize;
                let added = self.add(family, text(done + at), words[at], hashes[at], 1);
                if let Err(Full) = added {
                    // Those behind it are counted by whoever goes on from here.
                    for later in (at + 1..words.len()).filter(|later| counted >> later & 1 == 1) {
                        self.entries[numbers[later] as usize].count -= 1;
                    }
                    return done + at;
                }
                others &= others - 1;
            }
        }
        words.len()
    }

    /// Counts a value, whose word and hash these are, `count` times; nothing happens if there is no room for it.
    pub(super) fn add(
        &mut self,
        family: Family,
        text: &[u8],
        word: u128,
        hash: u64,
        count: u64,
    ) -> Result<(), Full> {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize;
        loop {
            let found = self.slots[slot & mask];
            if found == 0 {
                return self.insert(family, text, word, hash, count);
            }
            if (found ^ tag(hash)) & !NUMBER_MASK == 0 {
                let entry = &mut self.entries[(found & NUMBER_MASK) as usize];
                let is_same = entry.word == word && entry.kind == kind(text, family);
                let is_same = is_same
                    && (text.len() <= WORD_BYTES
                        || self.texts[entry.start as usize..][..text.len()] == *text);
                if is_same {
                    entry.count += count;
                    return Ok(());
                }
            }
            slot += 1;
        }
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
        if self.len() == self.values_max || self.texts.len() + text.len() > self.bytes_max {
            return Err(Full);
        }
        let start = self.texts.len() as u32;
        self.texts.extend_from_slice(text);
        self.entries.push(Entry {
            word,
            count,
            start,
            kind: kind(text, family),
        });
        if 4 * self.entries.len() > self.slots.len() {
            let len = 2 * self.slots.len();
            self.slots.clear();
            self.slots.resize(len, 0);
            for number in 1..self.entries.len() {
                let known = self.known(&self.entries[number]);
                self.link(number, known.hash);
            }
        } else {
            self.link(self.entries.len() - 1, hash);
        }
        Ok(())
    }

    fn link(&mut self, number: usize, hash: u64) {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize;
        while self.slots[slot & mask] != 0 {
            slot += 1;
        }
        self.slots[slot & mask] = tag(hash) & !NUMBER_MASK | number as u32;
    }

    /// Number of distinct values.
    pub(super) fn len(&self) -> usize {
        self.entries.len() - 1
    }

    /// The values, in the order in which they first came.
    pub(super) fn values(&self) -> impl Iterator<Item = Known<'_>> {
        self.entries[1..].iter().map(|entry| self.known(entry))
    }

    fn known(&self, entry: &Entry) -> Known<'_> {
        let text = &self.texts[entry.start as usize..][..(entry.kind >> 3) as usize];
        Known {
            family: FAMILIES[(entry.kind & 7) as usize],
            text,
            word: entry.word,
            hash: hash(text, entry.word),
            count: entry.count,
        }
    }
}

/// The bits of a hash that a slot has; its place comes from others.
fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::hash::word_of;
    use super::*;

    fn add(dictionary: &mut Dictionary, text: &[u8]) -> Result<(), Full> {
        let word = word_of(text);
        dictionary.add(Family::Untyped, text, word, hash(text, word), 1)
    }

    proptest! {
        /// Goal: the counts of a map, and full exactly where the limits say.
        #[test]
        fn it_is_a_map_with_limits(texts in vec("[abc]{0,3}|[abc]{15,17}", 0..200)) {
            let limits = Limits { distinct_max: 20, distinct_bytes_max: 145, ..Limits::of(1) };
            let mut dictionary = Dictionary::new(&limits);
            let mut map: BTreeMap<&[u8], u64> = BTreeMap::new();
            for text in &texts {
                let text = text.as_bytes();
                let bytes: usize = map.keys().map(|known| known.len()).sum();
                let fits = map.contains_key(text) || (map.len() < 20 && bytes + text.len() <= 145);
                prop_assert_eq!(add(&mut dictionary, text).is_ok(), fits);
                if fits {
                    *map.entry(text).or_default() += 1;
                }
            }
            // All at once, it is full at the first value that there is no room for.
            let mut at_once = Dictionary::new(&limits);
            let words: Vec<u128> = texts.iter().map(|text| word_of(text.as_bytes())).collect();
            let hashes: Vec<u64> = texts.iter().zip(&words).map(|(text, &word)| hash(text.as_bytes(), word)).collect();
            let count = at_once.add_all(Family::Untyped, &words, &hashes, |at| texts[at].as_bytes());
            let mut one_by_one = Dictionary::new(&limits);
            let added = texts.iter().take_while(|text| add(&mut one_by_one, text.as_bytes()).is_ok());
            prop_assert_eq!(added.count(), count);
            let sorted = |dictionary: &Dictionary| -> BTreeMap<Vec<u8>, u64> {
                dictionary.values().map(|known| (known.text.to_vec(), known.count)).collect()
            };
            prop_assert_eq!(sorted(&at_once), sorted(&one_by_one));
            let found: BTreeMap<&[u8], u64> = dictionary.values().map(|known| (known.text, known.count)).collect();
            prop_assert_eq!(found, map);
        }
    }

    /// What is called exact compares values: their hashes only say where to look.
    #[test]
    fn values_with_one_hash_are_told_apart() {
        // The first factor of the hash of these is zero, whatever the others are.
        let root = 0x6a09_e667_f3bc_c909_u64.to_le_bytes();
        let texts: Vec<Vec<u8>> = (b'a'..=b'z')
            .map(|last| [&root[..], &[last]].concat())
            .collect();
        let mut one_by_one = Dictionary::new(&Limits::of(1));
        for text in &texts {
            assert_eq!(
                hash(text, word_of(text)),
                hash(&texts[0], word_of(&texts[0]))
            );
            add(&mut one_by_one, text).unwrap();
        }
        assert_eq!(one_by_one.len(), texts.len());
        let words: Vec<u128> = texts.iter().map(|text| word_of(text)).collect();
        let hashes = vec![hash(&texts[0], words[0]); texts.len()];
        let mut at_once = Dictionary::new(&Limits::of(1));
        for _ in 0..2 {
            at_once.add_all(Family::Untyped, &words, &hashes, |at| &texts[at]);
        }
        assert!(at_once.values().all(|known| known.count == 2));
        assert_eq!(at_once.len(), texts.len());
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
