//! The word of a page, and sleeping until it changes.
//!
//! ```text
//!  63        32 31    4   3        2      1  0
//! ┌────────────┬──────┬─────────┬────────┬─────┐
//! │    pins    │  0   │ awaited │ marked │ tag │   tag: 0 evicted, 1 busy, 2 resident
//! └────────────┴──────┴─────────┴────────┴─────┘
//! ```
//!
//! - *evicted*: no memory and no slot; the word is 0, which is what a fresh mapping holds;
//! - *busy*: belongs to the one thread that loads or drops it; others may set *awaited*, which asks that thread to wake them;
//! - *resident*: bytes may be read by whoever has a pin. *Marked*: the clock's hand passed since the last pin.
//!
//! | transition | by | ordering |
//! |---|---|---|
//! | evicted → busy | [`claim`](PageState::claim) | acquires what [`vacate`](PageState::vacate) released: the old memory is gone |
//! | busy → resident | [`settle`](PageState::settle) | releases the bytes that were read |
//! | pins + 1, mark cleared | [`pin`](PageState::pin) | acquires what `settle` released |
//! | pins - 1 | [`unpin`](PageState::unpin) | releases: our reads are over |
//! | mark set | [`sweep`](PageState::sweep), [`mark`](PageState::mark) | relaxed: a hint |
//! | resident → busy | [`sweep`](PageState::sweep), [`retire`](PageState::retire) | acquires what every `unpin` released |
//! | busy → evicted | [`vacate`](PageState::vacate) | releases: the memory was given back |
//!
//! All changes are read-modify-write operations, so each continues the release sequences before it: an acquire sees not
//! only the last change but everything that was released since the page became resident.

#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::{Condvar, Mutex};

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(loom)]
use loom::sync::{Condvar, Mutex};

/// Looks at a busy page this often before going to sleep: about a microsecond.
const SPINS: u32 = if cfg!(loom) { 0 } else { 64 };

const EVICTED: u64 = 0;
const BUSY: u64 = 1;
const RESIDENT: u64 = 2;
const TAG_MASK: u64 = 3;
const MARKED: u64 = 1 << 2;
const AWAITED: u64 = 1 << 3;
const ONE_PIN: u64 = 1 << 32;

/// The state of one page. Zeroed memory is a valid one: evicted.
#[derive(Debug)]
#[repr(transparent)]
pub(super) struct PageState(AtomicU64);

/// What somebody who wants a pin found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A resident page, on which the caller has a pin now.
    Pinned,
    /// A page to be claimed and loaded.
    Evicted,
    /// A page that another thread works on.
    Busy,
    /// A resident page with four thousand million pins: somebody forgets to unpin.
    Crowded,
}

impl PageState {
    /// An evicted page.
    #[cfg(loom)]
    pub(super) fn new() -> PageState {
        PageState(AtomicU64::new(EVICTED))
    }

    /// Step 1: adds a pin to a resident page.
    pub(super) fn pin(&self) -> Found {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            match word & TAG_MASK {
                EVICTED => return Found::Evicted,
                BUSY => return Found::Busy,
                _ => {}
            }
            let Some(pinned) = (word & !MARKED).checked_add(ONE_PIN) else {
                return Found::Crowded;
            };
            // Acquire pairs with the release in `settle`: the bytes are seen. The load above may be stale and needs no order,
            // for nothing is done on its word alone.
            match self.exchange(word, pinned, Ordering::Acquire) {
                Ok(()) => return Found::Pinned,
                Err(now) => word = now,
            }
        }
    }

    /// Takes one pin off; the caller has one, and no slice of the page any more.
    pub(super) fn unpin(&self) {
        // Release pairs with the acquire in `sweep` and `retire`: our reads come before the memory goes.
        let before = self.0.fetch_sub(ONE_PIN, Ordering::Release);
        debug_assert!(before & TAG_MASK == RESIDENT && before >= ONE_PIN);
    }

    /// Step 2: whether the page was evicted and is the caller's now, to load.
    pub(super) fn claim(&self) -> bool {
        // Acquire pairs with the release in `vacate`: we read into the page after its old memory went.
        self.exchange(EVICTED, BUSY, Ordering::Acquire).is_ok()
    }

    /// Step 4: the caller's busy page is resident, with `pins` pins of the caller.
    pub(super) fn settle(&self, pins: u32, sleepers: &Sleepers) {
        self.finish(RESIDENT + u64::from(pins) * ONE_PIN, sleepers);
    }

    /// Steps 3 and 4: the caller's busy page is evicted; its memory was given back.
    pub(super) fn vacate(&self, sleepers: &Sleepers) {
        self.finish(EVICTED, sleepers);
    }

    fn finish(&self, word: u64, sleepers: &Sleepers) {
        // Release pairs with the acquire in `pin` (bytes) and in `claim` (their absence). A swap, so that whoever set the
        // flag before it is seen, and whoever comes later finds that the page is no longer busy.
        let before = self.0.swap(word, Ordering::Release);
        debug_assert_eq!(before & TAG_MASK, BUSY);
        if before & AWAITED != 0 {
            sleepers.wake();
        }
    }

    /// Step 3, when the hand comes by: marks a page without pins, or claims it if it was marked. Whether it is the caller's.
    pub(super) fn sweep(&self) -> bool {
        let word = self.0.load(Ordering::Relaxed);
        match word {
            // Acquire pairs with the release in `unpin`, of all who ever read this page.
            MARKED_ONLY => self.exchange(word, BUSY, Ordering::Acquire).is_ok(),
            RESIDENT => {
                self.mark();
                false
            }
            _ => false,
        }
    }

    /// Marks a resident page without pins, so that the hand takes it when it next comes by.
    pub(super) fn mark(&self) {
        // Orders nothing: a mark decides when a page goes, never what is in it.
        let _ = self.exchange(RESIDENT, MARKED_ONLY, Ordering::Relaxed);
    }

    /// Claims a page of a file that nobody holds any more, whatever pins were forgotten on it.
    pub(super) fn retire(&self) {
        // Acquire as in `sweep`.
        self.0.swap(BUSY, Ordering::Acquire);
    }

    /// Step 5: returns when the page is not busy, or at least was not for a moment.
    pub(super) fn wait(&self, sleepers: &Sleepers) {
        for _ in 0..SPINS {
            if !self.is_busy() {
                return;
            }
            std::hint::spin_loop();
        }
        let mut guard = sleepers.lock();
        // The flag is set under the lock and each time anew: between two looks the page may have been resident, evicted and
        // busy again, and then its new owner has to be asked too.
        while self.ask_to_be_woken() {
            guard = sleepers.sleep(guard);
        }
    }

    /// Whether the page is busy and its owner will [wake](Sleepers::wake) everybody.
    fn ask_to_be_woken(&self) -> bool {
        let mut word = self.0.load(Ordering::Relaxed);
        while word & TAG_MASK == BUSY {
            if word & AWAITED != 0 {
                return true;
            }
            // Relaxed, as the load: the caller looks at the page again with `pin`. The swap in `finish` comes after this in the
            // word's own order or makes it fail.
            match self.exchange(word, word | AWAITED, Ordering::Relaxed) {
                Ok(()) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    fn is_busy(&self) -> bool {
        self.0.load(Ordering::Relaxed) & TAG_MASK == BUSY
    }

    fn exchange(&self, from: u64, to: u64, success: Ordering) -> Result<(), u64> {
        self.0
            .compare_exchange(from, to, success, Ordering::Relaxed)
            .map(|_| ())
    }
}

/// A resident page without pins that the hand has passed.
const MARKED_ONLY: u64 = RESIDENT | MARKED;

/// Where threads sleep that wait for a busy page: one place for all pages, since hardly anybody does.
#[derive(Debug, Default)]
pub(super) struct Sleepers {
    lock: Mutex<()>,
    changed: Condvar,
}

#[cfg(not(loom))]
type Guard<'a> = std::sync::MutexGuard<'a, ()>;
#[cfg(loom)]
type Guard<'a> = loom::sync::MutexGuard<'a, ()>;

impl Sleepers {
    fn wake(&self) {
        // Taking the lock orders this after a sleeper's last look, so no wake-up is lost.
        drop(self.lock());
        self.changed.notify_all();
    }

    fn lock(&self) -> Guard<'_> {
        self.lock
            .lock()
            .expect("nobody panics while holding this lock")
    }

    fn sleep<'a>(&'a self, guard: Guard<'a>) -> Guard<'a> {
        self.changed
            .wait(guard)
            .expect("nobody panics while holding this lock")
    }
}
