//! One file of a partition's log: batches one behind the other.
//!
//! The file is named for the offset of its first batch (`name.rs`). The last segment is *active*: batches are written behind
//! its end, into space that was set aside before, so its file is longer than what is in it and ends in zeros. A *sealed* one
//! is as long as its batches, and nothing of it changes any more.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::files::{Files, LogFile};
use super::index::{Growing, Lookup, Sealed, offset_path, time_path};
use super::name::SegmentName;
use super::scan::Scan;
use crate::batch::{HEADER_BYTES, Header, TooLong, UNPACKED_BYTES_MAX, heads};
use crate::disk::remove;
use crate::{Error, Result};

/// Positions in a segment and offsets within it are kept in 32 bits.
pub(crate) const SEGMENT_BYTES_MAX: u64 = i32::MAX as u64;

/// Headers are looked for in pieces of this size: about what lies between two entries of the index.
pub(super) const SEARCHED_BYTES: usize = 4096 + HEADER_BYTES;

/// A file of batches.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) base_offset: i64,
    file: LogFile,
    /// Bytes that consumers may read.
    readable_bytes: AtomicU64,
    /// The latest time of its records; -1: none.
    max_timestamp: AtomicI64,
    /// `None` once it is sealed.
    growing: RwLock<Option<Growing>>,
    sealed: OnceLock<Sealed>,
}

/// A part of a file that goes to a consumer as it is.
#[derive(Clone, Debug)]
pub struct FileRange {
    /// The file, which may have been removed from its folder meanwhile.
    pub file: Arc<File>,
    /// Where it begins.
    pub position: u64,
    /// How long it is.
    pub len_bytes: u64,
}

impl Segment {
    /// A segment whose batches were scanned: its indexes are in memory.
    pub(crate) fn of_index(
        path: PathBuf,
        files: &Files,
        base_offset: i64,
        growing: Growing,
    ) -> Segment {
        Segment {
            base_offset,
            file: files.file(path),
            readable_bytes: AtomicU64::new(0),
            max_timestamp: AtomicI64::new(growing.max_timestamp()),
            growing: RwLock::new(Some(growing)),
            sealed: OnceLock::new(),
        }
    }

    /// A segment that was sealed long ago and is trusted; its indexes are opened when they are needed.
    pub(crate) fn of_sealed(
        path: PathBuf,
        files: &Files,
        base_offset: i64,
        len_bytes: u64,
        max_timestamp: i64,
    ) -> Segment {
        Segment {
            base_offset,
            file: files.file(path),
            readable_bytes: AtomicU64::new(len_bytes),
            max_timestamp: AtomicI64::new(max_timestamp),
            growing: RwLock::new(None),
            sealed: OnceLock::new(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// What its file is called.
    pub(crate) fn name(&self) -> SegmentName {
        SegmentName::of(self.path()).unwrap_or_else(|| SegmentName::written(self.base_offset))
    }

    pub(crate) fn file(&self) -> Result<Arc<File>> {
        self.file.open()
    }

    /// Where its indexes are, once it is sealed.
    pub(crate) fn index_paths(&self) -> [PathBuf; 2] {
        [offset_path(self.path()), time_path(self.path())]
    }

    /// Bytes that consumers may read.
    pub(crate) fn readable_bytes(&self) -> u64 {
        // Pairs with the store in `publish`: who sees the length finds the batches in the index.
        self.readable_bytes.load(Ordering::Acquire)
    }

    /// Lets consumers read up to here.
    pub(crate) fn publish(&self, len_bytes: u64) {
        self.readable_bytes.fetch_max(len_bytes, Ordering::Release);
    }

    /// The latest time of its records; -1: none has one.
    pub(crate) fn max_timestamp(&self) -> i64 {
        self.max_timestamp.load(Ordering::Relaxed)
    }

    /// Finds the latest time of a segment that is trusted: its index knows all but what lies behind the last entry.
    pub(crate) fn read_max_timestamp(&self) -> Result<()> {
        let end = self.readable_bytes();
        let from = self.look_up(|index| index.boundary_before(u32::MAX))?;
        let mut latest = self.look_up(|index| index.last_time())?;
        let mut scan = self.scan(u64::from(from)..end, SEARCHED_BYTES)?;
        while let Some((_, header)) = scan.next_header()? {
            latest = latest.max(header.latest_time());
        }
        self.max_timestamp.fetch_max(latest, Ordering::Relaxed);
        Ok(())
    }

    /// Takes note of a batch that was written at `position`.
    pub(crate) fn note(&self, header: &Header, base_offset: i64, position: u64) {
        self.max_timestamp
            .fetch_max(header.latest_time(), Ordering::Relaxed);
        let mut growing = self.growing.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(growing) = growing.as_mut() {
            growing.push(header, self.relative(base_offset), position as u32);
        }
    }

    /// Cuts off what was set aside and not used, and writes the indexes. Neither is made durable here. It can be written to after that.
    pub(crate) fn trim(&self, len_bytes: u64) -> Result<()> {
        let file = self.file()?;
        file.set_len(len_bytes)
            .map_err(Error::io("cut", self.path()))?;
        let growing = self.growing.read().unwrap_or_else(PoisonError::into_inner);
        match growing.as_ref() {
            Some(index) => index.write(self.path()),
            None => Ok(()),
        }
    }

    /// The same for one that nothing is written to any more.
    pub(crate) fn seal(&self, len_bytes: u64) -> Result<()> {
        self.trim(len_bytes)?;
        // From now on it is mapped, or read where it lies.
        if let Some(sealed) = Sealed::open(self.path(), len_bytes) {
            if sealed.is_mapped() {
                self.sealed.get_or_init(|| sealed);
            }
            *self.growing.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
        Ok(())
    }

    /// Where the batch begins that has `offset`, or the first one behind it; `None`: there is none that may be read.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Damaged`] if there is no batch where one must be.
    pub(crate) fn find(&self, offset: i64) -> Result<Option<(u64, Header)>> {
        let end = self.readable_bytes();
        let from = self.look_up(|index| index.position_of(self.relative(offset)))?;
        let mut scan = self.scan(u64::from(from)..end, SEARCHED_BYTES)?;
        while let Some((position, header)) = scan.next_header()? {
            if header.last_offset() >= offset {
                return Ok(Some((position, header)));
            }
        }
        Ok(None)
    }

    /// The first record at or behind `start` that is not older than `timestamp`: its offset and time. Of a batch `bytes_max` are unpacked
    /// at most.
    ///
    /// # Errors
    /// As [`Segment::find`]; [`Error::TooLong`] if that was not enough, and more may be.
    pub(crate) fn find_time(
        &self,
        timestamp: i64,
        start: i64,
        bytes_max: u64,
    ) -> Result<Option<(i64, i64)>> {
        let end = self.readable_bytes();
        let from = self.look_up(|index| index.position_of(index.offset_before_time(timestamp)))?;
        let mut scan = self.scan(u64::from(from)..end, SEARCHED_BYTES)?;
        while let Some((position, header)) = scan.next_header()? {
            if header.latest_time() < timestamp || header.last_offset() < start {
                continue;
            }
            if header.record_count > 0 && header.is_log_append_time() {
                return Ok(Some((header.base_offset.max(start), header.max_timestamp)));
            }
            let batch = self.read(position, header.len_bytes())?;
            let mut heads = heads(&header, &batch, bytes_max);
            let found = heads.by_ref().map_while(Result::ok).find_map(|head| {
                let time = header.base_timestamp.wrapping_add(head.timestamp_delta);
                let offset = header.base_offset + i64::from(head.offset_delta);
                (time >= timestamp && offset >= start).then_some((offset, time))
            });
            if found.is_some() {
                return Ok(found);
            }
            if heads.is_cut() && bytes_max < UNPACKED_BYTES_MAX {
                return Err(TooLong { bytes_max }.into());
            }
        }
        Ok(None)
    }

    /// Whole batches from `position` on, about `bytes_max` of them but at least the `first_bytes` of the first.
    pub(crate) fn range(
        &self,
        position: u64,
        first_bytes: u64,
        bytes_max: u64,
    ) -> Result<FileRange> {
        let end = self.readable_bytes();
        let wanted = position.saturating_add(bytes_max).min(end);
        let len_bytes = match wanted == end {
            true => end - position,
            false => {
                let boundary = self.look_up(|index| index.boundary_before(wanted as u32))?;
                let whole = self.whole_batches(u64::from(boundary).max(position), wanted)?;
                (whole - position).max(first_bytes)
            }
        };
        Ok(FileRange {
            file: self.file()?,
            position,
            len_bytes,
        })
    }

    /// Where the last batch ends that begins at or behind `from` and ends at or before `limit`.
    fn whole_batches(&self, from: u64, limit: u64) -> Result<u64> {
        let mut end = from;
        let mut scan = self.scan(from..self.readable_bytes(), SEARCHED_BYTES)?;
        while let Some((position, header)) = scan.next_header()? {
            let next = position + header.len_bytes() as u64;
            if next > limit {
                break;
            }
            end = next;
        }
        Ok(end)
    }

    /// Headers of the batches that lie in a range.
    pub(crate) fn scan(&self, range: Range<u64>, piece_bytes: usize) -> Result<Scan> {
        Ok(Scan::new(self.file()?, self.path(), range, piece_bytes))
    }

    /// Reads a part of it into memory.
    pub(crate) fn read(&self, position: u64, len_bytes: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; len_bytes];
        let read = self.file()?.read_exact_at(&mut bytes, position);
        read.map_err(Error::io("read", self.path()))?;
        Ok(bytes)
    }

    /// Removes its file and its indexes; who reads it reads on.
    pub(crate) fn remove(&self) -> Result<()> {
        let log = self.path();
        remove(log)?;
        remove(&offset_path(log))?;
        remove(&time_path(log))
    }

    fn look_up<T>(&self, find: impl Fn(&dyn Lookup) -> T) -> Result<T> {
        if let Some(sealed) = self.sealed.get() {
            return Ok(find(sealed));
        }
        let growing = self.growing.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(growing) = growing.as_ref() {
            return Ok(find(growing));
        }
        drop(growing);
        let len_bytes = self.readable_bytes();
        let sealed = match Sealed::open(self.path(), len_bytes) {
            Some(sealed) => sealed,
            None => {
                // Lost or damaged: the log has all that it takes to make them anew.
                let rebuilt = self.rebuild_index(len_bytes)?;
                rebuilt.write(self.path())?;
                match Sealed::open(self.path(), len_bytes) {
                    Some(sealed) => sealed,
                    None => return Ok(find(&rebuilt)),
                }
            }
        };
        match sealed.is_mapped() {
            true => Ok(find(self.sealed.get_or_init(|| sealed))),
            false => Ok(find(&sealed)),
        }
    }

    fn rebuild_index(&self, len_bytes: u64) -> Result<Growing> {
        let mut growing = Growing::new();
        let mut scan = self.scan(0..len_bytes, super::scan::PIECE_BYTES)?;
        while let Some((position, header)) = scan.next_header()? {
            growing.push(&header, self.relative(header.base_offset), position as u32);
        }
        Ok(growing)
    }

    /// An offset counted from the first; those outside of the segment become its ends.
    fn relative(&self, offset: i64) -> u32 {
        let relative = offset.saturating_sub(self.base_offset).max(0);
        u32::try_from(relative).unwrap_or(u32::MAX)
    }
}
