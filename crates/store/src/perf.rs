//! Where the time of a run went, stage by stage.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What is done to bytes on their way into the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Reading folders, and what the file system says of files.
    Walk,
    /// Opening and reading files.
    Read,
    /// Finding where to cut.
    Chunk,
    /// Naming chunks, and asking whether they are known.
    Hash,
    /// Compressing, and appending to packs.
    Compress,
    /// Making packs durable.
    Write,
}

impl Stage {
    /// All of them, in the order in which bytes go through them.
    pub const ALL: [Stage; 6] = [
        Stage::Walk,
        Stage::Read,
        Stage::Chunk,
        Stage::Hash,
        Stage::Compress,
        Stage::Write,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Walk => "walk",
            Stage::Read => "read",
            Stage::Chunk => "chunk",
            Stage::Hash => "hash",
            Stage::Compress => "compress",
            Stage::Write => "write",
        }
    }
}

/// Adds up the time that threads spend in each stage.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    nanoseconds: [AtomicU64; Stage::ALL.len()],
}

impl Clock {
    /// Counts the time that `work` takes.
    pub(crate) fn time<T>(&self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = work();
        self.add(stage, start.elapsed());
        done
    }

    pub(crate) fn add(&self, stage: Stage, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds[stage as usize].fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// Seconds spent in each stage, summed over the threads.
    pub(crate) fn stages(&self) -> Stages {
        Stages(Stage::ALL.map(|stage| {
            let nanoseconds = self.nanoseconds[stage as usize].load(Ordering::Relaxed);
            Duration::from_nanos(nanoseconds).as_secs_f64()
        }))
    }
}

/// Seconds of each stage, summed over the threads.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stages([f64; Stage::ALL.len()]);

impl Stages {
    /// Seconds spent in one.
    pub fn seconds(&self, stage: Stage) -> f64 {
        self.0[stage as usize]
    }

    /// Adds time that passed while so many threads were at it.
    pub(crate) fn add(&mut self, stage: Stage, time: Duration, threads: usize) {
        self.0[stage as usize] += time.as_secs_f64() * threads as f64;
    }

    /// The stage that took longest for the number of threads that it runs on: all of them, except that one thread makes
    /// packs durable.
    pub fn limiting(&self, threads: usize) -> Stage {
        let cost = |stage: Stage| match stage {
            Stage::Write => self.seconds(stage),
            _ => self.seconds(stage) / threads.max(1) as f64,
        };
        Stage::ALL
            .into_iter()
            .max_by(|left, right| cost(*left).total_cmp(&cost(*right)))
            .unwrap_or(Stage::Walk)
    }
}

impl std::ops::AddAssign for Stages {
    fn add_assign(&mut self, more: Stages) {
        for (sum, more) in self.0.iter_mut().zip(more.0) {
            *sum += more;
        }
    }
}

impl serde::Serialize for Stages {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Stage::ALL.map(|stage| (stage.name(), self.seconds(stage))))
    }
}
