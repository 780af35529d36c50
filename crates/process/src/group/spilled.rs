//! Groups on disk, divided by the hash of their keys, and how they come together again.
//!
//! Each time a worker's groups outgrow their memory, all of them are appended to the worker's file, partition by partition. In the end
//! the groups of one partition are read from all files into one table; partitions share no group. A partition that does not fit
//! is read twice, each time for half of its hashes.
//!
//! ```text
//!   len_bytes u32 | key | first row u64 | states      one group behind the other in an extent of a partition
//! ```

use tamis_engine::Result;

use super::aggregate::bytes::put_bytes;
use super::plan::Plan;
use super::state::Groups;
use crate::spill::{SpillFile, SpillPlace};

/// Partitions are told apart by this many of the hash's upper bits.
const PARTITION_BITS: u32 = 6;
pub(super) const PARTITIONS: usize = 1 << PARTITION_BITS;

/// Bytes of a partition that are written at once: its groups wait for one another until they are so many.
const EXTENT_BYTES: usize = 32 << 10;

/// The most bytes that are read at once.
const BUFFER_BYTES: usize = 256 << 10;

/// The groups of one worker on disk.
#[derive(Debug)]
pub(super) struct Spilled {
    file: SpillFile,
    /// Of each partition: where its groups are, and how many bytes.
    extents: Vec<Vec<(u64, u64)>>,
}

impl Spilled {
    pub(super) fn new(place: &SpillPlace) -> Result<Spilled> {
        Ok(Spilled {
            file: place.file()?,
            extents: vec![Vec::new(); PARTITIONS],
        })
    }

    pub(super) fn len_bytes(&self) -> u64 {
        self.file.len_bytes()
    }

    /// Appends all groups, in the order in which they lie in memory: their texts and states are far more than a cache holds.
    pub(super) fn append(&mut self, groups: &Groups) -> Result<()> {
        let mut buffers: Vec<Vec<u8>> = vec![Vec::new(); PARTITIONS];
        let mut written = Vec::new();
        for group in 1..=groups.len() as u32 {
            written.clear();
            groups.write(group, &mut written);
            let partition = partition(Groups::hash_of_written(&written, groups.keys.len()));
            let buffer = &mut buffers[partition];
            put_bytes(&written, buffer);
            if buffer.len() >= EXTENT_BYTES {
                self.flush(partition, buffer)?;
            }
        }
        for (partition, buffer) in buffers.iter_mut().enumerate() {
            self.flush(partition, buffer)?;
        }
        Ok(())
    }

    fn flush(&mut self, partition: usize, buffer: &mut Vec<u8>) -> Result<()> {
        if !buffer.is_empty() {
            let start = self.file.len_bytes();
            self.file.append(buffer)?;
            self.extents[partition].push((start, buffer.len() as u64));
            buffer.clear();
        }
        Ok(())
    }

    /// Hands each group of a partition to `visit` until it says that it is enough; whether it did not.
    fn each_group(&self, partition: usize, mut visit: impl FnMut(&[u8]) -> bool) -> Result<bool> {
        let mut buffer = Vec::new();
        for &(mut byte_offset, mut rest) in &self.extents[partition] {
            buffer.clear();
            let mut start = 0;
            loop {
                let held = &buffer[start..];
                let len = held
                    .first_chunk()
                    .map(|len| u32::from_le_bytes(*len) as usize + 4);
                match len.filter(|len| *len <= held.len()) {
                    Some(len) => {
                        if !visit(&held[4..len]) {
                            return Ok(false);
                        }
                        start += len;
                    }
                    None if rest == 0 => break,
                    None => {
                        buffer.drain(..start);
                        start = 0;
                        let held = buffer.len();
                        let missing = len.unwrap_or(0).max(BUFFER_BYTES) - held.min(BUFFER_BYTES);
                        let more = (missing as u64).min(rest) as usize;
                        buffer.resize(held + more, 0);
                        self.file.read_at(byte_offset, &mut buffer[held..])?;
                        byte_offset += more as u64;
                        rest -= more as u64;
                    }
                }
            }
        }
        Ok(true)
    }
}

/// Brings the groups of one partition together and hands them to `take`, in one or several lots of at most about `memory_bytes`.
pub(super) fn gather(
    spilled: &[Spilled],
    partition: usize,
    plan: &Plan,
    memory_bytes: usize,
    rank: &dyn Fn(u64) -> u64,
    take: &mut dyn FnMut(&Groups) -> Result<()>,
) -> Result<()> {
    let mut groups = Groups::new(plan);
    let lot = Lot { bits: 0, value: 0 };
    gather_lot(
        spilled,
        partition,
        plan,
        lot,
        memory_bytes,
        rank,
        &mut groups,
        take,
    )
}

/// Part of a partition: the groups whose hash has this value in the next so many bits.
#[derive(Clone, Copy)]
struct Lot {
    bits: u32,
    value: u64,
}

impl Lot {
    fn has(self, hash: u64) -> bool {
        self.bits == 0 || (hash << PARTITION_BITS) >> (64 - self.bits) == self.value
    }

    fn halves(self) -> [Lot; 2] {
        [0, 1].map(|bit| Lot {
            bits: self.bits + 1,
            value: self.value << 1 | bit,
        })
    }

    /// A lot this small is taken as it is: perhaps it is one group with a large state.
    fn is_last(self) -> bool {
        self.bits >= 16
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "it calls itself with one of them changed"
)]
fn gather_lot(
    spilled: &[Spilled],
    partition: usize,
    plan: &Plan,
    lot: Lot,
    memory_bytes: usize,
    rank: &dyn Fn(u64) -> u64,
    groups: &mut Groups,
    take: &mut dyn FnMut(&Groups) -> Result<()>,
) -> Result<()> {
    groups.clear();
    let mut fits = true;
    let mut absorbed = 0_usize;
    for file in spilled {
        fits = file.each_group(partition, |bytes| {
            let hash = Groups::hash_of_written(bytes, plan.keys.len());
            if lot.has(hash) {
                groups.absorb(bytes, rank);
                absorbed += 1;
            }
            let looks = absorbed.is_multiple_of(1024) || memory_bytes < 1 << 20;
            !looks || lot.is_last() || groups.len() < 2 || groups.memory_bytes() <= memory_bytes
        })?;
        if !fits {
            break;
        }
    }
    if fits {
        return take(groups);
    }
    for half in lot.halves() {
        gather_lot(
            spilled,
            partition,
            plan,
            half,
            memory_bytes,
            rank,
            groups,
            take,
        )?;
    }
    Ok(())
}

fn partition(hash: u64) -> usize {
    (hash >> (64 - PARTITION_BITS)) as usize
}
