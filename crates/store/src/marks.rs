//! Which objects of the index are in use: a bit for each, by its place in the sorted segments.
//!
//! A hundred million objects take 12.5 MB. A set of their ids would take three gigabytes and more, which is where other stores
//! run out of memory when they prune.

use std::sync::Arc;

use crate::Result;
use crate::id::ObjectId;
use crate::index::{Entry, Index, PackEntry, Place, Segment};

/// A bit for each entry of an index as it was at one moment.
#[derive(Debug)]
pub(crate) struct Marks {
    /// The newest first, as they are searched.
    segments: Vec<(Arc<Segment>, Vec<u64>)>,
}

/// What marking an id found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// It is marked now.
    New,
    /// It was marked before.
    Known,
    /// It is in no pack.
    Absent,
}

impl Marks {
    /// No marks on what is published of `index`.
    pub(crate) fn new(index: &Index) -> Marks {
        let segments = index.segments().into_iter().map(|segment| {
            let words = segment.entry_count().div_ceil(64) as usize;
            (segment, vec![0; words])
        });
        Marks {
            segments: segments.collect(),
        }
    }

    /// Marks an id where it is found first.
    pub(crate) fn mark(&mut self, id: &ObjectId) -> Result<Mark> {
        for (segment, bits) in &mut self.segments {
            if let Some(ordinal) = segment.ordinal(id)? {
                let (word, bit) = (ordinal as usize / 64, 1 << (ordinal % 64));
                let was_marked = bits[word] & bit != 0;
                bits[word] |= bit;
                return Ok(match was_marked {
                    true => Mark::Known,
                    false => Mark::New,
                });
            }
        }
        Ok(Mark::Absent)
    }

    /// Whether an id is marked.
    pub(crate) fn is_marked(&self, id: &ObjectId) -> Result<bool> {
        for (segment, bits) in &self.segments {
            if let Some(ordinal) = segment.ordinal(id)? {
                return Ok(bits[ordinal as usize / 64] >> (ordinal % 64) & 1 == 1);
            }
        }
        Ok(false)
    }

    /// Where an id is found first, if it is in any segment.
    pub(crate) fn find(&self, id: &ObjectId) -> Result<Option<Place>> {
        let found = self.segments.iter().map(|(segment, _)| segment.find(id));
        found.filter_map(Result::transpose).next().transpose()
    }

    /// The packs that the marks are on; one may be there several times.
    pub(crate) fn packs(&self) -> impl Iterator<Item = &PackEntry> {
        let segments = self.segments.iter();
        segments.flat_map(|(segment, _)| segment.packs())
    }

    /// All entries, segment by segment, and whether each is marked. An entry that a newer segment has as well is never marked.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(Entry, bool) -> Result<()>) -> Result<()> {
        for (segment, bits) in &self.segments {
            for entry in segment.entries() {
                let entry = entry?;
                let is_marked = bits[entry.ordinal as usize / 64] >> (entry.ordinal % 64) & 1 == 1;
                visit(entry, is_marked)?;
            }
        }
        Ok(())
    }
}
