//! Sorted entries on disk: one unnamed file, freed by the system whatever happens to us.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use tamis_engine::{Error, Result};

use super::entry::{ENTRY_BYTES, Entry};
use super::{PARTITIONS, spill_name};

/// Bytes handed to the system in one write.
const WRITE_BYTES: usize = 256 * 1024;

/// A sorted run of entries in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    byte_offset: u64,
    entries: u64,
}

/// The spill file and what lies where in it.
#[derive(Debug)]
pub(super) struct Spill {
    file: File,
    /// Name for messages.
    name: String,
    len_bytes: u64,
    /// Extents of each partition, each sorted and free of repeats.
    extents: Box<[Vec<Extent>]>,
    buffer: Vec<u8>,
}

impl Spill {
    /// An empty file in `directory`.
    pub(super) fn create(directory: &Path) -> Result<Self> {
        let name = spill_name(directory);
        match tempfile::tempfile_in(directory) {
            Ok(file) => Ok(Self::in_file(file, name)),
            Err(source) => Err(Error::Write {
                output: name,
                source,
            }),
        }
    }

    /// Spills into a file that is open already.
    pub(super) fn in_file(file: File, name: String) -> Self {
        let extents = (0..PARTITIONS).map(|_| Vec::new()).collect();
        Self {
            file,
            name,
            len_bytes: 0,
            extents,
            buffer: Vec::with_capacity(WRITE_BYTES),
        }
    }

    pub(super) fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// Adds an extent to a partition; `entries` are sorted and free of repeats.
    pub(super) fn append(&mut self, partition: usize, entries: &[Entry]) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let extent = Extent {
            byte_offset: self.len_bytes,
            entries: entries.len() as u64,
        };
        for batch in entries.chunks(WRITE_BYTES / ENTRY_BYTES) {
            self.buffer.clear();
            for entry in batch {
                self.buffer.extend_from_slice(&entry.to_bytes());
            }
            self.file
                .write_all(&self.buffer)
                .map_err(|source| self.write_error(source))?;
            self.len_bytes += self.buffer.len() as u64;
        }
        self.extents[partition].push(extent);
        Ok(())
    }

    /// Readers of a partition's extents that buffer `memory_bytes` all together.
    pub(super) fn readers(&self, partition: usize, memory_bytes: usize) -> Vec<ExtentReader<'_>> {
        let extents = &self.extents[partition];
        let capacity = memory_bytes / extents.len().max(1) / ENTRY_BYTES;
        // Below a page the reads cost more than they save; above 10,000 entries nothing is gained.
        let capacity = capacity.clamp(170, 10_000);
        extents
            .iter()
            .map(|&rest| ExtentReader {
                spill: self,
                rest,
                capacity,
                buffer: Vec::new(),
                position: 0,
            })
            .collect()
    }

    fn write_error(&self, source: io::Error) -> Error {
        let hint = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "; free some space, set TMPDIR to a larger disk, or allow more memory with `--memory`"
            }
            _ => "",
        };
        let text = format!("{source} after {} bytes{hint}", self.len_bytes);
        Error::Write {
            output: self.name.clone(),
            source: io::Error::new(source.kind(), text),
        }
    }
}

/// Reads an extent front to back, a buffer at a time.
#[derive(Debug)]
pub(super) struct ExtentReader<'a> {
    spill: &'a Spill,
    /// What is not in the buffer yet.
    rest: Extent,
    /// Entries read at a time.
    capacity: usize,
    buffer: Vec<u8>,
    position: usize,
}

impl ExtentReader<'_> {
    /// The next entry, in order of keys; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Entry>> {
        if self.position == self.buffer.len() && !self.refill()? {
            return Ok(None);
        }
        let bytes = self.buffer[self.position..]
            .first_chunk()
            .expect("the buffer holds whole entries");
        self.position += ENTRY_BYTES;
        Ok(Some(Entry::from_bytes(bytes)))
    }

    fn refill(&mut self) -> Result<bool> {
        let entries = self.rest.entries.min(self.capacity as u64);
        if entries == 0 {
            return Ok(false);
        }
        let len_bytes = entries as usize * ENTRY_BYTES;
        self.buffer.resize(len_bytes, 0);
        let read = self
            .spill
            .file
            .read_exact_at(&mut self.buffer, self.rest.byte_offset);
        read.map_err(|source| Error::Read {
            input: self.spill.name.clone(),
            byte_offset: self.rest.byte_offset,
            source,
        })?;
        self.rest.entries -= entries;
        self.rest.byte_offset += len_bytes as u64;
        self.position = 0;
        Ok(true)
    }
}
