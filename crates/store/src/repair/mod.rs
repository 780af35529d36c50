//! `repair`: makes a damaged store usable again, with everything that can still be had.
//!
//! 1. Small files ([`names`]): one of which a single bit fell over is put right (its checksum, or its name, says which); what cannot
//!    be is moved aside, and made again from what else is known. A commit that is lost, and that others were made from, is noted among the
//!    forgotten ones: whoever walks the history then takes it for its end.
//! 2. All packs are read to the last object ([`packs`]). Where the index does not fit what is sound of them, it is made again from their
//!    footers.
//! 3. What is sound in a damaged pack is copied to a new one, frame by frame, also without a footer ([`salvage`], [`scan`](crate::pack::scan)). Every object is
//!    held against its id before it is trusted. Then the pack is moved aside, so that nobody adopts it.
//! 4. What is still missing is looked for in the trash.
//! 5. The staging is made again from the branch's tree, if its log is damaged; staged files that need what is lost are no longer trusted, so
//!    that the next `add` reads them again ([`staged`]). Their chunks then heal all commits that have them.
//! 6. A last `verify` says what is lost, and whose files that hurts.
//!
//! It only adds, and moves to the store's folder `damaged/`; nothing is deleted there by anybody but its owner. Nobody else may change the
//! store meanwhile.

mod aside;
mod names;
mod packs;
mod salvage;
mod staged;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tamis_engine::control::Cancel;

use crate::Result;
use crate::disk::{RealDisk, SharedDisk};
use crate::id::CommitId;
use crate::lock::{Locks, Role, Wait};
use crate::progress::{Phase, StoreProgress};
use crate::settings::Settings;
use crate::store::Store;
use crate::verify::{Verified, VerifyOptions};
use aside::Aside;

/// How a store is repaired.
#[derive(Clone, Debug, Default)]
pub struct RepairOptions {
    /// Read all data once more at the end.
    pub read_data: bool,
    /// A work tree of the store: what is lost and staged is added again from there.
    pub work_tree: Option<PathBuf>,
    /// Told how far it is.
    pub progress: StoreProgress,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Repaired {
    /// Whether the index was made again from the packs.
    pub rebuilt_index: bool,
    /// Objects that were copied out of damaged packs.
    pub salvaged_objects: u64,
    /// Packs that were taken out of the trash again.
    pub rescued_packs: u64,
    /// What was moved or copied aside: where it is now.
    pub moved: Vec<PathBuf>,
    /// Objects that are referred to, and in no pack any more.
    pub lost_objects: u64,
    /// Commits that were found to be lost, and had not been forgotten. From now on they count as forgotten if others were made from them.
    pub lost_commits: Vec<CommitId>,
    /// Paths that were staged, or taken out, since the last commit, and are not any more: as far as the log of that tells, sorted.
    pub unstaged: Vec<Vec<u8>>,
    /// What was done, and on what grounds.
    pub notes: Vec<String>,
    /// How the store is now; its problems say what is lost, and whose files that hurts.
    pub verified: Verified,
}

/// A repair that goes on.
struct Repair<'o> {
    folder: PathBuf,
    settings: Settings,
    options: &'o RepairOptions,
    cancel: Cancel,
    aside: Aside,
    result: Repaired,
}

impl Store {
    /// Repairs the store in `folder`, which need not be one that can be opened.
    ///
    /// # Errors
    /// [`Error::NoStore`](crate::Error::NoStore) if nothing there looks like one, [`Error::Version`](crate::Error::Version) if a newer
    /// version made it; [`Error::Locked`](crate::Error::Locked) if another process changes it; [`Error::Io`](crate::Error::Io) if it
    /// cannot be written to; [`Interrupted`](tamis_engine::Error::Interrupted) once cancelled: the next repair goes on from there.
    pub fn repair(
        folder: &Path,
        settings: Settings,
        options: &RepairOptions,
        cancel: &Cancel,
    ) -> Result<Repaired> {
        Store::repair_on(RealDisk::shared(), folder, settings, options, cancel)
    }

    pub(crate) fn repair_on(
        disk: SharedDisk,
        folder: &Path,
        settings: Settings,
        options: &RepairOptions,
        cancel: &Cancel,
    ) -> Result<Repaired> {
        names::make_folders(folder, disk.as_ref())?;
        let locks = Locks::new(folder, cancel);
        let staging = Arc::new(locks.exclusive(Role::Staging, Wait::No)?);
        let publish = locks.exclusive(Role::Publish, Wait::Yes)?;
        let collect = locks.exclusive(Role::Collect, Wait::No)?;
        let mut repair = Repair {
            folder: folder.to_owned(),
            settings,
            options,
            cancel: cancel.clone(),
            aside: Aside::new(disk.clone(), folder),
            result: Repaired::default(),
        };
        options.progress.enter(Phase::Discovery);
        repair.mend_format()?;
        repair.mend_commits()?;
        options.progress.enter(Phase::Processing);
        repair.mend_packs()?;
        options.progress.enter(Phase::Filtering);
        let store = Store::open_on(disk, folder, settings, cancel)?;
        repair.mend_names(&store)?;
        let lost = repair.search_trash(&store)?;
        repair.mend_staging(&store)?;
        let hurt = repair.distrust_staged(&store, &lost)?;
        // Whoever adds takes the one for publishing. That for the staging is kept until all of it is done.
        drop((publish, collect));
        repair.follow_head(&store, &staging)?;
        repair.add_again(&store, &hurt, &staging)?;
        drop(staging);
        repair.finish(&store)
    }
}

impl Repair<'_> {
    fn note(&mut self, note: impl Into<String>) {
        self.result.notes.push(note.into());
    }

    /// A commit is lost, which may be noticed several times.
    fn lose(&mut self, commit: CommitId) {
        if !self.result.lost_commits.contains(&commit) {
            self.result.lost_commits.push(commit);
        }
    }

    fn finish(mut self, store: &Store) -> Result<Repaired> {
        let options = VerifyOptions {
            read_data: self.options.read_data,
            progress: self.options.progress.clone(),
            ..VerifyOptions::default()
        };
        let (verified, lost) = store.verify_for_repair(&options)?;
        self.result.moved = self.aside.finish()?;
        Ok(Repaired {
            lost_objects: lost.into_iter().collect::<HashSet<_>>().len() as u64,
            verified,
            ..self.result
        })
    }
}
