//! The way back: files out of the store, as they were.
//!
//! 1. The tree is walked in order; folders are made on the way, each from its parent's descriptor and by a single name, without following a
//!    link. So whatever a tree says, and whatever lies in the target already, nothing is written outside of it.
//! 2. Files go to all threads in batches, long ones in pieces. Every chunk is held against its id before it is written.
//! 3. When all are there, further names of files are linked, and folders get their times and modes, the innermost first.
//!
//! A file that cannot be had whole is removed and reported; the others are not held up by it.

mod file;
mod inside;
mod target;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tamis_engine::pipeline::{self, Flow, Options};

use crate::entry::{Content, Entry};
use crate::progress::{Phase, StoreProgress};
use crate::staging::is_below;
use crate::store::Store;
use crate::tree::{Child, NodeRef, children};
use crate::{Error, Result};
use file::{Piece, write_small};
use target::Folder;

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
    /// What is not there, and why.
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
        let mut folders = Vec::new();
        let mut links = Vec::new();
        let mut planned = Restored::default();
        let mut restored = Restored::default();
        self.refuse_inside(target)?;
        let target = Arc::new(Folder::open_target(target)?);
        let tops = wanted
            .iter()
            .map(|it| (it.path.clone(), it.child.name.clone()));
        let tasks = Tasks {
            store: self,
            options,
            target: &target,
            tops: tops.collect(),
            stack: vec![Open {
                below: Vec::new(),
                folder: Some(target.clone()),
                children: Box::new(wanted.into_iter().map(Ok)),
            }],
            piece: None,
            done: &mut planned,
            folders: &mut folders,
            links: &mut links,
            first_names: HashMap::new(),
        };
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
                restored.take(outcomes, options);
                Ok(Flow::Continue)
            },
        )?;
        restored.folders = planned.folders;
        restored.links = planned.links;
        restored.failures.append(&mut planned.failures);
        for link in links {
            match link.make(&target, options.force) {
                Ok(()) => restored.links += 1,
                Err(error) => restored.failures.push((target.path_of(&link.below), error)),
            }
        }
        options.progress.enter(Phase::Writing);
        for (below, entry) in folders.into_iter().rev() {
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
                    result: write_small(self, &folder, &child, options.force)
                        .map(|bytes| (bytes, true)),
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
    /// How many bytes are there, and whether that makes a file whole.
    result: Result<(u64, bool)>,
}

impl Restored {
    fn take(&mut self, outcomes: Vec<Outcome>, options: &RestoreOptions) {
        for outcome in outcomes {
            match outcome.result {
                Ok((bytes, is_whole)) => {
                    self.files += u64::from(is_whole);
                    self.bytes += bytes;
                    options.progress.done(u64::from(is_whole), bytes);
                }
                // Of a long file each piece after the damage says so.
                Err(_)
                    if self
                        .failures
                        .last()
                        .is_some_and(|(path, _)| *path == outcome.path) => {}
                Err(error) => self.failures.push((outcome.path, error)),
            }
        }
    }
}

/// Work for one thread.
enum Task {
    Small(Vec<(Arc<Folder>, Child)>),
    Piece(Piece),
}

/// A folder that is being walked.
struct Open<'s> {
    /// Where it is from the target on.
    below: Vec<u8>,
    /// Let go as long as another one in it is walked.
    folder: Option<Arc<Folder>>,
    children: Box<dyn Iterator<Item = Result<Wanted>> + Send + 's>,
}

/// A further name of a file; both from the target on.
struct Link {
    below: Vec<u8>,
    first: Vec<u8>,
}

impl Link {
    fn make(&self, target: &Folder, force: bool) -> Result<()> {
        let (folder, name) = split(&self.below);
        let (first_folder, first_name) = split(&self.first);
        let first_folder = target.open_below(first_folder)?;
        let folder = target.open_below(folder)?;
        folder.link(name, &first_folder, first_name, force)
    }
}

/// A path as its folder and its last name.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(end) => (&path[..end], &path[end + 1..]),
        None => (b"", path),
    }
}

/// The tree as tasks, in order; folders and symbolic links are made on the way.
struct Tasks<'s, 't> {
    store: &'s Store,
    options: &'t RestoreOptions,
    target: &'t Arc<Folder>,
    /// What was asked for: where it is in the commit, and where it comes to lie from the target on.
    tops: Vec<(Vec<u8>, Vec<u8>)>,
    stack: Vec<Open<'s>>,
    /// A long file of which pieces are left.
    piece: Option<Piece>,
    done: &'t mut Restored,
    folders: &'t mut Vec<(Vec<u8>, Entry)>,
    links: &'t mut Vec<Link>,
    /// Files whose first name was not asked for: what of their names came first, from the target on.
    first_names: HashMap<Vec<u8>, Vec<u8>>,
}

impl Iterator for Tasks<'_, '_> {
    type Item = tamis_engine::Result<Task>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(piece) = self.piece.take() {
            self.piece = piece.next();
            return Some(Ok(Task::Piece(piece)));
        }
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < BATCH_FILES && bytes < BATCH_BYTES {
            let Some(open) = self.stack.last_mut() else {
                break;
            };
            let wanted = match open.children.next() {
                None => {
                    self.stack.pop();
                    continue;
                }
                Some(Err(error)) => {
                    let path = self.target.path_of(&open.below);
                    self.done.failures.push((path, error));
                    continue;
                }
                Some(Ok(wanted)) => wanted,
            };
            let opened = match open.folder.clone() {
                Some(folder) => Ok(folder),
                None => self.target.open_below(&open.below).map(Arc::new),
            };
            let folder = match opened {
                Ok(folder) => open.folder.insert(folder).clone(),
                Err(error) => {
                    let path = self.target.path_of(&open.below);
                    self.done.failures.push((path, error));
                    self.stack.pop();
                    continue;
                }
            };
            match self.place(&folder, wanted) {
                Ok(None) => {}
                Ok(Some(Placed::Small(child, len_bytes))) => {
                    bytes += len_bytes;
                    batch.push((folder, child));
                }
                Ok(Some(Placed::Long(piece))) => {
                    self.piece = Some(piece);
                    break;
                }
                Err((path, error)) => self.done.failures.push((path, error)),
            }
        }
        match (batch.is_empty(), self.piece.is_some()) {
            (false, _) => Some(Ok(Task::Small(batch))),
            (true, true) => self.next(),
            (true, false) => None,
        }
    }
}

/// A file whose bytes are still to be written.
enum Placed {
    Small(Child, u64),
    Long(Piece),
}

impl Tasks<'_, '_> {
    /// Makes what needs no bytes.
    fn place(
        &mut self,
        folder: &Arc<Folder>,
        Wanted { path, child }: Wanted,
    ) -> std::result::Result<Option<Placed>, (PathBuf, Error)> {
        let whole = folder.path_of(&child.name);
        let fail = |error| (whole.clone(), error);
        if let Some(first) = &child.link_to {
            let below = folder.below(&child.name);
            match self.first_name(first) {
                Some(first) => {
                    self.links.push(Link { below, first });
                    return Ok(None);
                }
                None => drop(self.first_names.insert(first.clone(), below)),
            }
        }
        match &child.entry.content {
            Content::Link { target } => {
                let made = folder.symlink(&child.name, target, &child.entry, self.options.force);
                made.map_err(fail)?;
                self.done.links += 1;
                Ok(None)
            }
            Content::Folder => {
                let inner = folder
                    .make_folder(&child.name, self.options.force)
                    .and_then(|inner| inner.refuse_store(self.store.folder()).map(|()| inner))
                    .map_err(fail)?;
                let inner = Arc::new(inner);
                self.done.folders += 1;
                if let Some((node, _)) = child.folder {
                    let children = children(node, self.store.objects()).map(move |child| {
                        let child = child?;
                        let path = [&path[..], b"/", &child.name[..]].concat();
                        Ok(Wanted { path, child })
                    });
                    if let Some(outer) = self.stack.last_mut() {
                        outer.folder = None;
                    }
                    self.stack.push(Open {
                        below: inner.below.clone(),
                        folder: Some(inner.clone()),
                        children: Box::new(children),
                    });
                }
                self.folders.push((inner.below.clone(), child.entry));
                Ok(None)
            }
            Content::File { len_bytes, .. } => {
                let len_bytes = *len_bytes;
                Ok(Some(match len_bytes > PIECE_BYTES {
                    false => Placed::Small(child, len_bytes),
                    true => {
                        Placed::Long(Piece::first(folder, child, self.options.force).map_err(fail)?)
                    }
                }))
            }
        }
    }

    /// Where the first name of a file comes to lie, if it was asked for, or another of its names came before.
    fn first_name(&self, first: &[u8]) -> Option<Vec<u8>> {
        let asked_for = self.tops.iter().find(|(top, _)| is_below(first, top));
        match asked_for {
            Some((top, below)) => Some([&below[..], &first[top.len()..]].concat()),
            None => self.first_names.get(first).cloned(),
        }
    }
}
