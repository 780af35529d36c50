//! The last offset of each key in the dirty part of a log, in bounded memory.
//!
//! Keys are not kept but their BLAKE3 hashes, cut to 128 bits: that two of them fall together does not happen, and nobody can make
//! it happen. A slot has 24 bytes; slots are probed one after the other.

use crate::Result;
use crate::batch::{HEADER_BYTES, Header, Record, Records, codec};
use crate::log::scan::PIECE_BYTES;

use super::Cleanable;

/// So many of one more slots may be used.
const FULL: usize = 4;

/// The last offsets of keys.
#[derive(Debug)]
pub(super) struct OffsetMap {
    slots: Vec<Slot>,
    used: usize,
    /// Records from here on were not looked at.
    pub(super) end_offset: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    hash: [u64; 2],
    /// The offset behind the last record; 0: the slot is free.
    next_offset: i64,
}

impl OffsetMap {
    /// A map of `bytes_max` at most, for so many records.
    fn new(bytes_max: usize, records: i64) -> OffsetMap {
        let wanted = usize::try_from(records).unwrap_or(usize::MAX);
        let wanted = wanted.saturating_add(wanted / FULL).saturating_add(2);
        let possible = (bytes_max / size_of::<Slot>()).max(2);
        OffsetMap {
            slots: vec![Slot::default(); wanted.min(possible)],
            used: 0,
            end_offset: 0,
        }
    }

    /// The keys of what is dirty, or as many as there is room for; `None`: it is over.
    pub(super) fn build(
        found: &Cleanable,
        bytes_max: usize,
        is_over: &dyn Fn() -> bool,
    ) -> Result<Option<OffsetMap>> {
        let records = found.end_offset.saturating_sub(found.first_dirty);
        let mut map = OffsetMap::new(bytes_max, records.max(0));
        map.end_offset = found.end_offset;
        for (index, segment) in found.segments.iter().enumerate() {
            if found.end_of(index) <= found.first_dirty {
                continue;
            }
            let mut scan = segment.scan(0..segment.readable_bytes(), PIECE_BYTES)?;
            while let Some(batch) = scan.next_batch()? {
                if is_over() {
                    return Ok(None);
                }
                if batch.header.last_offset() < found.first_dirty {
                    continue;
                }
                if !map.put_batch(&batch.header, batch.bytes, found.first_dirty) {
                    return Ok(Some(map));
                }
            }
            scan.check_end()?;
        }
        // A clean part may end behind what can be cleaned now, if that became less.
        map.end_offset = map.end_offset.max(found.first_dirty);
        Ok(Some(map))
    }

    /// Takes note of the records of a batch; `false`: the map is full, and ends among them.
    fn put_batch(&mut self, header: &Header, batch: &[u8], first_dirty: i64) -> bool {
        if header.is_control() {
            return true;
        }
        let Some(unpacked) = unpacked(header, batch) else {
            return true;
        };
        for record in records(header, &unpacked) {
            let offset = header.base_offset + i64::from(record.offset_delta);
            let Some(key) = record.key.filter(|_| offset >= first_dirty) else {
                continue;
            };
            if !self.put(key, offset) {
                self.end_offset = offset;
                return false;
            }
        }
        true
    }

    fn put(&mut self, key: &[u8], offset: i64) -> bool {
        let hash = hash(key);
        let at = self.place(hash);
        if self.slots[at].next_offset == 0 {
            // One is always taken, or there would be no end to it.
            if self.used > 0 && self.used >= self.slots.len() * FULL / (FULL + 1) {
                return false;
            }
            self.used += 1;
        }
        self.slots[at] = Slot {
            hash,
            next_offset: offset + 1,
        };
        true
    }

    /// The last offset of a key; `None`: it is not there.
    pub(super) fn last_offset(&self, key: &[u8]) -> Option<i64> {
        if self.used == 0 {
            return None;
        }
        let slot = self.slots[self.place(hash(key))];
        (slot.next_offset > 0).then_some(slot.next_offset - 1)
    }

    /// Where a hash is, or would be: a slot of another one or a free one stops the search; some are always free.
    fn place(&self, hash: [u64; 2]) -> usize {
        let count = self.slots.len();
        let mut at = ((u128::from(hash[0]) * count as u128) >> 64) as usize;
        while self.slots[at].next_offset != 0 && self.slots[at].hash != hash {
            at = (at + 1) % count;
        }
        at
    }
}

fn hash(key: &[u8]) -> [u64; 2] {
    let hash = blake3::hash(key);
    let half = |from: usize| {
        let bytes = hash.as_bytes()[from..].first_chunk();
        u64::from_le_bytes(*bytes.expect("a hash has 32 bytes"))
    };
    [half(0), half(8)]
}

/// The records of a batch, unpacked; `None`: they cannot be, are not numbered as the header says, or are part of a transaction.
pub(super) fn unpacked<'b>(header: &Header, batch: &'b [u8]) -> Option<std::borrow::Cow<'b, [u8]>> {
    if header.is_transactional() {
        return None;
    }
    let unpacked = codec::unpack(header, &batch[HEADER_BYTES..]).ok()?;
    let mut next = 0;
    for record in Records::new(&unpacked, usize::try_from(header.record_count).ok()?) {
        let delta = record.ok()?.offset_delta;
        if !(next..=header.last_offset_delta).contains(&delta) {
            return None;
        }
        next = delta.checked_add(1)?;
    }
    Some(unpacked)
}

/// The records of a batch that [`unpacked`] has found to be whole.
pub(super) fn records<'u>(
    header: &Header,
    unpacked: &'u [u8],
) -> impl Iterator<Item = Record<'u>> + use<'u> {
    Records::new(unpacked, header.record_count.max(0) as usize).map_while(Result::ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_offset_holds_until_it_is_full() {
        let mut map = OffsetMap::new(100 * size_of::<Slot>(), 1 << 40);
        assert_eq!(map.last_offset(b"0"), None);
        for number in 0..80_i64 {
            assert!(map.put(number.to_string().as_bytes(), number));
        }
        assert!(!map.put(b"another", 80));
        assert!(map.put(b"7", 81));
        for number in 0..80_i64 {
            let last = if number == 7 { 81 } else { number };
            let key = number.to_string();
            assert_eq!(map.last_offset(key.as_bytes()), Some(last));
        }
        assert_eq!(map.last_offset(b"another"), None);
    }

    #[test]
    fn there_is_room_for_one_whatever_is_allowed() {
        let mut map = OffsetMap::new(0, 0);
        assert!(map.put(b"one", 5));
        assert!(!map.put(b"two", 6));
        assert_eq!(
            (map.last_offset(b"one"), map.last_offset(b"two")),
            (Some(5), None)
        );
    }

    #[test]
    fn there_is_room_for_all_records_there_are() {
        for count in 0..50_i64 {
            let mut map = OffsetMap::new(1 << 20, count);
            for number in 0..count {
                assert!(
                    map.put(&number.to_be_bytes(), number),
                    "{number} of {count}"
                );
            }
        }
    }
}
