//! Frames of a pack that has no footer, or not a sound one.
//!
//! Each frame says how long it is, so they are found one behind the other. Behind one whose head is damaged, or that was
//! cut out, the next `FRAM` is looked for whose head has the right checksum: data may have that word in it by chance, and 64 bits of
//! checksum behind it are right by no chance. A payload that is not what its checksum says is looked through as well: the head
//! may be that of a pack which somebody stored as a file, and then the frame ends elsewhere than it says.
//!
//! *What it costs.* Whoever stores a file can have it full of words and lengths that look like frames, each of which claims all that
//! follows. So what is looked at in vain is counted, and must not exceed the pack's length and [`VAIN_SHARE`] times what was passed
//! until then: a frame that would cost more is taken for none. That only grows with the way, so that behind such a file frames are found
//! again. What was not found is not lost: `repair` moves the pack aside as it is.

use std::os::unix::fs::FileExt;

use super::frame::{Codec, FrameHeader, HEADER_BYTES, MAGIC, read_head};
use super::{ENTRY_BYTES, PackedObject};
use crate::Result;

/// What is looked through at once.
const WINDOW_BYTES: usize = 256 << 10;
/// What is passed over where the disk cannot be read.
const SECTOR_BYTES: usize = 4096;
/// A frame of more entries is none: no object is empty, and joined ones have 2 MiB in all.
const ENTRIES_MAX: u32 = 2 << 20;
/// How many bytes may be looked at in vain for each that was passed.
const VAIN_SHARE: u64 = 4;

/// What is told of a frame: its header, its table, and its payload.
pub(crate) type Visit<'v> = dyn FnMut(&FrameHeader, &[PackedObject], &[u8]) -> Result<()> + 'v;

/// Shows `visit` every frame of a pack of `len_bytes` whose head is sound, with its payload, which need not be. What cannot be read is
/// passed over.
///
/// # Errors
/// Those of `visit`.
pub(crate) fn scan(pack: &impl FileExt, len_bytes: u64, visit: &mut Visit<'_>) -> Result<()> {
    let mut scan = Scan {
        pack,
        len_bytes,
        window: Vec::new(),
        window_start: 0,
        vain_bytes: 0,
    };
    let mut offset = 0;
    while let Some(found) = scan.next_magic(offset) {
        let Some((header, objects, payload)) = scan.frame(found) else {
            offset = found + 1;
            continue;
        };
        visit(&header, &objects, &payload)?;
        offset = found;
        offset += match header.is_payload(&payload) {
            true => header.len_bytes(),
            false => {
                scan.vain_bytes += header.len_bytes();
                header.payload_offset()
            }
        };
    }
    Ok(())
}

struct Scan<'p, P> {
    pack: &'p P,
    len_bytes: u64,
    /// Some bytes of the pack, and where they start.
    window: Vec<u8>,
    window_start: u64,
    /// What was looked at of what turned out to be no frame, or no sound one.
    vain_bytes: u64,
}

impl<P: FileExt> Scan<'_, P> {
    /// Where the next frame may start; behind it is room for a header.
    fn next_magic(&mut self, mut offset: u64) -> Option<u64> {
        while offset + HEADER_BYTES as u64 <= self.len_bytes {
            let Some(bytes) = self.window_at(offset) else {
                offset += SECTOR_BYTES as u64;
                continue;
            };
            let mut headers = bytes.windows(HEADER_BYTES);
            if let Some(found) = headers.position(may_be_header) {
                return Some(offset + found as u64);
            }
            offset += (bytes.len() - HEADER_BYTES + 1) as u64;
        }
        None
    }

    /// What is there from `offset` on, a header at least; `None` if that cannot be read.
    fn window_at(&mut self, offset: u64) -> Option<&[u8]> {
        let window_end = self.window_start + self.window.len() as u64;
        if offset < self.window_start || offset + HEADER_BYTES as u64 > window_end {
            let left = self.len_bytes - offset;
            self.window.clear();
            self.window_start = offset;
            // Of a window with a bad sector, what is in front of it can be read.
            self.window = [WINDOW_BYTES, SECTOR_BYTES]
                .into_iter()
                .find_map(|len_bytes| self.read(offset, left.min(len_bytes as u64)))?;
        }
        Some(&self.window[(offset - self.window_start) as usize..])
    }

    /// Bytes that are there and can be read.
    fn read(&self, offset: u64, len_bytes: u64) -> Option<Vec<u8>> {
        let end = offset.checked_add(len_bytes)?;
        if end > self.len_bytes {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(len_bytes).ok()?];
        self.pack.read_exact_at(&mut bytes, offset).ok()?;
        Some(bytes)
    }

    /// The frame that starts there, if its head is sound.
    fn frame(&mut self, offset: u64) -> Option<(FrameHeader, Vec<PackedObject>, Vec<u8>)> {
        let header = self.window_at(offset)?;
        let entries = entries_of(header);
        let head_bytes = HEADER_BYTES as u64 + u64::from(entries) * ENTRY_BYTES as u64;
        if entries > ENTRIES_MAX || !self.may_look_at(offset, head_bytes) {
            return None;
        }
        let head = self.read(offset, head_bytes)?;
        let Ok((header, objects)) = read_head(&head) else {
            self.vain_bytes += head_bytes;
            return None;
        };
        let payload = self
            .may_look_at(offset, header.len_bytes())
            .then(|| self.read(offset + head_bytes, header.stored_bytes.into()))
            .flatten();
        if payload.is_none() {
            self.vain_bytes += head_bytes;
        }
        Some((header, objects, payload?))
    }

    /// Whether so many bytes may be looked at, at a place, even if that should be in vain.
    fn may_look_at(&self, offset: u64, len_bytes: u64) -> bool {
        self.vain_bytes + len_bytes <= self.len_bytes + VAIN_SHARE * offset
    }
}

/// Whether a header begins so: what that says without looking at its table.
fn may_be_header(header: &[u8]) -> bool {
    header[..MAGIC.len()] == *MAGIC
        && Codec::from_byte(header[4]).is_some()
        && header[5..8] == [0; 3]
}

fn entries_of(header: &[u8]) -> u32 {
    u32::from_le_bytes([header[8], header[9], header[10], header[11]])
}

#[cfg(test)]
pub(super) mod tests;
