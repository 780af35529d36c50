//! A disk that loses what was not made durable, for tests.
//!
//! Everything is done to a real folder at once, so that whoever reads sees it; but the disk remembers what a power cut could take
//! back:
//! - of each file, the bytes that were appended or cut off since its last sync;
//! - of each folder, the files that were made, renamed (to there) and removed since its last sync.
//!
//! [`LossyDisk::crash`] chooses among the states that may be left: of unsynced bytes all, none, a part, or blocks with holes
//! between them; of unsynced changes to folders each one done or undone, whatever became of the others. That is more than a file
//! system with a journal does (ALICE, Pillai et al., OSDI 2014), so what survives it does not depend on which one there is.
//!
//! [`LossyDisk::die_after`] and [`LossyDisk::fail`] say at which operation the process ends, or the disk refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;

use super::{Disk, DiskFile, RealDisk, SYNC, SharedDisk, folder_of};
use crate::{Error, Result};

/// What is written whole or not at all.
const BLOCK_BYTES: usize = 512;

/// A disk that remembers what is not durable.
#[derive(Clone, Debug)]
pub(crate) struct LossyDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    root: PathBuf,
    /// Everything that was ever made, by number.
    inodes: Vec<Inode>,
    /// What each name is, as everybody sees it.
    now: BTreeMap<PathBuf, usize>,
    /// What each name is at least on the disk.
    durable: BTreeMap<PathBuf, usize>,
    /// What was done to names since, in order.
    pending: Vec<Change>,
    operations: u64,
    fault: Option<Fault>,
    failed_action: Option<&'static str>,
}

/// What is to go wrong, counted from the first operation.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// From this operation on nothing is done.
    Death(u64),
    /// This operation fails, once.
    Failure(u64, i32),
}

#[derive(Clone, Debug)]
enum Inode {
    Folder,
    File(Content),
}

/// The bytes of a file.
#[derive(Clone, Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    /// So many of them are durable.
    durable_len: usize,
    /// What is on the disk behind those, and was cut off since.
    cut_tail: Vec<u8>,
    /// A sync of these failed: they are in memory alone, and no later sync will write them, unless they are written again.
    dropped: Range<usize>,
    /// These were written again since the last sync.
    again: Range<usize>,
}

/// A change to names that is done whole or not at all.
#[derive(Clone, Debug)]
struct Change {
    /// It is durable when this folder is.
    folder: PathBuf,
    /// What its names become.
    names: Vec<(PathBuf, Option<usize>)>,
}

impl LossyDisk {
    /// A disk on which `root`, and everything that is in it, is durable.
    pub(crate) fn new(root: &Path) -> LossyDisk {
        let mut state = State {
            root: root.to_owned(),
            inodes: Vec::new(),
            now: BTreeMap::new(),
            durable: BTreeMap::new(),
            pending: Vec::new(),
            operations: 0,
            fault: None,
            failed_action: None,
        };
        state.find(root);
        state.durable = state.now.clone();
        LossyDisk(Arc::new(Mutex::new(state)))
    }

    /// To be handed to a store.
    pub(crate) fn shared(&self) -> SharedDisk {
        Arc::new(self.clone())
    }

    /// How many operations there were.
    pub(crate) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Nothing is done after `operations` more: the process is killed.
    pub(crate) fn die_after(&self, operations: u64) {
        let mut state = self.state();
        state.fault = Some(Fault::Death(state.operations + operations));
    }

    /// The operation after `operations` more fails with this number; the ones behind it do not.
    pub(crate) fn fail(&self, operations: u64, errno: i32) {
        let mut state = self.state();
        state.fault = Some(Fault::Failure(state.operations + operations, errno));
    }

    /// Nothing goes wrong any more; what was lost stays lost.
    pub(crate) fn heal(&self) {
        self.state().fault = None;
    }

    /// Cuts the power: fills `target`, an empty folder, with what may be left of this one.
    pub(crate) fn crash(&self, seed: u64, target: &Path) {
        let state = self.state();
        let mut rng = Rng::with_seed(seed);
        // A third of the seeds lose all that can be lost, or nothing of it.
        let keeps = match seed % 6 {
            0 => 0.0,
            1 => 1.0,
            _ => 0.5,
        };
        let mut names = state.durable.clone();
        for change in &state.pending {
            if rng.f64() < keeps {
                change.apply(&mut names);
            }
        }
        for (name, &inode) in &names {
            let inner = name.strip_prefix(&state.root);
            let name = target.join(inner.expect("only what is in the folder is written"));
            // What is in a folder that was lost is lost with it.
            if folder_of(&name).exists() {
                match &state.inodes[inode] {
                    Inode::Folder => fs::create_dir(&name),
                    Inode::File(content) => fs::write(&name, content.after_crash(&mut rng, keeps)),
                }
                .expect("the file system has room");
            }
        }
    }

    /// What the operation that went wrong was.
    pub(crate) fn failed_action(&self) -> Option<&'static str> {
        self.state().failed_action
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an operation, and does it unless something is to go wrong with it.
    fn step<R>(
        &self,
        action: &'static str,
        path: &Path,
        operation: impl FnOnce(&mut State) -> Result<R>,
    ) -> Result<R> {
        let mut state = self.state();
        state.operations += 1;
        let number = state.operations;
        let errno = match state.fault {
            Some(Fault::Death(last)) if number > last => nix::libc::EOWNERDEAD,
            Some(Fault::Failure(last, errno)) if number == last + 1 => errno,
            _ => return operation(&mut state),
        };
        state.failed_action.get_or_insert(action);
        Err(Error::io(action, path)(std::io::Error::from_raw_os_error(
            errno,
        )))
    }
}

impl State {
    /// Takes up what is in a folder.
    fn find(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).expect("it is there") {
            let path = entry.expect("it can be read").path();
            let inode = match path.is_dir() {
                true => {
                    self.find(&path);
                    Inode::Folder
                }
                false => {
                    let bytes = fs::read(&path).expect("it can be read");
                    Inode::File(Content {
                        durable_len: bytes.len(),
                        bytes,
                        ..Content::default()
                    })
                }
            };
            self.inodes.push(inode);
            self.now.insert(path, self.inodes.len() - 1);
        }
    }

    fn change(&mut self, folder: &Path, names: Vec<(PathBuf, Option<usize>)>) {
        let folder = folder.to_owned();
        let change = Change { folder, names };
        change.apply(&mut self.now);
        self.pending.push(change);
    }

    fn content(&mut self, inode: usize) -> &mut Content {
        match &mut self.inodes[inode] {
            Inode::File(content) => content,
            Inode::Folder => unreachable!("only files are opened"),
        }
    }

    /// Makes what was done to a folder durable, and what was done before to the same names.
    fn settle_folder(&mut self, folder: &Path) {
        let mut settled = BTreeSet::new();
        let mut names = BTreeSet::new();
        for (number, change) in self.pending.iter().enumerate().rev() {
            let is_needed = change.names.iter().any(|(name, _)| names.contains(name));
            if change.folder == folder || is_needed {
                settled.insert(number);
                names.extend(change.names.iter().map(|(name, _)| name.clone()));
            }
        }
        let pending = std::mem::take(&mut self.pending);
        for (number, change) in pending.into_iter().enumerate() {
            match settled.contains(&number) {
                true => change.apply(&mut self.durable),
                false => self.pending.push(change),
            }
        }
    }
}

impl Change {
    fn apply(&self, to: &mut BTreeMap<PathBuf, usize>) {
        for (name, inode) in &self.names {
            match inode {
                Some(inode) => to.insert(name.clone(), *inode),
                None => to.remove(name),
            };
        }
    }
}

impl Content {
    fn sync(&mut self) {
        self.durable_len = self.bytes.len();
        self.cut_tail.clear();
        let again = std::mem::take(&mut self.again);
        if again.start <= self.dropped.start && self.dropped.end <= again.end {
            self.dropped = 0..0;
        }
    }

    fn drop_unsynced(&mut self) {
        self.again = 0..0;
        let start = match self.dropped.is_empty() {
            true => self.durable_len,
            false => self.durable_len.min(self.dropped.start),
        };
        self.dropped = start..self.bytes.len();
    }

    fn cut(&mut self, len_bytes: usize) {
        if len_bytes < self.durable_len {
            let mut cut = self.bytes[len_bytes..self.durable_len].to_vec();
            cut.append(&mut self.cut_tail);
            self.cut_tail = cut;
            self.durable_len = len_bytes;
        }
        self.bytes.truncate(len_bytes);
        self.dropped.end = self.dropped.end.min(len_bytes);
    }

    /// Chooses what is left.
    fn after_crash(&self, rng: &mut Rng, keeps: f64) -> Vec<u8> {
        let (durable, written) = self.bytes.split_at(self.durable_len);
        let tail = match rng.u8(0..4) {
            _ if keeps == 1.0 => written.to_vec(),
            0 => written.to_vec(),
            1 => written[..rng.usize(0..=written.len())].to_vec(),
            2 => self.torn(written.to_vec(), rng),
            _ => self.cut_tail.clone(),
        };
        let mut bytes = [durable, &tail].concat();
        let dropped = self.dropped.start..self.dropped.end.min(bytes.len());
        if keeps < 1.0 && !dropped.is_empty() {
            bytes[dropped].fill(0);
        }
        bytes
    }

    /// Blocks of what was written; instead of others, zeros or what was there.
    fn torn(&self, mut written: Vec<u8>, rng: &mut Rng) -> Vec<u8> {
        let start = self.durable_len;
        let mut old = self.cut_tail.clone();
        old.resize(written.len().max(old.len()), 0);
        let mut at = 0;
        while at < written.len() {
            let end = written
                .len()
                .min((start + at) / BLOCK_BYTES * BLOCK_BYTES + BLOCK_BYTES - start);
            if rng.bool() {
                written[at..end].copy_from_slice(&old[at..end]);
            }
            at = end;
        }
        written
    }
}

/// A file on such a disk.
#[derive(Debug)]
struct LossyFile {
    disk: LossyDisk,
    path: PathBuf,
    inode: usize,
    real: Box<dyn DiskFile>,
    is_poisoned: bool,
}

impl LossyFile {
    fn check(&self) -> Result<()> {
        match self.is_poisoned {
            true => Err(Error::Poisoned {
                path: self.path.clone(),
            }),
            false => Ok(()),
        }
    }
}

impl DiskFile for LossyFile {
    fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        self.check()?;
        let (real, inode) = (&mut self.real, self.inode);
        let mut write = |state: &mut State, bytes: &[u8]| {
            state.content(inode).bytes.extend_from_slice(bytes);
            real.write_all(bytes)
        };
        let written = self
            .disk
            .step("write", &self.path, |state| write(state, bytes));
        if written.is_err() {
            // A disk that is full takes a part, and so does one whose user is killed.
            write(&mut self.disk.state(), &bytes[..bytes.len() / 2])?;
            self.is_poisoned = true;
        }
        written
    }

    fn write_again(&mut self, byte_offset: u64, bytes: &[u8]) -> Result<()> {
        self.check()?;
        let (real, inode) = (&mut self.real, self.inode);
        let written = self.disk.step("write", &self.path, |state| {
            let range = byte_offset as usize..byte_offset as usize + bytes.len();
            let content = state.content(inode);
            assert_eq!(content.bytes[range.clone()], *bytes, "they are the same");
            content.again = match content.again.end == range.start {
                true => content.again.start..range.end,
                false => range,
            };
            real.write_again(byte_offset, bytes)
        });
        self.is_poisoned |= written.is_err();
        written
    }

    fn sync(&mut self) -> Result<()> {
        self.check()?;
        let inode = self.inode;
        let synced = self.disk.step(SYNC, &self.path, |state| {
            state.content(inode).sync();
            Ok(())
        });
        if synced.is_err() {
            self.is_poisoned = true;
            let mut state = self.disk.state();
            if matches!(state.fault, Some(Fault::Failure(..))) {
                state.content(inode).drop_unsynced();
            }
        }
        synced
    }
}

impl LossyDisk {
    fn file(&self, path: &Path, inode: usize, real: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(LossyFile {
            disk: self.clone(),
            path: path.to_owned(),
            inode,
            real,
            is_poisoned: false,
        })
    }
}

impl Disk for LossyDisk {
    fn create(&self, path: &Path) -> Result<Box<dyn DiskFile>> {
        let (inode, real) = self.step("create", path, |state| {
            let real = RealDisk.create(path)?;
            state.inodes.push(Inode::File(Content::default()));
            let inode = state.inodes.len() - 1;
            state.change(folder_of(path), vec![(path.to_owned(), Some(inode))]);
            Ok((inode, real))
        })?;
        Ok(self.file(path, inode, real))
    }

    fn append(&self, path: &Path, len_bytes: u64) -> Result<Box<dyn DiskFile>> {
        let (inode, real) = self.step("open", path, |state| {
            let real = RealDisk.append(path, len_bytes)?;
            let inode = state.now[path];
            state.content(inode).cut(len_bytes as usize);
            Ok((inode, real))
        })?;
        Ok(self.file(path, inode, real))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.step("rename a file to", to, |state| {
            RealDisk.rename(from, to)?;
            let inode = state.now[from];
            let names = vec![(from.to_owned(), None), (to.to_owned(), Some(inode))];
            state.change(folder_of(to), names);
            Ok(())
        })
    }

    fn sync_folder(&self, folder: &Path) -> Result<()> {
        self.step(SYNC, folder, |state| {
            state.settle_folder(folder);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.step("remove", path, |state| {
            RealDisk.remove(path)?;
            if state.now.contains_key(path) {
                state.change(folder_of(path), vec![(path.to_owned(), None)]);
            }
            Ok(())
        })
    }

    fn create_folder(&self, path: &Path) -> Result<()> {
        self.step("create", path, |state| {
            RealDisk.create_folder(path)?;
            if path != state.root && !state.now.contains_key(path) {
                state.inodes.push(Inode::Folder);
                let inode = state.inodes.len() - 1;
                state.change(folder_of(path), vec![(path.to_owned(), Some(inode))]);
            }
            Ok(())
        })
    }
    fn touch(&self, path: &Path) -> Result<()> {
        self.step("change the time of", path, |_| RealDisk.touch(path))
    }
}
