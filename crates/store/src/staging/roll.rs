//! The roll call: a walk through the work tree ticks off what it meets, and what is left is gone.
//!
//! A slot of the table stands for a path, so a bit for each slot is all the memory that it takes.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Known, Staging};
use crate::Result;
use crate::path::is_below;

/// Which of the staged paths were met; from any thread.
#[derive(Debug)]
pub(crate) struct Roll<'s> {
    staging: &'s Staging,
    met: Vec<AtomicU64>,
}

impl Staging {
    /// A roll in which nothing was met yet.
    pub(crate) fn roll(&self) -> Roll<'_> {
        let words = self.latest.table.slots().len().div_ceil(64);
        Roll {
            staging: self,
            met: (0..words).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Roll<'_> {
    /// Ticks a path off; what is staged there.
    ///
    /// # Errors
    /// When its record is damaged.
    pub(crate) fn meet(&self, path: &[u8]) -> Result<Option<Known>> {
        let staging = self.staging;
        let met = staging.image.view(|view| {
            let located = staging.latest.locate(view, path)?;
            let slot = located.slot_index();
            match located.record.and_then(|record| record.entry) {
                Some(entry) => Ok(Some((slot, entry.known()?))),
                None => Ok(None),
            }
        });
        let met = met.map_err(|flaw| staging.damaged(flaw))?;
        Ok(met.map(|(slot, known)| {
            // Read after the threads that tick have ended.
            self.met[slot / 64].fetch_or(1 << (slot % 64), Ordering::Relaxed);
            known
        }))
    }

    /// Whether anything is staged at a path. Of a damaged record [`meet`](Roll::meet) will tell.
    pub(crate) fn knows(&self, path: &[u8]) -> bool {
        let staging = self.staging;
        let known = staging.image.view(|view| {
            let record = staging.latest.locate(view, path)?.record;
            Ok(record.is_some_and(|record| record.entry.is_some()))
        });
        known.unwrap_or(true)
    }

    /// Staged paths that are `folders` or below, and were not met; in no order.
    ///
    /// # Errors
    /// When a record is damaged.
    pub(crate) fn missing(&self, folders: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
        let staging = self.staging;
        let table = &staging.latest.table;
        let is_met =
            |slot: usize| self.met[slot / 64].load(Ordering::Relaxed) >> (slot % 64) & 1 == 1;
        let slots = (0..table.slots().len()).filter(|&slot| !is_met(slot));
        let missing = staging.image.view(|view| {
            let mut missing = Vec::new();
            for offset in slots.filter_map(|slot| table.offset_at(slot)) {
                let record = view.path_record(offset)?;
                let is_asked_for = folders.iter().any(|folder| is_below(record.path, folder));
                if record.entry.is_some() && is_asked_for {
                    missing.push(record.path.to_owned());
                }
            }
            Ok(missing)
        });
        missing.map_err(|flaw| staging.damaged(flaw))
    }
}
