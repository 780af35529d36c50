//! From what was read to staged files: nothing durable points to something that is not.
//!
//! 1. A thread of its own makes full packs durable ([`Sealed`]).
//! 2. What was read of a file waits until every pack that it needs has gone through that.
//! 3. Only then is it appended to the staging, which is made durable itself at the end of the run, or of a long stretch of it.
//!
//! So whatever the staging says after a crash can be believed, and an `add` that was interrupted goes on where it was: files that
//! are staged are not read again, and packs that are complete are found by the next one ([`crate::session`]).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::Result;
use crate::entry::Entry;
use crate::ingest::packer::Serial;
use crate::ingest::sealed::Sealed;
use crate::staging::{Staging, StampInfo};

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
