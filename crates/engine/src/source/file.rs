//! Files, and whatever else has a path.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::codec::{Codec, MAGIC_BYTES};
use super::fd::FdReader;
use super::identity::Identity;
use super::mapped::MappedFile;
use super::pread::PreadFile;
use super::raw::RawInput;
use super::{Io, Opened, RandomAccess, ReadOptions, Source, codec};
use crate::mmap::{self, Mapping};
use crate::{Error, Result};

/// Smallest file [`Io::Auto`] maps. Below, opening costs more than either way of reading.
const MAPPED_BYTES_MIN: u64 = 1 << 20;

/// A path: a regular file, compressed or not, a named pipe, a device.
///
/// [`Io::Auto`] maps a regular file when all of this holds, and reads by position otherwise: the fault handler
/// is installed, the file has at least 1 MiB, and it lies on a local disk or in memory (on a network or
/// FUSE file system a lost connection would surface as lost pages).
///
/// What mapping saves is the copy, less what it costs to fault pages in and to release them. CPU time
/// for counting the newlines of 1 GB in chunks of 512 KiB with two threads (`benches/sources.rs`; warm,
/// ext4, Linux 6.18, a virtual machine with 2 cores that had other work): `read` 175 ms, `mmap` 125 ms (the
/// unmapping not included), released behind the cursor 166 ms. With one thread: 178, 130 and
/// 157 ms. So mapping, as a run uses it, is worth 5 to 12 % of the cost of reading, and little
/// of a run that does more than read. Peak memory is the same, about 30 MB.
///
/// Whether somebody has the file open for writing is *not* probed. The only probe there is, taking a
/// lease (`F_SETLEASE`), makes the kernel send us `SIGIO` if a writer opens the file in just that
/// moment, and `SIGIO` ends a process by default. A writer is noticed by what it does instead.
#[derive(Debug)]
pub struct FileSource {
    path: PathBuf,
    name: String,
    options: ReadOptions,
}

impl FileSource {
    /// The file at `path`, which is also its name. Nothing is opened yet.
    pub fn new(path: impl Into<PathBuf>, options: ReadOptions) -> Self {
        let path = path.into();
        let name = path.to_string_lossy().into_owned();
        Self {
            path,
            name,
            options,
        }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn open_file(&self) -> io::Result<(File, Metadata)> {
        let mut flags = libc::O_NOCTTY;
        if fs::metadata(&self.path)?.file_type().is_fifo() {
            // Opening a pipe that nobody writes to yet would block, out of reach of a cancellation; so we
            // wait in `poll` instead.
            flags |= libc::O_NONBLOCK;
        }
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(&self.path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            let text = "it is a directory; name the files in it";
            return Err(io::Error::new(io::ErrorKind::IsADirectory, text));
        }
        Ok((file, metadata))
    }

    fn open_stream(&self, reader: FdReader, len_bytes: Option<u64>) -> Result<Opened> {
        let raw = RawInput::new(self.name.clone(), Box::new(reader), len_bytes);
        Ok(Opened::Stream(codec::open(raw, &self.options)?))
    }

    fn open_random(&self, file: File, identity: Identity) -> Result<Box<dyn RandomAccess>> {
        let wants_mapping = match self.options.io {
            Io::Read => false,
            Io::Mmap if !mmap::is_fault_handler_installed() => {
                return Err(Error::Unsupported {
                    input: self.name.clone(),
                    reason:
                        "mapping needs `mmap::install_fault_handler` first; `read` needs nothing"
                            .into(),
                });
            }
            Io::Mmap => true,
            Io::Auto => {
                identity.len_bytes() >= MAPPED_BYTES_MIN
                    && mmap::is_fault_handler_installed()
                    && Storage::of(&file) == Storage::Local
            }
        };
        // What cannot be mapped (no memory map on this file system, no address space) can be read.
        if wants_mapping && let Some(mapping) = Mapping::of_file(&file, identity.len_bytes()) {
            return Ok(Box::new(MappedFile::new(
                self.name.clone(),
                file,
                identity,
                mapping,
            )));
        }
        Ok(Box::new(PreadFile::new(self.name.clone(), file, identity)))
    }
}

impl Source for FileSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self) -> Result<Opened> {
        let failed = |source| Error::Open {
            input: self.name.clone(),
            source,
        };
        let (file, metadata) = self.open_file().map_err(failed)?;
        let (name, cancel) = (self.name.clone(), self.options.cancel.clone());
        if !metadata.is_file() {
            return self.open_stream(FdReader::waiting(name, file, cancel), None);
        }
        // Files of `/proc` and `/sys` claim a size that is not the number of bytes in them.
        if metadata.len() == 0 || Storage::of(&file) == Storage::Synthetic {
            return self.open_stream(FdReader::regular(name, file, None, cancel), None);
        }
        let identity = Identity::of(&metadata).with(self.options.growth);
        let mut head = [0; MAGIC_BYTES];
        let head_bytes = match self.options.unpack {
            true => file.read_at(&mut head, 0).map_err(failed)?,
            false => 0,
        };
        if self.options.unpack && Codec::detect(&head[..head_bytes], &self.name).is_some() {
            let reader = FdReader::regular(name, file, Some(identity), cancel);
            return self.open_stream(reader, Some(metadata.len()));
        }
        Ok(Opened::Random(self.open_random(file, identity)?))
    }

    fn is_repeatable(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|metadata| metadata.is_file())
    }
}

/// What kind of storage a file lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Storage {
    /// A disk of this machine, or its memory.
    Local,
    /// Made up by the kernel when read.
    Synthetic,
    /// Network, FUSE, unknown.
    Other,
}

impl Storage {
    /// By the file system's magic number (`linux/magic.h`). Local ones are listed, so that a new network file
    /// system is never mistaken for one.
    #[cfg(target_os = "linux")]
    fn of(file: &File) -> Self {
        const EXT: u32 = 0xEF53;
        const XFS: u32 = 0x5846_5342;
        const BTRFS: u32 = 0x9123_683E;
        const F2FS: u32 = 0xF2F5_2010;
        const BCACHEFS: u32 = 0xCA45_1A4E;
        const ZFS: u32 = 0x2FC1_2FC1;
        const TMPFS: u32 = 0x0102_1994;
        const OVERLAYFS: u32 = 0x794C_7630;
        const SQUASHFS: u32 = 0x7371_7368;
        const EROFS: u32 = 0xE0F5_E1E2;
        const PROC: u32 = 0x9FA0;
        const SYSFS: u32 = 0x6265_6572;
        const DEBUGFS: u32 = 0x6462_6720;
        const TRACEFS: u32 = 0x7472_6163;
        const CGROUP2: u32 = 0x6367_7270;
        match rustix::fs::fstatfs(file).map(|statfs| statfs.f_type as u32) {
            Ok(
                EXT | XFS | BTRFS | F2FS | BCACHEFS | ZFS | TMPFS | OVERLAYFS | SQUASHFS | EROFS,
            ) => Self::Local,
            Ok(PROC | SYSFS | DEBUGFS | TRACEFS | CGROUP2) => Self::Synthetic,
            _ => Self::Other,
        }
    }

    /// Unknown elsewhere: read by position, always right.
    #[cfg(not(target_os = "linux"))]
    fn of(_file: &File) -> Self {
        Self::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_fault_handler_nothing_is_mapped() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("data");
        fs::write(&path, vec![b'x'; 4 << 20]).expect("there is room");
        let open = |io| {
            FileSource::new(
                &path,
                ReadOptions {
                    io,
                    ..ReadOptions::default()
                },
            )
            .open()
        };
        assert!(matches!(open(Io::Mmap), Err(Error::Unsupported { .. })));
        assert!(matches!(open(Io::Auto), Ok(Opened::Random(bytes)) if bytes.backend() == "read"));
    }
}
