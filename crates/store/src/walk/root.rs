//! The work tree's root, from which everything in it is looked at and opened.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, openat, readlinkat};
use rustix::io::Errno;

use super::Kind;
use crate::beneath::open_beneath;
use crate::{Error, Result};

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

    /// Whether there is anything, of whatever kind.
    pub fn has(&self, path: &[u8]) -> bool {
        !matches!(self.stat_at(path), Err(Errno::NOENT | Errno::NOTDIR))
    }

    /// Opens something in it for reading, without waiting for a pipe. As all below: by a path without a link on the way or at the end.
    pub(crate) fn open_at(&self, path: &[u8]) -> rustix::io::Result<OwnedFd> {
        self.open_as(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)
    }

    /// Opens a folder in it, to be read.
    pub(crate) fn open_folder_at(&self, path: &[u8]) -> rustix::io::Result<OwnedFd> {
        self.open_as(path, OFlags::RDONLY | OFlags::DIRECTORY)
    }

    /// What the file system says of something in it.
    pub(crate) fn stat_at(&self, path: &[u8]) -> rustix::io::Result<Stat> {
        fstat(self.open_itself(path)?)
    }

    /// Where a link in it points to.
    pub(crate) fn read_link_at(&self, path: &[u8]) -> rustix::io::Result<Vec<u8>> {
        let link = self.open_itself(path)?;
        // An empty path is the link that is open (readlinkat(2)).
        let target = readlinkat(link, "", Vec::new())?;
        Ok(target.into_bytes())
    }

    /// Opens something for looking at it; a link itself.
    fn open_itself(&self, path: &[u8]) -> rustix::io::Result<OwnedFd> {
        self.open_as(path, OFlags::PATH | OFlags::NOFOLLOW)
    }

    fn open_as(&self, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
        open_beneath(&self.descriptor, path, flags)
    }

    pub(super) fn is_store(&self, stat: &Stat) -> bool {
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
