//! One thread that has several logs under way at a time, in builds with the feature `io-uring`.
//!
//! 1. It takes all logs that are asked for, and of each hands the first file to the [`ring`]; first of those for which one producer
//!    waits, then, when it has lingered, of those for which several do.
//! 2. As answers come, the next file of that log is handed over; after its last one its new end is published, whatever the others do.
//! 3. After each answer, what was asked for meanwhile joins those that are under way.
//!
//! All of that is a round. It ends when nothing is under way, or, so that logs need only be held for so long, when as many joined as it
//! has places for, and the last of them is done.
//!
//! What is asked for while the thread waits for an answer joins when one comes. To let it in at once the thread would have to wait for both
//! by one call. Without joining, so that each round waited for the slowest of it, a flush among four partitions took a third longer.

mod ring;

use std::cell::OnceCell;
use std::thread;
use std::time::{Duration, Instant};
use std::{io, iter};

use self::ring::Extent;
pub(super) use self::ring::Ring;
use super::{Asked, Shared, linger};
use crate::log::flush::{Flush, Target};
use crate::metrics::Histogram;
use crate::{Error, Result};

/// Logs that are flushed in a round.
const ROUND_MAX: u32 = 256;

/// A ring that the system lets us have.
///
/// # Errors
/// [`Error::Ring`].
pub(super) fn open() -> Result<Ring> {
    Ring::new(ROUND_MAX).map_err(|source| Error::Ring { source })
}

/// The thread, to the end.
pub(super) fn run(ring: Ring, shared: &Shared, syncs: &Histogram) {
    let mut ring = ring;
    let mut flush_time = Duration::ZERO;
    while let Some(first) = shared.next() {
        let places: Vec<_> = (0..ROUND_MAX).map(|_| OnceCell::new()).collect();
        let mut round = Round {
            ring: &mut ring,
            places: &places,
            under_way: Vec::new(),
            shared,
            syncs,
            flush_time,
        };
        round.run(first);
        flush_time = round.flush_time;
    }
}

/// Logs that are made durable together.
struct Round<'r> {
    ring: &'r mut Ring,
    /// Logs that joined, each with the slot of its place; the rest is free.
    places: &'r [OnceCell<Asked>],
    /// By place, as many as joined; `None`: not begun, or done.
    under_way: Vec<Option<UnderWay<'r>>>,
    shared: &'r Shared,
    syncs: &'r Histogram,
    /// Of the flush that ended last.
    flush_time: Duration,
}

/// A log of which a file is in the ring.
struct UnderWay<'r> {
    flush: Flush<'r>,
    /// Files that are durable.
    done: usize,
    started: Instant,
}

impl<'r> UnderWay<'r> {
    fn new(flush: Flush<'r>, started: Instant) -> UnderWay<'r> {
        UnderWay {
            flush,
            done: 0,
            started,
        }
    }
}

impl<'r> Round<'r> {
    fn run(&mut self, first: Asked) {
        self.join(Some(first));
        let mut answers = Vec::new();
        while !self.ring.is_idle() {
            self.ring.wait(&mut answers);
            for (slot, answer) in answers.drain(..) {
                self.go_on(slot, answer);
            }
            self.join(None);
        }
    }

    /// Begins with `first` and whatever else is asked for, as long as there are places.
    fn join(&mut self, first: Option<Asked>) {
        let begin = self.under_way.len();
        let mut state = self.shared.lock();
        let mut asked = first.into_iter().chain(iter::from_fn(|| state.take()));
        for place in &self.places[begin..] {
            let Some(asked) = asked.next() else { break };
            place.get_or_init(|| asked);
            self.under_way.push(None);
        }
        drop(asked);
        drop(state);
        let joined = begin..self.under_way.len();
        let (alone, several): (Vec<_>, Vec<_>) =
            joined.partition(|slot| self.asked(*slot).requests == 1);
        alone.into_iter().for_each(|slot| self.begin(slot));
        if !several.is_empty() {
            self.ring.submit();
            thread::sleep(linger(self.flush_time));
            several.into_iter().for_each(|slot| self.begin(slot));
        }
    }

    fn asked(&self, slot: usize) -> &'r Asked {
        self.places[slot]
            .get()
            .expect("who has the place has joined")
    }

    /// Begins with a log. Who flushes it in another way is waited for: that is rare.
    fn begin(&mut self, slot: usize) {
        let log = &self.asked(slot).log;
        let started = Instant::now();
        // Whoever was asked for twice, now and later, has nothing left to do the second time.
        let begun = match log.is_dirty() {
            true => log.begin_flush(),
            false => Ok(None),
        };
        match begun {
            Ok(Some(flush)) => self.hand_over(slot, UnderWay::new(flush, started)),
            // What is poisoned is told of by whoever poisoned it.
            Ok(None) | Err(_) => self.shared.give_back(log),
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
    fn hand_over(&mut self, slot: usize, under_way: UnderWay<'r>) {
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

    fn end(&mut self, slot: usize, under_way: UnderWay<'r>, synced: Result<()>) {
        // What failed is poisoned, and whoever waits for it was woken.
        let _ = under_way.flush.finish(synced);
        self.flush_time = under_way.started.elapsed();
        self.syncs.note_duration(self.flush_time);
        self.shared.give_back(&self.asked(slot).log);
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
