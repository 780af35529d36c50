//! What differs between two trees, without reading what they share.
//!
//! Both are gone through in step. Where a node of the same id is next in both, both pass over it: so equal folders are
//! skipped, and in large folders the equal leaves and branches. What is left is merged by name.

use std::cmp::Ordering;

use crate::Result;

use super::claim::{FolderClaim, check_depth};
use super::cursor::{Cursor, Step};
use super::{Child, NodeRef, NodeSource, push_name};

/// What differs from `old` to `new`, in the order of the tree; `None` is a tree with nothing in it.
///
/// Of a folder that is only in one of them, all that is in it comes too, unless it is skipped.
pub fn diff(
    old: Option<NodeRef>,
    new: Option<NodeRef>,
    source: &dyn NodeSource,
) -> Differences<'_> {
    let descend = (old != new).then(|| Pair {
        old: old.map(FolderClaim::of_root),
        new: new.map(FolderClaim::of_root),
    });
    Differences {
        source,
        path: Vec::new(),
        open: Vec::new(),
        descend,
    }
}

/// A path that is not the same in two trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The path.
    pub path: Vec<u8>,
    /// What happened to it.
    pub change: Change,
}

/// What happened to a path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "each is looked at and let go; a box would be one more allocation"
)]
pub enum Change {
    /// It is only in the new tree.
    Added(Child),
    /// It is only in the old tree.
    Removed(Child),
    /// It is in both. Of a folder this says that the folder itself changed; what is in it comes behind.
    Changed {
        /// What it was.
        old: Child,
        /// What it is.
        new: Child,
    },
}

/// See [`diff`]. After an error nothing more comes: what could not be read would pass for added or removed.
pub struct Differences<'s> {
    source: &'s dyn NodeSource,
    path: Vec<u8>,
    /// The folders that it is in, outermost first.
    open: Vec<OpenFolders<'s>>,
    /// What is in the newest difference, if that is a folder in one of the trees and was not skipped.
    descend: Option<Pair<FolderClaim>>,
}

/// Two folders at the same path.
struct OpenFolders<'s> {
    path_bytes: usize,
    old: Cursor<'s>,
    new: Cursor<'s>,
}

struct Pair<T> {
    old: Option<T>,
    new: Option<T>,
}

impl Differences<'_> {
    /// Does not go into the folder that came last.
    pub fn skip_folder(&mut self) {
        self.descend = None;
    }

    /// The next difference, `None` at the end.
    fn advance(&mut self) -> Result<Option<Difference>> {
        loop {
            if let Some(folders) = self.descend.take() {
                self.enter(folders)?;
            }
            let Some(folders) = self.open.last_mut() else {
                return Ok(None);
            };
            self.path.truncate(folders.path_bytes);
            let Some(children) = folders.next_names()? else {
                self.open.pop();
                continue;
            };
            if let Some(difference) = self.compare(children) {
                return Ok(Some(difference));
            }
        }
    }

    fn enter(&mut self, folders: Pair<FolderClaim>) -> Result<()> {
        let Some(either) = folders.old.as_ref().or(folders.new.as_ref()) else {
            return Ok(());
        };
        check_depth(self.open.len(), &either.node.id)?;
        let source = self.source;
        let cursor = |claim: Option<FolderClaim>| match claim {
            Some(claim) => Cursor::new(claim, source),
            None => Cursor::at_end(source),
        };
        self.open.push(OpenFolders {
            path_bytes: self.path.len(),
            old: cursor(folders.old),
            new: cursor(folders.new),
        });
        Ok(())
    }

    /// Whether what is at the same name differs, and what is to be compared below.
    fn compare(&mut self, children: Pair<Child>) -> Option<Difference> {
        let below = |child: &Option<Child>| child.as_ref().and_then(|child| child.folder);
        let (old, new) = (below(&children.old), below(&children.new));
        let is_same = old.map(|(node, _)| node) == new.map(|(node, _)| node);
        self.descend = (!is_same).then(|| Pair {
            old: old.as_ref().map(FolderClaim::of_folder),
            new: new.as_ref().map(FolderClaim::of_folder),
        });
        let change = match (children.old, children.new) {
            (Some(old), Some(new)) => Change::Changed { old, new },
            (Some(old), None) => Change::Removed(old),
            (None, Some(new)) => Change::Added(new),
            (None, None) => return None,
        };
        push_name(&mut self.path, change.name());
        let differs = match &change {
            Change::Changed { old, new } => old.entry != new.entry || old.link_to != new.link_to,
            _ => true,
        };
        let path = differs.then(|| self.path.clone())?;
        Some(Difference { path, change })
    }
}

impl Change {
    fn name(&self) -> &[u8] {
        match self {
            Change::Added(child) | Change::Removed(child) | Change::Changed { new: child, .. } => {
                &child.name
            }
        }
    }
}

impl OpenFolders<'_> {
    /// What is at the next name, in one of the folders or in both; nodes that both share are passed over.
    fn next_names(&mut self) -> Result<Option<Pair<Child>>> {
        loop {
            match (self.old.node_ahead(), self.new.node_ahead()) {
                (Some(old), Some(new)) if old == new => {
                    self.old.skip();
                    self.new.skip();
                }
                // Equal nodes are of equal height, so the higher one is taken apart first.
                (Some((_, old)), Some((_, new))) => {
                    if old >= new {
                        self.old.expand()?;
                    }
                    if new >= old {
                        self.new.expand()?;
                    }
                }
                (Some(_), None) => self.old.expand()?,
                (None, Some(_)) => self.new.expand()?,
                (None, None) => break,
            }
        }
        let order = match (self.old.peek(), self.new.peek()) {
            (Some(Step::Child(old)), Some(Step::Child(new))) => old.name.cmp(&new.name),
            (Some(_), _) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return Ok(None),
        };
        let old = order.is_le().then(|| self.old.next_child()).flatten();
        let new = order.is_ge().then(|| self.new.next_child()).flatten();
        Ok(Some(Pair {
            old: old.transpose()?,
            new: new.transpose()?,
        }))
    }
}

impl Iterator for Differences<'_> {
    type Item = Result<Difference>;

    fn next(&mut self) -> Option<Result<Difference>> {
        let next = self.advance();
        if next.is_err() {
            self.descend = None;
            self.open.clear();
        }
        next.transpose()
    }
}
