//! What lies in the work tree: folders read by several threads, what is ignored left out, and what is unchanged forgotten at once.
//!
//! 1. Threads take folders from one list, and add those that they find in them ([`frontier`]).
//! 2. A folder is opened once, from the root and without a link on the way ([`beneath`](crate::beneath)), and what is in it is looked at from
//!    there (`fstatat`): one system call for each name.
//! 3. The caller is asked of each thing while it is in hand ([`Visitor::is_wanted`]). A tree of a million unchanged files takes no
//!    memory; only what is wanted is kept, and sorted at the end, so that the outcome does not depend on the threads.
//!
//! Links are not followed, also if one takes the place of a folder meanwhile, and nothing is opened but folders. What is gone before it could be looked at is not there; any other
//! failure is kept with its path, and the walk goes on. The store's own folder is never looked into, nor is anything called as stores
//! are ([`leads_to_store`]).

mod root;
mod rules;

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, RawDir, Stat, statat};
use rustix::io::Errno;
use tamis_engine::control::Cancel;
use tamis_engine::frontier;
use tamis_engine::stamp::Stamp;

use crate::path::{has_room_below, leads_to_store, tree_order};
pub use crate::staging::Kind;
use crate::store::FOLDER;
use crate::{Error, Result};
pub use root::Root;
pub(crate) use root::kind_of;
pub use rules::{RULES_FILE, Rules};

/// Something in the work tree.
#[derive(Clone, Debug)]
pub struct Item {
    /// Where, from the work tree's root.
    pub path: Box<[u8]>,
    /// What it is.
    pub kind: Kind,
    /// Its state.
    pub stamp: Stamp,
    /// The twelve permission bits.
    pub mode: u32,
    /// How many names the file has.
    pub links: u32,
}

/// Who is asked, and told, while a walk goes on; from several threads.
pub trait Visitor: Sync {
    /// Whether the walk should keep this. Folders are descended into either way.
    fn is_wanted(&self, path: &[u8], kind: Kind, stamp: &Stamp) -> bool;

    /// Whether a path is staged already: then no rule leaves it out. Of a folder that is left out, what is known in it is met.
    fn knows(&self, _path: &[u8]) -> bool {
        false
    }
}

/// What a walk leaves.
#[derive(Debug, Default)]
pub struct Walked {
    /// What was wanted, in the order of the tree ([`tree_order`]).
    pub found: Vec<Item>,
    /// What could not be read.
    pub failures: Vec<(PathBuf, io::Error)>,
    /// What was seen in all.
    pub seen: u64,
    /// Devices, pipes and sockets, which are not kept.
    pub others: u64,
}

fn item(path: &[u8], kind: Kind, stat: &Stat) -> Item {
    Item {
        path: path.into(),
        kind,
        stamp: Stamp::of_stat(stat),
        mode: stat.st_mode & 0o7777,
        links: u32::try_from(stat.st_nlink).unwrap_or(u32::MAX),
    }
}

/// Walks over everything at and below `starts`, which are paths in `root` (the empty one is all of it).
///
/// # Errors
/// [`Error::Io`] if a file of rules cannot be read, [`Error::Usage`] if there is no sense in it;
/// [`Interrupted`](tamis_engine::Error::Interrupted) once cancelled.
pub fn walk(
    root: &Root,
    starts: &[Vec<u8>],
    threads: usize,
    visitor: &dyn Visitor,
    cancel: &Cancel,
) -> Result<Walked> {
    let walk = Walk { root, visitor };
    let mut walked = Walked::default();
    let mut folders = Vec::new();
    for start in starts {
        walk.start(start, &mut folders, &mut walked)?;
    }
    let read = |walked: &mut Walked, folder: Folder, more: &mut Vec<Folder>| match walk
        .read(&folder, more, walked)
    {
        // Its rules could not be read, without which nothing in it can be taken in.
        Err(Error::Io { source, .. }) => {
            walked.fail(root, &folder.path, source);
            Ok(())
        }
        read => read,
    };
    for part in frontier::exhaust(folders, threads, cancel, Walked::default, read)? {
        walked.add(part);
    }
    walked
        .found
        .sort_unstable_by(|left, right| tree_order(&left.path, &right.path));
    let kept = walked.found.len();
    walked.found.dedup_by(|next, kept| next.path == kept.path);
    walked.seen -= (kept - walked.found.len()) as u64;
    Ok(walked)
}

/// A walk that is under way.
struct Walk<'a> {
    root: &'a Root,
    visitor: &'a dyn Visitor,
}

/// A folder that is to be read.
struct Folder {
    path: Vec<u8>,
    rules: Option<Arc<Rules>>,
    /// Whether a rule leaves it out, and all that nobody knows in it.
    is_left_out: bool,
}

impl Walk<'_> {
    /// Looks at a path that was named.
    fn start(&self, path: &[u8], folders: &mut Vec<Folder>, walked: &mut Walked) -> Result<()> {
        if path.is_empty() {
            return self.start_folder(path, folders);
        }
        if leads_to_store(path) {
            let reason = format!("a store is called `{FOLDER}`, and nothing of that name is kept");
            walked.fail(self.root, path, io::Error::other(reason));
            return Ok(());
        }
        let found = self
            .take_folders_above(path, walked)
            .and_then(|()| self.root.stat_at(path));
        match found {
            Ok(stat) if self.root.is_store(&stat) => {}
            Ok(stat) => {
                if self.take(path, &stat, walked) == Some(Kind::Folder) {
                    return self.start_folder(path, folders);
                }
            }
            // What was named and is gone has been removed, also if a file took the place of a folder above.
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(error) => walked.fail(self.root, path, reason(error)),
        }
        Ok(())
    }

    /// Lets a folder be read, by the rules of those above.
    fn start_folder(&self, path: &[u8], folders: &mut Vec<Folder>) -> Result<()> {
        folders.push(Folder {
            path: path.to_owned(),
            rules: Rules::above(self.root, path)?,
            is_left_out: false,
        });
        Ok(())
    }

    /// Keeps the folders above a path that are wanted: what is in a folder is not there without it.
    fn take_folders_above(&self, path: &[u8], walked: &mut Walked) -> rustix::io::Result<()> {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        for (end, _) in ends {
            let folder = &path[..end];
            let stat = match self.root.stat_at(folder) {
                Ok(stat) => stat,
                // So is the path, then.
                Err(Errno::NOENT) => return Ok(()),
                Err(error) => return Err(error),
            };
            match kind_of(&stat) {
                Some(Kind::Folder) => {}
                Some(Kind::Link) => return Err(Errno::LOOP),
                _ => return Err(Errno::NOTDIR),
            }
            let kept = walked.found.len();
            self.take(folder, &stat, walked);
            // They were not asked for, so those that are as they were do not count.
            walked.seen -= u64::from(walked.found.len() == kept);
        }
        Ok(())
    }

    /// Counts something, and keeps it if it is wanted.
    fn take(&self, path: &[u8], stat: &Stat, walked: &mut Walked) -> Option<Kind> {
        let Some(kind) = kind_of(stat) else {
            walked.others += 1;
            return None;
        };
        walked.seen += 1;
        if self.visitor.is_wanted(path, kind, &Stamp::of_stat(stat)) {
            walked.found.push(item(path, kind, stat));
        }
        Some(kind)
    }

    fn read(&self, folder: &Folder, folders: &mut Vec<Folder>, walked: &mut Walked) -> Result<()> {
        let descriptor = match self.root.open_folder_at(&folder.path) {
            Ok(descriptor) => descriptor,
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => {
                walked.fail(self.root, &folder.path, reason(error));
                return Ok(());
            }
        };
        let rules = Rules::extend(
            folder.rules.clone(),
            self.root,
            &folder.path,
            descriptor.as_fd(),
        )?;
        if !has_room_below(&folder.path) {
            let reason = "what is in it has longer paths than can be kept";
            walked.fail(self.root, &folder.path, io::Error::other(reason));
            return Ok(());
        }
        if let Err(error) = self.read_names(&descriptor, folder, &rules, folders, walked) {
            walked.fail(self.root, &folder.path, reason(error));
        }
        Ok(())
    }

    fn read_names(
        &self,
        descriptor: &OwnedFd,
        folder: &Folder,
        rules: &Option<Arc<Rules>>,
        folders: &mut Vec<Folder>,
        walked: &mut Walked,
    ) -> rustix::io::Result<()> {
        let mut buffer = [MaybeUninit::uninit(); 32 << 10];
        let mut entries = RawDir::new(descriptor, &mut buffer);
        let mut path = folder.path.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        let prefix = path.len();
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") || leads_to_store(name.to_bytes()) {
                continue;
            }
            path.truncate(prefix);
            path.extend_from_slice(name.to_bytes());
            let is_folder = entry.file_type() == FileType::Directory;
            let is_ignored = || {
                rules
                    .as_ref()
                    .is_some_and(|it| it.is_ignored(&path, is_folder))
            };
            let is_left_out = folder.is_left_out || is_ignored();
            if is_left_out && !self.visitor.knows(&path) {
                continue;
            }
            let stat = match statat(descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if self.root.is_store(&stat) => continue,
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(error) => {
                    walked.fail(self.root, &path, reason(error));
                    continue;
                }
            };
            if self.take(&path, &stat, walked) == Some(Kind::Folder) {
                folders.push(Folder {
                    path: path.clone(),
                    rules: rules.clone(),
                    is_left_out,
                });
            }
        }
        Ok(())
    }
}

impl Walked {
    fn fail(&mut self, root: &Root, path: &[u8], error: io::Error) {
        self.failures.push((root.path_of(path), error));
    }

    fn add(&mut self, mut more: Walked) {
        self.found.append(&mut more.found);
        self.failures.append(&mut more.failures);
        self.seen += more.seen;
        self.others += more.others;
    }
}

/// Why something could not be looked at, for people.
fn reason(error: Errno) -> io::Error {
    match error {
        Errno::LOOP => io::Error::other("it is behind a link, and not in the work tree"),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests;
