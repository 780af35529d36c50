//! Reading from a descriptor without ever being stuck in it.
//!
//! A `read` on a pipe that nobody writes to blocks until the end of days, and a thread inside it
//! cannot be asked to stop. So wherever a read might wait we wait with `poll`, in slices of a tenth
//! of a second, and look at the [`Cancel`] in between: 10 wake-ups a second while idle, one extra
//! system call of half a microsecond per read while busy.

use std::fs::File;
use std::io::{self, Read};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::identity::Identity;
use crate::control::Cancel;
use crate::pipe;

/// How long a blocked read may take to notice a cancellation.
const POLL_SLICE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// Reads a descriptor in order; cancellable; checks at the end that a regular file stayed what it was.
///
/// Errors of the engine travel inside the `io::Error` (see [`RawInput`](super::raw::RawInput)).
#[derive(Debug)]
pub(super) struct FdReader {
    name: String,
    file: File,
    /// Whether a read may block: pipes, terminals, sockets.
    may_block: bool,
    /// State of a regular file when it was opened.
    identity: Option<Identity>,
    cancel: Cancel,
}

impl FdReader {
    /// Reads a pipe, a terminal, a device: what may let its reader wait.
    pub(super) fn waiting(name: String, file: File, cancel: Cancel) -> Self {
        pipe::widen(&file);
        Self {
            name,
            file,
            may_block: true,
            identity: None,
            cancel,
        }
    }

    /// Reads a file. With an `identity` it must still have it at the end.
    pub(super) fn regular(
        name: String,
        file: File,
        identity: Option<Identity>,
        cancel: Cancel,
    ) -> Self {
        Self {
            name,
            file,
            may_block: false,
            identity,
            cancel,
        }
    }

    /// Waits until there is something to read, the writer is gone, or a time slice is over.
    fn is_ready(&self) -> io::Result<bool> {
        let mut waiting = [PollFd::new(&self.file, PollFlags::IN)];
        match poll(&mut waiting, Some(&POLL_SLICE)) {
            Ok(count) => Ok(count > 0),
            Err(Errno::INTR) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    fn check_unchanged(&self) -> io::Result<()> {
        self.identity
            .map_or(Ok(()), |identity| identity.check(&self.file, &self.name, 0))
            .map_err(io::Error::other)
    }
}

impl Read for FdReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.cancel.check().map_err(io::Error::other)?;
            if self.may_block && !self.is_ready()? {
                continue;
            }
            match self.file.read(buffer) {
                Ok(0) if !buffer.is_empty() => {
                    self.check_unchanged()?;
                    return Ok(0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Somebody made the descriptor non-blocking (it may be shared with another process).
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.may_block = true,
                result => return result,
            }
        }
    }
}
