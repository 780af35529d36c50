//! Logs that take nothing more: *poisoned*, *deleted* or *closed*.
//!
//! A log is poisoned when something could not be made durable, by a flush or by whoever gives files of its folder their names, such as a
//! cleaning. A system that could not write a file or folder says so once, and may count it as written from then on (Rebello et
//! al., ATC 2020). What was to become durable with it, such as a segment that was begun just then, would be taken for durable by the
//! next flush; so what failed once is never tried again.
//!
//! One that is deleted is poisoned too, and says that it is deleted. One that is closed is whole, and stays as it is.

use std::fmt::Display;
use std::fs::File;
use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use tamis_engine::disk;

use super::Log;
use super::writer::Writer;
use crate::disk::Disk;
use crate::{Error, Result};

/// The disk of a log, which is poisoned by a folder that fails.
#[derive(Debug)]
pub(super) struct LogDisk<'l>(&'l Log);

impl Log {
    /// Whether making it durable failed: it takes nothing more.
    pub fn is_poisoned(&self) -> bool {
        self.is_poisoned.load(Ordering::Acquire)
    }

    /// Lets nobody append or remove anything any more, since the folder is about to be anybody's; waits for what is under way.
    pub(crate) fn end(&self) {
        self.lock().end();
        let _no_trim = self.trimming();
    }

    /// Ends it for those who still hold it, because its folder is about to go: a log of the same name may come in its place.
    pub(crate) fn retire(&self) {
        // Before the locks: a cleaning sees it, and ends.
        self.is_deleted.store(true, Ordering::Release);
        self.is_poisoned.store(true, Ordering::Release);
        let _no_cleaning = self.cleaner.lock();
        let _no_trim = self.trimming();
        let _no_flush = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let _no_append = self.lock();
        // Wakes those who wait for what was appended, and for what will be.
        self.durable_offset.send_modify(|_| ());
        self.wake_readers();
    }

    /// Whether its topic was deleted.
    pub(crate) fn is_deleted(&self) -> bool {
        self.is_deleted.load(Ordering::Acquire)
    }

    /// Takes nothing more, since nobody knows what is on the disk.
    pub(super) fn poison(&self, error: &dyn Display) {
        tracing::error!(partition = %self.folder.display(), %error, "takes nothing more");
        self.is_poisoned.store(true, Ordering::Release);
        // Wakes those who wait, who then see why.
        self.durable_offset.send_modify(|_| ());
    }

    /// Whether it may be changed, which holds while the lock of appends or that of removals is held.
    pub(super) fn check_open(&self, writer: &Writer) -> Result<()> {
        match (self.is_poisoned(), writer.is_ended()) {
            (true, _) => Err(self.poisoned()),
            (false, true) => Err(Error::Closed),
            (false, false) => Ok(()),
        }
    }

    /// Why nothing more is taken.
    pub(super) fn poisoned(&self) -> Error {
        let path = self.folder.clone();
        match self.is_deleted() {
            true => Error::Deleted { path },
            false => Error::Poisoned { path },
        }
    }

    /// For whoever gives files of its folder their names.
    pub(super) fn disk(&self) -> LogDisk<'_> {
        LogDisk(self)
    }
}

impl Disk for LogDisk<'_> {
    fn sync(&self, file: &File, path: &Path) -> disk::Result<()> {
        // Drafts: what is in them is nobody's yet.
        self.0.files.disk().sync(file, path)
    }

    fn sync_folder(&self, folder: &Path) -> disk::Result<()> {
        // A flush that came between the failure and its being known would be told that all is well.
        let flushing = self.0.flushing.lock();
        let _no_flush = flushing.unwrap_or_else(PoisonError::into_inner);
        let synced = self.0.files.disk().sync_folder(folder);
        synced.inspect_err(|error| self.0.poison(error))
    }
}
