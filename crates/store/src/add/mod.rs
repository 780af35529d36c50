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
//! 3. Each thread reads, cuts, names and packs ([`file`](mod@file), [`large`], [`packer`](crate::ingest::packer)).
//! 4. The merge makes entries of what was read, and stages them when the packs that they need are durable ([`waiting`]).
//! 5. The new packs go into the index.
//!
//! What could not be read is reported by name, and stays as it was staged before.

pub(crate) mod file;
mod filter;
mod large;
mod merge;
mod plan;
mod reader;
mod run;
mod tasks;
mod waiting;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::Result;
use crate::history::Record;
use crate::ingest::Ingest;
use crate::perf::{Stage, Stages};
use crate::progress::{Phase, StoreProgress};
use crate::session::Session;
use crate::walk::{Item, Walked, walk};
pub use file::Unread;
use filter::Filter;
pub use plan::{Strategy, Workload};
use run::AddRun;

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
        let discovered = self.discover(starts, options)?;
        self.take_in(discovered, options)
    }

    /// Walks through the work tree, and finds out what to do.
    fn discover(&self, starts: &[Vec<u8>], options: &AddOptions) -> Result<Discovered> {
        let start = Instant::now();
        options.progress.enter(Phase::Discovery);
        let threads = self.store().settings().thread_count();
        let filter = Filter::new(self.staging(), &options.progress);
        let walked = walk(self.root(), starts, threads, &filter, self.store().cancel())?;
        let walk_time = start.elapsed();
        options.progress.enter(Phase::Filtering);
        Ok(Discovered {
            gone: filter.gone(starts)?,
            walked,
            start,
            walk_time,
        })
    }

    /// Does it.
    fn take_in(&mut self, discovered: Discovered, options: &AddOptions) -> Result<Added> {
        let mut added = discovered.counted(options);
        let Discovered {
            walked,
            gone,
            start,
            walk_time,
        } = discovered;
        let failed: HashSet<_> = walked.failures.iter().map(|it| it.0.clone()).collect();
        added.failures = io_failures(walked.failures);
        for path in gone {
            // What is in a folder that could not be read may still be there.
            let whole = self.root().path_of(&path);
            match whole.ancestors().any(|it| failed.contains(it)) {
                true => added.removed -= 1,
                false => drop(self.staging_mut().remove(&path)?),
            }
        }
        let mut ingest = Ingest::start(self.store())?;
        let read = match walked.found.is_empty() {
            true => Ok(()),
            false => self.add_found(walked.found, &mut ingest, options, &mut added),
        };
        options.progress.enter(Phase::Writing);
        // In this order: `gc` either sees what is staged now, or has published before we look. After an error as well, for
        // what was read before it need not be read again.
        let written = Instant::now();
        self.note_packs(ingest.settled())?;
        self.staging_mut().sync()?;
        ingest.publish(self.store())?;
        added.stages.add(Stage::Write, written.elapsed(), 1);
        let threads = self.store().settings().thread_count();
        added.stages.add(Stage::Walk, walk_time, threads);
        added.seconds = start.elapsed().as_secs_f64();
        added.record(threads).append(self.store().folder());
        read?;
        Ok(added)
    }

    /// Reads and packs what was found; files that changed meanwhile again, some times.
    fn add_found(
        &mut self,
        found: Vec<Item>,
        ingest: &mut Ingest,
        options: &AddOptions,
        added: &mut Added,
    ) -> Result<()> {
        options.progress.enter(Phase::Processing);
        let mut found = found;
        if !added.failures.is_empty() {
            // Folders that could not be read were told of.
            let failed: HashSet<_> = added.failures.iter().map(|it| it.0.clone()).collect();
            found.retain(|it| !failed.contains(&self.root().path_of(&it.path)));
        }
        options.progress.announce(&found);
        let mut run = AddRun::new(self, ingest, added, options);
        let mut left = run.process(found);
        for _ in 1..file::ATTEMPTS {
            left = match left {
                Ok(changed) if !changed.is_empty() => run.process(changed),
                left => left,
            };
        }
        let read = left.map(|changed| run.give_up_on(changed));
        added.stored_bytes += ingest.settled_bytes();
        let counts = &ingest.data().counts;
        added.chunks = counts.chunks.load(Ordering::Relaxed);
        added.plain_bytes = counts.plain_bytes.load(Ordering::Relaxed);
        added.new_chunks = counts.new_chunks.load(Ordering::Relaxed);
        added.new_plain_bytes = counts.new_plain_bytes.load(Ordering::Relaxed);
        added.stages = ingest.data().clock.stages(Stage::OF_ADD);
        read
    }
}

/// What there is to do.
#[derive(Debug)]
struct Discovered {
    walked: Walked,
    /// What is staged, and not there.
    gone: Vec<Vec<u8>>,
    start: Instant,
    walk_time: Duration,
}

impl Discovered {
    /// What is known of the outcome before anything was read.
    fn counted(&self, options: &AddOptions) -> Added {
        let workload = Workload::of(&self.walked.found);
        Added {
            staged: 0,
            unchanged: self.walked.seen - self.walked.found.len() as u64,
            removed: self.gone.len() as u64,
            others: self.walked.others,
            plain_bytes: 0,
            reads: 0,
            chunks: 0,
            new_chunks: 0,
            new_plain_bytes: 0,
            stored_bytes: 0,
            failures: Vec::new(),
            workload,
            strategy: match options.strategy {
                Strategy::Auto => workload.strategy(),
                strategy => strategy,
            },
            threads: 0,
            stages: Stages::new(Stage::OF_ADD),
            seconds: 0.0,
        }
    }
}

fn io_failures(failures: Vec<(PathBuf, std::io::Error)>) -> Vec<(PathBuf, Unread)> {
    let failures = failures.into_iter();
    failures
        .map(|(path, error)| (path, Unread::Io(error)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::testing::{TestStore, restored};

    /// Goal: a folder that somebody swaps for a link between the walk and the reading leads to nothing outside, and is reported.
    #[test]
    fn a_link_that_takes_the_place_of_a_folder_leads_nowhere() {
        let test = TestStore::new();
        let outside = tempfile::tempdir().expect("a temporary folder");
        let secret = outside.path().join("deeper");
        fs::create_dir(&secret).expect("there is room");
        fs::write(secret.join("file"), "not ours").expect("there is room");
        symlink("file", secret.join("link")).expect("there is room");
        test.write("a/deeper/file", "ours");
        test.write("b", "ours");
        symlink("b", test.work().join("a/deeper/link")).expect("there is room");

        let mut session = Session::open(&test.store, &test.work()).expect("nobody else has it");
        let options = AddOptions::default();
        let discovered = session.discover(&[Vec::new()], &options);
        fs::rename(test.work().join("a"), test.work().join("old")).expect("it is ours");
        symlink(outside.path(), test.work().join("a")).expect("there is room");
        let added = session.take_in(discovered.expect("it can be read"), &options);
        let added = added.expect("there is room");

        let mut failed: Vec<_> = added.failures.iter().collect();
        failed.sort_by_key(|it| &it.0);
        let expected = ["a", "a/deeper", "a/deeper/file", "a/deeper/link"];
        let expected = expected.map(|it| test.work().join(it));
        assert_eq!(
            failed.iter().map(|it| &it.0).collect::<Vec<_>>(),
            expected.iter().collect::<Vec<_>>()
        );
        assert!(
            failed.iter().all(|it| matches!(it.1, Unread::NoFile)),
            "{failed:?}"
        );
        let committed = session
            .commit(&crate::testing::request())
            .expect("there is room");
        let files = restored(&test.store, committed.expect("`b` is new").id);
        assert_eq!(files.into_keys().collect::<Vec<_>>(), ["b"]);
    }
}
