//! The folder `damaged/`: what was there before it was repaired.

use std::fs;
use std::path::{Path, PathBuf};

use crate::disk::{SharedDisk, folder_of, replace};
use crate::{Error, Result};

/// Keeps damaged files.
pub(super) struct Aside {
    pub(super) disk: SharedDisk,
    store: PathBuf,
    moved: Vec<PathBuf>,
}

impl Aside {
    pub(super) fn new(disk: SharedDisk, store: &Path) -> Aside {
        Aside {
            disk,
            store: store.to_owned(),
            moved: Vec::new(),
        }
    }

    /// Moves a file of the store there; one that is gone is no error.
    pub(super) fn take(&mut self, path: &Path) -> Result<()> {
        if fs::symlink_metadata(path).is_err() {
            return Ok(());
        }
        let kept = self.free_name(path)?;
        self.disk.rename(path, &kept)?;
        self.disk.sync_folder(folder_of(path))?;
        self.moved.push(kept);
        Ok(())
    }

    /// Keeps the bytes of a file there, and puts others in its place.
    pub(super) fn replace(&mut self, path: &Path, old: &[u8], new: &[u8]) -> Result<()> {
        let kept = self.free_name(path)?;
        let drafts = self.store.join("tmp");
        replace(&self.disk, &drafts, &kept, old)?;
        replace(&self.disk, &drafts, path, new)?;
        self.moved.push(kept);
        Ok(())
    }

    /// Everything that was put there, durably.
    pub(super) fn finish(self) -> Result<Vec<PathBuf>> {
        if !self.moved.is_empty() {
            self.disk.sync_folder(&self.store.join("damaged"))?;
            self.disk.sync_folder(&self.store)?;
        }
        Ok(self.moved)
    }

    /// A name after where the file was, and a number if it is there from an earlier repair.
    fn free_name(&self, path: &Path) -> Result<PathBuf> {
        let folder = self.store.join("damaged");
        self.disk.create_folder(&folder)?;
        let inside = path.strip_prefix(&self.store).unwrap_or(path);
        let parts = inside.iter().map(|part| part.to_string_lossy());
        let name = parts.collect::<Vec<_>>().join("-");
        let numbers = std::iter::once(String::new()).chain((1..).map(|it: u32| format!(".{it}")));
        let mut names = numbers.map(|number| folder.join(format!("{name}{number}")));
        names
            .find(|path| fs::symlink_metadata(path).is_err())
            .ok_or_else(|| Error::Exists { path: folder })
    }
}
