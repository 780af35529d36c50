//! The log of one partition: batches in the order in which they came, in segments.
//!
//! Three tiers are one log. The *active segment* takes batches at its end; the *tail* keeps the last of them in memory for those
//! who read there; *sealed segments* are files that nobody changes, of which ranges go to sockets as they are.
//!
//! One writer at a time, for microseconds; readers never wait for it. A batch goes through these steps:
//!
//! 1. *Check*, before the lock: header, checksum, size.
//! 2. *Append*, under the lock: is it the next of its producer; does it fit into the segment, or is a new one begun; one vectored
//!    write behind the end, of the stamp (offset and epoch) and the batch as it came; note it in the index and the tail. If the
//!    write fails nothing was appended: what it left behind the end is overwritten by the next, or cut off at the next start.
//! 3. *Flush*, by the [`crate::flusher`]: make the file durable, all batches since the last time together; then the end up to
//!    which everything is durable is published, who waits for it is woken, and consumers may read it.
//!
//! With [`Visibility::Written`] step 2 publishes, and the flush comes when it comes. A flush that failed is never tried again:
//! nobody knows what is on the disk, so the partition takes nothing more ([`Error::Poisoned`]).
//!
//! | file | holds |
//! |---|---|
//! | `segment.rs`, `index.rs`, `scan.rs` | one file of batches, its indexes, and going through it |
//! | `tail.rs` | the last batches |
//! | `writer.rs` | what appends need: the end, the space set aside, the producers |
//! | `producers.rs`, `snapshot.rs` | which batch is the next of its producer; the same on the disk |
//! | `awaited.rs` | producers whose first batch was refused |
//! | `missing.rs` | what is remembered of producers where a power cut took records |
//! | `recovery/` | opening: what is trusted, what is scanned (`mod.rs`), what becomes of damage (`damage.rs`) |
//! | `offset_file.rs` | offsets in files of their own: where the log begins, and up to where it is compacted |
//! | `retention.rs` | which segments are old enough to go |
//! | `ahead.rs` | what a consumer that lags will read next |
//! | `cleaning/` | compacted topics: of each key the last record stays |
//! | `name.rs`, `config.rs` | what files are called; what may be set for each topic |
//! | `ending.rs` | logs that take nothing more: poisoned, deleted, closed |
//! | `flush.rs` | making it durable, step by step |
//! | `files.rs` | descriptors, of which there is a budget |
//!
//! Not here: topics and who may read what (`topics`), the protocol, threads.

mod ahead;
mod awaited;
mod cleaning;
mod config;
mod ending;
mod files;
pub(crate) mod flush;
mod index;
mod missing;
mod name;
mod offset_file;
mod producers;
mod recovery;
mod retention;
mod scan;
mod segment;
mod snapshot;
mod tail;
#[cfg(test)]
mod tests;
mod writer;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::{Notify, watch};

use crate::batch::{Header, STAMP_BYTES, check_keys};
use crate::unpacking::Effort;
use crate::{Error, Result};
use ahead::read_ahead;
use cleaning::Cleaner;
pub(crate) use cleaning::{Cleaned, Dirt, Totals};
#[cfg(fuzzing)]
pub use cleaning::{check_batch, check_log};
pub use config::{Cleanup, LogConfig, Ratio, Visibility};
pub(crate) use files::Files;
pub use producers::BadSequence;
pub(crate) use producers::DEAD_LETTERS_FROM;
use producers::{Came, Verdict};
pub(crate) use recovery::Shared;
pub use recovery::{Damaged, Recovery};
pub(crate) use tail::Budget;

pub use segment::FileRange;
use segment::Segment;
#[cfg(fuzzing)]
pub use snapshot::check_snapshot;
use tail::{CachedBatch, Tail};
use writer::Writer;

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The offset of its first record.
    pub base_offset: i64,
    /// The offset behind its last record.
    pub next_offset: i64,
    /// Its time, if the log gave it one.
    pub append_time: Option<i64>,
    /// Whether it was there already, and nothing was appended.
    pub is_duplicate: bool,
}

/// What a consumer gets: batches from memory, or a part of a file.
#[derive(Clone, Debug)]
pub enum Fetched {
    /// There is nothing behind the offset yet.
    Nothing,
    /// Batches from the tail, in pieces.
    Memory(Vec<Bytes>),
    /// Batches from a segment.
    File(FileRange),
}

/// A batch that is whole, and that a topic takes.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    header: Header,
    bytes: Bytes,
}

impl Checked {
    /// A batch that we made ourselves.
    ///
    /// # Errors
    /// [`Error::BadBatch`], if it is none.
    pub(crate) fn own(bytes: Bytes) -> Result<Checked> {
        let header = Header::read(&bytes)?;
        Ok(Checked { header, bytes })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// All of it, from its first byte to its last.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// So much is unpacked where a batch came in, and so long it may be: a fraction of a millisecond.
const LITTLE_BYTES: u64 = 128 << 10;

/// The log of one partition.
#[derive(Debug)]
pub struct Log {
    folder: PathBuf,
    config: ArcSwap<LogConfig>,
    files: Files,
    /// Oldest first, the active one last; never empty.
    segments: ArcSwap<Vec<Arc<Segment>>>,
    tail: Tail,
    writer: Mutex<Writer>,
    /// Held while files are made durable, so that ends are published in order.
    flushing: Mutex<()>,
    /// Held while records are removed, so that the start moves in one direction. Taken before the other two.
    trimming: Mutex<()>,
    start_offset: AtomicI64,
    end_offset: AtomicI64,
    /// Behind the last record that consumers may read.
    readable_offset: AtomicI64,
    durable_offset: watch::Sender<i64>,
    readers: Mutex<Vec<Arc<Notify>>>,
    is_poisoned: AtomicBool,
    /// Whether its topic was deleted, and it is poisoned for that.
    is_deleted: AtomicBool,
    cleaner: Cleaner,
    /// Where the end was when old records were looked for last.
    end_at_retain: AtomicI64,
}

impl Log {
    /// The offset of the first record there is.
    pub fn start_offset(&self) -> i64 {
        self.start_offset.load(Ordering::Acquire)
    }

    /// The offset that the next record will get.
    pub fn end_offset(&self) -> i64 {
        self.end_offset.load(Ordering::Acquire)
    }

    /// Behind the last record that consumers may read (the *high watermark*).
    pub fn readable_offset(&self) -> i64 {
        self.readable_offset.load(Ordering::Acquire)
    }

    /// Behind the last record that is on stable storage.
    pub fn durable_offset(&self) -> i64 {
        *self.durable_offset.borrow()
    }

    /// Sees [`Log::durable_offset`] change; also when the partition was poisoned.
    pub fn watch_durable(&self) -> watch::Receiver<i64> {
        self.durable_offset.subscribe()
    }

    /// Waits until everything before `offset` is on stable storage. Somebody must have asked the flusher for it.
    ///
    /// # Errors
    /// [`Error::Poisoned`] if that has failed.
    pub(crate) async fn until_durable(&self, offset: i64) -> Result<()> {
        let mut durable = self.watch_durable();
        let is_done = |durable: &i64| *durable >= offset || self.is_poisoned();
        // The log lives as long as we do, and so does who publishes.
        let _ = durable.wait_for(is_done).await;
        match self.durable_offset() >= offset {
            true => Ok(()),
            false => Err(self.poisoned()),
        }
    }

    /// Whether something was appended that is not durable.
    pub fn is_dirty(&self) -> bool {
        self.durable_offset() < self.end_offset()
    }

    /// The settings in force.
    pub fn config(&self) -> Arc<LogConfig> {
        self.config.load_full()
    }

    /// Changes the settings, from the next batch on; a log that is not to be compacted any more loses nothing to a cleaning afterwards.
    pub fn configure(&self, config: LogConfig) {
        let _no_swap = self.trimming();
        self.config.store(Arc::new(config));
    }

    /// The folder of the partition.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes of all batches, and how many segments they are in.
    pub fn size(&self) -> (u64, usize) {
        let segments = self.segments.load();
        let bytes = segments.iter().map(|it| it.readable_bytes()).sum();
        (bytes, segments.len())
    }

    /// Behind the last record that may be read of the segment with `offset` in it.
    pub(crate) fn segment_end_offset(&self, offset: i64) -> i64 {
        let segments = self.segments.load();
        let next = segments.partition_point(|it| it.base_offset <= offset);
        segments
            .get(next)
            .map_or_else(|| self.readable_offset(), |it| it.base_offset)
    }

    /// Appends one batch, which is `bytes` from the first to the last; `now_ms` is the time of day.
    ///
    /// # Errors
    /// [`Error::BadBatch`], [`Error::BadKeys`], [`Error::TooLarge`], [`Error::Sequence`]; [`Error::Io`], after which the log is as
    /// before; [`Error::Poisoned`], [`Error::Closed`].
    pub fn append(&self, bytes: Bytes, leader_epoch: i32, now_ms: i64) -> Result<Appended> {
        let checked = self.check(&bytes, Effort::Whole)?;
        self.append_checked(checked, leader_epoch, now_ms)
    }

    /// Whether the topic takes a batch, as far as that can be said with so much effort.
    ///
    /// # Errors
    /// Those of [`Log::append`]; with more effort one that is [`BadKeys::TooLong`](crate::batch::BadKeys::TooLong) may be taken.
    pub(crate) fn check(&self, bytes: &Bytes, effort: Effort) -> Result<Checked> {
        let header = Header::check(bytes)?;
        header.check_new()?;
        let config = self.config.load();
        if bytes.len() > config.max_message_bytes {
            return Err(Error::TooLarge {
                found: bytes.len(),
                limit: config.max_message_bytes,
            });
        }
        if config.cleanup.compacts() {
            let bytes_max = match effort {
                // What is longer as it is will not be less.
                Effort::Little if bytes.len() as u64 > LITTLE_BYTES => 0,
                Effort::Little => LITTLE_BYTES,
                Effort::Whole => config.unpacked_bytes_max(),
            };
            check_keys(&header, bytes, bytes_max)?;
        }
        Ok(Checked {
            header,
            bytes: bytes.clone(),
        })
    }

    /// Appends a batch that was checked.
    ///
    /// # Errors
    /// Those of [`Log::append`].
    pub(crate) fn append_checked(
        &self,
        checked: Checked,
        leader_epoch: i32,
        now_ms: i64,
    ) -> Result<Appended> {
        self.append_of(checked, (leader_epoch, now_ms), Came::default(), |_| Ok(()))
    }

    /// Appends dead letters of a batch that came like this to the log they come from.
    ///
    /// # Errors
    /// Those of [`Log::append`].
    pub(crate) fn append_letters(
        &self,
        checked: Checked,
        now_ms: i64,
        came: Came,
    ) -> Result<Appended> {
        self.append_of(checked, (0, now_ms), came, |_| Ok(()))
    }

    /// What became of a batch, by its producer and its numbers, if it is here already.
    ///
    /// # Errors
    /// [`Error::Sequence`] if it would not be appended either; [`Error::Poisoned`], [`Error::Closed`].
    pub(crate) fn find_duplicate(&self, header: &Header) -> Result<Option<Appended>> {
        let has_append_time = self.config.load().is_log_append_time;
        let writer = self.lock();
        self.check_open(&writer)?;
        if !header.has_producer() {
            return Ok(None);
        }
        let first = self.find_first(&writer, header, Came::default())?;
        Ok(first.map(|it| it.repeated(header, has_append_time)))
    }

    /// What a batch repeats that came like this, which has a producer.
    fn find_first(
        &self,
        writer: &Writer,
        header: &Header,
        came: Came,
    ) -> Result<Option<producers::Appended>> {
        Ok(match writer.producers.check(header, came)? {
            Verdict::Next => None,
            Verdict::Duplicate(first) => Some(first),
            Verdict::Unsure(other) => self.has_letters(writer, header)?.then_some(other),
        })
    }

    /// Takes note of a batch that was refused, and of which nothing is stored: of its producer no later one is taken for the first.
    pub(crate) fn note_refused(&self, header: &Header) {
        self.lock().producers.refuse(header);
    }

    /// Appends a batch that was checked, behind what `before` appends to another log: it is called once it is sure that the batch is to be
    /// here, or is here already, with how it came, and nobody appends anything here meanwhile. If it fails nothing is appended.
    ///
    /// # Errors
    /// Those of [`Log::append`], those of `before`.
    pub(crate) fn append_behind(
        &self,
        checked: Checked,
        now_ms: i64,
        before: impl FnOnce(Came) -> Result<()>,
    ) -> Result<Appended> {
        self.append_of(checked, (0, now_ms), Came::default(), before)
    }

    /// Appends what is either a batch behind others, or dead letters of one that came like this.
    fn append_of(
        &self,
        checked: Checked,
        (leader_epoch, now_ms): (i32, i64),
        came: Came,
        before: impl FnOnce(Came) -> Result<()>,
    ) -> Result<Appended> {
        let Checked {
            mut header,
            mut bytes,
        } = checked;
        let config = self.config.load();
        let append_time = config.is_log_append_time.then_some(now_ms);
        if let Some(time) = append_time {
            let mut stamped = bytes.to_vec();
            crate::batch::set_append_time(&mut stamped, time);
            header = Header::read(&stamped)?;
            bytes = stamped.into();
        }
        let mut writer = self.lock();
        self.check_open(&writer)?;
        let behind = writer.producers.taken(header.producer_id);
        if header.has_producer()
            && let Some(first) = self.find_first(&writer, &header, came)?
        {
            before(Came {
                is_again: true,
                behind,
            })?;
            return Ok(first.repeated(&header, append_time.is_some()));
        }
        before(Came {
            is_again: false,
            behind,
        })?;
        if writer.must_roll(&header, &config, now_ms) {
            self.roll(&mut writer)?;
        }
        let base_offset = writer.next_offset;
        let stamp = header.stamp(base_offset, leader_epoch);
        writer.write(&stamp, &bytes[STAMP_BYTES..], config.segment_bytes)?;
        let next_offset = writer.note(&header, base_offset, came, now_ms);
        self.end_offset.store(next_offset, Ordering::Release);
        self.tail
            .push(CachedBatch::new(base_offset, next_offset, stamp, bytes));
        if config.visibility == Visibility::Written {
            writer.active.publish(writer.len_bytes);
            self.publish_readable(next_offset);
        }
        Ok(Appended {
            base_offset,
            next_offset,
            append_time,
            is_duplicate: false,
        })
    }

    /// What may be read from `offset` on: whole batches, about `bytes_max` of them, but at least one.
    ///
    /// The first may begin before `offset`, if it is in the middle of a batch.
    ///
    /// # Errors
    /// [`Error::OffsetOutOfRange`], [`Error::Io`], [`Error::Damaged`], [`Error::Deleted`].
    pub fn fetch(&self, offset: i64, bytes_max: u64) -> Result<Fetched> {
        let end = self.readable_offset();
        let start = self.start_offset();
        if offset < start || offset > self.end_offset() {
            return Err(Error::OffsetOutOfRange { offset, start, end });
        }
        if offset >= end {
            return Ok(Fetched::Nothing);
        }
        if let Some(pieces) = self.fetch_tail(offset, end, bytes_max) {
            return Ok(Fetched::Memory(pieces));
        }
        self.with_segments(|segments| {
            let after = segments.partition_point(|it| it.base_offset <= offset);
            for (index, segment) in segments.iter().enumerate().skip(after.saturating_sub(1)) {
                if let Some((position, header)) = segment.find(offset)? {
                    let first_bytes = header.len_bytes() as u64;
                    let range = segment.range(position, first_bytes, bytes_max)?;
                    // What was written last is in memory, as a rule.
                    if index + 1 < segments.len() {
                        read_ahead(&range, segment, segments.get(index + 1));
                    }
                    return Ok(Fetched::File(range));
                }
            }
            Ok(Fetched::Nothing)
        })
    }

    /// Looks something up in the segments. One whose file was removed just then is looked for again among those that took its place.
    fn with_segments<T>(&self, look_up: impl Fn(&[Arc<Segment>]) -> Result<T>) -> Result<T> {
        loop {
            let segments = self.segments.load_full();
            match look_up(&segments) {
                Err(Error::Io { source, .. })
                    if source.kind() == ErrorKind::NotFound
                        && !Arc::ptr_eq(&segments, &self.segments.load()) => {}
                Err(_) if self.is_deleted() => return Err(self.poisoned()),
                found => return found,
            }
        }
    }

    fn fetch_tail(&self, offset: i64, end: i64, bytes_max: u64) -> Option<Vec<Bytes>> {
        let mut batch = self.tail.find(offset)?;
        if batch.next_offset > end {
            return None;
        }
        let mut bytes = batch.len_bytes() as u64;
        let mut pieces = Vec::from(batch.pieces());
        while let Some(next) = self.tail.after(&batch) {
            bytes += next.len_bytes() as u64;
            if next.next_offset > end || bytes > bytes_max {
                break;
            }
            pieces.extend(next.pieces());
            batch = next;
        }
        Some(pieces)
    }

    /// The first record that is not older than `timestamp`: its offset and time; `None`: all are older.
    ///
    /// A batch that is compressed is unpacked for it, one of each segment at most but for times that go back and forth; of each no more
    /// than `bytes_max`.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`]; [`Error::TooLong`] if `bytes_max` was not enough, and more may be.
    pub(crate) fn find_time(&self, timestamp: i64, bytes_max: u64) -> Result<Option<(i64, i64)>> {
        let start = self.start_offset();
        self.with_segments(|segments| {
            for segment in segments {
                if segment.max_timestamp() < timestamp {
                    continue;
                }
                if let Some(found) = segment.find_time(timestamp, start, bytes_max)? {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        })
    }

    /// The latest time of all records; -1: none has one.
    pub fn max_timestamp(&self) -> i64 {
        let segments = self.segments.load();
        segments
            .iter()
            .map(|it| it.max_timestamp())
            .max()
            .unwrap_or(-1)
    }

    /// Wakes `reader` when there is more to read, or nothing will be, until [`Log::unsubscribe`].
    pub fn subscribe(&self, reader: &Arc<Notify>) {
        self.readers().push(reader.clone());
    }

    /// Takes back a [`Log::subscribe`].
    pub fn unsubscribe(&self, reader: &Arc<Notify>) {
        self.readers().retain(|it| !Arc::ptr_eq(it, reader));
    }

    /// Whether somebody waits for more.
    pub fn has_readers(&self) -> bool {
        !self.readers().is_empty()
    }

    /// Makes everything durable and leaves the folder such that the next start trusts it. Nothing is done if that was so before, so
    /// many logs of which few were written to are closed quickly.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Poisoned`].
    pub fn close(&self) -> Result<()> {
        if self.is_poisoned() {
            return Err(self.poisoned());
        }
        if !self.lock().has_changed() {
            return Ok(());
        }
        self.flush()?;
        self.lock().close(&self.folder)
    }

    /// Forgets producers that wrote nothing for a day before `now_ms`.
    pub fn expire_producers(&self, now_ms: i64) {
        self.lock().producers.expire(now_ms);
    }

    /// Seals the active segment and begins another.
    fn roll(&self, writer: &mut Writer) -> Result<()> {
        snapshot::write(&self.folder, writer.next_offset, &writer.producers)?;
        let sealed = writer.roll(&self.folder, &self.files)?;
        let mut segments = self.segments.load().as_ref().clone();
        segments.push(writer.active.clone());
        self.segments.store(Arc::new(segments));
        tracing::debug!(segment = %sealed.path().display(), "sealed");
        Ok(())
    }

    fn publish_readable(&self, offset: i64) {
        self.readable_offset.fetch_max(offset, Ordering::AcqRel);
        self.wake_readers();
    }

    fn wake_readers(&self) {
        for reader in self.readers().iter() {
            reader.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trimming(&self) -> MutexGuard<'_, ()> {
        self.trimming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn readers(&self) -> MutexGuard<'_, Vec<Arc<Notify>>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
