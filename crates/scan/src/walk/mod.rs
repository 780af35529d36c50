//! All regular files below some folders, found by several threads, with what the file system says of each.
//!
//! 1. Threads take folders from one list, and add those that they find in them ([`frontier`]).
//! 2. A folder is opened once and its files are looked at from there (`fstatat`): one system call for each file, with a short
//!    name. Nothing is opened but folders.
//! 3. What a folder holds is added to the [`Tree`] at once. Order comes at the end: that of the arguments, then of the
//!    folders' paths, then of names; it does not depend on the threads.
//!
//! Links are not followed, unless they were named. A folder that is met twice (named twice, or bound to two places) is
//! read once. Devices, pipes and sockets are counted and left alone. What is gone before it could be looked at is
//! not there; any other failure is kept with its path, and the walk goes on.
//!
//! The store has a walk of its own (`tamis-store`), for it wants other things of one: rules in each folder, links and folders as results, and
//! that nobody can lead it out of its root. Here what was named may be anywhere, and files alone count.

mod tree;

use std::collections::HashSet;
use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ignore::overrides::{Override, OverrideBuilder};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;
use tamis_engine::control::{Cancel, Progress};
use tamis_engine::frontier;
use tamis_engine::stamp::Stamp;

use crate::{Error, Result};
pub use tree::{File, FileId, Tree};

/// How folders are searched.
#[derive(Clone, Debug)]
pub struct WalkOptions {
    /// Threads that read folders.
    pub threads: usize,
    /// Whether folders on other devices than the one that was named are left out.
    pub one_file_system: bool,
    /// Which files are wanted, as ripgrep's `-g` has it: `*.rs`, or `!*.rs` for all others.
    pub globs: Vec<String>,
    /// Stops it from outside.
    pub cancel: Cancel,
    /// Counts files as records.
    pub progress: Progress,
}

impl Default for WalkOptions {
    fn default() -> WalkOptions {
        WalkOptions {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            one_file_system: false,
            globs: Vec::new(),
            cancel: Cancel::new(),
            progress: Progress::new(),
        }
    }
}

/// Finds all files below `roots`; a root may be a file.
///
/// `is_wanted` is asked of each file, and those that are not are left out.
///
/// # Errors
/// [`Error::Glob`] for a pattern that is none, [`Interrupted`](tamis_engine::Error::Interrupted) once cancelled.
pub fn walk(
    roots: &[PathBuf],
    options: &WalkOptions,
    is_wanted: impl Fn(&Stamp) -> bool + Sync,
) -> Result<Tree> {
    let walk = Walk {
        globs: globs(&options.globs)?,
        options,
        is_wanted: &is_wanted,
        state: Mutex::default(),
    };
    for (root, path) in roots.iter().enumerate() {
        // One after the other, so that what two of them reach belongs to the first.
        if let Some(folder) = walk.start(root as u32, path) {
            walk.finish(folder)?;
        }
        options.cancel.check()?;
    }
    let mut state = walk
        .state
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    state.tree.sort();
    Ok(state.tree)
}

/// The patterns as one.
fn globs(globs: &[String]) -> Result<Override> {
    let bad = |glob: &str, error: ignore::Error| Error::Glob {
        glob: glob.to_owned(),
        reason: error.to_string(),
    };
    let mut builder = OverrideBuilder::new("");
    for glob in globs {
        builder.add(glob).map_err(|error| bad(glob, error))?;
    }
    builder
        .build()
        .map_err(|error| bad(&globs.join(" "), error))
}

/// A walk that is under way.
struct Walk<'a, F> {
    options: &'a WalkOptions,
    globs: Override,
    is_wanted: &'a F,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tree: Tree,
    /// By device and number.
    seen: HashSet<(u64, u64)>,
}

/// A folder that is to be read.
struct Folder {
    path: PathBuf,
    root: u32,
    /// The device of the root, once that is known.
    device: Option<u64>,
    /// A link is followed if it was named.
    is_root: bool,
}

/// What was found in one folder.
#[derive(Default)]
struct Batch {
    files: Vec<(Vec<u8>, Stamp, u64)>,
    folders: Vec<Folder>,
    failures: Vec<(PathBuf, Errno)>,
    /// Links, devices, pipes and sockets.
    others: u64,
}

impl<F: Fn(&Stamp) -> bool + Sync> Walk<'_, F> {
    /// Looks at a root; what is to be read, if it is a folder.
    fn start(&self, root: u32, path: &Path) -> Option<Folder> {
        let mut state = self.state();
        let stat = match statat(CWD, path, AtFlags::empty()) {
            Ok(stat) => stat,
            Err(error) => {
                state.tree.failures.push((path.to_owned(), error.into()));
                return None;
            }
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                return Some(Folder {
                    path: path.to_owned(),
                    root,
                    device: None,
                    is_root: true,
                });
            }
            FileType::RegularFile => {
                let (parent, name) = match (path.parent(), path.file_name()) {
                    (Some(parent), Some(name)) => (parent, name),
                    _ => (Path::new(""), path.as_os_str()),
                };
                let stamp = Stamp::of_stat(&stat);
                if (self.is_wanted)(&stamp) {
                    let folder = state.tree.add_folder(parent.to_owned(), root);
                    state
                        .tree
                        .add_file(folder, name.as_bytes(), stamp, stat.st_nlink);
                }
            }
            _ => state.tree.others += 1,
        }
        None
    }

    /// Reads a folder, and those below it.
    fn finish(&self, folder: Folder) -> Result<()> {
        let (threads, cancel) = (self.options.threads, &self.options.cancel);
        frontier::exhaust(
            vec![folder],
            threads,
            cancel,
            || (),
            |(), folder, more| {
                if let Some(mut batch) = self.read(&folder) {
                    self.options.progress.add_records(batch.files.len() as u64);
                    more.append(&mut batch.folders);
                    self.state().take(folder, batch);
                }
                Ok(())
            },
        )
        .map(drop)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in a folder; `None` if it is none of ours.
    fn read(&self, folder: &Folder) -> Option<Batch> {
        let mut batch = Batch::default();
        if let Err(error) = self.read_into(folder, &mut batch)?
            && (error != Errno::NOENT || folder.is_root)
        {
            batch.failures.push((folder.path.clone(), error));
        }
        Some(batch)
    }

    fn read_into(&self, folder: &Folder, batch: &mut Batch) -> Option<rustix::io::Result<()>> {
        let mut flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        if !folder.is_root {
            // What was a folder a moment ago may be a link now.
            flags |= OFlags::NOFOLLOW;
        }
        let path = match folder.path.as_os_str().is_empty() {
            true => Path::new("."),
            false => &folder.path,
        };
        let opened = openat(CWD, path, flags, Mode::empty()).and_then(|it| Ok((fstat(&it)?, it)));
        let (stat, descriptor) = match opened {
            Ok(opened) => opened,
            Err(error) => return Some(Err(error)),
        };
        let device = folder.device.unwrap_or(stat.st_dev);
        if self.options.one_file_system && stat.st_dev != device {
            return None;
        }
        if !self.state().seen.insert((stat.st_dev, stat.st_ino)) {
            return None;
        }
        Some(self.read_entries(descriptor, folder, device, batch))
    }

    fn read_entries(
        &self,
        descriptor: rustix::fd::OwnedFd,
        folder: &Folder,
        device: u64,
        batch: &mut Batch,
    ) -> rustix::io::Result<()> {
        let mut entries = Dir::new(descriptor)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let found = match entry.file_type() {
                FileType::RegularFile if self.is_left_out(folder, name, false) => continue,
                FileType::RegularFile | FileType::Unknown => {
                    statat(entries.fd()?, name, AtFlags::SYMLINK_NOFOLLOW).map(Some)
                }
                FileType::Directory => Ok(None),
                _ => {
                    batch.others += 1;
                    continue;
                }
            };
            let kind = |stat: &Stat| FileType::from_raw_mode(stat.st_mode);
            match found {
                Err(Errno::NOENT) => {}
                Err(error) => batch.failures.push((path_of(folder, name), error)),
                Ok(Some(stat)) if kind(&stat) == FileType::RegularFile => {
                    let stamp = Stamp::of_stat(&stat);
                    if (self.is_wanted)(&stamp) && !self.is_left_out(folder, name, false) {
                        let name = name.to_bytes().to_owned();
                        batch.files.push((name, stamp, stat.st_nlink));
                    }
                }
                Ok(stat)
                    if stat
                        .as_ref()
                        .is_none_or(|it| kind(it) == FileType::Directory) =>
                {
                    if !self.is_left_out(folder, name, true) {
                        batch.folders.push(Folder {
                            path: path_of(folder, name),
                            root: folder.root,
                            device: Some(device),
                            is_root: false,
                        });
                    }
                }
                Ok(_) => batch.others += 1,
            }
        }
        Ok(())
    }

    fn is_left_out(&self, folder: &Folder, name: &CStr, is_folder: bool) -> bool {
        !self.globs.is_empty()
            && self
                .globs
                .matched(path_of(folder, name), is_folder)
                .is_ignore()
    }
}

impl State {
    fn take(&mut self, folder: Folder, batch: Batch) {
        self.tree.others += batch.others;
        let failures = batch.failures.into_iter();
        self.tree
            .failures
            .extend(failures.map(|(path, error)| (path, error.into())));
        if !batch.files.is_empty() {
            let folder = self.tree.add_folder(folder.path, folder.root);
            for (name, stamp, links) in batch.files {
                self.tree.add_file(folder, &name, stamp, links);
            }
        }
    }
}

fn path_of(folder: &Folder, name: &CStr) -> PathBuf {
    folder.path.join(OsStr::from_bytes(name.to_bytes()))
}

#[cfg(test)]
mod tests;
