//! Goes through what is staged: in order, below a folder, or what changed.

use std::collections::HashSet;
use std::vec::IntoIter;

use super::image::View;
use super::order::sort_by_path;
use super::record::{PathRecord, Record};
use super::{Staged, Staging, scan};
use crate::Result;
use crate::codec::Read;
use crate::id::FileId;
use crate::path::is_below;

/// Paths and what is staged there, in the order of the tree; see [`Staging::sorted`].
#[derive(Debug)]
pub struct Sorted<'s> {
    staging: &'s Staging,
    offsets: IntoIter<u64>,
}

/// What changed since the last commit; see [`Staging::changes`].
#[derive(Debug)]
pub struct Changes<'s> {
    staging: &'s Staging,
    next_offset: u64,
}

/// A path that the next commit would not hold as the last one did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The path.
    pub path: Vec<u8>,
    /// What the last commit holds.
    pub before: Option<Staged>,
    /// What is staged.
    pub now: Option<Staged>,
}

impl Staging {
    /// All paths and what is staged there, in the order of the tree ([`tree_order`](crate::path::tree_order)).
    ///
    /// Cost: eight to sixteen bytes of memory for each path; entries are read from the log on the way.
    ///
    /// # Errors
    /// When a record is damaged, now or on the way.
    pub fn sorted(&self) -> Result<Sorted<'_>> {
        self.below(b"")
    }

    /// The same of the path `folder` itself and all paths below it; of all paths if it is empty. Looks at every path.
    ///
    /// # Errors
    /// As [`Staging::sorted`].
    pub fn below(&self, folder: &[u8]) -> Result<Sorted<'_>> {
        Ok(Sorted {
            staging: self,
            offsets: self.offsets_below(folder)?.into_iter(),
        })
    }

    /// Where the records of these paths are, in the order of the tree.
    pub(super) fn offsets_below(&self, folder: &[u8]) -> Result<Vec<u64>> {
        // In the order of the log, which is about that of the tree, and reads the log from front to back.
        let mut all: Vec<u64> = self.latest.table.offsets().collect();
        all.sort_unstable();
        let sorted = self.image.view(|view| {
            let mut kept = 0;
            for index in 0..all.len() {
                let record = view.path_record(all[index])?;
                if record.entry.is_some() && is_below(record.path, folder) {
                    record.check_path()?;
                    all[kept] = all[index];
                    kept += 1;
                }
            }
            all.truncate(kept);
            Ok(sort_by_path(view, all))
        });
        sorted.map_err(|flaw| self.damaged(flaw))
    }

    /// What changed since the last commit, in the order in which it changed; before the first commit, all that is
    /// staged. What is again as it was is left out.
    ///
    /// Cost: what was written since the last commit is read, however much is staged.
    ///
    /// # Errors
    /// When a record is damaged: each item says so.
    pub fn changes(&self) -> Changes<'_> {
        Changes {
            staging: self,
            next_offset: self.latest.mark.max(scan::HEADER_BYTES),
        }
    }

    /// The packs that were made for what is staged since the last commit.
    ///
    /// # Errors
    /// When a record is damaged.
    pub fn packs_since_commit(&self) -> Result<HashSet<FileId>> {
        let start = self.latest.mark.max(scan::HEADER_BYTES);
        let packs = self.image.view(|view| {
            let mut packs = HashSet::new();
            let all = start..u64::MAX;
            scan::walk(view, self.generation, all, u64::MAX, |_, record| {
                if let Record::Packs(ids) = record {
                    packs.extend(ids.iter().map(|&id| FileId(id)));
                }
                Ok(())
            })?;
            Ok(packs)
        });
        packs.map_err(|flaw| self.damaged(flaw))
    }

    /// What the record at `offset` changes, if it is the first of its path since the last commit and the path is not again
    /// as it was; and where the next record is.
    fn change_at(&self, view: View<'_>, offset: u64) -> Read<(u64, Option<Change>)> {
        let frame = view.frame(offset)?;
        let next = offset + frame.len_bytes();
        let Record::Path(record) = frame.record(self.generation)? else {
            return Ok((next, None));
        };
        let mark = self.latest.mark;
        if record.previous.is_some_and(|previous| previous >= mark) {
            return Ok((next, None));
        }
        let before = at_commit(view, mark, record)?;
        let before = before.map_or(Ok(None), |record| record.staged())?;
        let now = self.latest.locate(view, record.path)?.record;
        let now = now.map_or(Ok(None), |record| record.staged())?;
        let change = (!is_same(&before, &now)).then(|| Change {
            path: record.path.to_vec(),
            before,
            now,
        });
        Ok((next, change))
    }
}

/// Whether a commit would hold the same.
pub(super) fn is_same(before: &Option<Staged>, now: &Option<Staged>) -> bool {
    match (before, now) {
        (Some(before), Some(now)) => before.commits_like(now),
        (None, None) => true,
        _ => false,
    }
}

/// The last record of the path of `record` that is not behind `mark`.
pub(super) fn at_commit<'b>(
    view: View<'b>,
    mark: u64,
    mut record: PathRecord<'b>,
) -> Read<Option<PathRecord<'b>>> {
    // Ends: a record is always behind the one before it.
    while record.offset >= mark {
        let Some(previous) = record.previous else {
            return Ok(None);
        };
        let path = record.path;
        record = view.path_record(previous)?;
        if record.path != path {
            return Err(super::record::flaw(
                previous,
                "a record should be about another path",
            ));
        }
    }
    Ok(Some(record))
}

impl PathRecord<'_> {
    /// What is staged after this record.
    pub(super) fn staged(&self) -> Read<Option<Staged>> {
        self.entry.map(|entry| entry.decode()).transpose()
    }
}

impl Iterator for Sorted<'_> {
    type Item = Result<(Vec<u8>, Staged)>;

    fn next(&mut self) -> Option<Self::Item> {
        // What is listed was staged when the list was made, and still is: the staging is borrowed.
        let offset = self.offsets.next()?;
        let item = self.staging.image.view(|view| {
            let record = view.path_record(offset)?;
            let staged = record.staged()?;
            staged
                .map(|staged| (record.path.to_vec(), staged))
                .ok_or_else(|| super::record::flaw(offset, "a record has changed"))
        });
        Some(item.map_err(|flaw| self.staging.damaged(flaw)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.offsets.size_hint()
    }
}

impl ExactSizeIterator for Sorted<'_> {}

impl Iterator for Changes<'_> {
    type Item = Result<Change>;

    fn next(&mut self) -> Option<Self::Item> {
        let staging = self.staging;
        while self.next_offset < staging.image.len_bytes() {
            let step = staging
                .image
                .view(|view| staging.change_at(view, self.next_offset));
            match step {
                Ok((next, None)) => self.next_offset = next,
                Ok((next, Some(change))) => {
                    self.next_offset = next;
                    return Some(Ok(change));
                }
                Err(flaw) => {
                    self.next_offset = u64::MAX;
                    return Some(Err(staging.damaged(flaw)));
                }
            }
        }
        None
    }
}
