//! Every value of a shard with its counts.

use tamis_engine::sketch::Sketch;

use super::{Counts, GROUP_BITS, Local};

/// What a value takes beside its bytes and its durations: the entry, its places, and what vectors have to spare.
const ENTRY_BYTES: u64 = 72;

/// The values of a shard.
#[derive(Debug)]
pub(super) struct Exact {
    /// Number of the entry plus one; 0 is free. At least twice as many as entries.
    places: Vec<u32>,
    entries: Vec<Entry>,
    keys: Vec<u8>,
    /// One for each entry, if durations are kept.
    latencies: Vec<Sketch>,
    with_latency: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u64,
    start: usize,
    len: u32,
    counts: Counts,
}

impl Exact {
    pub(super) fn new(with_latency: bool) -> Exact {
        Exact {
            places: vec![0; 64],
            entries: Vec::new(),
            keys: Vec::new(),
            latencies: Vec::new(),
            with_latency,
        }
    }

    /// Adds the entries that `local` has of shard `shard`; by how much this one grew.
    pub(super) fn absorb(&mut self, local: &Local, shard: usize) -> u64 {
        let mut charge = 0;
        // Where the entries of `local` are here.
        let mut here_of = vec![0; if self.with_latency { local.len() } else { 0 }];
        for &number in local.numbers_of_shard(shard) {
            let entry = local.local_entry(number);
            let (here, is_new) = self.entry(entry.hash, local.key(number));
            self.entries[here].counts.add(entry.counts);
            if is_new {
                charge += ENTRY_BYTES + local.key(number).len() as u64;
            }
            if self.with_latency {
                here_of[number as usize] = here;
            }
        }
        for &(number, ns) in local.latencies_of_shard(shard) {
            let sketch = &mut self.latencies[here_of[number as usize]];
            let before = sketch.memory_bytes();
            sketch.add(ns as f64, 1);
            charge += (sketch.memory_bytes() - before) as u64;
        }
        charge
    }

    /// Hash, value, counts and durations of all entries.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u64, &[u8], Counts, Option<&Sketch>)> {
        self.entries.iter().enumerate().map(|(number, entry)| {
            let value = &self.keys[entry.start..][..entry.len as usize];
            (entry.hash, value, entry.counts, self.latency(number))
        })
    }

    pub(super) fn latency(&self, number: usize) -> Option<&Sketch> {
        self.latencies.get(number)
    }

    /// The number of the entry of `value`, and whether it is new.
    fn entry(&mut self, hash: u64, value: &[u8]) -> (usize, bool) {
        if 2 * (self.entries.len() + 1) > self.places.len() {
            self.grow();
        }
        let mask = self.places.len() - 1;
        let mut place = (hash >> 8) as usize & mask;
        loop {
            match self.places[place] {
                0 => break,
                found => {
                    let number = found as usize - 1;
                    let entry = &self.entries[number];
                    if entry.hash == hash
                        && self.keys[entry.start..][..entry.len as usize] == *value
                    {
                        return (number, false);
                    }
                }
            }
            place = (place + 1) & mask;
        }
        let number = self.entries.len();
        self.places[place] = number as u32 + 1;
        make_room(&mut self.entries, 1);
        make_room(&mut self.keys, value.len());
        self.entries.push(Entry {
            hash,
            start: self.keys.len(),
            len: value.len() as u32,
            counts: Counts::default(),
        });
        self.keys.extend_from_slice(value);
        if self.with_latency {
            self.latencies.push(Sketch::new(GROUP_BITS));
        }
        (number, true)
    }

    fn grow(&mut self) {
        let len = self.places.len() * 2;
        self.places.clear();
        self.places.resize(len, 0);
        for (number, entry) in self.entries.iter().enumerate() {
            let mut place = (entry.hash >> 8) as usize & (len - 1);
            while self.places[place] != 0 {
                place = (place + 1) & (len - 1);
            }
            self.places[place] = number as u32 + 1;
        }
    }
}

/// Room for so many more, and a quarter: a vector that doubles leaves up to half of its memory unused.
fn make_room<T>(items: &mut Vec<T>, more: usize) {
    if items.capacity() - items.len() < more {
        items.reserve_exact(more + items.len() / 4 + 16);
    }
}
