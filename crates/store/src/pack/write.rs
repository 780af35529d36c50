//! Filling a pack.
//!
//! 1. Objects are joined in two open frames: one that will be compressed, and one of what has no use for that.
//! 2. A full frame is sealed and appended to the pack's file in `tmp/`.
//! 3. [`PackWriter::seal`] writes the footer, makes the file durable and gives it its name. Only then may anything refer to what is
//!    in it, and only when the folder is durable too, which the caller sees to for all packs it seals.

use std::path::PathBuf;

use super::frame::{Compressor, FrameHeader, OpenFrame};
use super::{END_MAGIC, HEADER_BYTES, PackedObject, header, path};
use crate::disk::{Draft, SharedDisk};
use crate::id::{FileId, ObjectId};
use crate::index::{PackEntry, PackKind};
use crate::{Error, Result};

/// Length at which a pack is sealed.
pub(crate) const TARGET_BYTES: u64 = 32 << 20;
/// Frames are written when they add up to this.
const WRITE_BYTES: usize = 512 << 10;

/// A pack that is being filled.
#[derive(Debug)]
pub(crate) struct PackWriter {
    store: PathBuf,
    kind: PackKind,
    draft: Draft,
    /// Frames not yet written.
    pending: Vec<u8>,
    /// Length of what is written.
    written_bytes: u64,
    plain_bytes: u64,
    packed: OpenFrame,
    stored: OpenFrame,
    frames: Vec<(u32, FrameHeader)>,
    objects: Vec<PackedObject>,
}

/// A pack that is complete and durable.
#[derive(Debug)]
pub(crate) struct SealedPack {
    /// The pack, as the index knows it.
    pub pack: PackEntry,
    /// What is in it, in order.
    pub objects: Vec<PackedObject>,
}

impl PackWriter {
    /// A new pack of the store at `store`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn new(disk: &SharedDisk, store: PathBuf, kind: PackKind) -> Result<PackWriter> {
        Ok(PackWriter {
            draft: Draft::create(
                disk,
                &store.join("tmp"),
                "write a pack to",
                &store.join("packs"),
            )?,
            store,
            kind,
            pending: header(kind).to_vec(),
            written_bytes: 0,
            plain_bytes: 0,
            packed: OpenFrame::default(),
            stored: OpenFrame::default(),
            frames: Vec::new(),
            objects: Vec::new(),
        })
    }

    /// Adds an object, which must be of this id.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Poisoned`]; the pack is then lost.
    pub(crate) fn put(
        &mut self,
        id: ObjectId,
        plain: &[u8],
        compressor: &mut Compressor,
    ) -> Result<()> {
        self.plain_bytes += plain.len() as u64;
        let (frame, compressor) = match compressor.is_promising(plain) {
            true => (&mut self.packed, Some(compressor)),
            false => (&mut self.stored, None),
        };
        if frame.is_full_for(plain.len()) {
            let offset = self.written_bytes + self.pending.len() as u64;
            let header = frame.seal(compressor, &mut self.pending, &mut self.objects);
            self.frames.push((offset as u32, header));
        }
        frame.push(id, plain);
        match self.pending.len() >= WRITE_BYTES {
            true => self.write(),
            false => Ok(()),
        }
    }

    /// Whether nothing was put in.
    pub(crate) fn is_empty(&self) -> bool {
        self.plain_bytes == 0
            && self.frames.is_empty()
            && self.packed.is_empty()
            && self.stored.is_empty()
    }

    /// Whether it is as long as packs should become.
    pub(crate) fn is_full(&self) -> bool {
        self.written_bytes + self.pending.len() as u64 >= TARGET_BYTES
    }

    /// Writes what is left, and the footer; makes the file durable and names it. The folder is not synced.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Poisoned`].
    pub(crate) fn seal(mut self, compressor: &mut Compressor) -> Result<SealedPack> {
        for (is_packed, frame) in [(true, &mut self.packed), (false, &mut self.stored)] {
            if !frame.is_empty() {
                let offset = self.written_bytes + self.pending.len() as u64;
                let compressor = is_packed.then_some(&mut *compressor);
                let header = frame.seal(compressor, &mut self.pending, &mut self.objects);
                self.frames.push((offset as u32, header));
            }
        }
        let footer = self.footer();
        let mut hasher = blake3::Hasher::new();
        hasher.update(&header(self.kind)).update(&footer);
        let id = FileId(hasher.finalize().into());
        self.pending.extend_from_slice(&footer);
        self.pending.extend_from_slice(&id.0);
        self.write()?;
        self.draft.rename(&path(&self.store, id, self.kind))?;
        Ok(SealedPack {
            pack: PackEntry {
                id,
                kind: self.kind,
                entries: self.objects.len() as u32,
                file_bytes: self.written_bytes,
                plain_bytes: self.plain_bytes,
            },
            objects: self.objects,
        })
    }

    /// The table of all frames and objects, and the trailer up to the hash.
    fn footer(&self) -> Vec<u8> {
        let mut footer = Vec::new();
        for (offset, frame) in &self.frames {
            footer.extend_from_slice(&offset.to_le_bytes());
            footer.extend_from_slice(&frame.entries.to_le_bytes());
            footer.extend_from_slice(&frame.plain_bytes.to_le_bytes());
            footer.extend_from_slice(&frame.stored_bytes.to_le_bytes());
            footer.extend([frame.codec as u8, 0, 0, 0]);
            footer.extend_from_slice(&frame.payload_checksum.to_le_bytes());
        }
        for object in &self.objects {
            footer.extend_from_slice(&object.id.0);
            footer.extend_from_slice(&object.len_bytes.to_le_bytes());
        }
        footer.extend_from_slice(&(self.frames.len() as u32).to_le_bytes());
        footer.extend_from_slice(&(self.objects.len() as u32).to_le_bytes());
        footer.extend_from_slice(&self.plain_bytes.to_le_bytes());
        footer.extend_from_slice(END_MAGIC);
        footer
    }

    fn write(&mut self) -> Result<()> {
        debug_assert!(self.written_bytes > 0 || self.pending.len() >= HEADER_BYTES);
        if self.written_bytes + self.pending.len() as u64 > u64::from(u32::MAX) {
            return Err(Error::Usage {
                reason:
                    "a pack would be longer than 4 GiB; the chunk size of this store is too large"
                        .to_owned(),
            });
        }
        self.draft.write_all(&self.pending)?;
        self.written_bytes += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }
}
