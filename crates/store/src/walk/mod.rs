//! What lies in the work tree: folders read by several threads, what is ignored left out, and what is unchanged forgotten at once.
//!
//! 1. Folders to be read wait in one list; each thread takes the last one, reads it, and adds its folders to the list.
//! 2. A folder is opened once, and what is in it is looked at from there (`fstatat`): one system call for each name.
//! 3. The caller is asked of each thing while it is in hand ([`Visitor::is_wanted`]). A tree of a million unchanged files takes no
//!    memory; only what is wanted is kept, and sorted at the end, so that the outcome does not depend on the threads.
//!
//! Links are not followed and nothing is opened but folders. What is gone before it could be looked at is not there; any other
//! failure is kept with its path, and the walk goes on. The store's own folder is never looked into.

mod rules;

use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, Stat, openat, statat};
use rustix::io::Errno;
use tamis_engine::control::Cancel;
use tamis_engine::stamp::Stamp;

pub use crate::staging::Kind;
use crate::staging::tree_order;
use crate::{Error, Result};
pub use rules::{RULES_FILE, Rules};

/// Something that was found.
#[derive(Clone, Debug)]
pub struct Found {
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
}

/// What a walk leaves.
#[derive(Debug, Default)]
pub struct Walked {
    /// What was wanted, in the order of the tree ([`tree_order`]).
    pub found: Vec<Found>,
    /// What could not be read.
    pub failures: Vec<(PathBuf, std::io::Error)>,
    /// What was seen in all.
    pub seen: u64,
    /// Devices, pipes and sockets, which are not kept.
    pub others: u64,
}

/// The place in the file system that paths are relative to.
#[derive(Debug)]
pub struct Root {
    /// Where it is.
    pub path: PathBuf,
    descriptor: OwnedFd,
    /// The store's folder: its device and inode.
    store: Option<(u64, u64)>,
}

impl Root {
    /// Opens the folder at `path`, which may hold the store at `store`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(path: &Path, store: &Path) -> Result<Root> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let descriptor = openat(rustix::fs::CWD, path, flags, Mode::empty())
            .map_err(|error| Error::io("open", path)(error.into()))?;
        let store = rustix::fs::stat(store).ok();
        Ok(Root {
            path: path.to_owned(),
            descriptor,
            store: store.map(|it| (it.st_dev, it.st_ino)),
        })
    }

    /// The whole path of something in it.
    pub fn path_of(&self, path: &[u8]) -> PathBuf {
        match path.is_empty() {
            true => self.path.clone(),
            false => self.path.join(OsStr::from_bytes(path)),
        }
    }

    /// Opens something in it for reading, without following a link and without waiting for a pipe.
    pub(crate) fn open_at(&self, path: &[u8]) -> rustix::io::Result<OwnedFd> {
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        openat(
            &self.descriptor,
            OsStr::from_bytes(path),
            flags,
            Mode::empty(),
        )
    }

    /// What the file system says of something in it.
    pub(crate) fn stat_at(&self, path: &[u8]) -> rustix::io::Result<Stat> {
        let path = if path.is_empty() { b"." } else { path };
        statat(
            &self.descriptor,
            OsStr::from_bytes(path),
            AtFlags::SYMLINK_NOFOLLOW,
        )
    }

    /// Where a link in it points to.
    pub(crate) fn read_link_at(&self, path: &[u8]) -> rustix::io::Result<Vec<u8>> {
        let target = rustix::fs::readlinkat(&self.descriptor, OsStr::from_bytes(path), Vec::new())?;
        Ok(target.into_bytes())
    }

    fn is_store(&self, stat: &Stat) -> bool {
        self.store == Some((stat.st_dev, stat.st_ino))
    }
}

/// What a path is, if it is something that is kept.
pub(crate) fn kind_of(stat: &Stat) -> Option<Kind> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Some(Kind::File),
        FileType::Directory => Some(Kind::Folder),
        FileType::Symlink => Some(Kind::Link),
        _ => None,
    }
}

fn found(path: &[u8], kind: Kind, stat: &Stat) -> Found {
    Found {
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
    let walk = Walk {
        root,
        visitor,
        cancel,
        state: Mutex::default(),
        changed: Condvar::new(),
    };
    for start in starts {
        walk.start(start)?;
    }
    std::thread::scope(|scope| {
        for _ in 1..threads.max(1) {
            // With fewer threads it takes longer.
            let _ = std::thread::Builder::new().spawn_scoped(scope, || walk.work());
        }
        walk.work();
    });
    cancel.check()?;
    let state = walk
        .state
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = state.error {
        return Err(error);
    }
    let mut walked = state.walked;
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
    cancel: &'a Cancel,
    state: Mutex<State>,
    /// There is a folder more to be read, or nothing more to do.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    walked: Walked,
    waiting: Vec<Folder>,
    /// Folders that are being read.
    busy: usize,
    error: Option<Error>,
}

/// A folder that is to be read.
struct Folder {
    path: Vec<u8>,
    rules: Option<Arc<Rules>>,
}

impl Walk<'_> {
    fn start(&self, path: &[u8]) -> Result<()> {
        let rules = Rules::above(self.root, path)?;
        let mut state = self.state();
        if path.is_empty() {
            state.waiting.push(Folder {
                path: Vec::new(),
                rules,
            });
            return Ok(());
        }
        if let Err(error) = self.take_folders_above(path, &mut state.walked) {
            let whole = self.root.path_of(path);
            state.walked.failures.push((whole, error));
            return Ok(());
        }
        match self.root.stat_at(path) {
            Ok(stat) if self.root.is_store(&stat) => {}
            Ok(stat) => {
                let walked = &mut state.walked;
                if self.take(path, &stat, walked) == Some(Kind::Folder) {
                    state.waiting.push(Folder {
                        path: path.to_owned(),
                        rules,
                    });
                }
            }
            // What was named and is gone has been removed.
            Err(Errno::NOENT) => {}
            Err(error) => state
                .walked
                .failures
                .push((self.root.path_of(path), error.into())),
        }
        Ok(())
    }

    /// Keeps the folders above a path that are wanted: what is in a folder is not there without it.
    fn take_folders_above(&self, path: &[u8], walked: &mut Walked) -> std::io::Result<()> {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        for (end, _) in ends {
            let folder = &path[..end];
            let stat = match self.root.stat_at(folder) {
                Ok(stat) => stat,
                // So is the path, then.
                Err(Errno::NOENT) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            if kind_of(&stat) != Some(Kind::Folder) {
                let text = "it is behind a link, and not in the work tree";
                return Err(std::io::Error::new(std::io::ErrorKind::NotADirectory, text));
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
            walked.found.push(found(path, kind, stat));
        }
        Some(kind)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads folders until there are none left.
    fn work(&self) {
        let mut walked = Walked::default();
        let mut state = self.state();
        loop {
            if self.cancel.is_cancelled() || state.error.is_some() {
                state.waiting.clear();
            }
            let Some(folder) = state.waiting.pop() else {
                if state.busy == 0 {
                    self.changed.notify_all();
                    state.walked.add(walked);
                    return;
                }
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.busy += 1;
            drop(state);
            let mut folders = Vec::new();
            let read = self.read(&folder, &mut folders, &mut walked);
            state = self.state();
            state.busy -= 1;
            match read {
                Ok(()) => {}
                // Its rules could not be read, without which nothing in it can be taken in.
                Err(Error::Io { source, .. }) => {
                    let whole = self.root.path_of(&folder.path);
                    walked.failures.push((whole, source));
                }
                Err(error) => drop(state.error.get_or_insert(error)),
            }
            if !folders.is_empty() {
                self.changed.notify_all();
                state.waiting.append(&mut folders);
            }
        }
    }

    fn read(&self, folder: &Folder, folders: &mut Vec<Folder>, walked: &mut Walked) -> Result<()> {
        let mut fail = |path: &[u8], error: Errno| {
            walked
                .failures
                .push((self.root.path_of(path), error.into()))
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let path = if folder.path.is_empty() {
            b"."
        } else {
            &folder.path[..]
        };
        let opened = openat(
            &self.root.descriptor,
            OsStr::from_bytes(path),
            flags,
            Mode::empty(),
        );
        let descriptor = match opened {
            Ok(descriptor) => descriptor,
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => {
                fail(&folder.path, error);
                return Ok(());
            }
        };
        let rules = Rules::extend(
            folder.rules.clone(),
            self.root,
            &folder.path,
            descriptor.as_fd(),
        )?;
        if let Err(error) = self.read_names(&descriptor, folder, &rules, folders, walked) {
            walked
                .failures
                .push((self.root.path_of(&folder.path), error.into()));
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
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            path.truncate(prefix);
            path.extend_from_slice(name.to_bytes());
            let is_folder = entry.file_type() == FileType::Directory;
            if rules
                .as_ref()
                .is_some_and(|it| it.is_ignored(&path, is_folder))
            {
                continue;
            }
            let stat = match statat(descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if self.root.is_store(&stat) => continue,
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(error) => {
                    walked
                        .failures
                        .push((self.root.path_of(&path), error.into()));
                    continue;
                }
            };
            if self.take(&path, &stat, walked) == Some(Kind::Folder) {
                folders.push(Folder {
                    path: path.clone(),
                    rules: rules.clone(),
                });
            }
        }
        Ok(())
    }
}

impl Walked {
    fn add(&mut self, mut more: Walked) {
        self.found.append(&mut more.found);
        self.failures.append(&mut more.failures);
        self.seen += more.seen;
        self.others += more.others;
    }
}

#[cfg(test)]
mod tests;
