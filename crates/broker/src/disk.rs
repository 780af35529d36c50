//! Files that are replaced whole or not at all.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::{Error, Result};

/// Puts `bytes` at `path` in place of what is there, durably.
///
/// # Errors
/// [`Error::Io`]; the old file is then still there, or the new one already.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let draft = path.with_extension("draft");
    let write = || {
        let mut file = File::create(&draft)?;
        file.write_all(bytes)?;
        file.sync_data()
    };
    write().map_err(Error::io("write", &draft))?;
    fs::rename(&draft, path).map_err(Error::io("rename a file to", path))?;
    let folder = path.parent().expect("files lie in the data folder");
    sync_folder(folder)
}

/// Makes the names in a folder durable.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    let synced = File::open(folder).and_then(|it| it.sync_all());
    synced.map_err(Error::io("make durable", folder))
}
