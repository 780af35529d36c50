//! What does not fit into memory, on disk: unnamed temporary files, freed by the system whatever happens to us.
//!
//! A [`SpillFile`] is appended to and read at any place; who writes knows what lies where. [`run`] keeps sorted records in
//! such files and merges them.

pub(crate) mod run;

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tamis_engine::{Error, Result};

/// What a run takes beside the rows or groups it holds: the pieces under way, and what is written of them.
const BESIDE_BYTES: usize = 24_000_000;

/// What of a budget is left for rows or groups. A small one is theirs but for an eighth: a run needs what it needs.
pub(crate) fn held_bytes(memory_bytes: usize) -> usize {
    memory_bytes - BESIDE_BYTES.min(memory_bytes / 8)
}

/// Where spilled data goes.
#[derive(Clone, Debug)]
pub(crate) struct SpillPlace {
    directory: PathBuf,
    /// What is spilled, for messages.
    what: &'static str,
}

impl SpillPlace {
    /// In `directory`, or in the system's temporary folder.
    pub(crate) fn new(directory: Option<&Path>, what: &'static str) -> SpillPlace {
        SpillPlace {
            directory: directory.map_or_else(std::env::temp_dir, Path::to_owned),
            what,
        }
    }

    /// An empty file.
    pub(crate) fn file(&self) -> Result<SpillFile> {
        let name = format!("{} in {}", self.what, self.directory.display());
        match tempfile::tempfile_in(&self.directory) {
            Ok(file) => Ok(SpillFile {
                file,
                name,
                len_bytes: 0,
            }),
            Err(source) => Err(Error::Write {
                output: name,
                source,
            }),
        }
    }
}

/// A file without a name.
#[derive(Debug)]
pub(crate) struct SpillFile {
    file: File,
    /// For messages.
    name: String,
    len_bytes: u64,
}

impl SpillFile {
    pub(crate) fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// Appends `bytes`; hand over many at a time.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        match self.file.write_all(bytes) {
            Ok(()) => {
                self.len_bytes += bytes.len() as u64;
                Ok(())
            }
            Err(source) => Err(self.write_error(&source)),
        }
    }

    /// Fills `buffer` with what was written at that place.
    pub(crate) fn read_at(&self, byte_offset: u64, buffer: &mut [u8]) -> Result<()> {
        let read = self.file.read_exact_at(buffer, byte_offset);
        read.map_err(|source| Error::Read {
            input: self.name.clone(),
            byte_offset,
            source,
        })
    }

    fn write_error(&self, source: &io::Error) -> Error {
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

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn a_full_disk_is_an_error_that_says_what_to_do() {
        let mut full = SpillFile {
            file: OpenOptions::new()
                .write(true)
                .open("/dev/full")
                .expect("it is always there"),
            name: "spilled groups in /dev".to_owned(),
            len_bytes: 0,
        };
        let error = full.append(b"group").unwrap_err();
        assert!(matches!(error, Error::Write { .. }));
        let text = error.to_string();
        assert!(text.contains("spilled groups in /dev"), "{text}");
        let nowhere = SpillPlace::new(Some(Path::new("/nowhere")), "spilled groups");
        assert!(matches!(nowhere.file(), Err(Error::Write { .. })));
    }
}
