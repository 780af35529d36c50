//! Is the open file still what it was when it was opened?
//!
//! Size and modification time are compared after each read: one `fstat` of 0.4 us per
//! chunk. A file that was *replaced* (renamed over) is no change: the descriptor goes on
//! reading the old one, whole. What escapes: a write that keeps the size and falls within one
//! tick of the file system's clock (some milliseconds before Linux 6.13) after the opening.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use super::Growth;
use crate::{Error, Result};

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    len_bytes: u64,
    modified: (i64, i64),
    growth: Growth,
}

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            len_bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            growth: Growth::Refused,
        }
    }

    /// The same of a file that may do that.
    pub(super) fn with(self, growth: Growth) -> Self {
        Self { growth, ..self }
    }

    pub(super) fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// Nanoseconds since 1970; what lies beyond the 292 years around it that these can say is at their end.
    pub(super) fn modified_ns(&self) -> i64 {
        let (seconds, nanoseconds) = self.modified;
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(nanoseconds)
    }

    /// Checks that `file` is still in this state.
    ///
    /// `suspect_from` is the first byte to doubt when the file was overwritten somewhere.
    ///
    /// # Errors
    /// [`Error::Changed`], or [`Error::Read`] when the system does not say.
    pub(super) fn check(&self, file: &File, name: &str, suspect_from: u64) -> Result<()> {
        let now = match file.metadata() {
            Ok(metadata) => Self::of(&metadata).with(self.growth),
            Err(source) => {
                return Err(Error::Read {
                    input: name.into(),
                    byte_offset: suspect_from,
                    source,
                });
            }
        };
        if now == *self || self.has_grown_to(&now) {
            return Ok(());
        }
        let byte_offset = if now.len_bytes == self.len_bytes {
            suspect_from
        } else {
            now.len_bytes.min(self.len_bytes)
        };
        Err(Error::Changed {
            input: name.into(),
            byte_offset,
            detail: self.difference(&now),
        })
    }

    /// Whether `now` is this file with more at its end, and that is allowed. Its time says nothing then: the system moves it before
    /// the size.
    fn has_grown_to(&self, now: &Self) -> bool {
        let is_same = (now.device, now.inode) == (self.device, self.inode);
        self.growth == Growth::Allowed && is_same && now.len_bytes >= self.len_bytes
    }

    fn difference(&self, now: &Self) -> String {
        if now.len_bytes != self.len_bytes {
            return format!(
                "its size was {} bytes, is now {}",
                self.len_bytes, now.len_bytes
            );
        }
        if now.modified != self.modified {
            let moved = timestamp(now.modified).abs_diff(timestamp(self.modified));
            return format!("it was written to (modification time moved by {moved:?})");
        }
        "another file stands in its place".to_owned()
    }
}

/// Time since 1970, or 1970 for files that claim to be older.
fn timestamp((seconds, nanoseconds): (i64, i64)) -> Duration {
    Duration::new(
        u64::try_from(seconds).unwrap_or(0),
        u32::try_from(nanoseconds).unwrap_or(0),
    )
}
