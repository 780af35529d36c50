//! Hands finished chunks over in order, with a bound on how far workers may run ahead.
//!
//! Workers [`claim`](Window::claim) indices in order and [`finish`](Window::finish) them in any order; the
//! merging thread [`take`](Window::take)s the results in order. A claim waits until its index is less than
//! `limit` ahead of the merge, which bounds the memory of a run whatever the input's size.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};

/// The ordered hand-over between workers and the merging thread.
pub(super) struct Window<P> {
    state: Mutex<State<P>>,
    /// A result was taken or the run stopped: claims may go on.
    space: Condvar,
    /// A result was finished or the end is known: the merge may go on.
    arrived: Condvar,
    limit: u64,
}

struct State<P> {
    next_claim: u64,
    next_merge: u64,
    /// Results from `next_merge` on; `None` where a worker is still busy.
    results: VecDeque<Option<P>>,
    /// How many chunks there are, once that is known.
    total: Option<u64>,
    stopped: bool,
}

impl<P> Window<P> {
    pub(super) fn new(limit: usize) -> Window<P> {
        Window {
            state: Mutex::new(State {
                next_claim: 0,
                next_merge: 0,
                results: VecDeque::with_capacity(limit),
                total: None,
                stopped: false,
            }),
            space: Condvar::new(),
            arrived: Condvar::new(),
            limit: limit as u64,
        }
    }

    /// The next index, or `None` when there are no more or the run has stopped.
    pub(super) fn claim(&self) -> Option<u64> {
        let mut state = self.lock();
        while !state.stopped && state.next_claim >= state.next_merge + self.limit {
            state = self.space.wait(state).expect(UNPOISONED);
        }
        if state.stopped || state.total.is_some_and(|total| state.next_claim >= total) {
            return None;
        }
        let index = state.next_claim;
        state.next_claim += 1;
        state.results.push_back(None);
        Some(index)
    }

    /// Stores the result of a claimed index.
    pub(super) fn finish(&self, index: u64, result: P) {
        let mut state = self.lock();
        // After a stop the merge may have gone away, and what is finished late is dropped.
        if let Some(slot) = index
            .checked_sub(state.next_merge)
            .and_then(|at| state.results.get_mut(at as usize))
        {
            *slot = Some(result);
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// Says that there are `total` chunks; claims beyond give `None`.
    pub(super) fn close(&self, total: u64) {
        self.lock().total = Some(total);
        self.space.notify_all();
        self.arrived.notify_one();
    }

    /// Says that there are no chunks beyond those claimed so far.
    pub(super) fn close_here(&self) {
        let mut state = self.lock();
        let total = state.next_claim;
        state.total.get_or_insert(total);
        drop(state);
        self.arrived.notify_one();
    }

    /// No more claims.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.space.notify_all();
        self.arrived.notify_one();
    }

    /// The result of the next index in order; waits for it. `None` after the last one, or when the run stopped.
    pub(super) fn take(&self) -> Option<P> {
        let mut state = self.lock();
        loop {
            if let Some(front) = state.results.front_mut().and_then(Option::take) {
                state.results.pop_front();
                state.next_merge += 1;
                drop(state);
                self.space.notify_all();
                return Some(front);
            }
            let all_merged = state.total.is_some_and(|total| state.next_merge >= total);
            let nothing_claimed = state.stopped && state.results.is_empty();
            if all_merged || nothing_claimed {
                return None;
            }
            state = self.arrived.wait(state).expect(UNPOISONED);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().expect(UNPOISONED)
    }
}

const UNPOISONED: &str = "nothing panics while the window is locked";
