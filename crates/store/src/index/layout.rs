//! Where the parts of a segment are, and what its first bytes say: `docs/store-format.md`.
//!
//! Everything follows from two numbers, how many packs and how many entries there are. What else the header says
//! is held against them, and the file's length as well, before anything of that size is read or reserved.

use std::path::Path;

use crate::codec::{Read, Reader, checksum};
use crate::id::{FileId, ID_BYTES, ObjectId};
use crate::index::{PackEntry, PackKind};
use crate::{Error, Result};

/// The newest version that is read, and the one that is written.
pub(super) const VERSION: u16 = 1;

pub(super) const HEADER_BYTES: u64 = 64;
pub(super) const PACK_BYTES: u64 = 64;
pub(super) const FAN_OUT_BYTES: u64 = 4;
pub(super) const PREFIX_BYTES: u64 = 8;
pub(super) const REST_BYTES: u64 = 24;
pub(super) const SLOT_BYTES: u64 = 8;
pub(super) const TRAILER_BYTES: u64 = ID_BYTES as u64;

/// Parts that are searched start at a multiple of a cache line.
const ALIGNMENT: u64 = 64;

const MAGIC: [u8; 8] = *b"TAMISIDX";
const CHECKED_HEADER_BYTES: usize = 56;
const FAN_OUT_BITS_MAX: u32 = 24;
const FILTER_BITS_PER_ENTRY: u64 = 10;
const FILTER_BLOCK_BITS: u64 = 512;

/// Offsets of all parts of a segment, from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) pack_count: u32,
    pub(super) entry_count: u64,
    pub(super) fan_out_bits: u32,
    pub(super) filter_blocks: u64,
    pub(super) fan_out: u64,
    pub(super) prefixes: u64,
    pub(super) rests: u64,
    pub(super) slots: u64,
    pub(super) filter: u64,
    pub(super) trailer: u64,
}

impl Layout {
    /// The layout of so many entries; `None` when they are more than a fan-out can count.
    pub(super) fn new(pack_count: u32, entry_count: u64) -> Option<Layout> {
        u32::try_from(entry_count).ok()?;
        let fan_out_bits = fan_out_bits(entry_count);
        let filter_blocks = (entry_count * FILTER_BITS_PER_ENTRY).div_ceil(FILTER_BLOCK_BITS);
        let fan_out = HEADER_BYTES + u64::from(pack_count) * PACK_BYTES;
        let fan_out_end = fan_out + FAN_OUT_BYTES * ((1 << fan_out_bits) + 1);
        let prefixes = fan_out_end.next_multiple_of(ALIGNMENT);
        let rests = prefixes + entry_count * PREFIX_BYTES;
        let slots = rests + entry_count * REST_BYTES;
        let filter = (slots + entry_count * SLOT_BYTES).next_multiple_of(ALIGNMENT);
        Some(Layout {
            pack_count,
            entry_count,
            fan_out_bits,
            filter_blocks,
            fan_out,
            prefixes,
            rests,
            slots,
            filter,
            trailer: filter + filter_blocks * Block::BYTES,
        })
    }

    /// How long the file is.
    pub(super) fn len_bytes(&self) -> u64 {
        self.trailer + TRAILER_BYTES
    }

    /// Which bucket of the fan-out an id with this prefix is in.
    pub(super) fn bucket(&self, prefix: u64) -> u64 {
        prefix.checked_shr(64 - self.fan_out_bits).unwrap_or(0)
    }

    /// How many buckets the fan-out has.
    pub(super) fn bucket_count(&self) -> u64 {
        1 << self.fan_out_bits
    }

    /// Header and pack table of a segment.
    pub(super) fn encode(&self, packs: &[PackEntry]) -> Vec<u8> {
        let mut head = Vec::with_capacity(self.fan_out as usize);
        head.extend(MAGIC);
        head.extend(VERSION.to_le_bytes());
        head.push(self.fan_out_bits as u8);
        head.extend([0; 5]);
        head.extend(self.pack_count.to_le_bytes());
        head.extend([0; 4]);
        head.extend(self.entry_count.to_le_bytes());
        head.extend(self.filter_blocks.to_le_bytes());
        head.resize(HEADER_BYTES as usize, 0);
        for pack in packs {
            encode_pack(pack, &mut head);
        }
        let sum = head_checksum(&head);
        head[CHECKED_HEADER_BYTES..HEADER_BYTES as usize].copy_from_slice(&sum.to_le_bytes());
        head
    }

    /// What a header says of a file of `len_bytes`.
    pub(super) fn decode(header: &[u8], len_bytes: u64, path: &Path) -> Result<Layout> {
        let fields =
            Fields::read(header).map_err(|_| Error::damaged(path, 0, "it has no whole header"))?;
        if fields.magic != MAGIC {
            return Err(Error::damaged(path, 0, "it is no segment of an index"));
        }
        if fields.version != VERSION {
            return Err(Error::Version {
                path: path.to_owned(),
                found: fields.version,
                supported: VERSION,
            });
        }
        Layout::new(fields.pack_count, fields.entry_count)
            .filter(|layout| {
                layout.len_bytes() == len_bytes
                    && layout.fan_out_bits == u32::from(fields.fan_out_bits)
                    && layout.filter_blocks == fields.filter_blocks
            })
            .ok_or_else(|| {
                let detail = format!(
                    "{} packs and {} entries do not make a file of {len_bytes} bytes",
                    fields.pack_count, fields.entry_count
                );
                Error::damaged(path, 0, detail)
            })
    }
}

/// The header, as it is written.
struct Fields {
    magic: [u8; 8],
    version: u16,
    fan_out_bits: u8,
    pack_count: u32,
    entry_count: u64,
    filter_blocks: u64,
}

impl Fields {
    fn read(header: &[u8]) -> Read<Fields> {
        let mut reader = Reader::new(header);
        let magic = reader.array()?;
        let version = reader.u16()?;
        let fan_out_bits = reader.u8()?;
        reader.take(5)?;
        let pack_count = reader.u32()?;
        reader.take(4)?;
        Ok(Fields {
            magic,
            version,
            fan_out_bits,
            pack_count,
            entry_count: reader.u64()?,
            filter_blocks: reader.u64()?,
        })
    }
}

/// The packs that a segment's header and table (`head` is both) name.
pub(super) fn decode_packs(head: &[u8], path: &Path) -> Result<Vec<PackEntry>> {
    let claimed = &head[CHECKED_HEADER_BYTES..HEADER_BYTES as usize];
    if head_checksum(head).to_le_bytes() != claimed {
        let detail = "header and pack table do not have the checksum that the header gives";
        return Err(Error::damaged(path, 0, detail));
    }
    let table = head[HEADER_BYTES as usize..].chunks_exact(PACK_BYTES as usize);
    let packs = table.enumerate().map(|(number, bytes)| {
        decode_pack(bytes).map_err(|flaw| {
            let byte_offset = HEADER_BYTES + number as u64 * PACK_BYTES + flaw.byte_offset as u64;
            Error::damaged(path, byte_offset, flaw.detail)
        })
    });
    packs.collect()
}

fn head_checksum(head: &[u8]) -> u64 {
    let mut checked = head[..CHECKED_HEADER_BYTES].to_vec();
    checked.extend_from_slice(&head[HEADER_BYTES as usize..]);
    checksum(&checked)
}

fn encode_pack(pack: &PackEntry, out: &mut Vec<u8>) {
    out.extend(pack.id.0);
    out.push(pack.kind as u8);
    out.extend([0; 3]);
    out.extend(pack.entries.to_le_bytes());
    out.extend(pack.file_bytes.to_le_bytes());
    out.extend(pack.plain_bytes.to_le_bytes());
    out.extend([0; 8]);
}

fn decode_pack(bytes: &[u8]) -> Read<PackEntry> {
    let mut reader = Reader::new(bytes);
    let id = FileId(reader.array()?);
    let start_of_kind = reader.clone();
    let kind = PackKind::from_byte(reader.u8()?)
        .ok_or_else(|| start_of_kind.flaw("a pack has an unknown kind"))?;
    reader.take(3)?;
    Ok(PackEntry {
        id,
        kind,
        entries: reader.u32()?,
        file_bytes: reader.u64()?,
        plain_bytes: reader.u64()?,
    })
}

/// So many that 8 to 16 entries share a bucket; none for a small segment, and at most 24 (a fan-out of 64 MiB).
fn fan_out_bits(entry_count: u64) -> u32 {
    (entry_count / 8)
        .checked_ilog2()
        .unwrap_or(0)
        .min(FAN_OUT_BITS_MAX)
}

/// An id's bits in the filter: six of the 512 of one block.
///
/// One block is one cache line, and one page at most, of a filter that is not in memory. With ten bits for each entry
/// about 1 % of the ids that are not in the segment look as if they were.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// Which block of the filter.
    pub(super) number: u64,
    bits: u64,
}

impl Block {
    pub(super) const BYTES: u64 = FILTER_BLOCK_BITS / 8;

    /// The block of `id` in a filter of `blocks`.
    pub(super) fn of(id: &ObjectId, blocks: u64) -> Block {
        let word = |at: usize| {
            let bytes = id.0[at..at + 8].try_into();
            u64::from_le_bytes(bytes.expect("a range of eight bytes"))
        };
        Block {
            number: ((u128::from(word(8)) * u128::from(blocks)) >> 64) as u64,
            bits: word(16),
        }
    }

    fn positions(self) -> impl Iterator<Item = (usize, u8)> {
        (0..6).map(move |turn| {
            let bit = (self.bits >> (9 * turn)) as usize % FILTER_BLOCK_BITS as usize;
            (bit / 8, 1 << (bit % 8))
        })
    }

    /// Sets the id's bits in the bytes of its block.
    pub(super) fn set(self, block: &mut [u8]) {
        for (byte, bit) in self.positions() {
            block[byte] |= bit;
        }
    }

    /// Whether all of the id's bits are set.
    pub(super) fn is_set(self, block: &[u8]) -> bool {
        self.positions().all(|(byte, bit)| block[byte] & bit != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_to_sixteen_entries_share_a_bucket() {
        for count in (16..5000_u64).chain([1 << 20, (1 << 24) - 1, 1 << 27]) {
            let bits = fan_out_bits(count);
            let each = count as f64 / f64::from(1 << bits);
            assert!((8.0..16.0).contains(&each), "{count}: {each}");
        }
        assert_eq!(fan_out_bits(0), 0);
        assert_eq!(fan_out_bits(15), 0);
        assert_eq!(fan_out_bits(u64::from(u32::MAX)), 24);
    }

    #[test]
    fn more_entries_than_32_bits_count_have_no_layout() {
        assert!(Layout::new(1, u64::from(u32::MAX)).is_some());
        assert!(Layout::new(1, 1 << 32).is_none());
        assert!(Layout::new(u32::MAX, u64::MAX).is_none());
    }
}
