//! All entries of a segment, in order: for merges, for `gc`, and for whoever verifies it.

use crate::id::ObjectId;
use crate::index::layout::{PREFIX_BYTES, REST_BYTES, SLOT_BYTES};
use crate::index::rows::{Row, Slot};
use crate::index::segment::Segment;
use crate::index::{Entry, Place};
use crate::{Error, Result};

/// Entries that are read at once: 160 KiB.
const WINDOW_ENTRIES: u64 = 4096;

/// Reads a segment from its first entry to its last, in windows; refuses entries that are out of order or
/// in no pack of the segment.
#[derive(Debug)]
pub(super) struct Walk<'s> {
    segment: &'s Segment,
    /// Entries before this one were read.
    end: u64,
    /// What was read and not handed out yet is behind `position`.
    window: Vec<Row>,
    position: usize,
    last: Option<Row>,
    bytes: Vec<u8>,
}

impl<'s> Walk<'s> {
    pub(super) fn new(segment: &'s Segment) -> Walk<'s> {
        Walk {
            segment,
            end: 0,
            window: Vec::new(),
            position: 0,
            last: None,
            bytes: Vec::new(),
        }
    }

    /// The next entry.
    pub(super) fn next_row(&mut self) -> Result<Option<Row>> {
        if self.position == self.window.len() {
            self.fill()?;
        }
        let row = self.window.get(self.position).copied();
        self.position += 1;
        if let Some(row) = &row
            && self
                .last
                .replace(*row)
                .is_some_and(|last| !last.is_before(row))
        {
            let ordinal = self.end - (self.window.len() - self.position + 1) as u64;
            let byte_offset = self.segment.layout().prefixes + ordinal * PREFIX_BYTES;
            return Err(self.damaged(byte_offset, "an entry is out of order"));
        }
        Ok(row)
    }

    /// How many entries there are behind those handed out.
    fn left(&self) -> u64 {
        let unread = self.segment.entry_count() - self.end;
        unread + self.window.len().saturating_sub(self.position) as u64
    }

    fn fill(&mut self) -> Result<()> {
        let layout = *self.segment.layout();
        let count = WINDOW_ENTRIES.min(layout.entry_count - self.end);
        self.window.clear();
        self.position = 0;
        self.read(layout.prefixes, PREFIX_BYTES, count)?;
        for prefix in self.bytes.chunks_exact(PREFIX_BYTES as usize) {
            let prefix = u64::from_le_bytes(prefix.try_into().expect("eight bytes"));
            let mut id = [0; 32];
            id[..8].copy_from_slice(&prefix.to_be_bytes());
            let slot = Slot { pack: 0, entry: 0 };
            let id = ObjectId(id);
            self.window.push(Row { id, slot });
        }
        self.read(layout.rests, REST_BYTES, count)?;
        let rests = self.bytes.chunks_exact(REST_BYTES as usize);
        for (row, rest) in self.window.iter_mut().zip(rests) {
            row.id.0[8..].copy_from_slice(rest);
        }
        self.read(layout.slots, SLOT_BYTES, count)?;
        let slots = self.bytes.chunks_exact(SLOT_BYTES as usize);
        for ((row, bytes), ordinal) in self.window.iter_mut().zip(slots).zip(self.end..) {
            row.slot = self.segment.decode_slot(bytes, ordinal)?;
        }
        self.end += count;
        Ok(())
    }

    /// Reads what a part that starts at `part` has of the next `count` entries.
    fn read(&mut self, part: u64, each_bytes: u64, count: u64) -> Result<()> {
        self.bytes.resize((count * each_bytes) as usize, 0);
        let byte_offset = part + self.end * each_bytes;
        self.segment.region().read(byte_offset, &mut self.bytes)
    }

    fn damaged(&self, byte_offset: u64, detail: &str) -> Error {
        self.segment.region().damaged(byte_offset, detail)
    }
}

/// What [`Segment::entries`] returns.
#[derive(Debug)]
pub struct Entries<'s> {
    walk: Walk<'s>,
    has_failed: bool,
}

impl<'s> Entries<'s> {
    pub(super) fn new(segment: &'s Segment) -> Entries<'s> {
        Entries {
            walk: Walk::new(segment),
            has_failed: false,
        }
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Result<Entry>> {
        if self.has_failed {
            return None;
        }
        let segment = self.walk.segment;
        let ordinal = segment.entry_count() - self.walk.left();
        let row = self.walk.next_row();
        self.has_failed = row.is_err();
        let entry = row.map(|row| {
            row.map(|row| Entry {
                ordinal,
                id: row.id,
                place: Place::new(&segment.packs()[row.slot.pack as usize], row.slot.entry),
            })
        });
        entry.transpose()
    }
}
