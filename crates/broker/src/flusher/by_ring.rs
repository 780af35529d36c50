//! One thread that has several logs under way at a time, in builds with the feature `io-uring`.
//!
//! 1. It takes all logs that are asked for, up to [`GROUP_MAX`]: a group.
//! 2. Of each the first file is handed to the [`ring`]; first of those for which one producer waits, then, when the thread has
//!    lingered, of those for which several do.
//! 3. As answers come, the next file of that log is handed over; after its last one its new end is published, whatever the others do.
//! 4. When all of the group are done, the next group is taken: what was asked for meanwhile.
//!
//! So a log that comes in the middle waits for the slowest of the group before, as it would for a disk that does one thing at a time.
//! To let it in at once the thread would have to wait for requests and answers by one call, for which there is no need as long as this
//! gains nothing over threads (docs/PERFORMANCE.md).

mod ring;

use std::thread;
use std::time::{Duration, Instant};
use std::{io, iter};

use self::ring::Extent;
pub(super) use self::ring::Ring;
use super::{Asked, Shared, linger};
use crate::log::flush::{Flush, Target};
use crate::metrics::Histogram;
use crate::{Error, Result};

/// Logs that are flushed at a time.
const GROUP_MAX: u32 = 64;

/// A ring that the system lets us have.
///
/// # Errors
/// [`Error::Ring`].
pub(super) fn open() -> Result<Ring> {
    Ring::new(GROUP_MAX).map_err(|source| Error::Ring { source })
}

/// The thread, to the end.
pub(super) fn run(ring: Ring, shared: &Shared, syncs: &Histogram) {
    let mut ring = ring;
    let mut flush_time = Duration::ZERO;
    loop {
        let asked = next_group(shared, GROUP_MAX as usize);
        if asked.is_empty() {
            return;
        }
        let mut group = Group {
            ring: &mut ring,
            under_way: asked.iter().map(|_| None).collect(),
            asked: &asked,
            shared,
            syncs,
            flush_time,
        };
        group.run();
        flush_time = group.flush_time;
    }
}

/// Waits for logs to flush, and takes all there are, `max` at most; none: this is the end.
fn next_group(shared: &Shared, max: usize) -> Vec<Asked> {
    let mut group: Vec<_> = shared.next().into_iter().collect();
    if !group.is_empty() {
        let mut state = shared.lock();
        group.extend(iter::from_fn(|| state.take()).take(max - 1));
    }
    group
}

/// Logs that are made durable together; each has the slot of its place.
struct Group<'g> {
    ring: &'g mut Ring,
    asked: &'g [Asked],
    /// `None`: not begun, or done.
    under_way: Vec<Option<UnderWay<'g>>>,
    shared: &'g Shared,
    syncs: &'g Histogram,
    /// Of the flush that ended last.
    flush_time: Duration,
}

/// A log of which a file is in the ring.
struct UnderWay<'g> {
    flush: Flush<'g>,
    /// Files that are durable.
    done: usize,
    started: Instant,
}

impl<'g> Group<'g> {
    fn run(&mut self) {
        let is_alone = |asked: &Asked| asked.requests == 1;
        self.begin(is_alone);
        if !self.asked.iter().all(is_alone) {
            self.ring.submit();
            thread::sleep(linger(self.flush_time));
            self.begin(|it| !is_alone(it));
        }
        let mut answers = Vec::with_capacity(self.asked.len());
        while self.under_way.iter().any(Option::is_some) {
            self.ring.wait(&mut answers);
            for (slot, answer) in answers.drain(..) {
                self.go_on(slot, answer);
            }
        }
    }

    /// Begins with those that are wanted. Who flushes one of them in another way is waited for: that is rare.
    fn begin(&mut self, is_wanted: impl Fn(&Asked) -> bool) {
        for (slot, Asked { log, .. }) in self.asked.iter().enumerate().filter(|it| is_wanted(it.1))
        {
            let started = Instant::now();
            // Whoever was asked for twice, now and later, has nothing left to do the second time.
            let begun = if log.is_dirty() {
                log.begin_flush()
            } else {
                Ok(None)
            };
            match begun {
                Ok(Some(flush)) => {
                    let done = 0;
                    self.hand_over(
                        slot,
                        UnderWay {
                            flush,
                            done,
                            started,
                        },
                    );
                }
                // What is poisoned is told of by whoever poisoned it.
                Ok(None) | Err(_) => self.shared.give_back(log),
            }
        }
    }

    /// Takes the answer to what was handed over last.
    fn go_on(&mut self, slot: usize, answer: io::Result<()>) {
        let Some(mut under_way) = self.under_way[slot].take() else {
            return;
        };
        match answer {
            Ok(()) => {
                under_way.done += 1;
                self.hand_over(slot, under_way);
            }
            Err(error) => {
                let target = under_way.flush.target(under_way.done);
                let path = target.as_ref().expect("it was handed over").path();
                let error = Error::io("make durable", path)(error);
                drop(target);
                self.end(slot, under_way, Err(error));
            }
        }
    }

    /// Hands over the next file of a log, or ends with it.
    fn hand_over(&mut self, slot: usize, under_way: UnderWay<'g>) {
        let handed = match under_way.flush.target(under_way.done) {
            Some(target) => push(self.ring, slot, &under_way.flush, &target).map(|()| true),
            None => Ok(false),
        };
        match handed {
            Ok(true) => self.under_way[slot] = Some(under_way),
            Ok(false) => self.end(slot, under_way, Ok(())),
            Err(error) => self.end(slot, under_way, Err(error)),
        }
    }

    fn end(&mut self, slot: usize, under_way: UnderWay<'g>, synced: Result<()>) {
        // What failed is poisoned, and whoever waits for it was woken.
        let _ = under_way.flush.finish(synced);
        self.flush_time = under_way.started.elapsed();
        self.syncs.note_duration(self.flush_time);
        self.shared.give_back(&self.asked[slot].log);
    }
}

fn push(ring: &mut Ring, slot: usize, flush: &Flush<'_>, target: &Target<'_>) -> Result<()> {
    let file = target.open()?;
    let extent = match target {
        Target::Folder(folder) => {
            flush.disk().before_sync_folder(folder)?;
            Extent::All
        }
        Target::Segment(_) | Target::Index(_) => {
            flush.disk().before_sync(&file, target.path())?;
            Extent::Data
        }
    };
    ring.push(slot, file, extent);
    Ok(())
}
