//! What is left out: files named `.tamisignore`, in the syntax and with the meaning of git's `.gitignore`.
//!
//! A file's rules hold for its folder and everything below; those of a deeper folder count more, and of one file the last rule that
//! matches. A folder that is left out is not looked into, so nothing in it can be let in again. As with git, rules are about what is not kept
//! yet: what is staged stays, and is added again when it changes.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;
use tamis_engine::names::{show, show_bytes};

use super::Root;
use crate::{Error, Result};

/// The name of files of rules.
pub const RULES_FILE: &str = ".tamisignore";

/// The rules that hold in a folder.
#[derive(Debug)]
pub struct Rules {
    own: Gitignore,
    above: Option<Arc<Rules>>,
}

impl Rules {
    /// Rules that stand in no file, for the root: for the fuzzer.
    ///
    /// # Errors
    /// [`Error::Usage`] if a line is no rule.
    #[doc(hidden)]
    pub fn parse(text: &[u8]) -> Result<Rules> {
        Ok(Rules {
            own: parse(text, &[], Path::new(RULES_FILE))?,
            above: None,
        })
    }

    /// The rules of the folders above `path`.
    pub(super) fn above(root: &Root, path: &[u8]) -> Result<Option<Arc<Rules>>> {
        let mut rules = None;
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let folders = ends.map(|(end, _)| &path[..end]);
        let root_folder = (!path.is_empty()).then_some(&path[..0]);
        for folder in root_folder.into_iter().chain(folders) {
            let file = match folder.is_empty() {
                true => RULES_FILE.as_bytes().to_owned(),
                false => [folder, b"/", RULES_FILE.as_bytes()].concat(),
            };
            let opened = root.open_at(&file);
            rules = Rules::with(rules, root, folder, opened)?;
        }
        Ok(rules)
    }

    /// The rules in a folder that is open: those `above`, and its own.
    pub(super) fn extend(
        above: Option<Arc<Rules>>,
        root: &Root,
        folder: &[u8],
        descriptor: BorrowedFd<'_>,
    ) -> Result<Option<Arc<Rules>>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = openat(descriptor, RULES_FILE, flags, Mode::empty());
        Rules::with(above, root, folder, opened)
    }

    fn with(
        above: Option<Arc<Rules>>,
        root: &Root,
        folder: &[u8],
        opened: rustix::io::Result<std::os::fd::OwnedFd>,
    ) -> Result<Option<Arc<Rules>>> {
        let path = root.path_of(folder).join(RULES_FILE);
        let descriptor = match opened {
            Ok(descriptor) => descriptor,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(above),
            Err(error) => return Err(Error::io("read", &path)(error.into())),
        };
        let mut text = Vec::new();
        File::from(descriptor)
            .read_to_end(&mut text)
            .map_err(Error::io("read", &path))?;
        let own = parse(&text, folder, &path)?;
        Ok(Some(Arc::new(Rules { own, above })))
    }

    /// Whether a path in the folder is left out.
    pub fn is_ignored(&self, path: &[u8], is_folder: bool) -> bool {
        match self.own.matched(as_path(path), is_folder) {
            Match::Ignore(_) => true,
            Match::Whitelist(_) => false,
            Match::None => self
                .above
                .as_ref()
                .is_some_and(|above| above.is_ignored(path, is_folder)),
        }
    }
}

/// The rules of a file in `folder`; errors are told of `path`.
fn parse(text: &[u8], folder: &[u8], path: &Path) -> Result<Gitignore> {
    let mut builder = GitignoreBuilder::new(as_path(folder));
    for (number, line) in String::from_utf8_lossy(text).lines().enumerate() {
        builder.add_line(None, line).map_err(|error| Error::Usage {
            reason: format!("`{}`, line {}: {}", show(path), number + 1, escaped(&error)),
        })?;
    }
    builder.build().map_err(|error| Error::Usage {
        reason: format!("`{}`: {}", show(path), escaped(&error)),
    })
}

/// An error that has a pattern in it as it stands in the file.
fn escaped(error: &ignore::Error) -> String {
    show_bytes(error.to_string().as_bytes()).into_owned()
}

fn as_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}
