//! Which records are old enough to go: by time, by size, or because somebody said so.

use std::fs;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::UNIX_EPOCH;

use super::Log;
use super::offset_file::write_start;
use super::segment::Segment;
use crate::{Error, Result};

impl Log {
    /// Removes the segments that the settings let go at `now_ms`, and seals the active one if all of it is too old.
    /// Returns how many were removed.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Poisoned`], [`Error::Closed`].
    pub fn retain(&self, now_ms: i64) -> Result<usize> {
        let _one_at_a_time = self.trimming();
        self.check_open(&self.lock())?;
        let config = self.config();
        let (retention_ms, retention_bytes) = match config.cleanup.deletes() {
            true => (config.retention_ms, config.retention_bytes),
            false => (None, None),
        };
        if let Some(age_ms) = retention_ms {
            let active = self.lock().active.clone();
            let is_old = |latest| now_ms.saturating_sub(latest) > age_ms;
            if latest(&active).is_some_and(is_old) {
                let mut writer = self.lock();
                self.check_open(&writer)?;
                if writer.len_bytes > 0 && Arc::ptr_eq(&writer.active, &active) {
                    self.roll(&mut writer)?;
                }
            }
        }
        self.flush()?;
        let end = self.end_offset();
        if self.end_at_retain.swap(end, Ordering::Relaxed) == end {
            // Nothing came since: what readers at the end wanted they have.
            self.tail.clear();
        }
        let segments = self.segments.load_full();
        let mut left_bytes = self.size().0;
        let mut count = 0;
        // The active one stays whatever it is.
        for segment in &segments[..segments.len() - 1] {
            let bytes = segment.readable_bytes();
            let is_too_old = retention_ms.is_some_and(|age_ms| {
                latest(segment).is_some_and(|latest| now_ms.saturating_sub(latest) > age_ms)
            });
            let is_too_much =
                retention_bytes.is_some_and(|limit| left_bytes.saturating_sub(bytes) >= limit);
            let next_base = segments[count + 1].base_offset;
            if !is_too_old && !is_too_much && next_base > self.start_offset() {
                break;
            }
            left_bytes -= bytes;
            count += 1;
        }
        if count > 0 {
            let first = segments[count].base_offset;
            self.advance_start(first)?;
            self.drop_segments(first)?;
        }
        Ok(count)
    }

    /// Deletes the records before `offset`, which may be at most the end of what can be read; returns the first offset there is.
    ///
    /// # Errors
    /// [`Error::OffsetOutOfRange`], [`Error::Io`], [`Error::Poisoned`], [`Error::Closed`].
    pub fn delete_before(&self, offset: i64) -> Result<i64> {
        let _one_at_a_time = self.trimming();
        self.check_open(&self.lock())?;
        let (start, end) = (self.start_offset(), self.readable_offset());
        if offset > end || offset < 0 {
            return Err(Error::OffsetOutOfRange { offset, start, end });
        }
        self.advance_start(offset)?;
        self.drop_segments(offset)?;
        Ok(self.start_offset())
    }

    /// The start is durable before anything is removed: after a crash offsets do not begin anew.
    fn advance_start(&self, offset: i64) -> Result<()> {
        if offset > self.start_offset() {
            write_start(&self.disk(), &self.folder, offset)?;
            self.start_offset.fetch_max(offset, Ordering::AcqRel);
        }
        Ok(())
    }

    /// Takes the segments before `offset` out of the log, and then removes their files; who reads one reads on.
    fn drop_segments(&self, offset: i64) -> Result<()> {
        // Nobody is to make durable what is about to go: it would not be found, and that is what a broken disk looks like.
        let flushing = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut writer = self.lock();
        let mut segments = self.segments.load().as_ref().clone();
        let is_gone = |pair: &[Arc<Segment>]| pair[1].base_offset <= offset;
        let count = segments.windows(2).take_while(|it| is_gone(it)).count();
        let dropped: Vec<_> = segments.drain(..count).collect();
        self.segments.store(Arc::new(segments));
        writer.forget(&dropped);
        drop(writer);
        drop(flushing);
        dropped.iter().try_for_each(|it| it.remove())
    }
}

/// The latest time of a segment's records, or if none has one, when it was written last.
fn latest(segment: &Segment) -> Option<i64> {
    let known = segment.max_timestamp();
    if known >= 0 {
        return Some(known);
    }
    let modified = fs::metadata(segment.path()).and_then(|it| it.modified());
    let since = modified.ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}
