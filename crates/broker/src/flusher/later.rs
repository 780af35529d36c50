//! Logs that are to be flushed by a moment that is still to come, each once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::address;
use crate::log::Log;

#[derive(Debug, Default)]
pub(super) struct Later {
    /// Earliest first. A log of which this is all that is left, such as that of a deleted topic, goes.
    logs: BTreeMap<(Instant, usize), Weak<Log>>,
    /// The moment of each.
    due: HashMap<usize, Instant>,
}

impl Later {
    /// Notes a log, unless it is to be flushed earlier anyway; whether it is the next of all now.
    pub(super) fn put(&mut self, log: &Arc<Log>, due: Instant) -> bool {
        let address = address(log);
        match self.due.get(&address).copied() {
            Some(known) if known <= due => return false,
            Some(known) => {
                self.logs.remove(&(known, address));
            }
            None => {}
        }
        self.due.insert(address, due);
        self.logs.insert((due, address), Arc::downgrade(log));
        self.next() == Some(due)
    }

    /// When the next is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.logs.keys().next().map(|(due, _)| *due)
    }

    /// A log that is due at `now`.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Arc<Log>> {
        while self.next()? <= now {
            let ((_, address), log) = self.logs.pop_first()?;
            self.due.remove(&address);
            if let Some(log) = log.upgrade() {
                return Some(log);
            }
        }
        None
    }
}
