//! How the caches of a store did: what tells whether they are large enough.
//!
//! Counted are questions, not what they cost: a miss of the hot tier that the warm one answers is cheap, and one that it does
//! not answer is a read of the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::Lifecycle;

/// How the caches of a store did, since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct CacheCounters {
    /// Frames that are kept unpacked.
    pub hot: TierCounters,
    /// Pages of packs, as they are on the disk.
    pub warm: TierCounters,
    /// Tables of packs: where each of their frames is.
    pub tables: TierCounters,
}

/// How one of them did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct TierCounters {
    /// What was there when it was asked for.
    pub hits: u64,
    /// What had to be unpacked, or read.
    pub misses: u64,
    /// What had to make room.
    pub evictions: u64,
    /// What is there now.
    pub bytes: u64,
    /// What `bytes` does not exceed.
    pub budget_bytes: u64,
}

/// Counts what a cache does not count itself. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Events {
    misses: Arc<AtomicU64>,
    evictions: Arc<AtomicU64>,
}

impl Events {
    /// Something was asked for that was not there. (The cache would count it twice.)
    pub(crate) fn count_miss(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    /// All counters of a tier, with those that the cache has.
    pub(crate) fn counters(&self, hits: u64, bytes: u64, budget_bytes: u64) -> TierCounters {
        TierCounters {
            hits,
            misses: self.misses.load(Ordering::Relaxed),
            evictions: self.evictions.load(Ordering::Relaxed),
            bytes,
            budget_bytes,
        }
    }
}

impl<K, V> Lifecycle<K, V> for Events {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: K, _: V) {
        self.evictions.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use quick_cache::sync::Cache;
    use quick_cache::{DefaultHashBuilder, UnitWeighter};

    use super::*;

    #[test]
    fn what_makes_room_is_counted_and_what_is_taken_out_is_not() {
        let events = Events::default();
        let hasher = DefaultHashBuilder::default();
        let cache = Cache::with(10, 10, UnitWeighter, hasher, events.clone());
        let counters = || events.counters(cache.hits(), cache.weight(), cache.capacity());
        (0..10).for_each(|number| cache.insert(number, ()));
        assert_eq!(cache.remove(&3), Some((3, ())));
        assert_eq!((counters().evictions, counters().bytes), (0, 9));
        (100..200).for_each(|number| cache.insert(number, ()));
        assert_eq!(counters().bytes, counters().budget_bytes);
        assert_eq!(counters().evictions, 109 - counters().bytes);
    }
}
