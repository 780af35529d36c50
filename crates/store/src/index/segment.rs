//! A segment that is open: finds ids in it without holding them in memory.
//!
//! A look-up reads, in this order, and ends as soon as it can:
//!
//! 1. one block of the filter: most ids that are not there end here, and most ids of new data are in no segment;
//! 2. two neighbours of the fan-out: which entries share the first bits of the id;
//! 3. the prefixes of those, 8 to 16 of them: one or two cache lines;
//! 4. the rest of the id where the prefix fits: equal then is equal for certain;
//! 5. its place.
//!
//! In memory are the header and the table of packs, nothing that grows with the entries. The checksum in the header covers just
//! those; what a look-up reads is checked against its bounds, and whoever reads a pack checks the id. That a whole
//! file is as it was written is what [`Segment::verify`] finds out.

use std::ops::Range;
use std::path::Path;

use crate::Result;
use crate::id::{FileId, ObjectId};
use crate::index::layout::{
    Block, FAN_OUT_BYTES, HEADER_BYTES, Layout, PREFIX_BYTES, REST_BYTES, SLOT_BYTES,
    TRAILER_BYTES, decode_packs,
};
use crate::index::region::{Access, Region};
use crate::index::rows::Slot;
use crate::index::walk::Entries;
use crate::index::{PackEntry, Place};

/// So many prefixes are looked at in one go; more are halved first. Ids that were not made to collide have fewer in a bucket.
const SCANNED_PREFIXES_MAX: u64 = 64;

/// An open segment of an index.
#[derive(Debug)]
pub struct Segment {
    id: FileId,
    region: Region,
    layout: Layout,
    packs: Vec<PackEntry>,
}

impl Segment {
    /// Opens a segment, and checks its header and its table of packs.
    ///
    /// # Errors
    /// When it cannot be read, when its length is not what the header says, or when its name is not what it ends with.
    pub fn open(path: &Path) -> Result<Segment> {
        Segment::open_with(path, Access::Mapped)
    }

    pub(super) fn open_with(path: &Path, access: Access) -> Result<Segment> {
        let region = Region::open(path, access)?;
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.and_then(|name| name.parse::<FileId>().ok());
        let segment = Segment::of_region(region)?;
        match name == Some(segment.id) {
            true => Ok(segment),
            false => Err(segment.region.damaged(
                segment.layout.trailer,
                format!("its name should be {}", segment.id),
            )),
        }
    }

    pub(super) fn of_region(region: Region) -> Result<Segment> {
        let mut header = [0; HEADER_BYTES as usize];
        let header_bytes = HEADER_BYTES.min(region.len_bytes()) as usize;
        region.read(0, &mut header[..header_bytes])?;
        let layout = Layout::decode(&header[..header_bytes], region.len_bytes(), region.path())?;
        // As long as the table is, it is not longer than the file.
        let mut head = vec![0; layout.fan_out as usize];
        region.read(0, &mut head)?;
        let packs = decode_packs(&head, region.path())?;
        let mut id = FileId([0; TRAILER_BYTES as usize]);
        region.read(layout.trailer, &mut id.0)?;
        Ok(Segment {
            id,
            region,
            layout,
            packs,
        })
    }

    /// Its name.
    pub fn id(&self) -> FileId {
        self.id
    }

    /// The packs whose entries it has.
    pub fn packs(&self) -> &[PackEntry] {
        &self.packs
    }

    /// How many entries it has.
    pub fn entry_count(&self) -> u64 {
        self.layout.entry_count
    }

    /// How long the file is.
    pub fn len_bytes(&self) -> u64 {
        self.layout.len_bytes()
    }

    /// Where `id` is. A damaged segment may say that it has none, or a wrong place: whoever reads the pack checks the id.
    ///
    /// # Errors
    /// When the segment cannot be read, or makes no sense where it was read.
    pub fn find(&self, id: &ObjectId) -> Result<Option<Place>> {
        let Some(ordinal) = self.ordinal(id)? else {
            return Ok(None);
        };
        let start = self.layout.slots + ordinal * SLOT_BYTES;
        let slot = self.region.with(start..start + SLOT_BYTES, |bytes| {
            self.decode_slot(bytes, ordinal)
        })??;
        let pack = &self.packs[slot.pack as usize];
        Ok(Some(Place::new(pack, slot.entry)))
    }

    /// How many entries are before `id`, if it is there: marks of all entries are a bit each.
    ///
    /// # Errors
    /// As [`find`](Segment::find).
    pub fn ordinal(&self, id: &ObjectId) -> Result<Option<u64>> {
        if !self.filter_has(id)? {
            return Ok(None);
        }
        let prefix = id.prefix();
        let bucket = self.bucket(prefix)?;
        let first = self.first_not_below(bucket.clone(), prefix)?;
        let end = match prefix.checked_add(1) {
            Some(next) => self.first_not_below(first..bucket.end, next)?,
            None => bucket.end,
        };
        self.search_rests(first..end, id)
    }

    /// All entries, in order, with their ordinals.
    pub fn entries(&self) -> Entries<'_> {
        Entries::new(self)
    }

    /// Whether `id` may be there.
    pub(super) fn filter_has(&self, id: &ObjectId) -> Result<bool> {
        if self.layout.entry_count == 0 {
            return Ok(false);
        }
        let block = Block::of(id, self.layout.filter_blocks);
        let start = self.layout.filter + block.number * Block::BYTES;
        self.region
            .with(start..start + Block::BYTES, |bytes| block.is_set(bytes))
    }

    /// The number at `bucket` of the fan-out.
    pub(super) fn fan_out(&self, bucket: u64) -> Result<u64> {
        let start = self.layout.fan_out + bucket * FAN_OUT_BYTES;
        let count = self.region.with(start..start + FAN_OUT_BYTES, read_u32)?;
        Ok(u64::from(count))
    }

    /// The entries that share the first bits of `prefix`.
    fn bucket(&self, prefix: u64) -> Result<Range<u64>> {
        let start = self.layout.fan_out + self.layout.bucket(prefix) * FAN_OUT_BYTES;
        let range = self
            .region
            .with(start..start + 2 * FAN_OUT_BYTES, |bytes| {
                u64::from(read_u32(bytes))..u64::from(read_u32(&bytes[FAN_OUT_BYTES as usize..]))
            })?;
        match range.start <= range.end && range.end <= self.layout.entry_count {
            true => Ok(range),
            false => Err(self.region.damaged(start, "the fan-out makes no sense")),
        }
    }

    /// The first entry in `range` whose prefix is `prefix` or above; the end of `range` if there is none.
    fn first_not_below(&self, mut range: Range<u64>, prefix: u64) -> Result<u64> {
        while range.end - range.start > SCANNED_PREFIXES_MAX {
            let middle = range.start.midpoint(range.end);
            let is_below = self.with_prefixes(middle..middle + 1, |bytes| read_u64(bytes) < prefix);
            match is_below? {
                true => range.start = middle + 1,
                false => range.end = middle,
            }
        }
        let below = self.with_prefixes(range.clone(), |bytes| {
            let prefixes = bytes.chunks_exact(PREFIX_BYTES as usize);
            prefixes
                .take_while(|bytes| read_u64(bytes) < prefix)
                .count()
        })?;
        Ok(range.start + below as u64)
    }

    fn with_prefixes<R>(&self, range: Range<u64>, visit: impl Fn(&[u8]) -> R) -> Result<R> {
        let byte_offset = |ordinal| self.layout.prefixes + ordinal * PREFIX_BYTES;
        let range = byte_offset(range.start)..byte_offset(range.end);
        self.region.with(range, visit)
    }

    /// Where in `range`, entries with the prefix of `id`, is the one with its rest.
    fn search_rests(&self, mut range: Range<u64>, id: &ObjectId) -> Result<Option<u64>> {
        let rest = &id.0[PREFIX_BYTES as usize..];
        while !range.is_empty() {
            let middle = range.start.midpoint(range.end);
            let start = self.layout.rests + middle * REST_BYTES;
            let order = self
                .region
                .with(start..start + REST_BYTES, |bytes| bytes.cmp(rest))?;
            match order {
                std::cmp::Ordering::Less => range.start = middle + 1,
                std::cmp::Ordering::Greater => range.end = middle,
                std::cmp::Ordering::Equal => return Ok(Some(middle)),
            }
        }
        Ok(None)
    }

    /// The slot of the entry `ordinal`, if it is in a pack of this segment.
    pub(super) fn decode_slot(&self, bytes: &[u8], ordinal: u64) -> Result<Slot> {
        let (pack, entry) = (read_u32(bytes), read_u32(&bytes[4..]));
        match self.packs.get(pack as usize) {
            Some(found) if entry < found.entries => Ok(Slot { pack, entry }),
            _ => {
                let byte_offset = self.layout.slots + ordinal * SLOT_BYTES;
                let detail = format!("entry {entry} of pack {pack} is in no pack of the segment");
                Err(self.region.damaged(byte_offset, detail))
            }
        }
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn region(&self) -> &Region {
        &self.region
    }
}

fn read_u32(bytes: &[u8]) -> u32 {
    let (first, _) = bytes
        .split_first_chunk()
        .expect("four bytes were asked for");
    u32::from_le_bytes(*first)
}

fn read_u64(bytes: &[u8]) -> u64 {
    let (first, _) = bytes
        .split_first_chunk()
        .expect("eight bytes were asked for");
    u64::from_le_bytes(*first)
}
