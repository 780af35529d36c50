//! The ring of slots: which pages are resident, and which one goes next.
//!
//! A slot is the right to one page of memory. The hand goes round the slots and takes the first page that has no pins and
//! has not been pinned since the hand's last visit. The ring is under one lock, taken once for each page that is loaded and
//! held for the hand's way, which is a step or two on average; what costs time (giving memory back, reading) happens
//! outside of it. Hits do not come here at all.

use std::fmt;
use std::sync::Arc;

#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard};

#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard};

use super::region::Region;
use super::state::PageState;

/// The slots of a cache.
pub(super) struct Clock {
    ring: Mutex<Ring>,
    slot_count_max: usize,
}

/// Grows to its full size as pages come, so that a budget never reached costs nothing.
#[derive(Default)]
struct Ring {
    slots: Vec<Option<Page>>,
    /// Slots that hold nothing.
    free: Vec<usize>,
    hand: usize,
}

/// A page of a file that may be gone but for this.
#[derive(Clone)]
pub(super) struct Page {
    pub(super) region: Arc<Region>,
    pub(super) index: usize,
}

impl Page {
    pub(super) fn state(&self) -> &PageState {
        self.region.state(self.index)
    }
}

/// A slot, and the page that had it. If there is one it is busy and the caller's: its memory has to go before another page's
/// comes.
pub(super) struct Admission {
    pub(super) slot: usize,
    pub(super) victim: Option<Page>,
}

impl Clock {
    pub(super) fn new(slot_count_max: usize) -> Clock {
        Clock {
            ring: Mutex::new(Ring::default()),
            slot_count_max,
        }
    }

    pub(super) fn slot_count_max(&self) -> usize {
        self.slot_count_max
    }

    /// Slots in use.
    pub(super) fn taken_count(&self) -> usize {
        let ring = self.lock();
        ring.slots.len() - ring.free.len()
    }

    /// Step 3: a slot for `page`, which the caller has claimed; `None` if all belong to pages that are pinned or busy.
    pub(super) fn admit(&self, page: Page) -> Option<Admission> {
        let mut ring = self.lock();
        if let Some(slot) = ring.free.pop() {
            ring.slots[slot] = Some(page);
            return Some(Admission { slot, victim: None });
        }
        if ring.slots.len() < self.slot_count_max {
            ring.slots.push(Some(page));
            let slot = ring.slots.len() - 1;
            return Some(Admission { slot, victim: None });
        }
        let slot = ring.sweep()?;
        let victim = ring.slots[slot].replace(page);
        Some(Admission { slot, victim })
    }

    /// Puts a page into a slot that the caller got from [`admit`](Clock::admit).
    pub(super) fn put_back(&self, slot: usize, page: Page) {
        self.lock().slots[slot] = Some(page);
    }

    /// Frees a slot that the caller got from [`admit`](Clock::admit); the memory of its page is gone.
    pub(super) fn give_back(&self, slot: usize) {
        let mut ring = self.lock();
        ring.slots[slot] = None;
        ring.free.push(slot);
    }

    /// Takes the pages of `region` out, which nobody can pin any more; each is busy then and the caller's. Their slots are to be
    /// [given back](Clock::give_back) once the memory is gone. Takes time in proportion to all slots.
    pub(super) fn retire(&self, region: &Arc<Region>) -> Vec<(usize, Page)> {
        let mut ring = self.lock();
        let mut retired = Vec::new();
        for (slot, held) in ring.slots.iter_mut().enumerate() {
            if let Some(page) = held.take_if(|page| Arc::ptr_eq(&page.region, region)) {
                page.state().retire();
                retired.push((slot, page));
            }
        }
        retired
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring
            .lock()
            .expect("nobody panics while holding this lock")
    }
}

impl Ring {
    /// Moves the hand to a page that could be claimed. It passes each slot twice at most: to mark, and to claim.
    fn sweep(&mut self) -> Option<usize> {
        for _ in 0..2 * self.slots.len() {
            let slot = self.hand;
            self.hand = (slot + 1) % self.slots.len();
            if self.slots[slot]
                .as_ref()
                .is_some_and(|page| page.state().sweep())
            {
                return Some(slot);
            }
        }
        None
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock")
            .field("taken_count", &self.taken_count())
            .field("slot_count_max", &self.slot_count_max)
            .finish()
    }
}
