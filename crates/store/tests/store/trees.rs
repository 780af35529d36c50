//! Trees to be stored: made at random, changed at random, and looked at.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use fastrand::Rng;
use rustix::fs::{
    AtFlags, CWD, Timespec, Timestamps, XattrFlags, lgetxattr, llistxattr, lsetxattr, utimensat,
};
use tamis_engine::control::Cancel;
use tamis_store::Result;
use tamis_store::add::{AddOptions, Added};
use tamis_store::chunker::Parameters;
use tamis_store::id::CommitId;
use tamis_store::restore::RestoreOptions;
use tamis_store::session::{CommitRequest, Session};
use tamis_store::settings::Settings;
use tamis_store::store::Store;
use tempfile::TempDir;

/// Chunks are short, so that short files have many.
pub(crate) const CHUNKS: Parameters = Parameters {
    min_bytes: 512,
    avg_bytes: 2048,
    max_bytes: 8192,
};

/// How many times as many cases are tried: `TAMIS_SOAK=n`.
pub(crate) fn soak_factor() -> Option<u64> {
    let factor = std::env::var("TAMIS_SOAK").ok()?;
    Some(factor.parse().expect("TAMIS_SOAK is a number"))
}

/// A folder for a store: in memory if there is a place for it, since these tests do not cut the power.
pub(crate) fn store_folder() -> TempDir {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    folder.expect("a temporary folder")
}

/// A store of its own.
pub(crate) struct Repository {
    folder: TempDir,
    pub(crate) settings: Settings,
}

impl Repository {
    pub(crate) fn new(settings: Settings) -> Repository {
        let folder = store_folder();
        Store::init(folder.path(), CHUNKS).expect("there is room");
        Repository { folder, settings }
    }

    pub(crate) fn open(&self) -> Store {
        Store::open(self.folder.path(), self.settings, &Cancel::new()).expect("it is whole")
    }

    pub(crate) fn add(&self, tree: &Path, options: &AddOptions) -> Added {
        let store = self.open();
        let mut session = Session::open(&store, tree).expect("nobody else has it");
        session.add(&[Vec::new()], options).expect("there is room")
    }

    pub(crate) fn commit(&self, tree: &Path) -> CommitId {
        let store = self.open();
        let mut session = Session::open(&store, tree).expect("nobody else has it");
        let request = CommitRequest {
            message: "a tree".to_owned(),
            author: "nobody".to_owned(),
            offset_minutes: 0,
            allows_empty: true,
        };
        let committed = session.commit(&request).expect("there is room");
        committed.expect("an empty one is asked for").id
    }

    pub(crate) fn restore(&self, id: CommitId) -> Result<TempDir> {
        let store = self.open();
        let target = tempfile::tempdir().expect("a temporary folder");
        let root = store.refs().commit(id)?.root;
        let restored = store.restore_tree(root, target.path(), &RestoreOptions::default())?;
        assert!(restored.failures.is_empty(), "{:?}", restored.failures);
        Ok(target)
    }
}

/// What a folder holds: path to what is there.
pub(crate) type Snapshot = BTreeMap<Vec<u8>, Item>;

/// A file, folder or link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// With what it is.
    pub(crate) mode: u32,
    pub(crate) modified_ns: i128,
    pub(crate) attributes: Vec<(Vec<u8>, Vec<u8>)>,
    /// The first of the names of the same file.
    pub(crate) first_name: Vec<u8>,
    /// Bytes of a file, target of a link.
    pub(crate) content: Option<Vec<u8>>,
}

pub(crate) fn snapshot(folder: &Path) -> Snapshot {
    let mut found = Snapshot::new();
    let mut inodes = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for path in children(&next) {
            let metadata = fs::symlink_metadata(&path).expect("it is there");
            let content = if metadata.is_dir() {
                folders.push(path.clone());
                None
            } else if metadata.is_symlink() {
                let target = fs::read_link(&path).expect("it is a link");
                Some(target.into_os_string().into_vec())
            } else {
                Some(fs::read(&path).expect("it can be read"))
            };
            let inner = path.strip_prefix(folder).expect("it is in it");
            let item = Item {
                mode: metadata.mode(),
                modified_ns: i128::from(metadata.mtime()) * 1_000_000_000
                    + i128::from(metadata.mtime_nsec()),
                attributes: attributes(&path),
                first_name: Vec::new(),
                content,
            };
            let name = inner.as_os_str().as_bytes().to_vec();
            inodes.insert(name.clone(), metadata.ino());
            found.insert(name, item);
        }
    }
    let mut first_names: HashMap<u64, Vec<u8>> = HashMap::new();
    for (name, item) in &mut found {
        let first = first_names.entry(inodes[name]);
        // Links with several names come back as several links.
        let is_link = item.mode & 0o170_000 == 0o120_000;
        item.first_name = match is_link {
            true => name.clone(),
            false => first.or_insert_with(|| name.clone()).clone(),
        };
    }
    found
}

/// Says what differs, rather than show two trees.
pub(crate) fn assert_same(found: &Snapshot, expected: &Snapshot) {
    let shown = |name: &[u8]| name.escape_ascii().to_string();
    for (name, item) in expected {
        let other = found.get(name);
        let other = other.unwrap_or_else(|| panic!("`{}` is not there", shown(name)));
        assert!(
            item.content == other.content,
            "`{}` has other bytes",
            shown(name)
        );
        let short = |item: &Item| Item {
            content: None,
            ..item.clone()
        };
        assert_eq!(short(other), short(item), "`{}`", shown(name));
    }
    for name in found.keys() {
        assert!(expected.contains_key(name), "`{}` is there", shown(name));
    }
}

/// What is in a folder, sorted.
pub(crate) fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("it can be read");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    paths.sort();
    paths
}

fn attributes(path: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut names = vec![0; 4096];
    let Ok(len) = llistxattr(path, &mut names[..]) else {
        return Vec::new();
    };
    let names = names[..len].split(|&byte| byte == 0);
    let attributes = names.filter(|name| !name.is_empty()).map(|name| {
        let mut value = vec![0; 4096];
        let len = lgetxattr(path, name, &mut value[..]).expect("it is there");
        value.truncate(len);
        (name.to_vec(), value)
    });
    let mut attributes: Vec<_> = attributes.collect();
    attributes.sort();
    attributes
}

/// A tree that changes.
pub(crate) struct Tree {
    pub(crate) folder: TempDir,
    pub(crate) rng: Rng,
    next: u32,
}

impl Tree {
    /// Of about `count` things.
    pub(crate) fn new(seed: u64, count: usize) -> Tree {
        let mut tree = Tree {
            folder: tempfile::tempdir().expect("a temporary folder"),
            rng: Rng::with_seed(seed),
            next: 0,
        };
        for _ in 0..count {
            tree.grow();
        }
        tree.settle();
        tree
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A folder, and maybe one that is about to be.
    fn any_folder(&mut self) -> PathBuf {
        let mut folder = self.path().to_owned();
        while self.rng.u8(0..4) > 0 {
            let mut folders = children(&folder);
            folders.retain(|path| path.is_dir() && !path.is_symlink());
            match self.rng.choice(folders) {
                Some(next) => folder = next,
                None => break,
            }
        }
        folder
    }

    /// Anything that is there but folders.
    fn any_file(&mut self) -> Option<PathBuf> {
        let folder = self.any_folder();
        let mut files = children(&folder);
        files.retain(|path| !path.is_dir() || path.is_symlink());
        self.rng.choice(files)
    }

    fn new_name(&mut self) -> OsString {
        self.next += 1;
        let number = self.next;
        let name = match self.rng.u8(0..12) {
            0 => format!("new\nline {number}").into_bytes(),
            1 => [b"\xff\xfe\x80".as_slice(), &number.to_be_bytes()]
                .concat()
                .into_iter()
                .map(|byte| if matches!(byte, 0 | b'/') { b'_' } else { byte })
                .chain(number.to_string().into_bytes())
                .collect(),
            2 => format!("-{number}").into_bytes(),
            3 => format!(" {number}\u{301}\t").into_bytes(),
            4 => format!("{number:0255}").into_bytes(),
            5 => format!(".{number}").into_bytes(),
            6 => format!("*?[{number}]\\\"'").into_bytes(),
            _ => number.to_string().into_bytes(),
        };
        OsString::from_vec(name)
    }

    fn bytes(&mut self) -> Vec<u8> {
        let len = match self.rng.u8(0..8) {
            0 => 0,
            1 => self.rng.usize(0..3),
            2 => *self
                .rng
                .choice(&[511, 512, 513, 2048, 8191, 8192, 8193, 16_384])
                .expect("it has some"),
            3 => self.rng.usize(0..300_000),
            _ => self.rng.usize(0..5000),
        };
        match self.rng.u8(0..4) {
            0 => vec![self.rng.u8(..); len],
            1 => (0..len).map(|at| (at % 251) as u8).collect(),
            _ => {
                let mut bytes = vec![0; len];
                self.rng.fill(&mut bytes);
                bytes
            }
        }
    }

    /// One thing more.
    fn grow(&mut self) {
        let name = self.new_name();
        let path = self.any_folder().join(name);
        match self.rng.u8(0..16) {
            0..3 => fs::create_dir(&path).expect("there is room"),
            3 => symlink("nowhere/to be\nfound", &path).expect("there is room"),
            4 => symlink(b"\xff../".as_slice().to_os(), &path).expect("there is room"),
            5 => self.sparse(&path),
            6 | 7 => match self.any_file() {
                Some(other) => drop(fs::hard_link(other, &path)),
                None => fs::write(&path, b"alone").expect("there is room"),
            },
            8 => match self.any_file().filter(|other| !other.is_symlink()) {
                Some(other) => drop(fs::copy(other, &path).expect("there is room")),
                None => fs::write(&path, b"the first").expect("there is room"),
            },
            _ => fs::write(&path, self.bytes()).expect("there is room"),
        }
        self.dress(&path);
    }

    fn sparse(&mut self, path: &Path) {
        let file = File::create(path).expect("there is room");
        let len = self.rng.u64(1..2_000_000);
        file.set_len(len).expect("there is room");
        for _ in 0..self.rng.u8(0..3) {
            let bytes = self.bytes();
            let at = self.rng.u64(0..len);
            file.write_all_at(&bytes, at).expect("there is room");
        }
    }

    /// Gives something a mode and attributes.
    fn dress(&mut self, path: &Path) {
        if path.is_symlink() {
            return;
        }
        if self.rng.u8(0..4) == 0 {
            let value = self.bytes();
            let value = &value[..value.len().min(100)];
            // Not every file system has them.
            let _ = lsetxattr(path, "user.tamis.test", value, XattrFlags::empty());
        }
        let ours = if path.is_dir() { 0o700 } else { 0o600 };
        let mode = match self.rng.bool() {
            true => 0o755,
            false => self.rng.u32(0..0o10_000),
        };
        let permissions = fs::Permissions::from_mode(mode | ours);
        fs::set_permissions(path, permissions).expect("it is ours");
    }

    /// Sets the times of everything, the innermost first: adding to a folder moves its own.
    fn settle(&mut self) {
        let mut folders = vec![self.path().to_owned()];
        let mut all = Vec::new();
        while let Some(folder) = folders.pop() {
            for path in children(&folder) {
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path.clone());
                }
                all.push(path);
            }
        }
        for path in all.iter().rev() {
            if self.rng.u8(0..3) == 0 {
                let time = Timespec {
                    tv_sec: self.rng.i64(-1_000_000_000..1_700_000_000),
                    tv_nsec: self.rng.i64(0..1_000_000_000),
                };
                let times = Timestamps {
                    last_access: time,
                    last_modification: time,
                };
                let set = utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW);
                set.expect("it is ours");
            }
        }
    }

    /// Changes about so many things.
    pub(crate) fn change(&mut self, count: usize) {
        for _ in 0..count {
            self.change_one();
        }
        self.settle();
    }

    fn change_one(&mut self) {
        let Some(path) = self.any_file() else {
            return self.grow();
        };
        match self.rng.u8(0..10) {
            0 => fs::remove_file(&path).expect("it is ours"),
            1 => {
                fs::remove_file(&path).expect("it is ours");
                fs::create_dir(&path).expect("there is room");
            }
            2 => {
                let name = self.new_name();
                let to = self.any_folder().join(name);
                fs::rename(&path, to).expect("there is room");
            }
            3 => {
                // A whole folder, but not into itself.
                let from = self.any_folder();
                let name = self.new_name();
                let to = self.path().join(name);
                if from != self.path() {
                    fs::rename(from, to).expect("there is room");
                }
            }
            4 => {
                let folder = self.any_folder();
                if folder != self.path() {
                    fs::remove_dir_all(folder).expect("it is ours");
                }
            }
            5 if !path.is_symlink() => {
                let mut bytes = fs::read(&path).expect("it can be read");
                let at = self.rng.usize(0..=bytes.len());
                bytes.splice(at..at, *b"inserted");
                fs::write(&path, bytes).expect("there is room");
            }
            6 if !path.is_symlink() => self.dress(&path),
            _ => self.grow(),
        }
    }
}

/// Bytes as a path.
trait ToOs {
    fn to_os(&self) -> &std::ffi::OsStr;
}

impl ToOs for [u8] {
    fn to_os(&self) -> &std::ffi::OsStr {
        std::ffi::OsStr::from_bytes(self)
    }
}
