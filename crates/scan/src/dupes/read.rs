//! What is read of one file at each stage.
//!
//! Four system calls at most: open, read, close, and a second read where the first brought less than it was asked for.
//! Nobody asks for the state of the file again: its size shows when it is read, and whether it changed otherwise is asked
//! before anything is done to it.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use tamis_engine::Error as Engine;
use xxhash_rust::xxh3::xxh3_128;

use crate::{Result, names};

/// Files up to this size are read whole instead of their prefix.
pub(super) const WHOLE_BYTES_MAX: u64 = 16 << 10;
/// What is read of both ends of a larger one.
pub(super) const END_BYTES: usize = 4 << 10;
/// From this size on the suffix is read by itself, before the rest.
pub(super) const SUFFIX_FROM_BYTES: u64 = 128 << 10;
/// From this size on a file is hashed by all threads at once.
pub(super) const SHARED_FROM_BYTES: u64 = 8 << 20;

/// What is read at a time: half of a second-level cache.
const BUFFER_BYTES: usize = 256 << 10;

/// Reads files for one thread.
#[derive(Debug)]
pub(super) struct Reader {
    buffer: Vec<u8>,
}

impl Reader {
    pub(super) fn new() -> Reader {
        Reader {
            buffer: vec![0; BUFFER_BYTES],
        }
    }

    /// The digest of a file of `len_bytes`, read with one call if it is small.
    pub(super) fn digest(&mut self, path: &Path, len_bytes: u64) -> Result<[u8; 32]> {
        let file = open(path)?;
        let mut hasher = None;
        let mut offset = 0;
        loop {
            // A byte more than there should be, so that the end shows without another call.
            let rest = len_bytes - offset;
            let [least, wanted] = [rest, rest + 1].map(|it| it.min(BUFFER_BYTES as u64) as usize);
            let count = read_at(&file, path, &mut self.buffer[..wanted], least, offset)?;
            let bytes = &self.buffer[..count];
            offset += count as u64;
            let is_end = count < wanted;
            if offset > len_bytes || is_end && offset < len_bytes {
                return Err(other_size(path, len_bytes, offset, is_end));
            }
            if is_end && hasher.is_none() {
                return Ok(blake3::hash(bytes).into());
            }
            let hasher = hasher.get_or_insert_with(blake3::Hasher::new);
            hasher.update(bytes);
            if is_end {
                return Ok(hasher.finalize().into());
            }
        }
    }

    /// A hash of the first bytes of a larger file.
    pub(super) fn prefix(&mut self, path: &Path) -> Result<[u8; 16]> {
        self.end(path, 0)
    }

    /// A hash of its last bytes.
    pub(super) fn suffix(&mut self, path: &Path, len_bytes: u64) -> Result<[u8; 16]> {
        self.end(path, len_bytes - END_BYTES as u64)
    }

    fn end(&mut self, path: &Path, offset: u64) -> Result<[u8; 16]> {
        let file = open(path)?;
        let bytes = &mut self.buffer[..END_BYTES];
        let count = read_at(&file, path, bytes, END_BYTES, offset)?;
        if count < bytes.len() {
            let end = offset + count as u64;
            return Err(other_size(path, offset + END_BYTES as u64, end, true));
        }
        Ok(xxh3_128(bytes).to_le_bytes())
    }
}

/// Opens a file for reading, unless something else stands in its place by now.
pub(super) fn open(path: &Path) -> Result<File> {
    let opened = File::options()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path);
    opened.map_err(|source| {
        let input = names::show(path).into_owned();
        Engine::Open { input, source }.into()
    })
}

/// Reads into `buffer` until `least` bytes are there or the file ends; how many there are.
pub(super) fn read_at(
    file: &File,
    path: &Path,
    buffer: &mut [u8],
    least: usize,
    offset: u64,
) -> Result<usize> {
    let mut filled = 0;
    loop {
        let byte_offset = offset + filled as u64;
        match file.read_at(&mut buffer[filled..], byte_offset) {
            Ok(0) => return Ok(filled),
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(source) => return Err(read_error(path, byte_offset, source)),
        }
        if filled >= least {
            return Ok(filled);
        }
    }
}

fn read_error(path: &Path, byte_offset: u64, source: io::Error) -> crate::Error {
    let input = names::show(path).into_owned();
    Engine::Read {
        input,
        byte_offset,
        source,
    }
    .into()
}

fn other_size(path: &Path, expected: u64, found: u64, is_end: bool) -> crate::Error {
    let found = match is_end {
        true => format!("{found} bytes"),
        false => "more".to_owned(),
    };
    Engine::Changed {
        input: names::show(path).into_owned(),
        byte_offset: expected,
        detail: format!("its size was {expected} bytes, and there are {found} now"),
    }
    .into()
}
