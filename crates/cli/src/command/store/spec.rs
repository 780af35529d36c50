//! `REF:PATH`: something in a commit.
//!
//! Behind `REF:` a path begins at the top of the commit, as in git; `REF:./PATH` begins at the current folder, and so does a PATH without
//! `REF:`, which is of `HEAD`. Where there is no work tree around the current folder, all begin at the top. A name with a colon is
//! written `./a:b`, since no REF has a slash.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use tamis_scan::names;
use tamis_store::commit::Commit;
use tamis_store::entry::{Content, Entry};
use tamis_store::id::CommitId;
use tamis_store::refs::HEAD;
use tamis_store::store::Store;
use tamis_store::tree::{Child, lookup};

use super::place::Place;
use super::shown;
use crate::{Error, Result};

/// A commit by its name, and a path in it; the empty one is all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) revision: String,
    pub(super) path: Vec<u8>,
}

/// A commit, and something in it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) id: CommitId,

    pub(super) path: Vec<u8>,
    pub(super) child: Child,
}

impl Spec {
    /// What was typed, by somebody who is in the folder `current` of the work tree, if in any.
    pub(super) fn parse(typed: &OsStr, current: Option<&[u8]>) -> Result<Spec> {
        let bytes = typed.as_bytes();
        let colon = bytes.iter().position(|&byte| byte == b':');
        let split = colon
            .map(|at| (&bytes[..at], &bytes[at + 1..]))
            .filter(|(revision, _)| !revision.contains(&b'/'));
        let (revision, path, is_from_here) = match split {
            None => (HEAD, bytes, true),
            Some((revision, path)) => {
                let is_from_here = [&b"./"[..], b"../"].iter().any(|it| path.starts_with(it));
                (self::revision(revision)?, path, is_from_here)
            }
        };
        let start = current.filter(|_| is_from_here).unwrap_or_default();
        let path = join(start, path).ok_or_else(|| Error::Usage {
            message: format!(
                "`{}` leads out of the commit",
                names::show(Path::new(typed))
            ),
            hint: None,
        })?;
        Ok(Spec {
            revision: revision.to_owned(),
            path,
        })
    }

    /// As [`Spec::parse`], in the work tree of the store at `folder`; there a whole path is understood, too.
    pub(super) fn typed(typed: &OsStr, place: &Place, folder: &Path) -> Result<Spec> {
        if Path::new(typed).is_absolute() {
            let paths = place.paths(folder, &[typed.into()])?;
            return Ok(Spec {
                revision: HEAD.to_owned(),
                path: paths.into_iter().next().unwrap_or_default(),
            });
        }
        Spec::parse(typed, place.current(folder).as_deref())
    }

    /// The error of somebody who gave a path for a revision, if that is what happened here.
    pub(super) fn unless_meant(self, error: Error, store: &Store) -> Error {
        let is_revision = matches!(error, Error::Store(tamis_store::Error::Revision { .. }));
        match is_revision && !self.path.is_empty() && self.find(store).is_ok() {
            true => Error::Usage {
                message: error.to_string(),
                hint: Some(format!(
                    "the path of the newest commit is `{HEAD}:{}`",
                    shown::name(&self.path)
                )),
            },
            false => error,
        }
    }

    /// What it names; all of a commit is a folder without a name.
    pub(super) fn find(&self, store: &Store) -> Result<Found> {
        let (id, commit) = store.resolve(&self.revision)?;
        let child = match self.path.is_empty() {
            true => Some(root(&commit)),
            false => lookup(commit.root, &self.path, store.objects())?,
        };
        let child = child.ok_or_else(|| tamis_store::Error::NoPath {
            commit: format!("`{}`", self.revision),
            path: shown::name(&self.path).into_owned(),
        })?;
        Ok(Found {
            id,

            path: self.path.clone(),
            child,
        })
    }
}

fn revision(bytes: &[u8]) -> Result<&str> {
    match std::str::from_utf8(bytes) {
        Ok("") => Ok(HEAD),
        Ok(revision) => Ok(revision),
        Err(_) => Err(Error::Usage {
            message: format!("`{}` is no REF", shown::name(bytes)),
            hint: Some("a name with a colon is written `./NAME`".to_owned()),
        }),
    }
}

fn root(commit: &Commit) -> Child {
    Child {
        name: Vec::new(),
        entry: Entry {
            mode: 0o755,
            modified_ns: commit.time_ns,
            attributes: Vec::new(),
            content: Content::Folder,
        },
        folder: Some((commit.root, commit.totals)),
        link_to: None,
    }
}

/// Both, without `.` and `..`; `None` if there are too many of the latter.
fn join(start: &[u8], path: &[u8]) -> Option<Vec<u8>> {
    let mut parts = Vec::new();
    for part in [start, path]
        .into_iter()
        .flat_map(|it| it.split(|&byte| byte == b'/'))
    {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_from_a_revision() {
        let parse = |typed: &str| {
            let spec = Spec::parse(OsStr::new(typed), Some(b"drops/new"));
            let Spec { revision, path } = spec.expect("it can be understood");
            format!("{revision} {}", String::from_utf8_lossy(&path))
        };
        assert_eq!(parse("v1:a/b.csv"), "v1 a/b.csv");
        assert_eq!(parse("v1~2:"), "v1~2 ");
        assert_eq!(parse(":a"), "HEAD a");
        assert_eq!(parse("a.csv"), "HEAD drops/new/a.csv");
        assert_eq!(parse("../a.csv"), "HEAD drops/a.csv");
        assert_eq!(parse("./a:b"), "HEAD drops/new/a:b");
        assert_eq!(parse("v1:./a:b"), "v1 drops/new/a:b");
        assert_eq!(parse("v1:../../a//b/"), "v1 a/b");
        assert_eq!(parse("a/b:c"), "HEAD drops/new/a/b:c");
        assert!(Spec::parse(OsStr::new("v1:../.."), None).is_err());
    }
}
