//! All that the staging does to the disk.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::disk::{DiskFile, Draft, SharedDisk, folder_of};
use crate::{Error, Result};

/// What is written at once where a file is replaced.
const BUFFER_BYTES: usize = 256 << 10;

/// The file of the log, as its one writer has it.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) disk: SharedDisk,
    path: PathBuf,
    /// To be read.
    pub(super) file: File,
    /// To be appended to.
    out: DiskFile,
    len_bytes: u64,
    /// So many were there when it was opened, or were synced since.
    kept_bytes: u64,
    /// What was there when it was opened, and nothing says that it is on the disk.
    doubtful: Range<u64>,
}

impl LogFile {
    /// The log at `path`, which is open as `file`, to be appended to. Of what is in front of `doubtful` it is known that it is on the disk; what is
    /// behind is taken away.
    pub(super) fn open(
        disk: &SharedDisk,
        path: &Path,
        file: File,
        doubtful: Range<u64>,
    ) -> Result<LogFile> {
        let len_bytes = doubtful.end;
        Ok(LogFile {
            disk: disk.clone(),
            path: path.to_owned(),
            file,
            out: DiskFile::append(disk, path, len_bytes)?,
            len_bytes,
            kept_bytes: len_bytes,
            doubtful,
        })
    }

    /// Writes `bytes` at the end; they need not be on the disk yet.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes)?;
        self.len_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Waits until everything is on the disk. After a failure, what was appended is taken away: it may be in memory alone, for ever
    /// (fsync(2) tells of that only once), and the next who appends would say that it is on the disk.
    pub(super) fn sync(&mut self) -> Result<()> {
        let synced = self.out.sync();
        match &synced {
            Ok(()) => self.kept_bytes = self.len_bytes,
            Err(_) => drop(self.disk.append(&self.path, self.kept_bytes)),
        }
        Ok(synced?)
    }

    /// Waits until what is there is on the disk, which was made by somebody who may have been killed before he saw to that, or whose sync failed:
    /// the name, and everything. What is in doubt is written again, because a sync that failed is told of once.
    pub(super) fn sync_found(&mut self) -> Result<()> {
        let doubtful_bytes = self.doubtful.end - self.doubtful.start;
        let mut piece = vec![0; doubtful_bytes.min(BUFFER_BYTES as u64) as usize];
        while !self.doubtful.is_empty() {
            let at = self.doubtful.start;
            piece.truncate((self.doubtful.end - at).min(BUFFER_BYTES as u64) as usize);
            let read = self.file.read_exact_at(&mut piece, at);
            read.map_err(Error::io("read", &self.path))?;
            self.out.write_again(at, &piece)?;
            self.doubtful.start += piece.len() as u64;
        }
        self.out.sync()?;
        Ok(self.disk.sync_folder(folder_of(&self.path))?)
    }
}

/// A file that is being written through a buffer.
#[derive(Debug)]
pub(super) struct Output {
    draft: Draft,
    buffer: Vec<u8>,
}

impl Output {
    /// Appends `bytes`.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<()> {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.flush()?;
        }
        match bytes.len() < BUFFER_BYTES {
            true => self.buffer.extend_from_slice(bytes),
            false => self.draft.write_all(bytes)?,
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if !self.buffer.is_empty() {
            self.draft.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }
}

/// Makes a file of what `write` writes, and gives it the name `path` when it is whole, durably.
pub(super) fn replace(
    disk: &SharedDisk,
    path: &Path,
    write: impl FnOnce(&mut Output) -> Result<()>,
) -> Result<()> {
    // Not a random name: only the one process that has the lock writes, and what it leaves behind when it is killed is
    // overwritten by the next.
    let mut out = Output {
        draft: Draft::create_at(disk, path.with_extension("new"))?,
        buffer: Vec::new(),
    };
    write(&mut out)?;
    out.flush()?;
    out.draft.rename(path)?;
    Ok(disk.sync_folder(folder_of(path))?)
}
