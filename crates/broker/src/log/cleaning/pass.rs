//! What becomes of each batch in a cleaning.

use std::collections::HashMap;
use std::sync::Arc;

use super::map::{OffsetMap, records, unpacked};
use super::output::Output;
use crate::Result;
use crate::batch::{Header, Record, sift};
use crate::log::Log;
use crate::log::config::LogConfig;
use crate::log::scan::{Found, PIECE_BYTES};
use crate::log::segment::Segment;

/// A cleaning, from the first segment to the last.
pub(super) struct Pass<'p> {
    config: &'p LogConfig,
    map: OffsetMap,
    start_offset: i64,
    /// The offset behind all that may be cleaned.
    end_offset: i64,
    /// Where the last batch of each producer begins.
    last_batches: HashMap<i64, i64>,
    now_ms: i64,
    /// Whether a batch could not be read, of which nobody knows what is in it.
    has_unread: bool,
    next_horizon: i64,
}

/// What becomes of a batch.
enum Verdict {
    Keep,
    Drop,
    Replace(Vec<u8>),
}

impl<'p> Pass<'p> {
    pub(super) fn new(
        log: &Log,
        config: &'p LogConfig,
        map: OffsetMap,
        end_offset: i64,
        now_ms: i64,
    ) -> Pass<'p> {
        Pass {
            config,
            map,
            start_offset: log.start_offset(),
            end_offset,
            last_batches: log.lock().producers.last_batches(),
            now_ms,
            has_unread: false,
            next_horizon: i64::MAX,
        }
    }

    /// When the first of the tombstones that were kept may go.
    pub(super) fn next_horizon(&self) -> i64 {
        self.next_horizon
    }

    /// Writes what is left of a segment; `false`: it is over.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`].
    pub(super) fn rewrite(
        &mut self,
        source: &Arc<Segment>,
        output: &mut Output,
        is_over: &dyn Fn() -> bool,
    ) -> Result<bool> {
        let mut scan = source.scan(0..source.readable_bytes(), PIECE_BYTES)?;
        let file = source.file()?;
        while let Some(batch) = scan.next_batch()? {
            if is_over() {
                return Ok(false);
            }
            match self.judge(&batch) {
                Verdict::Keep => output.keep(&file, &batch)?,
                Verdict::Drop => {}
                Verdict::Replace(left) => output.put(&left)?,
            }
        }
        scan.check_end()?;
        Ok(true)
    }

    fn judge(&mut self, batch: &Found<'_>) -> Verdict {
        let header = &batch.header;
        if header.is_control() || header.base_offset >= self.map.end_offset {
            return Verdict::Keep;
        }
        if header.record_count == 0 {
            return match self.must_stay(header) {
                true => Verdict::Keep,
                false => Verdict::Drop,
            };
        }
        let Some(unpacked) = unpacked(header, batch.bytes) else {
            self.has_unread = true;
            return Verdict::Keep;
        };
        let horizon = header.delete_horizon();
        let is_expired = !self.has_unread && horizon.is_some_and(|it| it <= self.now_ms);
        let is_whole = header.last_offset() < self.map.end_offset;
        let mut has_tombstone = false;
        let mut is_kept = Vec::with_capacity(records(header, &unpacked).size_hint().0);
        for record in records(header, &unpacked) {
            let stays = self.stays(header, &record, is_expired);
            has_tombstone |= stays && record.key.is_some() && record.value.is_none();
            is_kept.push(stays);
        }
        let new_horizon = (has_tombstone && is_whole && horizon.is_none())
            .then(|| self.now_ms.saturating_add(self.config.delete_retention_ms));
        // One that could not go though its time has come is not looked for again before something new comes.
        let later = horizon.filter(|it| has_tombstone && *it > self.now_ms);
        if let Some(horizon) = new_horizon.or(later) {
            self.next_horizon = self.next_horizon.min(horizon);
        }
        if is_kept.iter().all(|it| *it) && new_horizon.is_none() {
            return Verdict::Keep;
        }
        if !is_kept.contains(&true) && !self.must_stay(header) {
            return Verdict::Drop;
        }
        match sift(header, batch.bytes, &unpacked, &is_kept, new_horizon) {
            Ok(left) => Verdict::Replace(left),
            Err(error) => {
                tracing::warn!(offset = header.base_offset, %error, "a batch stays as it is");
                self.has_unread = true;
                Verdict::Keep
            }
        }
    }

    fn stays(&self, header: &Header, record: &Record<'_>, is_expired: bool) -> bool {
        let offset = header.base_offset + i64::from(record.offset_delta);
        if offset >= self.map.end_offset {
            return true;
        }
        let Some(key) = record.key.filter(|_| offset >= self.start_offset) else {
            return false;
        };
        let is_last = self.map.last_offset(key).is_none_or(|it| it <= offset);
        is_last && !(is_expired && record.value.is_none())
    }

    /// Whether a batch stays also without records.
    fn must_stay(&self, header: &Header) -> bool {
        let is_last_of_producer = header.has_producer()
            && self.last_batches.get(&header.producer_id) == Some(&header.base_offset);
        is_last_of_producer || header.next_offset() == self.end_offset
    }
}
