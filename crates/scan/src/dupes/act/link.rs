//! Links that take the place of copies, and copies that go: each step can be undone until the last.

#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, Stat, Timespec, Timestamps, XattrFlags,
    fchmod, fchown, fdatasync, fgetxattr, flistxattr, fsetxattr, fstat, futimens, ioctl_ficlone,
    linkat, openat, renameat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use tamis_engine::stamp::Stamp;

use super::{Pair, Reason, refused};
use crate::walk::{FileId, Tree};

/// Where a name is: its folder, and what it is called there.
pub(super) struct Place {
    folder: OwnedFd,
    name: OsString,
}

impl Place {
    pub(super) fn of(tree: &Tree, id: FileId) -> std::result::Result<Place, Reason> {
        let folder = tree.folder(id);
        let folder = match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = openat(CWD, folder, flags, Mode::empty());
        Ok(Place {
            folder: opened.map_err(refused("open its folder"))?,
            name: tree.name(id).to_owned(),
        })
    }

    pub(super) fn stat(&self) -> rustix::io::Result<Stat> {
        statat(&self.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Whether the name still means the file that was compared.
    pub(super) fn check(&self, expected: &Stat) -> std::result::Result<(), Reason> {
        let now = self.stat().map_err(refused("look at it"))?;
        match is_same(&now, expected) {
            true => Ok(()),
            false => Err(Reason::Changed),
        }
    }

    pub(super) fn open(&self) -> rustix::io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        openat(&self.folder, &self.name, flags, Mode::empty()).map(File::from)
    }
}

pub(super) fn is_regular(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

pub(super) fn is_same(one: &Stat, other: &Stat) -> bool {
    is_regular(one) && Stamp::of_stat(one) == Stamp::of_stat(other)
}

pub(super) fn is_same_but_for_change(one: &Stat, other: &Stat) -> bool {
    is_regular(one)
        && but_for_change(&Stamp::of_stat(one)) == but_for_change(&Stamp::of_stat(other))
}

/// A stamp without the time that moves when a file gets another name.
pub(super) fn but_for_change(stamp: &Stamp) -> Stamp {
    Stamp {
        changed_ns: 0,
        ..*stamp
    }
}

/// A name that nobody else uses, beside a copy: for a link that has no place yet, or for what is taken away.
///
/// What stands there is removed in the end only if it is what we made. What came away from another name is not ours: it is
/// looked at, and then removed, put back or kept, and that is said.
pub(super) struct Aside<'a> {
    folder: &'a OwnedFd,
    name: OsString,
    made: Option<Made>,
}

/// A file that we made, or gave another name.
struct Made {
    device: u64,
    inode: u64,
    /// Kept open, so that no other file gets its inode as long as we may have to tell them apart.
    _file: Option<File>,
}

impl Made {
    fn new(stat: &Stat, file: Option<File>) -> Made {
        Made {
            device: stat.st_dev,
            inode: stat.st_ino,
            _file: file,
        }
    }

    fn is(&self, stat: &Stat) -> bool {
        (self.device, self.inode) == (stat.st_dev, stat.st_ino)
    }
}

/// Whether a file system cannot exchange names, or cannot rename to a name only if it is free.
fn is_unknown(error: Errno) -> bool {
    matches!(error, Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP)
}

impl<'a> Aside<'a> {
    fn new(place: &'a Place) -> Aside<'a> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Aside {
            folder: &place.folder,
            name: format!(".tamis-{}-{count}.tmp", std::process::id()).into(),
            made: None,
        }
    }

    fn stat(&self) -> rustix::io::Result<Stat> {
        statat(self.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW)
    }

    fn unlink(&self) -> rustix::io::Result<()> {
        unlinkat(self.folder, &self.name, AtFlags::empty())
    }

    /// A file under this name, which was free.
    fn create(&self) -> rustix::io::Result<File> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(self.folder, &self.name, flags, Mode::RUSR | Mode::WUSR).map(File::from)
    }

    /// Why what came away stays under this name.
    fn kept(&self, error: Errno) -> Reason {
        Reason::Aside {
            kept: self.name.to_string_lossy().into_owned(),
            source: error.into(),
        }
    }

    /// The link changes places with the copy, which is then removed, unless it turns out to be something else.
    pub(super) fn take_the_place(
        self,
        place: &Place,
        expected: &Stat,
    ) -> std::result::Result<(), Reason> {
        place.check(expected)?;
        self.change_places(place, expected)
    }

    fn change_places(self, place: &Place, expected: &Stat) -> std::result::Result<(), Reason> {
        match self.exchange(place) {
            Ok(()) => self.settle(place, expected),
            // What is replaced like this cannot be put back: nothing is left of it.
            Err(error) if is_unknown(error) => {
                renameat(self.folder, &self.name, &place.folder, &place.name)
                    .map_err(refused("put the link in its place"))
            }
            Err(error) => Err(refused("put the link in its place")(error)),
        }
    }

    fn exchange(&self, place: &Place) -> rustix::io::Result<()> {
        renameat_with(
            self.folder,
            &self.name,
            &place.folder,
            &place.name,
            RenameFlags::EXCHANGE,
        )
    }

    /// Deals with what an exchange brought here.
    fn settle(mut self, place: &Place, expected: &Stat) -> std::result::Result<(), Reason> {
        // From here on this name is another file's.
        let made = self.made.take();
        let away = self.stat();
        let reason = match away.is_ok_and(|away| is_same_but_for_change(&away, expected)) {
            true => match self.unlink() {
                Ok(()) => return Ok(()),
                Err(error) => refused("remove it")(error),
            },
            false => Reason::Changed,
        };
        self.exchange(place).map_err(|error| self.kept(error))?;
        let back = self.stat().map_err(|error| self.kept(error))?;
        // It is something else again if the link was replaced, too, in the moment in which it had the place.
        if !made.is_some_and(|made| made.is(&back)) {
            return Err(self.kept(Errno::BUSY));
        }
        self.unlink().map_err(refused("remove the link"))?;
        Err(reason)
    }

    /// What a place names gets this name instead.
    fn take_away(&mut self, place: &Place) -> rustix::io::Result<()> {
        let from = (&place.folder, place.name.as_os_str());
        match rename_to_free(from, (self.folder, &self.name)) {
            Err(error) if is_unknown(error) => self.take_away_plainly(place),
            renamed => renamed,
        }
    }

    /// The same where a rename replaces whatever has the name: it gets an empty file of ours to replace.
    fn take_away_plainly(&mut self, place: &Place) -> rustix::io::Result<()> {
        let file = self.create()?;
        let stat = fstat(&file)?;
        self.made = Some(Made::new(&stat, Some(file)));
        renameat(&place.folder, &place.name, self.folder, &self.name)?;
        self.made = None;
        Ok(())
    }

    /// What was taken away gets its name back, unless that is another file's by now.
    fn give_back(&self, place: &Place) -> std::result::Result<(), Reason> {
        let to = (&place.folder, place.name.as_os_str());
        match rename_to_free((self.folder, &self.name), to) {
            Err(error) if is_unknown(error) => self.give_back_plainly(place),
            renamed => renamed.map_err(|error| self.kept(error)),
        }
    }

    /// The same where a rename replaces whatever has the name: a new link never does.
    fn give_back_plainly(&self, place: &Place) -> std::result::Result<(), Reason> {
        linkat(
            self.folder,
            &self.name,
            &place.folder,
            &place.name,
            AtFlags::empty(),
        )
        .map_err(|error| self.kept(error))?;
        self.unlink().map_err(refused("remove its second name"))
    }
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        let Some(made) = self.made.take() else {
            return;
        };
        if self.stat().is_ok_and(|stat| made.is(&stat)) {
            let _ = self.unlink(); // There is nobody to tell.
        }
    }
}

fn rename_to_free(from: (&OwnedFd, &OsStr), to: (&OwnedFd, &OsStr)) -> rustix::io::Result<()> {
    renameat_with(from.0, from.1, to.0, to.1, RenameFlags::NOREPLACE)
}

/// Removes a copy, unless it turns out to be something else, or the original under another name.
pub(super) fn remove(
    place: &Place,
    expected: &Stat,
    original: (&Place, &Stat),
    original_name: &str,
) -> std::result::Result<(), Reason> {
    place.check(expected)?;
    // It goes away in two steps, of which the first can be undone.
    let mut away = Aside::new(place);
    away.take_away(place).map_err(refused("remove it"))?;
    remove_from(&away, place, expected, original, original_name)
}

/// Removes what was taken away, or gives it back.
fn remove_from(
    away: &Aside<'_>,
    place: &Place,
    expected: &Stat,
    (original_place, original): (&Place, &Stat),
    original_name: &str,
) -> std::result::Result<(), Reason> {
    let moved = away.stat();
    let is_expected = moved.is_ok_and(|moved| is_same_but_for_change(&moved, expected));
    let reason = match original_place.stat() {
        _ if !is_expected => Reason::Changed,
        Ok(now) if is_same_but_for_change(&now, original) => match away.unlink() {
            Ok(()) => return Ok(()),
            Err(error) => refused("remove it")(error),
        },
        Ok(_) => Reason::OriginalChanged {
            original: original_name.to_owned(),
        },
        // One file system may be mounted twice.
        Err(Errno::NOENT) => Reason::Same {
            original: original_name.to_owned(),
        },
        Err(error) => refused("look at its original")(error),
    };
    away.give_back(place)?;
    Err(reason)
}

/// A second name of the original, beside the copy.
pub(super) fn hard_link<'a>(
    original: &Place,
    place: &'a Place,
    expected: &Stat,
) -> std::result::Result<Aside<'a>, Reason> {
    let mut link = Aside::new(place);
    linkat(
        &original.folder,
        &original.name,
        link.folder,
        &link.name,
        AtFlags::empty(),
    )
    .map_err(refused("link to its original"))?;
    // Whatever it leads to: we have just made this name, and what it leads to has another one.
    let made = link.stat().map_err(refused("look at the link"))?;
    link.made = Some(Made::new(&made, None));
    if !is_same_but_for_change(&made, expected) {
        return Err(Reason::Changed);
    }
    Ok(link)
}

/// A file that shares the blocks of the original and is like the copy in all else, beside the copy.
pub(super) fn reflink<'a>(pair: &Pair, place: &'a Place) -> std::result::Result<Aside<'a>, Reason> {
    let mut link = Aside::new(place);
    let file = link.create().map_err(refused("make a file beside it"))?;
    let made = fstat(&file).map_err(refused("look at the link"))?;
    let held = file.try_clone().map_err(|source| Reason::Refused {
        what: "look at the link",
        source,
    })?;
    link.made = Some(Made::new(&made, Some(held)));
    ioctl_ficlone(&file, &pair.original).map_err(|error| match error {
        Errno::OPNOTSUPP | Errno::NOSYS | Errno::NOTTY => Reason::NoReflinks,
        error => refused("share the blocks of its original")(error),
    })?;
    let stat = &pair.copy_stat;
    copy_attributes(&pair.copy, &file).map_err(refused("keep its attributes"))?;
    fchown(
        &file,
        Some(Uid::from_raw(stat.st_uid)),
        Some(Gid::from_raw(stat.st_gid)),
    )
    .map_err(refused("keep its owner"))?;
    fchmod(&file, Mode::from_raw_mode(stat.st_mode)).map_err(refused("keep its mode"))?;
    let times = Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    };
    futimens(&file, &times).map_err(refused("keep its times"))?;
    fdatasync(&file).map_err(refused("write the link"))?;
    Ok(link)
}

fn time(seconds: i64, nanoseconds: u64) -> Timespec {
    Timespec {
        tv_sec: seconds,
        tv_nsec: i64::try_from(nanoseconds).unwrap_or(0),
    }
}

/// Attributes beyond mode, owner and times: access lists, and what users have set. Those of the system are made by the system.
fn copy_attributes(from: &File, to: impl AsFd) -> rustix::io::Result<()> {
    let mut list = vec![0_u8; 64 << 10];
    let len = match flistxattr(from, &mut list[..]) {
        Ok(len) => len,
        Err(Errno::OPNOTSUPP) => 0,
        Err(error) => return Err(error),
    };
    let names = list[..len].split(|&byte| byte == 0);
    let is_ours =
        |name: &&[u8]| name.starts_with(b"user.") || name.starts_with(b"system.posix_acl");
    for name in names.filter(is_ours).map(OsStr::from_bytes) {
        let mut value = vec![0_u8; 64 << 10];
        let len = fgetxattr(from, name, &mut value[..])?;
        fsetxattr(&to, name, &value[..len], XattrFlags::empty())?;
    }
    Ok(())
}
