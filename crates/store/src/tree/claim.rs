//! A node as the one above it describes it: what is said must be what is there.
//!
//! A reader goes down from a node that it trusts, by its id, to nodes whose ids that one names. Each of them is well formed
//! by itself ([`super::node`]); here its height, its names, and the sums that were said of it are compared with what it holds.

use tamis_engine::names::show_bytes;

use crate::codec::Flaw;
use crate::entry::{Run, sum_of_runs};
use crate::id::ObjectId;
use crate::path::{DEPTH_MAX, PATH_BYTES_MAX};
use crate::{Error, Result};

use super::node::{FolderBelow, FolderPart, ListPart, Node, add_folder, decode, name_of_bad_entry};
use super::{Child, NodeRef, NodeSource, Totals};

/// What is known of a folder's node before it is read.
#[derive(Clone, Debug)]
pub(super) struct FolderClaim {
    pub(super) node: NodeRef,
    /// Unknown of an uppermost node.
    pub(super) below: Option<FolderBelow>,
    /// Unknown of the uppermost node of a root.
    pub(super) totals: Option<Totals>,
}

impl FolderClaim {
    pub(super) fn of_root(node: NodeRef) -> FolderClaim {
        FolderClaim {
            node,
            below: None,
            totals: None,
        }
    }

    pub(super) fn of_folder(&(node, totals): &(NodeRef, Totals)) -> FolderClaim {
        FolderClaim {
            node,
            below: None,
            totals: Some(totals),
        }
    }

    pub(super) fn of_part(part: FolderPart, height: u8) -> FolderClaim {
        let id = part.id;
        FolderClaim {
            node: NodeRef { id, height },
            totals: Some(part.below.totals),
            below: Some(part.below),
        }
    }
}

/// What is in a node of a folder.
pub(super) enum FolderItems {
    Leaf(Vec<Child>),
    Branch(Vec<FolderPart>),
}

/// What is in a node of a list.
pub(super) enum ListItems {
    Leaf(Vec<Run>),
    Branch(Vec<ListPart>),
}

/// Reads a node of a folder and holds it against what is known of it: `passed` is the last name of the node before it.
pub(super) fn open_folder(
    source: &dyn NodeSource,
    claim: &FolderClaim,
    passed: Option<&[u8]>,
) -> Result<FolderItems> {
    let id = &claim.node.id;
    let items = match (load(source, id, FOLDER)?, claim.node.height) {
        (Node::Folder(children), 0) => FolderItems::Leaf(children),
        (Node::FolderBranch(parts), 1..) => FolderItems::Branch(parts),
        (Node::List(_) | Node::ListBranch(_), _) => return Err(bad(FOLDER, id, "it is no folder")),
        _ => {
            return Err(bad(
                FOLDER,
                id,
                "its height is not what the node above says",
            ));
        }
    };
    let (first, sum) = match &items {
        FolderItems::Leaf(children) => (
            children.first().map(|child| &child.name),
            sum_of_children(children),
        ),
        FolderItems::Branch(parts) => (
            parts.first().map(|part| &part.below.last),
            sum_of_parts(parts),
        ),
    };
    if first
        .zip(passed)
        .is_some_and(|(first, passed)| first[..] <= *passed)
    {
        return Err(bad(
            FOLDER,
            id,
            "its names belong before those of the node before it",
        ));
    }
    let totals = sum.as_ref().map_or(Totals::default(), |sum| sum.totals);
    if claim.below.is_some() && claim.below != sum
        || claim.totals.is_some_and(|claimed| claimed != totals)
    {
        return Err(bad(
            FOLDER,
            id,
            "what is in it is not what the node above says",
        ));
    }
    Ok(items)
}

/// Reads a node of a list that is said to hold so many bytes.
pub(super) fn open_list(
    source: &dyn NodeSource,
    node: &NodeRef,
    len_bytes: u64,
) -> Result<ListItems> {
    let id = &node.id;
    let items = match (load(source, id, LIST)?, node.height) {
        (Node::List(runs), 0) => ListItems::Leaf(runs),
        (Node::ListBranch(parts), 1..) => ListItems::Branch(parts),
        (Node::Folder(_) | Node::FolderBranch(_), _) => {
            return Err(bad(LIST, id, "it is no chunk list"));
        }
        _ => return Err(bad(LIST, id, "its height is not what the node above says")),
    };
    let sum = match &items {
        ListItems::Leaf(runs) => sum_of_runs(runs),
        ListItems::Branch(parts) => Some(parts.iter().map(|part| part.bytes).sum()),
    };
    match sum {
        Some(sum) if sum == len_bytes => Ok(items),
        _ => Err(bad(
            LIST,
            id,
            "its chunks do not add up to the length that is expected",
        )),
    }
}

fn load(source: &dyn NodeSource, id: &ObjectId, what: &'static str) -> Result<Node> {
    let bytes = source.node(id)?;
    decode(&bytes).map_err(|flaw| match name_of_bad_entry(&bytes) {
        Some(name) => Error::BadObject {
            what,
            id: id.to_string(),
            byte_offset: flaw.byte_offset,
            detail: format!("{} (of `{}`)", flaw.detail, show_bytes(&name)).into(),
        },
        None => bad_at(what, id, flaw),
    })
}

/// The sums cannot overflow: that was checked when the node was decoded.
fn sum_of_children(children: &[Child]) -> Option<FolderBelow> {
    let last = children.last()?.name.clone();
    let totals = children.iter().try_fold(Totals::default(), |sum, child| {
        sum.checked_add(child.totals())
    });
    Some(FolderBelow {
        last,
        entries: children.len() as u64,
        totals: totals?,
    })
}

fn sum_of_parts(parts: &[FolderPart]) -> Option<FolderBelow> {
    let mut sum = None;
    for part in parts {
        add_folder(&mut sum, part.below.clone())?;
    }
    sum
}

/// What is in a folder that nothing is said of, and in those below.
///
/// # Errors
/// As of reading it.
pub(crate) fn totals(root: NodeRef, source: &dyn NodeSource) -> Result<Totals> {
    let items = open_folder(source, &FolderClaim::of_root(root), None)?;
    let sum = match &items {
        FolderItems::Leaf(children) => sum_of_children(children),
        FolderItems::Branch(parts) => sum_of_parts(parts),
    };
    Ok(sum.map_or(Totals::default(), |sum| sum.totals))
}

/// Whether a walk may go into a folder with so many names in its path; all walks ask this before they hold more for it.
///
/// # Errors
/// [`Error::BadObject`] for more than [`DEPTH_MAX`].
pub(crate) fn check_depth(depth: usize, id: &ObjectId) -> Result<()> {
    match depth <= DEPTH_MAX {
        true => Ok(()),
        false => Err(bad(
            FOLDER,
            id,
            "folders are nested more than 16,384 deep, which nothing that is added is",
        )),
    }
}

/// The same for a walk that holds the whole path of each folder that it is in, so that their lengths matter, too.
///
/// # Errors
/// As [`check_depth`]; also for more than [`PATH_BYTES_MAX`].
pub(crate) fn check_path(path: &[u8], id: &ObjectId) -> Result<()> {
    let slashes = path.iter().filter(|&&byte| byte == b'/').count();
    check_depth(slashes + 1, id)?;
    match path.len() <= PATH_BYTES_MAX {
        true => Ok(()),
        false => Err(bad(
            FOLDER,
            id,
            "its path is longer than 256 KiB, which no path that is added is",
        )),
    }
}

/// For a node that contradicts what the one above says.
pub(super) fn bad(what: &'static str, id: &ObjectId, detail: &'static str) -> Error {
    let byte_offset = 0;
    bad_at(
        what,
        id,
        Flaw {
            byte_offset,
            detail,
        },
    )
}

fn bad_at(what: &'static str, id: &ObjectId, flaw: Flaw) -> Error {
    Error::BadObject {
        what,
        id: id.to_string(),
        byte_offset: flaw.byte_offset,
        detail: flaw.detail.into(),
    }
}

/// What errors call a folder.
const FOLDER: &str = "folder";
/// What errors call a list.
const LIST: &str = "chunk list";
