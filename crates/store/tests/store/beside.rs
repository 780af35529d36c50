//! Goal: whoever reads sees no wrong byte, and no error for what is not forgotten, whatever others add, commit, forget and collect meanwhile.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tamis_store::add::AddOptions;
use tamis_store::collect::CollectOptions;
use tamis_store::id::CommitId;
use tamis_store::restore::RestoreOptions;
use tamis_store::settings::Settings;
use tamis_store::store::Store;
use tamis_store::verify::VerifyOptions;

use crate::trees::{Repository, Snapshot, Tree, assert_same, snapshot, soak_factor, store_folder};

/// Versions that are not forgotten, and then a little longer.
const LIVING: usize = 4;

struct Version {
    id: CommitId,
    snapshot: Snapshot,
    /// Set before anybody is told to forget it.
    is_forgotten: AtomicBool,
}

/// What is there to be read.
#[derive(Default)]
struct Versions(Mutex<Vec<Arc<Version>>>);

impl Versions {
    fn add(&self, id: CommitId, tree: &Path) {
        let version = Version {
            id,
            snapshot: snapshot(tree),
            is_forgotten: AtomicBool::new(false),
        };
        self.0
            .lock()
            .expect("nobody panics")
            .push(Arc::new(version));
    }

    fn any(&self, rng: &mut Rng) -> Option<Arc<Version>> {
        rng.choice(self.0.lock().expect("nobody panics").iter())
            .cloned()
    }

    /// Takes the oldest one away, if there are enough.
    fn forget(&self) -> Option<CommitId> {
        let mut versions = self.0.lock().expect("nobody panics");
        if versions.len() <= LIVING {
            return None;
        }
        let oldest = versions.remove(0);
        oldest.is_forgotten.store(true, Ordering::SeqCst);
        Some(oldest.id)
    }
}

/// Adds, commits, forgets and collects, one after the other.
fn write(repository: &Repository, tree: &mut Tree, versions: &Versions) {
    let added = repository.add(tree.path(), &AddOptions::default());
    assert!(added.failures.is_empty(), "{:?}", added.failures);
    versions.add(repository.commit(tree.path()), tree.path());
    tree.change(10);
    if let Some(id) = versions.forget() {
        let store = repository.open();
        store
            .forget_commits(&[id])
            .expect("the branch is elsewhere");
    }
    let options = CollectOptions {
        grace: Duration::ZERO,
        repack_below: 1.0,
        ..CollectOptions::default()
    };
    let collected = repository
        .open()
        .collect(&options)
        .expect("nobody else does");
    assert_eq!(collected.missing_chunks, 0);
    assert!(collected.damaged.is_empty(), "{:?}", collected.damaged);
}

/// Reads one version whole, through a store that may have been open for long.
fn read(store: &Store, version: &Version) {
    let target = store_folder();
    let options = RestoreOptions::default();
    let restored = store
        .refs()
        .commit(version.id)
        .and_then(|commit| store.restore_tree(commit.root, target.path(), &options));
    let is_whole = restored.as_ref().is_ok_and(|it| it.failures.is_empty());
    match is_whole {
        true => assert_same(&snapshot(target.path()), &version.snapshot),
        // It may have been forgotten, and collected, since it was chosen.
        false => assert!(
            version.is_forgotten.load(Ordering::SeqCst),
            "{}: {restored:?}",
            version.id
        ),
    }
}

/// Reads, and looks for damage, until it is done.
fn read_on(repository: &Repository, versions: &Versions, is_done: &AtomicBool, seed: u64) -> u64 {
    let mut rng = Rng::with_seed(seed);
    let mut count = 0;
    let mut store = repository.open();
    while !is_done.load(Ordering::Relaxed) {
        if rng.u8(0..4) == 0 {
            // Only while nobody has it open is the trash emptied.
            drop(store);
            store = repository.open();
        }
        let Some(version) = versions.any(&mut rng) else {
            continue;
        };
        read(&store, &version);
        if rng.u8(0..4) == 0 {
            let options = VerifyOptions {
                read_data: true,
                ..VerifyOptions::default()
            };
            let verified = store.verify(&options).expect("nobody cancels it");
            assert!(verified.is_sound(), "{:?}", verified.problems);
        }
        count += 1;
    }
    count
}

#[test]
fn readers_see_nothing_of_writers_and_collectors() {
    let repository = Repository::new(Settings {
        threads: 2,
        ..Settings::default()
    });
    let mut tree = Tree::new(11, 40);
    let versions = Versions::default();
    let is_done = AtomicBool::new(false);
    let end = Instant::now() + Duration::from_secs(3 * soak_factor().unwrap_or(1));
    let mut rounds = 0;
    let count: u64 = std::thread::scope(|scope| {
        let readers = (0..3).map(|seed| {
            let (repository, versions, is_done) = (&repository, &versions, &is_done);
            scope.spawn(move || read_on(repository, versions, is_done, seed))
        });
        let readers: Vec<_> = readers.collect();
        while (Instant::now() < end || rounds < 2 * LIVING)
            && !readers.iter().any(|it| it.is_finished())
        {
            write(&repository, &mut tree, &versions);
            rounds += 1;
        }
        is_done.store(true, Ordering::Relaxed);
        readers
            .into_iter()
            .map(|it| it.join().expect("it saw nothing wrong"))
            .sum()
    });
    assert!(
        count > LIVING as u64,
        "{count} reads beside {rounds} commits"
    );
}
