//! Which record of a path is its last.

use super::image::View;
use super::record::{Frame, PathRecord, Record, flaw};
use super::table::{Slot, Table};
use crate::codec::{Read, checksum};

/// The last record of each path, and of the commits.
#[derive(Debug, Default)]
pub(super) struct Latest {
    /// Of each path that was ever staged in this log, removed ones too.
    pub(super) table: Table,
    /// Paths that are staged.
    pub(super) live_count: usize,
    /// Bytes of their records.
    pub(super) live_bytes: u64,
    /// Where the last record is that names a commit; 0 if there is none.
    pub(super) mark: u64,
}

/// Where a path is.
pub(super) struct Located<'b> {
    hash: u64,
    slot: Slot,
    /// Its last record.
    pub(super) record: Option<PathRecord<'b>>,
}

/// Where a path is, without a look into the log.
pub(super) struct Place {
    hash: u64,
    slot: Slot,
    /// Length of its record, if it is staged.
    live_bytes: Option<u64>,
}

impl Located<'_> {
    /// The number of the slot.
    pub(super) fn slot_index(&self) -> usize {
        self.slot.index
    }

    /// The same, to be kept while the log changes.
    pub(super) fn place(self) -> Place {
        Place {
            live_bytes: self
                .record
                .filter(|record| record.entry.is_some())
                .map(|record| record.len_bytes),
            hash: self.hash,
            slot: self.slot,
        }
    }
}

impl Place {
    /// Where the last record of the path is.
    pub(super) fn offset(&self) -> Option<u64> {
        self.slot.offset
    }
}

impl Latest {
    /// Looks a path up.
    pub(super) fn locate<'b>(&self, view: View<'b>, path: &[u8]) -> Read<Located<'b>> {
        let hash = checksum(path);
        let mut found = None;
        let slot = self.table.find(hash, |offset| {
            let frame = view.frame(offset)?;
            let is_it = frame.path()? == path;
            found = is_it.then_some(frame);
            Ok(is_it)
        })?;
        let record = found.map(|frame| frame.path_record()).transpose()?;
        Ok(Located { hash, slot, record })
    }

    /// Makes room for one more path; places from before are void.
    pub(super) fn make_room(&mut self, view: View<'_>) -> Read<()> {
        if self.table.is_full() {
            self.table = self
                .table
                .grown(|offset| Ok(checksum(view.frame(offset)?.path()?)))?;
        }
        Ok(())
    }

    /// Says that the last record of a path is now at `offset`; `live_bytes` is its length, if the path is staged.
    pub(super) fn set(&mut self, place: &Place, offset: u64, live_bytes: Option<u64>) {
        self.table.set(&place.slot, place.hash, offset);
        // Saturating, because the sums may come from a file.
        if let Some(len_bytes) = place.live_bytes {
            self.live_count = self.live_count.saturating_sub(1);
            self.live_bytes = self.live_bytes.saturating_sub(len_bytes);
        }
        if let Some(len_bytes) = live_bytes {
            self.live_count += 1;
            self.live_bytes += len_bytes;
        }
    }

    /// Takes in what a record says, in the order of the log.
    pub(super) fn follow(
        &mut self,
        view: View<'_>,
        frame: &Frame<'_>,
        record: &Record<'_>,
    ) -> Read<()> {
        match record {
            Record::Checkpoint | Record::Packs(_) | Record::Following => {}
            Record::Committed(_) => self.mark = frame.offset,
            Record::Path(record) => {
                self.make_room(view)?;
                let place = self.locate(view, record.path)?.place();
                if place.offset() != record.previous {
                    return Err(flaw(
                        frame.offset,
                        "a record does not follow the one before it",
                    ));
                }
                let live_bytes = record.entry.map(|_| record.len_bytes);
                self.set(&place, frame.offset, live_bytes);
            }
        }
        Ok(())
    }
}
