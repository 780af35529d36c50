//! What `gc` promises: what is needed stays, whoever does what at the same time; the rest goes.

mod kill;
mod random;
mod rounds;
mod writers;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Barrier;

use tamis_engine::control::Cancel;
use tempfile::TempDir;

use super::*;
use crate::Error;
use crate::add::AddOptions;
use crate::chunker::Parameters;
use crate::id::{CommitId, ObjectId};
use crate::pack::open::PackFile;
use crate::restore::RestoreOptions;
use crate::session::{CommitRequest, Session};
use crate::settings::Settings;
use crate::staging::Staging;
use crate::tree::references;

/// The files of a version.
type Files = BTreeMap<String, Vec<u8>>;

/// A work tree with a store in it.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        let chunks = Parameters {
            min_bytes: 64,
            avg_bytes: 256,
            max_bytes: 1024,
        };
        Store::init(&place.store_folder(), chunks).expect("a new store");
        place
    }

    fn work(&self) -> &Path {
        self.folder.path()
    }

    fn store_folder(&self) -> PathBuf {
        self.work().join(".tamis")
    }

    fn open(&self) -> Store {
        open(&self.store_folder())
    }

    /// Makes the work tree be these files.
    fn write(&self, files: &Files) {
        for entry in fs::read_dir(self.work()).expect("a folder").flatten() {
            if entry.file_name() != ".tamis" {
                fs::remove_file(entry.path()).expect("a file of the work tree");
            }
        }
        for (name, bytes) in files {
            fs::write(self.work().join(name), bytes).expect("a file");
        }
    }

    fn add(&self, session: &mut Session<'_>) {
        let added = session.add(&[Vec::new()], &AddOptions::default());
        assert!(added.expect("it can be added").failures.is_empty());
    }

    /// Commits these files.
    fn commit(&self, files: &Files) -> CommitId {
        self.write(files);
        let store = self.open();
        let mut session = Session::open(&store, self.work()).expect("nobody else adds");
        self.add(&mut session);
        commit(&mut session)
    }
}

fn open(folder: &Path) -> Store {
    let settings = Settings {
        threads: 2,
        ..Settings::default()
    };
    Store::open(folder, settings, &Cancel::new()).expect("a store")
}

fn commit(session: &mut Session<'_>) -> CommitId {
    let request = CommitRequest {
        message: "a version".to_owned(),
        author: "a test".to_owned(),
        offset_minutes: 0,
        allows_empty: true,
    };
    let committed = session.commit(&request).expect("it can be committed");
    committed.expect("empty ones are allowed").id
}

fn options(grace: Duration) -> CollectOptions {
    CollectOptions {
        grace,
        repack_below: 1.0,
        ..CollectOptions::default()
    }
}

/// At once, and all of it.
fn now() -> CollectOptions {
    options(Duration::ZERO)
}

/// Bytes that compress badly, and differently for each number.
fn noise(number: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fastrand::Rng::with_seed(number).fill(&mut bytes);
    bytes
}

fn files(files: &[(&str, Vec<u8>)]) -> Files {
    let files = files.iter().cloned();
    files
        .map(|(name, bytes)| (name.to_owned(), bytes))
        .collect()
}

/// Restores a commit, every byte of it held against its id, and compares.
fn assert_restores(store: &Store, id: CommitId, expected: &Files) {
    let target = tempfile::tempdir().expect("a temporary folder");
    let root = store.refs().commit(id).expect("the commit").root;
    let restored = store.restore_tree(root, target.path(), &RestoreOptions::default());
    let restored = restored.expect("it can be restored");
    assert!(restored.failures.is_empty(), "{:?}", restored.failures);
    let mut found = Files::new();
    for entry in fs::read_dir(target.path()).expect("a folder").flatten() {
        let name = entry.file_name().into_string().expect("a name of ours");
        found.insert(name, fs::read(entry.path()).expect("a file"));
    }
    assert!(found == *expected, "{id} is not what it was");
}

/// All that a commit refers to.
fn objects_of(store: &Store, id: CommitId) -> BTreeSet<ObjectId> {
    let root = store.refs().commit(id).expect("the commit").root;
    let mut objects = BTreeSet::new();
    references(root, store.objects(), &mut |id, _| Ok(objects.insert(*id)))
        .expect("the tree is whole");
    objects
}

/// All objects in the packs of a folder of the store.
fn objects_in(store: &Path, folder: &str) -> BTreeSet<ObjectId> {
    let mut objects = BTreeSet::new();
    for entry in fs::read_dir(store.join(folder))
        .expect("a folder")
        .flatten()
    {
        let file = PackFile::named(entry.path()).expect("a pack");
        let pack = file.open().expect("a whole pack");
        objects.extend(pack.footer.objects.iter().map(|it| it.id));
    }
    objects
}

/// Every file of the store, with its time.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let metadata = entry.metadata().expect("it is there");
            match metadata.is_dir() {
                true => folders.push(entry.path()),
                false => {
                    let bytes = fs::read(entry.path()).expect("a file");
                    let modified = metadata.modified().expect("a time");
                    found.insert(entry.path(), (bytes, modified));
                }
            }
        }
    }
    found
}

#[test]
fn what_only_a_forgotten_commit_has_goes_and_the_rest_stays() {
    let place = Place::new();
    let old = files(&[("both", noise(1, 5000)), ("old", noise(2, 9000))]);
    let new = files(&[("both", noise(1, 5000)), ("new", noise(3, 5000))]);
    let (first, second) = (place.commit(&old), place.commit(&new));
    let mut store = place.open();
    let kept = objects_of(&store, second);
    assert_eq!(store.forget_commits(&[first]).expect("it is no head"), 1);
    let collected = store.collect(&now()).expect("it can be collected");
    assert_eq!(collected.is_postponed, None);
    assert!(collected.bytes_freed_now > 9000, "{collected:?}");
    assert!(collected.packs_rewritten > 0, "{collected:?}");
    assert_eq!(collected.live_objects, kept.len() as u64);
    assert_eq!(objects_in(&place.store_folder(), "packs"), kept);
    assert!(objects_in(&place.store_folder(), "trash").is_empty());
    assert_restores(&store, second, &new);
    drop(store);
    assert_restores(&place.open(), second, &new);
    let again = place.open().collect(&now()).expect("it can be collected");
    assert_eq!((again.dead_objects, again.bytes_dropped), (0, 0));
}

#[test]
fn a_dry_run_says_what_a_run_does_and_changes_nothing() {
    let place = Place::new();
    let first = place.commit(&files(&[("a", noise(1, 9000)), ("b", noise(2, 2000))]));
    place.commit(&files(&[("b", noise(2, 2000)), ("c", noise(3, 4000))]));
    place
        .open()
        .forget_commits(&[first])
        .expect("it is no head");
    // An orphan, as a killed `add` leaves it: half of it is staged already.
    let mut store = place.open();
    let sealed = writers::seal(&store, &[noise(4, 700), noise(5, 700)]);
    let mut session = Session::open(&store, place.work()).expect("nobody else adds");
    writers::stage(&mut session, "d", &sealed.objects[..1]);
    drop(session);
    for grace in [Duration::ZERO, Duration::from_secs(1000)] {
        let before = snapshot(&place.store_folder());
        let dry = CollectOptions {
            dry_run: true,
            ..options(grace)
        };
        let said = store.collect(&dry).expect("it can be told");
        assert!(snapshot(&place.store_folder()) == before);
        let copy = copy_of(&place.store_folder());
        let did = open(copy.path()).collect(&options(grace));
        let did = did.expect("it can be collected");
        let numbers = |it: &Collected| {
            let objects = (
                it.live_objects,
                it.dead_objects,
                it.live_bytes,
                it.dead_bytes,
            );
            let packs = (it.packs_dropped, it.packs_rewritten, it.packs_kept);
            let bytes = (it.bytes_dropped, it.bytes_freed_now, it.bytes_in_trash);
            (objects, packs, bytes)
        };
        assert_eq!(numbers(&said), numbers(&did));
        assert!(said.packs_rewritten > 0 && said.bytes_dropped > 0);
    }
}

fn copy_of(store: &Path) -> TempDir {
    let copy = tempfile::tempdir().expect("a temporary folder");
    for (path, (bytes, _)) in snapshot(store) {
        let to = copy
            .path()
            .join(path.strip_prefix(store).expect("it is in it"));
        fs::create_dir_all(to.parent().expect("it is in a folder")).expect("a folder");
        fs::write(to, bytes).expect("a file");
    }
    for name in ["trash", "tmp", "refs/tags", "index", "packs", "commits"] {
        fs::create_dir_all(copy.path().join(name)).expect("a folder");
    }
    copy
}

#[test]
fn the_grace_is_waited_for_and_so_are_others() {
    let place = Place::new();
    let first = place.commit(&files(&[("a", noise(1, 9000))]));
    let second = files(&[("b", noise(2, 9000))]);
    let id = place.commit(&second);
    let mut store = place.open();
    store.forget_commits(&[first]).expect("it is no head");
    let day = options(Duration::from_secs(86_400));
    let collected = store.collect(&day).expect("it can be collected");
    assert!(collected.bytes_in_trash > 9000 && collected.bytes_freed_now == 0);
    assert_eq!(collected.is_postponed, None, "nothing was due");
    let other = place.open();
    let collected = store.collect(&now()).expect("it can be collected");
    assert!(collected.is_postponed.is_some() && collected.bytes_in_trash > 9000);
    drop(other);
    let (is_open, may_close) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let other = place.open();
            let session = Session::open(&other, place.work()).expect("nobody else adds");
            is_open.wait();
            may_close.wait();
            drop(session);
        });
        is_open.wait();
        let collected = store.collect(&now());
        may_close.wait();
        let collected = collected.expect("it can be collected");
        assert!(
            collected.is_postponed.is_some(),
            "another thread may be adding"
        );
    });
    // A draft that is due, but no pack is.
    fs::write(place.store_folder().join("tmp/draft"), b"half").expect("a file");
    let draft = fs::File::open(place.store_folder().join("tmp/draft")).expect("a file");
    let past = std::time::SystemTime::now() - Duration::from_secs(100_000);
    draft.set_modified(past).expect("it is ours");
    let collected = store.collect(&day).expect("it can be collected");
    assert_eq!(collected.bytes_freed_now, 4);
    assert!(collected.bytes_in_trash > 9000);
    fs::write(place.store_folder().join("tmp/draft"), b"half").expect("a file");
    let collected = store.collect(&now()).expect("it can be collected");
    assert_eq!(
        (collected.is_postponed, collected.bytes_in_trash),
        (None, 0)
    );
    assert!(!place.store_folder().join("tmp/draft").exists());
    assert_restores(&store, id, &second);
    let history = crate::history::read(store.folder());
    let last = history.last().expect("it is noted");
    assert_eq!(
        (&last.verb[..], last.freed_bytes),
        ("gc", collected.bytes_freed_now)
    );
}

#[test]
fn a_damaged_pack_is_kept_and_reported() {
    let place = Place::new();
    let first = place.commit(&files(&[("a", noise(1, 3000)), ("b", noise(2, 3000))]));
    place.commit(&files(&[("b", noise(2, 3000))]));
    let mut store = place.open();
    store.forget_commits(&[first]).expect("it is no head");
    let packs = store.folder().join("packs");
    let largest = fs::read_dir(packs).expect("a folder").flatten();
    let largest = largest.max_by_key(|it| it.metadata().map_or(0, |it| it.len()));
    let path = largest.expect("there are packs").path();
    let mut bytes = fs::read(&path).expect("a pack");
    let end = bytes.len() - 3000;
    bytes[500..end].fill(0x55);
    fs::write(&path, &bytes).expect("a file");
    let collected = store.collect(&now()).expect("it can be collected");
    assert_eq!(collected.damaged.len(), 1, "{collected:?}");
    assert!(path.exists());
}

#[test]
fn a_missing_node_ends_it_before_anything_is_changed() {
    let place = Place::new();
    let first = place.commit(&files(&[("a", noise(1, 3000))]));
    place.commit(&files(&[("b", noise(2, 3000))]));
    let store = place.open();
    store.forget_commits(&[first]).expect("it is no head");
    for entry in fs::read_dir(store.folder().join("packs"))
        .expect("a folder")
        .flatten()
    {
        if entry.path().extension().is_some_and(|it| it == "tree") {
            fs::remove_file(entry.path()).expect("a file");
        }
    }
    let before = snapshot(store.folder());
    assert!(place.open().collect(&now()).is_err());
    assert!(snapshot(store.folder()) == before);
}

#[test]
fn one_at_a_time() {
    let place = Place::new();
    let store = place.open();
    let _lock = store.locks().exclusive(Role::Collect, Wait::No);
    let refused = place.open().collect(&now());
    assert!(matches!(refused, Err(Error::Locked { .. })));
}

/// What must be there still: the kept commits, and what is staged.
fn assert_all_there(folder: &Path, kept: &[(CommitId, Files)]) {
    let store = open(folder);
    for (id, files) in kept {
        assert_restores(&store, *id, files);
    }
    let staging = Staging::open(&store.staging_folder()).expect("it is whole");
    for item in staging.sorted().expect("it is whole") {
        let (path, staged) = item.expect("it is whole");
        if let crate::entry::Content::File {
            body, len_bytes, ..
        } = &staged.entry.content
        {
            let read = |id: &ObjectId, reference| {
                let kind = match reference {
                    crate::tree::Reference::Chunk { .. } => crate::index::PackKind::Data,
                    _ => crate::index::PackKind::Tree,
                };
                store.objects().read(id, kind).map(|_| true)
            };
            crate::tree::references_of_body(body, *len_bytes, store.objects(), &mut { read })
                .unwrap_or_else(|error| {
                    panic!("{}: {error}", String::from_utf8_lossy(&path));
                });
        }
    }
}

#[test]
fn a_policy_forgets_in_the_store_and_spares_the_head_and_tags() {
    let place = Place::new();
    let versions: Vec<_> = (0..4)
        .map(|number| files(&[("a", noise(number, 2000))]))
        .collect();
    let ids: Vec<_> = versions.iter().map(|it| place.commit(it)).collect();
    let mut store = place.open();
    store.refs().set_tag("first", ids[0]).expect("a good name");
    let policy = |last, keep_tags| crate::forget::ForgetPolicy {
        last: Some(last),
        keep_tags,
        ..Default::default()
    };
    let empty = store.forget(&crate::forget::ForgetPolicy::default(), false);
    assert!(matches!(empty, Err(Error::Usage { .. })));
    let said = store
        .forget(&policy(2, true), true)
        .expect("it can be told");
    assert!(store.refs().forgotten().expect("it is whole").is_empty());
    let did = store
        .forget(&policy(2, true), false)
        .expect("it can be forgotten");
    assert_eq!(said, did);
    assert_eq!(did.forgotten, [ids[1]]);
    for refused in [ids[0], ids[3], CommitId([9; 32])] {
        let refused = store.forget_commits(&[ids[2], refused]);
        assert!(matches!(refused, Err(Error::Usage { .. })));
    }
    assert_eq!(store.refs().forgotten().expect("it is whole").len(), 1);
    store.collect(&now()).expect("it can be collected");
    for kept in [0, 2, 3] {
        assert_restores(&store, ids[kept], &versions[kept]);
    }
    let careless = store
        .forget(&policy(0, false), false)
        .expect("it can be forgotten");
    assert_eq!(careless.forgotten, [ids[2], ids[0]]);
    assert!(store.refs().tags().expect("they are whole").is_empty());
    assert!(store.resolve("HEAD").is_ok() && store.resolve("HEAD~1").is_err());
    store.collect(&now()).expect("it can be collected");
    assert_eq!(
        objects_in(&place.store_folder(), "packs"),
        objects_of(&store, ids[3])
    );
}

#[test]
fn the_commit_that_the_staging_is_behind_of_is_needed() {
    let place = Place::new();
    let first = place.commit(&files(&[("a", noise(1, 9000)), ("b", noise(2, 2000))]));
    let second = files(&[("c", noise(3, 2000))]);
    let root = place.commit(&second);
    let third = files(&[("a", noise(1, 9000))]);
    place.commit(&third);
    // The branch is moved as by a pull: the staging has not heard of it.
    let mut store = place.open();
    let pulled = crate::commit::Commit {
        message: "from elsewhere".to_owned(),
        ..store.refs().commit(root).expect("it is there")
    };
    let head = store.refs().head().expect("it is whole");
    let pulled = store.refs().write_commit(&pulled).expect("room");
    store.refs().move_head(head, pulled).expect("it is there");
    let behind = head.expect("there are commits");
    store
        .forget_commits(&[first, root, behind])
        .expect("none is the head");
    store.collect(&now()).expect("it can be collected");
    let session = Session::open(&store, place.work()).expect("it follows the branch");
    assert!(session.staging().find(b"c").expect("whole").is_some());
    assert!(session.staging().find(b"a").expect("whole").is_none());
    drop(session);
    let collected = store.collect(&now()).expect("it can be collected");
    assert!(collected.bytes_freed_now > 9000, "now it is not needed");
    assert_restores(&store, pulled, &second);
}

#[test]
fn a_lost_commit_ends_it_until_it_is_given_up() {
    let place = Place::new();
    let first = place.commit(&files(&[("a", noise(1, 5000))]));
    let second = place.commit(&files(&[("b", noise(2, 5000))]));
    let third = files(&[("c", noise(3, 5000))]);
    let head = place.commit(&third);
    let lost = place
        .store_folder()
        .join("commits")
        .join(second.to_string());
    fs::remove_file(lost).expect("it is there");
    let packs = objects_in(&place.store_folder(), "packs");
    for forgotten in [None, Some(first)] {
        let mut store = place.open();
        store
            .forget_commits(forgotten.as_slice())
            .expect("it is no head");
        let collected = store.collect(&now());
        assert!(
            matches!(collected, Err(Error::LostCommit { id, .. }) if id == second),
            "{collected:?}"
        );
        assert_eq!(objects_in(&place.store_folder(), "packs"), packs);
    }
    let given_up = BTreeSet::from([first, second]);
    let mut store = place.open();
    store
        .refs()
        .set_forgotten(&given_up)
        .expect("there is room");
    store.collect(&now()).expect("it can be collected");
    assert_eq!(
        objects_in(&place.store_folder(), "packs"),
        objects_of(&store, head)
    );
    assert_restores(&store, head, &third);
}
