//! The bytes of a record: its frame, and what is in it; of an entry, where it is ([`entry_bytes`](super::entry_bytes)).
//!
//! A frame is a length, a checksum and a kind; every record is read through [`View::frame`](super::image::View::frame),
//! so nobody sees the fields of one whose checksum is wrong. A record about a path names the record that said
//! something about the same path before ([`PathRecord::previous`]): so what a path was at the last commit is found
//! without reading the log from its start.

use super::entry_bytes::EntryBytes;
use crate::codec::{Flaw, Read, Reader, checksum, put_bytes, put_varint};
use crate::id::{CommitId, FileId, ID_BYTES};
use crate::path::flaw_of_path;

/// Length, checksum and kind.
pub(super) const FRAME_BYTES: usize = 9;

/// A longer record is refused. Linux allows 64 KiB for the attributes of a file, other systems a little more.
pub(super) const RECORD_BYTES_MAX: usize = 64 << 20;

/// The whole record: frame, generation of the log, where it stands itself.
pub(super) const CHECKPOINT_BYTES: usize = FRAME_BYTES + 16;

const ENTRY: u8 = 1;
const REMOVED: u8 = 2;
const COMMITTED: u8 = 3;
pub(super) const CHECKPOINT: u8 = 4;
const PACKS: u8 = 5;
const FOLLOWING: u8 = 6;

/// For what is wrong at a byte of the log.
pub(super) fn flaw(byte_offset: u64, detail: &'static str) -> Flaw {
    Flaw {
        byte_offset: byte_offset as usize,
        detail,
    }
}

/// A record whose checksum is right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'b> {
    /// Where it starts in the log.
    pub(super) offset: u64,
    kind: u8,
    fields: &'b [u8],
}

/// What a record says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Record<'b> {
    /// What a path is from here on.
    Path(PathRecord<'b>),
    /// All that was said before is in this commit.
    Committed(CommitId),
    /// All that was written before is on the disk.
    Checkpoint,
    /// These packs were made for what is staged.
    Packs(&'b [[u8; ID_BYTES]]),
    /// What is behind, up to the next checkpoint, counts as a whole or not at all.
    Following,
}

/// What a path is from here on.
#[derive(Clone, Copy, Debug)]
pub(super) struct PathRecord<'b> {
    /// Where it starts in the log.
    pub(super) offset: u64,
    /// Length of the whole record.
    pub(super) len_bytes: u64,
    pub(super) path: &'b [u8],
    /// Where the record before this one is that has the same path.
    pub(super) previous: Option<u64>,
    /// `None` if it was removed.
    pub(super) entry: Option<EntryBytes<'b>>,
}

impl<'b> Frame<'b> {
    /// The record at the start of `bytes`, which stand at `offset` in the log. `Err` says what does not fit.
    pub(super) fn read(bytes: &'b [u8], offset: u64) -> Read<Frame<'b>> {
        let at = |error: Flaw| flaw(offset + error.byte_offset as u64, error.detail);
        let mut reader = Reader::new(bytes);
        let len = reader.u32().map_err(at)? as usize;
        let expected = reader.u32().map_err(at)?;
        if !(FRAME_BYTES..=RECORD_BYTES_MAX).contains(&len) {
            return Err(flaw(offset, "no record has this length"));
        }
        if len > bytes.len() {
            return Err(flaw(offset, "a record reaches beyond the end"));
        }
        let covered = &bytes[8..len];
        if checksum(covered) as u32 != expected {
            return Err(flaw(offset, "the checksum of a record is wrong"));
        }
        Ok(Frame {
            offset,
            kind: covered[0],
            fields: &covered[1..],
        })
    }

    /// Length of the whole record.
    pub(super) fn len_bytes(&self) -> u64 {
        (FRAME_BYTES + self.fields.len()) as u64
    }

    /// What it says, in the log of this generation.
    pub(super) fn record(&self, generation: u64) -> Read<Record<'b>> {
        let mut reader = Reader::new(self.fields);
        let record = match self.kind {
            ENTRY | REMOVED => {
                let record = self.path_record()?;
                record.check_path()?;
                return Ok(Record::Path(record));
            }
            COMMITTED => Record::Committed(CommitId(reader.array().map_err(|e| self.at(e))?)),
            CHECKPOINT => {
                let named = (reader.u64(), reader.u64());
                if named != (Ok(generation), Ok(self.offset)) {
                    return Err(flaw(self.offset, "a checkpoint of another place"));
                }
                Record::Checkpoint
            }
            PACKS => return self.packs().map(Record::Packs),
            FOLLOWING => Record::Following,
            _ => return Err(flaw(self.offset, "a record of an unknown kind")),
        };
        self.expect_end(&reader)?;
        Ok(record)
    }

    fn packs(&self) -> Read<&'b [[u8; ID_BYTES]]> {
        match self.fields.as_chunks() {
            (ids, []) if !ids.is_empty() => Ok(ids),
            _ => Err(flaw(self.offset, "a record should name packs")),
        }
    }

    /// What it says of a path; a flaw if it is a record of another kind. Not checked is whether the path is one: whoever
    /// compares it with a path that is need not ask.
    pub(super) fn path_record(&self) -> Read<PathRecord<'b>> {
        let mut reader = Reader::new(self.fields);
        let path = self.path_at(&mut reader)?;
        let distance = reader.varint().map_err(|error| self.at(error))?;
        let previous = match distance {
            0 => None,
            _ => Some(
                self.offset
                    .checked_sub(distance)
                    .ok_or_else(|| flaw(self.offset, "a record follows one before the start"))?,
            ),
        };
        let position = reader.position();
        let entry = match self.kind {
            ENTRY => Some(EntryBytes {
                bytes: &self.fields[position..],
                offset: self.offset + (FRAME_BYTES + position) as u64,
            }),
            _ => {
                self.expect_end(&reader)?;
                None
            }
        };
        Ok(PathRecord {
            offset: self.offset,
            len_bytes: self.len_bytes(),
            path,
            previous,
            entry,
        })
    }

    /// The path that it is about.
    pub(super) fn path(&self) -> Read<&'b [u8]> {
        self.path_at(&mut Reader::new(self.fields))
    }

    fn path_at(&self, reader: &mut Reader<'b>) -> Read<&'b [u8]> {
        match self.kind {
            ENTRY | REMOVED => reader.bytes().map_err(|error| self.at(error)),
            _ => Err(flaw(self.offset, "a record should be about a path")),
        }
    }

    fn expect_end(&self, reader: &Reader<'_>) -> Read<()> {
        match reader.is_empty() {
            true => Ok(()),
            false => Err(self.at(reader.flaw("a record has more bytes than it should"))),
        }
    }

    /// The same flaw, counted from the start of the log.
    fn at(&self, error: Flaw) -> Flaw {
        let start = self.offset + FRAME_BYTES as u64;
        flaw(start + error.byte_offset as u64, error.detail)
    }
}

impl PathRecord<'_> {
    /// A flaw if its path leads elsewhere.
    pub(super) fn check_path(&self) -> Read<()> {
        match flaw_of_path(self.path) {
            None => Ok(()),
            Some(detail) => Err(flaw(self.offset, detail)),
        }
    }
}

/// The path of the record at the start of `bytes`, which was read before: nothing is checked but what a slice checks.
/// `None` if that is no longer so.
pub(super) fn path_of_checked(bytes: &[u8]) -> Option<&[u8]> {
    Reader::new(bytes.get(FRAME_BYTES..)?).bytes().ok()
}

/// Appends a record about a path that will stand at `offset`; `entry` as [`put_entry`](super::entry_bytes::put_entry) writes it, or `None` for one that
/// was removed. Gives the record's length.
pub(super) fn put_path_record(
    offset: u64,
    previous: Option<u64>,
    path: &[u8],
    entry: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Read<u64> {
    let kind = if entry.is_some() { ENTRY } else { REMOVED };
    let entry = entry.unwrap_or_default();
    // What else is in the record are two numbers.
    if path.len() + entry.len() > RECORD_BYTES_MAX - FRAME_BYTES - 20 {
        return Err(flaw(offset, "its path and attributes are too long"));
    }
    Ok(put_record(kind, out, |out| {
        put_bytes(path, out);
        put_varint(previous.map_or(0, |previous| offset - previous), out);
        out.extend_from_slice(entry);
    }))
}

/// Appends the record that says what the commit is called that all before it is in.
pub(super) fn put_committed(id: CommitId, out: &mut Vec<u8>) {
    put_record(COMMITTED, out, |out| out.extend(id.0));
}

/// Appends the record that names packs that were made for what is staged; one at least.
pub(super) fn put_packs(packs: &[FileId], out: &mut Vec<u8>) {
    put_record(PACKS, out, |out| {
        packs.iter().for_each(|pack| out.extend(pack.0))
    });
}

/// Appends the record behind which all counts as a whole.
pub(super) fn put_following(out: &mut Vec<u8>) {
    put_record(FOLLOWING, out, |_| ());
}

/// Appends the record that says that all before it, up to `offset`, is on the disk.
pub(super) fn put_checkpoint(generation: u64, offset: u64, out: &mut Vec<u8>) {
    put_record(CHECKPOINT, out, |out| {
        out.extend(generation.to_le_bytes());
        out.extend(offset.to_le_bytes());
    });
}

/// Appends a record and gives its length.
fn put_record(kind: u8, out: &mut Vec<u8>, fields: impl FnOnce(&mut Vec<u8>)) -> u64 {
    let start = out.len();
    out.extend([0; 8]);
    out.push(kind);
    fields(out);
    let len = out.len() - start;
    let sum = checksum(&out[start + 8..]) as u32;
    out[start..start + 4].copy_from_slice(&(len as u32).to_le_bytes());
    out[start + 4..start + 8].copy_from_slice(&sum.to_le_bytes());
    len as u64
}
