//! All that the staging does to the disk.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// What a log is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Reading,
    Writing,
}

/// The file of the log.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    /// To be read; it is written to by what is below.
    pub(super) file: File,
    len_bytes: u64,
}

/// Whether a file must be on the disk before it takes the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// It is, and its name too.
    Synced,
    /// It can be made again.
    None,
}

impl LogFile {
    /// Opens the log at `path`.
    pub(super) fn open(path: &Path, mode: Mode) -> Result<LogFile> {
        let mut options = File::options();
        let file = options.read(true).write(mode == Mode::Writing).open(path);
        let file = file.map_err(Error::io("open", path))?;
        let metadata = file.metadata().map_err(Error::io("read", path))?;
        Ok(LogFile {
            path: path.to_owned(),
            file,
            len_bytes: metadata.len(),
        })
    }

    /// Its length.
    pub(super) fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// Writes `bytes` at the end; they need not be on the disk yet.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_all_at(bytes, self.len_bytes);
        written.map_err(Error::io("write", &self.path))?;
        self.len_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Waits until everything is on the disk.
    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(Error::io("sync", &self.path))
    }

    /// Takes away what is behind `len_bytes`.
    pub(super) fn cut(&mut self, len_bytes: u64) -> Result<()> {
        let cut = self.file.set_len(len_bytes);
        cut.map_err(Error::io("truncate", &self.path))?;
        self.len_bytes = len_bytes;
        Ok(())
    }
}

/// Makes a file of what `write` writes, and gives it the name `path` when it is whole.
pub(super) fn replace(
    path: &Path,
    durability: Durability,
    write: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<()> {
    // Not a random name: only the one process that has the lock writes, and what it leaves behind when it is killed is
    // overwritten by the next.
    let new = path.with_extension("new");
    let written = write_new(&new, durability, write)
        .and_then(|()| fs::rename(&new, path).map_err(Error::io("rename", &new)));
    if let Err(error) = written {
        let _ = fs::remove_file(&new); // The first failure is the one to tell.
        return Err(error);
    }
    match (durability, path.parent()) {
        (Durability::Synced, Some(folder)) => sync_folder(folder),
        _ => Ok(()),
    }
}

fn write_new(
    new: &Path,
    durability: Durability,
    write: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<()> {
    let file = File::create(new).map_err(Error::io("create", new))?;
    let mut out = BufWriter::with_capacity(256 << 10, file);
    write(&mut out)?;
    let file = out
        .into_inner()
        .map_err(|error| Error::io("write", new)(error.into_error()))?;
    match durability {
        Durability::Synced => file.sync_all().map_err(Error::io("sync", new)),
        Durability::None => Ok(()),
    }
}

/// Makes the folder at `path` if it is not there.
pub(super) fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(Error::io("create", path))
}

/// Takes away a file that may not be there.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

fn sync_folder(path: &Path) -> Result<()> {
    let folder = File::open(path).map_err(Error::io("open", path))?;
    folder.sync_all().map_err(Error::io("sync", path))
}
