//! What a broker counts, for those who watch it.
//!
//! Counters are atomics that are only added to: a request or a batch adds to a few of them, and nobody waits. What can be
//! looked up when somebody asks is not counted at all: records of a log, its bytes and segments, and what the process takes.
//!
//! | file | holds |
//! |---|---|
//! | `histogram.rs` | how many values were how large |
//! | `lag.rs` | how far groups are behind |
//! | `process.rs` | what the system says of this process |
//! | `text.rs` | all of it as a page that Prometheus reads |
//! | `verdicts.rs` | what contracts found |

mod histogram;
mod lag;
mod process;
mod text;
mod verdicts;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::api::SERVED;
pub(crate) use histogram::{Counts, Histogram};
#[cfg(test)]
pub(crate) use lag::Behind;
pub(crate) use lag::{Lag, SERIES_MAX};
pub(crate) use process::Process;
pub(crate) use text::page;
pub(crate) use verdicts::{Fate, Refusal, Refusals, RuleKey, Verdicts};

/// What a process asked its allocator for, since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocations {
    /// Pieces of memory.
    pub count: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// Bounds of how long requests take, in nanoseconds.
const REQUEST_NS: &[u64] = &[
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    5_000_000_000,
];

/// Bounds of how long a sync takes, in nanoseconds.
const SYNC_NS: &[u64] = &[
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    100_000_000,
    500_000_000,
    1_000_000_000,
];

/// Bounds of how large batches are.
const BATCH_BYTES: &[u64] = &[
    256,
    1 << 10,
    4 << 10,
    16 << 10,
    64 << 10,
    256 << 10,
    1 << 20,
    4 << 20,
];

/// Bounds of how many records batches have.
const BATCH_RECORDS: &[u64] = &[1, 10, 100, 1_000, 10_000];

/// What is counted of a broker as a whole.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// How long each request took, from the moment at which it was read until its answer could be sent.
    requests: Vec<Option<Histogram>>,
    /// Sizes of the batches that were appended.
    pub(crate) batch_bytes: Histogram,
    /// How many records they had.
    pub(crate) batch_records: Histogram,
    /// How long making a log durable took.
    pub(crate) syncs: std::sync::Arc<Histogram>,
    /// Connections that were taken.
    pub(crate) connections: AtomicU64,
    /// Connections that ended.
    pub(crate) connections_ended: AtomicU64,
    /// Connections that were one too many.
    pub(crate) connections_refused: AtomicU64,
    /// Records that broke the contracts of their topics.
    pub(crate) refusals: Refusals,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let last = SERVED.iter().map(|it| it.key as usize).max().unwrap_or(0);
        let is_served = |key: usize| SERVED.iter().any(|it| it.key as usize == key);
        let requests = (0..=last).map(|it| is_served(it).then(|| Histogram::new(REQUEST_NS)));
        Metrics {
            requests: requests.collect(),
            batch_bytes: Histogram::new(BATCH_BYTES),
            batch_records: Histogram::new(BATCH_RECORDS),
            syncs: std::sync::Arc::new(Histogram::new(SYNC_NS)),
            connections: AtomicU64::new(0),
            connections_ended: AtomicU64::new(0),
            connections_refused: AtomicU64::new(0),
            refusals: Refusals::default(),
        }
    }

    /// How long requests of this number took; `None`: they are not served.
    pub(crate) fn request(&self, number: i16) -> Option<&Histogram> {
        self.requests.get(usize::try_from(number).ok()?)?.as_ref()
    }

    /// Notes that a request was answered.
    pub(crate) fn note_request(&self, number: i16, took: Duration) {
        if let Some(histogram) = self.request(number) {
            histogram.note_duration(took);
        }
    }

    /// Notes that a batch was appended.
    pub(crate) fn note_batch(&self, records: u64, bytes: u64) {
        self.batch_bytes.note(bytes);
        self.batch_records.note(records);
    }
}

/// What came into a topic and went out of it, since it was opened.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) batches_in: AtomicU64,
    pub(crate) records_in: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) records_out: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    /// Batches that were not taken.
    pub(crate) batches_refused: AtomicU64,
}

impl Traffic {
    /// Notes that a batch was appended.
    pub(crate) fn note_in(&self, records: u64, bytes: u64) {
        self.batches_in.fetch_add(1, Ordering::Relaxed);
        self.records_in.fetch_add(records, Ordering::Relaxed);
        self.bytes_in.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Notes that batches are on their way to a consumer.
    pub(crate) fn note_out(&self, records: u64, bytes: u64) {
        self.records_out.fetch_add(records, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Notes that a batch was not taken.
    pub(crate) fn note_refused(&self) {
        self.batches_refused.fetch_add(1, Ordering::Relaxed);
    }
}
