//! Frames of a pack that has no footer, or not a sound one.
//!
//! Each frame says how long it is, so they are found one behind the other. Behind one whose head is damaged, or that was
//! cut out, the next `FRAM` is looked for whose head has the right checksum: data may have that word in it by chance, and 64 bits of
//! checksum behind it are right by no chance.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::pack::frame::{FrameHeader, HEADER_BYTES, MAGIC, read_head};
use crate::pack::{ENTRY_BYTES, PackedObject};
use crate::{Error, Result};

/// What is looked through at once.
const WINDOW_BYTES: usize = 256 << 10;
/// A frame of more entries is none: no object is empty, and joined ones have 2 MiB in all.
const ENTRIES_MAX: u32 = 2 << 20;

/// What is told of a frame: its header, its table, and its payload.
pub(super) type Visit<'v> = dyn FnMut(&FrameHeader, &[PackedObject], &[u8]) -> Result<()> + 'v;

/// Shows `visit` every frame whose head is sound, with its payload.
pub(super) fn scan(path: &Path, visit: &mut Visit<'_>) -> Result<()> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let metadata = file.metadata().map_err(Error::io("read", path))?;
    let pack = Pack {
        file,
        len_bytes: metadata.len(),
    };
    let mut offset = 0;
    while let Some(found) = pack.next_magic(offset) {
        match pack.frame(found) {
            Some((header, objects, payload)) => {
                visit(&header, &objects, &payload)?;
                offset = found + header.len_bytes();
            }
            None => offset = found + 1,
        }
    }
    Ok(())
}

struct Pack {
    file: File,
    len_bytes: u64,
}

impl Pack {
    /// Bytes that are there and can be read.
    fn read(&self, offset: u64, len_bytes: u64) -> Option<Vec<u8>> {
        let end = offset.checked_add(len_bytes)?;
        if end > self.len_bytes {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(len_bytes).ok()?];
        self.file.read_exact_at(&mut bytes, offset).ok()?;
        Some(bytes)
    }

    /// Where the next frame may start. Passes over what cannot be read.
    fn next_magic(&self, mut offset: u64) -> Option<u64> {
        while offset + HEADER_BYTES as u64 <= self.len_bytes {
            let len_bytes = (self.len_bytes - offset).min(WINDOW_BYTES as u64);
            let bytes = self.read(offset, len_bytes).unwrap_or_default();
            let mut words = bytes.windows(MAGIC.len());
            if let Some(found) = words.position(|word| word == MAGIC) {
                return Some(offset + found as u64);
            }
            // The word may be cut by the window's end.
            offset += len_bytes.saturating_sub(MAGIC.len() as u64 - 1).max(1);
        }
        None
    }

    fn frame(&self, offset: u64) -> Option<(FrameHeader, Vec<PackedObject>, Vec<u8>)> {
        let head = self.read(offset, HEADER_BYTES as u64)?;
        let entries = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
        if entries > ENTRIES_MAX {
            return None;
        }
        let head_bytes = HEADER_BYTES as u64 + u64::from(entries) * ENTRY_BYTES as u64;
        let head = self.read(offset, head_bytes)?;
        let (header, objects) = read_head(&head).ok()?;
        let payload = self.read(offset + head_bytes, header.stored_bytes.into())?;
        Some((header, objects, payload))
    }
}
