//! The way back: files out of the store, as they were.
//!
//! 1. The tree is walked in order; folders are made on the way, each from its parent's descriptor and by a single name, without following a
//!    link. So whatever a tree says, and whatever lies in the target already, nothing is written outside of it.
//! 2. Files go to all threads in batches, long ones in pieces. Every chunk is held against its id before it is written.
//! 3. When all are there, further names of files are linked, and folders get their times and modes, the innermost first.
//!
//! A file that cannot be had whole is removed and reported; the others are not held up by it. One that is whole and could not be given its
//! time, mode or attributes is reported, and stays.

mod file;
mod inside;
mod target;
mod tasks;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tamis_engine::pipeline::{self, Flow, Options};

use crate::progress::{Phase, StoreProgress};
use crate::store::Store;
use crate::tree::{Child, NodeRef, children};
use crate::{Error, Result};
use file::{Written, write_small};
use target::Folder;
use tasks::{Met, Task, Tasks};

/// Files are handed to threads in batches of so many bytes at most, or of so many files.
const BATCH_BYTES: u64 = 4 << 20;
const BATCH_FILES: usize = 64;
/// Longer files are written in pieces of this length.
const PIECE_BYTES: u64 = 16 << 20;

/// How files are put in place.
#[derive(Clone, Debug, Default)]
pub struct RestoreOptions {
    /// Replace what is in the way.
    pub force: bool,
    /// Told how far it is.
    pub progress: StoreProgress,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Restored {
    /// Files that are there now.
    pub files: u64,
    /// Folders that were made.
    pub folders: u64,
    /// Links, and further names of files.
    pub links: u64,
    /// Bytes in these files.
    pub bytes: u64,
    /// What is not there, or without its time, mode or attributes; and why.
    pub failures: Vec<(PathBuf, Error)>,
}

/// Something to be restored: a name, and what is there in the store.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Where it is in the commit, from the root.
    pub path: Vec<u8>,
    /// What it is.
    pub child: Child,
}

impl Store {
    /// Puts all of a tree into `target`, which is made if it is not there.
    ///
    /// # Errors
    /// [`Error::Usage`] if the target is in the store's own folder, [`Error::Io`] if it cannot be written to; [`Interrupted`](tamis_engine::Error::Interrupted). What could not be restored is part
    /// of the result.
    pub fn restore_tree(
        &self,
        root: NodeRef,
        target: &Path,
        options: &RestoreOptions,
    ) -> Result<Restored> {
        let mut items = Vec::new();
        let mut failures = Vec::new();
        for child in children(root, self.objects()) {
            match child {
                Ok(child) => items.push(Wanted {
                    path: child.name.clone(),
                    child,
                }),
                Err(error) => failures.push((target.to_owned(), error)),
            }
        }
        let mut restored = self.restore(items, target, options)?;
        restored.failures.append(&mut failures);
        Ok(restored)
    }

    /// Puts each of `wanted` into `target`, by the last part of its path, with everything below.
    ///
    /// # Errors
    /// As [`restore_tree`](Store::restore_tree).
    pub fn restore(
        &self,
        wanted: Vec<Wanted>,
        target: &Path,
        options: &RestoreOptions,
    ) -> Result<Restored> {
        options.progress.enter(Phase::Processing);
        for item in &wanted {
            let totals = item.child.totals();
            options.progress.expect(totals.files, totals.bytes);
        }
        let mut met = Met::default();
        let mut restored = Restored::default();
        // Files that are not there.
        let mut failed = HashSet::new();
        self.refuse_inside(target)?;
        let target = Arc::new(Folder::open_target(target)?);
        let tasks = Tasks::new(self, options, &target, wanted, &mut met);
        let run = Options {
            threads: self.settings().thread_count(),
            cancel: self.cancel().clone(),
            ..Options::default()
        };
        pipeline::run_items(
            "the store",
            tasks,
            &run,
            || (),
            |(), task| Ok(self.carry_out(task, options)),
            |outcomes: Vec<Outcome>| {
                restored.take(outcomes, options, &mut failed);
                Ok(Flow::Continue)
            },
        )?;
        if !met.links.is_empty() {
            failed.extend(met.restored.failures.iter().map(|it| it.0.clone()));
            // Of a folder that was made, something in it failed, and the rest is there.
            failed.remove(&target.path);
            for (below, _) in &met.folders {
                failed.remove(&target.path_of(below));
            }
        }
        restored.add(met.restored);
        for link in met.links {
            // What has that name then is not ours.
            let first = target.path_of(&link.first);
            let made = match first.ancestors().any(|it| failed.contains(it)) {
                true => Err(Error::io("link to", &first)(std::io::Error::other(
                    "it could not be restored",
                ))),
                false => link.make(&target, options.force),
            };
            match made {
                Ok(()) => restored.links += 1,
                Err(error) => restored.failures.push((target.path_of(&link.below), error)),
            }
        }
        options.progress.enter(Phase::Writing);
        for (below, entry) in met.folders.into_iter().rev() {
            let folder = target.open_below(&below);
            if let Err(error) = folder.and_then(|it| it.finish(&entry)) {
                restored.failures.push((target.path_of(&below), error));
            }
        }
        Ok(restored)
    }

    fn carry_out(&self, task: Task, options: &RestoreOptions) -> Vec<Outcome> {
        match task {
            Task::Small(files) => {
                let written = files.into_iter().map(|(folder, child)| Outcome {
                    path: folder.path_of(&child.name),
                    result: write_small(self, &folder, &child, options.force),
                });
                written.collect()
            }
            Task::Piece(piece) => vec![Outcome {
                path: piece.path(),
                result: piece.write(self),
            }],
        }
    }
}

/// What became of a file, or of a piece of one.
struct Outcome {
    path: PathBuf,
    result: Result<Written>,
}

impl Restored {
    fn add(&mut self, mut met: Restored) {
        self.folders += met.folders;
        self.links += met.links;
        self.failures.append(&mut met.failures);
    }

    fn take(
        &mut self,
        outcomes: Vec<Outcome>,
        options: &RestoreOptions,
        failed: &mut HashSet<PathBuf>,
    ) {
        for Outcome { path, result } in outcomes {
            match result {
                Ok(written) => {
                    self.files += u64::from(written.is_whole);
                    self.bytes += written.bytes;
                    options
                        .progress
                        .done(u64::from(written.is_whole), written.bytes);
                    self.failures
                        .extend(written.undressed.map(|error| (path, error)));
                }
                // Of a long file each piece after the damage says so.
                Err(error) => {
                    if failed.insert(path.clone()) {
                        self.failures.push((path, error));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
