//! Several sorted layers as one: what a publication writes.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use crate::id::FileId;
use crate::index::PackEntry;
use crate::index::rows::{Row, Rows, Slot, Sorted};
use crate::index::segment::Segment;
use crate::index::walk::Walk;
use crate::{Error, Result};

/// Sorted entries, on the disk or not yet.
#[derive(Clone, Debug)]
pub(super) enum Layer {
    Memory(Arc<Rows>),
    Disk(Arc<Segment>),
}

impl Layer {
    fn packs(&self) -> &[PackEntry] {
        match self {
            Layer::Memory(rows) => rows.packs(),
            Layer::Disk(segment) => segment.packs(),
        }
    }
}

/// Layers, the newest first, less the entries of some packs.
///
/// An id that is in several layers is where the newest has it: that is where look-ups find it before the merge as well, so a
/// place that `gc` marked as used stays the one that counts.
pub(super) struct Merge {
    runs: Vec<SortedRun>,
    packs: Vec<PackEntry>,
}

struct SortedRun {
    layer: Layer,
    /// The layer's numbers of packs in terms of the table of all; `None` for those that are dropped.
    numbers: Vec<Option<u32>>,
}

impl Merge {
    /// `folder` is where the layers are from, for errors.
    pub(super) fn new(
        layers: Vec<Layer>,
        dropped: &HashSet<FileId>,
        folder: &Path,
    ) -> Result<Merge> {
        let mut packs = Vec::new();
        let mut known = HashMap::new();
        let mut runs = Vec::new();
        for layer in layers {
            let mut numbers = Vec::new();
            for pack in layer.packs() {
                let number = match dropped.contains(&pack.id) {
                    true => None,
                    false => Some(number_of(pack, &mut packs, &mut known, folder)?),
                };
                numbers.push(number);
            }
            runs.push(SortedRun { layer, numbers });
        }
        Ok(Merge { runs, packs })
    }
}

/// The number of a pack in the table of all; it is added if it is new.
fn number_of(
    pack: &PackEntry,
    packs: &mut Vec<PackEntry>,
    known: &mut HashMap<FileId, u32>,
    folder: &Path,
) -> Result<u32> {
    let next = packs.len() as u32;
    let number = *known.entry(pack.id).or_insert(next);
    if number == next {
        packs.push(*pack);
    } else if packs[number as usize] != *pack {
        let detail = format!("two segments say different things of the pack {}", pack.id);
        return Err(Error::damaged(folder, 0, detail));
    }
    Ok(number)
}

impl Sorted for Merge {
    fn packs(&self) -> &[PackEntry] {
        &self.packs
    }

    fn each(&self, visit: &mut dyn FnMut(&Row) -> Result<()>) -> Result<()> {
        let cursors = self.runs.iter().map(Cursor::new);
        let mut cursors = cursors.collect::<Result<Vec<_>>>()?;
        while let Some(row) = least(&cursors) {
            visit(&row)?;
            for cursor in &mut cursors {
                if cursor.head.is_some_and(|head| !row.is_before(&head)) {
                    cursor.advance()?;
                }
            }
        }
        Ok(())
    }
}

/// The entry that comes next, as the newest layer that has it.
///
/// There are a handful of layers, so that looking at each is quicker than a heap.
fn least(cursors: &[Cursor<'_>]) -> Option<Row> {
    let mut heads = cursors.iter().filter_map(|cursor| cursor.head.as_ref());
    let mut least = heads.next()?;
    for head in heads {
        if head.is_before(least) {
            least = head;
        }
    }
    Some(*least)
}

/// How far a merge is in one of its layers.
struct Cursor<'m> {
    numbers: &'m [Option<u32>],
    rows: Rest<'m>,
    /// The next entry, its slot in terms of the table of all.
    head: Option<Row>,
}

/// The entries of a layer that are left.
enum Rest<'m> {
    Memory(std::slice::Iter<'m, Row>),
    Disk(Walk<'m>),
}

impl<'m> Cursor<'m> {
    fn new(run: &'m SortedRun) -> Result<Cursor<'m>> {
        let rows = match &run.layer {
            Layer::Memory(rows) => Rest::Memory(rows.rows().iter()),
            Layer::Disk(segment) => Rest::Disk(Walk::new(segment)),
        };
        let mut cursor = Cursor {
            numbers: &run.numbers,
            rows,
            head: None,
        };
        cursor.advance()?;
        Ok(cursor)
    }

    /// To the next entry of a pack that is kept.
    fn advance(&mut self) -> Result<()> {
        self.head = None;
        while let Some(row) = self.next_row()? {
            if let Some(pack) = self.numbers[row.slot.pack as usize] {
                let entry = row.slot.entry;
                let slot = Slot { pack, entry };
                self.head = Some(Row { slot, ..row });
                break;
            }
        }
        Ok(())
    }

    fn next_row(&mut self) -> Result<Option<Row>> {
        match &mut self.rows {
            Rest::Memory(rows) => Ok(rows.next().copied()),
            Rest::Disk(walk) => walk.next_row(),
        }
    }
}
