//! A disk that loses what was not made durable, for tests.
//!
//! Everything is done to a real folder. At each sync of a file its bytes are remembered, at each sync of a folder its names.
//! [`LossyDisk::crash`] makes a copy of what a power cut may leave: of a file each block as it was at the last sync or as it is, of a
//! folder each name likewise, whatever became of the others. That is more than a file system with a journal does (ALICE, Pillai et al.,
//! OSDI 2014), so what survives it does not depend on which one there is.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use fastrand::Rng;

use super::{Disk, RealDisk};
use crate::{Error, Result};

/// What is written whole or not at all.
const BLOCK_BYTES: usize = 512;

/// The number of a file, whatever it is called.
type Inode = u64;

/// A disk that remembers what is durable.
#[derive(Debug)]
pub(crate) struct LossyDisk {
    state: Mutex<State>,
    /// Syncs that are still done before one fails; negative: it did.
    left: AtomicI64,
    /// Whether what a sync failed to make durable is taken for durable by the next one.
    is_forgetful: bool,
}

#[derive(Debug, Default)]
struct State {
    bytes: HashMap<Inode, Vec<u8>>,
    names: HashMap<PathBuf, BTreeMap<OsString, Inode>>,
    /// Names that no sync makes durable any more.
    forgotten: HashSet<(PathBuf, OsString, Inode)>,
}

impl LossyDisk {
    pub(crate) fn new() -> LossyDisk {
        LossyDisk {
            state: Mutex::default(),
            left: AtomicI64::new(i64::MAX),
            is_forgetful: false,
        }
    }

    /// One that says once that a folder was not made durable, and counts it as durable from then on, as systems do.
    pub(crate) fn forgetful() -> LossyDisk {
        LossyDisk {
            is_forgetful: true,
            ..LossyDisk::new()
        }
    }

    /// The sync behind `count` more fails, and no later one.
    pub(crate) fn fail_after(&self, count: i64) {
        self.left.store(count, Ordering::Relaxed);
    }

    /// Fills `target`, an empty folder, with what may be left of `root`, which is durable itself.
    pub(crate) fn crash(&self, root: &Path, target: &Path, seed: u64) {
        let mut rng = Rng::with_seed(seed);
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A third of the seeds lose all that can be lost, or nothing of it.
        let keeps = match seed % 6 {
            0 => 0.0,
            1 => 1.0,
            _ => 0.5,
        };
        state.crash_folder(root, target, keeps, &mut rng);
    }

    fn attempt(&self, path: &Path) -> Result<()> {
        match self.left.fetch_sub(1, Ordering::Relaxed) {
            0 => Err(Error::io("make durable", path)(
                std::io::Error::from_raw_os_error(5),
            )),
            _ => Ok(()),
        }
    }
}

impl State {
    fn note_names(&mut self, folder: &Path) {
        let mut names = names_in(folder);
        names.retain(|name, inode| {
            let named = (folder.to_owned(), name.clone(), *inode);
            !self.forgotten.contains(&named)
        });
        self.names.insert(folder.to_owned(), names);
    }

    fn forget_names(&mut self, folder: &Path) {
        let durable = self.names.get(folder).cloned().unwrap_or_default();
        for (name, inode) in names_in(folder) {
            if durable.get(&name) != Some(&inode) {
                self.forgotten.insert((folder.to_owned(), name, inode));
            }
        }
    }

    fn crash_folder(&self, root: &Path, target: &Path, keeps: f64, rng: &mut Rng) {
        let now = names_in(root);
        let before = self.names.get(root).cloned().unwrap_or_default();
        let all: BTreeSet<_> = now.keys().chain(before.keys()).collect();
        for name in all {
            let is_kept = rng.f64() < keeps;
            let inode = if is_kept {
                now.get(name)
            } else {
                before.get(name)
            };
            let Some(inode) = inode else { continue };
            let (path, copy) = (root.join(name), target.join(name));
            if path.is_dir() {
                fs::create_dir(&copy).expect("there is room");
                self.crash_folder(&path, &copy, keeps, rng);
                continue;
            }
            let durable = self.bytes.get(inode).map_or(&[][..], Vec::as_slice);
            let bytes = match now.get(name) == Some(inode) {
                true => torn(durable, &fs::read(&path).expect("it is there"), keeps, rng),
                false => durable.to_vec(),
            };
            fs::write(copy, bytes).expect("there is room");
        }
    }
}

/// Blocks of a file as they were, or as they are.
fn torn(durable: &[u8], now: &[u8], keeps: f64, rng: &mut Rng) -> Vec<u8> {
    let keeps_length = durable.len() <= now.len() || rng.f64() < keeps;
    let length = match keeps_length {
        true => now.len(),
        false => durable.len(),
    };
    let mut left = vec![0; length];
    for start in (0..length).step_by(BLOCK_BYTES) {
        let from = if rng.f64() < keeps { now } else { durable };
        let end = (start + BLOCK_BYTES).min(length).min(from.len());
        if start < end {
            left[start..end].copy_from_slice(&from[start..end]);
        }
    }
    left
}

fn names_in(folder: &Path) -> BTreeMap<OsString, Inode> {
    let entries = fs::read_dir(folder).expect("it is there");
    let entries = entries.map(|it| it.expect("it can be read"));
    let named = entries.map(|it| (it.file_name(), it.metadata().expect("it is there").ino()));
    named.collect()
}

impl Disk for LossyDisk {
    fn sync(&self, file: &File, path: &Path) -> Result<()> {
        self.attempt(path)?;
        let metadata = file.metadata().map_err(Error::io("read", path))?;
        let mut bytes = vec![0; metadata.len() as usize];
        // Opened to be written alone, some of them.
        let readable = File::open(path).map_err(Error::io("open", path))?;
        let read = readable.read_exact_at(&mut bytes, 0);
        read.map_err(Error::io("read", path))?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.bytes.insert(metadata.ino(), bytes);
        RealDisk.sync(file, path)
    }

    fn sync_folder(&self, folder: &Path) -> Result<()> {
        let attempted = self.attempt(folder);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &attempted {
            Ok(()) => state.note_names(folder),
            Err(_) if self.is_forgetful => state.forget_names(folder),
            Err(_) => {}
        }
        attempted
    }
}
