//! The further names of files (hard links) in a tree, for what holds them against the names that they lead to.
//!
//! What such a name says is a path from the root, so it can be right in one tree and wrong in another that shares the folder it is in:
//! it is not enough to look at each node once. What was found in a node is therefore told when the walk leaves it, and who asks
//! decides what need not be gone into again ([`LinkVisitor::enter`]).

use crate::Result;
use crate::id::ObjectId;

use super::claim::{FolderClaim, FolderItems, check_depth, open_folder};
use super::node::FolderPart;
use super::{Child, NodeRef, NodeSource, push_name};

/// What is known of the further names below a node of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinksBelow {
    /// Whether there are any.
    pub(crate) has_links: bool,
    /// Whether all of it was read, and no name in it leads to something else.
    pub(crate) is_sound: bool,
    /// Length of the path of the innermost folder that has all of them and all that they lead to.
    pub(crate) home_bytes: usize,
}

impl LinksBelow {
    /// There are none.
    pub(crate) const NONE: LinksBelow = LinksBelow {
        has_links: false,
        is_sound: true,
        home_bytes: usize::MAX,
    };
    /// All lead to somewhere inside.
    pub(crate) const INSIDE: LinksBelow = LinksBelow {
        has_links: true,
        ..LinksBelow::NONE
    };
    /// There may be any, and they may lead anywhere.
    pub(crate) const UNKNOWN: LinksBelow = LinksBelow {
        has_links: true,
        is_sound: false,
        home_bytes: 0,
    };

    fn add(&mut self, other: LinksBelow) {
        self.has_links |= other.has_links;
        self.is_sound &= other.is_sound;
        self.home_bytes = self.home_bytes.min(other.home_bytes);
    }
}

/// A node of a folder on the way of a walk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'p> {
    /// The node.
    pub(crate) id: &'p ObjectId,
    /// Where the folder is.
    pub(crate) folder: &'p [u8],
    /// Whether it is the folder's uppermost node, so that all of the folder is below.
    pub(crate) is_whole: bool,
}

/// What a walk through the further names of a tree asks, and tells.
pub(crate) trait LinkVisitor {
    /// What is known of a node already; `None` to go into it.
    ///
    /// # Errors
    /// Whatever ends the walk.
    fn enter(&mut self, place: Place<'_>) -> Result<Option<LinksBelow>>;

    /// Looks at a further name, of the file at `first`; tells whether it leads there.
    ///
    /// # Errors
    /// Whatever ends the walk.
    fn visit(&mut self, path: &[u8], child: &Child, first: &[u8]) -> Result<bool>;

    /// What was found in a node that was gone into.
    fn leave(&mut self, place: Place<'_>, below: LinksBelow);
}

/// Goes through all further names of files in a tree, in its order. Nodes that cannot be read are passed over.
///
/// Memory is that of a node of each level and folder, not of the tree.
///
/// # Errors
/// What the visitor gives.
pub(crate) fn visit_links(
    root: NodeRef,
    source: &dyn NodeSource,
    visitor: &mut dyn LinkVisitor,
) -> Result<()> {
    let mut walk = LinkWalk {
        source,
        visitor,
        path: Vec::new(),
        open: Vec::new(),
    };
    walk.enter(&FolderClaim::of_root(root), None, 0)?;
    while walk.step()? {}
    Ok(())
}

/// A node that the walk is in.
struct OpenNode {
    id: ObjectId,
    /// Length of the path of its folder.
    folder_bytes: usize,
    is_whole: bool,
    depth: usize,
    rest: Rest,
    below: LinksBelow,
}

/// What is ahead in a node.
enum Rest {
    Children(std::vec::IntoIter<Child>),
    Parts {
        parts: std::vec::IntoIter<FolderPart>,
        height: u8,
        passed: Option<Vec<u8>>,
    },
}

struct LinkWalk<'w> {
    source: &'w dyn NodeSource,
    visitor: &'w mut dyn LinkVisitor,
    /// Of the folder that the walk is in, or of the newest child.
    path: Vec<u8>,
    open: Vec<OpenNode>,
}

impl LinkWalk<'_> {
    /// Goes on by a child or a node; `false` at the end.
    fn step(&mut self) -> Result<bool> {
        let Some(node) = self.open.last_mut() else {
            return Ok(false);
        };
        self.path.truncate(node.folder_bytes);
        let depth = node.depth;
        match &mut node.rest {
            Rest::Children(children) => match children.next() {
                Some(child) => self.meet(&child, depth)?,
                None => self.leave(),
            },
            Rest::Parts {
                parts,
                height,
                passed,
            } => match parts.next() {
                Some(part) => {
                    let height = *height;
                    let before = passed.replace(part.below.last.clone());
                    let claim = FolderClaim::of_part(part, height);
                    self.enter(&claim, before.as_deref(), depth)?;
                }
                None => self.leave(),
            },
        }
        Ok(true)
    }

    fn meet(&mut self, child: &Child, depth: usize) -> Result<()> {
        if let Some(folder) = &child.folder {
            push_name(&mut self.path, &child.name);
            return self.enter(&FolderClaim::of_folder(folder), None, depth + 1);
        }
        let Some(first) = &child.link_to else {
            return Ok(());
        };
        push_name(&mut self.path, &child.name);
        let is_sound = self.visitor.visit(&self.path, child, first)?;
        let home_bytes = home_bytes(&self.path, first);
        self.found(LinksBelow {
            has_links: true,
            is_sound,
            home_bytes,
        });
        Ok(())
    }

    /// Goes into a node of the folder at the path. `passed` is the last name of the node before it in that folder.
    fn enter(&mut self, claim: &FolderClaim, passed: Option<&[u8]>, depth: usize) -> Result<()> {
        let id = claim.node.id;
        let is_whole = claim.below.is_none();
        let place = Place {
            id: &id,
            folder: &self.path,
            is_whole,
        };
        if let Some(known) = self.visitor.enter(place)? {
            self.found(known);
            return Ok(());
        }
        let opened = check_depth(depth, &id).and_then(|()| open_folder(self.source, claim, passed));
        let rest = match opened {
            Ok(FolderItems::Leaf(children)) => Rest::Children(children.into_iter()),
            Ok(FolderItems::Branch(parts)) => Rest::Parts {
                parts: parts.into_iter(),
                height: claim.node.height - 1,
                passed: passed.map(<[u8]>::to_vec),
            },
            Err(_) => {
                self.found(LinksBelow::UNKNOWN);
                return Ok(());
            }
        };
        self.open.push(OpenNode {
            id,
            folder_bytes: self.path.len(),
            is_whole,
            depth,
            rest,
            below: LinksBelow::NONE,
        });
        Ok(())
    }

    fn leave(&mut self) {
        let Some(node) = self.open.pop() else {
            return;
        };
        let place = Place {
            id: &node.id,
            folder: &self.path,
            is_whole: node.is_whole,
        };
        self.visitor.leave(place, node.below);
        self.found(node.below);
    }

    /// Adds what is below to the node that the walk is in.
    fn found(&mut self, below: LinksBelow) {
        if let Some(node) = self.open.last_mut() {
            node.below.add(below);
        }
    }
}

/// Length of the path of the innermost folder that two paths are in.
fn home_bytes(one: &[u8], other: &[u8]) -> usize {
    let pairs = one.iter().zip(other);
    let common = pairs.take_while(|(one, other)| one == other).count();
    let slash = one[..common].iter().rposition(|&byte| byte == b'/');
    slash.unwrap_or(0)
}
