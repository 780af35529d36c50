//! The trees that are committed while the power is cut.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use fastrand::Rng;
use tempfile::TempDir;

/// What a folder holds: path to what is there.
pub(super) type Snapshot = BTreeMap<Vec<u8>, Item>;

/// A file, folder or link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    mode: u32,
    modified_ns: i64,
    content: Option<Vec<u8>>,
}

pub(super) fn snapshot(folder: &Path) -> Snapshot {
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
pub(super) fn temporary_folder() -> TempDir {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    folder.expect("a temporary folder")
}

/// The trees that are committed one after the other, and what is in them.
pub(super) struct Trees {
    _folder: TempDir,
    pub(super) paths: Vec<PathBuf>,
    pub(super) snapshots: Vec<Snapshot>,
}

impl Trees {
    pub(super) fn new() -> Trees {
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
