//! Packs: files that hold chunks, or nodes, many of them in each, and never change.
//!
//! - [`frame`] joins and compresses some entries, and takes them apart again;
//! - [`write`](mod@write) fills a pack, frame by frame, and seals it with a footer; [`roll`] fills one after the other;
//! - [`read`] reads the footer of a sealed pack; [`open`] finds the pack and does so;
//! - [`scan`] finds the frames of what is left of one.

pub mod frame;
pub(crate) mod open;
pub mod read;
pub(crate) mod roll;
pub(crate) mod scan;
pub(crate) mod write;

use std::path::{Path, PathBuf};

use crate::id::{FileId, ObjectId};
use crate::index::PackKind;

/// Starts every pack.
const MAGIC: &[u8; 8] = b"TAMISPAK";
/// Ends every pack, before the hash.
const END_MAGIC: &[u8; 8] = b"TAMISEND";
const VERSION: u16 = 1;
/// Length of the header.
pub(crate) const HEADER_BYTES: usize = 16;
/// Length of the trailer.
const TRAILER_BYTES: usize = 56;
/// What a frame takes in the footer.
const FOOTER_FRAME_BYTES: usize = 28;
/// What an entry takes in the footer, and in its frame's table.
pub(crate) const ENTRY_BYTES: usize = 36;

/// An object as a pack's table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedObject {
    /// Its id.
    pub id: ObjectId,
    /// Its plain length.
    pub len_bytes: u32,
}

/// The id of an object of such a pack, whose plain bytes these are.
pub fn object_id(kind: PackKind, plain: &[u8]) -> ObjectId {
    match kind {
        PackKind::Data => ObjectId::of_chunk(plain),
        PackKind::Tree => ObjectId::of_node(plain),
    }
}

/// The name of a pack's file.
pub fn file_name(id: FileId, kind: PackKind) -> String {
    match kind {
        PackKind::Data => format!("{id}.data"),
        PackKind::Tree => format!("{id}.tree"),
    }
}

/// Where a pack of the store at `store` is.
pub fn path(store: &Path, id: FileId, kind: PackKind) -> PathBuf {
    store.join("packs").join(file_name(id, kind))
}

/// Which pack a file of this name is.
pub fn parse_name(name: &str) -> Option<(FileId, PackKind)> {
    let (id, kind) = name.split_once('.')?;
    let kind = match kind {
        "data" => PackKind::Data,
        "tree" => PackKind::Tree,
        _ => return None,
    };
    Some((id.parse().ok()?, kind))
}

fn header(kind: PackKind) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..10].copy_from_slice(&VERSION.to_le_bytes());
    header[10] = kind as u8;
    header
}

#[cfg(test)]
mod tests;
