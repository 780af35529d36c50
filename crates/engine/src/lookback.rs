//! Finds the state at the start of every chunk without reading anything twice: *decoupled look-back*.
//!
//! Whether a newline ends a record depends on all bytes before it, but only through one [`State`].
//! Workers take chunks in order and each does the following for its chunk `i`:
//!
//! 1. scan the chunk from every start state at once and [`publish_transition`](LookBack::publish_transition);
//! 2. ask for its [`start_state`](LookBack::start_state): walk back over `i-1, i-2, ...`, composing the
//!    transitions found there, until a chunk whose end state is already known;
//! 3. [`publish_end`](LookBack::publish_end) the state after the chunk, so that nobody walks past it again.
//!
//! Step 1 waits for nobody, so step 2 waits only for scans that are under way (tens of microseconds), never for
//! the parsing of an earlier chunk. Where a transition is *unknown* (a stray quote: only the strict machine can
//! tell, once the start state is known) step 2 waits for step 3 of that chunk instead.
//!
//! One word per chunk holds the index, the status and the transition, so one atomic store publishes all of
//! it. A waiter spins briefly, then sleeps; `loom` checks the protocol (`loom_` tests below). The technique is that
//! of GPU prefix sums (Merrill and Garland, "Single-pass Parallel Prefix Scan with Decoupled Look-back", 2016).

#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::{Condvar, Mutex};

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(loom)]
use loom::sync::{Condvar, Mutex};

use crate::framing::{State, Transition};

/// Looks at a slot this often before going to sleep: about a microsecond.
const SPINS: u32 = if cfg!(loom) { 0 } else { 64 };

/// The published transitions and end states of the chunks in flight.
pub(crate) struct LookBack {
    /// Ring of words, see [`Word`]; chunk `i` uses slot `i % len`.
    slots: Box<[AtomicU64]>,
    initial: State,
    /// No end will be published from this chunk on; `u64::MAX` while all is well.
    aborted_from: AtomicU64,
    sleep: Mutex<()>,
    published: Condvar,
}

/// The run was given up while waiting for a predecessor.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Aborted;

impl LookBack {
    /// For at most `in_flight` chunks from the oldest unmerged to the newest one; `initial` is the
    /// state before chunk 0.
    pub(crate) fn new(in_flight: usize, initial: State) -> LookBack {
        // A walk from chunk `i` goes back to `i - in_flight` at most, which was merged when it began.
        // While it sleeps the others may get as far as `i + in_flight - 1`, so that many slots must be
        // apart, or it would wait for a word that has been written over.
        let slots = (0..(2 * in_flight).max(2).next_power_of_two())
            .map(|_| AtomicU64::new(0))
            .collect();
        LookBack {
            slots,
            initial,
            aborted_from: AtomicU64::new(u64::MAX),
            sleep: Mutex::new(()),
            published: Condvar::new(),
        }
    }

    /// Step 1: what chunk `index` does to every state.
    pub(crate) fn publish_transition(&self, index: u64, transition: Transition) {
        self.publish(index, Word::new(index, Status::Transition, transition));
    }

    /// Step 3: the state after chunk `index`.
    pub(crate) fn publish_end(&self, index: u64, end: State) {
        self.publish(
            index,
            Word::new(index, Status::End, Transition::constant(end)),
        );
    }

    /// Step 2: the state before chunk `index`.
    ///
    /// # Errors
    /// [`Aborted`] when a chunk before `index` [failed](Self::abort_from).
    pub(crate) fn start_state(&self, index: u64) -> Result<State, Aborted> {
        let mut since = Transition::IDENTITY;
        let mut at = index;
        let reached = loop {
            if at == 0 {
                break since.apply(self.initial);
            }
            at -= 1;
            let word = self.wait_for(at, Status::Transition)?;
            since = word.transition().then(since);
            if word.status() == Some(Status::End) {
                // A constant transition: every start state leads to the same end.
                break since.apply(State::RecordStart);
            }
        };
        match reached {
            Some(state) => Ok(state),
            // Somewhere in between only the strict machine knows; the predecessor will have waited for it.
            None => {
                let word = self.wait_for(index - 1, Status::End)?;
                Ok(word
                    .transition()
                    .apply(State::RecordStart)
                    .expect("an end state is never unknown"))
            }
        }
    }

    /// Says that chunk `index` failed and may not publish: whoever waits for it or a later one
    /// gets [`Aborted`]. Earlier chunks go on, so that the first error in input order is found.
    pub(crate) fn abort_from(&self, index: u64) {
        self.aborted_from.fetch_min(index, Ordering::AcqRel);
        self.wake();
    }

    fn publish(&self, index: u64, word: Word) {
        // Pairs with the loads in `ready`: the word is all there is to see.
        self.slot(index).store(word.0, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        // Taking the lock orders this after a waiter's last look at its slot, so no wake-up is lost.
        // It is uncontended unless somebody sleeps: about 20 ns, twice for each chunk.
        drop(
            self.sleep
                .lock()
                .expect("nobody panics while holding this lock"),
        );
        self.published.notify_all();
    }

    fn wait_for(&self, index: u64, at_least: Status) -> Result<Word, Aborted> {
        for _ in 0..SPINS {
            if let Some(word) = self.ready(index, at_least) {
                return Ok(word);
            }
            std::hint::spin_loop();
        }
        let mut guard = self
            .sleep
            .lock()
            .expect("nobody panics while holding this lock");
        loop {
            if let Some(word) = self.ready(index, at_least) {
                return Ok(word);
            }
            if index >= self.aborted_from.load(Ordering::Acquire) {
                return Err(Aborted);
            }
            guard = self
                .published
                .wait(guard)
                .expect("nobody panics while holding this lock");
        }
    }

    fn ready(&self, index: u64, at_least: Status) -> Option<Word> {
        // Pairs with the store in `publish`.
        let word = Word(self.slot(index).load(Ordering::Acquire));
        (word.is_of(index) && word.status() >= Some(at_least)).then_some(word)
    }

    fn slot(&self, index: u64) -> &AtomicU64 {
        &self.slots[index as usize & (self.slots.len() - 1)]
    }
}

/// One slot: the transition in bits 0..32, the status in 32..34, the low 30 bits of `index + 1` above.
#[derive(Clone, Copy)]
struct Word(u64);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    Transition = 1,
    End = 2,
}

impl Word {
    fn new(index: u64, status: Status, transition: Transition) -> Word {
        Word(Word::tag(index) | (status as u64) << 32 | u64::from(transition.to_bits()))
    }

    fn tag(index: u64) -> u64 {
        (index + 1) << 34
    }

    fn is_of(self, index: u64) -> bool {
        self.0 >> 34 == Word::tag(index) >> 34
    }

    fn status(self) -> Option<Status> {
        match self.0 >> 32 & 3 {
            1 => Some(Status::Transition),
            2 => Some(Status::End),
            _ => None,
        }
    }

    fn transition(self) -> Transition {
        Transition::from_bits(self.0 as u32)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn quote_flip() -> Transition {
        Transition::from_fn(|state| {
            Some(if state.is_quoted() {
                State::Field
            } else {
                State::Quoted
            })
        })
    }

    #[test]
    fn composes_back_to_the_last_known_end() {
        let look_back = LookBack::new(8, State::RecordStart);
        look_back.publish_transition(0, quote_flip());
        look_back.publish_transition(1, quote_flip());
        look_back.publish_transition(2, quote_flip());
        assert_eq!(look_back.start_state(0), Ok(State::RecordStart));
        assert_eq!(look_back.start_state(1), Ok(State::Quoted));
        assert_eq!(look_back.start_state(3), Ok(State::Quoted));
        look_back.publish_end(2, State::FieldStart);
        assert_eq!(look_back.start_state(3), Ok(State::FieldStart));
    }

    #[test]
    fn an_unknown_transition_waits_for_the_end() {
        let look_back = LookBack::new(4, State::RecordStart);
        look_back.publish_transition(0, Transition::from_fn(|_| None));
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| look_back.start_state(1));
            std::thread::sleep(std::time::Duration::from_millis(5));
            look_back.publish_end(0, State::Quoted);
            assert_eq!(waiter.join().unwrap(), Ok(State::Quoted));
        });
    }

    #[test]
    fn abort_wakes_sleepers() {
        let look_back = LookBack::new(4, State::RecordStart);
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| look_back.start_state(3));
            std::thread::sleep(std::time::Duration::from_millis(5));
            look_back.abort_from(0);
            assert_eq!(waiter.join().unwrap(), Err(Aborted));
        });
    }

    #[test]
    fn a_sleeper_finds_its_word_however_far_the_others_get() {
        let in_flight = 6;
        let look_back = LookBack::new(in_flight, State::RecordStart);
        let index = in_flight as u64;
        look_back.publish_end(0, State::RecordStart);
        for at in 2..index {
            look_back.publish_transition(at, quote_flip());
        }
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| look_back.start_state(index));
            std::thread::sleep(std::time::Duration::from_millis(5));
            // All that may happen before the sleeper gets to run again.
            let guard = look_back.sleep.lock().unwrap();
            let store = |at, status| {
                let word = Word::new(at, status, Transition::constant(State::Quoted));
                look_back.slot(at).store(word.0, Ordering::Release);
            };
            (1..index).for_each(|at| store(at, Status::End));
            (index + 1..2 * index).for_each(|at| store(at, Status::Transition));
            drop(guard);
            look_back.wake();
            // Should it have missed its word, it ends as aborted instead of never.
            std::thread::sleep(std::time::Duration::from_millis(50));
            look_back.abort_from(0);
            assert!(sleeper.join().unwrap().is_ok());
        });
    }

    #[test]
    fn slots_are_used_again() {
        let look_back = LookBack::new(2, State::RecordStart);
        for index in 0..1000 {
            let start = look_back.start_state(index).unwrap();
            assert_eq!(start.is_quoted(), index % 2 == 1, "chunk {index}");
            look_back.publish_transition(index, quote_flip());
            look_back.publish_end(index, quote_flip().apply(start).unwrap());
        }
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;
    use loom::thread;

    fn flip() -> Transition {
        Transition::from_fn(|state| {
            Some(if state.is_quoted() {
                State::Field
            } else {
                State::Quoted
            })
        })
    }

    /// One worker's three steps; `known` is false for a chunk that only the strict machine can judge.
    fn work(look_back: &LookBack, index: u64, known: bool) {
        let seen = if known {
            flip()
        } else {
            Transition::from_fn(|_| None)
        };
        look_back.publish_transition(index, seen);
        let start = look_back.start_state(index).unwrap();
        assert_eq!(start.is_quoted(), index % 2 == 1);
        look_back.publish_end(index, flip().apply(start).unwrap());
    }

    /// Every interleaving with at most three preemptions: more take hours, and the bugs of such protocols
    /// need two (Musuvathi and Qadeer, "Iterative context bounding", 2007).
    fn model(check: impl Fn() + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(check);
    }

    fn three_chunks(known: [bool; 3]) {
        model(move || {
            let look_back = Arc::new(LookBack::new(2, State::RecordStart));
            let first = {
                let look_back = look_back.clone();
                thread::spawn(move || work(&look_back, 0, known[0]))
            };
            let second = {
                let look_back = look_back.clone();
                thread::spawn(move || work(&look_back, 1, known[1]))
            };
            work(&look_back, 2, known[2]);
            first.join().unwrap();
            second.join().unwrap();
        });
    }

    #[test]
    fn loom_every_worker_finds_its_start_state() {
        three_chunks([true, true, true]);
    }

    #[test]
    fn loom_an_unknown_transition_is_waited_for() {
        three_chunks([true, false, true]);
    }

    #[test]
    fn loom_abort_is_never_missed() {
        model(|| {
            let look_back = Arc::new(LookBack::new(2, State::RecordStart));
            let waiter = {
                let look_back = look_back.clone();
                thread::spawn(move || look_back.start_state(1))
            };
            look_back.abort_from(0);
            assert_eq!(waiter.join().unwrap(), Err(Aborted));
        });
    }
}
