//! The bytes of a segment, wherever they are: mapped, read by position, or in memory.
//!
//! Look-ups go through the mapping, if there may be one (`tamis_engine::mmap`); a walk over all entries reads
//! by position whatever there is, because a mapping for look-ups tells the system not to read ahead.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tamis_engine::mmap::{Advice, Mapping};

use crate::{Error, Result};

/// What a look-up reads at once fits this; it does not allocate.
const SMALL_BYTES: usize = 512;

/// How look-ups reach the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Through a mapping if there can be one.
    Mapped,
    /// By position.
    #[cfg_attr(
        not(test),
        expect(
            dead_code,
            reason = "what is left where nothing can be mapped; tests ask for it"
        )
    )]
    Read,
}

/// A file of which ranges are read.
#[derive(Debug)]
pub(super) struct Region {
    path: PathBuf,
    len_bytes: u64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    File {
        file: File,
        mapping: Option<Mapping>,
    },
    Memory(Vec<u8>),
}

impl Region {
    pub(super) fn open(path: &Path, access: Access) -> Result<Region> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let metadata = file.metadata().map_err(Error::io("read", path))?;
        let len_bytes = metadata.len();
        let mapping = match access {
            Access::Mapped if metadata.is_file() && len_bytes > 0 => {
                Mapping::advised(&file, 0..len_bytes, Advice::Random)
            }
            _ => None,
        };
        Ok(Region {
            path: path.to_owned(),
            len_bytes,
            source: Source::File { file, mapping },
        })
    }

    /// A file that is in memory; errors name it `path`.
    pub(super) fn of_memory(path: &Path, bytes: &[u8]) -> Region {
        Region {
            path: path.to_owned(),
            len_bytes: bytes.len() as u64,
            source: Source::Memory(bytes.to_owned()),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    #[cfg(test)]
    pub(super) fn is_mapped(&self) -> bool {
        matches!(&self.source, Source::File { mapping, .. } if mapping.is_some())
    }

    /// For what is wrong with the bytes.
    pub(super) fn damaged(&self, byte_offset: u64, detail: impl Into<String>) -> Error {
        Error::damaged(&self.path, byte_offset, detail)
    }

    /// What `visit` makes of the bytes of a range, which is meant to be small.
    pub(super) fn with<R>(&self, range: Range<u64>, visit: impl Fn(&[u8]) -> R) -> Result<R> {
        let positions = self.positions(&range)?;
        match &self.source {
            Source::Memory(bytes) => Ok(visit(&bytes[positions])),
            Source::File {
                mapping: Some(mapping),
                ..
            } => self.with_mapped(mapping, positions, visit),
            Source::File { mapping: None, .. } => {
                self.with_read(range.start, positions.len(), visit)
            }
        }
    }

    /// Fills `buffer` with what starts at `byte_offset`; never through the mapping.
    pub(super) fn read(&self, byte_offset: u64, buffer: &mut [u8]) -> Result<()> {
        match &self.source {
            Source::Memory(bytes) => {
                let end = byte_offset.saturating_add(buffer.len() as u64);
                buffer.copy_from_slice(&bytes[self.positions(&(byte_offset..end))?]);
                Ok(())
            }
            Source::File { file, .. } => {
                let read = file.read_exact_at(buffer, byte_offset);
                read.map_err(|error| match error.kind() {
                    io::ErrorKind::UnexpectedEof => self.shrunk(byte_offset),
                    _ => Error::io("read", &self.path)(error),
                })
            }
        }
    }

    fn positions(&self, range: &Range<u64>) -> Result<Range<usize>> {
        let inside = range.start <= range.end && range.end <= self.len_bytes;
        let positions = inside.then(|| {
            let start = usize::try_from(range.start).ok()?;
            Some(start..usize::try_from(range.end).ok()?)
        });
        positions
            .flatten()
            .ok_or_else(|| self.damaged(range.start, "something lies beyond the end"))
    }

    fn with_mapped<R>(
        &self,
        mapping: &Mapping,
        positions: Range<usize>,
        visit: impl Fn(&[u8]) -> R,
    ) -> Result<R> {
        let mut answer = None;
        mapping.with_bytes(positions, &mut |bytes| answer = Some(visit(bytes)));
        match mapping.first_lost_byte() {
            // Zeros from there to the end may stand for anything.
            Some(lost) => Err(self.shrunk(lost as u64)),
            None => Ok(answer.expect("the closure is called once")),
        }
    }

    fn with_read<R>(&self, byte_offset: u64, len: usize, visit: impl Fn(&[u8]) -> R) -> Result<R> {
        let mut small = [0; SMALL_BYTES];
        let mut large = Vec::new();
        let buffer = match small.get_mut(..len) {
            Some(small) => small,
            None => {
                large.resize(len, 0);
                &mut large[..]
            }
        };
        self.read(byte_offset, buffer)?;
        Ok(visit(buffer))
    }

    fn shrunk(&self, byte_offset: u64) -> Error {
        self.damaged(byte_offset, "it became shorter, or cannot be read any more")
    }
}
