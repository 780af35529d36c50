//! Reading one file as it is at one moment.
//!
//! A file is looked at before and after it was read. If it changed meanwhile, it is read again, and after some attempts
//! reported: what goes into the store is what was there at one time, or nothing.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

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

/// Reads files, so many bytes at a time, and counts how often.
#[derive(Debug)]
pub(crate) struct Reads {
    buffer_bytes: usize,
    count: AtomicU64,
}

impl Reads {
    pub(crate) fn new(buffer_bytes: usize) -> Reads {
        Reads {
            buffer_bytes: buffer_bytes.max(1),
            count: AtomicU64::new(0),
        }
    }

    /// How often the system was asked for bytes.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Fills `buffer` from byte `start` of a file on, up to `enough` bytes of it or the end of the file; how many those are.
    fn fill(
        &self,
        file: &File,
        buffer: &mut [u8],
        start: u64,
        enough: usize,
    ) -> std::io::Result<usize> {
        let mut filled = 0;
        while filled < enough {
            let end = buffer.len().min(filled + self.buffer_bytes);
            self.count.fetch_add(1, Ordering::Relaxed);
            match file.read_at(&mut buffer[filled..end], start + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
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
    pub(super) fn read_all(&self, buffer: &mut Vec<u8>, reads: &Reads) -> Result<(), Unread> {
        // One byte more than there should be, so that one that has grown shows in the same call.
        let len = self.stamp.len_bytes as usize;
        buffer.resize(len + 1, 0);
        // Of one that is said to be empty, too.
        let read = reads.fill(&self.file, buffer, 0, len.max(1))?;
        buffer.truncate(read);
        self.check()?;
        match read == len {
            true => Ok(()),
            false => Err(Unread::Changed),
        }
    }

    /// Fills `buffer` from byte `start` on.
    pub(super) fn read_at(
        &self,
        start: u64,
        buffer: &mut [u8],
        reads: &Reads,
    ) -> Result<(), Unread> {
        let wanted = buffer.len();
        match reads.fill(&self.file, buffer, start, wanted)? == wanted {
            true => Ok(()),
            false => Err(Unread::Changed),
        }
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn files_are_read_in_pieces_of_what_is_set() {
        let mut file = tempfile::tempfile().expect("a temporary file");
        let bytes: Vec<u8> = (0..10_000).map(|number| number as u8).collect();
        file.write_all(&bytes).expect("there is room");
        for (buffer_bytes, count) in [(1, 10_000), (999, 11), (10_000, 1), (1 << 20, 1)] {
            let reads = Reads::new(buffer_bytes);
            let mut buffer = vec![0; 10_001];
            let filled = reads.fill(&file, &mut buffer, 0, 10_000);
            assert_eq!(filled.expect("it can be read"), 10_000);
            assert!(buffer[..10_000] == bytes && reads.count() == count);
        }
        // A file that has grown gives more than was enough, and one that was cut less.
        let reads = Reads::new(64);
        let mut buffer = vec![0; 101];
        assert_eq!(
            reads
                .fill(&file, &mut buffer, 9_000, 100)
                .expect("it can be read"),
            101
        );
        assert_eq!(
            reads
                .fill(&file, &mut buffer, 9_950, 100)
                .expect("it can be read"),
            50
        );
        assert_eq!(buffer[..50], bytes[9_950..]);
    }
}
