//! The log in which groups are kept: every change is appended, and replayed at the next start.
//!
//! When the log has grown to a multiple of what it says, all that holds is appended once more, and what comes before is
//! deleted. A process that is killed in between finds the old records and the new ones, or the new ones alone; both say the same.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::record::Change;
use crate::batch::{BatchBuilder, HEADER_BYTES, Header, Records, split};
use crate::log::{Fetched, Log, LogConfig, Recovery, Shared};
use crate::{Error, Result};

/// Files are small, so that what is not needed any more can go.
const SEGMENT_BYTES: u64 = 1 << 20;

/// Changes of a snapshot are written in batches of about this size.
const BATCH_BYTES: usize = 256 << 10;

/// Bytes that are read at once at the start.
const READ_BYTES: u64 = 1 << 20;

/// It is not worth it to write a log anew that is shorter.
const COMPACTED_BYTES_MIN: u64 = 8 << 20;

/// It is written anew when it is so many times as long as when that was done last.
const GROWTH: u64 = 4;

/// The log of groups, at whose end changes are written.
#[derive(Debug)]
pub(super) struct Journal {
    log: Arc<Log>,
    /// Bytes since the last snapshot, with it.
    len_bytes: u64,
    snapshot_bytes: u64,
}

impl Journal {
    /// Opens the log in `folder` and hands all changes in it to `replay`, in order.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Damaged`] if a record makes no sense.
    pub(super) fn open(
        folder: &Path,
        shared: &Shared,
        replay: impl FnMut(Change),
    ) -> Result<(Journal, Recovery)> {
        let config = LogConfig {
            segment_bytes: SEGMENT_BYTES,
            max_message_bytes: i32::MAX as usize,
            retention_bytes: None,
            retention_ms: None,
            ..LogConfig::default()
        };
        let (log, found) = Log::open(folder, config, shared, 0)?;
        if let Some(parent) = folder.parent() {
            // The folder may be new, and what is durable in it is to be found.
            shared.files.disk().sync_folder(parent)?;
        }
        read_all(&log, replay)?;
        let journal = Journal {
            len_bytes: log.size().0,
            log: Arc::new(log),
            snapshot_bytes: 0,
        };
        Ok((journal, found))
    }

    pub(super) fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Appends changes, all or none; returns the offset behind them.
    ///
    /// # Errors
    /// As [`Log::append`].
    pub(super) fn append(&mut self, changes: &[Change], now_ms: i64) -> Result<i64> {
        let mut batch = BatchBuilder::new(now_ms);
        for change in changes {
            batch.push(now_ms, Some(&change.key()), change.value().as_deref());
        }
        if batch.is_empty() {
            return Ok(self.log.end_offset());
        }
        self.append_batch(batch, now_ms)
    }

    fn append_batch(&mut self, batch: BatchBuilder, now_ms: i64) -> Result<i64> {
        let bytes = Bytes::from(batch.finish());
        self.len_bytes += bytes.len() as u64;
        Ok(self.log.append(bytes, 0, now_ms)?.next_offset)
    }

    /// Whether it is worth writing anew.
    pub(super) fn has_grown(&self) -> bool {
        self.len_bytes >= COMPACTED_BYTES_MIN.max(GROWTH * self.snapshot_bytes)
    }

    /// Appends all that holds; returns the offset at which that begins. What comes before may go once all of it is durable.
    ///
    /// # Errors
    /// As [`Log::append`].
    pub(super) fn append_snapshot(
        &mut self,
        changes: impl Iterator<Item = Change>,
        now_ms: i64,
    ) -> Result<i64> {
        let begins = self.log.end_offset();
        self.len_bytes = 0;
        let mut batch = BatchBuilder::new(now_ms);
        for change in changes {
            batch.push(now_ms, Some(&change.key()), change.value().as_deref());
            if batch.len_bytes() >= BATCH_BYTES {
                let full = std::mem::replace(&mut batch, BatchBuilder::new(now_ms));
                self.append_batch(full, now_ms)?;
            }
        }
        if !batch.is_empty() {
            self.append_batch(batch, now_ms)?;
        }
        self.snapshot_bytes = self.len_bytes;
        Ok(begins)
    }
}

fn read_all(log: &Log, mut replay: impl FnMut(Change)) -> Result<()> {
    let mut offset = log.start_offset();
    while offset < log.end_offset() {
        let bytes = match log.fetch(offset, READ_BYTES)? {
            Fetched::Nothing => break,
            Fetched::Memory(pieces) => pieces.concat(),
            Fetched::File(range) => {
                let mut bytes = vec![0; range.len_bytes as usize];
                let read = range.file.read_exact_at(&mut bytes, range.position);
                read.map_err(Error::io("read", log.folder()))?;
                bytes
            }
        };
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (header, batch, behind) = split(rest)?;
            read_batch(log, &header, batch, offset, &mut replay)?;
            // One batch at least is behind us, so this comes to an end.
            offset = offset.max(header.next_offset());
            rest = behind;
        }
    }
    Ok(())
}

/// Records before `start` were deleted, and are still in the first batch.
fn read_batch(
    log: &Log,
    header: &Header,
    batch: &[u8],
    start: i64,
    replay: &mut impl FnMut(Change),
) -> Result<()> {
    let count = usize::try_from(header.record_count).unwrap_or(0);
    for record in Records::new(&batch[HEADER_BYTES..], count) {
        let record = record.ok();
        let delta = record.map_or(0, |it| it.offset_delta);
        let offset = header.base_offset + i64::from(delta);
        let change = record.and_then(|it| Change::read(it.key?, it.value));
        let change = change.ok_or_else(|| Error::Damaged {
            path: log.folder().to_owned(),
            byte_offset: 0,
            detail: format!(
                "record {offset} says nothing about a group that this version of the broker understands"
            ),
        })?;
        if offset >= start {
            replay(change);
        }
    }
    Ok(())
}
