//! A disk that loses what was not made durable, for tests.
//!
//! Everything is done to a real folder at once, so that whoever reads sees it; but the disk remembers what a power cut could take back:
//! - of each file, its bytes as they were at the last sync;
//! - of each folder, the names that changed since its last sync: after each operation on names the folders are looked at that it is about, so that
//!   its changes are one; what was done past the disk is noticed name by name, at the folder's sync and when the power goes.
//!
//! [`LossyDisk::crash`] chooses among the states that may be left: of unsynced bytes all, none, a part, or blocks with holes between them; of
//! unsynced changes to folders each one done or undone, whatever became of the others. That is more than a file system with a journal does
//! (ALICE, Pillai et al., OSDI 2014), so what survives it does not depend on which one there is.
//!
//! [`LossyDisk::die_after`] and [`LossyDisk::fail`] say at which operation the process ends, or the disk refuses. What a failed sync did not
//! write is in memory alone, and no later sync writes it unless it was written again (Rebello et al., "Can applications recover from fsync
//! failures?", ATC 2020). Of a file that is written past the disk nobody knows what was: there a later sync writes all. One of a folder does
//! so, too, unless the disk is [forgetful](LossyDisk::forgetful).

mod content;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use tempfile::TempDir;

use content::Content;

use super::{Disk, Error, RealDisk, Result, SYNC, SharedDisk, folder_of};

/// A disk that remembers what is durable.
#[derive(Clone, Debug)]
pub struct LossyDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    root: PathBuf,
    /// Each file under its number: it can be read when it has no name any more, and no other gets the number.
    links: TempDir,
    contents: HashMap<u64, Content>,
    /// What each name is, as everybody sees it.
    now: Names,
    /// What each name is at least on the disk.
    durable: Names,
    /// What was done to names since, in order.
    pending: Vec<Change>,
    operations: u64,
    fault: Option<Fault>,
    failed_action: Option<&'static str>,
    /// Whether names that a sync failed to make durable are taken for durable by the next one.
    is_forgetful: bool,
}

type Names = BTreeMap<PathBuf, Inode>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inode {
    Folder,
    File(u64),
}

/// What is to go wrong, counted from the first operation.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// From this operation on nothing is done.
    Death(u64),
    /// This operation fails, once.
    Failure(u64, i32),
}

/// A change to names that is done whole or not at all.
#[derive(Debug)]
struct Change {
    /// It is durable when this folder is.
    folder: PathBuf,
    /// What its names become.
    names: Vec<(PathBuf, Option<Inode>)>,
    /// A sync of the folder failed, and the system counts it as durable.
    is_forgotten: bool,
}

impl Change {
    fn new(folder: &Path, names: Vec<(PathBuf, Option<Inode>)>) -> Change {
        Change {
            folder: folder.to_owned(),
            names,
            is_forgotten: false,
        }
    }
}

impl LossyDisk {
    /// A disk on which `root`, and everything that is in it, is durable.
    ///
    /// # Panics
    /// If it is not there.
    pub fn new(root: &Path) -> LossyDisk {
        let links = tempfile::tempdir_in(folder_of(root));
        let mut state = State {
            root: root.to_owned(),
            links: links.expect("there is room"),
            contents: HashMap::new(),
            now: Names::new(),
            durable: Names::new(),
            pending: Vec::new(),
            operations: 0,
            fault: None,
            failed_action: None,
            is_forgetful: false,
        };
        state.look_below(root);
        state.pending.clear();
        state.durable = state.now.clone();
        for number in state.contents.keys().copied().collect::<Vec<_>>() {
            let now = state.bytes(number);
            let content = state.contents.get_mut(&number);
            content.expect("it was just found").sync(now);
        }
        LossyDisk(Arc::new(Mutex::new(state)))
    }

    /// One that says once that the names in a folder were not made durable, and counts them as durable from then on, as systems do.
    ///
    /// # Panics
    /// As [`LossyDisk::new`].
    pub fn forgetful(root: &Path) -> LossyDisk {
        let disk = LossyDisk::new(root);
        disk.state().is_forgetful = true;
        disk
    }

    /// To be handed to those who use a disk.
    pub fn shared(&self) -> SharedDisk {
        Arc::new(self.clone())
    }

    /// How many operations there were.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Nothing is done after `operations` more: the process is killed.
    pub fn die_after(&self, operations: u64) {
        let mut state = self.state();
        state.fault = Some(Fault::Death(state.operations + operations));
    }

    /// The operation after `operations` more fails with this number; the ones behind it do not.
    pub fn fail(&self, operations: u64, errno: i32) {
        let mut state = self.state();
        state.fault = Some(Fault::Failure(
            state.operations.saturating_add(operations),
            errno,
        ));
    }

    /// Nothing goes wrong any more; what was lost stays lost.
    pub fn heal(&self) {
        self.state().fault = None;
    }

    /// What the operation that went wrong was.
    pub fn failed_action(&self) -> Option<&'static str> {
        self.state().failed_action
    }

    /// Cuts the power: fills `target`, an empty folder, with what may be left of this one.
    ///
    /// # Panics
    /// If there is no room.
    pub fn crash(&self, seed: u64, target: &Path) {
        let mut state = self.state();
        let root = state.root.clone();
        state.look_below(&root);
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
                apply(&change.names, &mut names);
            }
        }
        for (name, inode) in &names {
            let inner = name.strip_prefix(&root);
            let name = target.join(inner.expect("only what is in the folder is written"));
            // What is in a folder that was lost is lost with it.
            if folder_of(&name).exists() {
                match inode {
                    Inode::Folder => fs::create_dir(&name),
                    Inode::File(number) => {
                        let now = state.bytes(*number);
                        let left = state.contents[number].after_crash(&now, &mut rng, keeps);
                        fs::write(&name, left)
                    }
                }
                .expect("the file system has room");
            }
        }
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
            Some(Fault::Death(last)) if number > last => libc::EOWNERDEAD,
            Some(Fault::Failure(last, errno)) if number == last.saturating_add(1) => errno,
            _ => return operation(&mut state),
        };
        state.failed_action.get_or_insert(action);
        Err(Error::io(action, path)(io::Error::from_raw_os_error(errno)))
    }

    /// The same with one that changes names, of which `path` is one.
    fn step_on_names<R>(
        &self,
        action: &'static str,
        path: &Path,
        folders: &[&Path],
        operation: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        self.step(action, path, |state| {
            let done = operation()?;
            let names = folders.iter().flat_map(|it| state.look(it)).collect();
            state.pending.push(Change::new(folder_of(path), names));
            Ok(done)
        })
    }
}

impl State {
    /// Whether what goes wrong is told by the disk, whose user goes on; one that is killed tries nothing.
    fn is_refusing(&self) -> bool {
        matches!(self.fault, Some(Fault::Failure(..)))
    }

    /// Takes up what the names in a folder have become since it was last looked at, and returns that.
    fn look(&mut self, folder: &Path) -> Vec<(PathBuf, Option<Inode>)> {
        if !folder.starts_with(&self.root) {
            return Vec::new();
        }
        let mut found = Names::new();
        // It may be gone, and so may what is in it.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            let inode = match metadata.is_dir() {
                true => Inode::Folder,
                false if self.keep(metadata.ino(), &entry.path()) => Inode::File(metadata.ino()),
                false => continue,
            };
            found.insert(entry.path(), inode);
        }
        let known = self.now.keys().filter(|it| it.parent() == Some(folder));
        let names = known.chain(found.keys()).cloned().collect::<BTreeSet<_>>();
        let become_now = names.into_iter().map(|it| (found.get(&it).copied(), it));
        let changed = become_now.filter(|(inode, name)| self.now.get(name) != inode.as_ref());
        let changed: Vec<_> = changed.map(|(inode, name)| (name, inode)).collect();
        apply(&changed, &mut self.now);
        changed
    }

    /// Takes up what was done past the disk to the names in a folder.
    fn notice(&mut self, folder: &Path) {
        for name in self.look(folder) {
            self.pending.push(Change::new(folder, vec![name]));
        }
    }

    /// The same with all folders that are in it, or were.
    fn look_below(&mut self, folder: &Path) {
        let mut folders = self.folders_in(folder);
        self.notice(folder);
        folders.append(&mut self.folders_in(folder));
        folders.iter().for_each(|it| self.look_below(it));
    }

    fn folders_in(&self, folder: &Path) -> BTreeSet<PathBuf> {
        let folders = self.now.iter().filter(|it| *it.1 == Inode::Folder);
        let inner = folders.filter(|it| it.0.parent() == Some(folder));
        inner.map(|it| it.0.clone()).collect()
    }

    /// Sees to it that a file can be read whatever becomes of its name; whether it is there.
    fn keep(&mut self, number: u64, path: &Path) -> bool {
        if self.contents.contains_key(&number) {
            return true;
        }
        let is_there = fs::hard_link(path, self.link(number)).is_ok();
        if is_there {
            self.contents.insert(number, Content::default());
        }
        is_there
    }

    fn link(&self, number: u64) -> PathBuf {
        self.links.path().join(number.to_string())
    }

    /// What a file has now.
    fn bytes(&self, number: u64) -> Vec<u8> {
        fs::read(self.link(number)).expect("nobody removes it")
    }

    /// A file, and what it has now.
    fn content(&mut self, file: &File, path: &Path) -> Result<(&mut Content, Vec<u8>)> {
        let metadata = file.metadata().map_err(Error::io("read", path))?;
        let number = metadata.ino();
        assert!(self.keep(number, path), "a file that is synced has a name");
        let now = self.bytes(number);
        Ok((self.contents.get_mut(&number).expect("it is kept"), now))
    }

    /// Makes what was done to a folder durable, and what was done before to the same names.
    fn settle_folder(&mut self, folder: &Path) {
        let mut settled = BTreeSet::new();
        let mut names = BTreeSet::new();
        for (number, change) in self.pending.iter().enumerate().rev() {
            let is_needed = change.names.iter().any(|(name, _)| names.contains(name));
            let is_written = change.folder == folder && !change.is_forgotten;
            if is_written || is_needed {
                settled.insert(number);
                names.extend(change.names.iter().map(|(name, _)| name.clone()));
            }
        }
        let pending = std::mem::take(&mut self.pending);
        for (number, change) in pending.into_iter().enumerate() {
            match settled.contains(&number) {
                true => apply(&change.names, &mut self.durable),
                false => self.pending.push(change),
            }
        }
    }

    /// A sync of a folder failed: no later one writes what that was to write.
    fn forget_folder(&mut self, folder: &Path) {
        self.notice(folder);
        let changes = self.pending.iter_mut();
        let unwritten = changes.filter(|it| it.folder == folder);
        unwritten.for_each(|it| it.is_forgotten = true);
    }
}

fn apply(names: &[(PathBuf, Option<Inode>)], to: &mut Names) {
    for (name, inode) in names {
        match inode {
            Some(inode) => to.insert(name.clone(), *inode),
            None => to.remove(name),
        };
    }
}

impl Disk for LossyDisk {
    fn create(&self, path: &Path) -> Result<File> {
        let file =
            self.step_on_names("create", path, &[folder_of(path)], || RealDisk.create(path))?;
        let mut state = self.state();
        state.content(&file, path)?.0.is_followed = true;
        Ok(file)
    }

    fn append(&self, path: &Path, len_bytes: u64) -> Result<File> {
        self.step("open", path, |state| {
            let file = RealDisk.append(path, len_bytes)?;
            let content = state.content(&file, path)?.0;
            content.is_followed = true;
            content.cut(len_bytes as usize);
            Ok(file)
        })
    }

    fn write(&self, file: &File, path: &Path, bytes: &[u8]) -> Result<()> {
        let written = self.step("write", path, |_| RealDisk.write(file, path, bytes));
        if written.is_err() {
            // A disk that is full takes a part, and so does one whose user is killed.
            RealDisk.write(file, path, &bytes[..bytes.len() / 2])?;
        }
        written
    }

    fn write_again(&self, file: &File, path: &Path, byte_offset: u64, bytes: &[u8]) -> Result<()> {
        self.step("write", path, |state| {
            let (content, now) = state.content(file, path)?;
            content.write_again(&now, byte_offset as usize, bytes);
            RealDisk.write_again(file, path, byte_offset, bytes)
        })
    }

    fn before_sync(&self, file: &File, path: &Path) -> Result<()> {
        let synced = self.step(SYNC, path, |state| {
            let (content, now) = state.content(file, path)?;
            content.sync(now);
            Ok(())
        });
        let mut state = self.state();
        if synced.is_err() && state.is_refusing() {
            let (content, now) = state.content(file, path)?;
            content.fail_sync(now);
        }
        synced
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let folders = [folder_of(from), folder_of(to)];
        self.step_on_names("rename a file to", to, &folders, || {
            RealDisk.rename(from, to)
        })
    }

    fn before_sync_folder(&self, folder: &Path) -> Result<()> {
        let synced = self.step(SYNC, folder, |state| {
            state.notice(folder);
            state.settle_folder(folder);
            Ok(())
        });
        let mut state = self.state();
        if synced.is_err() && state.is_refusing() && state.is_forgetful {
            state.forget_folder(folder);
        }
        synced
    }

    /// Nothing is asked of the system, which would take its time.
    fn sync(&self, file: &File, path: &Path) -> Result<()> {
        self.before_sync(file, path)
    }

    fn sync_folder(&self, folder: &Path) -> Result<()> {
        self.before_sync_folder(folder)
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.step_on_names("remove", path, &[folder_of(path)], || RealDisk.remove(path))
    }

    fn create_folder(&self, path: &Path) -> Result<()> {
        self.step_on_names("create", path, &[folder_of(path)], || {
            RealDisk.create_folder(path)
        })
    }

    fn touch(&self, path: &Path) -> Result<()> {
        self.step("change the time of", path, |_| RealDisk.touch(path))
    }
}
