//! How the broker replaces files: a draft, made durable, takes the file's name.
//!
//! Of a [disk](tamis_engine::disk) it uses the two calls alone that crash safety depends on, for the files and for their names, and what
//! they are announced by; everything else is done to the file system as it is.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

#[cfg(test)]
pub(crate) use tamis_engine::disk::lossy;
pub(crate) use tamis_engine::disk::{Disk, RealDisk, SharedDisk};

use crate::{Error, Result};

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

/// The same for what its owner alone may read. If root replaces a file, or adds one to the folder of another user, that one owns it: a broker
/// that runs as this user is to read it.
///
/// # Errors
/// As [`replace`].
pub(crate) fn replace_private(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<()> {
    let draft = draft_path(path);
    remove(&draft)?;
    let created = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft);
    let mut file = created.map_err(Error::io("create", &draft))?;
    if rustix::process::geteuid().is_root() {
        let model = match fs::metadata(path) {
            Ok(found) => found,
            Err(_) => {
                let folder = folder_of(path);
                fs::metadata(folder).map_err(Error::io("look at", folder))?
            }
        };
        let owned = std::os::unix::fs::fchown(&file, Some(model.uid()), Some(model.gid()));
        owned.map_err(Error::io("give away", &draft))?;
    }
    let written = file.write_all(bytes);
    written.map_err(Error::io("write", &draft))?;
    disk.sync(&file, &draft)?;
    install(disk, &draft, path)
}

/// The folder that a file is in, or is to be in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// As [`replace`], for what can be made anew: after a power cut either file may be there, or a part of the new one.
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
    Ok(disk.sync_folder(folder_of(path))?)
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
