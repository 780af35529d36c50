//! What appending needs, behind the lock of the log.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::{Errno, pwritev};

use super::flush::Pending;
use super::index::Growing;
use super::name::SegmentName;
use super::producers::{Came, Producers};
use super::segment::{SEGMENT_BYTES_MAX, Segment};
use super::{Files, LogConfig, snapshot};
use crate::batch::{Header, STAMP_BYTES};
use crate::{Error, Result};

/// Space set aside at the first batch of a segment; each time it is used up as much again.
const RESERVED_BYTES_MIN: u64 = 64 << 10;

/// So much more is set aside at once at most.
const RESERVED_STEP_MAX: u64 = 16 << 20;

/// The end of a log, and what is known of those who write there.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) active: Arc<Segment>,
    /// Bytes of the active segment's batches.
    pub(super) len_bytes: u64,
    pub(super) next_offset: i64,
    pub(super) producers: Producers,
    /// Bytes of the active segment's file, as far as we set them aside.
    reserved_bytes: u64,
    /// When the first batch of the active segment was appended, or if that was before the start, its time.
    first_append_ms: Option<i64>,
    /// Segments that were sealed and are not durable yet, each with its length.
    sealed: Vec<(Arc<Segment>, u64)>,
    is_dirty: bool,
    /// Whether a file was made since the folder was made durable.
    is_folder_dirty: bool,
    /// Whether the folder says less than what is known here: [`super::Log::close`] has something to do.
    has_changed: bool,
    /// Whether the broker was closed, and nothing is to change any more.
    is_ended: bool,
}

/// Where a log ends that was opened.
#[derive(Debug)]
pub(super) struct End {
    pub(super) active: Arc<Segment>,
    /// Bytes of the active segment's batches.
    pub(super) len_bytes: u64,
    pub(super) next_offset: i64,
    /// The time of the active segment's first batch.
    pub(super) first_time: Option<i64>,
    /// Whether the active segment was made just now.
    pub(super) is_new: bool,
    /// Whether what is known of producers at the end is on the disk.
    pub(super) has_snapshot: bool,
}

impl Writer {
    /// A writer behind the end of a log that was opened.
    pub(super) fn new(end: End, mut producers: Producers) -> Writer {
        producers.start();
        Writer {
            active: end.active,
            len_bytes: end.len_bytes,
            next_offset: end.next_offset,
            producers,
            reserved_bytes: end.len_bytes,
            first_append_ms: end.first_time,
            sealed: Vec::new(),
            is_dirty: end.is_new,
            // A process that was killed may have made a segment in which nothing was, and whose name is not durable.
            is_folder_dirty: true,
            has_changed: !end.has_snapshot,
            is_ended: false,
        }
    }

    /// Notes that nothing is to change any more.
    pub(super) fn end(&mut self) {
        self.is_ended = true;
    }

    /// Whether nothing is to change any more.
    pub(super) fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Whether a batch needs a new segment.
    pub(super) fn must_roll(&self, header: &Header, config: &LogConfig, now_ms: i64) -> bool {
        if self.len_bytes == 0 {
            return false;
        }
        let len_bytes = self.len_bytes + header.len_bytes() as u64;
        let last_offset = self.next_offset + i64::from(header.last_offset_delta);
        len_bytes > config.segment_bytes.min(SEGMENT_BYTES_MAX)
            || last_offset - self.active.base_offset > i64::from(i32::MAX)
            || self.is_aged(config, now_ms)
    }

    /// Whether the first batch of the active segment is so old that it is to be sealed.
    pub(super) fn is_aged(&self, config: &LogConfig, now_ms: i64) -> bool {
        let first = self.first_append_ms.filter(|_| self.len_bytes > 0);
        first.is_some_and(|it| now_ms.saturating_sub(it) >= config.segment_age_max_ms())
    }

    /// Writes a batch, in two parts, behind the end; the end stays where it is.
    pub(super) fn write(
        &mut self,
        stamp: &[u8; STAMP_BYTES],
        rest: &[u8],
        segment_bytes: u64,
    ) -> Result<()> {
        let file = self.active.file()?;
        let end = self.len_bytes + (stamp.len() + rest.len()) as u64;
        if end > self.reserved_bytes {
            self.reserve(&file, end, segment_bytes)?;
        }
        let written = write_all_at(&file, stamp, rest, self.len_bytes);
        written.map_err(Error::io("write", self.active.path()))
    }

    /// Takes note of the batch that was just written; returns the offset behind it.
    pub(super) fn note(
        &mut self,
        header: &Header,
        base_offset: i64,
        came: Came,
        now_ms: i64,
    ) -> i64 {
        self.active.note(header, base_offset, self.len_bytes);
        self.producers.note(header, base_offset, came);
        self.len_bytes += header.len_bytes() as u64;
        self.next_offset = base_offset + i64::from(header.last_offset_delta) + 1;
        self.first_append_ms.get_or_insert(now_ms);
        self.is_dirty = true;
        self.has_changed = true;
        self.next_offset
    }

    /// Whether something came since the log was opened or closed.
    pub(super) fn has_changed(&self) -> bool {
        self.has_changed
    }

    /// Leaves the folder such that the next start has little to do.
    pub(super) fn close(&mut self, folder: &Path) -> Result<()> {
        self.active.trim(self.len_bytes)?;
        self.reserved_bytes = self.len_bytes;
        snapshot::write(folder, self.next_offset, &self.producers)?;
        // What came since it was flushed is to be flushed by the next close.
        self.has_changed = self.is_dirty;
        Ok(())
    }

    /// Forgets segments that were removed: there is nothing left to make durable.
    pub(super) fn forget(&mut self, removed: &[Arc<Segment>]) {
        let is_removed = |it: &Arc<Segment>| removed.iter().any(|other| Arc::ptr_eq(it, other));
        self.sealed.retain(|(segment, _)| !is_removed(segment));
    }

    /// Sets space aside, so that neither a write nor a sync has to make the file longer.
    fn reserve(&mut self, file: &File, end: u64, segment_bytes: u64) -> Result<()> {
        let step = self
            .reserved_bytes
            .clamp(RESERVED_BYTES_MIN, RESERVED_STEP_MAX);
        let wanted = (self.reserved_bytes + step).min(segment_bytes).max(end);
        match fallocate(file, FallocateFlags::empty(), 0, wanted) {
            Ok(()) => {
                self.reserved_bytes = wanted;
                Ok(())
            }
            // Where there is no room for more there may be for this batch, and a file system that cannot set aside can write.
            Err(Errno::NOSPC | Errno::OPNOTSUPP | Errno::NOSYS | Errno::DQUOT) => Ok(()),
            Err(error) => Err(Error::io("set space aside for", self.active.path())(
                error.into(),
            )),
        }
    }

    /// Seals the active segment and begins another; returns the sealed one.
    pub(super) fn roll(&mut self, folder: &Path, files: &Files) -> Result<Arc<Segment>> {
        let next = create_segment(folder, files, self.next_offset)?;
        if let Err(error) = self.active.seal(self.len_bytes) {
            // More may be appended to the one that is not sealed, and then an empty one must not stand in the middle of it.
            let path = next.path().to_owned();
            drop(next);
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
            return Err(error);
        }
        let sealed = std::mem::replace(&mut self.active, Arc::new(next));
        self.sealed.push((sealed.clone(), self.len_bytes));
        self.len_bytes = 0;
        self.reserved_bytes = 0;
        self.first_append_ms = None;
        self.is_dirty = true;
        self.is_folder_dirty = true;
        self.has_changed = true;
        Ok(sealed)
    }

    /// What was appended since the last time; `None` if nothing was.
    pub(super) fn take_pending(&mut self) -> Option<Pending> {
        if !self.is_dirty {
            return None;
        }
        let mut segments = std::mem::take(&mut self.sealed);
        segments.push((self.active.clone(), self.len_bytes));
        self.is_dirty = false;
        Some(Pending {
            segments,
            is_folder_dirty: std::mem::take(&mut self.is_folder_dirty),
            next_offset: self.next_offset,
        })
    }
}

/// Makes the file of a segment that is not there yet.
pub(super) fn create_segment(folder: &Path, files: &Files, base_offset: i64) -> Result<Segment> {
    let path = folder.join(SegmentName::written(base_offset).file_name());
    let mut options = OpenOptions::new();
    // A process that was killed may have left one, in which nothing is.
    let created = options.write(true).create(true).truncate(true).open(&path);
    created.map_err(Error::io("create", &path))?;
    Ok(Segment::of_index(path, files, base_offset, Growing::new()))
}

/// Writes both parts, one behind the other.
fn write_all_at(file: &File, stamp: &[u8], rest: &[u8], position: u64) -> io::Result<()> {
    let total = stamp.len() + rest.len();
    let mut done = 0;
    while done < total {
        let first = &stamp[done.min(stamp.len())..];
        let second = &rest[done.saturating_sub(stamp.len())..];
        let parts = [IoSlice::new(first), IoSlice::new(second)];
        match pwritev(file, &parts, position + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => done += count,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
