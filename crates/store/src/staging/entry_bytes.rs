//! The bytes of an entry in a record: what is kept of a file, folder or link, and how it looked.

use tamis_engine::stamp::Stamp;

use super::record::flaw;
use super::{Kind, Known, Staged, StampInfo};
use crate::codec::{Flaw, Read, Reader, put_bytes, put_varint};
use crate::entry::{Content, Entry};
use crate::entry::{put_attributes, put_body, read_attributes, read_body, read_mode, read_target};

const FILE: u8 = 1;
const FOLDER: u8 = 2;
const LINK: u8 = 3;

const SPARSE: u8 = 1;
const MORE_NAMES: u8 = 2;
const NOT_TRUSTED: u8 = 4;

/// An entry, not yet decoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct EntryBytes<'b> {
    pub(super) bytes: &'b [u8],
    /// Where they start in the log.
    pub(super) offset: u64,
}

impl EntryBytes<'_> {
    /// Everything.
    pub(super) fn decode(&self) -> Read<Staged> {
        decode(self.bytes).map_err(|error| self.at(error))
    }

    /// What tells whether a file is unchanged, without its chunks.
    pub(super) fn known(&self) -> Read<Known> {
        let head = Head::read(&mut Reader::new(self.bytes));
        head.map(|head| head.known())
            .map_err(|error| self.at(error))
    }

    fn at(&self, error: Flaw) -> Flaw {
        flaw(self.offset + error.byte_offset as u64, error.detail)
    }
}

/// What stands before the attributes.
struct Head {
    kind: Kind,
    flags: u8,
    mode: u32,
    stamp: Stamp,
}

impl Head {
    fn read(reader: &mut Reader<'_>) -> Read<Head> {
        let start = reader.clone();
        let kind = match reader.u8()? {
            FILE => Kind::File,
            FOLDER => Kind::Folder,
            LINK => Kind::Link,
            _ => return Err(start.flaw("an entry of an unknown kind")),
        };
        let flags = reader.u8()?;
        if flags & !(SPARSE | MORE_NAMES | NOT_TRUSTED) != 0 {
            return Err(start.flaw("an entry has unknown flags"));
        }
        let mode = read_mode(reader)?;
        let (modified_ns, changed_ns) = (reader.i64()?, reader.i64()?);
        let (inode, device, len_bytes) = (reader.varint()?, reader.varint()?, reader.varint()?);
        let stamp = Stamp {
            device,
            inode,
            len_bytes,
            modified_ns,
            changed_ns,
        };
        Ok(Head {
            kind,
            flags,
            mode,
            stamp,
        })
    }

    fn known(&self) -> Known {
        Known {
            kind: self.kind,
            stamp: self.stamp,
            is_trusted: self.flags & NOT_TRUSTED == 0,
            has_more_names: self.flags & MORE_NAMES != 0,
        }
    }
}

fn decode(bytes: &[u8]) -> Read<Staged> {
    let mut reader = Reader::new(bytes);
    let head = Head::read(&mut reader)?;
    let attributes = read_attributes(&mut reader)?;
    let start = reader.clone();
    let is_sparse = head.flags & SPARSE != 0;
    let len_bytes = head.stamp.len_bytes;
    let content = match head.kind {
        Kind::File => Content::File {
            len_bytes,
            is_sparse,
            body: read_body(&mut reader, len_bytes)?,
        },
        Kind::Folder => Content::Folder,
        Kind::Link => Content::Link {
            target: read_target(&mut reader)?,
        },
    };
    if !reader.is_empty() {
        return Err(reader.flaw("an entry has more bytes than it should"));
    }
    if content_len_bytes(&content) != len_bytes || (is_sparse && head.kind != Kind::File) {
        return Err(start.flaw("an entry contradicts itself"));
    }
    let known = head.known();
    Ok(Staged {
        entry: Entry {
            mode: head.mode,
            modified_ns: head.stamp.modified_ns,
            attributes,
            content,
        },
        stamp: StampInfo {
            changed_ns: head.stamp.changed_ns,
            inode: head.stamp.inode,
            device: head.stamp.device,
            is_trusted: known.is_trusted,
            has_more_names: known.has_more_names,
        },
    })
}

/// What the file system would say of the size; a folder's means nothing.
fn content_len_bytes(content: &Content) -> u64 {
    match content {
        Content::File { len_bytes, .. } => *len_bytes,
        Content::Folder => 0,
        Content::Link { target } => target.len() as u64,
    }
}

/// Appends an entry, without its path. What cannot be written so that it reads back is a flaw.
pub(super) fn put_entry(entry: &Entry, stamp: &StampInfo, out: &mut Vec<u8>) -> Read<()> {
    let (kind, sparse) = match &entry.content {
        Content::File { is_sparse, .. } => (FILE, if *is_sparse { SPARSE } else { 0 }),
        Content::Folder => (FOLDER, 0),
        Content::Link { .. } => (LINK, 0),
    };
    let more_names = if stamp.has_more_names { MORE_NAMES } else { 0 };
    let not_trusted = if stamp.is_trusted { 0 } else { NOT_TRUSTED };
    let start = out.len();
    out.extend([kind, sparse | more_names | not_trusted]);
    put_varint(entry.mode.into(), out);
    out.extend(entry.modified_ns.to_le_bytes());
    out.extend(stamp.changed_ns.to_le_bytes());
    for number in [stamp.inode, stamp.device, content_len_bytes(&entry.content)] {
        put_varint(number, out);
    }
    put_attributes(&entry.attributes, out);
    match &entry.content {
        Content::File { body, .. } => put_body(body, out),
        Content::Folder => {}
        Content::Link { target } => put_bytes(target, out),
    }
    // The rules are in one place, the reader; reading an entry back costs a hundredth of what reading its file did.
    decode(&out[start..]).map(|_| ())
}
