//! The hash table from paths to their last records.
//!
//! A slot is eight bytes: 24 bits of the path's hash above the 40 bits of a place in the log; the path itself is in the log
//! only. Open addressing, the next slot if one is taken; at most three quarters are.

use crate::codec::Read;

/// The least that is worth a table.
pub(super) const SLOTS_MIN: usize = 64;

const OFFSET_BITS: u32 = 40;
const OFFSET_MASK: u64 = (1 << OFFSET_BITS) - 1;

/// Where a log ends at the latest.
pub(super) const LOG_BYTES_MAX: u64 = OFFSET_MASK;

/// From hashes to places in the log.
#[derive(Debug)]
pub(super) struct Table {
    /// Little-endian; a power of two of them.
    slots: Vec<[u8; 8]>,
    used: usize,
}

/// A slot: one that was found, or the free one where it would be.
pub(super) struct Slot {
    /// Its number.
    pub(super) index: usize,
    /// The place in the log that it holds.
    pub(super) offset: Option<u64>,
}

impl Default for Table {
    fn default() -> Table {
        Table {
            slots: vec![[0; 8]; SLOTS_MIN],
            used: 0,
        }
    }
}

impl Table {
    /// The slot of the path with this hash; `is_it` is asked whether a place in the log is about that path.
    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(u64) -> Read<bool>) -> Read<Slot> {
        let mask = self.slots.len() - 1;
        let mut index = hash as usize & mask;
        // Ends: a quarter of the slots is free.
        loop {
            let slot = u64::from_le_bytes(self.slots[index]);
            if slot == 0 {
                return Ok(Slot {
                    index,
                    offset: None,
                });
            }
            let offset = slot & OFFSET_MASK;
            if (slot ^ hash) >> OFFSET_BITS == 0 && is_it(offset)? {
                return Ok(Slot {
                    index,
                    offset: Some(offset),
                });
            }
            index = (index + 1) & mask;
        }
    }

    /// Says where the last record of the path is that `slot` was found for.
    pub(super) fn set(&mut self, slot: &Slot, hash: u64, offset: u64) {
        self.used += usize::from(slot.offset.is_none());
        self.slots[slot.index] = (hash & !OFFSET_MASK | offset).to_le_bytes();
    }

    /// Whether it must grow before one more path is set.
    pub(super) fn is_full(&self) -> bool {
        !may_use(self.used + 1, self.slots.len())
    }

    /// A table of twice the size; the slots do not say the whole hash of a path, so `hash_of` a place in the log is asked.
    pub(super) fn grown(&self, mut hash_of: impl FnMut(u64) -> Read<u64>) -> Read<Table> {
        let mut grown = Table {
            slots: vec![[0; 8]; self.slots.len() * 2],
            used: 0,
        };
        for offset in self.offsets() {
            let hash = hash_of(offset)?;
            let slot = grown.find(hash, |_| Ok(false))?;
            grown.set(&slot, hash, offset);
        }
        Ok(grown)
    }

    /// All places in the log that it holds, in the order of the slots.
    pub(super) fn offsets(&self) -> impl Iterator<Item = u64> {
        let slots = self.slots.iter().map(|&slot| u64::from_le_bytes(slot));
        slots
            .filter(|&slot| slot != 0)
            .map(|slot| slot & OFFSET_MASK)
    }

    /// The place in the log that a slot holds, if it holds one.
    pub(super) fn offset_at(&self, slot: usize) -> Option<u64> {
        let slot = u64::from_le_bytes(*self.slots.get(slot)?);
        (slot != 0).then_some(slot & OFFSET_MASK)
    }

    /// All slots, as they are written.
    pub(super) fn slots(&self) -> &[[u8; 8]] {
        &self.slots
    }

    /// The table of these slots, if it can be one.
    pub(super) fn of_slots(slots: Vec<[u8; 8]>) -> Option<Table> {
        let used = slots.iter().filter(|slot| **slot != [0; 8]).count();
        let is_sound =
            slots.len().is_power_of_two() && slots.len() >= SLOTS_MIN && may_use(used, slots.len());
        is_sound.then_some(Table { slots, used })
    }
}

/// Whether so many of the slots may be taken.
fn may_use(used: usize, slots: usize) -> bool {
    used <= slots / 4 * 3
}
