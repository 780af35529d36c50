//! Links that take the place of copies, and copies that go: each step can be undone until the last.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, Stat, Timespec, Timestamps, XattrFlags,
    fchmod, fchown, fdatasync, fgetxattr, flistxattr, fsetxattr, futimens, ioctl_ficlone, linkat,
    openat, renameat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use tamis_engine::stamp::Stamp;

use super::{Pair, Reason, refused};
use crate::walk::{FileId, Tree, stamp_of};

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
    is_regular(one) && stamp_of(one) == stamp_of(other)
}

pub(super) fn is_same_but_for_change(one: &Stat, other: &Stat) -> bool {
    is_regular(one) && but_for_change(&stamp_of(one)) == but_for_change(&stamp_of(other))
}

/// A stamp without the time that moves when a file gets another name.
pub(super) fn but_for_change(stamp: &Stamp) -> Stamp {
    Stamp {
        changed_ns: 0,
        ..*stamp
    }
}

/// A link that has no place yet; removed unless it gets one.
pub(super) struct Link<'a> {
    folder: &'a OwnedFd,
    name: OsString,
    is_placed: bool,
}

impl<'a> Link<'a> {
    /// A name that nobody uses, beside a copy.
    fn beside(place: &'a Place) -> Link<'a> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Link {
            folder: &place.folder,
            name: format!(".tamis-{}-{count}.tmp", std::process::id()).into(),
            // There is nothing to be removed before something was made.
            is_placed: true,
        }
    }

    /// Changes places with the copy, which is then removed, unless it turns out to be something else.
    pub(super) fn take_the_place(
        mut self,
        place: &Place,
        expected: &Stat,
    ) -> std::result::Result<(), Reason> {
        place.check(expected)?;
        let what = "put the link in its place";
        let exchange = || {
            renameat_with(
                self.folder,
                &self.name,
                &place.folder,
                &place.name,
                RenameFlags::EXCHANGE,
            )
        };
        match exchange() {
            Ok(()) => {
                let away = statat(self.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW);
                if away.is_ok_and(|away| is_same_but_for_change(&away, expected)) {
                    return Ok(());
                }
                exchange().map_err(refused("put it back"))?;
                Err(Reason::Changed)
            }
            // Not every file system can.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                renameat(self.folder, &self.name, &place.folder, &place.name)
                    .map_err(refused(what))?;
                self.is_placed = true;
                Ok(())
            }
            Err(error) => Err(refused(what)(error)),
        }
    }
}

impl Drop for Link<'_> {
    fn drop(&mut self) {
        if !self.is_placed {
            let _ = unlinkat(self.folder, &self.name, AtFlags::empty()); // There is nobody to tell.
        }
    }
}

/// Removes a copy, unless it turns out to be something else, or the original under another name.
pub(super) fn remove(
    place: &Place,
    expected: &Stat,
    original_place: &Place,
    original: &str,
) -> std::result::Result<(), Reason> {
    place.check(expected)?;
    // It goes away in two steps, of which the first can be undone.
    let away = Link::beside(place);
    let rename = |from: &OsStr, to: &OsStr| {
        renameat_with(
            &place.folder,
            from,
            &place.folder,
            to,
            RenameFlags::NOREPLACE,
        )
    };
    match rename(&place.name, &away.name) {
        Ok(()) => {}
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            return unlinkat(&place.folder, &place.name, AtFlags::empty())
                .map_err(refused("remove it"));
        }
        Err(error) => return Err(refused("remove it")(error)),
    }
    let moved = statat(&place.folder, &away.name, AtFlags::SYMLINK_NOFOLLOW);
    let is_expected = moved.is_ok_and(|moved| is_same_but_for_change(&moved, expected));
    // One file system may be mounted twice.
    let is_original_left = original_place.stat().is_ok();
    if !(is_expected && is_original_left) {
        rename(&away.name, &place.name).map_err(refused("put it back"))?;
        return Err(match is_original_left {
            true => Reason::Changed,
            false => Reason::Same {
                original: original.to_owned(),
            },
        });
    }
    unlinkat(&place.folder, &away.name, AtFlags::empty()).map_err(refused("remove it"))
}

/// A second name of the original, beside the copy.
pub(super) fn hard_link<'a>(
    original: &Place,
    place: &'a Place,
    expected: &Stat,
) -> std::result::Result<Link<'a>, Reason> {
    let mut link = Link::beside(place);
    linkat(
        &original.folder,
        &original.name,
        link.folder,
        &link.name,
        AtFlags::empty(),
    )
    .map_err(refused("link to its original"))?;
    link.is_placed = false;
    let made = statat(link.folder, &link.name, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(refused("look at the link"))?;
    if !is_same_but_for_change(&made, expected) {
        return Err(Reason::Changed);
    }
    Ok(link)
}

/// A file that shares the blocks of the original and is like the copy in all else, beside the copy.
pub(super) fn reflink<'a>(pair: &Pair, place: &'a Place) -> std::result::Result<Link<'a>, Reason> {
    let mut link = Link::beside(place);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(link.folder, &link.name, flags, Mode::RUSR | Mode::WUSR)
        .map_err(refused("make a file beside it"))?;
    link.is_placed = false;
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
