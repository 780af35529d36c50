//! A tree with one file put in, or another one in its place: only the folders on its path are written again.
//!
//! Names of one file (hard links) refer to the first of them by its path. If that one gets other bytes, the names behind it are still
//! what they were: the next of them becomes the first. To find them all names behind it are read, but only then.

use std::collections::VecDeque;

use tamis_engine::names::show_bytes;

use crate::entry::{Content, Entry};
use crate::staging::{is_below, tree_order};
use crate::tree::{
    Child, Found, NodeRef, NodeSink, NodeSource, Totals, TreeWriter, Walk, find, lookup, walk,
};
use crate::{Error, Result};

/// The mode of a folder that was not there before.
const FOLDER_MODE: u32 = 0o755;

/// The file that would be replaced by one at `path`, if there is one; `None` for a tree stands for an empty one.
///
/// # Errors
/// [`Error::Usage`] if something is in the way: a folder at the path, or what is no folder above it.
pub(super) fn find_replaced(
    root: Option<NodeRef>,
    path: &[u8],
    source: &dyn NodeSource,
) -> Result<Option<Child>> {
    let Some(mut folder) = root else {
        return Ok(None);
    };
    let mut end = 0;
    for name in path.split(|&byte| byte == b'/') {
        end += name.len() + usize::from(end > 0);
        let Some(child) = find(folder, name, source)? else {
            return Ok(None);
        };
        match (&child.entry.content, child.folder) {
            (Content::Folder, _) if end == path.len() => {
                return Err(in_the_way(path, "it is a folder"));
            }
            (Content::File { .. }, _) if end == path.len() => return Ok(Some(child)),
            (_, Some((below, _))) => folder = below,
            _ => {
                return Err(in_the_way(
                    &path[..end],
                    "it is no folder, and no plain file",
                ));
            }
        }
    }
    Ok(None)
}

fn in_the_way(path: &[u8], what: &str) -> Error {
    Error::Usage {
        reason: format!("`{}` is in the way: {what}", show_bytes(path)),
    }
}

/// Writes the tree `root` with `entry` at `path`; folders above it that are not there are made, as old as the entry.
///
/// # Errors
/// As [`find_replaced`]; [`Error::Usage`] for a path that is none; what reading and writing nodes can end in.
pub(super) fn put_file(
    root: Option<NodeRef>,
    path: &[u8],
    entry: &Entry,
    source: &dyn NodeSource,
    sink: &mut dyn NodeSink,
) -> Result<(NodeRef, Totals)> {
    let replaced = find_replaced(root, path, source)?;
    let mut edits = VecDeque::new();
    if replaced.is_none() {
        new_folders(root, path, entry.modified_ns, source, &mut edits)?;
    }
    edits.push_back(Edit {
        path: path.to_vec(),
        entry: entry.clone(),
        link_to: None,
    });
    if let (Some(root), Some(replaced)) = (root, &replaced)
        && replaced.link_to.is_none()
    {
        further_names(root, path, source, &mut edits)?;
    }
    apply(root, edits, source, sink)
}

/// What is to be at a path.
struct Edit {
    path: Vec<u8>,
    entry: Entry,
    link_to: Option<Vec<u8>>,
}

/// The folders above `path` that are not there.
fn new_folders(
    root: Option<NodeRef>,
    path: &[u8],
    modified_ns: i64,
    source: &dyn NodeSource,
    edits: &mut VecDeque<Edit>,
) -> Result<()> {
    let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    for (end, _) in ends {
        let above = &path[..end];
        let is_there = match root {
            Some(root) if edits.is_empty() => lookup(root, above, source)?.is_some(),
            _ => false,
        };
        if !is_there {
            edits.push_back(Edit {
                path: above.to_vec(),
                entry: Entry {
                    mode: FOLDER_MODE,
                    modified_ns,
                    attributes: Vec::new(),
                    content: Content::Folder,
                },
                link_to: None,
            });
        }
    }
    Ok(())
}

/// Names of the file at `first`, which are to be a file of their own from now on.
fn further_names(
    root: NodeRef,
    first: &[u8],
    source: &dyn NodeSource,
    edits: &mut VecDeque<Edit>,
) -> Result<()> {
    let mut new_first: Option<Vec<u8>> = None;
    let mut all = walk(b"", root, source);
    while let Some(found) = all.next() {
        let Found { path, child } = found?;
        // The first name is the first in the order of the tree.
        let is_before = tree_order(&path, first).is_lt();
        if is_before && !is_below(first, &path) {
            all.skip_folder();
        }
        if child.link_to.as_deref() == Some(first) {
            edits.push_back(Edit {
                link_to: new_first.clone(),
                entry: child.entry,
                path: path.clone(),
            });
            new_first.get_or_insert(path);
        }
    }
    Ok(())
}

/// Writes a tree with edits, which are in its order.
fn apply(
    root: Option<NodeRef>,
    mut edits: VecDeque<Edit>,
    source: &dyn NodeSource,
    sink: &mut dyn NodeSink,
) -> Result<(NodeRef, Totals)> {
    let mut tree = TreeWriter::new();
    let mut all = root.map(|root| walk(b"", root, source));
    while let Some(found) = all.as_mut().and_then(Iterator::next) {
        let Found { path, child } = found?;
        while let Some(edit) = edits.pop_front_if(|edit| tree_order(&edit.path, &path).is_lt()) {
            tree.push(&edit.path, &edit.entry, edit.link_to.as_deref(), sink)?;
        }
        let next = edits.front();
        if next.is_some_and(|edit| edit.path == path) {
            // The edit itself comes out before the next path.
            continue;
        }
        let is_above = next.is_some_and(|edit| is_below(&edit.path, &path));
        match child.folder {
            Some(folder) if !is_above => {
                all.as_mut().into_iter().for_each(Walk::skip_folder);
                tree.push_written(&path, &child.entry, folder, sink)?;
            }
            _ => tree.push(&path, &child.entry, child.link_to.as_deref(), sink)?,
        }
    }
    for edit in edits {
        tree.push(&edit.path, &edit.entry, edit.link_to.as_deref(), sink)?;
    }
    tree.finish(sink)
}
