//! Finds every value that occurred before, exactly, in bounded memory.
//!
//! A `unique` rule cannot be judged one record at a time: the first occurrence may be 50 GB away.
//! So each record gives a [`Key`] of 128 bits (see [`key_of`]) and its ordinal, its place in the
//! run, and a [`UniqueIndex`] answers at the end which ordinals hold a repeated key:
//!
//! 1. [`UniqueIndex::push`] scatters the entries over 256 partitions by the key's top byte. Equal
//!    keys always meet in the same partition.
//! 2. When the memory budget is reached, each partition is sorted, its repeats are set aside, and
//!    what remains is appended to one temporary file as a sorted *extent*.
//! 3. [`UniqueIndex::finish`] goes through the partitions on several threads: those in memory are
//!    sorted, those on disk are merged extent by extent. Of the entries with an equal key all but
//!    the one with the smallest ordinal are duplicates, whatever order they were pushed in.
//!
//! "Exact" means up to the hash: among ten billion different values the chance that any two share
//! a key is about 10⁻¹⁹. The hash is no secret, so somebody who wants two values to collide can
//! find a pair; such a pair is reported as a duplicate.
//!
//! ```
//! use std::num::NonZero;
//! use tamis_contract::unique::{UniqueIndex, key_of};
//!
//! let mut index = UniqueIndex::new(1 << 20, None);
//! let values: [&[u8]; 4] = [b"TX1", b"TX2", b"TX1", b"TX1"];
//! index.push((0..).zip(values).map(|(ordinal, value)| (key_of(&[value]), ordinal)))?;
//! let duplicates = index.finish(NonZero::<usize>::MIN)?;
//! assert_eq!(duplicates.range(0..4).collect::<Vec<_>>(), [2, 3]);
//! # Ok::<(), tamis_engine::Error>(())
//! ```

mod duplicates;
mod entry;
mod key;
mod merge;
mod seen;
mod spill;

use std::num::NonZero;
use std::path::{Path, PathBuf};

use tamis_engine::Result;

pub use duplicates::Duplicates;
pub use key::{Key, key_of};
pub(crate) use seen::SeenKeys;

use duplicates::Collector;
use entry::Entry;
use spill::Spill;

/// Partitions by the top byte of the key.
const PARTITIONS: usize = 256;
/// The least budget worth having: one entry in each partition.
const MEMORY_BYTES_MIN: usize = PARTITIONS * size_of::<Entry>();
/// The most entries that a partition gets room for at first.
const FIRST_STEP_MAX: usize = 4096;

/// Collects keys and finds those that occur more than once.
#[derive(Debug)]
pub struct UniqueIndex {
    partitions: Box<[Vec<Entry>]>,
    /// Entries that the partitions have room for, all together.
    capacity: usize,
    /// The most that `capacity` may be.
    capacity_max: usize,
    spill_dir: PathBuf,
    spill: Option<Spill>,
    duplicates: Collector,
}

impl UniqueIndex {
    /// An empty index that holds at most `memory_bytes` of entries (24 bytes each, 6 KiB at least)
    /// and puts the rest into an unnamed file in `spill_dir`, or in the system's temporary folder.
    ///
    /// The duplicates found come on top: at most two bytes each.
    pub fn new(memory_bytes: usize, spill_dir: Option<PathBuf>) -> Self {
        Self {
            partitions: (0..PARTITIONS).map(|_| Vec::new()).collect(),
            capacity: 0,
            capacity_max: memory_bytes.max(MEMORY_BYTES_MIN) / size_of::<Entry>(),
            spill_dir: spill_dir.unwrap_or_else(std::env::temp_dir),
            spill: None,
            duplicates: Collector::default(),
        }
    }

    /// Takes the keys of more records, each with its ordinal: its place in the run, counted over
    /// all inputs. Ordinals must be distinct; their order does not matter.
    ///
    /// # Errors
    /// [`tamis_engine::Error::Write`] when the budget is reached and the spill file cannot be made
    /// or written.
    pub fn push(&mut self, keys: impl Iterator<Item = (Key, u64)>) -> Result<()> {
        for (key, ordinal) in keys {
            let entry = Entry::new(key, ordinal);
            let partition = &mut self.partitions[entry.partition()];
            if partition.len() == partition.capacity() {
                self.grow(entry.partition())?;
            }
            self.partitions[entry.partition()].push(entry);
        }
        Ok(())
    }

    /// Bytes written to the spill file so far; 0 while everything fits into memory.
    pub fn spilled_bytes(&self) -> u64 {
        self.spill.as_ref().map_or(0, Spill::len_bytes)
    }

    /// Finds the duplicates, on up to `threads` threads. The answer does not depend on how many.
    ///
    /// # Errors
    /// [`tamis_engine::Error::Write`] or [`Read`](tamis_engine::Error::Read) when the spill file
    /// fails.
    pub fn finish(mut self, threads: NonZero<usize>) -> Result<Duplicates> {
        let memory_bytes = self.capacity_max * size_of::<Entry>();
        if self.spill.is_some() {
            self.spill_partitions()?;
        }
        let collectors = match &self.spill {
            Some(spill) => merge::spilled(spill, memory_bytes, threads)?,
            None => merge::in_memory(&mut self.partitions, threads),
        };
        let mut duplicates = self.duplicates.finish();
        for collector in collectors {
            duplicates.union_with(collector.finish());
        }
        Ok(duplicates)
    }

    /// Makes room for one entry more in a full partition, on disk if the budget is used up.
    fn grow(&mut self, index: usize) -> Result<()> {
        let partition = &mut self.partitions[index];
        // A quarter more each time: doubling would leave half of the budget unused at worst.
        // The first step is small whatever the budget: it may be more than the machine has.
        let first = (self.capacity_max / PARTITIONS / 16).clamp(1, FIRST_STEP_MAX);
        let additional = (partition.capacity() / 4).max(first);
        if self.capacity + additional <= self.capacity_max {
            partition.reserve_exact(additional);
            self.capacity += additional;
            return Ok(());
        }
        self.spill_partitions()?;
        self.partitions[index].reserve_exact(1);
        self.capacity += 1;
        Ok(())
    }

    /// Appends the distinct keys of every partition to the spill file and gives the memory back.
    fn spill_partitions(&mut self) -> Result<()> {
        let spill = match &mut self.spill {
            Some(spill) => spill,
            none => none.insert(Spill::create(&self.spill_dir)?),
        };
        let mut scratch = Vec::new();
        for (index, partition) in self.partitions.iter_mut().enumerate() {
            // Freed, not cleared: the next keys may crowd other partitions.
            let mut entries = std::mem::take(partition);
            entry::sort(&mut entries, &mut scratch);
            self.duplicates.take_repeats(&mut entries);
            spill.append(index, &entries)?;
        }
        self.capacity = 0;
        Ok(())
    }
}

/// Where keys go when they do not fit into memory, for messages.
fn spill_name(directory: &Path) -> String {
    format!("spilled keys of `unique` in {}", directory.display())
}

#[cfg(test)]
mod tests;
