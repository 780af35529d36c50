//! Opening what is below a folder, by paths that lead nowhere else: for the work tree that is read, and for the target that is restored into.
//!
//! Who may write to a tree can put a link in the place of one of its folders at any moment, also between our looking at the folder and our
//! opening a file in it. So no path is resolved by `open`, which follows links on the way: `openat2` with `RESOLVE_BENEATH` and
//! `RESOLVE_NO_SYMLINKS` refuses them with `ELOOP`, and costs no more.
//!
//! Paths may be longer than the system takes at once (4,096 bytes): they are opened in pieces, each from the folder that the one before
//! led to. No descriptors of folders are kept, so there is nothing to be bounded: a tree has more folders than a process may have
//! files open.
//!
//! Where there is no `openat2` (Linux before 5.6, some sandboxes) a path is opened name by name, which is as safe, and slower.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, openat, openat2, statat};
use rustix::io::{Errno, Result};

/// What is opened at once of a longer path, which the system may refuse.
const PATH_BYTES_MAX: usize = 4000;

/// A folder on the way: it is passed through, and need not be readable.
const ON_THE_WAY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Opens what is at `path` below `folder`, or `folder` itself if that is empty. Links are not followed, neither on the way nor at the
/// end; with [`OFlags::PATH`] and [`OFlags::NOFOLLOW`] a link at the end is opened itself.
///
/// # Errors
/// [`Errno::LOOP`] for a link, and all that `openat2` says.
pub(crate) fn open_beneath(folder: impl AsFd, path: &[u8], flags: OFlags) -> Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC;
    let mut rest = if path.is_empty() { b"." } else { path };
    let mut reached: Option<OwnedFd> = None;
    loop {
        let (names, after) = leading_names(rest);
        let from = reached.as_ref().map_or(folder.as_fd(), AsFd::as_fd);
        if after.is_empty() {
            return open_names(from, names, flags);
        }
        reached = Some(open_names(from, names, ON_THE_WAY)?);
        rest = after;
    }
}

/// As many names of a path as can be opened at once, and the others.
fn leading_names(path: &[u8]) -> (&[u8], &[u8]) {
    let head = match path.len() {
        0..=PATH_BYTES_MAX => return (path, b""),
        _ => &path[..PATH_BYTES_MAX],
    };
    match head.iter().rposition(|&byte| byte == b'/') {
        Some(end) => (&path[..end], &path[end + 1..]),
        // No name is so long, and the system says so.
        None => (path, b""),
    }
}

fn open_names(folder: BorrowedFd<'_>, names: &[u8], flags: OFlags) -> Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let path = OsStr::from_bytes(names);
    match openat2(folder, path, flags, Mode::empty(), resolve) {
        // Sandboxes that are older than `openat2` may refuse what they do not know with `EPERM`. Where the file is what refuses, opening
        // it name by name says so again.
        Err(Errno::NOSYS | Errno::PERM) => open_one_by_one(folder, names, flags),
        opened => opened,
    }
}

/// The same without `openat2`.
fn open_one_by_one(folder: BorrowedFd<'_>, names: &[u8], flags: OFlags) -> Result<OwnedFd> {
    let open = |from: BorrowedFd<'_>, name: &[u8], flags| {
        let flags = flags | OFlags::NOFOLLOW;
        let opened = openat(from, OsStr::from_bytes(name), flags, Mode::empty());
        // What is said of a link where a folder should be.
        opened.map_err(|error| match error {
            Errno::NOTDIR if is_link(from, name) => Errno::LOOP,
            error => error,
        })
    };
    let mut reached: Option<OwnedFd> = None;
    let mut rest = names;
    loop {
        let from = reached.as_ref().map_or(folder, AsFd::as_fd);
        let end = rest.iter().position(|&byte| byte == b'/');
        let name = &rest[..end.unwrap_or(rest.len())];
        if matches!(name, b"" | b"..") {
            return Err(Errno::XDEV);
        }
        let Some(end) = end else {
            return open(from, name, flags);
        };
        reached = Some(open(from, name, ON_THE_WAY)?);
        rest = &rest[end + 1..];
    }
}

fn is_link(folder: BorrowedFd<'_>, name: &[u8]) -> bool {
    let stat = statat(folder, OsStr::from_bytes(name), AtFlags::SYMLINK_NOFOLLOW);
    stat.is_ok_and(|it| FileType::from_raw_mode(it.st_mode) == FileType::Symlink)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, fstat};

    use super::*;

    /// Goal: both ways to open lead to what is in the folder, and refuse the same of what is not.
    #[test]
    fn links_lead_nowhere() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("top/a/b")).expect("there is room");
        fs::write(path("top/a/b/file"), "inside").expect("there is room");
        fs::write(path("outside"), "not ours").expect("there is room");
        symlink("a", path("top/link")).expect("there is room");
        symlink(path("outside"), path("top/file")).expect("there is room");
        let top = File::open(path("top")).expect("it is there");
        let expected: [(&str, Option<Errno>); 9] = [
            ("a/b/file", None),
            ("a/b", None),
            ("link", Some(Errno::LOOP)),
            ("link/b/file", Some(Errno::LOOP)),
            ("file", Some(Errno::LOOP)),
            ("a/gone", Some(Errno::NOENT)),
            ("a/b/file/x", Some(Errno::NOTDIR)),
            ("../outside", Some(Errno::XDEV)),
            ("/etc", Some(Errno::XDEV)),
        ];
        for (path, error) in expected {
            let ways = [
                open_beneath(&top, path.as_bytes(), OFlags::RDONLY),
                open_one_by_one(top.as_fd(), path.as_bytes(), OFlags::RDONLY),
            ];
            for opened in ways {
                assert_eq!(opened.map(drop).err(), error, "{path}");
            }
        }
        let link =
            open_beneath(&top, b"link", OFlags::PATH | OFlags::NOFOLLOW).expect("it is there");
        let target = rustix::fs::readlinkat(link, "", Vec::new()).expect("it is a link");
        assert_eq!(target.as_bytes(), b"a");
    }

    /// Goal: the root itself, and paths that are too long to be opened at once.
    #[test]
    fn long_paths_are_opened_in_pieces() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let top = File::open(folder.path()).expect("it is there");
        assert!(open_beneath(&top, b"", OFlags::RDONLY).is_ok());
        let name = "n".repeat(200);
        let mut deepest = top.try_clone().expect("it is open");
        for _ in 0..45 {
            rustix::fs::mkdirat(&deepest, &name, Mode::RWXU).expect("there is room");
            let inner = openat(&deepest, &name, ON_THE_WAY, Mode::empty());
            deepest = File::from(inner.expect("it is there"));
        }
        let path = vec![name.as_bytes(); 45].join(&b'/');
        assert!(rustix::fs::openat(CWD, &path[..], OFlags::RDONLY, Mode::empty()).is_err());
        let opened = open_beneath(&top, &path, OFlags::RDONLY).expect("it is there");
        let number = |stat: rustix::fs::Stat| stat.st_ino;
        assert_eq!(fstat(opened).map(number), fstat(&deepest).map(number));
        let refused = open_beneath(&top, &[b'n'; 5000], OFlags::RDONLY);
        assert_eq!(refused.map(drop), Err(Errno::NAMETOOLONG));
    }
}
