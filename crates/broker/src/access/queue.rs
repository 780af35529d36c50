//! Those whose passwords are to be checked, by one way: SASL or HTTP.
//!
//! Each way has a queue of its own, and no more of it ask for a turn than there are turns. So who comes by one way waits for as many of
//! the other as there are turns, however many of them there are. Who finds the queue full is told to come again.
//!
//! In a queue those of one address stand in one line, whose first goes on: a flood from one address keeps others waiting for one of its
//! passwords, and not for all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::server::{Place, Strangers, network_of};

/// Lines of which there is a note, before it is looked which of them are empty.
const LINES_MAX: usize = 1024;

/// Whoever has it is the first of those who come from one address.
type Line = tokio::sync::Mutex<()>;

/// How long a queue may get. Who waits has the time in which it has to log in, and this is far less of a core's time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) all_max: usize,
    /// From one address.
    pub(super) of_one_max: usize,
}

/// Who waits by one way.
#[derive(Debug)]
pub(super) struct Queue {
    places: Arc<Semaphore>,
    /// Tries of each address: those that wait, and over HTTP those that were wrong until that is told.
    tries: Strangers,
    lines: Mutex<HashMap<IpAddr, Weak<Line>>>,
    /// Those of them who may ask for a turn.
    front: Arc<Semaphore>,
}

/// Who stands in a queue.
#[derive(Debug)]
pub(super) struct Standing {
    /// What it has of the tries of its address.
    pub(super) attempt: Place,
    pub(super) place: OwnedSemaphorePermit,
}

impl Queue {
    pub(super) fn new(bounds: Bounds, turns: usize) -> Queue {
        Queue {
            places: Arc::new(Semaphore::new(bounds.all_max)),
            tries: Strangers::bounded(usize::MAX, bounds.of_one_max),
            lines: Mutex::default(),
            front: Arc::new(Semaphore::new(turns)),
        }
    }

    /// Stands in it, if there is room.
    pub(super) fn enter(&self, peer: IpAddr) -> Option<Standing> {
        let attempt = self.tries.enter(peer)?;
        let place = self.places.clone().try_acquire_owned().ok()?;
        Some(Standing { attempt, place })
    }

    /// Waits to be the first of those who come from there.
    pub(super) async fn first(&self, peer: IpAddr) -> OwnedMutexGuard<()> {
        self.line_of(peer).lock_owned().await
    }

    /// Waits for leave to ask for a turn.
    pub(super) async fn front(&self) -> Option<OwnedSemaphorePermit> {
        self.front.clone().acquire_owned().await.ok()
    }

    /// The line of those who come from there.
    fn line_of(&self, peer: IpAddr) -> Arc<Line> {
        let lines = self.lines.lock();
        let mut lines = lines.unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= LINES_MAX {
            lines.retain(|_, line| line.strong_count() > 0);
        }
        let line = lines.entry(network_of(peer)).or_default();
        line.upgrade().unwrap_or_else(|| {
            let made = Arc::new(Line::default());
            *line = Arc::downgrade(&made);
            made
        })
    }
}
