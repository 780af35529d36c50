//! What becomes of a log when the names in its folder cannot be made durable, whoever wanted them to be.
//!
//! A system that could not write a folder says so once, and may count it as written from then on (Rebello et al., ATC 2020). What was
//! to become durable with it, such as the segment that was begun just then, would be taken for durable by the next flush. So
//! a folder that failed once is never trusted again: the log is poisoned, also where a cleaning or a new start met the failure.

use std::fs::File;
use std::path::Path;

use super::Log;
use crate::Result;
use crate::disk::Disk;

/// The disk of a log, which is poisoned by a folder that fails.
#[derive(Debug)]
pub(super) struct LogDisk<'l>(&'l Log);

impl Log {
    /// For whoever gives files of its folder their names.
    pub(super) fn disk(&self) -> LogDisk<'_> {
        LogDisk(self)
    }
}

impl Disk for LogDisk<'_> {
    fn sync(&self, file: &File, path: &Path) -> Result<()> {
        // Drafts: what is in them is nobody's yet.
        self.0.files.disk().sync(file, path)
    }

    fn sync_folder(&self, folder: &Path) -> Result<()> {
        let synced = self.0.files.disk().sync_folder(folder);
        synced.inspect_err(|error| self.0.poison(error))
    }
}
