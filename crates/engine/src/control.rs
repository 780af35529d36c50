//! What reaches into a run from outside: stopping it, and watching it.
//!
//! Both are handles that are cheap to clone. The thread that handles Ctrl-C holds a [`Cancel`],
//! the thread that draws the progress bar polls a [`Progress`]; neither ever makes the run wait.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::{Error, Result};

/// Stops a run: every clone sees it, once said it stays said.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<Said>);

#[derive(Debug, Default)]
struct Said {
    is_cancelled: AtomicBool,
    /// Held between a look and a wait, and while it is said: so nobody waits for what was just said.
    waiting: Mutex<()>,
    now: Condvar,
}

impl Cancel {
    /// A handle of its own, not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the run to stop. Workers notice between chunks, a blocked read within a tenth of a second.
    pub fn cancel(&self) {
        let waiting = self.0.waiting.lock();
        self.0.is_cancelled.store(true, Ordering::Release);
        drop(waiting);
        self.0.now.notify_all();
    }

    /// Whether somebody asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled.load(Ordering::Acquire)
    }

    /// Sleeps until somebody asks.
    pub fn wait(&self) {
        let waiting = &self.0.waiting;
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.is_cancelled() {
            let waited = self.0.now.wait(waiting);
            waiting = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// For use with `?` where work can be given up.
    ///
    /// # Errors
    /// [`Error::Interrupted`] once cancelled.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() {
            Err(Error::Interrupted)
        } else {
            Ok(())
        }
    }
}

/// How far a run has come. Clones share the counters.
///
/// The counters only grow and are updated one by one, so a snapshot taken in mid-run may be
/// between two of them: good for a display, not for a report.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    raw_bytes_total: AtomicU64,
    raw_bytes: AtomicU64,
    plain_bytes: AtomicU64,
    records: AtomicU64,
    violations: AtomicU64,
}

/// The counters of a [`Progress`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Size of all inputs as they are stored; 0 while unknown (a pipe).
    pub raw_bytes_total: u64,
    /// Bytes taken from the inputs as they are stored (compressed bytes of a compressed one).
    pub raw_bytes: u64,
    /// Bytes after decompression that have been dealt with.
    pub plain_bytes: u64,
    /// Records dealt with.
    pub records: u64,
    /// Violations found.
    pub violations: u64,
}

impl Progress {
    /// Counters of their own, all zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Announces `bytes` more to be read.
    pub fn add_raw_bytes_total(&self, bytes: u64) {
        self.0.raw_bytes_total.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts raw bytes read.
    pub fn add_raw_bytes(&self, bytes: u64) {
        self.0.raw_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts plain bytes dealt with.
    pub fn add_plain_bytes(&self, bytes: u64) {
        self.0.plain_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts records dealt with.
    pub fn add_records(&self, records: u64) {
        self.0.records.fetch_add(records, Ordering::Relaxed);
    }

    /// Counts violations found.
    pub fn add_violations(&self, violations: u64) {
        self.0.violations.fetch_add(violations, Ordering::Relaxed);
    }

    /// All counters now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            raw_bytes_total: self.0.raw_bytes_total.load(Ordering::Relaxed),
            raw_bytes: self.0.raw_bytes.load(Ordering::Relaxed),
            plain_bytes: self.0.plain_bytes.load(Ordering::Relaxed),
            records: self.0.records.load(Ordering::Relaxed),
            violations: self.0.violations.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clone_sees_a_cancellation() {
        let cancel = Cancel::new();
        let seen_by_worker = cancel.clone();
        assert!(seen_by_worker.check().is_ok());
        cancel.cancel();
        assert!(matches!(seen_by_worker.check(), Err(Error::Interrupted)));
    }

    #[test]
    fn who_waits_is_woken() {
        let cancel = Cancel::new();
        std::thread::scope(|scope| {
            let waiting: Vec<_> = (0..3).map(|_| scope.spawn(|| cancel.wait())).collect();
            assert!(waiting.iter().all(|it| !it.is_finished()));
            cancel.cancel();
        });
        // Nothing is waited for any more.
        cancel.wait();
    }

    #[test]
    fn clones_share_the_counters() {
        let progress = Progress::new();
        let worker = progress.clone();
        worker.add_raw_bytes_total(10);
        worker.add_raw_bytes(4);
        worker.add_plain_bytes(8);
        worker.add_records(2);
        worker.add_violations(1);
        let expected = Snapshot {
            raw_bytes_total: 10,
            raw_bytes: 4,
            plain_bytes: 8,
            records: 2,
            violations: 1,
        };
        assert_eq!(progress.snapshot(), expected);
    }
}
