//! `verify`: whether a store still is what was written, and whom it hurts where it is not.
//!
//! ```text
//! small files ──► index ──► packs' footers ──► [all data] ──► trees ──► staging ──► whose files are hurt
//! ```
//!
//! 1. Refs, tags, the list of forgotten commits, and each commit against its name ([`names`]).
//! 2. Each segment of the index, whole ([`Segment::verify`](crate::index::Segment::verify)).
//! 3. Each pack that the index knows: its footer, and that the two agree ([`packs`]).
//! 4. If asked for: the payload of all packs, or of some chosen by chance, object by object against its id ([`data`]).
//! 5. All trees, each node once, that every chunk they name is in the index, and that commits and trees agree on how much is in them
//!    ([`trees`]); what is staged ([`staged`]); and further names of files, if there are any ([`links`]).
//! 6. If anything is lost by then, all trees once more, for the names of the files that need it ([`hurt`]).
//!
//! The trees are walked while the payload is read, by a thread of its own: it is one thread's work, and so all cores have some to the end.
//! What is lost by 4 changes what 5 says, so a walk that went ahead counts if neither found anything; otherwise it is done again.
//!
//! Nothing ends at the first problem. What is lost is known by its ids, so that a damaged pack is one problem and not one for each
//! node in it. Nothing here writes; other commands go on meanwhile, and what `gc` moves or drops is no problem.

pub(crate) mod data;
mod hurt;
mod links;
mod names;
mod packs;
mod report;
mod staged;
#[cfg(test)]
pub(crate) mod tests;
mod trees;

use std::path::PathBuf;
use std::time::Instant;

use crate::Result;
use crate::id::{CommitId, ObjectId};
use crate::progress::{Phase, StoreProgress};
use crate::staging::Staging;
use crate::store::Store;
use names::Names;
pub(crate) use names::gone_on_purpose;
use report::Report;

/// So many names are kept of those whose files a problem hurts; the others are counted.
pub const HURT_MAX: usize = 1000;

/// How much is looked at.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// Read the payload of packs too, and hold every object against its id.
    pub read_data: bool,
    /// Of how many packs: a share of their bytes, more than 0 and at most 1, chosen by chance. `None` is all of them.
    pub sample: Option<f64>,
    /// What decides the choice: that of an earlier run, to look at the same packs again. `None` is a new one.
    pub seed: Option<u64>,
    /// Told how far it is.
    pub progress: StoreProgress,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// Commits that were looked at.
    pub commits: u64,
    /// Nodes that they refer to, each counted once.
    pub nodes: u64,
    /// Chunks that they refer to, each counted once.
    pub chunks: u64,
    /// Packs that the index knows.
    pub packs: u64,
    /// Length of the objects that were held against their ids.
    pub plain_bytes: u64,
    /// Length of their frames.
    pub stored_bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// What decided which packs were read, if not all were.
    pub sample_seed: Option<u64>,
    /// What is no damage, and still worth knowing.
    pub notes: Vec<String>,
    /// What is damaged or missing.
    pub problems: Vec<Problem>,
    /// Problems beyond those listed.
    pub more_problems: u64,
}

impl Verified {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Something that is damaged or missing.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The file of the store.
    pub path: PathBuf,
    /// What is wrong with it.
    pub detail: String,
    /// Whose files it hurts: [`HURT_MAX`] of them at most.
    pub hurt: Vec<Hurt>,
    /// How many there are in all.
    pub hurt_count: u64,
}

/// A file or folder of the user that is not whole any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hurt {
    /// The commit that has it; `None` for what is staged.
    pub commit: Option<CommitId>,
    /// Where; the empty path is all of the commit.
    pub path: Vec<u8>,
}

/// What the walk of the trees came to.
struct Walked {
    nodes: u64,
    chunks: u64,
    staging: Option<Staging>,
}

/// Does two things at once: `other` on a thread of its own.
fn beside<A, B: Send>(one: impl FnOnce() -> A, other: impl FnOnce() -> B + Send) -> (A, B) {
    std::thread::scope(|scope| {
        let other = scope.spawn(other);
        let one = one();
        match other.join() {
            Ok(other) => (one, other),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

impl Store {
    /// Looks for damage.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::Error::Usage) for a share that is none;
    /// [`Interrupted`](tamis_engine::Error::Interrupted) once cancelled. Whatever is wrong with the store is part of the result.
    pub fn verify(&self, options: &VerifyOptions) -> Result<Verified> {
        self.verify_for_repair(options)
            .map(|(verified, _)| verified)
    }

    /// The same, and the ids of all objects that are lost.
    pub(crate) fn verify_for_repair(
        &self,
        options: &VerifyOptions,
    ) -> Result<(Verified, Vec<ObjectId>)> {
        let start = Instant::now();
        let mut verified = Verified::default();
        let mut report = Report::default();
        options.progress.enter(Phase::Discovery);
        let names = names::check(self, &mut report);
        let is_index_sound = self.check_segments(&mut report);
        let packs = packs::check(self, &mut report)?;
        verified.packs = packs.len() as u64;
        let walk = |report: &mut Report| self.walk(&names, is_index_sound, report);
        let mut ahead = None;
        if options.read_data {
            options.progress.enter(Phase::Processing);
            let chosen = packs::choose(packs, options)?;
            verified.sample_seed = chosen.seed;
            let read = || data::check(self, chosen.packs, &options.progress, &mut report);
            let read = match self.settings().thread_count() {
                1 => read()?,
                _ => {
                    let (read, walked) = beside(read, || {
                        let mut seen = Report::default();
                        walk(&mut seen).map(|walked| (walked, seen))
                    });
                    ahead = Some(walked?);
                    read?
                }
            };
            (verified.plain_bytes, verified.stored_bytes) = (read.plain_bytes, read.stored_bytes);
        }
        options.progress.enter(Phase::Filtering);
        let walked = match ahead {
            Some((walked, seen)) if report.is_sound() && seen.is_sound() => {
                report.take_notes(seen);
                walked
            }
            _ => walk(&mut report)?,
        };
        (verified.nodes, verified.chunks) = (walked.nodes, walked.chunks);
        let staging = walked.staging;
        verified.commits = names.commits.len() as u64;
        if report.has_losses() {
            hurt::find(self, &names.commits, staging.as_ref(), &mut report)?;
        }
        verified.seconds = start.elapsed().as_secs_f64();
        Ok(report.finish(verified))
    }

    /// Walks all trees, and what is staged.
    fn walk(&self, names: &Names, is_index_sound: bool, report: &mut Report) -> Result<Walked> {
        let mut trees = trees::Trees::new(self, report, !is_index_sound);
        for (id, commit) in &names.commits {
            trees.check(*id, commit)?;
        }
        let staging = staged::open(self, trees.report());
        if let Some(staging) = &staging {
            staged::check(self, staging, &mut trees)?;
        }
        let has_links = trees.has_links();
        let (nodes, chunks) = trees.finish();
        if has_links {
            links::check(self, &names.commits, report)?;
        }
        Ok(Walked {
            nodes,
            chunks,
            staging,
        })
    }

    fn check_segments(&self, report: &mut Report) -> bool {
        let mut is_sound = true;
        for segment in self.objects().index().segments() {
            if let Err(error) = segment.verify() {
                report.take(&self.folder().join("index"), error);
                is_sound = false;
            }
        }
        is_sound
    }
}
