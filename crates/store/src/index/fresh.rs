//! Packs that are in no segment yet.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::id::ObjectId;
use crate::index::rows::{Row, Rows, Slot};
use crate::index::{PackEntry, Place};

/// Entries that can be found while more are added: about 48 bytes for each.
///
/// The table holds numbers of rows, so that the rows themselves can be sorted in place when they become a segment.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    rows: Rows,
    table: HashTable<u32>,
}

impl Fresh {
    /// Adds a pack; an id that another fresh pack has stays there.
    pub(super) fn add(&mut self, pack: PackEntry, ids: impl IntoIterator<Item = ObjectId>) {
        let number = self.rows.push_pack(pack);
        let mut count = 0;
        for id in ids {
            let slot = Slot {
                pack: number,
                entry: count,
            };
            self.add_row(Row { id, slot });
            count += 1;
        }
        assert_eq!(count, pack.entries, "every entry of a pack has an id");
    }

    fn add_row(&mut self, row: Row) {
        let Fresh { rows, table } = self;
        let next = rows.rows().len();
        let entry = table.entry(
            row.id.prefix(),
            |&number| rows.rows()[number as usize].id == row.id,
            |&number| rows.rows()[number as usize].id.prefix(),
        );
        if let Entry::Vacant(vacant) = entry {
            vacant.insert(u32::try_from(next).expect("4 G rows fit no memory"));
            rows.push(row);
        }
    }

    pub(super) fn find(&self, id: &ObjectId) -> Option<Place> {
        let number = self.table.find(id.prefix(), |&number| {
            self.rows.rows()[number as usize].id == *id
        });
        number.map(|&number| self.rows.place(number as usize))
    }

    pub(super) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// All rows, sorted, if there is any pack.
    pub(super) fn take(&mut self) -> Option<Rows> {
        let mut rows = std::mem::take(self).rows;
        rows.sort();
        rows.has_packs().then_some(rows)
    }
}
