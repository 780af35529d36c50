//! Compaction: of each key the last record stays (`cleanup.policy=compact`).
//!
//! A log is *clean* up to an offset: before it no key is there twice. What comes behind is *dirty*. A cleaning makes more of it clean:
//!
//! 1. *Map*. The keys of the dirty part are read, each with the last offset it has there ([`OffsetMap`]). Keys are hashed to 128 bits and
//!    memory is bounded; if it is used up the cleaning goes as far as the map does, and the next one goes on there.
//! 2. *Rewrite*. From the first segment on each record is kept unless the map has a later one of its key. Batches of which all stays
//!    are copied as they are; of others what is left is packed anew, with its offsets ([`sift`](crate::batch::sift)). Segments that
//!    have become small are put together, up to `segment.bytes`.
//! 3. *Swap*. The new file is made durable, then gets its name, which says what it takes the place of (`name.rs`); once that is durable
//!    the old ones leave the log and are removed. Segments are swapped from the first on, so that what a later one replaces is gone before.
//! 4. *Note*. `clean-offset.json` says up to where it is clean.
//!
//! Cut short anywhere, it has replaced some segments by others that say the same, and is done anew.
//!
//! A record without a value, a *tombstone*, goes too, `delete.retention.ms` after a cleaning saw it first: until then consumers that are
//! behind learn that the key is gone. Records without any key go; there are some if a topic was not compacted before. Control batches
//! stay. So does a batch that cannot be unpacked, or is part of a transaction, of which nobody says how it ended; neither replaces
//! anything, and from there on tombstones stay, since it may have what they remove.
//! The last batch of each producer stays, if without records, so that its sequence numbers are known; and so does the last
//! batch of what is cleaned: who reads gets to its end.
//!
//! Neither the active segment is touched, nor what is not durable, nor what is younger than `min.compaction.lag.ms`.
//!
//! | file | holds |
//! |---|---|
//! | `cleanable.rs` | which segments may be cleaned, and which of them become one |
//! | `map.rs` | the last offsets of keys, in bounded memory |
//! | `pass.rs` | what becomes of each batch |
//! | `output.rs` | the file that is written |
//! | `of_bytes.rs` | all of it asked of any bytes, for fuzzing |

mod cleanable;
mod map;
#[cfg(fuzzing)]
mod of_bytes;
mod output;
mod pass;
#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Log;
use super::config::{LogConfig, Ratio};
use super::offset_file::write_clean;
use super::segment::Segment;
use crate::{Error, Result};
use cleanable::Cleanable;
use map::OffsetMap;
#[cfg(fuzzing)]
pub use of_bytes::{check_batch, check_log};
use output::Output;
use pass::Pass;

/// Bytes of the map of a cleaning, of which there is one at a time: more than two million keys.
const MAP_BYTES: usize = 64 << 20;

/// What a log knows of its cleanings.
#[derive(Debug)]
pub(super) struct Cleaner {
    /// Held while it is cleaned.
    running: Mutex<()>,
    /// Before it no key is there twice.
    first_dirty: AtomicI64,
    /// The number of the last segment that was written, over all cleanings.
    generation: AtomicU32,
    /// When the first tombstone may go that the last cleaning kept.
    next_horizon: AtomicI64,
    /// Whether it cannot be cleaned as it is, so that trying again leads nowhere.
    is_given_up: AtomicBool,
    cleanings: AtomicU64,
    bytes_before: AtomicU64,
    bytes_after: AtomicU64,
}

/// What there is to clean.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dirt {
    /// The part of the log that is dirty.
    pub(crate) ratio: Ratio,
    /// Whether it is to be cleaned now.
    pub(crate) is_due: bool,
}

/// What a cleaning did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cleaned {
    /// Bytes of the segments that were looked at.
    pub(crate) bytes_before: u64,
    /// What is left of them.
    pub(crate) bytes_after: u64,
    /// Before it no key is there twice any more.
    pub(crate) end_offset: i64,
    /// Whether that is all there was to clean.
    pub(crate) is_whole: bool,
}

/// What was done by all cleanings since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) cleanings: u64,
    pub(crate) bytes_before: u64,
    pub(crate) bytes_after: u64,
}

impl Cleaner {
    /// Of a log that is clean up to an offset, and has no segment of a later generation.
    pub(super) fn new(first_dirty: i64, generation: u32) -> Cleaner {
        Cleaner {
            running: Mutex::default(),
            first_dirty: AtomicI64::new(first_dirty),
            generation: AtomicU32::new(generation),
            // What was cleaned before may have tombstones whose time has come: a cleaning will tell.
            next_horizon: AtomicI64::new(if first_dirty > 0 { 0 } else { i64::MAX }),
            is_given_up: AtomicBool::new(false),
            cleanings: AtomicU64::new(0),
            bytes_before: AtomicU64::new(0),
            bytes_after: AtomicU64::new(0),
        }
    }

    /// Waits for the cleaning that is under way; none begins while this is held.
    pub(super) fn lock(&self) -> MutexGuard<'_, ()> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, cleaned: &Cleaned) {
        self.cleanings.fetch_add(1, Ordering::Relaxed);
        let (before, after) = (cleaned.bytes_before, cleaned.bytes_after);
        self.bytes_before.fetch_add(before, Ordering::Relaxed);
        self.bytes_after.fetch_add(after, Ordering::Relaxed);
    }
}

impl Log {
    /// What there is to clean at `now_ms`; `None`: it is not compacted.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub(crate) fn dirt(&self, now_ms: i64) -> Result<Option<Dirt>> {
        let config = self.config();
        if !config.cleanup.compacts() {
            return Ok(None);
        }
        let found = self.cleanable(&config, now_ms);
        let (mut all, mut dirty) = (0, 0);
        let mut is_late = false;
        for (index, segment) in found.segments.iter().enumerate() {
            let bytes = segment.readable_bytes();
            all += bytes;
            if found.end_of(index) <= found.first_dirty {
                continue;
            }
            if dirty == 0 && config.max_compaction_lag_ms < i64::MAX {
                let first = segment
                    .find(found.first_dirty)?
                    .map(|it| it.1.max_timestamp);
                let age_ms = first.map_or(0, |it| now_ms.saturating_sub(it));
                is_late = age_ms > config.max_compaction_lag_ms;
            }
            dirty += bytes;
        }
        let ratio = Ratio::of(dirty, all);
        let is_dirty = dirty > 0 && (is_late || ratio > config.min_cleanable_dirty_ratio);
        let has_failed = self.is_poisoned() || self.cleaner.is_given_up.load(Ordering::Relaxed);
        Ok(Some(Dirt {
            ratio,
            is_due: !has_failed && (is_dirty || self.has_expired(now_ms)),
        }))
    }

    /// Bytes of sealed segments that are dirty, and of all.
    pub(crate) fn dirty_bytes(&self) -> (u64, u64) {
        let first_dirty = self.cleaner.first_dirty.load(Ordering::Relaxed);
        let segments = self.segments.load();
        let sealed = segments.windows(2);
        sealed.fold((0, 0), |(dirty, all), pair| {
            let bytes = pair[0].readable_bytes();
            let is_dirty = pair[1].base_offset > first_dirty;
            (dirty + if is_dirty { bytes } else { 0 }, all + bytes)
        })
    }

    /// What was done by cleanings since the start.
    pub(crate) fn cleaned(&self) -> Totals {
        let load = |it: &AtomicU64| it.load(Ordering::Relaxed);
        Totals {
            cleanings: load(&self.cleaner.cleanings),
            bytes_before: load(&self.cleaner.bytes_before),
            bytes_after: load(&self.cleaner.bytes_after),
        }
    }

    /// Seals the active segment if it is so old at `now_ms` that it is to be compacted.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn seal_aged(&self, now_ms: i64) -> Result<()> {
        let config = self.config();
        let mut writer = self.lock();
        let is_aged = config.cleanup.compacts() && writer.is_aged(&config, now_ms);
        match is_aged && self.check_open(&writer).is_ok() {
            true => self.roll(&mut writer),
            false => Ok(()),
        }
    }

    /// Cleans what may be cleaned at `now_ms`, whether or not it is due; `None`: there is nothing, or `is_ending` became true.
    ///
    /// # Errors
    /// [`Error::Io`], after which it may be tried again unless that poisoned the log; [`Error::Damaged`], after which it is not due any more; [`Error::Poisoned`],
    /// [`Error::Deleted`], [`Error::Closed`].
    pub(crate) fn clean(
        &self,
        now_ms: i64,
        is_ending: &dyn Fn() -> bool,
    ) -> Result<Option<Cleaned>> {
        let _one_at_a_time = self.cleaner.lock();
        self.clean_with(now_ms, is_ending, MAP_BYTES)
    }

    fn clean_with(
        &self,
        now_ms: i64,
        is_ending: &dyn Fn() -> bool,
        map_bytes: usize,
    ) -> Result<Option<Cleaned>> {
        let config = self.config();
        if !config.cleanup.compacts() {
            return Ok(None);
        }
        let found = self.cleanable(&config, now_ms);
        if !found.has_dirt() && !self.has_expired(now_ms) {
            return Ok(None);
        }
        // All that was sealed until now is durable then, indexes and ends too.
        self.flush()?;
        let cleaned = match self.clean_segments(&found, &config, now_ms, is_ending, map_bytes) {
            // It was removed since then, as too old or because somebody said so: the next cleaning begins behind it.
            Err(Error::Io { source, .. })
                if source.kind() == ErrorKind::NotFound
                    && !found.segments.iter().all(|it| self.has(it)) =>
            {
                Ok(None)
            }
            cleaned => cleaned,
        };
        if let Err(Error::Damaged { .. } | Error::TooLarge { .. }) = &cleaned {
            self.cleaner.is_given_up.store(true, Ordering::Relaxed);
        }
        if let Ok(Some(cleaned)) = &cleaned {
            self.cleaner.note(cleaned);
        }
        cleaned
    }

    fn clean_segments(
        &self,
        found: &Cleanable,
        config: &LogConfig,
        now_ms: i64,
        is_ending: &dyn Fn() -> bool,
        map_bytes: usize,
    ) -> Result<Option<Cleaned>> {
        let is_over = || {
            let is_compacted = self.config.load().cleanup.compacts();
            is_ending() || self.is_poisoned() || !is_compacted
        };
        let map = OffsetMap::build(found, map_bytes, &is_over)?;
        let Some(map) = map else { return Ok(None) };
        let end_offset = map.end_offset;
        let mut pass = Pass::new(self, config, map, found.end_offset, now_ms);
        let mut cleaned = Cleaned {
            bytes_before: 0,
            bytes_after: 0,
            end_offset,
            is_whole: end_offset == found.end_offset,
        };
        for group in found.groups(config, end_offset) {
            let sources = &found.segments[group.clone()];
            let group_end = found.end_of(group.end - 1);
            let before: u64 = sources.iter().map(|it| it.readable_bytes()).sum();
            let Some(after) = self.clean_group(&mut pass, sources, group_end, &is_over)? else {
                return Ok(None);
            };
            cleaned.bytes_before += before;
            cleaned.bytes_after += after;
        }
        let next_horizon = pass.next_horizon();
        if end_offset > found.first_dirty {
            write_clean(&self.disk(), &self.folder, end_offset)?;
        }
        let cleaner = &self.cleaner;
        cleaner.first_dirty.fetch_max(end_offset, Ordering::Relaxed);
        cleaner.next_horizon.store(next_horizon, Ordering::Relaxed);
        Ok(Some(cleaned))
    }

    /// Makes one segment of some neighbours; returns how long it is. `None`: it is over.
    fn clean_group(
        &self,
        pass: &mut Pass<'_>,
        sources: &[Arc<Segment>],
        end_offset: i64,
        is_over: &dyn Fn() -> bool,
    ) -> Result<Option<u64>> {
        let generation = self.cleaner.generation.fetch_add(1, Ordering::Relaxed) + 1;
        let base_offset = sources[0].base_offset;
        let mut output = Output::new(&self.folder, base_offset, end_offset, generation);
        for source in sources {
            if !pass.rewrite(source, &mut output, is_over)? {
                return Ok(None);
            }
        }
        let len_bytes = output.len_bytes();
        if sources.len() == 1 && output.is_copy_of(&sources[0]) {
            return Ok(Some(len_bytes));
        }
        output.finish(self.files.disk())?;
        self.swap(sources, &mut output)?;
        Ok(Some(len_bytes))
    }

    /// Puts what was written in the place of its sources, unless one of them is gone meanwhile.
    fn swap(&self, sources: &[Arc<Segment>], output: &mut Output) -> Result<()> {
        let _no_trim = self.trimming();
        self.check_open(&self.lock())?;
        // Segments go from the first on alone, and not while we hold the lock: if the first is there all are.
        // And nothing goes any more once somebody was told that all stays.
        if !self.has(&sources[0]) || !self.config().cleanup.compacts() {
            return Ok(());
        }
        let cleaned = output.install(&self.disk(), &self.files)?;
        let writer = self.lock();
        let mut segments = self.segments.load().as_ref().clone();
        let is_first = |it: &Arc<Segment>| Arc::ptr_eq(it, &sources[0]);
        if let Some(at) = segments.iter().position(is_first) {
            segments.splice(at..at + sources.len(), [Arc::new(cleaned)]);
        }
        self.segments.store(Arc::new(segments));
        drop(writer);
        for source in sources {
            if let Err(error) = source.remove() {
                tracing::warn!(%error, "is not needed any more, and is removed at the next start");
            }
        }
        Ok(())
    }

    /// Whether a segment is a part of the log still.
    fn has(&self, segment: &Arc<Segment>) -> bool {
        let segments = self.segments.load();
        segments.iter().any(|it| Arc::ptr_eq(it, segment))
    }

    fn cleanable(&self, config: &LogConfig, now_ms: i64) -> Cleanable {
        let segments = self.segments.load_full();
        let young = now_ms.saturating_sub(config.min_compaction_lag_ms);
        let is_old =
            |it: &&Arc<Segment>| config.min_compaction_lag_ms == 0 || it.max_timestamp() <= young;
        // The active one never is.
        let sealed = &segments[..segments.len() - 1];
        let count = sealed.iter().take_while(is_old).count();
        let first_dirty = self.cleaner.first_dirty.load(Ordering::Relaxed);
        Cleanable {
            first_dirty: first_dirty.max(self.start_offset()),
            end_offset: segments[count].base_offset,
            segments: segments[..count].to_vec(),
        }
    }

    /// Whether a tombstone was kept that may go.
    fn has_expired(&self, now_ms: i64) -> bool {
        self.cleaner.next_horizon.load(Ordering::Relaxed) <= now_ms
    }
}
