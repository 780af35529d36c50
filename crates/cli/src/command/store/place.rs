//! Where the store is, where the files are that it keeps, and which of them was meant.
//!
//! Paths are bytes, relative to the work tree, their parts divided by `/`. What was typed is relative to the current folder, as with any
//! command; it is made such a path by its text alone, so that a link is itself and not what it leads to.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use clap::Args;
use tamis_scan::names;
use tamis_store::store::FOLDER;

use crate::{Error, Result, stores};

/// Where the store and its files are, as typed.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Store options")]
pub(super) struct Place {
    /// The store: its folder, or one that has a `.tamis` [default: the nearest `.tamis` in the current folder and above]
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) store: Option<PathBuf>,

    /// The folder whose files are kept [default: the one that has the `.tamis`]
    #[arg(long, global = true, value_name = "DIR")]
    work_tree: Option<PathBuf>,
}

impl Place {
    /// The store's own folder.
    pub(super) fn folder(&self) -> Result<PathBuf> {
        stores::find(self.store.as_deref())
    }

    /// The store's folder, of which too much may be gone for it to be known as one.
    pub(super) fn remains(&self) -> Result<PathBuf> {
        let found = self.folder();
        if found.is_ok() {
            return found;
        }
        let start = match &self.store {
            Some(named) => canonical(named)?,
            None => std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
        };
        let above = start.ancestors().take(match self.store {
            Some(_) => 1,
            None => usize::MAX,
        });
        let mut inside = above.map(|it| it.join(FOLDER)).filter(|it| it.is_dir());
        match (inside.next(), &self.store) {
            (Some(folder), _) => Ok(folder),
            (None, Some(_)) => Ok(start),
            (None, None) => found,
        }
    }

    /// The work tree of the store at `folder`.
    pub(super) fn work_tree(&self, folder: &Path) -> Result<PathBuf> {
        let found = match &self.work_tree {
            Some(named) => Some(canonical(named)?),
            None => beside(folder),
        };
        found.ok_or_else(|| Error::Usage {
            message: format!("the store `{}` has no work tree", names::show(folder)),
            hint: Some("`--work-tree DIR` names the folder whose files it keeps".to_owned()),
        })
    }

    /// The current folder as a path in the work tree, if it is in one.
    pub(super) fn current(&self, folder: &Path) -> Option<Vec<u8>> {
        let work_tree = self.work_tree(folder).ok()?;
        let current = std::env::current_dir().ok()?;
        let inside = current.strip_prefix(work_tree).ok()?;
        Some(inside.as_os_str().as_bytes().to_vec())
    }

    /// What was typed, as paths in the work tree of the store at `folder`.
    pub(super) fn paths(&self, folder: &Path, typed: &[PathBuf]) -> Result<Vec<Vec<u8>>> {
        let work_tree = self.work_tree(folder)?;
        let paths = typed.iter().map(|it| path_in(&work_tree, folder, it));
        paths.collect()
    }
}

/// The work tree of a store that is not bare.
fn beside(folder: &Path) -> Option<PathBuf> {
    let is_inside = folder.file_name().is_some_and(|name| name == FOLDER);
    folder.parent().filter(|_| is_inside).map(Path::to_path_buf)
}

fn canonical(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

fn path_in(work_tree: &Path, store: &Path, typed: &Path) -> Result<Vec<u8>> {
    let usage = |message: String| Error::Usage {
        message,
        hint: None,
    };
    let read = |source| Error::Read {
        path: typed.to_owned(),
        source,
    };
    let whole = resolved(work_tree, typed).map_err(read)?;
    let shown = names::show(typed);
    let inside = whole.strip_prefix(work_tree).map_err(|_| {
        usage(format!(
            "`{shown}` is not in `{}`, whose files the store keeps",
            names::show(work_tree)
        ))
    })?;
    if whole.starts_with(store) {
        return Err(usage(format!("`{shown}` is a part of the store itself")));
    }
    let folders = inside.ancestors().skip(1);
    let is_link = |folder: &&Path| work_tree.join(folder).is_symlink();
    if let Some(link) = folders
        .filter(|it| !it.as_os_str().is_empty())
        .find(is_link)
    {
        return Err(usage(format!(
            "`{shown}` is behind the link `{}`, and links are kept as links",
            names::show(link)
        )));
    }
    Ok(inside.as_os_str().as_bytes().to_vec())
}

/// The whole path of what was typed. If that is not in the work tree by its text, links on the way to it are followed.
fn resolved(work_tree: &Path, typed: &Path) -> io::Result<PathBuf> {
    let whole = plain(&std::path::absolute(typed)?);
    if whole.starts_with(work_tree) {
        return Ok(whole);
    }
    let (Some(folder), Some(name)) = (whole.parent(), whole.file_name()) else {
        return Ok(whole);
    };
    Ok(match folder.canonicalize() {
        Ok(folder) => folder.join(name),
        Err(_) => whole,
    })
}

/// An absolute path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            component => plain.push(component),
        }
    }
    plain
}
