//! The table of one worker: open addressing, keys by their hash and their bytes.

use tamis_engine::sketch::HyperLogLog;
use xxhash_rust::xxh3::xxh3_64;

use super::{Counts, KEY_BYTES_MAX, SHARDS, shard_of};

/// Values of a full table: with their bytes it stays in half of a second-level cache.
const ENTRIES_MAX: usize = 4096;
/// Bytes of the values of a full table.
const KEY_BYTES_FULL: usize = 512 << 10;
/// Places, so that a full table has two for each value.
const PLACES: usize = 2 * ENTRIES_MAX;
/// Durations and sampled events of a full table.
const LATENCIES_MAX: usize = 64 << 10;
const SAMPLED_MAX: usize = 4096;

/// Bits of a hash that choose the register: a standard error of 0.81 %.
pub(in crate::logs) const DISTINCT_PRECISION: u32 = 14;

/// What one worker has counted since it was absorbed.
#[derive(Debug)]
pub(in crate::logs) struct Local {
    /// Upper half of the hash, and number of the entry plus one; 0 is free.
    places: Box<[u64]>,
    entries: Vec<LocalEntry>,
    keys: Vec<u8>,
    /// Numbers of entries, those of a shard together, and where each shard begins.
    order: Vec<u32>,
    starts: [u32; SHARDS + 1],
    /// Entry and nanoseconds, and the same with those of a shard together.
    latencies: Vec<(u32, u64)>,
    sorted_latencies: Vec<(u32, u64)>,
    latency_starts: [u32; SHARDS + 1],
    with_latency: bool,
    sampled: Vec<Draw>,
    /// All values ever, not only those since the last time.
    distinct: HyperLogLog,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct LocalEntry {
    pub(super) hash: u64,
    start: u32,
    len: u32,
    pub(super) counts: Counts,
}

/// An event that may belong to the sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draw {
    pub(super) draw: u64,
    pub(super) entry: u32,
    pub(super) latency_ns: Option<u64>,
}

impl Local {
    pub(in crate::logs) fn new(with_latency: bool) -> Local {
        Local {
            places: vec![0; PLACES].into(),
            entries: Vec::new(),
            keys: Vec::new(),
            order: Vec::new(),
            starts: [0; SHARDS + 1],
            latencies: Vec::new(),
            sorted_latencies: Vec::new(),
            latency_starts: [0; SHARDS + 1],
            with_latency,
            sampled: Vec::new(),
            distinct: HyperLogLog::new(DISTINCT_PRECISION),
        }
    }

    /// Counts an event of `value` that was drawn `draw`; the number of its entry.
    #[inline(always)]
    pub(in crate::logs) fn add(
        &mut self,
        value: &[u8],
        counts: Counts,
        latency_ns: Option<u64>,
        draw: u64,
        sample_below: u64,
    ) -> u32 {
        let entry = self.entry(value);
        self.entries[entry as usize].counts.add(counts);
        if let Some(ns) = latency_ns.filter(|_| self.with_latency) {
            self.latencies.push((entry, ns));
        }
        if draw < sample_below {
            self.sampled.push(Draw {
                draw,
                entry,
                latency_ns: latency_ns.filter(|_| self.with_latency),
            });
        }
        entry
    }

    /// Adds to an entry what is no event of its own.
    pub(in crate::logs) fn add_to(&mut self, entry: u32, counts: Counts) {
        self.entries[entry as usize].counts.add(counts);
    }

    /// The number of the entry of `value`, a new one if there is none.
    #[inline(always)]
    pub(in crate::logs) fn entry(&mut self, value: &[u8]) -> u32 {
        let value = &value[..value.len().min(KEY_BYTES_MAX)];
        let hash = xxh3_64(value);
        let tag = hash >> 32 << 32;
        let mut place = (hash >> 8) as usize % PLACES;
        loop {
            let found = self.places[place];
            if found == 0 {
                return self.insert(value, hash, place);
            }
            let number = found as u32 - 1;
            if found >> 32 << 32 == tag && self.key(number) == value {
                return number;
            }
            place = (place + 1) % PLACES;
        }
    }

    #[cold]
    fn insert(&mut self, value: &[u8], hash: u64, place: usize) -> u32 {
        let number = self.entries.len() as u32;
        self.entries.push(LocalEntry {
            hash,
            start: self.keys.len() as u32,
            len: value.len() as u32,
            counts: Counts::default(),
        });
        self.keys.extend_from_slice(value);
        self.places[place] = hash >> 32 << 32 | u64::from(number + 1);
        self.distinct.insert(hash);
        number
    }

    /// Whether it should be absorbed before more is added.
    #[inline(always)]
    pub(in crate::logs) fn is_full(&self) -> bool {
        self.entries.len() >= ENTRIES_MAX
            || self.keys.len() >= KEY_BYTES_FULL
            || self.latencies.len() >= LATENCIES_MAX
            || self.sampled.len() >= SAMPLED_MAX
    }

    /// Whether nothing was counted since it was absorbed.
    pub(in crate::logs) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many different values it ever saw.
    pub(in crate::logs) fn distinct(&self) -> &HyperLogLog {
        &self.distinct
    }

    /// The value of an entry.
    #[inline(always)]
    pub(in crate::logs) fn key(&self, number: u32) -> &[u8] {
        let entry = &self.entries[number as usize];
        &self.keys[entry.start as usize..][..entry.len as usize]
    }

    pub(super) fn has_sampled(&self) -> bool {
        !self.sampled.is_empty()
    }

    pub(super) fn sampled(&self) -> impl Iterator<Item = (Draw, u64, &[u8])> {
        self.sampled.iter().map(|draw| {
            let hash = self.entries[draw.entry as usize].hash;
            (*draw, hash, self.key(draw.entry))
        })
    }

    /// Entries of a shard; [`sort_by_shard`](Self::sort_by_shard) comes first.
    pub(super) fn of_shard(&self, shard: usize) -> impl Iterator<Item = &LocalEntry> {
        self.numbers_of_shard(shard)
            .iter()
            .map(|number| &self.entries[*number as usize])
    }

    pub(super) fn numbers_of_shard(&self, shard: usize) -> &[u32] {
        &self.order[self.starts[shard] as usize..self.starts[shard + 1] as usize]
    }

    pub(super) fn local_entry(&self, number: u32) -> &LocalEntry {
        &self.entries[number as usize]
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Entry and nanoseconds of the durations of a shard.
    pub(super) fn latencies_of_shard(&self, shard: usize) -> &[(u32, u64)] {
        let range = self.latency_starts[shard] as usize..self.latency_starts[shard + 1] as usize;
        &self.sorted_latencies[range]
    }

    /// Puts the entries and durations of each shard together.
    pub(super) fn sort_by_shard(&mut self) {
        let entries = &self.entries;
        self.starts = sort(
            entries.iter().enumerate().map(|(number, _)| number as u32),
            |number| shard_of(entries[*number as usize].hash),
            &mut self.order,
        );
        self.latency_starts = sort(
            self.latencies.iter().copied(),
            |(number, _)| shard_of(entries[*number as usize].hash),
            &mut self.sorted_latencies,
        );
    }

    /// Forgets what was counted.
    pub(super) fn clear(&mut self) {
        // A table that is nearly empty, as at the end of small chunks, is not worth filling with zeros.
        if self.entries.len() < PLACES / 64 {
            for entry in &self.entries {
                let mut place = (entry.hash >> 8) as usize % PLACES;
                while self.places[place] != 0 {
                    self.places[place] = 0;
                    place = (place + 1) % PLACES;
                }
            }
        } else {
            self.places.fill(0);
        }
        self.entries.clear();
        self.keys.clear();
        self.latencies.clear();
        self.sampled.clear();
    }
}

/// A counting sort by shard; where each shard begins.
fn sort<T: Copy + Default>(
    items: impl Iterator<Item = T> + Clone,
    shard: impl Fn(&T) -> usize,
    sorted: &mut Vec<T>,
) -> [u32; SHARDS + 1] {
    let mut starts = [0_u32; SHARDS + 1];
    for item in items.clone() {
        starts[shard(&item) + 1] += 1;
    }
    for number in 0..SHARDS {
        starts[number + 1] += starts[number];
    }
    sorted.clear();
    sorted.resize(starts[SHARDS] as usize, T::default());
    let mut ends = starts;
    for item in items {
        let end = &mut ends[shard(&item)];
        sorted[*end as usize] = item;
        *end += 1;
    }
    starts
}
