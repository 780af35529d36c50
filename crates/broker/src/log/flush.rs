//! Making a log durable, in steps, so that one thread can have several logs under way.
//!
//! 1. [`Log::begin_flush`] takes what was appended since the last time, and keeps others from flushing this log.
//! 2. What [`Flush::target`] names is made durable, one after the other: sealed segments with their indexes, oldest first, then the
//!    active one, then the names in the folder.
//! 3. [`Flush::finish`] publishes the end that is durable now, or, if any of it failed, poisons the log.
//!
//! [`Log::flush`] does all of it and waits.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard, PoisonError};

use super::Log;
use super::segment::Segment;
use crate::disk::Disk;
use crate::{Error, Result};

/// What is to be made durable, and what may be read then.
#[derive(Debug)]
pub(super) struct Pending {
    /// Each with its length, oldest first; the last is the active one, the others are sealed.
    pub(super) segments: Vec<(Arc<Segment>, u64)>,
    pub(super) is_folder_dirty: bool,
    pub(super) next_offset: i64,
}

/// A log that is being made durable: nobody else does that until this goes.
#[derive(Debug)]
pub(crate) struct Flush<'l> {
    log: &'l Log,
    pending: Pending,
    _one_at_a_time: MutexGuard<'l, ()>,
}

/// One thing of those that are to be made durable.
#[derive(Debug)]
pub(crate) enum Target<'f> {
    /// The batches of a segment.
    Segment(&'f Segment),
    /// An index of a sealed segment.
    Index(PathBuf),
    /// The names in the folder of the log.
    Folder(&'f Path),
}

impl Log {
    /// Makes everything durable that was appended before, and lets consumers read it.
    ///
    /// # Errors
    /// [`Error::Io`], and from then on the log takes nothing more.
    pub fn flush(&self) -> Result<()> {
        let Some(flush) = self.begin_flush()? else {
            return Ok(());
        };
        let mut targets = (0..).map_while(|done| flush.target(done));
        let synced = targets.try_for_each(|it| it.sync(flush.disk()));
        drop(targets);
        flush.finish(synced)
    }

    /// Begins to make durable what was appended before; `None`: it is. Waits while somebody else does.
    ///
    /// # Errors
    /// [`Error::Poisoned`], [`Error::Deleted`].
    pub(crate) fn begin_flush(&self) -> Result<Option<Flush<'_>>> {
        let one_at_a_time = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_poisoned() {
            return Err(self.poisoned());
        }
        let pending = self.lock().take_pending();
        Ok(pending.map(|pending| Flush {
            log: self,
            pending,
            _one_at_a_time: one_at_a_time,
        }))
    }
}

impl Flush<'_> {
    /// What is to be made durable after `done` others; `None`: that was all.
    pub(crate) fn target(&self, done: usize) -> Option<Target<'_>> {
        let pending = &self.pending;
        let (active, sealed) = pending
            .segments
            .split_last()
            .expect("the active one is there");
        let sealed = sealed.iter().flat_map(|(segment, _)| {
            let indexes = segment.index_paths().map(Target::Index);
            std::iter::once(Target::Segment(segment)).chain(indexes)
        });
        let folder = pending
            .is_folder_dirty
            .then_some(Target::Folder(&self.log.folder));
        let mut all = sealed.chain([Target::Segment(&active.0)]).chain(folder);
        all.nth(done)
    }

    /// What is told of it before.
    pub(crate) fn disk(&self) -> &dyn Disk {
        self.log.files.disk()
    }

    /// Lets consumers read what is durable now, or else takes nothing more: nobody knows what is on the disk.
    ///
    /// # Errors
    /// Why it was not `synced`.
    pub(crate) fn finish(self, synced: Result<()>) -> Result<()> {
        let (log, pending) = (self.log, &self.pending);
        if let Err(error) = synced {
            log.poison(&error);
            return Err(error);
        }
        for (segment, len_bytes) in &pending.segments {
            segment.publish(*len_bytes);
        }
        log.publish_readable(pending.next_offset);
        log.durable_offset.send_replace(pending.next_offset);
        Ok(())
    }
}

impl Target<'_> {
    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Target::Segment(segment) => segment.path(),
            Target::Index(path) => path,
            Target::Folder(path) => path,
        }
    }

    /// Its descriptor.
    pub(crate) fn open(&self) -> Result<Arc<File>> {
        match self {
            Target::Segment(segment) => segment.file(),
            Target::Index(_) | Target::Folder(_) => {
                let path = self.path();
                let opened = File::open(path).map_err(Error::io("open", path))?;
                Ok(Arc::new(opened))
            }
        }
    }

    fn sync(&self, disk: &dyn Disk) -> Result<()> {
        match self {
            Target::Folder(folder) => disk.sync_folder(folder)?,
            _ => disk.sync(&*self.open()?, self.path())?,
        }
        Ok(())
    }
}
