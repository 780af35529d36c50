//! The last batches of a partition, kept in memory for those who read at its end. Readers wait for nobody.
//!
//! A ring of slots, each of which holds one batch; the writer, of which there is one at a time, puts the newest in place of the
//! oldest. A reader looks for an offset by halving the numbers that are still there; a slot that was overwritten meanwhile
//! holds a batch of another number, which it sees, and then it reads from the file instead.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use std::sync::Arc;

use crate::batch::STAMP_BYTES;

/// Batches kept at most.
const SLOTS: usize = 64;

/// A batch as it lies in the log.
#[derive(Clone, Debug)]
pub(crate) struct CachedBatch {
    /// Counted from the first batch that was appended since the start.
    number: u64,
    pub(crate) base_offset: i64,
    pub(crate) next_offset: i64,
    /// What is in the log in place of the first bytes.
    stamp: [u8; STAMP_BYTES],
    bytes: Bytes,
}

impl CachedBatch {
    pub(crate) fn new(
        base_offset: i64,
        next_offset: i64,
        stamp: [u8; STAMP_BYTES],
        bytes: Bytes,
    ) -> CachedBatch {
        CachedBatch {
            number: 0,
            base_offset,
            next_offset,
            stamp,
            bytes,
        }
    }

    /// The batch in two pieces, neither of which is copied but for the stamp.
    pub(crate) fn pieces(&self) -> [Bytes; 2] {
        [
            Bytes::copy_from_slice(&self.stamp),
            self.bytes.slice(STAMP_BYTES..),
        ]
    }

    pub(crate) fn len_bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// The last batches of a partition.
#[derive(Debug)]
pub(crate) struct Tail {
    /// Made when the first batch comes: most partitions of a large broker are idle.
    slots: OnceLock<Box<[ArcSwapOption<CachedBatch>]>>,
    /// The number of the next batch.
    next: AtomicU64,
    /// The number of the oldest that is kept.
    oldest: AtomicU64,
    writer: Mutex<Lengths>,
    bytes_max: usize,
}

/// What only the writer needs.
#[derive(Debug, Default)]
struct Lengths {
    bytes: usize,
    each: VecDeque<usize>,
}

impl Tail {
    /// Keeps as many of the last batches as have `bytes_max` together.
    pub(crate) fn new(bytes_max: usize) -> Tail {
        Tail {
            slots: OnceLock::new(),
            next: AtomicU64::new(0),
            oldest: AtomicU64::new(0),
            writer: Mutex::default(),
            bytes_max,
        }
    }

    /// Appends a batch; they come in the order of their offsets.
    pub(crate) fn push(&self, mut batch: CachedBatch) {
        let slots = self
            .slots
            .get_or_init(|| (0..SLOTS).map(|_| ArcSwapOption::empty()).collect());
        let mut lengths = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.next.load(Ordering::Relaxed);
        lengths.bytes += batch.len_bytes();
        lengths.each.push_back(batch.len_bytes());
        while lengths.each.len() > SLOTS || lengths.bytes > self.bytes_max {
            let Some(removed) = lengths.each.pop_front() else {
                break;
            };
            lengths.bytes -= removed;
            let oldest = self.oldest.fetch_add(1, Ordering::Relaxed);
            slots[oldest as usize % SLOTS].store(None);
        }
        batch.number = number;
        // One that is larger than all we may keep was removed before it came.
        if self.oldest.load(Ordering::Relaxed) <= number {
            slots[number as usize % SLOTS].store(Some(Arc::new(batch)));
        }
        // Pairs with the load in `find`: who sees the number sees the batch.
        self.next.store(number + 1, Ordering::Release);
    }

    /// The batch in which `offset` is, or the first one behind it if there is none; `None` if it could be older than what is kept.
    pub(crate) fn find(&self, offset: i64) -> Option<Arc<CachedBatch>> {
        let next = self.next.load(Ordering::Acquire);
        let (mut low, mut high) = (self.oldest.load(Ordering::Relaxed), next);
        if self.batch(low)?.base_offset > offset {
            return None;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            match self.batch(middle)?.next_offset <= offset {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        self.batch(low)
    }

    /// The batch behind another.
    pub(crate) fn after(&self, batch: &CachedBatch) -> Option<Arc<CachedBatch>> {
        self.batch(batch.number + 1)
    }

    fn batch(&self, number: u64) -> Option<Arc<CachedBatch>> {
        let batch = self.slots.get()?[number as usize % SLOTS].load_full()?;
        (batch.number == number).then_some(batch)
    }
}
