//! A stream put on disk, so that it can be read more than once.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::identity::Identity;
use super::pread::PreadFile;
use super::{Opened, Source};
use crate::{Error, Result};

/// Bytes copied at a time.
const COPY_BYTES: usize = 256 << 10;

/// The plain bytes of another source in an unnamed temporary file, gone with the value.
#[derive(Debug)]
pub struct SpooledSource {
    name: String,
    media_type: Option<String>,
    file: File,
}

impl SpooledSource {
    /// Reads `source` to its end into a file in `directory`, or in the system's temporary folder.
    ///
    /// # Errors
    /// As reading the source; [`Error::Write`] when the file cannot be made or the disk is full.
    pub fn new(source: &dyn Source, directory: Option<PathBuf>) -> Result<SpooledSource> {
        let directory = directory.unwrap_or_else(std::env::temp_dir);
        let failed = |error| Error::Write {
            output: spool_name(&directory),
            source: error,
        };
        let mut file = tempfile::tempfile_in(&directory).map_err(failed)?;
        match source.open()? {
            Opened::Random(access) => {
                let mut start = 0;
                while start < access.len_bytes() {
                    let end = start + COPY_BYTES as u64;
                    let mut written = Ok(());
                    access.with_range(start..end, &mut |bytes| written = file.write_all(bytes))?;
                    written.map_err(failed)?;
                    start = end;
                }
                access.verify()?;
            }
            Opened::Stream(mut stream) => {
                let mut buffer = vec![0; COPY_BYTES];
                loop {
                    match stream.read(&mut buffer)? {
                        0 => break,
                        read => file.write_all(&buffer[..read]).map_err(failed)?,
                    }
                }
            }
        }
        Ok(SpooledSource {
            name: source.name().to_owned(),
            media_type: source.media_type().map(str::to_owned),
            file,
        })
    }
}

fn spool_name(directory: &Path) -> String {
    format!("temporary file in {}", directory.display())
}

impl Source for SpooledSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self) -> Result<Opened> {
        let failed = |source| Error::Open {
            input: self.name.clone(),
            source,
        };
        let file = self.file.try_clone().map_err(failed)?;
        let identity = Identity::of(&file.metadata().map_err(failed)?);
        Ok(Opened::Random(Box::new(PreadFile::new(
            self.name.clone(),
            file,
            identity,
        ))))
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    fn media_type(&self) -> Option<&str> {
        self.media_type.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{MemorySource, peek};

    #[test]
    fn a_spooled_stream_can_be_read_again() {
        let text: Vec<u8> = (0..600_000u32).flat_map(u32::to_le_bytes).collect();
        let stream = MemorySource::new("s", text.clone()).as_stream(1000);
        let spooled = SpooledSource::new(&stream, None).unwrap();
        for _ in 0..2 {
            let peeked = peek(spooled.open().unwrap(), text.len() + 1).unwrap();
            assert!(peeked.is_all && peeked.head == text);
        }
    }
}
