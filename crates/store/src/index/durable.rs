//! All that this module does to the disk: the one place where it writes, renames and removes.
//!
//! A file is written under `tmp/`, made durable, and renamed to where it belongs: it is there whole or not at all. The
//! name itself is durable once its folder is ([`sync_folder`]).

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Result};

/// What an [`Error::Io`] says was tried when nobody knows any more what is on the disk.
pub(super) const SYNC: &str = "make durable";

/// A file that is being written. It is removed unless it gets a name.
#[derive(Debug)]
pub(super) struct Draft {
    file: File,
    path: PathBuf,
    is_named: bool,
}

impl Draft {
    /// A new file in the folder `tmp`.
    pub(super) fn create(tmp: &Path) -> Result<Draft> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = tmp.join(format!("index-{}-{number}", std::process::id()));
        step("create", &path)?;
        let file = File::create(&path).map_err(Error::io("create", &path))?;
        Ok(Draft {
            file,
            path,
            is_named: false,
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        step("write", &self.path)?;
        let written = self.file.write_all(bytes);
        written.map_err(Error::io("write", &self.path))
    }

    /// Makes the content durable, and then gives the file its name.
    pub(super) fn rename(mut self, to: &Path) -> Result<()> {
        step(SYNC, &self.path)?;
        self.file.sync_all().map_err(Error::io(SYNC, &self.path))?;
        step("rename", &self.path)?;
        fs::rename(&self.path, to).map_err(Error::io("rename", &self.path))?;
        self.is_named = true;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_named {
            // What is left in `tmp/` counts for nothing; there is nobody to tell.
            let _ = remove(&self.path);
        }
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    step(SYNC, folder)?;
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(Error::io(SYNC, folder))
}

/// Removes a file.
pub(super) fn remove(path: &Path) -> Result<()> {
    step("remove", path)?;
    fs::remove_file(path).map_err(Error::io("remove", path))
}

#[cfg(not(test))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "in tests it is the place where the power fails"
)]
fn step(_action: &'static str, _path: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
pub(super) use crash::{step, steps_left};

/// Power cuts: after so many steps of this thread nothing more is done.
#[cfg(test)]
mod crash {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static STEPS: Cell<Option<usize>> = const { Cell::new(None) };
    }

    pub(in crate::index) fn steps_left(steps: Option<usize>) {
        STEPS.set(steps);
    }

    pub(in crate::index) fn step(action: &'static str, path: &Path) -> Result<()> {
        match STEPS.get() {
            None => Ok(()),
            Some(0) => Err(Error::io(action, path)(std::io::Error::other("power cut"))),
            Some(left) => {
                STEPS.set(Some(left - 1));
                Ok(())
            }
        }
    }
}
