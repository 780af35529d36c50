//! All that is in a folder and in the folders below, in the order of the tree.

use crate::Result;

use super::claim::{FolderClaim, check_depth};
use super::cursor::Cursor;
use super::{Child, NodeRef, NodeSource, push_name};

/// Goes through a folder that is at `path` (empty for the root): each child, and behind a folder what is in it.
pub fn walk<'s>(path: &[u8], folder: NodeRef, source: &'s dyn NodeSource) -> Walk<'s> {
    Walk {
        source,
        path: path.to_vec(),
        open: vec![OpenFolder {
            path_bytes: path.len(),
            cursor: Cursor::new(FolderClaim::of_root(folder), source),
        }],
        descend: None,
    }
}

/// What a walk came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its path.
    pub path: Vec<u8>,
    /// What it is; its name is the end of the path.
    pub child: Child,
}

/// See [`walk`]. A node that cannot be read is an error, and what was in it is missing; behind it the walk goes on.
pub struct Walk<'s> {
    source: &'s dyn NodeSource,
    /// Of the newest child.
    path: Vec<u8>,
    /// The folders that the walk is in, outermost first.
    open: Vec<OpenFolder<'s>>,
    /// What is in the newest child, if it is a folder that was not skipped.
    descend: Option<FolderClaim>,
}

struct OpenFolder<'s> {
    path_bytes: usize,
    cursor: Cursor<'s>,
}

impl Walk<'_> {
    /// Does not go into the folder that came last.
    pub fn skip_folder(&mut self) {
        self.descend = None;
    }

    /// The path of the folder that the walk is in: after an error, of the one that could not be read whole.
    pub fn folder(&self) -> &[u8] {
        let path_bytes = self.open.last().map_or(0, |folder| folder.path_bytes);
        &self.path[..path_bytes]
    }

    fn enter(&mut self, claim: FolderClaim) -> Result<()> {
        check_depth(self.open.len(), &claim.node.id)?;
        self.open.push(OpenFolder {
            path_bytes: self.path.len(),
            cursor: Cursor::new(claim, self.source),
        });
        Ok(())
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<Found>;

    fn next(&mut self) -> Option<Result<Found>> {
        if let Some(claim) = self.descend.take()
            && let Err(error) = self.enter(claim)
        {
            return Some(Err(error));
        }
        loop {
            let folder = self.open.last_mut()?;
            self.path.truncate(folder.path_bytes);
            let child = match folder.cursor.next_child() {
                Some(Ok(child)) => child,
                Some(Err(error)) => return Some(Err(error)),
                None => {
                    self.open.pop();
                    continue;
                }
            };
            push_name(&mut self.path, &child.name);
            self.descend = child.folder.as_ref().map(FolderClaim::of_folder);
            let path = self.path.clone();
            return Some(Ok(Found { path, child }));
        }
    }
}
