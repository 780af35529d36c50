//! All that a tree refers to, for what collects, verifies or sends it.

use crate::Result;
use crate::entry::{Body, Content, Run};
use crate::id::ObjectId;

use super::claim::{FolderClaim, FolderItems, ListItems, check_depth, open_folder, open_list};
use super::{Child, NodeRef, NodeSource};

/// What is referred to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// A node of a folder.
    Folder,
    /// A node of a chunk list.
    List,
    /// A chunk.
    Chunk {
        /// Its length.
        len_bytes: u32,
    },
}

/// Tells `mark` of everything that a folder refers to, itself first, nodes before what is in them.
///
/// `mark` says whether to go into a node: not if it was there before, or trees that share folders take for ever. For
/// chunks its answer is not looked at. Memory is that of a node of each level and folder, not of the tree.
///
/// # Errors
/// What `mark` and [`NodeSource::node`] give, and [`BadObject`](crate::Error::BadObject).
pub(crate) fn references(
    root: NodeRef,
    source: &dyn NodeSource,
    mark: &mut dyn FnMut(&ObjectId, Reference) -> Result<bool>,
) -> Result<()> {
    references_and_links(root, source, mark, &mut false)
}

/// As [`references`]; `has_links` becomes true once a further name of a file is met.
///
/// # Errors
/// As [`references`].
pub(crate) fn references_and_links(
    root: NodeRef,
    source: &dyn NodeSource,
    mark: &mut dyn FnMut(&ObjectId, Reference) -> Result<bool>,
    has_links: &mut bool,
) -> Result<()> {
    let root = Pending::Folder {
        claim: FolderClaim::of_root(root),
        passed: None,
        depth: 0,
    };
    Marking::from(root, source, mark, has_links).run()
}

/// As [`references`], of the bytes of one file.
///
/// # Errors
/// As [`references`].
pub(crate) fn references_of_body(
    body: &Body,
    len_bytes: u64,
    source: &dyn NodeSource,
    mark: &mut dyn FnMut(&ObjectId, Reference) -> Result<bool>,
) -> Result<()> {
    match body {
        Body::Empty => Ok(()),
        Body::Runs(runs) => mark_runs(runs, mark),
        Body::List { root, height } => {
            let (id, height) = (*root, *height);
            let node = NodeRef { id, height };
            let list = Pending::List { node, len_bytes };
            Marking::from(list, source, mark, &mut false).run()
        }
    }
}

/// A node that is still to be gone into.
enum Pending {
    Folder {
        claim: FolderClaim,
        passed: Option<Vec<u8>>,
        depth: usize,
    },
    List {
        node: NodeRef,
        len_bytes: u64,
    },
}

struct Marking<'m> {
    source: &'m dyn NodeSource,
    mark: &'m mut dyn FnMut(&ObjectId, Reference) -> Result<bool>,
    has_links: &'m mut bool,
    /// In reverse.
    pending: Vec<Pending>,
}

impl<'m> Marking<'m> {
    fn from(
        first: Pending,
        source: &'m dyn NodeSource,
        mark: &'m mut dyn FnMut(&ObjectId, Reference) -> Result<bool>,
        has_links: &'m mut bool,
    ) -> Marking<'m> {
        Marking {
            source,
            mark,
            has_links,
            pending: vec![first],
        }
    }

    fn run(mut self) -> Result<()> {
        while let Some(next) = self.pending.pop() {
            let mut found = Vec::new();
            match next {
                Pending::Folder {
                    claim,
                    passed,
                    depth,
                } => {
                    if (self.mark)(&claim.node.id, Reference::Folder)? {
                        self.open_folder(&claim, passed.as_deref(), depth, &mut found)?;
                    }
                }
                Pending::List { node, len_bytes } => {
                    if (self.mark)(&node.id, Reference::List)? {
                        self.open_list(&node, len_bytes, &mut found)?;
                    }
                }
            }
            self.pending.extend(found.into_iter().rev());
        }
        Ok(())
    }

    fn open_folder(
        &mut self,
        claim: &FolderClaim,
        passed: Option<&[u8]>,
        depth: usize,
        found: &mut Vec<Pending>,
    ) -> Result<()> {
        check_depth(depth, &claim.node.id)?;
        match open_folder(self.source, claim, passed)? {
            FolderItems::Leaf(children) => children
                .iter()
                .try_for_each(|child| self.mark_child(child, depth, found)),
            FolderItems::Branch(parts) => {
                let mut passed = passed.map(<[u8]>::to_vec);
                for part in parts {
                    let last = part.below.last.clone();
                    found.push(Pending::Folder {
                        claim: FolderClaim::of_part(part, claim.node.height - 1),
                        passed: passed.replace(last),
                        depth,
                    });
                }
                Ok(())
            }
        }
    }

    fn mark_child(&mut self, child: &Child, depth: usize, found: &mut Vec<Pending>) -> Result<()> {
        *self.has_links |= child.link_to.is_some();
        if let Some(folder) = &child.folder {
            found.push(Pending::Folder {
                claim: FolderClaim::of_folder(folder),
                passed: None,
                depth: depth + 1,
            });
        }
        match &child.entry.content {
            Content::File {
                body: Body::Runs(runs),
                ..
            } => mark_runs(runs, self.mark),
            Content::File {
                body: Body::List { root, height },
                len_bytes,
                ..
            } => {
                found.push(Pending::List {
                    node: NodeRef {
                        id: *root,
                        height: *height,
                    },
                    len_bytes: *len_bytes,
                });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn open_list(
        &mut self,
        node: &NodeRef,
        len_bytes: u64,
        found: &mut Vec<Pending>,
    ) -> Result<()> {
        match open_list(self.source, node, len_bytes)? {
            ListItems::Leaf(runs) => mark_runs(&runs, self.mark),
            ListItems::Branch(parts) => {
                found.extend(parts.into_iter().map(|part| Pending::List {
                    node: NodeRef {
                        id: part.id,
                        height: node.height - 1,
                    },
                    len_bytes: part.bytes,
                }));
                Ok(())
            }
        }
    }
}

fn mark_runs(
    runs: &[Run],
    mark: &mut dyn FnMut(&ObjectId, Reference) -> Result<bool>,
) -> Result<()> {
    runs.iter().try_for_each(|run| {
        let len_bytes = run.len_bytes;
        mark(&run.id, Reference::Chunk { len_bytes }).map(drop)
    })
}
