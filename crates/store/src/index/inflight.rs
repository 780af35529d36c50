//! Ids that this run has met, shared by all threads.
//!
//! The index knows what is in packs. Between the moment a thread decides to store a chunk and the moment its pack is
//! in the index, another thread may meet the same chunk: whoever claims its id first stores it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::id::ObjectId;

/// So many that threads seldom want the same one, and that one which grows does not move much.
const SHARD_COUNT: usize = 128;

/// The byte of an id that chooses its shard: none of those that the table hashes by.
const SHARD_BYTE: usize = 8;

/// A map of ids to numbers, in shards.
///
/// Ids are hashes already: eight of their bytes are the hash in the table, and another chooses the shard.
#[derive(Debug)]
pub struct InFlight {
    shards: Vec<Shard>,
}

/// Shards do not share cache lines, in pairs of which processors fetch them.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    table: Mutex<HashTable<(ObjectId, u32)>>,
}

/// Whether an id was there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// No: the caller's value is there now.
    New,
    /// Yes, with this value.
    Known(u32),
}

impl Default for InFlight {
    fn default() -> InFlight {
        InFlight::new()
    }
}

impl InFlight {
    /// An empty map.
    pub fn new() -> InFlight {
        InFlight {
            shards: (0..SHARD_COUNT).map(|_| Shard::default()).collect(),
        }
    }

    /// Notes `id` with `value`, unless it is there.
    pub fn claim(&self, id: ObjectId, value: u32) -> Claimed {
        let mut table = self.shard(&id).lock();
        let entry = table.entry(
            id.prefix(),
            |(known, _)| *known == id,
            |(known, _)| known.prefix(),
        );
        match entry {
            Entry::Occupied(known) => Claimed::Known(known.get().1),
            Entry::Vacant(vacant) => {
                vacant.insert((id, value));
                Claimed::New
            }
        }
    }

    /// The value of `id`.
    pub fn find(&self, id: &ObjectId) -> Option<u32> {
        let table = self.shard(id).lock();
        let found = table.find(id.prefix(), |(known, _)| known == id);
        found.map(|(_, value)| *value)
    }

    /// Forgets `id`, and says which value it had: what was claimed could not be stored.
    pub fn remove(&self, id: &ObjectId) -> Option<u32> {
        let mut table = self.shard(id).lock();
        let found = table.find_entry(id.prefix(), |(known, _)| known == id);
        found.ok().map(|entry| entry.remove().0.1)
    }

    /// How many ids there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How much memory the ids take.
    pub fn memory_bytes(&self) -> usize {
        let sizes = self
            .shards
            .iter()
            .map(|shard| shard.lock().allocation_size());
        sizes.sum()
    }

    /// Forgets all ids and gives their memory back.
    pub fn clear(&self) {
        self.drain(|_, _| {});
    }

    /// Shows all ids to `visit`, in no order, and forgets them. Others may claim ids meanwhile, which then stay.
    pub fn drain(&self, mut visit: impl FnMut(ObjectId, u32)) {
        for shard in &self.shards {
            let table = std::mem::take(&mut *shard.lock());
            table.into_iter().for_each(|(id, value)| visit(id, value));
        }
    }

    fn shard(&self, id: &ObjectId) -> &Shard {
        &self.shards[usize::from(id.0[SHARD_BYTE]) % SHARD_COUNT]
    }
}

impl Shard {
    /// A thread that panicked left a whole table behind: nothing panics while it changes.
    fn lock(&self) -> MutexGuard<'_, HashTable<(ObjectId, u32)>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn id(number: u32) -> ObjectId {
        ObjectId::of_chunk(&number.to_le_bytes())
    }

    #[test]
    fn the_first_claim_counts() {
        let map = InFlight::new();
        assert_eq!(map.claim(id(1), 7), Claimed::New);
        assert_eq!(map.claim(id(1), 8), Claimed::Known(7));
        assert_eq!(map.find(&id(1)), Some(7));
        assert_eq!(map.find(&id(2)), None);
        assert_eq!(map.remove(&id(1)), Some(7));
        assert_eq!(map.claim(id(1), 9), Claimed::New);
        // The same hash, another id.
        let mut twin = id(1);
        twin.0[31] ^= 1;
        assert_eq!(map.claim(twin, 10), Claimed::New);
        assert_eq!((map.find(&id(1)), map.find(&twin)), (Some(9), Some(10)));
    }

    #[test]
    fn of_all_threads_one_gets_an_id() {
        let map = InFlight::new();
        let new = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (map, new) = (&map, &new);
                scope.spawn(move || {
                    for number in 0..2000 {
                        if map.claim(id(number), thread) == Claimed::New {
                            new.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!((new.into_inner(), map.len()), (2000, 2000));
    }

    #[test]
    fn what_is_drained_is_gone() {
        let map = InFlight::new();
        (0..1000).for_each(|number| assert_eq!(map.claim(id(number), number), Claimed::New));
        assert!(map.memory_bytes() >= 36 * 1000);
        let mut drained = BTreeMap::new();
        map.drain(|id, value| assert_eq!(drained.insert(id, value), None));
        assert!(map.is_empty());
        assert_eq!(map.memory_bytes(), 0);
        assert_eq!(drained.len(), 1000);
        assert!(drained.into_iter().all(|(found, value)| found == id(value)));
    }
}
