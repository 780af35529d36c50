//! Reading a pack: its footer once, then any of its frames.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::frame::{Codec, Decompressor, FrameHeader, read_head, read_objects};
use super::{
    END_MAGIC, ENTRY_BYTES, FOOTER_FRAME_BYTES, HEADER_BYTES, MAGIC, PackedObject, TRAILER_BYTES,
    VERSION, object_id,
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
    let len_bytes = file.metadata().map_err(io)?.len();
    let damaged = |flaw: Flaw| Error::damaged(path, flaw.byte_offset as u64, flaw.detail);
    let ends = Ends::of(len_bytes).map_err(damaged)?;
    let mut head = [0; HEADER_BYTES];
    file.read_exact_at(&mut head, 0).map_err(io)?;
    if head[..8] == *MAGIC && head[8..10] != VERSION.to_le_bytes() {
        return Err(Error::Version {
            path: path.to_owned(),
            found: u16::from_le_bytes([head[8], head[9]]),
            supported: VERSION,
        });
    }
    let mut trailer = [0; TRAILER_BYTES];
    file.read_exact_at(&mut trailer, ends.trailer).map_err(io)?;
    let trailer = Trailer::read(&trailer, &ends).map_err(damaged)?;
    let mut table = vec![0; (len_bytes - trailer.table - ID_BYTES as u64) as usize];
    file.read_exact_at(&mut table, trailer.table).map_err(io)?;
    let footer = trailer.footer(&head, &table, &ends).map_err(damaged)?;
    if footer.pack.id != id || footer.pack.kind != kind {
        let detail = "its footer is that of another pack";
        return Err(Error::damaged(path, trailer.table, detail));
    }
    Ok(footer)
}

/// Says what is wrong with the bytes of a whole pack, if anything is.
///
/// # Errors
/// The first flaw: of the footer, of a frame, or an object that is not what its id says.
pub fn check_pack(bytes: &[u8]) -> Read<()> {
    let ends = Ends::of(bytes.len() as u64)?;
    let mut reader = Reader::new(bytes);
    let head = reader.array()?;
    let trailer = Reader::new(&bytes[ends.trailer as usize..]).array()?;
    let trailer = Trailer::read(&trailer, &ends)?;
    let table = &bytes[trailer.table as usize..bytes.len() - ID_BYTES];
    let footer = trailer.footer(&head, table, &ends)?;
    let mut unpacker = Decompressor::default();
    let mut plain = Vec::new();
    for frame in &footer.frames {
        let start = frame.offset as usize;
        let flaw = |detail| Flaw {
            byte_offset: start,
            detail,
        };
        let (header, objects) = read_head(&bytes[start..]).map_err(|it| Flaw {
            byte_offset: start + it.byte_offset,
            ..it
        })?;
        let first = frame.first_entry as usize;
        if header != frame.header || footer.objects[first..first + objects.len()] != objects {
            return Err(flaw("a frame is not what the footer says"));
        }
        let payload = start + header.payload_offset() as usize;
        let payload = &bytes[payload..payload + header.stored_bytes as usize];
        if !header.is_payload(payload) {
            return Err(flaw("the checksum of a frame's payload is wrong"));
        }
        unpacker
            .unpack(&header, payload, &mut plain)
            .map_err(flaw)?;
        let mut rest = &plain[..];
        for object in objects {
            let (bytes, after) = rest.split_at(object.len_bytes as usize);
            if object_id(footer.pack.kind, bytes) != object.id {
                return Err(flaw("an object is not what its id says"));
            }
            rest = after;
        }
    }
    Ok(())
}

/// Where a pack of a length has what.
struct Ends {
    len_bytes: u64,
    trailer: u64,
}

impl Ends {
    fn of(len_bytes: u64) -> Read<Ends> {
        let trailer = len_bytes.checked_sub(TRAILER_BYTES as u64);
        match trailer.filter(|&it| it >= HEADER_BYTES as u64) {
            Some(trailer) => Ok(Ends { len_bytes, trailer }),
            None => Err(Flaw {
                byte_offset: len_bytes as usize,
                detail: "it is shorter than any pack",
            }),
        }
    }
}

struct Trailer {
    frames: u32,
    objects: u32,
    plain_bytes: u64,
    id: FileId,
    /// Where the table starts that it ends.
    table: u64,
}

impl Trailer {
    fn read(bytes: &[u8; TRAILER_BYTES], ends: &Ends) -> Read<Trailer> {
        let mut reader = Reader::new(bytes);
        let (frames, objects, plain_bytes) = (reader.u32()?, reader.u32()?, reader.u64()?);
        let flaw = |detail| Flaw {
            byte_offset: ends.trailer as usize,
            detail,
        };
        if reader.array()? != *END_MAGIC {
            return Err(flaw("it does not end as a pack does"));
        }
        let table_bytes =
            u64::from(frames) * FOOTER_FRAME_BYTES as u64 + u64::from(objects) * ENTRY_BYTES as u64;
        let table = ends.trailer.checked_sub(table_bytes);
        Ok(Trailer {
            frames,
            objects,
            plain_bytes,
            id: FileId(reader.array()?),
            table: table
                .filter(|&start| start >= HEADER_BYTES as u64)
                .ok_or(flaw("its footer would be longer than the pack"))?,
        })
    }

    /// Reads the table, behind which is the trailer up to the hash.
    fn footer(&self, head: &[u8; HEADER_BYTES], table: &[u8], ends: &Ends) -> Read<Footer> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(head).update(table);
        if self.id != FileId(hasher.finalize().into()) {
            return Err(Flaw {
                byte_offset: self.table as usize,
                detail: "its footer is not what its checksum says",
            });
        }
        let kind = read_header(head)?;
        let footer = self.read_table(table, kind, ends);
        footer.map_err(|flaw| Flaw {
            byte_offset: flaw.byte_offset + self.table as usize,
            ..flaw
        })
    }

    fn read_table(&self, table: &[u8], kind: PackKind, ends: &Ends) -> Read<Footer> {
        let mut reader = Reader::new(table);
        let mut frames = Vec::with_capacity(self.frames as usize);
        let (mut entries, mut plain) = (0u64, 0);
        for _ in 0..self.frames {
            let frame = read_frame(&mut reader, entries)?;
            let end = u64::from(frame.offset) + frame.header.len_bytes();
            if end > self.table || !frame.header.is_plausible() {
                return Err(reader.flaw("a frame reaches beyond the pack"));
            }
            entries += u64::from(frame.header.entries);
            plain += u64::from(frame.header.plain_bytes);
            frames.push(frame);
        }
        let objects = read_objects(reader.take(self.objects as usize * ENTRY_BYTES)?)?;
        if entries != u64::from(self.objects) || plain != self.plain_bytes {
            return Err(reader.flaw("its numbers do not add up"));
        }
        for frame in &frames {
            let first = frame.first_entry as usize;
            let objects = &objects[first..first + frame.header.entries as usize];
            let lens: u64 = objects.iter().map(|it| u64::from(it.len_bytes)).sum();
            if lens != u64::from(frame.header.plain_bytes) {
                return Err(reader.flaw("the lengths of a frame's objects do not add up"));
            }
        }
        Ok(Footer {
            pack: PackEntry {
                id: self.id,
                kind,
                entries: self.objects,
                file_bytes: ends.len_bytes,
                plain_bytes: self.plain_bytes,
            },
            frames,
            objects,
        })
    }
}

/// What a header says that the pack holds.
fn read_header(head: &[u8; HEADER_BYTES]) -> Read<PackKind> {
    let mut reader = Reader::new(head);
    if reader.array()? != *MAGIC || reader.u16()? != VERSION {
        return Err(Reader::new(head).flaw("it does not begin as a pack of this version does"));
    }
    let kind = reader.u8()?;
    PackKind::from_byte(kind).ok_or(reader.flaw("its kind is unknown"))
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
