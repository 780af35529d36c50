//! Streams that can be read once: standard input, and any reader somebody hands in.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::fd::FdReader;
use super::raw::RawInput;
use super::{Opened, ReadOptions, Source, codec};
use crate::control::Cancel;
use crate::{Error, Result};

/// Standard input belongs to the process: whoever opens it first has it.
static STDIN_IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// Standard input, named `-`. Always a stream, also when redirected from a file: another process may
/// share the file position, and the shell may have placed it.
#[derive(Debug, Default)]
pub struct StdinSource {
    options: ReadOptions,
}

impl StdinSource {
    /// Standard input, read as `options` say.
    pub fn new(options: ReadOptions) -> Self {
        Self { options }
    }
}

impl Source for StdinSource {
    fn name(&self) -> &str {
        "-"
    }

    fn open(&self) -> Result<Opened> {
        if STDIN_IS_TAKEN.swap(true, Ordering::Relaxed) {
            return Err(opened_twice("-", "standard input"));
        }
        let failed = |source| Error::Open {
            input: "-".into(),
            source,
        };
        let file = File::from(io::stdin().as_fd().try_clone_to_owned().map_err(failed)?);
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let cancel = self.options.cancel.clone();
        let reader = if metadata.is_file() {
            // Without a look at whether it changes: it may be a log that is being appended to.
            FdReader::regular("-".into(), file, None, cancel)
        } else {
            FdReader::waiting("-".into(), file, cancel)
        };
        let len_bytes = metadata.is_file().then_some(metadata.len());
        Ok(Opened::Stream(codec::open(
            RawInput::new("-".into(), Box::new(reader), len_bytes),
            &self.options,
        )?))
    }

    fn is_repeatable(&self) -> bool {
        false
    }
}

/// A stream over any [`Read`]: a socket, a decoder of another crate, a test's own reader.
pub struct ReaderSource {
    name: String,
    reader: Mutex<Option<Box<dyn Read + Send>>>,
    options: ReadOptions,
}

impl ReaderSource {
    /// The bytes of `reader` under `name`. A reader that blocks is cancelled only when it returns.
    pub fn new(
        name: impl Into<String>,
        reader: impl Read + Send + 'static,
        options: ReadOptions,
    ) -> Self {
        Self {
            name: name.into(),
            reader: Mutex::new(Some(Box::new(reader))),
            options,
        }
    }
}

impl Source for ReaderSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self) -> Result<Opened> {
        let taken = self
            .reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let reader = taken.ok_or_else(|| opened_twice(&self.name, "a stream"))?;
        let reader = CancellableReader {
            reader,
            cancel: self.options.cancel.clone(),
        };
        Ok(Opened::Stream(codec::open(
            RawInput::new(self.name.clone(), Box::new(reader), None),
            &self.options,
        )?))
    }

    fn is_repeatable(&self) -> bool {
        false
    }
}

impl fmt::Debug for ReaderSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReaderSource")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Looks at the cancellation before each read and repeats interrupted ones.
struct CancellableReader {
    reader: Box<dyn Read + Send>,
    cancel: Cancel,
}

impl Read for CancellableReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.cancel.check().map_err(io::Error::other)?;
            match self.reader.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

fn opened_twice(name: &str, what: &str) -> Error {
    Error::Unsupported {
        input: name.into(),
        reason: format!("{what} can be read only once; store it in a file to read it again"),
    }
}
