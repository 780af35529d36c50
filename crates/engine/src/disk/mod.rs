//! What is done to a folder that a power cut must not hurt, behind one trait, so that tests can lose what was not made durable.
//!
//! A file is made under another name ([`Draft`]), made durable ([`Disk::sync`]), given its name ([`Disk::rename`]), and the name is made
//! durable ([`Disk::sync_folder`]). Who writes in other ways uses of the trait the two syncs alone. Reading goes past it, to the file system.
//!
//! What is not synced may be lost, each block and each name by itself, whatever the order in which it was done: file systems differ in what
//! they promise beyond that (ALICE, Pillai et al., OSDI 2014). The disk that tests use (`lossy`) takes all of these liberties.
//!
//! A failed `fsync` is final: Linux may have dropped the pages and calls the next one a success, so a [`DiskFile`] whose sync has failed
//! writes nothing more ([`Error::Poisoned`]).

mod error;
#[cfg(any(test, feature = "lossy-disk"))]
pub mod lossy;

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

pub use error::{Error, Result};

/// What an [`Error::Io`] says was tried when nobody knows any more what is on the disk.
pub const SYNC: &str = "make durable";

/// What is done to a folder: by itself, to the file system.
pub trait Disk: Send + Sync + Debug {
    /// Makes a file that must not be there yet.
    ///
    /// # Errors
    /// [`Error::Io`], as of all methods.
    fn create(&self, path: &Path) -> Result<File> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        file.map_err(Error::io("create", path))
    }

    /// Opens a file to append to it, cut to `len_bytes` before.
    ///
    /// # Errors
    /// [`Error::Io`].
    fn append(&self, path: &Path, len_bytes: u64) -> Result<File> {
        let open = || {
            // Not to append: Linux would not write anywhere else then (pwrite(2), "Bugs").
            let mut file = OpenOptions::new().write(true).open(path)?;
            if file.metadata()?.len() != len_bytes {
                file.set_len(len_bytes)?;
            }
            file.seek(SeekFrom::Start(len_bytes))?;
            Ok(file)
        };
        open().map_err(Error::io("open", path))
    }

    /// Appends `bytes` to a file that is at `path`.
    ///
    /// # Errors
    /// [`Error::Io`].
    fn write(&self, mut file: &File, path: &Path, bytes: &[u8]) -> Result<()> {
        file.write_all(bytes).map_err(Error::io("write", path))
    }

    /// Writes `bytes` over those at `byte_offset`, which are the same: so the next sync puts them on the disk even if somebody else's sync of them
    /// failed before. After that they may be in memory alone, and a sync that finds nothing new to write calls that a success.
    ///
    /// # Errors
    /// [`Error::Io`].
    fn write_again(&self, file: &File, path: &Path, byte_offset: u64, bytes: &[u8]) -> Result<()> {
        let written = file.write_all_at(bytes, byte_offset);
        written.map_err(Error::io("write", path))
    }

    /// Is told of a file at `path` right before it is made durable, also by who does that in a way of its own. Disks of tests
    /// remember it, or fail.
    ///
    /// # Errors
    /// [`Error::Io`]; then it is not made durable.
    fn before_sync(&self, _file: &File, _path: &Path) -> Result<()> {
        Ok(())
    }

    /// The same of the names in a folder.
    ///
    /// # Errors
    /// As [`Disk::before_sync`].
    fn before_sync_folder(&self, _folder: &Path) -> Result<()> {
        Ok(())
    }

    /// Makes the bytes of a file durable, which is at `path`.
    ///
    /// # Errors
    /// [`Error::Io`].
    fn sync(&self, file: &File, path: &Path) -> Result<()> {
        self.before_sync(file, path)?;
        file.sync_data().map_err(Error::io(SYNC, path))
    }

    /// Gives a file another name, in place of what had that name.
    ///
    /// # Errors
    /// [`Error::Io`].
    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        fs::rename(from, to).map_err(Error::io("rename a file to", to))
    }

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// [`Error::Io`].
    fn sync_folder(&self, folder: &Path) -> Result<()> {
        self.before_sync_folder(folder)?;
        let synced = File::open(folder).and_then(|it| it.sync_all());
        synced.map_err(Error::io(SYNC, folder))
    }

    /// Removes a file; one that is gone already is no error.
    ///
    /// # Errors
    /// [`Error::Io`].
    fn remove(&self, path: &Path) -> Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Error::io("remove", path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Makes a folder; one that is there already is no error.
    ///
    /// # Errors
    /// [`Error::Io`].
    fn create_folder(&self, path: &Path) -> Result<()> {
        match fs::create_dir(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                Err(Error::io("create", path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Says of a file that it was modified now. A power cut may take that back.
    ///
    /// # Errors
    /// [`Error::Io`], also if there is none.
    fn touch(&self, path: &Path) -> Result<()> {
        let touched = File::open(path).and_then(|it| it.set_modified(SystemTime::now()));
        touched.map_err(Error::io("change the time of", path))
    }
}

/// The file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {}

impl RealDisk {
    /// A handle on it.
    pub fn shared() -> SharedDisk {
        Arc::new(RealDisk)
    }
}

/// A handle on a disk that is cheap to clone.
pub type SharedDisk = Arc<dyn Disk>;

/// Puts `bytes` at `path` in place of what is there, whole or not at all, and durably: a file in `drafts`, synced, renamed, and
/// its folder synced.
///
/// # Errors
/// [`Error::Io`]; the old file is then still there, or the new one already.
pub fn replace(disk: &SharedDisk, drafts: &Path, path: &Path, bytes: &[u8]) -> Result<()> {
    let mut draft = Draft::create(disk, drafts, "write", path)?;
    draft.write_all(bytes)?;
    draft.rename(path)?;
    disk.sync_folder(folder_of(path))
}

/// Makes a folder and those above it that are not there; [`sync_parents`] makes their names durable.
pub fn create_folders<'p>(disk: &SharedDisk, folder: &'p Path) -> Result<Vec<&'p Path>> {
    let above = folder.ancestors().filter(|it| !it.as_os_str().is_empty());
    let missing: Vec<_> = above.take_while(|it| !it.exists()).collect();
    for folder in missing.iter().rev() {
        disk.create_folder(folder)?;
    }
    Ok(missing)
}

/// Makes the names of folders durable, each in the one that it is in.
pub fn sync_parents(disk: &SharedDisk, folders: &[&Path]) -> Result<()> {
    for parent in folders.iter().filter_map(|it| it.parent()) {
        disk.sync_folder(match parent.as_os_str().is_empty() {
            true => Path::new("."),
            false => parent,
        })?;
    }
    Ok(())
}

/// A file that is being written, from front to back; once something failed, nothing more.
#[derive(Debug)]
pub struct DiskFile {
    disk: SharedDisk,
    path: PathBuf,
    file: File,
    is_poisoned: bool,
}

impl DiskFile {
    /// A file that must not be there yet.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(disk: &SharedDisk, path: &Path) -> Result<DiskFile> {
        Ok(DiskFile::new(disk, path, disk.create(path)?))
    }

    /// A file that is there, to append to it; it is cut to `len_bytes` before.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn append(disk: &SharedDisk, path: &Path, len_bytes: u64) -> Result<DiskFile> {
        Ok(DiskFile::new(disk, path, disk.append(path, len_bytes)?))
    }

    fn new(disk: &SharedDisk, path: &Path, file: File) -> DiskFile {
        DiskFile {
            disk: disk.clone(),
            path: path.to_owned(),
            file,
            is_poisoned: false,
        }
    }

    /// [`Disk::write`].
    ///
    /// # Errors
    /// [`Error::Io`], and from then on [`Error::Poisoned`]; so of all methods.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        self.attempt(|it| it.disk.write(&it.file, &it.path, bytes))
    }

    /// [`Disk::write_again`].
    ///
    /// # Errors
    /// As [`DiskFile::write_all`].
    pub fn write_again(&mut self, byte_offset: u64, bytes: &[u8]) -> Result<()> {
        self.attempt(|it| it.disk.write_again(&it.file, &it.path, byte_offset, bytes))
    }

    /// [`Disk::sync`].
    ///
    /// # Errors
    /// As [`DiskFile::write_all`].
    pub fn sync(&mut self) -> Result<()> {
        self.attempt(|it| it.disk.sync(&it.file, &it.path))
    }

    fn attempt(&mut self, operation: impl FnOnce(&DiskFile) -> Result<()>) -> Result<()> {
        if self.is_poisoned {
            return Err(Error::Poisoned {
                path: self.path.clone(),
            });
        }
        let done = operation(self);
        self.is_poisoned = done.is_err();
        done
    }
}

/// A file that is being written. It is removed unless it gets a name.
#[derive(Debug)]
pub struct Draft {
    disk: SharedDisk,
    path: PathBuf,
    purpose: Purpose,
    file: DiskFile,
    is_named: bool,
}

/// What a draft is for, as in "write a pack to" and a folder: where there is no room for it, its own name tells nobody anything.
#[derive(Clone, Debug)]
struct Purpose {
    action: &'static str,
    place: PathBuf,
}

impl Purpose {
    fn explain(&self, error: Error) -> Error {
        let is_full = error.is_disk_full();
        match error {
            Error::Io { action, source, .. } if is_full => Error::Io {
                action: if action == SYNC { SYNC } else { self.action },
                path: self.place.clone(),
                source,
            },
            error => error,
        }
    }
}

impl Draft {
    /// A new file in the folder `drafts`, of a name that nobody else uses. If the disk is full, errors say that one cannot `action`
    /// the `place`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(
        disk: &SharedDisk,
        drafts: &Path,
        action: &'static str,
        place: &Path,
    ) -> Result<Draft> {
        let place = place.to_owned();
        Draft::open(disk, draft_path(drafts), Purpose { action, place })
    }

    /// A new file at `path`, in place of what a process that was killed may have left there. Only one may do so at a time.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create_at(disk: &SharedDisk, path: PathBuf) -> Result<Draft> {
        disk.remove(&path)?;
        let purpose = Purpose {
            action: "write",
            place: path.clone(),
        };
        Draft::open(disk, path, purpose)
    }

    fn open(disk: &SharedDisk, path: PathBuf, purpose: Purpose) -> Result<Draft> {
        let file = DiskFile::create(disk, &path);
        Ok(Draft {
            file: file.map_err(|error| purpose.explain(error))?,
            disk: disk.clone(),
            path,
            purpose,
            is_named: false,
        })
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Poisoned`].
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_all(bytes);
        written.map_err(|error| self.purpose.explain(error))
    }

    /// Makes the content durable, and then gives the file its name; that is durable once its folder is.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Poisoned`].
    pub fn rename(mut self, to: &Path) -> Result<()> {
        let synced = self.file.sync();
        synced.map_err(|error| self.purpose.explain(error))?;
        self.disk.rename(&self.path, to)?;
        self.is_named = true;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_named {
            // The first error is the one to tell of; what stays there counts for nothing, and is removed by the next `gc`.
            let _ = self.disk.remove(&self.path);
        }
    }
}

/// The folder that a path of the store is in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().expect("files of a store lie in its folders")
}

/// A path in `drafts` that nobody else uses: the process, and a number that it counts.
fn draft_path(drafts: &Path) -> PathBuf {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    // A process of the same number may have left its own behind, even of the same start.
    let moment = SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |it| it.as_nanos());
    drafts.join(format!("{}-{moment}-{number}", std::process::id()))
}
