//! Makes logs durable: one `fdatasync` for all who wait (*group commit*).
//!
//! 1. Whoever appended something that somebody waits for asks for the partition ([`Flusher::request`]).
//! 2. A thread takes it and flushes it. Meanwhile others append and ask: they are its next group. So the slower the disk, the larger
//!    the groups; under load nothing else has to collect them.
//! 3. When more than one producer waits for a partition, its thread lingers for a part of what a flush took lately, so that they
//!    come together. A producer that is alone is never kept waiting.
//!
//! Partitions are flushed by several threads, but each by one at a time: a disk that has several requests before it does them
//! together, and so does the journal of a file system.
//!
//! Partitions that nobody waits for are flushed when they were dirty for long enough ([`Flusher::request_later`]).
//!
//! Instead of several threads one can hand all to the system ([`Flushing::IoUring`], `by_ring.rs`); the steps are the same.

#[cfg_attr(not(feature = "io-uring"), path = "no_ring.rs")]
#[cfg_attr(feature = "io-uring", path = "by_ring.rs")]
mod by_ring;
mod later;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::Result;
use crate::log::Log;
use crate::metrics::Histogram;
use by_ring::Ring;
use later::Later;

/// Partitions that threads flush at a time: as fast as handing all to the system by `io_uring` (docs/PERFORMANCE.md).
const FLUSHES_MAX: usize = 8;

/// A flush never lingers longer, however slow the disk is.
const LINGER_MAX: Duration = Duration::from_millis(1);

/// The part of the time of a flush for which the next one lingers.
const LINGER_SHARE: u32 = 4;

/// How several partitions are made durable at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flushing {
    /// By threads, of which each has one partition in hand.
    #[default]
    Threads,
    /// By one thread that hands them to the system through a ring (`io_uring`). It needs the feature `io-uring` and a system that lets
    /// us have a ring, and gains nothing on the machines it was measured on.
    IoUring,
}

impl Flushing {
    /// Gets what it takes.
    ///
    /// # Errors
    /// [`crate::Error::WithoutRing`], [`crate::Error::Ring`].
    pub(crate) fn prepare(self) -> Result<Prepared> {
        match self {
            Flushing::Threads => Ok(Prepared(None)),
            Flushing::IoUring => Ok(Prepared(Some(by_ring::open()?))),
        }
    }
}

/// What a flusher is started with.
pub(crate) struct Prepared(Option<Ring>);

/// A longer `flush.ms` is taken for this, so that there is such a moment: a year.
const FLUSH_MS_MAX: u64 = 365 * 24 * 60 * 60 * 1000;

/// Threads that make logs durable.
#[derive(Debug)]
pub(crate) struct Flusher {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is a log to be flushed.
    is_asked: Condvar,
    /// What is to be flushed next, of all that can wait, has changed.
    is_later: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// To be flushed now, by address.
    asked: HashMap<usize, Asked>,
    /// Those of them that no thread has in hand, first come first.
    queue: VecDeque<usize>,
    /// Logs that a thread has in hand.
    in_hand: HashSet<usize>,
    later: Later,
    is_ending: bool,
}

/// A log that is to be flushed.
#[derive(Debug)]
struct Asked {
    log: Arc<Log>,
    /// How often it was asked for since a thread took it: more than once, and more than one producer is at work.
    requests: usize,
}

impl Flusher {
    /// Starts the threads, which note in `syncs` how long each flush takes.
    pub(crate) fn start(prepared: Prepared, syncs: Arc<Histogram>) -> std::io::Result<Flusher> {
        let shared = Arc::new(Shared::default());
        let mut flusher = Flusher {
            shared: shared.clone(),
            threads: Vec::with_capacity(FLUSHES_MAX + 1),
        };
        match prepared {
            Prepared(None) => {
                for _ in 0..FLUSHES_MAX {
                    let (shared, syncs) = (shared.clone(), syncs.clone());
                    flusher.spawn("tamis-flusher", move || shared.run(&syncs))?;
                }
            }
            Prepared(Some(ring)) => {
                let shared = shared.clone();
                flusher.spawn("tamis-flusher", move || by_ring::run(ring, &shared, &syncs))?;
            }
        }
        flusher.spawn("tamis-later", move || shared.run_later())?;
        Ok(flusher)
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run)?;
        self.threads.push(thread);
        Ok(())
    }

    /// Flushes a log as soon as can be.
    pub(crate) fn request(&self, log: &Arc<Log>) {
        let is_free = self.shared.lock().ask(log);
        if is_free {
            self.shared.is_asked.notify_one();
        }
    }

    /// Flushes a log after the `flush.ms` of its topic, unless somebody asks for it earlier.
    pub(crate) fn request_in_time(&self, log: &Arc<Log>) {
        let delay_ms = u64::try_from(log.config().flush_ms).unwrap_or(0);
        self.request_later(log, Duration::from_millis(delay_ms.min(FLUSH_MS_MAX)));
    }

    /// Flushes a log after `delay`, unless somebody asks for it earlier.
    pub(crate) fn request_later(&self, log: &Arc<Log>, delay: Duration) {
        let is_next = self.shared.lock().later.put(log, Instant::now() + delay);
        if is_next {
            self.shared.is_later.notify_one();
        }
    }
}

/// For how long a flush lingers if the last one took so long.
fn linger(flush_time: Duration) -> Duration {
    (flush_time / LINGER_SHARE).min(LINGER_MAX)
}

/// What tells a log from others while somebody holds it, be it weakly.
fn address(log: &Arc<Log>) -> usize {
    Arc::as_ptr(log) as usize
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.shared.lock().is_ending = true;
        self.shared.is_asked.notify_all();
        self.shared.is_later.notify_all();
        for thread in self.threads.drain(..) {
            // They end when nothing is asked for any more; a panic there was told of by its own message.
            let _ = thread.join();
        }
    }
}

impl State {
    /// Notes that a log is to be flushed; whether a thread is needed for that.
    fn ask(&mut self, log: &Arc<Log>) -> bool {
        let address = address(log);
        let asked = self.asked.entry(address).or_insert_with(|| Asked {
            log: log.clone(),
            requests: 0,
        });
        asked.requests += 1;
        // Whoever has it in hand looks again when it is done.
        let is_free = asked.requests == 1 && !self.in_hand.contains(&address);
        if is_free {
            self.queue.push_back(address);
        }
        is_free
    }

    fn take(&mut self) -> Option<Asked> {
        let address = self.queue.pop_front()?;
        self.in_hand.insert(address);
        self.asked.remove(&address)
    }

    /// Ends what [`State::take`] began; whether it was asked for again meanwhile.
    fn give_back(&mut self, log: &Arc<Log>) -> bool {
        let address = address(log);
        self.in_hand.remove(&address);
        let is_asked = self.asked.contains_key(&address);
        if is_asked {
            self.queue.push_back(address);
        }
        is_asked
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread that flushes, to the end.
    fn run(&self, syncs: &Histogram) {
        let mut flush_time = Duration::ZERO;
        while let Some(Asked { log, requests }) = self.next() {
            // More than one asked since it was taken the last time: more are about to.
            if requests > 1 {
                thread::sleep(linger(flush_time));
            }
            // Whoever was asked for twice, now and later, has nothing left to do the second time.
            if log.is_dirty() {
                let started = Instant::now();
                // What failed is poisoned, and whoever waits for it was woken.
                let _ = log.flush();
                flush_time = started.elapsed();
                syncs.note_duration(flush_time);
            }
            self.give_back(&log);
        }
    }

    /// Ends what [`Shared::next`] began.
    fn give_back(&self, log: &Arc<Log>) {
        if self.lock().give_back(log) {
            self.is_asked.notify_one();
        }
    }

    /// Waits for a log to flush; `None`: this is the end, and none is left.
    fn next(&self) -> Option<Asked> {
        let mut state = self.lock();
        loop {
            let asked = state.take();
            // What another thread has in hand it looks after itself.
            if asked.is_some() || state.is_ending {
                return asked;
            }
            state = self
                .is_asked
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The thread that asks for what has waited for long enough, to the end.
    fn run_later(&self) {
        let mut state = self.lock();
        while !state.is_ending {
            let now = Instant::now();
            while let Some(log) = state.later.take_due(now) {
                if state.ask(&log) {
                    self.is_asked.notify_one();
                }
            }
            state = match state.later.next() {
                Some(due) => {
                    let waited = self.is_later.wait_timeout(state, due - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self
                    .is_later
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}
