//! One folder: written from children in order, read from its start, from a name, or at one name.

use tamis_engine::names::show_bytes;

use crate::entry::Entry;
use crate::id::ObjectId;
use crate::{Error, Result};

use super::claim::FolderClaim;
use super::cursor::Cursor;
use super::cut::{Levels, Shape};
use super::node::{
    FOLDER_BRANCH, FOLDER_LEAF, FolderBelow, add_folder, check_child, put_child, put_folder_part,
};
use super::{Child, NodeRef, NodeSink, NodeSource, Totals, totals_of};

/// Writes one folder, whose children come sorted by name.
///
/// ```
/// use std::sync::Arc;
/// use tamis_store::Result;
/// use tamis_store::entry::{Content, Entry};
/// use tamis_store::id::ObjectId;
/// use tamis_store::tree::{Child, FolderWriter, NodeSink, NodeSource, find};
///
/// #[derive(Default)]
/// struct OneNode(Vec<u8>);
/// impl NodeSink for OneNode {
///     fn put_node(&mut self, bytes: &[u8]) -> Result<ObjectId> {
///         self.0 = bytes.to_vec();
///         Ok(ObjectId::of_node(bytes))
///     }
/// }
/// impl NodeSource for OneNode {
///     fn node(&self, _: &ObjectId) -> Result<Arc<[u8]>> {
///         Ok(self.0.clone().into())
///     }
/// }
///
/// let content = Content::Link { target: b"elsewhere".to_vec() };
/// let entry = Entry { mode: 0o777, modified_ns: 0, attributes: vec![], content };
/// let child = Child { name: b"link".to_vec(), entry, folder: None, link_to: None };
/// let (mut node, mut folder) = (OneNode::default(), FolderWriter::new());
/// folder.push(&child, &mut node)?;
/// let (root, totals) = folder.finish(&mut node)?;
/// assert_eq!(totals.files, 0);
/// assert_eq!(find(root, b"link", &node)?, Some(child));
/// # Ok::<(), tamis_store::Error>(())
/// ```
pub struct FolderWriter {
    levels: Levels<Folder>,
    last: Vec<u8>,
    item: Vec<u8>,
}

struct Folder;

impl Shape for Folder {
    type Below = FolderBelow;
    const LEAF_KIND: u8 = FOLDER_LEAF;
    const BRANCH_KIND: u8 = FOLDER_BRANCH;

    fn put_part(id: &ObjectId, below: &FolderBelow, out: &mut Vec<u8>) {
        put_folder_part(id, below, out);
    }

    fn key<'a>(_: &'a ObjectId, below: &'a FolderBelow) -> &'a [u8] {
        &below.last
    }

    fn add(sum: &mut Option<FolderBelow>, more: FolderBelow) -> Option<()> {
        add_folder(sum, more)
    }
}

impl Default for FolderWriter {
    fn default() -> FolderWriter {
        FolderWriter::new()
    }
}

impl FolderWriter {
    /// An empty folder.
    pub fn new() -> FolderWriter {
        FolderWriter {
            levels: Levels::new(),
            last: Vec::new(),
            item: Vec::new(),
        }
    }

    /// Appends a child.
    ///
    /// # Errors
    /// [`Error::Usage`] if it does not come behind the one before, or could not be read back: a name that is none, a body
    /// that does not add up, attributes of more than a mebibyte. Whatever keeps the sink from writing.
    pub fn push(&mut self, child: &Child, sink: &mut dyn NodeSink) -> Result<()> {
        let link_to = child.link_to.as_deref();
        self.push_entry(
            &child.name,
            &child.entry,
            child.folder.as_ref(),
            link_to,
            sink,
        )
    }

    /// As [`FolderWriter::push`], of what is not one value.
    pub(super) fn push_entry(
        &mut self,
        name: &[u8],
        entry: &Entry,
        folder: Option<&(NodeRef, Totals)>,
        link_to: Option<&[u8]>,
        sink: &mut dyn NodeSink,
    ) -> Result<()> {
        self.check_order(name)?;
        self.item.clear();
        put_child(name, entry, folder, link_to, &mut self.item);
        check_child(&self.item, name, entry, folder, link_to)
            .map_err(|flaw| refused(name, flaw.detail))?;
        self.last.clear();
        self.last.extend_from_slice(name);
        let below = FolderBelow {
            last: name.to_vec(),
            entries: 1,
            totals: totals_of(entry, folder, link_to.is_some()),
        };
        self.levels.push(&self.item, name, below, sink)
    }

    /// Whether `name` may come next.
    pub(super) fn check_order(&self, name: &[u8]) -> Result<()> {
        // No name is empty, so that the first one comes behind "".
        match self.last[..] < *name {
            true => Ok(()),
            false => Err(refused(name, "it is there already, or belongs further up")),
        }
    }

    /// Writes what is not written yet, and tells where the folder begins and what is in it.
    ///
    /// # Errors
    /// Whatever keeps the sink from writing.
    pub fn finish(self, sink: &mut dyn NodeSink) -> Result<(NodeRef, Totals)> {
        let (node, below) = self.levels.finish(sink)?;
        Ok((node, below.map_or(Totals::default(), |below| below.totals)))
    }
}

/// For what cannot be written into a folder.
pub(super) fn refused(name: &[u8], detail: &str) -> Error {
    Error::Usage {
        reason: format!("`{}` cannot be kept: {detail}", show_bytes(name)),
    }
}

/// The children of a folder, in order. Nodes are read when their turn comes.
pub fn children(folder: NodeRef, source: &dyn NodeSource) -> Children<'_> {
    Children {
        cursor: Cursor::new(FolderClaim::of_root(folder), source),
    }
}

/// The children of a folder from `name` on, whether there is such a name or not.
///
/// # Errors
/// What [`NodeSource::node`] gives, and [`Error::BadObject`].
pub fn children_from<'s>(
    folder: NodeRef,
    name: &[u8],
    source: &'s dyn NodeSource,
) -> Result<Children<'s>> {
    let mut children = children(folder, source);
    children.cursor.seek(name)?;
    Ok(children)
}

/// See [`children`]. A node that cannot be read is an error, behind which come the children of the next one.
pub struct Children<'s> {
    cursor: Cursor<'s>,
}

impl Iterator for Children<'_> {
    type Item = Result<Child>;

    fn next(&mut self) -> Option<Result<Child>> {
        self.cursor.next_child()
    }
}

/// The child of a folder that has this name; reads one node of each level.
///
/// # Errors
/// What [`NodeSource::node`] gives, and [`Error::BadObject`].
pub fn find(folder: NodeRef, name: &[u8], source: &dyn NodeSource) -> Result<Option<Child>> {
    find_claimed(FolderClaim::of_root(folder), name, source)
}

/// What is at a path. The root itself is at none.
///
/// # Errors
/// As [`find`].
pub fn lookup(root: NodeRef, path: &[u8], source: &dyn NodeSource) -> Result<Option<Child>> {
    let mut folder = FolderClaim::of_root(root);
    let mut names = path.split(|&byte| byte == b'/').peekable();
    while let Some(name) = names.next() {
        let child = find_claimed(folder, name, source)?;
        if names.peek().is_none() {
            return Ok(child);
        }
        match child.and_then(|child| child.folder) {
            Some(below) => folder = FolderClaim::of_folder(&below),
            None => return Ok(None),
        }
    }
    Ok(None)
}

fn find_claimed(
    folder: FolderClaim,
    name: &[u8],
    source: &dyn NodeSource,
) -> Result<Option<Child>> {
    let mut cursor = Cursor::new(folder, source);
    cursor.seek(name)?;
    match cursor.next_child().transpose()? {
        Some(child) if child.name == name => Ok(Some(child)),
        _ => Ok(None),
    }
}
