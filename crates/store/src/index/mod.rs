//! The index: in which pack an id is, for 100 million ids and more than the memory holds.
//!
//! ```text
//! add_fresh ──► fresh ──► sealed ──► segment ─┐
//!             (a table)  (sorted)             ├─ merged now and then ──► segment
//!                                    segment ─┘
//! ```
//!
//! New packs are *fresh*: in memory, in a hash table. A publication sorts them, writes them as a [`Segment`] (an immutable file
//! that is searched where it lies), and replaces the manifest, which names the segments that count. Look-ups go from the newest to the
//! oldest: fresh, sealed (sorted, while a publication writes them), segments. So that they are few, a publication merges
//! the newest segments as long as the next older one is less than eight times as large; each entry is written
//! again once for each factor of eight that the index grows.
//!
//! Publications of several processes, in steps:
//!
//! 1. The caller takes the lock that lets only one process publish.
//! 2. The manifest is read again: the segments that another process published meanwhile stay.
//! 3. The new segment is written under `tmp/`, made durable, and renamed to `index/ID`; the folder is made durable.
//! 4. The manifest of the next generation is written the same way. From here on the new segment counts.
//! 5. Segments that no longer count are removed. Whoever has one open can still read it.
//!
//! A crash before the end of 4 leaves the old manifest and its segments, and maybe a file that no manifest names: the next publication
//! removes it. A reader that comes between 4 and 5 with the old manifest in its hand, and finds a segment gone, reads the manifest again.
//!
//! Not here: reading packs (what a damaged segment says is found out there: ids are checked), making the index from packs, locks.

mod fresh;
pub mod inflight;
mod layout;
mod manifest;
mod merge;
mod publish;
mod region;
mod rows;
mod segment;
#[cfg(test)]
mod tests;
mod verify;
mod walk;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub use manifest::check_manifest;
pub use segment::Segment;
pub use verify::check_segment;
pub use walk::Entries;
pub use write::Builder;

use crate::Result;
use crate::disk::{RealDisk, SharedDisk};
use crate::id::{FileId, ObjectId};
use fresh::Fresh;
use manifest::Manifest;
use rows::{Rows, Sorted};

/// How often a reader goes back to the manifest because a segment is gone.
const LOAD_ATTEMPTS: u32 = 16;

/// A pack as an index knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackEntry {
    /// Its name.
    pub id: FileId,
    /// What it holds.
    pub kind: PackKind,
    /// How many entries it has.
    pub entries: u32,
    /// How long the file is.
    pub file_bytes: u64,
    /// How long its entries are, unpacked.
    pub plain_bytes: u64,
}

/// What a pack holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum PackKind {
    /// Chunks of files.
    Data = 1,
    /// Nodes: folders and chunk lists.
    Tree = 2,
}

impl PackKind {
    /// The kind that is written as `byte`.
    pub fn from_byte(byte: u8) -> Option<PackKind> {
        match byte {
            1 => Some(PackKind::Data),
            2 => Some(PackKind::Tree),
            _ => None,
        }
    }
}

/// Where an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The pack.
    pub pack: FileId,
    /// Its kind, which is part of its file's name.
    pub kind: PackKind,
    /// The number of the entry in the pack, from 0.
    pub entry: u32,
}

impl Place {
    fn new(pack: &PackEntry, entry: u32) -> Place {
        Place {
            pack: pack.id,
            kind: pack.kind,
            entry,
        }
    }
}

/// An entry of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How many are before it in its segment.
    pub ordinal: u64,
    /// Its id.
    pub id: ObjectId,
    /// Where it is.
    pub place: Place,
}

/// The index of a store, as one process sees it: the segments of the manifest, and this process's fresh packs.
///
/// All methods can be called from any thread. Look-ups wait for nothing but the sorting of what is to be published.
#[derive(Debug)]
pub struct Index {
    disk: SharedDisk,
    store: PathBuf,
    state: RwLock<State>,
    /// Held while a publication goes on; the file or folder that could not be made durable, if one could not.
    publisher: Mutex<Option<PathBuf>>,
}

/// Where look-ups look, from the newest to the oldest.
#[derive(Debug)]
struct State {
    fresh: Fresh,
    sealed: Vec<Arc<Rows>>,
    segments: Vec<Arc<Segment>>,
    generation: u64,
}

impl Index {
    /// Opens the index of the store at `store` (the folder that has `index/` and `tmp/`).
    ///
    /// # Errors
    /// When the manifest or a segment that it names cannot be read or is damaged.
    pub fn open(store: &Path) -> Result<Index> {
        Index::open_on(RealDisk::shared(), store)
    }

    pub(crate) fn open_on(disk: SharedDisk, store: &Path) -> Result<Index> {
        let (manifest, segments) = load(store, &[])?;
        Ok(Index {
            disk,
            store: store.to_owned(),
            state: RwLock::new(State {
                fresh: Fresh::default(),
                sealed: Vec::new(),
                segments,
                generation: manifest.generation,
            }),
            publisher: Mutex::new(None),
        })
    }

    /// Where `id` is, if it is in a pack that is known here.
    ///
    /// # Errors
    /// When a segment cannot be read.
    pub fn find(&self, id: &ObjectId) -> Result<Option<Place>> {
        let state = self.read();
        let sealed = || state.sealed.iter().find_map(|rows| rows.find_sorted(id));
        if let Some(place) = state.fresh.find(id).or_else(sealed) {
            return Ok(Some(place));
        }
        let found = state.segments.iter().map(|segment| segment.find(id));
        found.filter_map(Result::transpose).next().transpose()
    }

    /// Adds a pack that is durable, with the ids of its entries in their order. It is found from now on, here, and by others once it is
    /// [published](Index::publish).
    ///
    /// # Panics
    /// When there are not as many ids as the pack has entries.
    pub fn add_fresh(&self, pack: PackEntry, ids: impl IntoIterator<Item = ObjectId>) {
        self.write().fresh.add(pack, ids);
    }

    /// How many entries are not published yet, at about 48 bytes of memory each.
    pub fn unpublished_count(&self) -> usize {
        let state = self.read();
        let sealed = state.sealed.iter().map(|rows| rows.rows().len());
        state.fresh.rows().rows().len() + sealed.sum::<usize>()
    }

    /// All packs, each once, in the order of their ids.
    pub fn known_packs(&self) -> Vec<PackEntry> {
        let state = self.read();
        let sealed = state.sealed.iter().flat_map(|rows| rows.packs());
        let segments = state.segments.iter().flat_map(|segment| segment.packs());
        let packs = state.fresh.rows().packs().iter().chain(sealed);
        let packs = packs.chain(segments).map(|pack| (pack.id, *pack));
        packs.collect::<BTreeMap<_, _>>().into_values().collect()
    }

    /// The published segments, the newest first. An id that is in several counts where it is met first.
    pub fn segments(&self) -> Vec<Arc<Segment>> {
        self.read().segments.clone()
    }

    /// How often the index was published when it was last looked at.
    pub fn generation(&self) -> u64 {
        self.read().generation
    }

    /// Looks whether another process published, and takes over what it did. Returns whether it did anything.
    ///
    /// # Errors
    /// As [`open`](Index::open).
    pub fn refresh(&self) -> Result<bool> {
        let _publisher = self.publisher();
        let known = self.segments();
        if Manifest::read(&self.folder())?.generation == self.generation() {
            return Ok(false);
        }
        let (manifest, segments) = load(&self.store, &known)?;
        let mut state = self.write();
        state.generation = manifest.generation;
        state.segments = segments;
        Ok(true)
    }

    fn folder(&self) -> PathBuf {
        self.store.join("index")
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn publisher(&self) -> std::sync::MutexGuard<'_, Option<PathBuf>> {
        let publisher = self.publisher.lock();
        publisher.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the manifest and opens its segments, less those that are `known` already.
fn load(store: &Path, known: &[Arc<Segment>]) -> Result<(Manifest, Vec<Arc<Segment>>)> {
    let folder = store.join("index");
    let mut manifest = Manifest::read(&folder)?;
    for _ in 1..LOAD_ATTEMPTS {
        let error = match open_all(&manifest, &folder, known) {
            Ok(segments) => return Ok((manifest, segments)),
            Err(error) => error,
        };
        let next = Manifest::read(&folder)?;
        if !error.is_not_found() || next.generation == manifest.generation {
            return Err(error);
        }
        manifest = next;
    }
    let segments = open_all(&manifest, &folder, known)?;
    Ok((manifest, segments))
}

fn open_all(
    manifest: &Manifest,
    folder: &Path,
    known: &[Arc<Segment>],
) -> Result<Vec<Arc<Segment>>> {
    let segments = manifest.segments.iter().map(|id| {
        let known = known.iter().find(|segment| segment.id() == *id);
        match known {
            Some(segment) => Ok(Arc::clone(segment)),
            None => Segment::open(&folder.join(id.to_string())).map(Arc::new),
        }
    });
    segments.collect()
}
