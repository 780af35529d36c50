//! Files that are written as records come, behind what is in them already.
//!
//! What was [flushed](Sink::flush) is on the disk, so that whoever wrote it can go on behind it after a crash. A write that a crash cut
//! short leaves half a record at the end; such a file is not taken, because what came next would become a part of that record.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::direct::DirectSink;
use super::file::{directory_of, open_special};
use super::{BUFFER_BYTES, Sink, write_error};
use crate::framing::Framing;
use crate::{Error, Result};

/// Appends to a file, which others may read meanwhile.
#[derive(Debug)]
pub struct GrowingSink {
    name: String,
    writer: BufWriter<File>,
    was_empty: bool,
}

impl GrowingSink {
    /// A sink for `path`, which is made if it is not there. What is no regular file is written to as by a
    /// [`FileSink`](super::FileSink).
    ///
    /// # Errors
    /// [`Error::Write`] when the file cannot be opened, or has no line end behind its last record.
    pub fn open(path: impl AsRef<Path>) -> Result<Box<dyn Sink>> {
        let path = path.as_ref();
        let name = path.to_string_lossy().into_owned();
        match Self::open_or_say(path, &name) {
            Ok(sink) => Ok(sink),
            Err(source) => Err(Error::Write {
                output: name,
                source,
            }),
        }
    }

    fn open_or_say(path: &Path, name: &str) -> io::Result<Box<dyn Sink>> {
        if let Some(file) = open_special(path)? {
            return Ok(Box::new(DirectSink::new(name.to_owned(), file)));
        }
        let is_new = !path.exists();
        // Reading is for the last byte.
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).open(path)?;
        let len_bytes = file.metadata()?.len();
        if len_bytes > 0 {
            let mut last = [0];
            file.read_exact_at(&mut last, len_bytes - 1)?;
            if last != *b"\n" {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "its last line has no end, as if a write had been cut short; end it or remove it",
                ));
            }
        }
        if is_new {
            // As with files that appear whole: some file systems cannot be asked for it.
            let _ = File::open(directory_of(path)).and_then(|directory| directory.sync_all());
        }
        Ok(Box::new(Self {
            name: name.to_owned(),
            writer: BufWriter::with_capacity(BUFFER_BYTES, file),
            was_empty: len_bytes == 0,
        }))
    }
}

impl Sink for GrowingSink {
    fn name(&self) -> &str {
        &self.name
    }

    /// The columns are named where the file begins, and nowhere else.
    fn begin_records(&mut self, _framing: Framing) -> bool {
        self.was_empty
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.writer.write_all(bytes);
        written.map_err(|source| write_error(&self.name, source))
    }

    fn flush(&mut self) -> Result<()> {
        let flushed = self.writer.flush();
        let synced = flushed.and_then(|()| self.writer.get_ref().sync_data());
        synced.map_err(|source| write_error(&self.name, source))
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_flushed_is_there_and_what_was_there_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("rows.csv");
        let read = || fs::read_to_string(&path).expect("it is there");
        let mut sink = GrowingSink::open(&path).expect("it can be made");
        assert!(sink.begin_records(Framing::Lines));
        sink.write_all(b"id\n1\n").expect("there is room");
        sink.flush().expect("there is room");
        assert_eq!(read(), "id\n1\n");
        // As a crash does.
        drop(sink);
        let mut sink = GrowingSink::open(&path).expect("it is there");
        assert!(!sink.begin_records(Framing::Lines), "it has a header");
        sink.write_all(b"2\n").expect("there is room");
        sink.finish().expect("there is room");
        assert_eq!(read(), "id\n1\n2\n");
        fs::write(&path, "id\n1\n2").expect("there is room");
        let error = GrowingSink::open(&path).err().expect("half a record");
        let source = std::error::Error::source(&error).expect("a cause");
        assert!(source.to_string().contains("no end"), "{source}");
        assert_eq!(read(), "id\n1\n2", "nothing is touched");
    }
}
