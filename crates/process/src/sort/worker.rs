//! What happens to a piece of input: its rows, each with its key, go to the worker's buffer.

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use tamis_formats::Block;
use tamis_formats::vector::Vector;

use super::buffer::Buffer;
use super::keys::Key;
use crate::order::{Tickets, order};
use crate::rows::{self, Part, Plan, Taken};
use crate::spill::SpillPlace;
use crate::spill::run::RunWriter;
use crate::table::{Layout, Piece};

/// Rows are not sampled: none is drawn too high.
static NO_BOUND: AtomicU64 = AtomicU64::new(u64::MAX);

/// What all workers share.
pub(super) struct Shared<'s> {
    pub(super) plan: &'s Plan,
    pub(super) keys: &'s [Key],
    /// What the rows of one worker may take.
    pub(super) memory_bytes: usize,
    pub(super) place: SpillPlace,
    pub(super) tickets: Tickets,
    /// What workers leave behind, for the workers of the next input and for the end.
    pub(super) hands: Mutex<Vec<Hand>>,
}

/// What a worker has gathered.
#[derive(Debug, Default)]
pub(super) struct Hand {
    pub(super) buffer: Buffer,
    /// Runs that did not fit.
    pub(super) runs: Option<RunWriter>,
}

/// A worker of one input.
pub(super) struct Worker<'s> {
    shared: &'s Shared<'s>,
    rows: rows::Worker<'s>,
    /// There until the worker is done.
    hand: Hand,
}

impl<'s> Worker<'s> {
    pub(super) fn new(shared: &'s Shared<'s>, layout: &Layout) -> Worker<'s> {
        let left = shared
            .hands
            .lock()
            .expect("no worker panics while it holds the lock")
            .pop();
        Worker {
            shared,
            rows: rows::Worker::new(shared.plan, layout, &NO_BOUND),
            hand: left.unwrap_or_default(),
        }
    }

    /// Takes a piece; its ticket, and what there is to say of it.
    pub(super) fn take(&mut self, piece: Piece<'_>) -> tamis_engine::Result<(u32, Part)> {
        let ticket = self.shared.tickets.next();
        let mut taking = Taking {
            shared: self.shared,
            hand: &mut self.hand,
            ticket,
            error: None,
        };
        let part = self.rows.write_to(piece, &mut taking)?;
        match taking.error {
            Some(error) => Err(error),
            None => Ok((ticket, part)),
        }
    }
}

impl Shared<'_> {
    /// What the workers left behind.
    pub(super) fn into_hands(self) -> Vec<Hand> {
        self.hands
            .into_inner()
            .expect("no worker panics while it holds the lock")
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        if let Ok(mut hands) = self.shared.hands.lock() {
            hands.push(std::mem::take(&mut self.hand));
        }
    }
}

impl Hand {
    /// Moves all rows to disk.
    pub(super) fn spill(&mut self, place: &SpillPlace) -> tamis_engine::Result<()> {
        let runs = match &mut self.runs {
            Some(runs) => runs,
            none => none.insert(RunWriter::new(place)?),
        };
        self.buffer.spill(runs)
    }
}

/// The rows of a piece, one block after the other.
struct Taking<'t> {
    shared: &'t Shared<'t>,
    hand: &'t mut Hand,
    ticket: u32,
    error: Option<tamis_engine::Error>,
}

impl rows::Gather for Taking<'_> {
    fn take(&mut self, block: &Block<'_>, fields: &[usize], vectors: &[Vector], taken: Taken<'_>) {
        if self.error.is_some() {
            return;
        }
        for (row, bytes) in taken.rows() {
            let order = order(self.ticket, taken.seen + row as u64);
            self.hand.buffer.push(order, bytes, |out| {
                for key in self.shared.keys {
                    key.write(&vectors[key.place], block, fields[key.place], row, out);
                }
            });
            // After each row: a block of a columnar file may have more bytes than a buffer has room for.
            if self.hand.buffer.len_bytes() > self.shared.memory_bytes {
                self.error = self.hand.spill(&self.shared.place).err();
                if self.error.is_some() {
                    return;
                }
            }
        }
    }
}
