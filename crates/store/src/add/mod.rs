//! `add`: what is in the work tree goes into packs, and is staged for the next commit.
//!
//! ```text
//! walk ──► filter ──► plan ──► read, chunk, hash, compress (all threads) ──► merge (in order) ──► staging
//! (threads)  (same)                                │ full packs                      ▲
//!                                                  └──► sealer: durable ─────────────┘
//! ```
//!
//! 1. [`walk`](crate::walk) finds everything; what is staged with the same stamp is not kept ([`filter`]).
//! 2. [`plan`] says which files go together, by the sizes of what is left.
//! 3. Each thread reads, cuts, names and packs ([`file`](mod@file), [`large`], [`worker`]).
//! 4. The merge makes entries of what was read, and stages them when the packs that they need are durable ([`publish`]).
//! 5. The new packs go into the index.
//!
//! What could not be read is reported by name, and stays as it was staged before.

pub(crate) mod file;
mod filter;
mod large;
mod merge;
pub mod plan;
pub(crate) mod publish;
mod reader;
mod run;
mod tasks;
pub(crate) mod worker;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::Result;
use crate::history::Record;
use crate::pack::write::SealedPack;
use crate::perf::{Stage, Stages};
use crate::progress::{Phase, StoreProgress};
use crate::session::{Packers, Session};
use crate::walk::{Found, walk};
pub use file::Unread;
use filter::Filter;
pub use plan::{Strategy, Workload};
use run::Run;

/// How things are added.
#[derive(Clone, Debug, Default)]
pub struct AddOptions {
    /// How files are handed to threads.
    pub strategy: Strategy,
    /// Told how far it is.
    pub progress: StoreProgress,
}

/// What came of it.
#[derive(Debug)]
pub struct Added {
    /// Files, folders and links that are staged newly or differently.
    pub staged: u64,
    /// Those that are as they were.
    pub unchanged: u64,
    /// Those that are gone, and no longer staged.
    pub removed: u64,
    /// Devices, pipes and sockets, which are not kept.
    pub others: u64,
    /// Plain bytes that were read.
    pub plain_bytes: u64,
    /// How often the system was asked for some of them.
    pub reads: u64,
    /// Chunks that they were cut into.
    pub chunks: u64,
    /// Those that were in no pack before.
    pub new_chunks: u64,
    /// Their plain bytes.
    pub new_plain_bytes: u64,
    /// What the new packs take.
    pub stored_bytes: u64,
    /// What could not be read, and why.
    pub failures: Vec<(PathBuf, Unread)>,
    /// What there was to do.
    pub workload: Workload,
    /// How it was done.
    pub strategy: Strategy,
    /// Most threads that worked at the same time.
    pub threads: usize,
    /// Where the time went.
    pub stages: Stages,
    /// How long it took.
    pub seconds: f64,
}

impl Added {
    fn record(&self, threads: usize) -> Record {
        Record {
            files: self.staged,
            plain_bytes: self.plain_bytes,
            new_chunks: self.new_chunks,
            new_plain_bytes: self.new_plain_bytes,
            stored_bytes: self.stored_bytes,
            ..Record::new("add", self.seconds).with_stages(&self.stages, threads)
        }
    }
}

impl Session<'_> {
    /// Stages what is at and below these paths of the work tree (the empty path is all of it).
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) for what cannot be written; what cannot be read is part of the result.
    /// [`Interrupted`](tamis_engine::Error::Interrupted) once cancelled: what was staged before that stays staged.
    pub fn add(&mut self, starts: &[Vec<u8>], options: &AddOptions) -> Result<Added> {
        let start = Instant::now();
        options.progress.enter(Phase::Discovery);
        let threads = self.store().settings().thread_count();
        let filter = Filter::new(self.staging(), &options.progress);
        let walked = walk(self.root(), starts, threads, &filter, self.store().cancel())?;
        let walk_time = start.elapsed();
        options.progress.enter(Phase::Filtering);
        let gone = filter.gone(starts)?;
        let workload = Workload::of(&walked.found);
        let strategy = match options.strategy {
            Strategy::Auto => workload.strategy(),
            strategy => strategy,
        };
        let mut added = Added {
            staged: 0,
            unchanged: walked.seen - walked.found.len() as u64,
            removed: gone.len() as u64,
            others: walked.others,
            plain_bytes: 0,
            reads: 0,
            chunks: 0,
            new_chunks: 0,
            new_plain_bytes: 0,
            stored_bytes: 0,
            failures: io_failures(walked.failures),
            workload,
            strategy,
            threads: 0,
            stages: Stages::new(Stage::OF_ADD),
            seconds: 0.0,
        };
        let failed: Vec<_> = added
            .failures
            .iter()
            .map(|(path, _)| path.clone())
            .collect();
        for path in gone {
            // What is in a folder that could not be read may still be there.
            let whole = self.root().path_of(&path);
            match failed.iter().any(|failed| whole.starts_with(failed)) {
                true => added.removed -= 1,
                false => drop(self.staging_mut().remove(&path)?),
            }
        }
        let packers = self.new_packers();
        let mut packs = Vec::new();
        let read = match walked.found.is_empty() {
            true => Ok(()),
            false => self.add_found(walked.found, &packers, options, &mut added, &mut packs),
        };
        options.progress.enter(Phase::Writing);
        // In this order: `gc` either sees what is staged now, or has published before we look. After an error as well, for
        // what was read before it need not be read again.
        let written = Instant::now();
        self.note_packs(&packs)?;
        self.staging_mut().sync()?;
        self.publish(&packs, &packers)?;
        added.stages.add(Stage::Write, written.elapsed(), 1);
        added.stages.add(Stage::Walk, walk_time, threads);
        added.seconds = start.elapsed().as_secs_f64();
        added.record(threads).append(self.store().folder());
        read?;
        Ok(added)
    }

    /// Reads and packs what was found; files that changed meanwhile again, some times.
    fn add_found(
        &mut self,
        found: Vec<Found>,
        packers: &Packers,
        options: &AddOptions,
        added: &mut Added,
        packs: &mut Vec<SealedPack>,
    ) -> Result<()> {
        options.progress.enter(Phase::Processing);
        options.progress.announce(&found);
        let mut run = Run::new(self, packers, added, options);
        let mut left = run.process(found);
        for _ in 1..file::ATTEMPTS {
            left = match left {
                Ok(changed) if !changed.is_empty() => run.process(changed),
                left => left,
            };
        }
        let read = left.map(|changed| run.give_up_on(changed));
        *packs = run.finish();
        let counts = &packers.data.counts;
        added.chunks = counts.chunks.load(Ordering::Relaxed);
        added.plain_bytes = counts.plain_bytes.load(Ordering::Relaxed);
        added.new_chunks = counts.new_chunks.load(Ordering::Relaxed);
        added.new_plain_bytes = counts.new_plain_bytes.load(Ordering::Relaxed);
        added.reads = packers.data.reads.count();
        added.stored_bytes += packs.iter().map(|it| it.pack.file_bytes).sum::<u64>();
        added.stages = packers.data.clock.stages(Stage::OF_ADD);
        read
    }
}

fn io_failures(failures: Vec<(PathBuf, std::io::Error)>) -> Vec<(PathBuf, Unread)> {
    let failures = failures.into_iter();
    failures
        .map(|(path, error)| (path, Unread::Io(error)))
        .collect()
}
