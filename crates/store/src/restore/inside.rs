//! Where nothing is put, by whatever path: into the store's own folder.

use std::io;
use std::path::{Component, Path, PathBuf};

use tamis_engine::names::show;

use crate::store::Store;
use crate::{Error, Result};

impl Store {
    /// Refuses a folder to be written to that is the store's own, or is or would be in it.
    ///
    /// # Errors
    /// [`Error::Usage`]; [`Error::Io`] if it cannot be found out.
    pub fn refuse_inside(&self, target: &Path) -> Result<()> {
        let own = self.folder();
        let own = own.canonicalize().map_err(Error::io("look at", own))?;
        let at = future(target).map_err(Error::io("look at", target))?;
        match at.starts_with(own) {
            true => Err(Error::Usage {
                reason: format!(
                    "`{}` is in the store's own folder, and nothing is put into it",
                    show(target)
                ),
            }),
            false => Ok(()),
        }
    }
}

/// Where a folder is, or will be once it and those above are made: without links, `.` and `..`.
fn future(folder: &Path) -> io::Result<PathBuf> {
    let mut plain = PathBuf::new();
    // What is not there yet is no link, so that `..` leads out of it, and perhaps to something that is one.
    for component in std::path::absolute(folder)?.components() {
        match component {
            Component::ParentDir => drop(plain.pop()),
            component => plain.push(component),
        }
        plain = plain.canonicalize().unwrap_or(plain);
    }
    Ok(plain)
}
