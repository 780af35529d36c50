//! Which file is worked on how.
//!
//! A strategy says what one thread takes at a time; everything else is the same for all of them:
//!
//! | strategy | small file | large file | made for |
//! |---|---|---|---|
//! | individual | alone | alone, window after window | few files of a middling size |
//! | batch | in a batch | alone, window after window | many small ones |
//! | streaming | alone | in windows, by all threads at once | one large one |
//! | hybrid | in a batch | in windows, by all threads at once | anything mixed |
//!
//! A batch ends after [`Settings::batch_files`](crate::settings::Settings) files at most, and sooner where that would be longer than [`Tuner`] wants a task to
//! take: it measures what files and bytes cost, so that the threads end at about the same time and the first results come soon.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::settings::Settings;
use crate::walk::{Item, Kind};

/// Files below this are small.
const SMALL_BYTES: u64 = 64 << 10;
/// Files above this are large.
const LARGE_BYTES: u64 = 10_000_000;

/// What there is to do, by the sizes of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Workload {
    /// More than 80 % of the files have less than 64 KiB.
    ManySmall,
    /// More than 80 % of the bytes are in files of more than 10 MB.
    FewLarge,
    /// One file, and it is large.
    SingleLarge,
    /// Anything else.
    Mixed,
}

/// How files are handed to threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// What suits the workload.
    #[default]
    Auto,
    /// A file at a time, by one thread.
    Individual,
    /// Small files in batches, large ones by one thread each.
    Batch,
    /// Large files by all threads at once, small ones a file at a time.
    Streaming,
    /// Small files in batches, large ones by all threads at once.
    Hybrid,
}

impl Workload {
    /// What these files are.
    pub fn of(found: &[Item]) -> Workload {
        let files = || found.iter().filter(|it| it.kind == Kind::File);
        let (mut count, mut small, mut bytes, mut large_bytes) = (0u64, 0u64, 0u64, 0u64);
        for file in files() {
            let len_bytes = file.stamp.len_bytes;
            count += 1;
            small += u64::from(len_bytes < SMALL_BYTES);
            bytes += len_bytes;
            if len_bytes > LARGE_BYTES {
                large_bytes += len_bytes;
            }
        }
        // Hundredths without rounding.
        let is_most = |part: u64, whole: u64| u128::from(part) * 100 > u128::from(whole) * 80;
        match count {
            1 if large_bytes > 0 => Workload::SingleLarge,
            _ if is_most(large_bytes, bytes) => Workload::FewLarge,
            _ if is_most(small, count) => Workload::ManySmall,
            _ => Workload::Mixed,
        }
    }

    /// What suits it best (docs/PERFORMANCE.md has the figures of all).
    pub fn strategy(self) -> Strategy {
        match self {
            Workload::ManySmall => Strategy::Batch,
            Workload::SingleLarge => Strategy::Streaming,
            Workload::FewLarge | Workload::Mixed => Strategy::Hybrid,
        }
    }
}

impl Strategy {
    /// Whether small files come in batches.
    pub(super) fn joins_small(self) -> bool {
        matches!(self, Strategy::Batch | Strategy::Hybrid)
    }

    /// Whether all threads work on a large file together.
    pub(super) fn splits_large(self) -> bool {
        matches!(self, Strategy::Streaming | Strategy::Hybrid)
    }
}

/// What a task should take: long enough that handing it over costs nothing, short enough that no thread is left alone with it.
const TASK_NANOSECONDS: u64 = 10_000_000;
/// What a small file costs besides its bytes, until that is measured.
const FILE_NANOSECONDS: u64 = 20_000;
/// What a byte costs, in thousandths of a nanosecond, until that is measured.
const BYTE_PICOSECONDS: u64 = 2_000;

/// Threads for each core, at most, when they wait for the disk nearly all the time.
const WAITING_THREADS_MAX: usize = 4;
/// Files that are asked for ahead, at most.
const READ_AHEAD_MAX: usize = 32;
/// Less waiting than this is the noise of other processes.
const WAIT_SHARE_MIN: f64 = 0.3;

/// Learns what tasks cost while they are done, and says how large the next one should be.
#[derive(Debug)]
pub(super) struct Tuner {
    batch_files_max: usize,
    /// What all batches so far would have taken by the first estimate, and what they took.
    estimated: AtomicU64,
    measured: AtomicU64,
    /// What of that the processor had to do with.
    worked: AtomicU64,
}

impl Tuner {
    pub(super) fn new(batch_files_max: usize) -> Tuner {
        Tuner {
            batch_files_max: batch_files_max.max(1),
            estimated: AtomicU64::new(0),
            measured: AtomicU64::new(0),
            worked: AtomicU64::new(0),
        }
    }

    /// What a file is estimated to take, in nanoseconds, before anything is known.
    pub(super) fn estimate(len_bytes: u64) -> u64 {
        FILE_NANOSECONDS + len_bytes.saturating_mul(BYTE_PICOSECONDS) / 1000
    }

    /// How many of these files make the next batch, at least one.
    pub(super) fn batch_len(&self, lens: impl Iterator<Item = u64>) -> usize {
        let (estimated, measured) = (
            self.estimated.load(Ordering::Relaxed),
            self.measured.load(Ordering::Relaxed),
        );
        // What is estimated, in the unit of what is measured.
        let budget = match (estimated, measured) {
            (0, _) | (_, 0) => TASK_NANOSECONDS,
            _ => {
                (u128::from(TASK_NANOSECONDS) * u128::from(estimated) / u128::from(measured)) as u64
            }
        };
        let mut sum = 0u64;
        let fitting = lens.take(self.batch_files_max).take_while(|&len_bytes| {
            sum = sum.saturating_add(Tuner::estimate(len_bytes));
            sum <= budget
        });
        fitting.count().max(1)
    }

    /// Learns what a batch took that was estimated so, and how much of that the processor worked.
    pub(super) fn learn(&self, estimated: u64, measured: Duration, worked: Duration) {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.estimated.fetch_add(estimated, Ordering::Relaxed);
        self.measured
            .fetch_add(nanoseconds(measured), Ordering::Relaxed);
        self.worked
            .fetch_add(nanoseconds(worked), Ordering::Relaxed);
    }

    /// For how long a thread has the processor work in a second, so far.
    fn work_share(&self) -> f64 {
        let measured = self.measured.load(Ordering::Relaxed);
        let worked = self.worked.load(Ordering::Relaxed);
        match measured {
            0 => 1.0,
            _ => (worked as f64 / measured as f64).clamp(0.0, 1.0),
        }
    }

    /// How many threads keep the processors busy: more than there are cores where threads wait for the disk.
    pub(super) fn threads(&self, settings: &Settings) -> usize {
        let cores = settings.thread_count();
        match settings.threads {
            0 => ((cores as f64 / self.work_share().max(0.01)).round() as usize)
                .clamp(cores, cores * WAITING_THREADS_MAX),
            asked => asked,
        }
    }

    /// How many files ahead the system should be told what will be read: none where files are in memory.
    pub(super) fn read_ahead(&self) -> usize {
        let waited = 1.0 - self.work_share();
        match waited > WAIT_SHARE_MIN {
            true => (waited * READ_AHEAD_MAX as f64) as usize,
            false => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use tamis_engine::stamp::Stamp;

    use super::*;

    fn files(lens: &[u64]) -> Vec<Item> {
        let file = |&len_bytes: &u64| Item {
            path: Box::from(*b"f"),
            kind: Kind::File,
            stamp: Stamp {
                device: 0,
                inode: 0,
                len_bytes,
                modified_ns: 0,
                changed_ns: 0,
            },
            mode: 0o644,
            links: 1,
        };
        lens.iter().map(file).collect()
    }

    #[test]
    fn sizes_make_the_workload() {
        let large = 20_000_000;
        assert_eq!(Workload::of(&files(&[large])), Workload::SingleLarge);
        assert_eq!(Workload::of(&files(&[large, large, 5])), Workload::FewLarge);
        assert_eq!(Workload::of(&files(&[100; 20])), Workload::ManySmall);
        assert_eq!(
            Workload::of(&files(&[100, 100_000, 5_000_000])),
            Workload::Mixed
        );
        assert_eq!(Workload::of(&[]), Workload::Mixed);
    }

    #[test]
    fn batches_shrink_when_files_turn_out_to_be_slow() {
        let tuner = Tuner::new(500);
        let lens = || std::iter::repeat(4096u64);
        let first = tuner.batch_len(lens());
        assert!((100..=500).contains(&first), "{first}");
        let estimated = Tuner::estimate(4096) * first as u64;
        let ten_times = Duration::from_nanos(estimated * 10);
        tuner.learn(estimated, ten_times, ten_times);
        assert!(tuner.batch_len(lens()) <= first / 9);
        assert_eq!(tuner.batch_len([u64::MAX].into_iter()), 1);
    }

    #[test]
    fn threads_that_wait_get_company() {
        let settings = Settings::default();
        let cores = settings.thread_count();
        let tuner = Tuner::new(500);
        assert_eq!((tuner.threads(&settings), tuner.read_ahead()), (cores, 0));
        let second = Duration::from_secs(1);
        tuner.learn(1, second, second);
        assert_eq!((tuner.threads(&settings), tuner.read_ahead()), (cores, 0));
        tuner.learn(1, second * 3, second);
        assert_eq!(
            (tuner.threads(&settings), tuner.read_ahead()),
            (cores * 2, 16)
        );
        let asked = Settings {
            threads: 3,
            ..settings
        };
        assert_eq!(tuner.threads(&asked), 3);
    }
}
