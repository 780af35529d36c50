//! Where the time of a run went, stage by stage.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What `add` and `commit` do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Reading folders, and what the file system says of files.
    Walk,
    /// Opening and reading files.
    Read,
    /// Finding where to cut.
    Chunk,
    /// Naming chunks and nodes, and asking whether they are known.
    Hash,
    /// Compressing, and appending to packs.
    Compress,
    /// Making packs durable, and at the end of an `add` what refers to them.
    Write,
    /// Finding what is staged differently from the last commit, and what of that is new.
    Compare,
    /// Making nodes of folders.
    Tree,
    /// Putting the packs of a commit into the index.
    Index,
    /// Writing the commit, and moving the branch to it.
    Branch,
    /// Noting in the staging what was committed.
    Note,
}

/// How many stages there are.
const STAGE_COUNT: usize = Stage::Note as usize + 1;

impl Stage {
    /// Those of `add`, in the order in which bytes go through them.
    pub const OF_ADD: &'static [Stage] = &[
        Stage::Walk,
        Stage::Read,
        Stage::Chunk,
        Stage::Hash,
        Stage::Compress,
        Stage::Write,
    ];

    /// Those of `commit`, in their order.
    pub const OF_COMMIT: &'static [Stage] = &[
        Stage::Compare,
        Stage::Tree,
        Stage::Hash,
        Stage::Compress,
        Stage::Write,
        Stage::Index,
        Stage::Branch,
        Stage::Note,
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
            Stage::Compare => "compare",
            Stage::Tree => "tree",
            Stage::Index => "index",
            Stage::Branch => "branch",
            Stage::Note => "note",
        }
    }
}

/// Adds up the time that threads spend in each stage.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    nanoseconds: [AtomicU64; STAGE_COUNT],
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

    /// The time spent in a stage so far.
    pub(crate) fn spent(&self, stage: Stage) -> Duration {
        Duration::from_nanos(self.nanoseconds[stage as usize].load(Ordering::Relaxed))
    }

    /// Seconds spent in each of these stages, summed over the threads.
    pub(crate) fn stages(&self, of: &'static [Stage]) -> Stages {
        let mut stages = Stages::new(of);
        for &stage in of {
            stages.add(stage, self.spent(stage), 1);
        }
        stages
    }
}

/// Seconds of each stage of a run, summed over the threads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stages {
    of: &'static [Stage],
    seconds: [f64; STAGE_COUNT],
}

impl Stages {
    /// No time in any of these stages.
    pub(crate) fn new(of: &'static [Stage]) -> Stages {
        Stages {
            of,
            seconds: [0.0; STAGE_COUNT],
        }
    }

    /// Each stage in order, and the seconds spent in it.
    pub fn iter(&self) -> impl Iterator<Item = (Stage, f64)> {
        self.of.iter().map(|&stage| (stage, self.seconds(stage)))
    }

    /// Seconds spent in one.
    pub fn seconds(&self, stage: Stage) -> f64 {
        self.seconds[stage as usize]
    }

    /// Adds time that passed while so many threads were at it.
    pub(crate) fn add(&mut self, stage: Stage, time: Duration, threads: usize) {
        self.seconds[stage as usize] += time.as_secs_f64() * threads as f64;
    }

    /// The stage that took longest for the number of threads that it runs on: all of them, except that one thread makes
    /// packs durable.
    pub fn limiting(&self, threads: usize) -> Stage {
        let cost = |stage: Stage| match stage {
            Stage::Write => self.seconds(stage),
            _ => self.seconds(stage) / threads.max(1) as f64,
        };
        let stages = self.of.iter().copied();
        stages
            .max_by(|left, right| cost(*left).total_cmp(&cost(*right)))
            .expect("a run has stages")
    }
}

impl serde::Serialize for Stages {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(stage, seconds)| (stage.name(), seconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limiting_stage_is_the_one_that_takes_longest_on_its_threads() {
        let clock = Clock::default();
        clock.add(Stage::Hash, Duration::from_secs(8));
        clock.add(Stage::Write, Duration::from_secs(3));
        let stages = clock.stages(Stage::OF_ADD);
        assert_eq!(stages.limiting(1), Stage::Hash);
        assert_eq!(stages.limiting(2), Stage::Hash);
        // Two threads more would not help the one that waits for the disk.
        assert_eq!(stages.limiting(4), Stage::Write);
    }

    #[test]
    fn stages_are_written_by_their_names_in_order() {
        for of in [Stage::OF_ADD, Stage::OF_COMMIT] {
            let text = serde_json::to_string(&Stages::new(of)).expect("it is all plain");
            let names = of.iter().map(|it| format!("\"{}\":0.0", it.name()));
            assert_eq!(text, format!("{{{}}}", names.collect::<Vec<_>>().join(",")));
        }
    }
}
