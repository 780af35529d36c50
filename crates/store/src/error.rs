//! Why a store could not do what was asked.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use tamis_engine::disk;
use tamis_engine::names::{show, show_bytes};

use crate::id::{CommitId, ObjectId};

/// Why a store could not be opened, read, or added to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine could not read or write, or was cancelled.
    #[error(transparent)]
    Engine(#[from] tamis_engine::Error),
    /// The system refused something that was done to a file.
    #[error("cannot {action} `{}`: {source}", show(.path))]
    Io {
        /// What was tried: `read`, `write`, `rename`, ...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the store is not what was once written.
    #[error("`{}` is damaged at byte {byte_offset}: {detail}", show(.path))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the damage was noticed.
        byte_offset: u64,
        /// What is wrong there.
        detail: String,
    },
    /// A node or a commit was read whole, and makes no sense.
    #[error("the {what} {id} is damaged at byte {byte_offset}: {detail}")]
    BadObject {
        /// What it should be: `folder`, `chunk list`, `commit`.
        what: &'static str,
        /// Its id.
        id: String,
        /// Where in it.
        byte_offset: usize,
        /// What is wrong there, and with which entry of a folder.
        detail: Cow<'static, str>,
    },
    /// Something that a commit refers to is in no pack.
    #[error("the {what} {id} is in no pack")]
    Missing {
        /// `chunk` or `node`.
        what: &'static str,
        /// Its id.
        id: ObjectId,
    },
    /// A commit that others were made from, or that a name leads to, cannot be read any more.
    #[error("the commit {id} of the store at `{}` is lost: {source}", show(.store))]
    LostCommit {
        /// Its id.
        id: CommitId,
        /// The store.
        store: PathBuf,
        /// Why it cannot be read.
        source: Box<Error>,
    },
    /// A file was written by a version of Tamis that is newer than this one.
    #[error("`{}` has version {found} of its format; this version of tamis reads up to {supported}", show(.path))]
    Version {
        /// The file.
        path: PathBuf,
        /// The version it has.
        found: u16,
        /// The newest that is known here.
        supported: u16,
    },
    /// Another process is doing what only one may do at a time.
    #[error("the store at `{}` is locked: another process {doing}", show(.path))]
    Locked {
        /// The store.
        path: PathBuf,
        /// What the other process does, as in "is adding or committing".
        doing: &'static str,
    },
    /// There is no store.
    #[error("`{}` is no store, nor in one", show(.path))]
    NoStore {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A store is to be made where there is one.
    #[error("`{}` is a store already", show(.path))]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// What was said cannot be done, whatever the state of the store.
    #[error("{reason}")]
    Usage {
        /// What is wrong, and what to say instead.
        reason: String,
    },
    /// No commit is called that.
    #[error("`{}` names no commit: {reason}", show_bytes(.name.as_bytes()))]
    Revision {
        /// What was given.
        name: String,
        /// Why it is none.
        reason: String,
    },
    /// A commit has no such file or folder.
    #[error("{commit} has no `{path}`")]
    NoPath {
        /// The commit, as it was named.
        commit: String,
        /// The path, escaped for people.
        path: String,
    },
    /// A branch is no longer at the commit it was expected at.
    #[error("`{name}` was moved to {found} meanwhile")]
    Moved {
        /// The branch or tag.
        name: String,
        /// Where it is now.
        found: CommitId,
    },
    /// Two stores have each commits that the other has not, so that one cannot simply take over the other's.
    #[error(
        "`{}` has commits that `{}` has not, and the other way round; nothing was copied: clone the second, \
         and add and commit in the first what you want of it",
        show(.to), show(.from)
    )]
    Diverged {
        /// The store that was to be brought up to date.
        to: PathBuf,
        /// The store that has commits for it.
        from: PathBuf,
    },
    /// An earlier failure left this handle useless: what it wrote may not be on the disk.
    #[error("`{}` could not be made durable before; nothing more is written through it", show(.path))]
    Poisoned {
        /// The file or folder.
        path: PathBuf,
    },
}

impl From<disk::Error> for Error {
    fn from(error: disk::Error) -> Error {
        match error {
            disk::Error::Io {
                action,
                path,
                source,
            } => Error::Io {
                action,
                path,
                source,
            },
            disk::Error::Poisoned { path } => Error::Poisoned { path },
        }
    }
}

impl Error {
    /// For `map_err`: what was tried with which file.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::Io {
            action,
            path,
            source,
        }
    }

    /// Whether there was no room on a disk, or none for this user. What was there before is whole, and the same can be tried again.
    pub fn is_disk_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Error::Io { source, .. } if matches!(source.kind(), QuotaExceeded | StorageFull))
    }

    /// Whether it is that of a file or folder that is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// For what is wrong with the bytes of a file.
    pub(crate) fn damaged(path: &Path, byte_offset: u64, detail: impl Into<String>) -> Error {
        Error::Damaged {
            path: path.to_owned(),
            byte_offset,
            detail: detail.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_tears_a_message_apart() {
        let path = PathBuf::from("two\nlines\x1b[31m");
        let source = io::Error::other("no");
        let errors = [
            Error::Io {
                action: "read",
                path: path.clone(),
                source,
            },
            Error::damaged(&path, 1, "torn"),
            Error::NoStore { path },
            Error::Revision {
                name: "two\nlines".to_owned(),
                reason: "no".to_owned(),
            },
        ];
        for error in errors {
            let message = error.to_string();
            assert!(message.contains("two\\nlines"), "{message}");
            assert!(!message.contains(char::is_control), "{message}");
        }
    }
}
