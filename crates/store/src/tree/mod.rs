//! Folders and the chunk lists of large files, as trees of nodes that are named by their hash.
//!
//! A folder is a sequence of names, sorted; a list is a sequence of runs. Both are cut into leaves where their content says
//! so ([`cut`]), leaves are named by branches, and so on until one node is left: the id of that node vouches for all
//! that is below. What is equal has equal ids, whatever way it came about, so that a change rewrites one node of each
//! level, and [`diff()`] need not read what two trees share.
//!
//! ```text
//! paths in order ──► TreeWriter ──► FolderWriter ─┐
//! runs in order ───► ListWriter ──────────────────┴─► nodes ──► children, lookup, walk, diff, runs, references
//! ```
//!
//! Nothing here knows packs: nodes go to a [`NodeSink`] and come from a [`NodeSource`]. What comes is checked as if an
//! enemy had written it, and checked against what the node above says of it; all memory is bounded by a node of each level.
//! Only time is not: a few nodes that name each other many times make a tree that no one can walk to its end.

mod claim;
mod cursor;
mod cut;
mod diff;
mod folder;
mod links;
mod list;
mod node;
mod references;
#[cfg(test)]
mod tests;
mod walk;
mod writer;

use std::sync::Arc;

use crate::Result;
use crate::codec::Read;
use crate::entry::{Content, Entry};
use crate::id::ObjectId;

pub(crate) use claim::{check_depth, check_path, totals};
pub use diff::{Change, Difference, Differences, diff};
pub(crate) use folder::FolderWriter;
pub use folder::{Children, children, find, lookup};
pub(crate) use links::{LinkVisitor, LinksBelow, Place, visit_links};
pub(crate) use list::ListWriter;
pub use list::{Runs, runs};
pub(crate) use references::{Reference, references, references_and_links, references_of_body};
pub use walk::{Found, Walk, walk};
pub(crate) use writer::TreeWriter;

/// A node is at most so long.
pub const NODE_BYTES_MAX: usize = 1 << 20;

/// What reads nodes; for several threads at once.
pub trait NodeSource: Sync {
    /// The bytes of a node. They must be those that the id is of: nobody checks again.
    ///
    /// # Errors
    /// [`Missing`](crate::Error::Missing) if it is nowhere, and whatever keeps it from being read.
    fn node(&self, id: &ObjectId) -> Result<Arc<[u8]>>;
}

/// What keeps nodes.
pub(crate) trait NodeSink {
    /// Keeps a node, and tells its id; one that is kept already need not be kept again.
    ///
    /// # Errors
    /// Whatever keeps it from being written.
    fn put_node(&mut self, bytes: &[u8]) -> Result<ObjectId>;
}

/// Where a folder or a list begins: its uppermost node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeRef {
    /// The node.
    pub id: ObjectId,
    /// Its height: 0 for a leaf.
    pub height: u8,
}

/// What is in a folder and in the folders below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Names of files, also of those that have several.
    pub files: u64,
    /// Lengths of files, each counted once however many names it has.
    pub bytes: u64,
}

impl Totals {
    /// Both, if they fit 64 bits.
    pub fn checked_add(self, other: Totals) -> Option<Totals> {
        Some(Totals {
            files: self.files.checked_add(other.files)?,
            bytes: self.bytes.checked_add(other.bytes)?,
        })
    }
}

/// A name in a folder, and what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// The name.
    pub name: Vec<u8>,
    /// What it is.
    pub entry: Entry,
    /// For a folder: what is in it.
    pub folder: Option<(NodeRef, Totals)>,
    /// For a file that has several names, and this is not the first of them: the path of the first, from the root.
    pub link_to: Option<Vec<u8>>,
}

impl Child {
    /// What it adds to the folder it is in.
    pub fn totals(&self) -> Totals {
        totals_of(&self.entry, self.folder.as_ref(), self.link_to.is_some())
    }
}

/// Says what is wrong with the bytes of a node, if anything is that can be seen without reading others.
///
/// # Errors
/// The first flaw.
#[doc(hidden)]
pub fn check_node(bytes: &[u8]) -> Read<()> {
    node::decode(bytes).map(drop)
}

fn totals_of(entry: &Entry, folder: Option<&(NodeRef, Totals)>, is_hard_link: bool) -> Totals {
    match (&entry.content, folder) {
        (Content::File { len_bytes, .. }, _) => Totals {
            files: 1,
            bytes: if is_hard_link { 0 } else { *len_bytes },
        },
        (Content::Folder, Some((_, totals))) => *totals,
        (Content::Folder, None) | (Content::Link { .. }, _) => Totals::default(),
    }
}

/// Makes `path` end with a name.
fn push_name(path: &mut Vec<u8>, name: &[u8]) {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
}
