//! Memory for unpacking batches, of which there is so much for all connections together.
//!
//! A batch of a few bytes may unpack to many millions, and nobody knows before it is tried. So it is tried with little first, there
//! where the batch came in ([`Effort::Little`]): of most batches that is all. Where it is not enough the rest is done by a thread on
//! which nobody else waits ([`Effort::Whole`]), as soon as there is memory for it.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How much may be unpacked to look at a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// What takes no longer than its checksum, or not much.
    Little,
    /// What its topic takes.
    Whole,
}

/// What all who unpack at a time may hold together.
const BYTES_MAX: u64 = 256 << 20;

/// Whoever unpacks counts as holding so much at least: a few at a time are as many as there are cores for.
const SHARE_BYTES_MIN: u64 = 16 << 20;

/// What memory is counted in.
const UNIT_BYTES: u64 = 1 << 20;

/// The memory; a handle that is cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Unpacking(Arc<Semaphore>);

/// A part of it, until it is dropped.
pub(crate) type Share = Option<OwnedSemaphorePermit>;

impl Unpacking {
    pub(crate) fn new() -> Unpacking {
        Unpacking(Arc::new(Semaphore::new(units(BYTES_MAX) as usize)))
    }

    /// Waits until so much is free.
    pub(crate) async fn take(&self, bytes: u64) -> Share {
        let units = units(bytes.clamp(SHARE_BYTES_MIN, BYTES_MAX));
        // Nobody closes it.
        self.0.clone().acquire_many_owned(units).await.ok()
    }
}

fn units(bytes: u64) -> u32 {
    bytes.div_ceil(UNIT_BYTES) as u32
}
