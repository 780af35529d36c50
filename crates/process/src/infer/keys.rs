//! Columns whose values are all different: exact, over all inputs, in bounded memory.
//!
//! While no value has come twice a column is a [candidate](Candidates), and its chunks keep a key of 128 bits for each
//! value. Most columns repeat themselves within a chunk, which ends their candidacy for all threads at once; what a
//! column costs from then on is one look at a flag. The keys of the others go into one index
//! ([`UniqueIndex`]) that spills to disk past its budget, and the end of the run tells which of them repeat.
//!
//! Not every such column is a key. Fractions, booleans, lists and long texts seldom mean to be one, so they are
//! none: that they all differ is chance or the nature of prose. Neither is a column with nulls.

use std::collections::HashMap;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tamis_contract::unique::{Key, UniqueIndex, key_of};
use tamis_engine::Result;
use tamis_formats::value::Class;

use super::column::Column;

/// A longer value is prose and no key, in characters.
const KEY_CHARACTERS_MAX: u64 = 64;

/// Values whose column is no key whatever else it holds.
const NO_KEYS: [Class; 5] = [
    Class::Number,
    Class::Boolean,
    Class::Object,
    Class::Array,
    Class::Unreadable,
];

/// Ordinals of one column in the index.
const ORDINAL_BITS: u32 = 40;

/// Whether a column may still turn out to be unique; shared by all threads.
#[derive(Clone, Debug)]
pub(super) struct Flag(Arc<AtomicBool>);

impl Flag {
    /// Whether it may. An old answer is no harm: keys too many are dropped later.
    pub(super) fn is_up(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn lower(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// The flags of all columns, by name or path.
#[derive(Debug)]
pub(super) struct Candidates {
    are_wanted: bool,
    flags: Mutex<HashMap<Vec<String>, Flag>>,
}

impl Candidates {
    pub(super) fn new(are_wanted: bool) -> Candidates {
        Candidates {
            are_wanted,
            flags: Mutex::default(),
        }
    }

    /// The flag of the column at `path`.
    pub(super) fn flag(&self, path: &[String]) -> Flag {
        let mut flags = self.flags.lock().expect("nobody panics while holding it");
        if let Some(flag) = flags.get(path) {
            return flag.clone();
        }
        let flag = Flag(Arc::new(AtomicBool::new(self.are_wanted)));
        flags.insert(path.to_vec(), flag.clone());
        flag
    }
}

/// Ends the candidacy of a chunk's column if it is no key, or repeats itself. `scratch` is a table to work in.
pub(super) fn settle(column: &mut Column, rows: u64, flag: &Flag, scratch: &mut Table) {
    let Some(keys) = &column.keys else {
        flag.lower();
        return;
    };
    let tokens: u64 = column.tokens.iter().sum();
    let is_long = column
        .lengths
        .is_some_and(|(_, longest)| longest > KEY_CHARACTERS_MAX);
    let is_no_key = NO_KEYS.iter().any(|&class| column.classes.contains(class));
    let has_nulls = column.values + tokens < rows;
    if is_long || is_no_key || has_nulls || scratch.has_repeats(keys) {
        column.keys = None;
        flag.lower();
    }
}

/// A set of keys with room for a given number of them: open addressing, since keys are hashes already.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: Vec<u128>,
}

impl Table {
    /// Empties the table and makes room for so many keys.
    fn reset(&mut self, keys: usize) {
        self.slots.clear();
        self.slots.resize((2 * keys).next_power_of_two(), 0);
    }

    /// Where a key stands, or would stand: the slot, and what is stored in it.
    fn place(&self, key: Key) -> (usize, u128) {
        // No hash is likelier to be 0 than any other; the one that is counts as 1.
        let key = key.0.max(1);
        let mut place = key as usize & (self.slots.len() - 1);
        while self.slots[place] != 0 && self.slots[place] != key {
            place = (place + 1) & (self.slots.len() - 1);
        }
        (place, key)
    }

    /// Adds a key; `false` if it is there already.
    fn insert(&mut self, key: Key) -> bool {
        let (place, key) = self.place(key);
        std::mem::replace(&mut self.slots[place], key) != key
    }

    fn contains(&self, key: Key) -> bool {
        !self.slots.is_empty() && self.slots[self.place(key).0] != 0
    }

    /// Whether two keys are equal; afterwards the table holds those before.
    fn has_repeats(&mut self, keys: &[Key]) -> bool {
        self.reset(keys.len());
        keys.iter().any(|&key| !self.insert(key))
    }
}

/// The keys of all chunks so far.
#[derive(Debug)]
pub(super) struct Keys {
    index: UniqueIndex,
    /// The columns, by the number they got.
    columns: Vec<Candidate>,
}

/// A column on its way to being unique.
#[derive(Debug)]
struct Candidate {
    is_one: bool,
    /// Keys in the index.
    count: u64,
    /// Those of the first chunk: a column that repeats itself often is found out by them.
    first: Table,
}

/// What a column is called by [`Keys`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ColumnNumber(usize);

impl ColumnNumber {
    /// What a list by column number says of this column.
    pub(super) fn is_in(self, unique: &[bool]) -> bool {
        unique[self.0]
    }
}

impl Keys {
    pub(super) fn new(memory_bytes: usize, spill_dir: Option<PathBuf>) -> Keys {
        Keys {
            index: UniqueIndex::new(memory_bytes, spill_dir),
            columns: Vec::new(),
        }
    }

    /// A number for a new column.
    pub(super) fn add_column(&mut self) -> ColumnNumber {
        self.columns.push(Candidate {
            is_one: true,
            count: 0,
            first: Table::default(),
        });
        ColumnNumber(self.columns.len() - 1)
    }

    /// Takes the keys of a column in the next chunk; `None`: it is no candidate there.
    ///
    /// # Errors
    /// As [`UniqueIndex::push`].
    pub(super) fn take(
        &mut self,
        column: ColumnNumber,
        keys: Option<Vec<Key>>,
        flag: &Flag,
    ) -> Result<()> {
        let candidate = &mut self.columns[column.0];
        let Some(keys) = keys.filter(|_| candidate.is_one) else {
            candidate.end(flag);
            return Ok(());
        };
        // The keys of one chunk are all different.
        if candidate.count == 0 {
            candidate.first.reset(keys.len());
            for &key in &keys {
                candidate.first.insert(key);
            }
        } else if keys.iter().any(|&key| candidate.first.contains(key)) {
            candidate.end(flag);
            return Ok(());
        }
        // One index for all columns: a file for each would be too many files. So the same value must have other
        // keys in other columns.
        let salt = key_of(&[b"column", &column.0.to_le_bytes()]).0;
        let ordinal = ((column.0 as u64) << ORDINAL_BITS) + candidate.count;
        candidate.count += keys.len() as u64;
        self.index
            .push(keys.iter().map(|key| Key(key.0 ^ salt)).zip(ordinal..))
    }

    /// Which columns are unique, by their numbers.
    ///
    /// # Errors
    /// As [`UniqueIndex::finish`].
    pub(super) fn finish(self, threads: NonZero<usize>) -> Result<Vec<bool>> {
        let is_candidate = |candidate: &Candidate| candidate.is_one && candidate.count > 1;
        let mut unique: Vec<bool> = self.columns.iter().map(is_candidate).collect();
        if unique.contains(&true) {
            let duplicates = self.index.finish(threads)?;
            for (column, is_unique) in unique.iter_mut().enumerate() {
                let first = (column as u64) << ORDINAL_BITS;
                let mut repeats = duplicates.range(first..first + (1 << ORDINAL_BITS));
                *is_unique &= repeats.next().is_none();
            }
        }
        Ok(unique)
    }
}

impl Candidate {
    fn end(&mut self, flag: &Flag) {
        flag.lower();
        self.is_one = false;
        self.first = Table::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(range: std::ops::Range<u32>) -> Vec<Key> {
        range.map(|number| Key::of(&number.to_le_bytes())).collect()
    }

    #[test]
    fn repeats_are_found_in_a_chunk_and_across_chunks() {
        let mut table = Table::default();
        assert!(!table.has_repeats(&keys(0..1000)));
        assert!(table.has_repeats(&[keys(0..1000), keys(999..1000)].concat()));
        assert!(!table.has_repeats(&[]));

        let candidates = Candidates::new(true);
        // A budget that spills, and one that does not.
        for memory_bytes in [0, 1 << 20] {
            let mut all = Keys::new(memory_bytes, None);
            let parts: [Vec<Option<Vec<Key>>>; 4] = [
                vec![Some(keys(0..900)), Some(keys(900..2000))],
                // The same values in another column are no repeats, the second and third part here are.
                vec![
                    Some(keys(0..900)),
                    Some(keys(900..1500)),
                    Some(keys(1499..2000)),
                ],
                vec![Some(keys(0..2)), Some(keys(1..3))],
                vec![Some(keys(0..5)), None],
            ];
            for (at, parts) in parts.into_iter().enumerate() {
                let column = all.add_column();
                let flag = candidates.flag(&[at.to_string()]);
                for part in parts {
                    all.take(column, part, &flag).expect("it can spill");
                }
            }
            let unique = all.finish(NonZero::<usize>::MIN).expect("it can read");
            assert_eq!(unique, [true, false, false, false]);
        }
    }
}
