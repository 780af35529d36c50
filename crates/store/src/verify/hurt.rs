//! The names of the files that need what is lost.
//!
//! Folders in which nothing is hurt are remembered by their ids, so that of a thousand commits only what differs is looked at. The walk
//! keeps a stack of its own: folders may be nested deeper than a thread's stack is.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Hurt, Report};
use crate::commit::Commit;
use crate::entry::{Body, Content};
use crate::id::{CommitId, ObjectId};
use crate::objects::Objects;
use crate::staging::Staging;
use crate::store::Store;
use crate::tree::{Child, Children, NodeSource, check_depth, children, references_of_body};
use crate::{Error, Result};

/// Tells `report` of every file, and of every folder that cannot be listed whole.
pub(super) fn find(
    store: &Store,
    commits: &[(CommitId, Commit)],
    staging: Option<&Staging>,
    report: &mut Report,
) -> Result<()> {
    let source = Losing {
        objects: store.objects(),
        lost: Mutex::default(),
    };
    let mut search = Search {
        store,
        source: &source,
        report,
        sound: HashSet::new(),
    };
    for (id, commit) in commits {
        search.search(*id, commit)?;
    }
    // A record that cannot be read was told of.
    let sorted = staging.and_then(|staging| staging.sorted().ok());
    for (path, staged) in sorted.into_iter().flatten().flatten() {
        let problem = search.problem_of(&staged.entry.content);
        let commit = None;
        if let Some(problem) = problem {
            search.report.hurt(problem, Hurt { commit, path });
        }
    }
    Ok(())
}

/// Reads nodes, and remembers the last that it could not read.
struct Losing<'s> {
    objects: &'s Objects,
    lost: Mutex<Option<ObjectId>>,
}

impl Losing<'_> {
    fn take_lost(&self) -> Option<ObjectId> {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.take()
    }
}

impl NodeSource for Losing<'_> {
    fn node(&self, id: &ObjectId) -> Result<Arc<[u8]>> {
        let node = self.objects.node(id);
        if node.is_err() {
            let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
            *lost = Some(*id);
        }
        node
    }
}

struct Search<'s, 'r> {
    store: &'s Store,
    source: &'s Losing<'s>,
    report: &'r mut Report,
    /// Folders and lists without anything that is hurt.
    sound: HashSet<ObjectId>,
}

/// A folder that the search is in.
struct Open<'s> {
    id: ObjectId,
    path_bytes: usize,
    children: Children<'s>,
    is_sound: bool,
}

impl<'s> Search<'s, '_> {
    fn search(&mut self, commit: CommitId, of: &Commit) -> Result<()> {
        let mut path = Vec::new();
        let mut open = Vec::new();
        self.enter(commit, of.root, &path, &mut open);
        while let Some(folder) = open.last_mut() {
            self.store.cancel().check()?;
            path.truncate(folder.path_bytes);
            let Some(child) = folder.children.next() else {
                let folder = open.pop().expect("it was there a moment ago");
                self.leave(&folder, open.last_mut());
                continue;
            };
            match child {
                Ok(child) => {
                    if !path.is_empty() {
                        path.push(b'/');
                    }
                    path.extend_from_slice(&child.name);
                    self.visit(commit, &child, &path, &mut open);
                }
                Err(error) => {
                    folder.is_sound = false;
                    let problem = self.problem_of_error(&error);
                    self.tell(problem, commit, &path);
                }
            }
        }
        Ok(())
    }

    fn visit(&mut self, commit: CommitId, child: &Child, path: &[u8], open: &mut Vec<Open<'s>>) {
        if let Some((folder, _)) = &child.folder {
            self.enter(commit, *folder, path, open);
            return;
        }
        let problem = self.problem_of(&child.entry.content);
        if problem.is_some() {
            if let Some(folder) = open.last_mut() {
                folder.is_sound = false;
            }
            self.tell(problem, commit, path);
        }
    }

    /// Goes into a folder, unless nothing is hurt in it, or it cannot be read.
    fn enter(
        &mut self,
        commit: CommitId,
        folder: crate::tree::NodeRef,
        path: &[u8],
        open: &mut Vec<Open<'s>>,
    ) {
        if self.sound.contains(&folder.id) {
            return;
        }
        let problem = self.report.loss(&folder.id);
        if problem.is_some() {
            if let Some(parent) = open.last_mut() {
                parent.is_sound = false;
            }
            self.tell(problem, commit, path);
            return;
        }
        // The walk before came to no end there either, and told of it.
        if check_depth(open.len(), &folder.id).is_err() {
            if let Some(parent) = open.last_mut() {
                parent.is_sound = false;
            }
            return;
        }
        open.push(Open {
            id: folder.id,
            path_bytes: path.len(),
            children: children(folder, self.source),
            is_sound: true,
        });
    }

    fn leave(&mut self, folder: &Open<'_>, parent: Option<&mut Open<'s>>) {
        match (folder.is_sound, parent) {
            (true, _) => {
                self.sound.insert(folder.id);
            }
            (false, Some(parent)) => parent.is_sound = false,
            (false, None) => {}
        }
    }

    fn tell(&mut self, problem: Option<usize>, commit: CommitId, path: &[u8]) {
        let hurt = Hurt {
            commit: Some(commit),
            path: path.to_vec(),
        };
        if let Some(problem) = problem {
            self.report.hurt(problem, hurt);
        }
    }

    /// What keeps the bytes of a file from being had.
    fn problem_of(&mut self, content: &Content) -> Option<usize> {
        let Content::File {
            len_bytes, body, ..
        } = content
        else {
            return None;
        };
        let list = match body {
            Body::List { root, .. } => Some(*root),
            _ => None,
        };
        if list.is_some_and(|id| self.sound.contains(&id)) {
            return None;
        }
        let mut problem = None;
        let report = &*self.report;
        let walked = references_of_body(body, *len_bytes, self.source, &mut |id, _| {
            problem = problem.or(report.loss(id));
            Ok(problem.is_none())
        });
        if let Err(error) = walked {
            problem = problem.or(self.problem_of_error(&error));
        }
        if let (Some(id), None) = (list, problem) {
            self.sound.insert(id);
        }
        problem
    }

    fn problem_of_error(&self, error: &Error) -> Option<usize> {
        let lost = self.source.take_lost();
        let bad = match error {
            Error::BadObject { id, .. } => id.parse().ok(),
            _ => None,
        };
        lost.or(bad).and_then(|id| self.report.loss(&id))
    }
}
