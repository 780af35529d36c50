//! Makes logs durable: one `fdatasync` for all who wait (*group commit*).
//!
//! 1. Whoever appended something that somebody waits for asks for the partition ([`Flusher::request`]), once.
//! 2. The flusher takes all partitions that were asked for and flushes one after the other. Meanwhile others append and ask: they are
//!    the next round. So the slower the disk, the larger the groups; under load nothing else has to collect them.
//! 3. When more than one producer waits, a round lingers for a part of what a flush took lately, so that they come together. A
//!    producer that is alone is never kept waiting.
//!
//! Partitions that nobody waits for are flushed when they were dirty for long enough ([`Flusher::request_later`]).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::log::Log;
use crate::metrics::Histogram;

/// A round never lingers longer, however slow the disk is.
const LINGER_MAX: Duration = Duration::from_millis(1);

/// The part of the time of a flush for which the next round lingers.
const LINGER_SHARE: u32 = 4;

/// One thread that makes the logs of a device durable.
#[derive(Debug)]
pub(crate) struct Flusher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    is_asked: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// To be flushed now, each once: by address.
    asked: HashMap<usize, Arc<Log>>,
    /// Asked for again since the round began: more than one producer is at work.
    requests: usize,
    /// To be flushed by these moments, earliest first. A log of which this is all that is left, such as that of a deleted topic, goes.
    later: BTreeMap<(Instant, usize), Weak<Log>>,
    /// The moment of each of those.
    due: HashMap<usize, Instant>,
    is_ending: bool,
}

impl Flusher {
    /// Starts the thread, which notes in `syncs` how long each flush takes.
    pub(crate) fn start(syncs: Arc<Histogram>) -> std::io::Result<Flusher> {
        let shared = Arc::new(Shared::default());
        let run = shared.clone();
        let thread = thread::Builder::new()
            .name("tamis-flusher".to_owned())
            .spawn(move || run.run(&syncs))?;
        Ok(Flusher {
            shared,
            thread: Some(thread),
        })
    }

    /// Flushes a log as soon as can be.
    pub(crate) fn request(&self, log: &Arc<Log>) {
        let mut state = self.shared.lock();
        state.requests += 1;
        state
            .asked
            .entry(address(log))
            .or_insert_with(|| log.clone());
        drop(state);
        self.shared.is_asked.notify_one();
    }

    /// Flushes a log after `delay`, unless somebody asks for it earlier.
    pub(crate) fn request_later(&self, log: &Arc<Log>, delay: Duration) {
        let mut state = self.shared.lock();
        let due = Instant::now() + delay;
        let address = address(log);
        match state.due.get(&address).copied() {
            Some(known) if known <= due => return,
            Some(known) => {
                state.later.remove(&(known, address));
            }
            None => {}
        }
        state.due.insert(address, due);
        state.later.insert((due, address), Arc::downgrade(log));
        drop(state);
        self.shared.is_asked.notify_one();
    }
}

/// What tells a log from others while somebody holds it, be it weakly.
fn address(log: &Arc<Log>) -> usize {
    Arc::as_ptr(log) as usize
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.shared.lock().is_ending = true;
        self.shared.is_asked.notify_one();
        if let Some(thread) = self.thread.take() {
            // It ends after the round it is in; a panic there was told of by its own message.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, syncs: &Histogram) {
        let mut flush_time = Duration::ZERO;
        while let Some(logs) = self.next_round(flush_time) {
            // Whoever was asked for twice, now and later, has nothing left to do the second time.
            for log in logs.iter().filter(|it| it.is_dirty()) {
                let started = Instant::now();
                // What failed is poisoned, and whoever waits for it was woken.
                let _ = log.flush();
                flush_time = started.elapsed();
                syncs.note_duration(flush_time);
            }
        }
    }

    /// Waits for something to do; `None`: this is the end.
    fn next_round(&self, flush_time: Duration) -> Option<Vec<Arc<Log>>> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            while let Some(first) = state.later.first_entry()
                && first.key().0 <= now
            {
                let ((_, address), log) = first.remove_entry();
                state.due.remove(&address);
                if let Some(log) = log.upgrade() {
                    state.asked.insert(address, log);
                }
            }
            if !state.asked.is_empty() || state.is_ending {
                break;
            }
            let due = state.later.keys().next().map(|(due, _)| *due - now);
            state = match due {
                Some(wait) => {
                    let waited = self.is_asked.wait_timeout(state, wait);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self
                    .is_asked
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
        if state.asked.is_empty() {
            return None;
        }
        // More than one asked while the last round was under way: more are about to.
        if state.requests > 1 && !state.is_ending {
            drop(state);
            thread::sleep((flush_time / LINGER_SHARE).min(LINGER_MAX));
            state = self.lock();
        }
        state.requests = 0;
        Some(std::mem::take(&mut state.asked).into_values().collect())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tempfile::TempDir;

    use super::*;
    use crate::batch::BatchBuilder;
    use crate::log::{Budget, Files, LogConfig, Shared as LogShared};

    const SOON: Duration = Duration::from_millis(20);

    fn flusher() -> (Flusher, Arc<Histogram>) {
        let syncs = Arc::new(Histogram::new(&[]));
        (Flusher::start(syncs.clone()).expect("a thread"), syncs)
    }

    fn log(folder: &TempDir, name: &str) -> Arc<Log> {
        let shared = LogShared {
            files: Files::new(16),
            tails: Budget::new(4096),
        };
        let opened = Log::open(&folder.path().join(name), LogConfig::default(), &shared, 0);
        Arc::new(opened.expect("it opens").0)
    }

    fn append(log: &Log) -> i64 {
        let mut batch = BatchBuilder::new(1000);
        batch.push(1000, None, Some(b"value"));
        let appended = log.append(Bytes::from(batch.finish()), 0, 1000);
        appended.expect("it is appended").next_offset
    }

    fn count(syncs: &Histogram) -> u64 {
        syncs.cumulative().last().map_or(0, |(_, count)| *count)
    }

    /// Whether it becomes true within a few seconds.
    fn comes_true(condition: impl Fn() -> bool) -> bool {
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            if condition() {
                return true;
            }
            thread::sleep(Duration::from_millis(1));
        }
        false
    }

    #[test]
    fn everyone_who_asks_is_served() {
        let folder = tempfile::tempdir().expect("a folder");
        let (flusher, syncs) = flusher();
        let logs = ["a", "b", "c"].map(|name| log(&folder, name));
        thread::scope(|scope| {
            for log in logs.iter().chain(&logs) {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let end = append(log);
                        flusher.request(log);
                        assert!(comes_true(|| log.durable_offset() >= end));
                    }
                });
            }
        });
        assert!(logs.iter().all(|it| it.durable_offset() == 40));
        // Never more than were asked for, and every log at least once.
        assert!((3..=120).contains(&count(&syncs)), "{}", count(&syncs));
    }

    #[test]
    fn what_nobody_waits_for_comes_later_and_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let (flusher, syncs) = flusher();
        let log = log(&folder, "a");
        let start = Instant::now();
        // Long enough for all of them to come before it.
        let delay = Duration::from_millis(500);
        for _ in 0..10 {
            append(&log);
            flusher.request_later(&log, delay);
        }
        assert!(comes_true(|| log.durable_offset() == 10));
        assert!(start.elapsed() >= delay);
        assert_eq!(count(&syncs), 1);
    }

    #[test]
    fn who_cannot_wait_does_not_and_nothing_is_left_for_later() {
        let folder = tempfile::tempdir().expect("a folder");
        let (flusher, syncs) = flusher();
        let log = log(&folder, "a");
        append(&log);
        flusher.request_later(&log, SOON);
        flusher.request(&log);
        assert!(comes_true(|| log.durable_offset() == 1));
        thread::sleep(2 * SOON);
        assert_eq!(count(&syncs), 1, "it was clean when its time came");
    }

    #[test]
    fn what_is_left_for_later_keeps_no_log() {
        let folder = tempfile::tempdir().expect("a folder");
        let (flusher, syncs) = flusher();
        let gone = log(&folder, "a");
        append(&gone);
        flusher.request_later(&gone, SOON);
        let is_gone = Arc::downgrade(&gone);
        drop(gone);
        assert_eq!(is_gone.strong_count(), 0);
        let other = log(&folder, "b");
        append(&other);
        flusher.request_later(&other, 2 * SOON);
        assert!(comes_true(|| other.durable_offset() == 1));
        assert_eq!(count(&syncs), 1);
    }

    #[test]
    fn it_ends_with_what_was_asked_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let (flusher, _) = flusher();
        let log = log(&folder, "a");
        append(&log);
        flusher.request(&log);
        drop(flusher);
        assert_eq!(log.durable_offset(), 1);
    }
}
