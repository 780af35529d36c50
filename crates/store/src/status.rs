//! `status`: what the next commit would change, and what in the work tree is not staged so.
//!
//! Nothing is locked and no file is read: a file that looks as it did when it was staged is taken for unchanged, and one that looks
//! otherwise for changed, even if its bytes are the same. That is what `add` would read again.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tamis_engine::stamp::Stamp;

use crate::path::{is_below, tree_order};
use crate::staging::{Change, Kind, Known, Roll, Staging};
use crate::store::Store;
use crate::walk::{Root, Visitor, walk};
use crate::{Error, Result};

/// What differs between the last commit, the staging and the work tree.
#[derive(Debug, Default)]
pub struct Status {
    /// What the next commit changes, in the order of the tree.
    pub staged: Vec<Change>,
    /// What is staged, and otherwise in the work tree; and what it is there, or was when it was staged if it is gone.
    pub unstaged: BTreeMap<Vec<u8>, (Unstaged, Kind)>,
    /// What is in the work tree and not staged; of a folder in which nothing is staged, the folder alone.
    pub untracked: Vec<(Vec<u8>, Kind)>,
    /// What could not be looked at.
    pub failures: Vec<(PathBuf, std::io::Error)>,
}

/// How something in the work tree differs from what is staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unstaged {
    /// It looks otherwise.
    Modified,
    /// It is something else: a file is a folder now, or a link.
    Retyped,
    /// It is gone.
    Deleted,
}

impl Store {
    /// Compares the last commit, the staging and what is at and below `starts` in the work tree.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Io`]; [`Interrupted`](tamis_engine::Error::Interrupted).
    pub fn status(&self, work_tree: &Path, starts: &[Vec<u8>]) -> Result<Status> {
        let staging = Staging::open(&self.staging_folder())?;
        let root = Root::open(work_tree, self.folder())?;
        let comparison = Comparison {
            roll: staging.roll(),
            differences: Mutex::default(),
        };
        let threads = self.settings().thread_count();
        let walked = walk(&root, starts, threads, &comparison, self.cancel())?;
        let missing = comparison.roll.missing(starts)?;
        let differences = comparison
            .differences
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = differences.error {
            return Err(error);
        }
        let mut status = Status {
            unstaged: differences.unstaged,
            failures: walked.failures,
            ..Status::default()
        };
        let failed: HashSet<&Path> = status.failures.iter().map(|it| it.0.as_path()).collect();
        for path in missing {
            // What is in a folder that could not be read may still be there.
            let whole = root.path_of(&path);
            if whole.ancestors().any(|it| failed.contains(it)) {
                continue;
            }
            if let Some(known) = staging.known(&path)? {
                status
                    .unstaged
                    .insert(path, (Unstaged::Deleted, known.kind));
            }
        }
        let mut covering: Option<Vec<u8>> = None;
        for item in walked.found {
            let is_covered = covering
                .as_ref()
                .is_some_and(|folder| is_below(&item.path, folder));
            if is_covered {
                continue;
            }
            if item.kind == Kind::Folder {
                covering = Some(item.path.to_vec());
            }
            status.untracked.push((item.path.into(), item.kind));
        }
        status.staged = staging.changes().collect::<Result<_>>()?;
        let staged = &mut status.staged;
        staged.sort_by(|left, right| tree_order(&left.path, &right.path));
        Ok(status)
    }
}

/// Holds what a walk meets against what is staged.
struct Comparison<'s> {
    roll: Roll<'s>,
    differences: Mutex<Differences>,
}

/// What was noticed on the way.
#[derive(Default)]
struct Differences {
    unstaged: BTreeMap<Vec<u8>, (Unstaged, Kind)>,
    error: Option<Error>,
}

impl Comparison<'_> {
    fn differences(&self) -> MutexGuard<'_, Differences> {
        self.differences
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visitor for Comparison<'_> {
    fn knows(&self, path: &[u8]) -> bool {
        self.roll.knows(path)
    }

    /// What is not staged at all is kept by the walk.
    fn is_wanted(&self, path: &[u8], kind: Kind, stamp: &Stamp) -> bool {
        let known = match self.roll.meet(path) {
            Ok(known) => known,
            Err(error) => {
                self.differences().error.get_or_insert(error);
                return false;
            }
        };
        let Some(known) = known else { return true };
        if let Some(unstaged) = difference(&known, kind, stamp) {
            self.differences()
                .unstaged
                .insert(path.to_owned(), (unstaged, kind));
        }
        false
    }
}

fn difference(known: &Known, kind: Kind, stamp: &Stamp) -> Option<Unstaged> {
    if known.kind != kind {
        return Some(Unstaged::Retyped);
    }
    let is_same = match kind {
        // Its time changes with everything in it, which speaks for itself.
        Kind::Folder => true,
        // A stamp that could not be trusted was that of a file that had just been written: the size and the time still tell most.
        Kind::File | Kind::Link => {
            known.vouches_for(stamp)
                || !known.is_trusted
                    && known.stamp.len_bytes == stamp.len_bytes
                    && known.stamp.modified_ns == stamp.modified_ns
        }
    };
    (!is_same).then_some(Unstaged::Modified)
}
