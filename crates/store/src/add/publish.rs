//! From full packs to staged files: nothing durable points to something that is not.
//!
//! 1. A thread of its own, the sealer, takes full packs, makes each durable, and then the folder that names it.
//! 2. What was read of a file waits until every pack that it needs has gone through that.
//! 3. Only then is it appended to the staging, which is made durable itself at the end of the run, or of a long stretch of it.
//!
//! So whatever the staging says after a crash can be believed, and an `add` that was interrupted goes on where it was: files that
//! are staged are not read again, and packs that are complete are found by the next one ([`crate::session`]).

use std::collections::{HashSet, VecDeque};
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::worker::{Bench, Packer, Serial};
use crate::disk::SharedDisk;
use crate::entry::Entry;
use crate::pack::write::SealedPack;
use crate::perf::Stage;
use crate::staging::{Staging, StampInfo};
use crate::{Error, Result};

/// Packs that are durable, as the sealer leaves them.
#[derive(Debug, Default)]
pub(crate) struct Sealed(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    serials: HashSet<Serial>,
    packs: Vec<SealedPack>,
    error: Option<Error>,
    /// Also when the error has been told.
    has_failed: bool,
}

impl Sealed {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seals whatever comes, until nobody sends any more. After an error, the rest is let go.
    pub(crate) fn run(&self, full: Receiver<Bench>, packer: &Packer) {
        for bench in full {
            if self.has_failed() {
                continue;
            }
            let serial = bench.serial;
            let sealed = packer.clock.time(Stage::Write, || packer.seal(bench));
            let mut state = self.state();
            match sealed {
                Ok(pack) => {
                    state.serials.insert(serial);
                    state.packs.extend(pack);
                }
                Err(error) => {
                    state.error = Some(error);
                    state.has_failed = true;
                }
            }
        }
    }

    /// Whether a pack could not be made durable.
    pub(crate) fn has_failed(&self) -> bool {
        self.state().has_failed
    }

    /// The error that ended it, once.
    pub(crate) fn check(&self) -> Result<()> {
        match self.state().error.take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Which of these packs are not durable yet.
    fn missing<'a>(&self, serials: &'a [Serial]) -> impl Iterator<Item = Serial> + 'a {
        let state = self.state();
        let missing = serials
            .iter()
            .filter(|serial| !state.serials.contains(serial));
        missing.copied().collect::<Vec<_>>().into_iter()
    }

    fn has_all(&self, serials: &[Serial]) -> bool {
        let state = self.state();
        serials.iter().all(|serial| state.serials.contains(serial))
    }

    /// How many objects are in packs that nobody has taken yet.
    pub(crate) fn object_count(&self) -> usize {
        self.state().packs.iter().map(|it| it.objects.len()).sum()
    }

    /// All packs that were sealed, for the index.
    pub(crate) fn take_packs(&self) -> Vec<SealedPack> {
        std::mem::take(&mut self.state().packs)
    }
}

/// A file as it is to be staged.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) path: Box<[u8]>,
    pub(super) entry: Entry,
    pub(super) stamp: StampInfo,
}

/// Records that wait for packs.
#[derive(Debug)]
pub(super) struct Waiting {
    queue: VecDeque<(Vec<Serial>, Vec<Record>)>,
    record_count: usize,
    /// Since when the first of them waits.
    blocked: Instant,
}

/// A pack that so many records wait for, or for so long, is sealed before it is full: that of nodes takes hours to fill.
const WAITING_RECORDS_MAX: usize = 100_000;
const WAITING_TIME_MAX: Duration = Duration::from_secs(10);

impl Default for Waiting {
    fn default() -> Waiting {
        Waiting {
            queue: VecDeque::new(),
            record_count: 0,
            blocked: Instant::now(),
        }
    }
}

impl Waiting {
    /// Takes records that need these packs.
    pub(super) fn push(&mut self, serials: Vec<Serial>, records: Vec<Record>) {
        if self.queue.is_empty() {
            self.blocked = Instant::now();
        }
        self.record_count += records.len();
        self.queue.push_back((serials, records));
    }

    /// Stages what need not wait any longer, in order.
    pub(super) fn stage_ready(&mut self, sealed: &Sealed, staging: &mut Staging) -> Result<()> {
        while let Some((serials, _)) = self.queue.front()
            && sealed.has_all(serials)
        {
            let (_, records) = self.queue.pop_front().expect("there is a front");
            self.record_count -= records.len();
            self.blocked = Instant::now();
            for record in records {
                staging.put(&record.path, &record.entry, &record.stamp)?;
            }
        }
        Ok(())
    }

    /// The packs that too much waits for, or for too long; asked again, they are named after some time only.
    pub(super) fn overdue(&mut self, sealed: &Sealed) -> Vec<Serial> {
        let is_long = self.blocked.elapsed() >= WAITING_TIME_MAX;
        let Some((serials, _)) = self.queue.front() else {
            return Vec::new();
        };
        if !is_long && self.record_count < WAITING_RECORDS_MAX {
            return Vec::new();
        }
        self.blocked = Instant::now();
        sealed.missing(serials).collect()
    }
}

impl Packer {
    /// Makes a pack durable, and its name; an empty one leaves nothing.
    fn seal(&self, mut bench: Bench) -> Result<Option<SealedPack>> {
        if bench.writer.is_empty() {
            return Ok(None);
        }
        let pack = bench.writer.seal(&mut bench.compressor)?;
        let disk: &SharedDisk = self.disk();
        disk.sync_folder(&self.store().join("packs"))?;
        Ok(Some(pack))
    }
}
