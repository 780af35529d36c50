//! Entries in memory: what is not in a segment yet, and what becomes one.

use crate::Result;
use crate::id::ObjectId;
use crate::index::{PackEntry, Place};

/// Where an entry is, in terms of a table of packs; in the order in which equal ids are preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    /// Number in the table of packs.
    pub(super) pack: u32,
    /// Number of the entry in the pack.
    pub(super) entry: u32,
}

/// An entry of an index: 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) id: ObjectId,
    pub(super) slot: Slot,
}

impl Row {
    /// Whether its id comes first. Prefixes seldom are the same, and numbers are compared at once.
    pub(super) fn is_before(&self, other: &Row) -> bool {
        let (prefix, other_prefix) = (self.id.prefix(), other.id.prefix());
        prefix < other_prefix || (prefix == other_prefix && self.id < other.id)
    }
}

/// Entries in the order of their ids, each id once, that can be walked as often as whoever writes them needs.
///
/// A segment has its parts one after the other, so that writing it takes a walk for each: that is cheaper than memory for 100 M entries.
pub(super) trait Sorted {
    /// The table that slots refer to.
    fn packs(&self) -> &[PackEntry];

    /// Shows every entry to `visit`.
    fn each(&self, visit: &mut dyn FnMut(&Row) -> Result<()>) -> Result<()>;
}

/// Packs and their entries, to be sorted.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    packs: Vec<PackEntry>,
    rows: Vec<Row>,
}

impl Rows {
    /// Adds a pack to the table, and says which number it has.
    pub(super) fn push_pack(&mut self, pack: PackEntry) -> u32 {
        let number = u32::try_from(self.packs.len()).expect("a table of 4 G packs fits no memory");
        self.packs.push(pack);
        number
    }

    pub(super) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(super) fn has_packs(&self) -> bool {
        !self.packs.is_empty()
    }

    /// Brings the entries in order; of entries with the same id the first in the first pack stays.
    pub(super) fn sort(&mut self) {
        sort(&mut self.rows);
        self.rows.dedup_by_key(|row| row.id);
    }

    /// Where `id` is, once the rows are sorted.
    pub(super) fn find_sorted(&self, id: &ObjectId) -> Option<Place> {
        let position = self
            .rows
            .binary_search_by(|row| (row.id.prefix(), row.id).cmp(&(id.prefix(), *id)));
        position.ok().map(|position| self.place(position))
    }

    /// The place of the row at `position`.
    pub(super) fn place(&self, position: usize) -> Place {
        let slot = self.rows[position].slot;
        Place::new(&self.packs[slot.pack as usize], slot.entry)
    }
}

impl Sorted for Rows {
    fn packs(&self) -> &[PackEntry] {
        &self.packs
    }

    fn each(&self, visit: &mut dyn FnMut(&Row) -> Result<()>) -> Result<()> {
        self.rows.iter().try_for_each(visit)
    }
}

fn sort(rows: &mut [Row]) {
    rows.sort_unstable_by(|a, b| {
        let order = a.id.prefix().cmp(&b.id.prefix());
        order.then_with(|| (a.id, a.slot).cmp(&(b.id, b.slot)))
    });
}
