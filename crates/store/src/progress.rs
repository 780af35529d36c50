//! How far a command on the store is: for whoever draws it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::walk::{Item, Kind};

/// What a command is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Looking for files.
    #[default]
    Discovery,
    /// Leaving out what is as it was.
    Filtering,
    /// Reading, cutting, hashing, compressing; or the way back.
    Processing,
    /// Making it durable.
    Writing,
}

impl Phase {
    const ALL: [Phase; 4] = [
        Phase::Discovery,
        Phase::Filtering,
        Phase::Processing,
        Phase::Writing,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Discovery => "discovery",
            Phase::Filtering => "filtering",
            Phase::Processing => "processing",
            Phase::Writing => "writing",
        }
    }
}

/// Counters that clones share. They are updated one by one: good for a display, not for a report.
#[derive(Clone, Debug, Default)]
pub struct StoreProgress(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    phase: AtomicU8,
    found_files: AtomicU64,
    found_bytes: AtomicU64,
    total_files: AtomicU64,
    total_bytes: AtomicU64,
    done_files: AtomicU64,
    done_bytes: AtomicU64,
    new_bytes: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreSnapshot {
    /// What is being done.
    pub phase: Phase,
    /// Files met by the walk.
    pub found_files: u64,
    /// Their lengths.
    pub found_bytes: u64,
    /// Files to be worked on.
    pub total_files: u64,
    /// Their lengths.
    pub total_bytes: u64,
    /// Files that are done.
    pub done_files: u64,
    /// Bytes that are done.
    pub done_bytes: u64,
    /// Bytes of these that were new.
    pub new_bytes: u64,
}

impl StoreProgress {
    pub(crate) fn enter(&self, phase: Phase) {
        self.0.phase.store(phase as u8, Ordering::Relaxed);
    }

    pub(crate) fn found(&self, kind: Kind, len_bytes: u64) {
        if kind == Kind::File {
            self.0.found_files.fetch_add(1, Ordering::Relaxed);
            self.0.found_bytes.fetch_add(len_bytes, Ordering::Relaxed);
        }
    }

    pub(crate) fn announce(&self, found: &[Item]) {
        let files = found.iter().filter(|it| it.kind == Kind::File);
        let (count, bytes) = files.fold((0, 0), |(count, bytes), it| {
            (count + 1, bytes + it.stamp.len_bytes)
        });
        self.expect(count, bytes);
    }

    pub(crate) fn expect(&self, files: u64, bytes: u64) {
        self.0.total_files.fetch_add(files, Ordering::Relaxed);
        self.0.total_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn done(&self, files: u64, bytes: u64) {
        self.0.done_files.fetch_add(files, Ordering::Relaxed);
        self.0.done_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn set_new_bytes(&self, bytes: u64) {
        self.0.new_bytes.store(bytes, Ordering::Relaxed);
    }

    /// All counters now.
    pub fn snapshot(&self) -> StoreSnapshot {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &*self.0;
        StoreSnapshot {
            phase: Phase::ALL[usize::from(counters.phase.load(Ordering::Relaxed))],
            found_files: load(&counters.found_files),
            found_bytes: load(&counters.found_bytes),
            total_files: load(&counters.total_files),
            total_bytes: load(&counters.total_bytes),
            done_files: load(&counters.done_files),
            done_bytes: load(&counters.done_bytes),
            new_bytes: load(&counters.new_bytes),
        }
    }
}
