//! Reading a pack: its footer once, then any of its frames.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::frame::{
    Codec, FrameHeader, HEADER_BYTES as FRAME_HEADER_BYTES, read_head, read_objects,
};
use super::{
    END_MAGIC, ENTRY_BYTES, FOOTER_FRAME_BYTES, HEADER_BYTES, MAGIC, PackedObject, TRAILER_BYTES,
    VERSION,
};
use crate::codec::{Flaw, Read, Reader};
use crate::id::{FileId, ID_BYTES};
use crate::index::{PackEntry, PackKind};
use crate::{Error, Result};

/// Where a frame is, and which objects are in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FramePlace {
    /// Where the frame starts in the pack.
    pub offset: u32,
    /// Number of its first object in the pack.
    pub first_entry: u32,
    /// What it says of itself.
    pub header: FrameHeader,
}

/// The table of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footer {
    /// The pack, as the index knows it.
    pub pack: PackEntry,
    /// All frames, in order of their entries.
    pub frames: Vec<FramePlace>,
    /// All objects, in order.
    pub objects: Vec<PackedObject>,
}

/// Reads the footer of a pack.
///
/// # Errors
/// [`Error::Io`]; [`Error::Damaged`] if it is not what was written, [`Error::Version`].
pub fn read_footer(path: &Path, file: &File, id: FileId, kind: PackKind) -> Result<Footer> {
    let io = |error| Error::io("read", path)(error);
    let file_bytes = file.metadata().map_err(io)?.len();
    let damaged = |flaw: Flaw| Error::damaged(path, flaw.byte_offset as u64, flaw.detail);
    if file_bytes < (HEADER_BYTES + TRAILER_BYTES) as u64 {
        return Err(Error::damaged(
            path,
            file_bytes,
            "it is shorter than any pack",
        ));
    }
    let mut head = [0; HEADER_BYTES];
    file.read_exact_at(&mut head, 0).map_err(io)?;
    check_header(path, &head, kind)?;
    let mut trailer = [0; TRAILER_BYTES];
    let trailer_start = file_bytes - TRAILER_BYTES as u64;
    file.read_exact_at(&mut trailer, trailer_start)
        .map_err(io)?;
    let trailer = Trailer::read(&trailer, trailer_start as usize).map_err(damaged)?;
    let table_bytes = u64::from(trailer.frames) * FOOTER_FRAME_BYTES as u64
        + u64::from(trailer.objects) * ENTRY_BYTES as u64;
    let table_start = trailer_start
        .checked_sub(table_bytes)
        .filter(|&start| start >= HEADER_BYTES as u64)
        .ok_or_else(|| {
            Error::damaged(
                path,
                trailer_start,
                "its footer would be longer than the pack",
            )
        })?;
    let mut table = vec![0; table_bytes as usize + TRAILER_BYTES - ID_BYTES];
    file.read_exact_at(&mut table, table_start).map_err(io)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&head).update(&table);
    let hash = FileId(hasher.finalize().into());
    if hash != trailer.id || hash != id {
        return Err(Error::damaged(
            path,
            table_start,
            "its footer is not what its name and its checksum say",
        ));
    }
    let footer = trailer.footer(&table, table_start, kind, file_bytes);
    footer.map_err(|flaw| Error::damaged(path, table_start + flaw.byte_offset as u64, flaw.detail))
}

fn check_header(path: &Path, head: &[u8; HEADER_BYTES], kind: PackKind) -> Result<()> {
    if head[..8] != *MAGIC {
        return Err(Error::damaged(path, 0, "it does not begin as a pack does"));
    }
    let version = u16::from_le_bytes([head[8], head[9]]);
    if version != VERSION {
        return Err(Error::Version {
            path: path.to_owned(),
            found: version,
            supported: VERSION,
        });
    }
    if head[10] != kind as u8 {
        return Err(Error::damaged(
            path,
            10,
            "it is of another kind than its name says",
        ));
    }
    Ok(())
}

struct Trailer {
    frames: u32,
    objects: u32,
    plain_bytes: u64,
    id: FileId,
}

impl Trailer {
    fn read(bytes: &[u8; TRAILER_BYTES], start: usize) -> Read<Trailer> {
        let mut reader = Reader::new(bytes);
        let trailer = (reader.u32()?, reader.u32()?, reader.u64()?);
        if reader.array()? != *END_MAGIC {
            return Err(Flaw {
                byte_offset: start + 16,
                detail: "it does not end as a pack does",
            });
        }
        Ok(Trailer {
            frames: trailer.0,
            objects: trailer.1,
            plain_bytes: trailer.2,
            id: FileId(reader.array()?),
        })
    }

    fn footer(&self, table: &[u8], end: u64, kind: PackKind, file_bytes: u64) -> Read<Footer> {
        let mut reader = Reader::new(table);
        let mut frames = Vec::with_capacity(self.frames as usize);
        let (mut entries, mut plain) = (0u64, 0);
        for _ in 0..self.frames {
            let frame = read_frame(&mut reader, entries)?;
            if u64::from(frame.offset) + frame.header.len_bytes() > end
                || !frame.header.is_plausible()
            {
                return Err(reader.flaw("a frame reaches beyond the pack"));
            }
            entries += u64::from(frame.header.entries);
            plain += u64::from(frame.header.plain_bytes);
            frames.push(frame);
        }
        let objects = read_objects(reader.take(self.objects as usize * ENTRY_BYTES)?)?;
        let lengths: u64 = objects.iter().map(|it| u64::from(it.len_bytes)).sum();
        if entries != u64::from(self.objects) || plain != self.plain_bytes || lengths != plain {
            return Err(reader.flaw("its numbers do not add up"));
        }
        Ok(Footer {
            pack: PackEntry {
                id: self.id,
                kind,
                entries: self.objects,
                file_bytes,
                plain_bytes: self.plain_bytes,
            },
            frames,
            objects,
        })
    }
}

fn read_frame(reader: &mut Reader<'_>, first_entry: u64) -> Read<FramePlace> {
    let offset = reader.u32()?;
    let (entries, plain_bytes, stored_bytes) = (reader.u32()?, reader.u32()?, reader.u32()?);
    let codec =
        Codec::from_byte(reader.u8()?).ok_or(reader.flaw("the codec of a frame is unknown"))?;
    if reader.array::<3>()? != [0; 3] {
        return Err(reader.flaw("a frame has a key that this version does not know"));
    }
    Ok(FramePlace {
        offset,
        first_entry: u32::try_from(first_entry)
            .map_err(|_| reader.flaw("it has too many entries"))?,
        header: FrameHeader {
            codec,
            entries,
            plain_bytes,
            stored_bytes,
            payload_checksum: reader.u64()?,
        },
    })
}

/// A frame of a pack whose footer is lost, found by going from frame to frame.
#[derive(Debug)]
pub struct FoundFrame {
    /// Where it starts.
    pub offset: u64,
    /// What it says of itself.
    pub header: FrameHeader,
    /// What is in it.
    pub objects: Vec<PackedObject>,
    /// The payload, as stored.
    pub payload: Vec<u8>,
}

/// All frames of a pack that can be read without its footer, up to the first that cannot: what `repair` saves.
///
/// # Errors
/// [`Error::Io`].
pub fn scan_frames(path: &PathBuf, mut visit: impl FnMut(FoundFrame) -> Result<()>) -> Result<()> {
    let io = |error| Error::io("read", path)(error);
    let file = File::open(path).map_err(io)?;
    let file_bytes = file.metadata().map_err(io)?.len();
    let mut offset = HEADER_BYTES as u64;
    loop {
        let mut head = [0; FRAME_HEADER_BYTES];
        if offset + head.len() as u64 > file_bytes {
            return Ok(());
        }
        file.read_exact_at(&mut head, offset).map_err(io)?;
        let entries = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
        let head_bytes = FRAME_HEADER_BYTES as u64 + u64::from(entries) * ENTRY_BYTES as u64;
        if offset + head_bytes > file_bytes {
            return Ok(());
        }
        let mut head = vec![0; head_bytes as usize];
        file.read_exact_at(&mut head, offset).map_err(io)?;
        let Ok((header, objects)) = read_head(&head) else {
            return Ok(());
        };
        if offset + header.len_bytes() > file_bytes {
            return Ok(());
        }
        let mut payload = vec![0; header.stored_bytes as usize];
        file.read_exact_at(&mut payload, offset + head_bytes)
            .map_err(io)?;
        let len_bytes = header.len_bytes();
        visit(FoundFrame {
            offset,
            header,
            objects,
            payload,
        })?;
        offset += len_bytes;
    }
}
