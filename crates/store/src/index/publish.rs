//! Publications: what makes fresh packs known to everybody, and lets `gc` forget some.
//!
//! The steps, and what a crash between them leaves, are told in [`index`](crate::index).

use std::collections::HashSet;
use std::fs;
use std::sync::Arc;

use crate::disk::SYNC;
use crate::id::{FileId, ObjectId};
use crate::index::manifest::Manifest;
use crate::index::merge::{Layer, Merge};
use crate::index::rows::{Rows, Sorted};
use crate::index::segment::Segment;
use crate::index::write::write_segment;
use crate::index::{Index, PackEntry, load};
use crate::{Error, Result};

/// An older segment is merged with newer ones that together have more than one in so many of its entries.
const SIZE_RATIO: u64 = 8;

/// Segments of up to so many entries (1.5 MB) are merged whatever their sizes: it costs less than to look into one more of them.
const SMALL_ENTRIES: u64 = 1 << 15;

/// So many segments there may be.
const SEGMENT_COUNT_MAX: usize = 4;

/// A segment cannot have more.
const ENTRIES_MAX: u64 = u32::MAX as u64;

impl Index {
    /// Writes the fresh packs as a segment, merges segments where there are many, and replaces the manifest. Returns the
    /// generation, which stays the same when there was nothing to do. Segments that no manifest names are removed.
    ///
    /// The caller holds the lock that keeps other processes from publishing. What another one published before is kept.
    ///
    /// # Errors
    /// When the disk refuses, or a segment that is to be merged is damaged. The packs stay fresh then, and can be published again,
    /// unless something could not be made durable ([`Error::Poisoned`]).
    pub fn publish(&self) -> Result<u64> {
        self.renew(&HashSet::new())
    }

    /// Publishes an index without the packs in `dropped`, and with those in `added`.
    ///
    /// What the index has in a dropped pack is forgotten, unless it is in an added pack, or in a segment that was looked into
    /// later: what else in use a dropped pack had, must be in an added one.
    ///
    /// # Errors
    /// As [`publish`](Index::publish).
    ///
    /// # Panics
    /// When an added pack does not have as many ids as entries.
    pub fn replace_packs<I>(
        &self,
        dropped: &HashSet<FileId>,
        added: impl IntoIterator<Item = (PackEntry, I)>,
    ) -> Result<u64>
    where
        I: IntoIterator<Item = ObjectId>,
    {
        // What is fresh so far may be in a dropped pack; added packs must not give way to it.
        self.seal();
        for (pack, ids) in added {
            self.add_fresh(pack, ids);
        }
        self.renew(dropped)
    }

    fn renew(&self, dropped: &HashSet<FileId>) -> Result<u64> {
        let mut publisher = self.publisher();
        if let Some(path) = publisher.clone() {
            return Err(Error::Poisoned { path });
        }
        let renewed = self.renew_alone(dropped);
        if let Err(Error::Io { action, path, .. }) = &renewed
            && *action == SYNC
        {
            *publisher = Some(path.clone());
        }
        renewed
    }

    fn renew_alone(&self, dropped: &HashSet<FileId>) -> Result<u64> {
        let sealed = self.seal();
        let (mut manifest, mut segments) = load(&self.store, &self.segments())?;
        let merged = merged_count(&sealed, &segments, dropped);
        if !sealed.is_empty() || merged > 0 {
            let kept = segments.split_off(merged);
            let written = self.write_merged(&sealed, segments, dropped)?;
            segments = written.into_iter().chain(kept).collect();
            manifest = Manifest {
                generation: manifest.generation.wrapping_add(1),
                segments: segments.iter().map(|segment| segment.id()).collect(),
            };
            manifest.write(&self.disk, &self.store)?;
        } else {
            // The process that wrote this manifest may have been killed before its name was durable, and what is known here will be
            // relied on; and segments of the one before must not go before it does.
            self.disk.sync_folder(&self.folder())?;
        }
        self.adopt(&manifest, segments);
        self.sweep(&manifest);
        Ok(manifest.generation)
    }

    /// Makes fresh packs sealed ones. Returns all of those, the newest first.
    fn seal(&self) -> Vec<Arc<Rows>> {
        let mut state = self.write();
        if let Some(rows) = state.fresh.take() {
            state.sealed.insert(0, Arc::new(rows));
        }
        state.sealed.clone()
    }

    /// Writes one segment of all these, durably; none if nothing is left.
    fn write_merged(
        &self,
        sealed: &[Arc<Rows>],
        segments: Vec<Arc<Segment>>,
        dropped: &HashSet<FileId>,
    ) -> Result<Option<Arc<Segment>>> {
        // A new segment has a right hash of its own, which must not vouch for what was damaged before.
        segments
            .iter()
            .try_for_each(|segment| segment.verify_hash())?;
        let sealed = sealed.iter().cloned().map(Layer::Memory);
        let layers = sealed.chain(segments.into_iter().map(Layer::Disk));
        let folder = self.folder();
        let merge = Merge::new(layers.collect(), dropped, &folder)?;
        if merge.packs().is_empty() {
            return Ok(None);
        }
        let id = write_segment(&merge, &self.disk, &self.store)?;
        self.disk.sync_folder(&folder)?;
        let segment = Segment::open(&folder.join(id.to_string()))?;
        Ok(Some(Arc::new(segment)))
    }

    /// Look-ups go to these segments from now on, and nothing is sealed any more.
    fn adopt(&self, manifest: &Manifest, segments: Vec<Arc<Segment>>) {
        let mut state = self.write();
        state.sealed.clear();
        state.segments = segments;
        state.generation = manifest.generation;
    }

    /// Removes the segments that do not count. One that stays behind harms nobody, so that this cannot fail.
    fn sweep(&self, manifest: &Manifest) {
        let Ok(folder) = fs::read_dir(self.folder()) else {
            return;
        };
        for file in folder.flatten() {
            let name = file.file_name();
            let id = name.to_str().and_then(|name| name.parse::<FileId>().ok());
            if id.is_some_and(|id| !manifest.segments.contains(&id)) {
                let _ = self.disk.remove(&file.path());
            }
        }
    }
}

/// How many of the segments (the newest first) become one with what is sealed.
fn merged_count(
    sealed: &[Arc<Rows>],
    segments: &[Arc<Segment>],
    dropped: &HashSet<FileId>,
) -> usize {
    let names_dropped = |packs: &[PackEntry]| packs.iter().any(|pack| dropped.contains(&pack.id));
    let last_dropped = segments
        .iter()
        .rposition(|segment| names_dropped(segment.packs()));
    let must = last_dropped.map_or(0, |last| last + 1);
    let sizes = segments.iter().map(|segment| segment.entry_count());
    let sealed_entries = sealed.iter().map(|rows| rows.rows().len() as u64).sum();
    let may = merged_by_size(sealed_entries, &sizes.collect::<Vec<_>>());
    match sealed.is_empty() && may == 1 {
        // One segment alone would be written as it is.
        true => must,
        false => must.max(may),
    }
}

/// The same by sizes alone.
fn merged_by_size(fresh: u64, segments: &[u64]) -> usize {
    let mut total = fresh;
    let mut merged = 0;
    for &entries in segments {
        // The merged one counts as well, if there is one.
        let left = segments.len() - merged + usize::from(merged > 0 || fresh > 0);
        let is_near = entries < SIZE_RATIO * total || entries <= SMALL_ENTRIES;
        let fits = total + entries <= ENTRIES_MAX;
        if !fits || !(is_near || left > SEGMENT_COUNT_MAX) {
            break;
        }
        total += entries;
        merged += 1;
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_older_segment_is_much_larger_or_merged() {
        let large = SMALL_ENTRIES * 2;
        assert_eq!(merged_by_size(10, &[]), 0);
        assert_eq!(merged_by_size(10, &[SMALL_ENTRIES]), 1);
        assert_eq!(merged_by_size(10, &[large]), 0);
        assert_eq!(merged_by_size(large, &[8 * large - 1]), 1);
        assert_eq!(merged_by_size(large, &[8 * large]), 0);
        assert_eq!(merged_by_size(large, &[7 * large, 9 * large, 1 << 30]), 2);
        assert_eq!(
            merged_by_size(10, &[large, 1 << 30, u64::from(u32::MAX)]),
            0
        );
        assert_eq!(merged_by_size(10, &[large, 1 << 22, 1 << 26, 1 << 31]), 1);
        assert_eq!(merged_by_size(1 << 31, &[1 << 31, 1 << 31]), 0);
    }
}
