//! Outputs that are written as the bytes come: standard output, pipes, devices.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::{BUFFER_BYTES, Sink, write_error};
use crate::{Error, Result, pipe};

/// Standard output, named `-`.
///
/// Written through a descriptor of its own, because [`std::io::Stdout`] flushes at every newline.
/// What somebody prints meanwhile through `std` is not ordered with it.
#[derive(Debug)]
pub struct StdoutSink(DirectSink);

impl StdoutSink {
    /// Standard output.
    ///
    /// # Errors
    /// [`Error::Write`] when the descriptor cannot be duplicated.
    pub fn new() -> Result<Self> {
        match io::stdout().as_fd().try_clone_to_owned() {
            Ok(descriptor) => Ok(Self(DirectSink::new("-".into(), File::from(descriptor)))),
            Err(source) => Err(Error::Write {
                output: "-".into(),
                source,
            }),
        }
    }
}

impl Sink for StdoutSink {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        self.0.flush()
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Box::new(self.0).finish()
    }
}

/// Anything that is open already and cannot be published in one step.
#[derive(Debug)]
pub(super) struct DirectSink {
    name: String,
    writer: BufWriter<Patient>,
}

impl DirectSink {
    pub(super) fn new(name: String, file: File) -> Self {
        pipe::widen(&file);
        Self {
            name,
            writer: BufWriter::with_capacity(BUFFER_BYTES, Patient(file)),
        }
    }
}

impl Sink for DirectSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer
            .write_all(bytes)
            .map_err(|source| write_error(&self.name, source))
    }

    fn flush(&mut self) -> Result<()> {
        self.writer
            .flush()
            .map_err(|source| write_error(&self.name, source))
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.flush()
    }
}

/// A file that waits where a non-blocking descriptor (a terminal shared with a program that made it
/// one) would fail.
#[derive(Debug)]
struct Patient(File);

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], None) {
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(errno) => return Err(errno.into()),
                    }
                }
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
