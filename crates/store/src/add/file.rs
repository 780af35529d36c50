//! Reading one file as it is at one moment.
//!
//! A file is looked at before and after it was read. If it changed meanwhile, it is read again, and after some attempts
//! reported: what goes into the store is what was there at one time, or nothing.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use rustix::fs::{SeekFrom, fgetxattr, flistxattr, fstat, seek};
use rustix::io::Errno;
use tamis_engine::stamp::Stamp;

use crate::walk::{Kind, Root, kind_of};

/// How often a file that changes while it is read is read again.
pub(super) const ATTEMPTS: usize = 3;

/// Linux has no attribute that is longer, and no longer list of them (xattr(7)).
const ATTRIBUTE_BYTES_MAX: usize = 64 << 10;

/// Names and values.
type Attributes = Vec<(Vec<u8>, Vec<u8>)>;

/// Why a file is not in the store.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// The system would not have it opened or read.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It was something else when it was opened than when it was found, or a link stood in the place of a folder above it.
    #[error("it is something else now, or behind a link")]
    NoFile,
    /// It was written to while it was read, each time.
    #[error("it changed while it was read, {ATTEMPTS} times in a row")]
    Changed,
    /// It is gone.
    #[error("it is gone")]
    Gone,
}

impl From<Errno> for Unread {
    fn from(error: Errno) -> Unread {
        match error {
            Errno::NOENT => Unread::Gone,
            // A link stands there now, or on the way.
            Errno::LOOP | Errno::NOTDIR => Unread::NoFile,
            error => Unread::Io(error.into()),
        }
    }
}

/// A file that is open for reading, and its state when it was opened.
#[derive(Debug)]
pub(super) struct OpenedFile {
    pub(super) file: File,
    pub(super) stamp: Stamp,
    pub(super) mode: u32,
    pub(super) links: u64,
    /// Blocks of 512 bytes that it takes on the disk.
    blocks: u64,
}

impl OpenedFile {
    pub(super) fn open(root: &Root, path: &[u8]) -> Result<OpenedFile, Unread> {
        let descriptor = root.open_at(path)?;
        let stat = fstat(&descriptor)?;
        if kind_of(&stat) != Some(Kind::File) {
            return Err(Unread::NoFile);
        }
        Ok(OpenedFile {
            file: File::from(descriptor),
            stamp: Stamp::of_stat(&stat),
            mode: stat.st_mode & 0o7777,
            links: stat.st_nlink,
            blocks: u64::try_from(stat.st_blocks).unwrap_or(0),
        })
    }

    /// Whether it has holes. One that takes less of the disk than its length may also be compressed by the file system.
    pub(super) fn is_sparse(&self) -> bool {
        let len_bytes = self.stamp.len_bytes;
        self.blocks * 512 < len_bytes
            && seek(&self.file, SeekFrom::Hole(0)).is_ok_and(|hole| hole < len_bytes)
    }

    /// Reads the whole of a small file into `buffer`.
    pub(super) fn read_all(&self, buffer: &mut Vec<u8>) -> Result<(), Unread> {
        // One byte more than there should be, so that the end shows in the same call.
        let len = self.stamp.len_bytes as usize;
        buffer.resize(len + 1, 0);
        let mut read = 0;
        while read <= len {
            match self.file.read_at(&mut buffer[read..], read as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
            if read == len {
                break;
            }
        }
        buffer.truncate(read);
        self.check()?;
        match read == len {
            true => Ok(()),
            false => Err(Unread::Changed),
        }
    }

    /// Fills `buffer` from byte `start` on.
    pub(super) fn read_at(&self, start: u64, buffer: &mut [u8]) -> Result<(), Unread> {
        self.file
            .read_exact_at(buffer, start)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => Unread::Changed,
                _ => Unread::Io(error),
            })
    }

    /// Whether the file has no data from `start` to `end`, but a hole.
    pub(super) fn is_hole(&self, start: u64, end: u64) -> bool {
        match seek(&self.file, SeekFrom::Data(start)) {
            Ok(data) => data >= end,
            // Nothing but holes from here to the end.
            Err(Errno::NXIO) => true,
            Err(_) => false,
        }
    }

    /// Whether the file is still what it was when it was opened.
    pub(super) fn check(&self) -> Result<(), Unread> {
        match Stamp::of_stat(&fstat(&self.file)?) == self.stamp {
            true => Ok(()),
            false => Err(Unread::Changed),
        }
    }
}

/// The extended attributes of an open file or folder, sorted by name. A file system without any has none.
pub(super) fn attributes(file: impl AsFd) -> Result<Attributes, Unread> {
    let names = match whole(|buffer| flistxattr(&file, buffer)) {
        Ok(names) => names,
        Err(Errno::NOTSUP) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut attributes = Vec::new();
    for name in names
        .split(|&byte| byte == 0)
        .filter(|name| !name.is_empty())
    {
        match whole(|buffer| fgetxattr(&file, name, buffer)) {
            Ok(value) => attributes.push((name.to_owned(), value)),
            // It was taken away meanwhile.
            Err(Errno::NODATA | Errno::NOTSUP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    attributes.sort_unstable();
    Ok(attributes)
}

/// All that `read` has, whose length is not known before. An empty buffer, which asks the system for it, does not always: rustix
/// 1.1.4 hands the length out, 1.1.6 says 0.
fn whole(read: impl Fn(&mut [u8]) -> rustix::io::Result<usize>) -> rustix::io::Result<Vec<u8>> {
    // Most files have none, and those of others are short.
    let mut short = [0; 256];
    match read(&mut short) {
        Ok(len) => return Ok(short[..len].to_vec()),
        Err(Errno::RANGE) => {}
        Err(error) => return Err(error),
    }
    let mut long = vec![0; ATTRIBUTE_BYTES_MAX];
    let len = read(&mut long)?;
    long.truncate(len);
    Ok(long)
}
