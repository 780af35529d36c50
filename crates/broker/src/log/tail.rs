//! The last batches of a partition, kept in memory for those who read at its end. Readers wait for nobody.
//!
//! A ring of slots, each of which holds one batch; the writer, of which there is one at a time, puts the newest in place of the
//! oldest. A reader looks for an offset by halving the numbers that are still there; a slot that was overwritten meanwhile
//! holds a batch of another number, which it sees, and then it reads from the file instead.
//!
//! All partitions of a broker share a [`Budget`] of bytes. A partition that finds it used up gives up its own batches before it takes
//! others; one that is idle gives its back when it is told to ([`Tail::clear`]).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::ArcSwapOption;
use bytes::Bytes;

use crate::batch::STAMP_BYTES;

/// Batches kept at most.
const SLOTS: usize = 64;

/// A batch up to this length is copied: as a slice it would keep the buffer of its request, in which many are.
const COPIED_BYTES_MAX: usize = 16 << 10;

/// Of the budget, what one partition may have.
const SHARE: usize = 16;

/// Bytes that all tails of a broker may have together; a handle that is cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<BudgetState>);

#[derive(Debug)]
struct BudgetState {
    used: AtomicUsize,
    max: usize,
}

impl Budget {
    pub(crate) fn new(bytes_max: usize) -> Budget {
        Budget(Arc::new(BudgetState {
            used: AtomicUsize::new(0),
            max: bytes_max,
        }))
    }

    fn is_used_up(&self) -> bool {
        self.0.used.load(Ordering::Relaxed) > self.0.max
    }

    fn take(&self, bytes: usize) {
        self.0.used.fetch_add(bytes, Ordering::Relaxed);
    }

    fn give_back(&self, bytes: usize) {
        self.0.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

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
        let bytes = match bytes.len() <= COPIED_BYTES_MAX {
            true => Bytes::copy_from_slice(&bytes),
            false => bytes,
        };
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
    budget: Budget,
}

/// What only the writer needs.
#[derive(Debug, Default)]
struct Lengths {
    bytes: usize,
    each: VecDeque<usize>,
}

impl Tail {
    /// Keeps as many of the last batches as the budget has room for.
    pub(crate) fn new(budget: Budget) -> Tail {
        Tail {
            slots: OnceLock::new(),
            next: AtomicU64::new(0),
            oldest: AtomicU64::new(0),
            writer: Mutex::default(),
            budget,
        }
    }

    /// Appends a batch; they come in the order of their offsets.
    pub(crate) fn push(&self, mut batch: CachedBatch) {
        let slots = self
            .slots
            .get_or_init(|| (0..SLOTS).map(|_| ArcSwapOption::empty()).collect());
        let mut lengths = self.lock();
        let number = self.next.load(Ordering::Relaxed);
        lengths.bytes += batch.len_bytes();
        lengths.each.push_back(batch.len_bytes());
        self.budget.take(batch.len_bytes());
        let is_too_much = |it: &Lengths| {
            let is_mine = it.bytes > self.budget.0.max / SHARE;
            it.each.len() > SLOTS || is_mine || self.budget.is_used_up()
        };
        while is_too_much(&lengths) && self.drop_oldest(&mut lengths) {}
        batch.number = number;
        // One that is larger than all we may keep was removed before it came.
        if self.oldest.load(Ordering::Relaxed) <= number {
            slots[number as usize % SLOTS].store(Some(Arc::new(batch)));
        }
        // Pairs with the load in `find`: who sees the number sees the batch.
        self.next.store(number + 1, Ordering::Release);
    }

    /// Gives back all that it has.
    pub(crate) fn clear(&self) {
        let mut lengths = self.lock();
        while self.drop_oldest(&mut lengths) {}
    }

    /// Forgets the oldest batch; whether there was one.
    fn drop_oldest(&self, lengths: &mut Lengths) -> bool {
        let (Some(slots), Some(bytes)) = (self.slots.get(), lengths.each.pop_front()) else {
            return false;
        };
        lengths.bytes -= bytes;
        self.budget.give_back(bytes);
        let oldest = self.oldest.fetch_add(1, Ordering::Relaxed);
        slots[oldest as usize % SLOTS].store(None);
        true
    }

    fn lock(&self) -> MutexGuard<'_, Lengths> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
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

impl Drop for Tail {
    fn drop(&mut self) {
        self.budget.give_back(self.lock().bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(base_offset: i64, len_bytes: usize) -> CachedBatch {
        let bytes = vec![0; len_bytes].into();
        CachedBatch::new(base_offset, base_offset + 2, [0; STAMP_BYTES], bytes)
    }

    fn found(tail: &Tail, offset: i64) -> Option<i64> {
        tail.find(offset).map(|it| it.base_offset)
    }

    #[test]
    fn the_last_batches_are_found() {
        let tail = Tail::new(Budget::new(1000 * SHARE));
        assert_eq!(found(&tail, 0), None);
        (0..20).for_each(|number| tail.push(batch(number * 2, 100)));
        assert_eq!(found(&tail, 19), None);
        assert_eq!(found(&tail, 20), Some(20));
        assert_eq!(found(&tail, 39), Some(38));
        assert_eq!(found(&tail, 40), None);
        let last = tail.find(36).expect("it is kept");
        assert_eq!(tail.after(&last).map(|it| it.base_offset), Some(38));
        tail.push(batch(40, 2000));
        assert_eq!((found(&tail, 38), found(&tail, 40)), (None, None));
        (21..200).for_each(|number| tail.push(batch(number * 2, 1)));
        assert_eq!(found(&tail, 398 - 2 * SLOTS as i64), None);
        assert_eq!(
            found(&tail, 400 - 2 * SLOTS as i64),
            Some(400 - 2 * SLOTS as i64)
        );
    }

    #[test]
    fn all_tails_share_a_budget() {
        let budget = Budget::new(1600);
        let tails: Vec<_> = (0..40).map(|_| Tail::new(budget.clone())).collect();
        for tail in &tails {
            tail.push(batch(0, 100));
            assert!(!budget.is_used_up());
        }
        assert_eq!((found(&tails[0], 0), found(&tails[39], 0)), (Some(0), None));
        tails[0].clear();
        tails[39].push(batch(2, 100));
        assert_eq!((found(&tails[0], 0), found(&tails[39], 2)), (None, Some(2)));
        drop(tails);
        assert_eq!(budget.0.used.load(Ordering::Relaxed), 0);
    }
}
