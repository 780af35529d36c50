//! Power cuts, kills and disks that refuse, at every operation of a store's life that the [`Disk`](crate::disk::Disk) trait has.
//!
//! That is all that is done to the store's folder, but for the lines of `history.jsonl`, which nothing depends on ([`history`](crate::history)).
//! What [restoring](crate::restore) does to other folders is not among it either, nor what the kernel does within one operation: processes that are
//! killed by the clock are in the tests of the binary (`cli/store/kill.rs`).
//!
//! A scenario ([`Life`]) is what a store goes through on a [`LossyDisk`] on which one operation goes wrong: it is made, adds and commits
//! trees and gives one a name, or takes over what others have and forgets some of it ([`fetch`]). Then:
//! - the store opens, without repair, and has no damage;
//! - whatever was acknowledged is there: commits byte for byte, what was staged, tags; and what was forgotten is;
//! - the branch is at the last acknowledged commit, or at the one in progress;
//! - what was in progress can be done again, and adding and committing goes on.
//!
//! `TAMIS_SOAK=n` tries every operation with `n` seeds; otherwise some are drawn.

mod fetch;
mod trees;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use fastrand::Rng;
use nix::libc::{EIO, ENOSPC};
use tamis_engine::control::Cancel;

use super::{CommitRequest, Session};
use crate::Result;
use crate::add::AddOptions;
use crate::chunker::Parameters;
use crate::collect::CollectOptions;
use crate::disk::lossy::LossyDisk;
use crate::disk::{SYNC, SharedDisk};
use crate::id::CommitId;
use crate::restore::RestoreOptions;
use crate::settings::Settings;
use crate::store::Store;
use crate::testing::soak_factor;
use crate::verify::VerifyOptions;
use trees::{Snapshot, Trees, snapshot, temporary_folder};

const TAG: &str = "second";

/// What a store has told of itself.
#[derive(Default)]
struct Told {
    is_made: bool,
    /// Commits, and which of the trees each has; not those that are forgotten, or about to be.
    commits: Vec<(CommitId, usize)>,
    /// Commits that were forgotten.
    forgotten: BTreeSet<CommitId>,
    in_progress: Option<Progress>,
    /// What is staged; `None` while it changes.
    staged: Option<usize>,
    tag: Option<CommitId>,
}

/// What is about to move the branch.
enum Progress {
    /// A commit of this tree.
    Commit(usize),
    /// Commits of another store, the newest last.
    Fetch(Vec<(CommitId, usize)>),
}

impl Told {
    /// The newest commit, where the branch is.
    fn last(&self) -> Option<CommitId> {
        self.commits.last().map(|it| it.0)
    }

    /// The branch is at `head`, where only what was in progress can have moved it.
    fn arrive(&mut self, store: &Store, head: CommitId) {
        match self.in_progress.take().expect("nobody moved the branch") {
            Progress::Commit(tree) => {
                let parents = store.refs().commit(head).expect("it is whole").parents;
                assert_eq!(parents, Vec::from_iter(self.last()));
                self.commits.push((head, tree));
            }
            Progress::Fetch(commits) => {
                self.commits.extend(commits);
                assert_eq!(self.last(), Some(head));
            }
        }
    }
}

/// What a store goes through.
trait Life {
    /// All of it, up to the first error.
    fn live(&self, disk: &SharedDisk, folder: &Path, trees: &Trees, told: &mut Told) -> Result<()>;

    /// Does again, after the kill or the crash, what only some lives have. Of `told`, what was in progress is settled.
    fn resume(&self, disk: &SharedDisk, folder: &Path, told: &mut Told) -> Result<()>;
}

/// Trees are added and committed, and garbage is collected.
struct Alone;

fn settings() -> Settings {
    Settings {
        // Several packs in each `add`.
        threads: 3,
        batch_files: 3,
        window_threshold_bytes: 100_000,
        streaming_threshold_bytes: 100_000,
        memory_bytes: 8_000_000,
        chunk_cache_bytes: 1_000_000,
        ..Settings::default()
    }
}

fn request(version: usize) -> CommitRequest {
    CommitRequest {
        message: format!("tree {version}"),
        author: "nobody".to_owned(),
        offset_minutes: 0,
        allows_empty: true,
    }
}

fn init(disk: &SharedDisk, folder: &Path, told: &mut Told) -> Result<()> {
    let chunks = Parameters {
        min_bytes: 512,
        avg_bytes: 2048,
        max_bytes: 8192,
    };
    Store::init_on(disk, folder, chunks)?;
    told.is_made = true;
    Ok(())
}

fn open(disk: &SharedDisk, folder: &Path) -> Result<Store> {
    Store::open_on(disk.clone(), folder, settings(), &Cancel::new())
}

/// Stages a tree.
fn add(
    disk: &SharedDisk,
    folder: &Path,
    trees: &Trees,
    tree: usize,
    told: &mut Told,
) -> Result<()> {
    let store = open(disk, folder)?;
    let mut session = Session::open(&store, &trees.paths[tree])?;
    told.staged = None;
    let added = session.add(&[Vec::new()], &AddOptions::default())?;
    assert!(added.failures.is_empty(), "{:?}", added.failures);
    told.staged = Some(tree);
    Ok(())
}

/// Commits what is staged.
fn commit(disk: &SharedDisk, folder: &Path, trees: &Trees, told: &mut Told) -> Result<()> {
    let tree = told.staged.expect("something was staged");
    told.in_progress = Some(Progress::Commit(tree));
    let store = open(disk, folder)?;
    let committed = Session::open(&store, &trees.paths[tree])?.commit(&request(tree))?;
    let committed = committed.expect("an empty one is asked for");
    told.commits.push((committed.id, tree));
    told.in_progress = None;
    Ok(())
}

fn tag(disk: &SharedDisk, folder: &Path, told: &mut Told) -> Result<()> {
    let store = open(disk, folder)?;
    let id = told.last().expect("something was committed");
    store.refs().set_tag(TAG, id)?;
    told.tag = Some(id);
    Ok(())
}

/// Collects garbage, without any time of grace.
fn collect(disk: &SharedDisk, folder: &Path) -> Result<()> {
    let options = CollectOptions {
        grace: Duration::ZERO,
        repack_below: 1.0,
        ..CollectOptions::default()
    };
    let collected = open(disk, folder)?.collect(&options)?;
    assert_eq!(collected.missing_chunks, 0);
    assert!(collected.damaged.is_empty(), "{:?}", collected.damaged);
    Ok(())
}

impl Life for Alone {
    fn live(&self, disk: &SharedDisk, folder: &Path, trees: &Trees, told: &mut Told) -> Result<()> {
        init(disk, folder, told)?;
        for tree in 0..3 {
            add(disk, folder, trees, tree, told)?;
            commit(disk, folder, trees, told)?;
            if tree == 1 {
                tag(disk, folder, told)?;
                // What is staged and replaced before a commit is garbage.
                add(disk, folder, trees, 3, told)?;
                add(disk, folder, trees, 2, told)?;
                collect(disk, folder)?;
            }
        }
        collect(disk, folder)?;
        let log = fs::metadata(folder.join("staging/log")).expect("it is there");
        assert!(
            log.len() < 400_000,
            "{} bytes are three trees: it was never made smaller",
            log.len()
        );
        Ok(())
    }

    fn resume(&self, _: &SharedDisk, _: &Path, _: &mut Told) -> Result<()> {
        Ok(())
    }
}

/// The tree of a commit, byte for byte.
fn restored(store: &Store, id: CommitId) -> Snapshot {
    let target = temporary_folder();
    let commit = store.refs().commit(id).expect("it is whole");
    let restored = store.restore_tree(commit.root, target.path(), &RestoreOptions::default());
    let restored = restored.expect("it can be written");
    assert!(restored.failures.is_empty(), "{:?}", restored.failures);
    snapshot(target.path())
}

/// That nothing looks like damage, before anybody has gone on.
fn assert_sound(store: &Store) {
    let options = VerifyOptions {
        read_data: true,
        ..VerifyOptions::default()
    };
    let verified = store.verify(&options).expect("nobody cancels it");
    assert!(verified.is_sound(), "{:?}", verified.problems);
}

/// Holds a store against what it told.
fn check(life: &dyn Life, folder: &Path, trees: &Trees, mut told: Told) {
    // Nothing goes wrong on it; and it does not wait for the real one.
    let disk = LossyDisk::new(folder).shared();
    if !told.is_made && !folder.join("format").exists() {
        init(&disk, folder, &mut told).expect("what is left of an attempt is no hindrance");
    }
    let store = open(&disk, folder).expect("it opens");
    assert_sound(&store);
    for &(id, tree) in &told.commits {
        assert_eq!(restored(&store, id), trees.snapshots[tree], "{id}");
    }
    let head = store.refs().head().expect("it is whole");
    if head != told.last() {
        let known = told.commits.len();
        told.arrive(&store, head.expect("a branch does not go back"));
        for &(id, tree) in &told.commits[known..] {
            assert_eq!(restored(&store, id), trees.snapshots[tree], "{id}");
        }
    }
    let forgotten = store.refs().forgotten().expect("it is whole");
    assert!(forgotten.is_superset(&told.forgotten));
    if let Some(id) = told.tag {
        assert_eq!(store.refs().tag(TAG).expect("it is whole"), Some(id));
    }
    drop(store);
    life.resume(&disk, folder, &mut told).expect("it goes on");
    if let Some(tree) = told.staged {
        commit(&disk, folder, trees, &mut told).expect("what was staged can be committed");
        let store = open(&disk, folder).expect("it opens");
        let id = told.last().expect("it was just committed");
        assert_eq!(restored(&store, id), trees.snapshots[tree]);
    }
    go_on(&disk, folder, trees, &mut told).expect("it goes on");
    let store = open(&disk, folder).expect("it opens");
    let id = told.last().expect("it was just committed");
    assert_eq!(restored(&store, id), trees.snapshots[3]);
    assert_eq!(store.refs().head().expect("it is whole"), Some(id));
}

fn go_on(disk: &SharedDisk, folder: &Path, trees: &Trees, told: &mut Told) -> Result<()> {
    add(disk, folder, trees, 3, told)?;
    commit(disk, folder, trees, told)
}

/// What is to go wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The process is killed after so many operations.
    Death(u64),
    /// The operation behind so many is refused.
    Refusal(u64, i32),
}

/// Lives with a fault; then cuts the power, at once or after having gone on for a while.
fn try_one(life: &dyn Life, trees: &Trees, fault: Fault, seed: u64) {
    let folder = temporary_folder();
    let disk = LossyDisk::new(folder.path());
    match fault {
        Fault::Death(operations) => disk.die_after(operations),
        Fault::Refusal(operations, errno) => disk.fail(operations, errno),
    }
    let mut told = Told::default();
    let lived = life.live(&disk.shared(), folder.path(), trees, &mut told);
    match disk.failed_action() {
        Some(SYNC) => assert!(lived.is_err(), "{fault:?} was not noticed"),
        _ => assert!(lived.is_ok() || disk.failed_action().is_some()),
    }
    disk.heal();
    if seed % 2 == 1 && told.is_made {
        // It was a kill alone, and the next process goes on.
        let store = open(&disk.shared(), folder.path()).expect("it opens");
        let head = store.refs().head().expect("it is whole");
        if let Some(head) = head.filter(|it| told.last() != Some(*it)) {
            told.arrive(&store, head);
        }
        drop(store);
        told.in_progress = None;
        if seed % 8 > 4 {
            let resumed = life.resume(&disk.shared(), folder.path(), &mut told);
            resumed.expect("it goes on");
        }
        add(&disk.shared(), folder.path(), trees, 3, &mut told).expect("it goes on");
        if seed % 4 == 1 {
            commit(&disk.shared(), folder.path(), trees, &mut told).expect("it goes on");
        }
    }
    let after = temporary_folder();
    disk.crash(seed / 4, after.path());
    check(life, after.path(), trees, told);
}

/// How many operations a life has.
fn operations(life: &dyn Life, trees: &Trees) -> u64 {
    let folder = temporary_folder();
    let disk = LossyDisk::new(folder.path());
    let lived = life.live(&disk.shared(), folder.path(), trees, &mut Told::default());
    lived.expect("nothing goes wrong");
    disk.operations()
}

/// Tries a fault at all operations, or at some of them.
fn try_all(life: &dyn Life, trees: &Trees, fault: impl Fn(u64) -> Fault) {
    let count = operations(life, trees);
    let mut tries = Vec::new();
    match soak_factor().map(u64::from) {
        Some(seeds) => {
            for operation in 0..count {
                tries.extend((0..seeds).map(|seed| (operation, operation * seeds + seed)));
            }
        }
        None => {
            let mut rng = Rng::with_seed(7);
            tries.extend((0..TRIES).map(|_| (rng.u64(0..count), rng.u64(..))));
        }
    }
    for (operation, seed) in tries {
        let fault = fault(operation);
        let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            try_one(life, trees, fault, seed);
        }));
        assert!(
            tried.is_ok(),
            "try_one(life, trees, Fault::{fault:?}, {seed})"
        );
    }
}

/// Operations that are tried of each kind of fault, if not all are.
const TRIES: usize = 20;

#[test]
fn a_power_cut_takes_nothing_that_was_acknowledged() {
    try_all(&Alone, &Trees::new(), Fault::Death);
}

#[test]
fn a_full_disk_is_no_loss() {
    let full = |operations| Fault::Refusal(operations, ENOSPC);
    try_all(&Alone, &Trees::new(), full);
}

#[test]
fn a_failing_disk_is_no_loss() {
    let failing = |operations| Fault::Refusal(operations, EIO);
    try_all(&Alone, &Trees::new(), failing);
}
