//! What makes files and names durable, behind one trait, so that tests can lose what was not.
//!
//! The trait has the two calls that crash safety depends on, and what they are announced by; everything else is done to the file system as
//! it is. The two differ in what they promise: a file's bytes are there after [`Disk::sync`], and that a folder has the file under its
//! name after [`Disk::sync_folder`].

#[cfg(test)]
pub(crate) mod lossy;

use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{Error, Result};

/// Makes things durable.
pub(crate) trait Disk: Debug + Send + Sync {
    /// Is told of a file at `path` right before it is made durable, also by who does that in a way of its own. Disks of tests
    /// remember it, or fail.
    fn before_sync(&self, _file: &File, _path: &Path) -> Result<()> {
        Ok(())
    }

    /// The same of the names in a folder.
    fn before_sync_folder(&self, _folder: &Path) -> Result<()> {
        Ok(())
    }

    /// Makes the bytes of a file durable, which is at `path`.
    fn sync(&self, file: &File, path: &Path) -> Result<()> {
        self.before_sync(file, path)?;
        file.sync_data().map_err(Error::io("make durable", path))
    }

    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> Result<()> {
        self.before_sync_folder(folder)?;
        let synced = File::open(folder).and_then(|it| it.sync_all());
        synced.map_err(Error::io("make durable", folder))
    }
}

/// A handle that is cheap to clone.
pub(crate) type SharedDisk = Arc<dyn Disk>;

/// The file system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RealDisk;

impl Disk for RealDisk {}

/// What a file is called while it is written.
pub(crate) fn draft_path(path: &Path) -> PathBuf {
    path.with_extension("draft")
}

/// Puts `bytes` at `path` in place of what is there, durably.
///
/// # Errors
/// [`Error::Io`]; the old file is then still there, or the new one already.
pub(crate) fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<()> {
    let draft = draft_path(path);
    let file = write_draft(&draft, bytes)?;
    disk.sync(&file, &draft)?;
    install(disk, &draft, path)
}

/// The same for what can be made anew: after a power cut either file may be there, or a part of the new one.
///
/// # Errors
/// As [`replace`].
pub(crate) fn replace_lazily(path: &Path, bytes: &[u8]) -> Result<()> {
    let draft = draft_path(path);
    write_draft(&draft, bytes)?;
    rename(&draft, path)
}

/// Gives a draft that is durable its name, durably.
///
/// # Errors
/// As [`replace`].
pub(crate) fn install(disk: &dyn Disk, draft: &Path, path: &Path) -> Result<()> {
    rename(draft, path)?;
    disk.sync_folder(path.parent().expect("files lie in the data folder"))
}

/// Removes a file, unless it is gone already.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

fn write_draft(draft: &Path, bytes: &[u8]) -> Result<File> {
    let mut file = File::create(draft).map_err(Error::io("create", draft))?;
    let written = file.write_all(bytes);
    written.map_err(Error::io("write", draft))?;
    Ok(file)
}

fn rename(draft: &Path, path: &Path) -> Result<()> {
    fs::rename(draft, path).map_err(Error::io("rename a file to", path))
}
