//! Stores with a work tree for tests, with chunks so short that small files have long lists; and how many cases a test tries.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::test_runner::Config;
use tamis_engine::control::Cancel;
use tempfile::TempDir;

use crate::Result;
use crate::add::AddOptions;
use crate::chunker::Parameters;
use crate::commit::Commit;
use crate::disk::lossy::LossyDisk;
use crate::disk::{RealDisk, SharedDisk};
use crate::entry::{Body, Content, Entry, Run};
use crate::id::CommitId;
use crate::index::PackKind;
use crate::ingest::Ingest;
use crate::restore::RestoreOptions;
use crate::session::{CommitRequest, Session};
use crate::settings::Settings;
use crate::store::Store;
use crate::tree::{NodeRef, Reference, Totals, TreeWriter, references};

pub(crate) const SHORT_CHUNKS: Parameters = Parameters {
    min_bytes: 64,
    avg_bytes: 256,
    max_bytes: 1024,
};

/// A store in a folder that is removed with it, beside its work tree.
pub(crate) struct TestStore {
    folder: TempDir,
    pub(crate) store: Arc<Store>,
}

/// All files of a tree, by path.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

impl TestStore {
    pub(crate) fn new() -> TestStore {
        TestStore::with_chunks(SHORT_CHUNKS)
    }

    pub(crate) fn with_chunks(chunks: Parameters) -> TestStore {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("work")).expect("there is room");
        Store::init(&folder.path().join("store"), chunks).expect("a new store");
        let store = open(&folder.path().join("store"), RealDisk::shared());
        TestStore { folder, store }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Opens it again.
    pub(crate) fn reopened(&self, disk: SharedDisk) -> Arc<Store> {
        open(&self.folder(), disk)
    }

    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.work().join(path);
        fs::create_dir_all(path.parent().expect("it is in the work tree")).expect("there is room");
        fs::write(path, bytes).expect("there is room");
    }

    /// Commits all of the work tree.
    pub(crate) fn commit(&self) -> CommitId {
        let mut session = Session::open(&self.store, &self.work()).expect("nobody else has it");
        let added = session.add(&[Vec::new()], &AddOptions::default());
        assert!(added.expect("it can be added").failures.is_empty());
        let committed = session.commit(&request()).expect("it can be committed");
        committed.expect("something changed").id
    }

    /// Writes files and commits them.
    pub(crate) fn commit_files(&self, files: &[(&str, &[u8])]) -> CommitId {
        files
            .iter()
            .for_each(|(path, bytes)| self.write(path, bytes));
        self.commit()
    }

    pub(crate) fn head(&self) -> Option<CommitId> {
        self.store.refs().head().expect("it can be read")
    }
}

pub(crate) fn request() -> CommitRequest {
    CommitRequest {
        message: "why".to_owned(),
        author: "who".to_owned(),
        offset_minutes: 60,
        allows_empty: false,
    }
}

pub(crate) fn open(folder: &Path, disk: SharedDisk) -> Arc<Store> {
    let settings = Settings {
        threads: 2,
        ..Settings::default()
    };
    let store = Store::open_on(disk, folder, settings, &Cancel::new());
    Arc::new(store.expect("it is a store"))
}

/// A plain file of this text, whose chunk is in the store.
pub(crate) fn file_entry(store: &Store, text: &str) -> Entry {
    let mut ingest = Ingest::start(store).expect("there is room");
    let mut work = ingest.chunks().expect("there is room");
    let id = ingest.data().put(text.as_bytes(), &mut work);
    work.finish();
    ingest.settle().expect("there is room");
    ingest.publish(store).expect("there is room");
    entry(Content::File {
        len_bytes: text.len() as u64,
        is_sparse: false,
        body: Body::Runs(vec![Run {
            id: id.expect("there is room"),
            len_bytes: text.len() as u32,
            count: 1,
        }]),
    })
}

/// What nobody has touched since 1970.
pub(crate) fn entry(content: Content) -> Entry {
    Entry {
        mode: 0o700,
        modified_ns: 0,
        attributes: Vec::new(),
        content,
    }
}

/// Writes a tree that nobody's `add` makes: paths in order, and of a further name of a file what it says is the first.
pub(crate) fn make_tree(
    store: &Store,
    items: &[(&str, &Entry, Option<&str>)],
) -> (NodeRef, Totals) {
    let mut ingest = Ingest::start(store).expect("there is room");
    let mut nodes = ingest.nodes().expect("there is room");
    let mut tree = TreeWriter::new();
    for (path, entry, first) in items {
        let first = first.map(str::as_bytes);
        let pushed = tree.push(path.as_bytes(), entry, first, &mut nodes);
        pushed.expect("it is in order");
    }
    let made = tree.finish(&mut nodes).expect("there is room");
    nodes.finish();
    ingest.settle().expect("there is room");
    ingest.publish(store).expect("there is room");
    made
}

/// Commits a tree that was made, and says of it that so much is in it.
pub(crate) fn commit_made(store: &Store, root: NodeRef, totals: Totals) -> CommitId {
    let head = store.refs().head().expect("it can be read");
    let commit = Commit {
        root,
        totals,
        parents: head.into_iter().collect(),
        time_ns: 0,
        offset_minutes: 0,
        author: String::new(),
        message: String::new(),
        new_chunks: 0,
        new_plain_bytes: 0,
        stored_bytes: 0,
    };
    let id = store.refs().write_commit(&commit).expect("there is room");
    store.refs().move_head(head, id).expect("nobody else does");
    id
}

/// All files of a commit, restored and read.
pub(crate) fn restored(store: &Store, commit: CommitId) -> Files {
    let target = tempfile::tempdir().expect("a temporary folder");
    let root = store.refs().commit(commit).expect("it is there").root;
    let options = RestoreOptions {
        force: true,
        ..RestoreOptions::default()
    };
    let restored = store.restore_tree(root, target.path(), &options);
    assert!(restored.expect("there is room").failures.is_empty());
    let mut files = Files::new();
    read_all(target.path(), target.path(), &mut files);
    files
}

fn read_all(root: &Path, folder: &Path, files: &mut Files) {
    for entry in fs::read_dir(folder).expect("it was restored") {
        let path = entry.expect("it was restored").path();
        match path.is_dir() {
            true => read_all(root, &path, files),
            false => {
                let name = path.strip_prefix(root).expect("it is in it");
                let name = name.to_string_lossy().into_owned();
                drop(files.insert(name, fs::read(&path).expect("it was restored")));
            }
        }
    }
}

/// Reads all that a commit refers to.
pub(crate) fn read_whole(store: &Store, commit: CommitId) -> Result<()> {
    let root = store.refs().commit(commit)?.root;
    references(root, store.objects(), &mut |id, reference| {
        if let Reference::Chunk { len_bytes } = reference {
            let chunk = store.objects().read(id, PackKind::Data)?;
            assert_eq!(chunk.len(), len_bytes as usize);
        }
        Ok(true)
    })
}

/// How a property is tried with so many cases; `TAMIS_SOAK=n` tries `n` times as many.
pub(crate) fn cases(count: u32) -> Config {
    Config::with_cases(count * soak_factor().unwrap_or(1))
}

/// The number in `TAMIS_SOAK`; `None` in a short run.
pub(crate) fn soak_factor() -> Option<u32> {
    let factor = std::env::var("TAMIS_SOAK").ok()?;
    Some(factor.parse().expect("TAMIS_SOAK is a number"))
}

/// Bytes that no compression shortens, the same for the same seed.
pub(crate) fn noise(seed: u64, len_bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..len_bytes).map(|_| random.u8(..)).collect()
}

/// The disk of a store whose process is killed after so many operations.
pub(crate) fn dying_disk(store: &Path, operations: u64) -> SharedDisk {
    let disk = LossyDisk::new(store);
    disk.die_after(operations);
    disk.shared()
}
