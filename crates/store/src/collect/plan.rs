//! What becomes of each pack.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use super::Collected;
use super::mark::Marker;
use crate::id::{FileId, ObjectId};
use crate::index::PackEntry;
use crate::pack::PackedObject;
use crate::pack::open::PackFile;
use crate::pack::write::SealedPack;
use crate::{Error, Result};

/// What becomes of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays.
    Kept,
    /// Nothing of it is needed.
    Dead,
    /// Little of it is needed; it is to be rewritten.
    Sparse,
    /// What is needed of it is in new packs.
    Rewritten,
}

/// A pack, and what of it is needed.
#[derive(Debug)]
pub(super) struct PackUse {
    pub(super) pack: PackEntry,
    pub(super) fate: Fate,
    /// Whether the index has let go of it.
    is_dropped: bool,
    /// A bit for each entry; none once it is clear that nothing will be copied.
    live: Vec<u64>,
    live_entries: u64,
    live_bytes: u64,
}

/// All packs of an index, and what is to be done with them.
#[derive(Debug)]
pub(super) struct Plan {
    folder: PathBuf,
    repack_below: f64,
    uses: BTreeMap<FileId, PackUse>,
    damaged: Vec<String>,
    pub(super) bytes_written: u64,
}

impl PackUse {
    fn new(pack: PackEntry) -> PackUse {
        PackUse {
            pack,
            fate: Fate::Kept,
            is_dropped: false,
            live: vec![0; (pack.entries as usize).div_ceil(64)],
            live_entries: 0,
            live_bytes: 0,
        }
    }

    fn note(&mut self, entry: u32) {
        self.live[entry as usize / 64] |= 1 << (entry % 64);
        self.live_entries += 1;
    }

    /// Which objects of its table are needed.
    fn live_of<'f>(&self, objects: &'f [PackedObject]) -> impl Iterator<Item = &'f PackedObject> {
        let is_live = |number: usize| {
            let word = self.live.get(number / 64).copied().unwrap_or(0);
            word >> (number % 64) & 1 == 1
        };
        let objects = objects.iter().enumerate();
        objects.filter_map(move |(number, object)| is_live(number).then_some(object))
    }

    fn decide(&mut self, repack_below: f64) {
        let share = self.live_bytes as f64 / self.pack.plain_bytes.max(1) as f64;
        self.fate = match self.live_entries {
            0 => Fate::Dead,
            _ if share < repack_below => Fate::Sparse,
            _ => Fate::Kept,
        };
        if self.fate != Fate::Sparse {
            self.live = Vec::new();
        }
    }
}

impl Plan {
    /// Sums up what is marked, and decides; packs in `spared` stay.
    pub(super) fn new(
        folder: &Path,
        marker: &Marker<'_>,
        repack_below: f64,
        spared: &HashSet<FileId>,
    ) -> Result<Plan> {
        let marks = marker.marks();
        let uses = marks.packs().map(|pack| (pack.id, PackUse::new(*pack)));
        let mut plan = Plan {
            folder: folder.to_owned(),
            repack_below,
            uses: uses.collect(),
            damaged: Vec::new(),
            bytes_written: 0,
        };
        marks.for_each(|entry, is_marked| {
            if is_marked && let Some(pack) = plan.uses.get_mut(&entry.place.pack) {
                pack.note(entry.place.entry);
            }
            Ok(())
        })?;
        let mut damaged = Vec::new();
        for (id, pack) in &mut plan.uses {
            if let Err(error) = measure(folder, pack) {
                // What it has cannot be told, so it stays.
                damaged.push(error.to_string());
                continue;
            }
            pack.decide(repack_below);
            if spared.contains(id) {
                pack.fate = Fate::Kept;
            }
        }
        plan.damaged = damaged;
        Ok(plan)
    }

    /// A pack that no index knows, as it would be judged if it had been adopted.
    pub(super) fn add_orphan(&mut self, sealed: &SealedPack, marker: &Marker<'_>, is_young: bool) {
        let mut pack = PackUse::new(sealed.pack);
        for (number, object) in sealed.objects.iter().enumerate() {
            if marker.is_needed(&object.id) {
                pack.note(number as u32);
                pack.live_bytes += u64::from(object.len_bytes);
            }
        }
        pack.decide(self.repack_below);
        if is_young {
            pack.fate = Fate::Kept;
        }
        self.uses.insert(sealed.pack.id, pack);
    }

    /// The packs to be rewritten, with the objects that are to be copied.
    pub(super) fn sparse(&self) -> Vec<PackEntry> {
        let sparse = self.uses.values().filter(|it| it.fate == Fate::Sparse);
        sparse.map(|it| it.pack).collect()
    }

    /// Plain bytes that are to be copied.
    pub(super) fn sparse_bytes(&self) -> u64 {
        let sparse = self.uses.values().filter(|it| it.fate == Fate::Sparse);
        sparse.map(|it| it.live_bytes).sum()
    }

    /// Whether a pack is to be rewritten still.
    pub(super) fn is_sparse(&self, pack: &PackEntry) -> bool {
        let used = self.uses.get(&pack.id);
        used.is_some_and(|it| it.fate == Fate::Sparse)
    }

    /// What is needed of a pack was copied.
    pub(super) fn note_rewritten(&mut self, pack: &PackEntry) {
        if let Some(used) = self.uses.get_mut(&pack.id) {
            used.fate = Fate::Rewritten;
            used.live = Vec::new();
        }
    }

    /// The objects that are needed of a pack that is to be rewritten.
    pub(super) fn live_ids(&self, pack: &PackEntry) -> Result<Vec<ObjectId>> {
        let footer = PackFile::of(&self.folder, pack.id, pack.kind)
            .open()?
            .footer;
        let used = self.uses.get(&pack.id);
        let live = used.map(|it| it.live_of(&footer.objects).map(|object| object.id));
        Ok(live.into_iter().flatten().collect())
    }

    /// Leaves a pack as it is, because of what is wrong with it.
    pub(super) fn spare(&mut self, pack: FileId, error: &Error) {
        self.damaged.push(error.to_string());
        self.keep(&HashSet::from([pack]));
    }

    /// Leaves packs as they are, if they are there still.
    pub(super) fn keep(&mut self, packs: &HashSet<FileId>) {
        for id in packs {
            if let Some(pack) = self.uses.get_mut(id).filter(|it| !it.is_dropped) {
                pack.fate = Fate::Kept;
            }
        }
    }

    /// The packs that the index can forget by now.
    pub(super) fn to_drop(&self) -> Vec<PackEntry> {
        let is_due =
            |used: &&PackUse| !used.is_dropped && matches!(used.fate, Fate::Dead | Fate::Rewritten);
        let due = self.uses.values().filter(is_due);
        due.map(|it| it.pack).collect()
    }

    /// The index has forgotten these packs.
    pub(super) fn note_dropped(&mut self, packs: &[PackEntry]) {
        for pack in packs {
            if let Some(used) = self.uses.get_mut(&pack.id) {
                used.is_dropped = true;
            }
        }
    }

    /// The numbers of it.
    pub(super) fn collected(&self) -> Collected {
        let mut sum = Collected {
            damaged: self.damaged.clone(),
            bytes_written: self.bytes_written,
            ..Collected::default()
        };
        for used in self.uses.values() {
            sum.live_objects += used.live_entries;
            sum.dead_objects += u64::from(used.pack.entries).saturating_sub(used.live_entries);
            sum.live_bytes += used.live_bytes;
            sum.dead_bytes += used.pack.plain_bytes.saturating_sub(used.live_bytes);
            match used.fate {
                Fate::Kept => sum.packs_kept += 1,
                Fate::Dead => sum.packs_dropped += 1,
                // A rehearsal comes no further than to find them.
                Fate::Sparse | Fate::Rewritten => sum.packs_rewritten += 1,
            }
            if used.fate != Fate::Kept {
                sum.bytes_dropped += used.pack.file_bytes;
            }
        }
        sum
    }
}

/// Sums up the plain bytes that are needed of a pack; its table is read only if that is neither all nor nothing.
fn measure(folder: &Path, used: &mut PackUse) -> Result<()> {
    used.live_bytes = match used.live_entries {
        0 => 0,
        all if all == u64::from(used.pack.entries) => used.pack.plain_bytes,
        _ => {
            let footer = PackFile::of(folder, used.pack.id, used.pack.kind)
                .open()?
                .footer;
            let lengths = used.live_of(&footer.objects);
            lengths.map(|it| u64::from(it.len_bytes)).sum()
        }
    };
    Ok(())
}
