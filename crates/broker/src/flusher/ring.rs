//! A ring of `io_uring`: files are handed to the system to be made durable, several at a time, and their answers come in any order.
//!
//! Each request has a slot, which is how its answer is known again; a slot has one request at a time. Each request is answered: if the
//! system refuses the ring itself, which it may at any time, then all that are under way and all that come later fail, since nobody knows
//! what became of them.

#![expect(
    unsafe_code,
    reason = "the kernel is handed descriptors by number; their files are held until it has answered, see `Ring::push`"
)]

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use io_uring::IoUring;
use io_uring::opcode::Fsync;
use io_uring::types::{Fd, FsyncFlags};

/// What is waited before the system is asked again that had too much to do.
const BUSY_STEP: Duration = Duration::from_millis(1);

/// How much of a file is to be durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// What it takes to read the bytes again (`fdatasync`).
    Data,
    /// The rest, too (`fsync`).
    All,
}

/// What became of the request of a slot.
pub(super) type Answer = (usize, io::Result<()>);

/// Requests to make files durable, and the slots they have.
pub(in crate::flusher) struct Ring {
    ring: IoUring,
    /// The files of requests that are not answered, by slot.
    files: Vec<Option<Arc<File>>>,
    /// Why the system takes nothing more.
    refusal: Option<i32>,
}

impl Ring {
    /// A ring with so many slots, a power of two.
    ///
    /// # Errors
    /// When the system has none, or does not let us.
    pub(super) fn new(slots: u32) -> io::Result<Ring> {
        let ring = IoUring::new(slots)?;
        // Some let a ring be made and not be used.
        ring.submit()?;
        Ok(Ring {
            ring,
            files: vec![None; slots as usize],
            refusal: None,
        })
    }

    /// Asks for a file to be made durable; it begins with the next [`Ring::submit`] or [`Ring::wait`].
    pub(super) fn push(&mut self, slot: usize, file: Arc<File>, extent: Extent) {
        assert!(
            self.files[slot].is_none(),
            "a slot has one request at a time"
        );
        let flags = match extent {
            Extent::Data => FsyncFlags::DATASYNC,
            Extent::All => FsyncFlags::empty(),
        };
        let entry = Fsync::new(Fd(file.as_raw_fd())).flags(flags);
        let entry = entry.build().user_data(slot as u64);
        self.files[slot] = Some(file);
        if self.refusal.is_none() {
            // SAFETY: the request has no buffer that could go. Its descriptor is that of a file which is held in `files` until the answer is
            // there, so it is no other's meanwhile.
            let pushed = unsafe { self.ring.submission().push(&entry) };
            pushed.expect("there is room for a request of each slot");
        }
    }

    /// Whether all that was asked for is answered.
    pub(super) fn is_idle(&self) -> bool {
        self.files.iter().all(Option::is_none)
    }

    /// Has the system begin with what was asked for.
    pub(super) fn submit(&mut self) {
        self.enter(0);
    }

    /// Adds answers to `answers`, of which there is at least one when it returns, unless nothing was asked for.
    pub(super) fn wait(&mut self, answers: &mut Vec<Answer>) {
        if self.is_idle() {
            return;
        }
        self.enter(1);
        for answer in self.ring.completion() {
            let slot = answer.user_data() as usize;
            self.files[slot] = None;
            answers.push((slot, outcome(answer.result())));
        }
        let Some(refusal) = self.refusal else { return };
        for (slot, file) in self.files.iter_mut().enumerate() {
            if file.take().is_some() {
                answers.push((slot, outcome(refusal)));
            }
        }
    }

    /// Hands over what was asked for, and waits until so many answers are there.
    fn enter(&mut self, answers: usize) {
        while self.refusal.is_none() {
            match self.ring.submit_and_wait(answers) {
                Ok(_) => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_busy(error.kind()) => thread::sleep(BUSY_STEP),
                Err(error) => {
                    let errno = error
                        .raw_os_error()
                        .unwrap_or(rustix::io::Errno::IO.raw_os_error());
                    self.refusal = Some(-errno);
                }
            }
        }
    }
}

/// Whether it may go well the next time.
fn is_busy(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::ResourceBusy)
}

/// What the kernel says by a number.
fn outcome(result: i32) -> io::Result<()> {
    match result {
        0.. => Ok(()),
        error => Err(io::Error::from_raw_os_error(-error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOTS: u32 = 4;

    /// `None` where the system has none, which the tests of the flusher tell of.
    fn ring() -> Option<Ring> {
        Ring::new(SLOTS).ok()
    }

    fn answers(ring: &mut Ring, count: usize) -> Vec<Answer> {
        let mut answers = Vec::new();
        while answers.len() < count {
            ring.wait(&mut answers);
        }
        answers.sort_by_key(|it| it.0);
        answers
    }

    fn file() -> Arc<File> {
        Arc::new(tempfile::tempfile().expect("a file"))
    }

    #[test]
    fn each_is_answered_for_itself() {
        let Some(mut ring) = ring() else { return };
        // A pipe has nothing that could be made durable.
        let (pipe, _other_end) = io::pipe().expect("a pipe");
        let pipe = Arc::new(File::from(std::os::fd::OwnedFd::from(pipe)));
        for round in 0..3 {
            ring.push(3, file(), Extent::Data);
            ring.push(0, pipe.clone(), Extent::Data);
            ring.submit();
            ring.push(2, file(), Extent::All);
            let found = answers(&mut ring, 3);
            let slots: Vec<_> = found.iter().map(|it| it.0).collect();
            assert_eq!(slots, [0, 2, 3], "round {round}");
            let refused = found[0].1.as_ref().expect_err("a pipe");
            assert_eq!(refused.kind(), ErrorKind::InvalidInput);
            assert!(found[1].1.is_ok() && found[2].1.is_ok());
        }
    }

    #[test]
    fn a_file_is_held_until_it_is_answered() {
        let Some(mut ring) = ring() else { return };
        let asked = file();
        let held = Arc::downgrade(&asked);
        ring.push(1, asked, Extent::Data);
        assert_eq!(held.strong_count(), 1);
        ring.submit();
        assert_eq!(held.strong_count(), 1);
        assert!(answers(&mut ring, 1)[0].1.is_ok());
        assert_eq!(held.strong_count(), 0);
    }

    #[test]
    fn a_ring_that_is_refused_answers_all_it_was_asked() {
        let Some(mut ring) = ring() else { return };
        ring.push(0, file(), Extent::Data);
        ring.refusal = Some(-rustix::io::Errno::PERM.raw_os_error());
        ring.push(1, file(), Extent::Data);
        let found = answers(&mut ring, 2);
        assert_eq!((found[0].0, found[1].0), (0, 1));
        for (_, answer) in found {
            let refused = answer.expect_err("nobody knows");
            assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
        }
    }

    #[test]
    fn who_asked_for_nothing_does_not_wait() {
        let Some(mut ring) = ring() else { return };
        let mut found = Vec::new();
        ring.wait(&mut found);
        assert!(found.is_empty());
    }
}
