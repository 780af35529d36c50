//! Writes a segment, front to back, in one walk over the entries for each part.

use std::path::Path;

use crate::disk::{Draft, SharedDisk};
use crate::id::{FileId, ObjectId};
use crate::index::PackEntry;
use crate::index::layout::{Block, Layout};
use crate::index::rows::{Row, Rows, Slot, Sorted};
use crate::{Error, Result};

/// What is handed to the hasher and to the system at once.
const BUFFER_BYTES: usize = 1 << 20;

/// So much of the filter is made in one walk: 32 MiB, for 26 M entries.
const FILTER_WINDOW_BLOCKS: u64 = 1 << 19;

/// Makes a segment of packs: 40 bytes of memory for each entry.
#[derive(Debug, Default)]
pub struct Builder {
    rows: Rows,
}

impl Builder {
    /// Without any pack.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Adds a pack and the ids of its entries, in their order in it.
    ///
    /// # Panics
    /// When there are not as many ids as the pack has entries.
    pub fn add_pack(&mut self, pack: PackEntry, ids: impl IntoIterator<Item = ObjectId>) {
        let number = self.rows.push_pack(pack);
        let mut count = 0;
        for id in ids {
            let slot = Slot {
                pack: number,
                entry: count,
            };
            self.rows.push(Row { id, slot });
            count += 1;
        }
        assert_eq!(count, pack.entries, "every entry of a pack has an id");
    }

    /// Writes `index/ID` of the store at `store`, by way of its `tmp`; an id that was met twice is kept once, in the
    /// pack that was added first. The content is durable then; for its name the caller makes the folder durable.
    ///
    /// # Errors
    /// When the disk refuses, or there are more entries than 32 bits count.
    pub fn write(mut self, disk: &SharedDisk, store: &Path) -> Result<FileId> {
        self.rows.sort();
        write_segment(&self.rows, disk, store)
    }
}

/// Writes a segment of `entries` to `index/ID` of the store at `store`.
pub(super) fn write_segment(
    entries: &impl Sorted,
    disk: &SharedDisk,
    store: &Path,
) -> Result<FileId> {
    let layout = layout_of(entries)?;
    let folder = store.join("index");
    let drafts = store.join("tmp");
    let mut out = Output::new(Draft::create(disk, &drafts, "write a part of", &folder)?);
    out.put(&layout.encode(entries.packs()))?;
    write_fan_out(entries, &layout, &mut out)?;
    out.pad_to(layout.prefixes)?;
    entries.each(&mut |row| out.put(&row.id.prefix().to_le_bytes()))?;
    entries.each(&mut |row| out.put(&row.id.0[8..]))?;
    entries.each(&mut |row| {
        out.put(&row.slot.pack.to_le_bytes())?;
        out.put(&row.slot.entry.to_le_bytes())
    })?;
    out.pad_to(layout.filter)?;
    write_filter(entries, &layout, &mut out)?;
    assert_eq!(
        out.len_bytes, layout.trailer,
        "parts are as long as planned"
    );
    out.finish(&folder)
}

fn layout_of(entries: &impl Sorted) -> Result<Layout> {
    let mut count = 0_u64;
    entries.each(&mut |_| {
        count += 1;
        Ok(())
    })?;
    let packs = u32::try_from(entries.packs().len()).ok();
    packs
        .and_then(|packs| Layout::new(packs, count))
        .ok_or_else(|| Error::Usage {
            reason: format!("a segment of the index cannot have {count} entries"),
        })
}

/// Bucket by bucket how many entries are in those before it, and all of them at the end.
fn write_fan_out(entries: &impl Sorted, layout: &Layout, out: &mut Output) -> Result<()> {
    let (mut next_bucket, mut count) = (0, 0_u32);
    entries.each(&mut |row| {
        let bucket = layout.bucket(row.id.prefix());
        while next_bucket <= bucket {
            out.put(&count.to_le_bytes())?;
            next_bucket += 1;
        }
        count += 1;
        Ok(())
    })?;
    (next_bucket..=layout.bucket_count()).try_for_each(|_| out.put(&count.to_le_bytes()))
}

fn write_filter(entries: &impl Sorted, layout: &Layout, out: &mut Output) -> Result<()> {
    let mut first = 0;
    while first < layout.filter_blocks {
        let end = layout.filter_blocks.min(first + FILTER_WINDOW_BLOCKS);
        let mut window = vec![0; ((end - first) * Block::BYTES) as usize];
        entries.each(&mut |row| {
            let block = Block::of(&row.id, layout.filter_blocks);
            if (first..end).contains(&block.number) {
                let start = ((block.number - first) * Block::BYTES) as usize;
                block.set(&mut window[start..start + Block::BYTES as usize]);
            }
            Ok(())
        })?;
        out.put(&window)?;
        first = end;
    }
    Ok(())
}

/// A file on its way to the disk, through the hasher.
struct Output {
    draft: Draft,
    hasher: blake3::Hasher,
    buffer: Vec<u8>,
    len_bytes: u64,
}

impl Output {
    fn new(draft: Draft) -> Output {
        Output {
            draft,
            hasher: blake3::Hasher::new(),
            buffer: Vec::with_capacity(BUFFER_BYTES + 64),
            len_bytes: 0,
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        self.len_bytes += bytes.len() as u64;
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn pad_to(&mut self, byte_offset: u64) -> Result<()> {
        let zeros = [0; 64];
        self.put(&zeros[..(byte_offset - self.len_bytes) as usize])
    }

    fn flush(&mut self) -> Result<()> {
        self.hasher.update(&self.buffer);
        self.draft.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// Writes the trailer, and gives the file the name that is in it.
    fn finish(mut self, folder: &Path) -> Result<FileId> {
        self.flush()?;
        let id = FileId(self.hasher.finalize().into());
        self.draft.write_all(&id.0)?;
        self.draft.rename(&folder.join(id.to_string()))?;
        Ok(id)
    }
}
