//! Repeated keys of records that come in order, known at once.
//!
//! A stream that goes on cannot be read twice, and its batches do not wait for its end. When records are looked at in
//! order, whether a key repeats an earlier one is known on the spot, for the price of remembering every key.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use super::{Duplicates, Key};

/// A slot of the table: the key and a byte that says whether it is taken.
const SLOT_BYTES: usize = size_of::<Key>() + 1;

/// The keys of all unique rules of a run so far.
#[derive(Debug)]
pub(crate) struct SeenKeys {
    rules: Vec<Seen>,
    /// Rows of the run before the chunk at hand.
    first_row: u64,
}

/// The keys of one rule.
#[derive(Debug, Default)]
struct Seen {
    keys: HashSet<Key, BuildHasherDefault<KeyHasher>>,
    /// Those that the chunk at hand brought.
    fresh: Vec<Key>,
    duplicates: Duplicates,
    is_full: bool,
    memory_bytes: usize,
}

impl SeenKeys {
    /// No keys yet of so many `rules`, and never more than fit into `memory_bytes`.
    pub(crate) fn new(rules: usize, memory_bytes: usize) -> SeenKeys {
        let seen = || Seen {
            memory_bytes: memory_bytes / rules.max(1),
            ..Seen::default()
        };
        SeenKeys {
            rules: std::iter::repeat_with(seen).take(rules).collect(),
            first_row: 0,
        }
    }

    /// Whether `key` repeats that of an earlier row; `row` counts from the start of the chunk, and ascends.
    ///
    /// Once the memory is used up nothing more is remembered, and [`Self::is_full`] says so.
    pub(crate) fn is_repeat(&mut self, rule: usize, key: Key, row: u64) -> bool {
        self.rules[rule].is_repeat(key, self.first_row + row)
    }

    /// Goes on to the next chunk; this one had so many `rows`.
    pub(crate) fn end_chunk(&mut self, rows: u64) {
        self.first_row += rows;
        for seen in &mut self.rules {
            seen.fresh.clear();
        }
    }

    /// Forgets what the chunk at hand brought, to look at it again.
    pub(crate) fn undo_chunk(&mut self) {
        for seen in &mut self.rules {
            for key in seen.fresh.drain(..) {
                seen.keys.remove(&key);
            }
            seen.duplicates.truncate(self.first_row);
        }
    }

    /// Whether a key could not be remembered, so that answers are wrong from then on.
    pub(crate) fn is_full(&self) -> bool {
        self.rules.iter().any(|seen| seen.is_full)
    }

    /// For each rule, which rows of the run repeated a key.
    pub(crate) fn take_duplicates(&mut self) -> Vec<Duplicates> {
        let take = |seen: &mut Seen| std::mem::take(&mut seen.duplicates);
        self.rules.iter_mut().map(take).collect()
    }
}

impl Seen {
    fn is_repeat(&mut self, key: Key, ordinal: u64) -> bool {
        if self.keys.len() == self.keys.capacity() && !self.may_grow() {
            self.is_full |= !self.keys.contains(&key);
        } else if self.keys.insert(key) {
            self.fresh.push(key);
            return false;
        }
        self.duplicates.push(ordinal);
        true
    }

    /// A table grows to twice its size, and while it does both are there. It is at most 7/8 full.
    fn may_grow(&self) -> bool {
        let slots = (self.keys.capacity() * 8 / 7).max(4);
        3 * slots * SLOT_BYTES <= self.memory_bytes
    }
}

/// A key is a hash already.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let head = bytes.first_chunk().copied().unwrap_or_default();
        self.0 = u64::from_le_bytes(head);
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeats(seen: &mut SeenKeys, values: &[&str]) -> Vec<bool> {
        (0..)
            .zip(values)
            .map(|(row, value)| seen.is_repeat(0, Key::of(value.as_bytes()), row))
            .collect()
    }

    #[test]
    fn all_but_the_first_are_repeats() {
        let mut seen = SeenKeys::new(1, 1 << 20);
        assert_eq!(repeats(&mut seen, &["a", "b", "a"]), [false, false, true]);
        seen.end_chunk(3);
        assert_eq!(repeats(&mut seen, &["c", "b", "a"]), [false, true, true]);
        let duplicates = seen.take_duplicates();
        assert_eq!(duplicates[0].range(0..9).collect::<Vec<_>>(), [2, 4, 5]);
    }

    #[test]
    fn a_chunk_can_be_looked_at_again() {
        let mut seen = SeenKeys::new(1, 1 << 20);
        repeats(&mut seen, &["a", "b"]);
        seen.end_chunk(2);
        let chunk = ["a", "c", "c"];
        let first = repeats(&mut seen, &chunk);
        seen.undo_chunk();
        assert_eq!(repeats(&mut seen, &chunk), first);
        assert_eq!(seen.take_duplicates()[0].count(), 2);
    }

    #[test]
    fn the_memory_is_a_limit_and_known_keys_are_still_known() {
        let mut seen = SeenKeys::new(1, 100_000);
        let key = |number: u64| Key::of(&number.to_le_bytes());
        let mut row = 0;
        while !seen.is_full() {
            assert!(row < 10_000, "it never fills up");
            seen.is_repeat(0, key(row), row);
            row += 1;
        }
        assert!(row > 1_000, "full after {row}");
        assert!(seen.is_repeat(0, key(0), row));
    }
}
