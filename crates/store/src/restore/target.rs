//! The folders that are restored into: everything is done from their descriptors, by single names.
//!
//! A descriptor is held for a folder that is being filled, and for no other: trees have more folders than a process may have files open.
//! One that was let go is opened again from the target, by names that lead nowhere else ([`beneath`](crate::beneath)).

use std::ffi::OsStr;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, Timespec, Timestamps, XattrFlags, fchmod, fsetxattr, fstat,
    futimens, linkat, mkdirat, openat, renameat, renameat_with, stat, statat, symlinkat, unlinkat,
    utimensat,
};
use rustix::io::Errno;
use tamis_engine::names::show;

use crate::beneath::open_beneath;
use crate::entry::Entry;
use crate::{Error, Result};

/// A folder that things are put into.
#[derive(Debug)]
pub(super) struct Folder {
    /// Where it is, for people.
    pub(super) path: PathBuf,
    /// Where it is from the target on: names, divided by `/`.
    pub(super) below: Vec<u8>,
    descriptor: OwnedFd,
}

const FOLDER_FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

fn as_name(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}

impl Folder {
    /// Opens the folder that everything goes into, which is made if it is not there. It may be a link: the user named it.
    pub(super) fn open_target(path: &Path) -> Result<Folder> {
        fs::create_dir_all(path).map_err(Error::io("create", path))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let descriptor = openat(rustix::fs::CWD, path, flags, Mode::empty())
            .map_err(|error| Error::io("open", path)(error.into()))?;
        Ok(Folder {
            path: path.to_owned(),
            below: Vec::new(),
            descriptor,
        })
    }

    /// Refuses the folder of the store itself.
    pub(super) fn refuse_store(&self, store: &Path) -> Result<()> {
        let own = stat(store).map_err(|error| Error::io("look at", store)(error.into()))?;
        let this = fstat(&self.descriptor)
            .map_err(|error| Error::io("look at", &self.path)(error.into()))?;
        match (own.st_dev, own.st_ino) == (this.st_dev, this.st_ino) {
            true => Err(Error::Usage {
                reason: format!(
                    "`{}` is the store's own folder, and nothing is put into it",
                    show(&self.path)
                ),
            }),
            false => Ok(()),
        }
    }

    /// Opens a folder below this one, the target, that was made before.
    pub(super) fn open_below(&self, below: &[u8]) -> Result<Folder> {
        let path = match below.is_empty() {
            true => self.path.clone(),
            false => self.path.join(as_name(below)),
        };
        let error = |error: Errno| Error::io("open", &path)(error.into());
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let descriptor = open_beneath(&self.descriptor, below, flags).map_err(error)?;
        Ok(Folder {
            descriptor,
            below: below.to_owned(),
            path,
        })
    }

    /// The place of a name in it, from the target on.
    pub(super) fn below(&self, name: &[u8]) -> Vec<u8> {
        match self.below.is_empty() {
            true => name.to_owned(),
            false => [&self.below, &b"/"[..], name].concat(),
        }
    }

    pub(super) fn path_of(&self, name: &[u8]) -> PathBuf {
        self.path.join(as_name(name))
    }

    fn error(&self, action: &'static str, name: &[u8]) -> impl FnOnce(Errno) -> Error {
        let path = self.path_of(name);
        move |error| Error::Io {
            action,
            path,
            source: error.into(),
        }
    }

    /// Does something that needs the name to be free, after making it so if that is wanted.
    fn placing<T>(
        &self,
        name: &[u8],
        force: bool,
        mut place: impl FnMut() -> rustix::io::Result<T>,
    ) -> Result<T> {
        match place() {
            Err(Errno::EXIST) if force => {
                self.clear(name)?;
                place()
            }
            placed => placed,
        }
        .map_err(self.error("create", name))
    }

    /// Takes away what has a name: a file, a link (not what it leads to) or a folder that is empty.
    fn clear(&self, name: &[u8]) -> Result<()> {
        let remove = |flags| unlinkat(&self.descriptor, as_name(name), flags);
        match remove(AtFlags::empty()) {
            Err(Errno::ISDIR) => remove(AtFlags::REMOVEDIR),
            removed => removed,
        }
        .map_err(self.error("replace", name))
    }

    /// Makes a folder in it, writable for us until it is [finished](Folder::finish); one that is there already is used.
    pub(super) fn make_folder(&self, name: &[u8], force: bool) -> Result<Folder> {
        let make = || mkdirat(&self.descriptor, as_name(name), Mode::RWXU);
        let open = || openat(&self.descriptor, as_name(name), FOLDER_FLAGS, Mode::empty());
        let opened = match make() {
            Err(Errno::EXIST) if force => match open() {
                Err(Errno::NOTDIR | Errno::LOOP) => {
                    self.clear(name)?;
                    make().map_err(self.error("create", name))?;
                    open()
                }
                opened => opened,
            },
            made => made.map_err(self.error("create", name)).map(|()| open())?,
        };
        let descriptor = opened.map_err(self.error("open", name))?;
        Ok(Folder {
            path: self.path_of(name),
            below: self.below(name),
            descriptor,
        })
    }

    /// Makes a file in it that is to be called `name`, and says what it is called until it is whole and
    /// [put in place](Folder::put_in_place): who is killed before leaves no half of it under its name, and of one that is in the way
    /// nothing is lost.
    pub(super) fn make_file(&self, name: &[u8], force: bool) -> Result<(OwnedFd, Vec<u8>)> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        // Before all of it is written for nothing.
        if !force && statat(&self.descriptor, as_name(name), AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            return Err(self.error("create", name)(Errno::EXIST));
        }
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let draft = format!(".tamis-{}-{number}", std::process::id()).into_bytes();
            let mode = Mode::RUSR | Mode::WUSR;
            match openat(&self.descriptor, as_name(&draft), flags, mode) {
                // A run that had our process id was killed, and left one.
                Err(Errno::EXIST) => {}
                made => return Ok((made.map_err(self.error("create", name))?, draft)),
            }
        }
    }

    /// Gives a file that is whole its name.
    pub(super) fn put_in_place(&self, draft: &[u8], name: &[u8], force: bool) -> Result<()> {
        let (from, to) = (as_name(draft), as_name(name));
        if !force {
            let flags = RenameFlags::NOREPLACE;
            let renamed = renameat_with(&self.descriptor, from, &self.descriptor, to, flags);
            return match renamed {
                // File systems that cannot do so have hard links, and these are never put in place of anything.
                Err(Errno::INVAL | Errno::NOSYS) => {
                    let flags = AtFlags::empty();
                    let linked = linkat(&self.descriptor, from, &self.descriptor, to, flags);
                    linked.map(|()| self.remove(draft))
                }
                renamed => renamed,
            }
            .map_err(self.error("create", name));
        }
        let rename = || renameat(&self.descriptor, from, &self.descriptor, to);
        match rename() {
            Err(Errno::ISDIR) => {
                self.clear(name)?;
                rename()
            }
            renamed => renamed,
        }
        .map_err(self.error("replace", name))
    }

    pub(super) fn symlink(
        &self,
        name: &[u8],
        target: &[u8],
        entry: &Entry,
        force: bool,
    ) -> Result<()> {
        self.placing(name, force, || {
            symlinkat(as_name(target), &self.descriptor, as_name(name))
        })?;
        let times = times(entry);
        utimensat(
            &self.descriptor,
            as_name(name),
            &times,
            AtFlags::SYMLINK_NOFOLLOW,
        )
        .map_err(self.error("set the time of", name))
    }

    /// Gives a file that is there a further name.
    pub(super) fn link(
        &self,
        name: &[u8],
        first: &Folder,
        first_name: &[u8],
        force: bool,
    ) -> Result<()> {
        self.placing(name, force, || {
            linkat(
                &first.descriptor,
                as_name(first_name),
                &self.descriptor,
                as_name(name),
                AtFlags::empty(),
            )
        })
    }

    /// Takes away a file that did not become whole.
    pub(super) fn remove(&self, name: &[u8]) {
        // It is reported as not restored in any case.
        let _ = unlinkat(&self.descriptor, as_name(name), AtFlags::empty());
    }

    /// Sets mode, time and attributes, when nothing more is put in.
    pub(super) fn finish(&self, entry: &Entry) -> Result<()> {
        set_metadata(&self.descriptor, entry, &self.path)
    }
}

/// Attributes, mode and time, in the order in which none undoes another; `path` is what errors call the file.
///
/// What cannot be set keeps nothing else from being set; the error is that of the first.
pub(super) fn set_metadata(file: impl AsFd, entry: &Entry, path: &Path) -> Result<()> {
    let failed = |action| {
        let path = path.to_owned();
        move |error: Errno| Error::Io {
            action,
            path,
            source: error.into(),
        }
    };
    let attributes = set_attributes(&file, entry).map_err(failed("set an attribute of"));
    let mode = fchmod(&file, Mode::from_raw_mode(entry.mode)).map_err(failed("set the mode of"));
    let time = futimens(&file, &times(entry)).map_err(failed("set the time of"));
    attributes.and(mode).and(time)
}

/// All of them, for one that cannot be set says nothing of the others; the error is that of the first.
fn set_attributes(file: impl AsFd, entry: &Entry) -> rustix::io::Result<()> {
    let mut result = Ok(());
    for (name, value) in &entry.attributes {
        match fsetxattr(&file, as_name(name), value, XattrFlags::empty()) {
            // The file system has none, or only root may set this one: the bytes matter more.
            Err(Errno::NOTSUP | Errno::PERM) => {}
            set => result = result.and(set),
        }
    }
    result
}

/// The time of the entry, and the same as the time of the last access.
fn times(entry: &Entry) -> Timestamps {
    let time = Timespec {
        tv_sec: entry.modified_ns.div_euclid(1_000_000_000),
        tv_nsec: entry.modified_ns.rem_euclid(1_000_000_000),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}
