//! The way through a tree: folders and symbolic links are made on it, files become tasks for all threads.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::file::Piece;
use super::target::Folder;
use super::{BATCH_BYTES, BATCH_FILES, PIECE_BYTES, RestoreOptions, Restored, Wanted};
use crate::entry::{Content, Entry};
use crate::path::{is_below, leads_to_store};
use crate::store::{FOLDER, Store};
use crate::tree::{Child, check_path, children, lookup};
use crate::{Error, Result};

/// Work for one thread.
pub(super) enum Task {
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
pub(super) struct Link {
    pub(super) below: Vec<u8>,
    pub(super) first: Vec<u8>,
}

impl Link {
    pub(super) fn make(&self, target: &Folder, force: bool) -> Result<()> {
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

/// What was met on the way besides files.
#[derive(Default)]
pub(super) struct Met {
    /// Folders and symbolic links that were made, and what could not be.
    pub(super) restored: Restored,
    /// These folders, the outermost first: each gets its time and mode when it is filled.
    pub(super) folders: Vec<(Vec<u8>, Entry)>,
    /// Names to be given when all files are there.
    pub(super) links: Vec<Link>,
}

/// The tree as tasks, in order; folders and symbolic links are made on the way.
pub(super) struct Tasks<'s, 't> {
    store: &'s Store,
    options: &'t RestoreOptions,
    target: &'t Arc<Folder>,
    /// What was asked for: where it is in the commit, and what it is; it comes to lie in the target.
    tops: Vec<(Vec<u8>, Child)>,
    stack: Vec<Open<'s>>,
    /// A long file of which pieces are left.
    piece: Option<Piece>,
    met: &'t mut Met,
    /// Files whose first name was not asked for: what of their names came first, from the target on, and what they are.
    first_names: HashMap<Vec<u8>, (Vec<u8>, Entry)>,
}

impl<'s, 't> Tasks<'s, 't> {
    /// Tasks that put each of `wanted` into `target`.
    pub(super) fn new(
        store: &'s Store,
        options: &'t RestoreOptions,
        target: &'t Arc<Folder>,
        wanted: Vec<Wanted>,
        met: &'t mut Met,
    ) -> Tasks<'s, 't> {
        let tops = wanted.iter().map(|it| (it.path.clone(), it.child.clone()));
        Tasks {
            store,
            options,
            target,
            tops: tops.collect(),
            stack: vec![Open {
                below: Vec::new(),
                folder: Some(target.clone()),
                children: Box::new(wanted.into_iter().map(Ok)),
            }],
            piece: None,
            met,
            first_names: HashMap::new(),
        }
    }
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
                    self.met.restored.failures.push((path, error));
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
                    self.met.restored.failures.push((path, error));
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
                Err((path, error)) => self.met.restored.failures.push((path, error)),
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
        if leads_to_store(&child.name) {
            let reason = format!(
                "a store is called `{FOLDER}`, and none is made of what is in a commit; `add` keeps nothing of that name"
            );
            return Err(fail(Error::Usage { reason }));
        }
        if let Some(first) = &child.link_to {
            let below = folder.below(&child.name);
            match self.first_name(first, &child.entry).map_err(fail)? {
                First::Placed(first) => {
                    self.met.links.push(Link { below, first });
                    return Ok(None);
                }
                First::This => {
                    let named = (below, child.entry.clone());
                    self.first_names.insert(first.clone(), named);
                }
                First::Other => {}
            }
        }
        match &child.entry.content {
            Content::Link { target } => {
                let made = folder.symlink(&child.name, target, &child.entry, self.options.force);
                made.map_err(fail)?;
                self.met.restored.links += 1;
                Ok(None)
            }
            Content::Folder => {
                if let Some((node, _)) = &child.folder {
                    check_path(&path, &node.id).map_err(fail)?;
                }
                let inner = folder
                    .make_folder(&child.name, self.options.force)
                    .and_then(|inner| inner.refuse_store(self.store.folder()).map(|()| inner))
                    .map_err(fail)?;
                let inner = Arc::new(inner);
                self.met.restored.folders += 1;
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
                self.met.folders.push((inner.below.clone(), child.entry));
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

    /// What the first name of a file is to the one of its names at hand, which has this entry. A name is believed if it
    /// leads to the same: what was asked for may be of several commits, and a tree may have been made by anybody.
    fn first_name(&self, first: &[u8], entry: &Entry) -> Result<First> {
        let asked_for = self.tops.iter().find(|(top, _)| is_below(first, top));
        let Some((top, child)) = asked_for else {
            return Ok(match self.first_names.get(first) {
                None => First::This,
                Some((below, named)) if named == entry => First::Placed(below.clone()),
                Some(_) => First::Other,
            });
        };
        let inside = first.get(top.len() + 1..);
        let found = match (inside, child.folder) {
            (None, _) => Some(child.clone()),
            (Some(inside), Some((node, _))) => lookup(node, inside, self.store.objects())?,
            (Some(_), None) => None,
        };
        let is_it = found.is_some_and(|found| {
            let is_file = matches!(found.entry.content, Content::File { .. });
            is_file && found.link_to.is_none() && found.entry == *entry
        });
        Ok(match is_it {
            true => First::Placed([&child.name[..], &first[top.len()..]].concat()),
            false => First::Other,
        })
    }
}

/// What the first name of a file is to another of its names.
enum First {
    /// It comes to lie there, from the target on.
    Placed(Vec<u8>),
    /// It was not asked for, and this name stands for it.
    This,
    /// It is something else: this is a file by itself.
    Other,
}
