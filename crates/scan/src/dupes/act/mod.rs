//! Copies replaced by links, or removed.
//!
//! Between the search and now anything may have happened. So for each copy, right before it is touched:
//!
//! 1. the original and the copy are opened, and must be what they were when they were found (size, times, inode);
//! 2. they are compared byte by byte, by these descriptors, and must still be what they were after that;
//! 3. a link is made beside the copy, under a name that nobody uses: to the original's inode, or as a file that shares its blocks and
//!    gets the copy's owner, mode, times and attributes;
//! 4. the copy's name must still mean the file that was compared; then the link and the copy change places, at once;
//! 5. what came away is looked at once more, and put back if it is anything else; only then it is removed. What cannot be put
//!    back stays under the name that nobody used, which is said: a file that is not the copy is never removed.
//!
//! Removing is the same without a link: the copy gets the name that nobody uses, and goes if it is what came away and the
//! original is still there. An original is never touched, and neither is a file in a reference. Whatever goes wrong is said of
//! the copy, which stays as it is, and the next one is tried.
//!
//! What remains is whoever has the copy open and goes on writing to it. And some file systems cannot exchange two names (NFS,
//! some of FUSE, kernels before 3.15). There a link replaces the copy in one step that nobody can undo, so a file that takes the
//! copy's name between 4 and that step is lost; and what came away instead of a copy to be removed is put back by a new
//! link, since a rename would replace what has the name by then.

mod link;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::Path;

use rustix::fs::{Stat, fstat};
use rustix::io::Errno;
use tamis_engine::control::Cancel;
use tamis_engine::stamp::Stamp;

use super::compare::is_equal;
use super::{Copy, Group};
use crate::walk::{FileId, Tree};
use crate::{Error, Result, names};
use link::{
    Place, but_for_change, hard_link, is_regular, is_same, is_same_but_for_change, reflink, remove,
};

/// What is done to copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The name of a copy becomes a name of the original.
    HardLink,
    /// A copy becomes a file of its own that shares the original's blocks until one of them is written to.
    Reflink,
    /// A copy is removed.
    Delete,
}

/// What came of a name of a copy.
#[derive(Debug)]
pub struct Outcome {
    /// The name.
    pub name: FileId,
    /// Whether it is done.
    pub result: Result<()>,
}

/// Why a copy was left as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The file is not what it was when it was found.
    #[error("it has changed since it was read")]
    Changed,
    /// The original is not what it was when it was found.
    #[error("its original `{original}` has changed since it was read")]
    OriginalChanged {
        /// Where the original is.
        original: String,
    },
    /// They are not the same, whatever was found before.
    #[error("its bytes are not those of `{original}`")]
    Differs {
        /// Where the original is.
        original: String,
    },
    /// They are one file, reached in two ways.
    #[error("it is `{original}` itself")]
    Same {
        /// Where the original is.
        original: String,
    },
    /// A hard link cannot lead to another file system.
    #[error("`{original}` is on another file system, and a hard link cannot lead there")]
    OtherDevice {
        /// Where the original is.
        original: String,
    },
    /// The file system cannot share blocks between files.
    #[error("its file system cannot share blocks between files (Btrfs, XFS and bcachefs can)")]
    NoReflinks,
    /// What came away instead of the copy could not be put back; it is kept. Nothing is left as it was then.
    #[error(
        "what came away from there cannot be put back ({source}), and is kept beside it as `{kept}`"
    )]
    Aside {
        /// The name it has now, in the folder of the copy.
        kept: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system refused.
    #[error("cannot {what}: {source}")]
    Refused {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Acts on all copies of a group but the original.
///
/// # Errors
/// [`Interrupted`](tamis_engine::Error::Interrupted) once cancelled; what was done before is in `outcomes`.
pub fn act(
    group: &Group,
    tree: &Tree,
    action: Action,
    cancel: &Cancel,
    outcomes: &mut Vec<Outcome>,
) -> Result<()> {
    let original = &group.copies[0];
    for copy in group.copies[1..].iter().filter(|copy| !copy.is_reference) {
        let mut work = Work {
            tree,
            action,
            original,
            cancel,
            compared: None,
        };
        for &name in &copy.names {
            cancel.check()?;
            let result = work.replace(copy, name);
            cancel.check()?;
            let result = result.map_err(|reason| reason.of(&tree.path(name)));
            outcomes.push(Outcome { name, result });
        }
    }
    Ok(())
}

/// A failure on its way to the name it is about.
enum Failure {
    Reason(Reason),
    Other(Error),
}

impl Failure {
    fn of(self, path: &Path) -> Error {
        match self {
            Failure::Other(error) => error,
            Failure::Reason(reason @ Reason::Aside { .. }) => tamis_engine::Error::Write {
                output: names::show(path).into_owned(),
                source: std::io::Error::other(reason),
            }
            .into(),
            Failure::Reason(reason) => Error::Kept {
                path: path.to_owned(),
                reason: Box::new(reason),
            },
        }
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Failure {
        Failure::Reason(reason)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Other(error)
    }
}

fn refused(what: &'static str) -> impl Fn(Errno) -> Reason {
    move |error| Reason::Refused {
        what,
        source: error.into(),
    }
}

/// A copy that is being replaced, name by name.
struct Work<'a> {
    tree: &'a Tree,
    action: Action,
    original: &'a Copy,
    cancel: &'a Cancel,
    /// The original and the copy, once they are known to be the same.
    compared: Option<Pair>,
}

/// Two open files that hold the same bytes, and their last known states.
struct Pair {
    original: File,
    original_stat: Stat,
    copy: File,
    copy_stat: Stat,
}

impl Pair {
    /// Looks at both files once more after one of their names was dealt with, which moved their change times. `false` if
    /// more than that has changed: then what was compared is not what they hold now.
    fn is_still_equal(&mut self) -> bool {
        let now = (fstat(&self.original), fstat(&self.copy));
        let (Ok(original), Ok(copy)) = now else {
            return false;
        };
        let is_equal = is_same_but_for_change(&original, &self.original_stat)
            && is_same_but_for_change(&copy, &self.copy_stat);
        (self.original_stat, self.copy_stat) = (original, copy);
        is_equal
    }
}

impl Work<'_> {
    fn original_name(&self) -> String {
        names::show(&self.tree.path(self.original.names[0])).into_owned()
    }

    /// Deals with one name of a copy.
    fn replace(&mut self, copy: &Copy, name: FileId) -> std::result::Result<(), Failure> {
        let place = Place::of(self.tree, name)?;
        if self.compared.is_none() {
            self.compared = Some(self.compare(copy, name, &place)?);
        }
        let original = self.original_name();
        let inode = |name: FileId| {
            (
                self.tree.file(name).stamp.device,
                self.tree.file(name).stamp.inode,
            )
        };
        if inode(name) == inode(self.original.names[0]) {
            return Err(Reason::Same { original }.into());
        }
        let pair = self.compared.as_mut().expect("they were compared just now");
        // As they were when they were compared, and the names still mean them.
        let original_now = fstat(&pair.original).map_err(refused("look at its original"))?;
        let original_place = Place::of(self.tree, self.original.names[0])?;
        let original_named = original_place
            .stat()
            .map_err(refused("look at its original"))?;
        if !is_same(&original_now, &pair.original_stat) || !is_same(&original_named, &original_now)
        {
            return Err(Reason::OriginalChanged { original }.into());
        }
        match self.action {
            Action::Delete => {
                let original_found = (&original_place, &original_now);
                remove(&place, &pair.copy_stat, original_found, &original)?;
            }
            Action::HardLink => {
                if pair.original_stat.st_dev != pair.copy_stat.st_dev {
                    return Err(Reason::OtherDevice { original }.into());
                }
                hard_link(&original_place, &place, &original_now)?
                    .take_the_place(&place, &pair.copy_stat)?;
            }
            Action::Reflink => reflink(pair, &place)?.take_the_place(&place, &pair.copy_stat)?,
        }
        if !pair.is_still_equal() {
            self.compared = None;
        }
        Ok(())
    }

    /// Opens both files and holds them against each other.
    fn compare(
        &self,
        copy: &Copy,
        name: FileId,
        place: &Place,
    ) -> std::result::Result<Pair, Failure> {
        let original = || self.original_name();
        let original_id = self.original.names[0];
        let original_place = Place::of(self.tree, original_id)?;
        let original_file = original_place
            .open()
            .map_err(refused("open its original"))?;
        let copy_file = place.open().map_err(refused("open it"))?;
        let original_stat = fstat(&original_file).map_err(refused("look at its original"))?;
        let copy_stat = fstat(&copy_file).map_err(refused("look at it"))?;
        // The change time of an original moves with every link to it that we make.
        let found = &self.tree.file(original_id).stamp;
        let is_found = but_for_change(&Stamp::of_stat(&original_stat)) == but_for_change(found);
        if !(is_regular(&original_stat) && is_found) {
            return Err(Reason::OriginalChanged {
                original: original(),
            }
            .into());
        }
        if !is_regular(&copy_stat)
            || Stamp::of_stat(&copy_stat) != self.tree.file(copy.names[0]).stamp
        {
            return Err(Reason::Changed.into());
        }
        let paths = [self.tree.path(original_id), self.tree.path(name)];
        let is_equal = is_equal(
            (&original_file, &paths[0]),
            (&copy_file, &paths[1]),
            self.cancel,
        )?;
        if !is_equal {
            return Err(Reason::Differs {
                original: original(),
            }
            .into());
        }
        let again = |file: &File| fstat(file).map_err(refused("look at it again"));
        if !is_same(&again(&original_file)?, &original_stat) {
            return Err(Reason::OriginalChanged {
                original: original(),
            }
            .into());
        }
        if !is_same(&again(&copy_file)?, &copy_stat) {
            return Err(Reason::Changed.into());
        }
        Ok(Pair {
            original: original_file,
            original_stat,
            copy: copy_file,
            copy_stat,
        })
    }
}
