//! Hands finished chunks over in order, with a bound on how far workers may run ahead.
//!
//! Workers [`claim`](Window::claim) indices in order and [`finish`](Window::finish) them in any order; the
//! merging thread [`take`](Window::take)s the results in order, and may claim as well while there are none
//! ([`take_or_claim`](Window::take_or_claim)). A claim waits until its index is less than
//! `limit` ahead of the merge, which bounds the memory of a run whatever the input's size.
//!
//! A thread is woken only if it waits, and for what it waits for: a wake-up costs as much as searching some ten kilobytes.

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
    /// Threads that wait for space.
    waiting_claims: usize,
    merge_waits: bool,
}

/// What the merging thread does next.
pub(super) enum Turn<P> {
    /// Merge this.
    Merge(P),
    /// Map the chunk of this index, which it has claimed.
    Map(u64),
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
                waiting_claims: 0,
                merge_waits: false,
            }),
            space: Condvar::new(),
            arrived: Condvar::new(),
            limit: limit as u64,
        }
    }

    /// The next index, or `None` when there are no more or the run has stopped.
    pub(super) fn claim(&self) -> Option<u64> {
        let mut state = self.lock();
        while !state.stopped && !state.has_space(self.limit) {
            state.waiting_claims += 1;
            state = self.space.wait(state).expect(UNPOISONED);
            state.waiting_claims -= 1;
        }
        state.claim()
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
        let is_awaited = state.merge_waits && index == state.next_merge;
        drop(state);
        if is_awaited {
            self.arrived.notify_one();
        }
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
        match self.turn(false)? {
            Turn::Merge(result) => Some(result),
            Turn::Map(_) => None,
        }
    }

    /// The result of the next index in order if it is there, else an index to map if there is space; waits for one of them.
    /// `None` after the last result, or when the run stopped.
    pub(super) fn take_or_claim(&self) -> Option<Turn<P>> {
        self.turn(true)
    }

    fn turn(&self, may_claim: bool) -> Option<Turn<P>> {
        let mut state = self.lock();
        loop {
            if let Some(front) = state.results.front_mut().and_then(Option::take) {
                state.results.pop_front();
                state.next_merge += 1;
                let is_awaited = state.waiting_claims > 0;
                drop(state);
                if is_awaited {
                    self.space.notify_all();
                }
                return Some(Turn::Merge(front));
            }
            let all_merged = state.total.is_some_and(|total| state.next_merge >= total);
            let nothing_claimed = state.stopped && state.results.is_empty();
            if all_merged || nothing_claimed {
                return None;
            }
            if may_claim
                && state.has_space(self.limit)
                && let Some(index) = state.claim()
            {
                return Some(Turn::Map(index));
            }
            state.merge_waits = true;
            state = self.arrived.wait(state).expect(UNPOISONED);
            state.merge_waits = false;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().expect(UNPOISONED)
    }
}

impl<P> State<P> {
    fn has_space(&self, limit: u64) -> bool {
        self.next_claim < self.next_merge + limit
    }

    /// `None` when there are no more or the run has stopped.
    fn claim(&mut self) -> Option<u64> {
        if self.stopped || self.total.is_some_and(|total| self.next_claim >= total) {
            return None;
        }
        let index = self.next_claim;
        self.next_claim += 1;
        self.results.push_back(None);
        Some(index)
    }
}

const UNPOISONED: &str = "nothing panics while the window is locked";
