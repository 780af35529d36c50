//! A file that is read while it grows, as `tail -F` does.
//!
//! The stream of a [`FollowSource`] waits at the end of the file for more, and looks around every [`POLL`]:
//!
//! - *Rotation*: another file stands at the path. The old one is read to its end, then the stream ends, and
//!   [`Source::goes_on`] says that the next [`open`](Source::open) gives the new one.
//! - *Copy and truncate*: the file is shorter than what was read, or other bytes stand where the last ones were. The
//!   stream ends, and the next one begins at the start of the file.
//! - *Missing*: nothing stands at the path. The old file is read on until there is something.
//!
//! A stream ends only when its successor holds a whole line, so that whoever opens it need not wait for a header. What
//! was appended to a file after it was rotated away and its successor had begun is lost, as with `tail`; so is what
//! was appended to a file and truncated within one [`POLL`].
//!
//! Polling instead of inotify: it works on every file system, network ones included, and costs four system calls
//! twenty times a second.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::codec::{Codec, MAGIC_BYTES};
use super::{Arrival, ByteStream, Opened, Source};
use crate::control::Cancel;
use crate::{Error, Result};

/// How long the stream sleeps at the end of the file before it looks again.
pub const POLL: Duration = Duration::from_millis(50);

/// A successor without a line end is taken up when it is as long as this.
const LINE_BYTES_MAX: usize = 64 << 10;

/// The last bytes read are remembered, to notice that others stand in their place.
const RECENT_BYTES: usize = 64;

/// A regular file that is followed as it grows. Compressed files cannot be.
#[derive(Debug)]
pub struct FollowSource(Arc<Followed>);

/// What the source and its streams share.
#[derive(Debug)]
struct Followed {
    path: PathBuf,
    name: String,
    cancel: Cancel,
    stop: Cancel,
    /// The file to open next, found by the stream before.
    successor: Mutex<Option<File>>,
    goes_on: AtomicBool,
}

impl FollowSource {
    /// Follows the file at `path`, which need not exist yet.
    ///
    /// `stop` ends the input where it is: [`ByteStream::read_now`] says [`Arrival::Stopped`]. `cancel` is an error,
    /// as everywhere.
    pub fn new(path: impl Into<PathBuf>, stop: Cancel, cancel: Cancel) -> Self {
        let path = path.into();
        Self(Arc::new(Followed {
            name: path.to_string_lossy().into_owned(),
            path,
            cancel,
            stop,
            successor: Mutex::new(None),
            goes_on: AtomicBool::new(false),
        }))
    }
}

impl Source for FollowSource {
    fn name(&self) -> &str {
        &self.0.name
    }

    /// Waits until there is a file with a whole line.
    ///
    /// # Errors
    /// [`Error::Open`] when the file is there and cannot be opened, [`Error::Unsupported`] when it is no regular
    /// file or compressed, [`Error::Interrupted`] when the source was stopped before it began.
    fn open(&self) -> Result<Opened> {
        let followed = &self.0;
        followed.goes_on.store(false, Ordering::Relaxed);
        let mut successor = followed.lock_successor().take();
        loop {
            followed.cancel.check()?;
            followed.stop.check()?;
            if successor.is_none() {
                successor = followed.open_file()?;
            }
            if let Some(file) = successor.take_if(|file| begins_with_line(file)) {
                return Ok(Opened::Stream(Box::new(followed.stream(file)?)));
            }
            successor = None;
            thread::sleep(POLL);
        }
    }

    fn is_repeatable(&self) -> bool {
        false
    }

    fn goes_on(&self) -> bool {
        self.0.goes_on.load(Ordering::Relaxed)
    }
}

impl Followed {
    /// The file at the path; `None` while there is none.
    fn open_file(&self) -> Result<Option<File>> {
        let failed = |source| Error::Open {
            input: self.name.clone(),
            source,
        };
        // Asked before, because opening a pipe would wait for its other end.
        match fs::metadata(&self.path) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Err(self.unsupported("only a regular file can be followed")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        }
        match File::open(&self.path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    fn stream(self: &Arc<Self>, file: File) -> Result<FollowStream> {
        let failed = |source| Error::Open {
            input: self.name.clone(),
            source,
        };
        let mut head = [0; MAGIC_BYTES];
        let head_bytes = file.read_at(&mut head, 0).map_err(failed)?;
        if Codec::detect(&head[..head_bytes], &self.name).is_some() {
            return Err(self.unsupported("a compressed file cannot be followed"));
        }
        Ok(FollowStream {
            identity: identity(&file.metadata().map_err(failed)?),
            followed: Arc::clone(self),
            file,
            position: 0,
            recent: Vec::new(),
            is_resting: false,
            is_truncated: false,
            is_at_end: false,
        })
    }

    fn unsupported(&self, reason: &str) -> Error {
        Error::Unsupported {
            input: self.name.clone(),
            reason: reason.to_owned(),
        }
    }

    fn lock_successor(&self) -> std::sync::MutexGuard<'_, Option<File>> {
        self.successor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// One file, from its start until another one follows.
#[derive(Debug)]
struct FollowStream {
    followed: Arc<Followed>,
    file: File,
    identity: (u64, u64),
    position: u64,
    /// The last bytes before `position`.
    recent: Vec<u8>,
    /// Nothing was left the last time.
    is_resting: bool,
    /// What stands in the file now is another text, to be read from its start.
    is_truncated: bool,
    is_at_end: bool,
}

impl FollowStream {
    /// Reads what is there now.
    fn advance(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if self.is_truncated {
            return Ok(0);
        }
        let count = self.read_at(buffer, self.position)?;
        self.position += count as u64;
        let kept = count.min(RECENT_BYTES);
        let surplus = (self.recent.len() + kept).saturating_sub(RECENT_BYTES);
        self.recent.drain(..surplus);
        self.recent.extend_from_slice(&buffer[count - kept..count]);
        Ok(count)
    }

    fn read_at(&self, buffer: &mut [u8], byte_offset: u64) -> Result<usize> {
        loop {
            match self.file.read_at(buffer, byte_offset) {
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(Error::Read {
                        input: self.followed.name.clone(),
                        byte_offset,
                        source,
                    });
                }
            }
        }
    }

    /// Whether the last bytes read are no longer where they were.
    fn has_lost_its_place(&self) -> Result<bool> {
        let mut now = [0; RECENT_BYTES];
        let now = &mut now[..self.recent.len()];
        let count = self.read_at(now, self.position - now.len() as u64)?;
        Ok(now[..count] != self.recent)
    }

    /// The file to go on with, if there is one and it holds a line.
    fn find_successor(&self) -> Option<File> {
        let metadata = fs::metadata(&self.followed.path).ok()?;
        let is_other = identity(&metadata) != self.identity;
        if !metadata.is_file() || !is_other && !self.is_truncated {
            return None;
        }
        // Whatever goes wrong with the new file, the old one is still there.
        let file = File::open(&self.followed.path).ok()?;
        begins_with_line(&file).then_some(file)
    }
}

impl ByteStream for FollowStream {
    fn name(&self) -> &str {
        &self.followed.name
    }

    fn backend(&self) -> &'static str {
        "follow"
    }

    /// As [`read_now`](ByteStream::read_now), but waits; the end when the source was stopped.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match self.read_now(buffer)? {
                Arrival::Bytes(count) => return Ok(count),
                Arrival::End | Arrival::Stopped => return Ok(0),
                Arrival::Idle => {}
            }
        }
    }

    fn read_now(&mut self, buffer: &mut [u8]) -> Result<Arrival> {
        self.followed.cancel.check()?;
        if self.is_at_end || buffer.is_empty() {
            return Ok(Arrival::End);
        }
        if self.followed.stop.is_cancelled() {
            return Ok(Arrival::Stopped);
        }
        if std::mem::take(&mut self.is_resting) {
            thread::sleep(POLL);
            self.is_truncated = self.is_truncated || self.has_lost_its_place()?;
        }
        let mut count = self.advance(buffer)?;
        if count == 0
            && let Some(successor) = self.find_successor()
        {
            // Somebody may have written here until the successor was there.
            count = self.advance(buffer)?;
            if count == 0 {
                *self.followed.lock_successor() = Some(successor);
                self.followed.goes_on.store(true, Ordering::Relaxed);
                self.is_at_end = true;
                return Ok(Arrival::End);
            }
        }
        if count > 0 {
            return Ok(Arrival::Bytes(count));
        }
        self.is_resting = true;
        Ok(Arrival::Idle)
    }

    fn raw_bytes(&self) -> u64 {
        self.position
    }

    fn raw_len_bytes(&self) -> Option<u64> {
        None
    }
}

/// Whether a reader finds a whole line, or enough to begin with.
fn begins_with_line(file: &File) -> bool {
    let mut head = vec![0; LINE_BYTES_MAX];
    let count = file.read_at(&mut head, 0).unwrap_or(0);
    count == head.len() || head[..count].contains(&b'\n')
}

/// Which file it is, whatever its name.
fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}
