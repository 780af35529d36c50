//! A key with its ordinal, in memory and in the spill file.

use super::Key;

/// A key and where it occurred. Two halves instead of an `u128`, whose alignment would make it 32
/// bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    high: u64,
    low: u64,
    pub(super) ordinal: u64,
}

/// Length of an entry in the spill file: high half, low half and ordinal, little-endian.
pub(super) const ENTRY_BYTES: usize = 24;

/// Entries below which comparing is faster than counting.
const RADIX_MIN: usize = 1_000;
/// Entries above which the scratch memory would count; only a partition crowded with repeats grows
/// that far, and those are quick to compare.
const RADIX_MAX: usize = 1 << 18;

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

    /// The byte of the key at `shift` bits of its high half.
    fn byte(&self, shift: u32) -> usize {
        usize::from((self.high >> shift) as u8)
    }

    /// The 24 bits by which radix passes have ordered it, the partition included.
    fn prefix(&self) -> u64 {
        self.high >> 40
    }
}

/// Sorts the entries of one partition by key, then by ordinal.
///
/// Two radix passes over the bytes below the partition's put nearly every entry in its place,
/// because keys are hashes; sorting by comparison alone takes three times as long (bench
/// `unique`). `scratch` is memory to work in, 6 MiB at most.
pub(super) fn sort(entries: &mut [Entry], scratch: &mut Vec<Entry>) {
    if !(RADIX_MIN..=RADIX_MAX).contains(&entries.len()) {
        return entries.sort_unstable();
    }
    scratch.resize(entries.len(), Entry::default());
    radix_pass(entries, scratch, 40);
    radix_pass(scratch, entries, 48);
    for group in entries.chunk_by_mut(|one, next| one.prefix() == next.prefix()) {
        if group.len() > 1 {
            group.sort_unstable();
        }
    }
}

/// Moves the entries over in the order of the byte at `shift`, equal ones in their old order.
fn radix_pass(from: &[Entry], to: &mut [Entry], shift: u32) {
    let mut places = [0; 256];
    for entry in from {
        places[entry.byte(shift)] += 1;
    }
    let mut next = 0;
    for place in &mut places {
        let count = *place;
        *place = next;
        next += count;
    }
    for entry in from {
        let place = &mut places[entry.byte(shift)];
        to[*place] = *entry;
        *place += 1;
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

    #[test]
    fn sorting_by_radix_equals_sorting_by_comparison() {
        let mut random = fastrand::Rng::with_seed(7);
        for (count, keys) in [(999, 1 << 20), (1_000, 50), (5_000, 1 << 30), (5_000, 1)] {
            let mut entries: Vec<_> = (0..count)
                .map(|ordinal| {
                    // One top byte, as in a partition; repeats; halves that differ alone.
                    let high = 0xab << 56 | random.u64(..keys) << 26;
                    let key = u128::from(high) << 64 | u128::from(random.u64(..2));
                    Entry::new(Key(key), count - ordinal)
                })
                .collect();
            let mut expected = entries.clone();
            expected.sort();
            sort(&mut entries, &mut Vec::new());
            assert_eq!(entries, expected);
        }
    }
}
