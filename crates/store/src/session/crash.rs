//! Power cuts, kills and disks that refuse, at every operation of a store's life.
//!
//! A scenario makes a store, adds and commits three trees and gives one a name, on a [`LossyDisk`] on which one operation goes
//! wrong. Then:
//! - the store opens, without repair;
//! - whatever was acknowledged is there: commits byte for byte, what was staged, tags;
//! - the branch is at the last acknowledged commit, or at the one in progress;
//! - adding and committing goes on.
//!
//! `TAMIS_SOAK=n` tries every operation with `n` seeds; otherwise some are drawn.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fastrand::Rng;
use nix::libc::{EIO, ENOSPC};
use tamis_engine::control::Cancel;
use tempfile::TempDir;

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

const TAG: &str = "second";

/// What a folder holds: path to what is there.
type Snapshot = BTreeMap<Vec<u8>, Item>;

/// A file, folder or link.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    mode: u32,
    modified_ns: i64,
    content: Option<Vec<u8>>,
}

fn snapshot(folder: &Path) -> Snapshot {
    let mut found = Snapshot::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("it can be read") {
            let path = entry.expect("it can be read").path();
            let metadata = fs::symlink_metadata(&path).expect("it is there");
            let content = if metadata.is_dir() {
                folders.push(path.clone());
                None
            } else if metadata.is_symlink() {
                let target = fs::read_link(&path).expect("it is a link");
                Some(target.as_os_str().as_bytes().to_vec())
            } else {
                Some(fs::read(&path).expect("it can be read"))
            };
            let item = Item {
                mode: metadata.mode(),
                modified_ns: metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec(),
                content,
            };
            let inner = path.strip_prefix(folder).expect("it is in it");
            found.insert(inner.as_os_str().as_bytes().to_vec(), item);
        }
    }
    found
}

/// In memory if there is a place for it: the disk is made of lies anyway.
fn temporary_folder() -> TempDir {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    folder.expect("a temporary folder")
}

/// The trees that are committed one after the other, and what is in them.
struct Trees {
    _folder: TempDir,
    paths: Vec<PathBuf>,
    snapshots: Vec<Snapshot>,
}

impl Trees {
    fn new() -> Trees {
        let folder = temporary_folder();
        let paths: Vec<_> = (0..4)
            .map(|version| folder.path().join(format!("{version}")))
            .collect();
        for (version, path) in paths.iter().enumerate() {
            write_tree(path, version as u64);
        }
        Trees {
            snapshots: paths.iter().map(|path| snapshot(path)).collect(),
            paths,
            _folder: folder,
        }
    }
}

/// A tree of which some is in all versions, and some in one.
fn write_tree(folder: &Path, version: u64) {
    let write = |path: &str, seed: u64, len: usize| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("it is in the tree")).expect("there is room");
        let mut bytes = vec![0; len];
        Rng::with_seed(seed).fill(&mut bytes);
        fs::write(&path, bytes).expect("there is room");
        let mode = 0o600 | (seed as u32 & 0o177);
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("it is ours");
    };
    for number in 0..8 {
        write(&format!("same/{number}"), number, 700 * number as usize);
        let name = format!("changed/{}", number + version % 3);
        write(&name, 100 * version + number, 3000);
    }
    write("large/one", 1000 + version, 120_000);
    write("large/of all", 1000, 50_000);
    fs::create_dir_all(folder.join("empty/folder")).expect("there is room");
    // Long records, so that the log of what is staged is worth to be made smaller.
    for number in 0..40 {
        let mut target = format!("{version}-{number}/");
        target.push_str(&"x/".repeat(2000));
        symlink(target, folder.join(format!("link {number}"))).expect("there is room");
    }
}

/// What a store has told of itself.
#[derive(Default)]
struct Told {
    is_made: bool,
    /// Commits, and which of the trees each has.
    commits: Vec<(CommitId, usize)>,
    /// The tree that is being committed.
    in_progress: Option<usize>,
    /// What is staged; `None` while it changes.
    staged: Option<usize>,
    tag: Option<CommitId>,
}

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
    told.in_progress = Some(tree);
    let store = open(disk, folder)?;
    let committed = Session::open(&store, &trees.paths[tree])?.commit(&request(tree))?;
    let committed = committed.expect("an empty one is asked for");
    told.commits.push((committed.id, tree));
    told.in_progress = None;
    Ok(())
}

fn tag(disk: &SharedDisk, folder: &Path, told: &mut Told) -> Result<()> {
    let store = open(disk, folder)?;
    let (id, _) = *told.commits.last().expect("something was committed");
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

/// The life of a store, up to the first error. What else writes to a store (what is fetched from others) belongs here, too.
fn live(disk: &SharedDisk, folder: &Path, trees: &Trees, told: &mut Told) -> Result<()> {
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
    Ok(())
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

/// Holds a store against what it told.
fn check(folder: &Path, trees: &Trees, mut told: Told) {
    // Nothing goes wrong on it; and it does not wait for the real one.
    let disk = LossyDisk::new(folder).shared();
    if !told.is_made && !folder.join("format").exists() {
        init(&disk, folder, &mut told).expect("what is left of an attempt is no hindrance");
    }
    let store = open(&disk, folder).expect("it opens");
    for &(id, tree) in &told.commits {
        assert_eq!(restored(&store, id), trees.snapshots[tree], "{id}");
    }
    let head = store.refs().head().expect("it is whole");
    let last = told.commits.last().map(|it| it.0);
    if head != last {
        let head = head.expect("a branch does not go back");
        let tree = told.in_progress.expect("nobody moved the branch");
        assert_eq!(restored(&store, head), trees.snapshots[tree]);
        let parents = store.refs().commit(head).expect("it is whole").parents;
        assert_eq!(parents, last.into_iter().collect::<Vec<_>>());
    }
    if let Some(id) = told.tag {
        assert_eq!(store.refs().tag(TAG).expect("it is whole"), Some(id));
    }
    drop(store);
    if let Some(tree) = told.staged {
        commit(&disk, folder, trees, &mut told).expect("what was staged can be committed");
        let store = open(&disk, folder).expect("it opens");
        let (id, _) = *told.commits.last().expect("it was just committed");
        assert_eq!(restored(&store, id), trees.snapshots[tree]);
    }
    go_on(&disk, folder, trees, &mut told).expect("it goes on");
    let store = open(&disk, folder).expect("it opens");
    let (id, _) = *told.commits.last().expect("it was just committed");
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
fn try_one(trees: &Trees, fault: Fault, seed: u64) {
    let folder = temporary_folder();
    let disk = LossyDisk::new(folder.path());
    match fault {
        Fault::Death(operations) => disk.die_after(operations),
        Fault::Refusal(operations, errno) => disk.fail(operations, errno),
    }
    let mut told = Told::default();
    let lived = live(&disk.shared(), folder.path(), trees, &mut told);
    match disk.failed_action() {
        Some(SYNC) => assert!(lived.is_err(), "{fault:?} was not noticed"),
        _ => assert!(lived.is_ok() || disk.failed_action().is_some()),
    }
    disk.heal();
    if seed % 2 == 1 && told.is_made {
        // It was a kill alone, and the next process goes on.
        let head = open(&disk.shared(), folder.path()).and_then(|it| it.refs().head());
        let head = head.expect("it opens");
        if let (Some(head), Some(tree)) = (head, told.in_progress)
            && told.commits.last().is_none_or(|it| it.0 != head)
        {
            told.commits.push((head, tree));
        }
        told.in_progress = None;
        add(&disk.shared(), folder.path(), trees, 3, &mut told).expect("it goes on");
        if seed % 4 == 1 {
            commit(&disk.shared(), folder.path(), trees, &mut told).expect("it goes on");
        }
    }
    let after = temporary_folder();
    disk.crash(seed / 4, after.path());
    check(after.path(), trees, told);
}

/// How many operations a life has.
fn operations(trees: &Trees) -> u64 {
    let folder = temporary_folder();
    let disk = LossyDisk::new(folder.path());
    let lived = live(&disk.shared(), folder.path(), trees, &mut Told::default());
    lived.expect("nothing goes wrong");
    let log = fs::metadata(folder.path().join("staging/log")).expect("it is there");
    assert!(
        log.len() < 400_000,
        "{} bytes are three trees: it was never made smaller",
        log.len()
    );
    disk.operations()
}

/// Tries a fault at all operations, or at some of them.
fn try_all(fault: impl Fn(u64) -> Fault + Sync) {
    let trees = Trees::new();
    let count = operations(&trees);
    let mut tries = Vec::new();
    match std::env::var("TAMIS_SOAK") {
        Ok(seeds) => {
            let seeds: u64 = seeds.parse().expect("TAMIS_SOAK is a number");
            for operation in 0..count {
                tries.extend((0..seeds).map(|seed| (operation, operation * seeds + seed)));
            }
        }
        Err(_) => {
            let mut rng = Rng::with_seed(7);
            tries.extend((0..TRIES).map(|_| (rng.u64(0..count), rng.u64(..))));
        }
    }
    for (operation, seed) in tries {
        let fault = fault(operation);
        let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            try_one(&trees, fault, seed);
        }));
        assert!(tried.is_ok(), "try_one(&trees, Fault::{fault:?}, {seed})");
    }
}

/// Operations that are tried of each kind of fault, if not all are.
const TRIES: usize = 20;

#[test]
fn a_power_cut_takes_nothing_that_was_acknowledged() {
    try_all(Fault::Death);
}

#[test]
fn a_full_disk_is_no_loss() {
    try_all(|operations| Fault::Refusal(operations, ENOSPC));
}

#[test]
fn a_failing_disk_is_no_loss() {
    try_all(|operations| Fault::Refusal(operations, EIO));
}
