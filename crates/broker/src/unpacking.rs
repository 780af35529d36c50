//! Memory for unpacking batches, of which there is so much for all connections together.
//!
//! A batch of a few bytes may unpack to many millions, and nobody knows before it is tried. So it is tried with little first, there
//! where the batch came in ([`Effort::Little`]): of most batches that is all. Where it is not enough the rest is done by a thread on
//! which nobody else waits ([`Effort::Whole`]), as soon as there is memory for it.
//!
//! Whoever comes first gets memory first. Those that need much of it would keep all others waiting while they wait for it, so they come one
//! at a time, and some is left for others while one of them has what it needs.

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

/// Whoever needs more than this waits until nobody else does who needs so much.
const LARGE_BYTES: u64 = BYTES_MAX / 4;

/// So much is left for others, whatever one needs.
const LEFT_BYTES: u64 = BYTES_MAX / 4;

/// Whoever unpacks counts as holding so much at least: a few at a time are as many as there are cores for.
const SHARE_BYTES_MIN: u64 = 16 << 20;

/// What memory is counted in.
const UNIT_BYTES: u64 = 1 << 20;

/// The memory; a handle that is cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Unpacking {
    free: Arc<Semaphore>,
    /// The turn of those that need much.
    large: Arc<Semaphore>,
}

/// A part of it, until it is dropped.
pub(crate) type Share = Option<Taken>;

/// What somebody has who unpacks.
#[derive(Debug)]
pub(crate) struct Taken {
    _units: OwnedSemaphorePermit,
    /// Of those that need much.
    _turn: Option<OwnedSemaphorePermit>,
}

impl Unpacking {
    pub(crate) fn new() -> Unpacking {
        Unpacking {
            free: Arc::new(Semaphore::new(units(BYTES_MAX) as usize)),
            large: Arc::new(Semaphore::new(1)),
        }
    }

    /// Waits until so much is free.
    pub(crate) async fn take(&self, bytes: u64) -> Share {
        // Nobody closes either.
        let turn = match bytes > LARGE_BYTES {
            true => self.large.clone().acquire_owned().await.ok(),
            false => None,
        };
        self.take_units(bytes.clamp(SHARE_BYTES_MIN, BYTES_MAX - LEFT_BYTES), turn)
            .await
    }

    async fn take_units(&self, bytes: u64, turn: Option<OwnedSemaphorePermit>) -> Share {
        let taken = self
            .free
            .clone()
            .acquire_many_owned(units(bytes))
            .await
            .ok()?;
        Some(Taken {
            _units: taken,
            _turn: turn,
        })
    }

    /// Waits until all of it is free.
    #[cfg(test)]
    pub(crate) async fn take_all(&self) -> Share {
        self.take_units(BYTES_MAX, None).await
    }
}

fn units(bytes: u64) -> u32 {
    bytes.div_ceil(UNIT_BYTES) as u32
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A little, if there is some at once.
    async fn at_once(unpacking: &Unpacking) -> Option<Share> {
        let taken = tokio::time::timeout(Duration::ZERO, unpacking.take(0));
        taken.await.ok()
    }

    #[test]
    fn who_needs_much_keeps_nobody_waiting_who_needs_little() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        let runtime = runtime.expect("a runtime");
        runtime.block_on(async {
            let unpacking = Unpacking::new();
            let first = unpacking.take(u64::MAX).await;
            let second = unpacking.take(u64::MAX);
            tokio::pin!(second);
            let waits = tokio::time::timeout(Duration::ZERO, &mut second).await;
            assert!(waits.is_err(), "there is memory for one");
            let mut little = Vec::new();
            while let Some(share) = at_once(&unpacking).await {
                little.push(share);
            }
            assert_eq!(little.len() as u64, LEFT_BYTES / SHARE_BYTES_MIN);
            drop(first);
            second.await;
        });
    }
}
