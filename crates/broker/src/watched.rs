//! Files that somebody changes while the broker runs, and what was last read of them.
//!
//! Files are replaced as a whole, so another file stands at the path when something changed: its number, its times or its length differ.
//! What could not be read for now, as when there is no descriptor left, is read again a while later though nothing changed: what it
//! takes back would hold for ever otherwise.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tamis_engine::stamp::Stamp;

use crate::{CertificateFault, Error, Result};

/// What could not be read is tried again so much later.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// A file that is looked at again and again.
#[derive(Debug)]
pub(crate) struct Watched {
    path: PathBuf,
    /// `None`: there was none.
    seen: Seen<Option<Stamp>>,
}

/// What was last seen of something, and whether it was read.
#[derive(Debug)]
pub(crate) struct Seen<S>(Mutex<State<S>>);

#[derive(Debug)]
struct State<S> {
    stamp: S,
    /// When it could not be read, if it could not.
    unread: Option<Instant>,
}

impl Watched {
    /// A file that is to be read now.
    pub(crate) fn new(path: PathBuf) -> Watched {
        let seen = Seen::new(stamp(&path));
        Watched { path, seen }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Calls `read` if another file is there than the last time, or it is to be tried again; and `failed` if that failed, but once for all
    /// tries. Who looks at the same time waits.
    pub(crate) fn look(&self, read: impl FnOnce(&Path) -> Result<()>, failed: impl FnOnce(&Error)) {
        self.seen
            .look(|| stamp(&self.path), || read(&self.path), failed);
    }
}

impl<S: PartialEq> Seen<S> {
    pub(crate) fn new(stamp: S) -> Seen<S> {
        let unread = None;
        Seen(Mutex::new(State { stamp, unread }))
    }

    /// As [`Watched::look`].
    pub(crate) fn look(
        &self,
        stamp: impl FnOnce() -> S,
        read: impl FnOnce() -> Result<()>,
        failed: impl FnOnce(&Error),
    ) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Before it is read: if it changes meanwhile, the next look sees that.
        let stamp = stamp();
        let is_same = seen.stamp == stamp;
        let is_late = seen.unread.is_some_and(|it| it.elapsed() >= RETRY_PAUSE);
        if is_same && !is_late {
            return;
        }
        seen.stamp = stamp;
        let was_unread = seen.unread.take().is_some();
        if let Err(error) = read() {
            let is_unread = is_unread(&error);
            seen.unread = is_unread.then(Instant::now);
            if !(is_same && was_unread && is_unread) {
                failed(&error);
            }
        }
    }
}

/// Whether a file may be as it should be, and could not be read.
fn is_unread(error: &Error) -> bool {
    let unreadable = |it: &CertificateFault| matches!(it, CertificateFault::Unreadable(_));
    match error {
        Error::Io { .. } => true,
        Error::Certificate { fault, .. } => unreadable(fault),
        _ => false,
    }
}

/// What is at a path; links are followed.
pub(crate) fn stamp(path: &Path) -> Option<Stamp> {
    fs::metadata(path).ok().map(|it| Stamp::of(&it))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// Looks at something; returns whether it was read, and whether it was told that this failed.
    fn look(seen: &Seen<u8>, stamp: u8, found: Result<()>) -> (bool, bool) {
        let (mut was_read, mut was_told) = (false, false);
        let read = || {
            was_read = true;
            found
        };
        seen.look(|| stamp, read, |_| was_told = true);
        (was_read, was_told)
    }

    fn unreadable() -> Result<()> {
        let error = io::Error::from_raw_os_error(24);
        Err(Error::io("read", Path::new("users.json"))(error))
    }

    /// As if the time to try again had come.
    fn wait(seen: &Seen<u8>) {
        let mut state = seen.0.lock().expect("it is whole");
        let before = state.unread.and_then(|it| it.checked_sub(RETRY_PAUSE));
        state.unread = Some(before.expect("the clock is later"));
    }

    #[test]
    fn what_could_not_be_read_is_tried_again() {
        let seen = Seen::new(1);
        assert_eq!(look(&seen, 1, Ok(())), (false, false));
        assert_eq!(look(&seen, 2, unreadable()), (true, true));
        assert_eq!(look(&seen, 2, unreadable()), (false, false), "too early");
        wait(&seen);
        assert_eq!(look(&seen, 2, unreadable()), (true, false), "told before");
        // Another file is not waited for, and another error is news.
        assert_eq!(look(&seen, 3, unreadable()), (true, true));
        wait(&seen);
        assert_eq!(look(&seen, 3, Ok(())), (true, false));
        assert_eq!(look(&seen, 3, Ok(())), (false, false), "it was read");
        // What is wrong in the file itself stays so until it changes.
        assert_eq!(look(&seen, 4, Err(Error::WithoutTls)), (true, true));
        assert_eq!(look(&seen, 4, Ok(())), (false, false));
        assert_eq!(look(&seen, 5, unreadable()), (true, true));
        assert_eq!(look(&seen, 6, Ok(())), (true, false));
        assert!(seen.0.lock().expect("it is whole").unread.is_none());
    }
}
