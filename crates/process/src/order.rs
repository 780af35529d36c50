//! Where rows stand, before it is known how many come before them.
//!
//! Pieces of input are mapped in any order, so a worker does not know the number of a row; it gives each piece a ticket, and a row the
//! number of its ticket and its place in the piece. Once all pieces are merged it is known how many rows stood before each,
//! and with that the rank of every row.

use std::sync::atomic::{AtomicU32, Ordering};

/// Hands out tickets.
#[derive(Debug, Default)]
pub(crate) struct Tickets(AtomicU32);

impl Tickets {
    /// A ticket for a piece.
    pub(crate) fn next(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// Where that row of that piece stands. No piece has 2^32 rows: it has less than 4 GiB, and a record at least one byte.
pub(crate) fn order(ticket: u32, row: u64) -> u64 {
    u64::from(ticket) << 32 | row
}

/// How many rows stood before each piece, by its ticket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Starts(Vec<u64>);

impl Starts {
    /// Notes that so many rows stood before a piece.
    pub(crate) fn note(&mut self, ticket: u32, rows: u64) {
        let at = ticket as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        self.0[at] = rows;
    }

    /// How many rows stood before that one.
    pub(crate) fn rank(&self, order: u64) -> u64 {
        let before = self.0.get((order >> 32) as usize).copied().unwrap_or(0);
        before + (order & u64::from(u32::MAX))
    }
}
