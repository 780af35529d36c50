//! A key with its ordinal, in memory and in the spill file.

use super::Key;

/// A key and where it occurred. Two halves instead of an `u128`, whose alignment would make it 32
/// bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    high: u64,
    low: u64,
    pub(super) ordinal: u64,
}

/// Length of an entry in the spill file: high half, low half and ordinal, little-endian.
pub(super) const ENTRY_BYTES: usize = 24;

impl Entry {
    pub(super) fn new(Key(key): Key, ordinal: u64) -> Self {
        Self {
            high: (key >> 64) as u64,
            low: key as u64,
            ordinal,
        }
    }

    /// The partition it belongs to: the key's top byte.
    pub(super) fn partition(&self) -> usize {
        (self.high >> 56) as usize
    }

    pub(super) fn has_key_of(&self, other: &Self) -> bool {
        (self.high, self.low) == (other.high, other.low)
    }

    pub(super) fn to_bytes(self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..8].copy_from_slice(&self.high.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.low.to_le_bytes());
        bytes[16..].copy_from_slice(&self.ordinal.to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; ENTRY_BYTES]) -> Self {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        Self {
            high: word(0),
            low: word(8),
            ordinal: word(16),
        }
    }
}

/// Sorts by key, then by ordinal.
pub(super) fn sort(entries: &mut [Entry]) {
    // By the high half alone first, because comparing one word needs no branches; what shares a
    // high half are nearly always true repeats, and few.
    entries.sort_unstable_by_key(|entry| entry.high);
    for group in entries.chunk_by_mut(|one, next| one.high == next.high) {
        if group.len() > 1 {
            group.sort_unstable();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_survives_the_spill_file() {
        let entry = Entry::new(Key(0x0123_4567_89ab_cdef_1122_3344_5566_7788), 42);
        assert_eq!(entry.partition(), 0x01);
        assert_eq!(Entry::from_bytes(&entry.to_bytes()), entry);
        assert_eq!(size_of::<Entry>(), ENTRY_BYTES);
    }
}
