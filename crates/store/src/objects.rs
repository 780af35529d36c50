//! Reading what is in packs: an id to the bytes it names.
//!
//! ```text
//! id ──index──► pack, entry ──footer──► frame, range ──hot tier──► plain bytes ──BLAKE3──► the caller
//!                            (cached)                   │ miss
//!                                                       ▼
//!                                       warm tier: the pack's pages ──unpack──► plain bytes of the frame
//! ```
//!
//! - The **hot** tier keeps unpacked frames, up to a number of bytes ([`Settings::chunk_cache_bytes`]): small files lie next to each
//!   other in a frame, so whoever reads one asks for its neighbours next.
//! - The **warm** tier keeps pages of packs as they are on the disk, in a buffer pool of its own (`engine::page_cache`).
//!
//! Bytes are held against their id each time they are handed out, wherever they came from: what comes out of here is what
//! was put in, or an error that names the pack.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Weighter};
use tamis_engine::Error as Engine;
use tamis_engine::page_cache::{CachedFile, PAGE_BYTES, PageCache};

use crate::caches::{CacheCounters, Events, TierCounters};
use crate::collect::strays::Strays;
use crate::disk::SharedDisk;
use crate::format::Format;
use crate::id::{FileId, ObjectId};
use crate::index::{Index, PackKind, Place};
use crate::pack::frame::Decompressor;
use crate::pack::open::OpenPack;
use crate::pack::read::FramePlace;
use crate::pack::{self, object_id};
use crate::settings::Settings;
use crate::tree::NodeSource;
use crate::{Error, Result};

/// Everything that is in the packs of a store.
#[derive(Debug)]
pub struct Objects {
    store: PathBuf,
    index: Arc<Index>,
    packs: Cache<FileId, Arc<CachedPack>, PackWeight, DefaultHashBuilder, Events>,
    pack_events: Events,
    frames: Cache<FrameKey, Arc<[u8]>, FrameWeight, DefaultHashBuilder, Events>,
    frame_events: Events,
    pages: PageCache,
    /// What one thread may hold of the pages.
    pinned_bytes_max: u64,
    strays: Strays,
}

type FrameKey = (FileId, u32);

/// A pack that is open: its table, without the ids.
#[derive(Debug)]
struct CachedPack {
    path: PathBuf,
    kind: PackKind,
    file: CachedFile,
    frames: Vec<FramePlace>,
    /// Where each object starts in its frame.
    starts: Vec<u32>,
}

/// Packs that are open at the same time, at most: a process may often have no more than 1,024 files open.
const OPEN_PACKS_MAX: u64 = 256;

#[derive(Clone, Debug)]
struct PackWeight {
    /// The share of one that is among as many as there may be.
    least: u64,
}

impl Weighter<FileId, Arc<CachedPack>> for PackWeight {
    fn weight(&self, _: &FileId, pack: &Arc<CachedPack>) -> u64 {
        // The table, and what a handle takes.
        let bytes = pack.frames.len() * size_of::<FramePlace>() + pack.starts.len() * 4 + 4096;
        (bytes as u64).max(self.least)
    }
}

#[derive(Clone, Debug)]
struct FrameWeight;

impl Weighter<FrameKey, Arc<[u8]>> for FrameWeight {
    fn weight(&self, _: &FrameKey, frame: &Arc<[u8]>) -> u64 {
        frame.len() as u64 + 64
    }
}

/// Some bytes of an unpacked frame.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    frame: Arc<[u8]>,
    range: Range<usize>,
}

impl std::ops::Deref for Object {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.frame[self.range.clone()]
    }
}

impl Objects {
    /// Opens the index of the store at `store`.
    ///
    /// # Errors
    /// As of [`Index::open`].
    pub(crate) fn open(
        disk: &SharedDisk,
        store: &Path,
        format: &Format,
        settings: &Settings,
    ) -> Result<Objects> {
        let hot = settings.hot_bytes();
        let pages = settings.page_bytes(format.chunks.max_bytes);
        let tables = settings.table_bytes();
        let (pack_events, frame_events) = (Events::default(), Events::default());
        Ok(Objects {
            store: store.to_owned(),
            index: Arc::new(Index::open_on(disk.clone(), store)?),
            packs: Cache::with(
                64,
                tables,
                PackWeight {
                    least: tables / OPEN_PACKS_MAX,
                },
                DefaultHashBuilder::default(),
                pack_events.clone(),
            ),
            pack_events,
            frames: Cache::with(
                (hot / pack::frame::TARGET_BYTES as u64) as usize,
                hot,
                FrameWeight,
                DefaultHashBuilder::default(),
                frame_events.clone(),
            ),
            frame_events,
            pages: PageCache::new(pages as usize)?,
            pinned_bytes_max: settings.pinned_bytes_max(format.chunks.max_bytes),
            strays: Strays::default(),
        })
    }

    /// The index.
    pub(crate) fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// The bytes of an object.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Damaged`] if they are not what the id says; [`Error::Io`].
    pub(crate) fn read(&self, id: &ObjectId, kind: PackKind) -> Result<Object> {
        let place = match self.index.find(id)? {
            Some(place) => place,
            None => self.find_again(id, kind)?,
        };
        match self.read_place(id, &place) {
            // `gc` may have moved what the index of the start of this command knew.
            Err(error) if error.is_not_found() => {
                let place = self.find_again(id, kind)?;
                self.read_place(id, &place)
            }
            // Or it has just put the pack aside, which moves its time: what is in it is the same.
            Err(Error::Engine(Engine::Changed { .. })) => {
                self.packs.remove(&place.pack);
                self.read_place(id, &place)
            }
            read => read,
        }
    }

    /// The bytes of a chunk that is as long as a file's list says.
    ///
    /// # Errors
    /// As of [`read`](Objects::read); [`Error::BadObject`] for a list that is not true.
    pub(crate) fn chunk(&self, id: &ObjectId, len_bytes: u32) -> Result<Object> {
        let chunk = self.read(id, PackKind::Data)?;
        match chunk.len() == len_bytes as usize {
            true => Ok(chunk),
            false => Err(Error::BadObject {
                what: "chunk list with the chunk",
                id: id.to_string(),
                byte_offset: 0,
                detail: "the chunk has another length than the list says".into(),
            }),
        }
    }

    /// Looks an id up in the index as it is on the disk now, and then in packs that no index knows.
    ///
    /// # Errors
    /// [`Error::Missing`]; whatever keeps these from being read.
    pub(crate) fn find_again(&self, id: &ObjectId, kind: PackKind) -> Result<Place> {
        self.index.refresh()?;
        let found = match self.index.find(id)? {
            Some(place) => Some(place),
            None => self.strays.find(&self.store, &self.index, id)?,
        };
        found.ok_or(Error::Missing {
            what: match kind {
                PackKind::Data => "chunk",
                PackKind::Tree => "node",
            },
            id: *id,
        })
    }

    fn read_place(&self, id: &ObjectId, place: &Place) -> Result<Object> {
        let pack = self.pack(place.pack, place.kind)?;
        let outside = || {
            Error::damaged(
                &pack.path,
                0,
                format!("the index looks for entry {} in it", place.entry),
            )
        };
        let number = pack
            .frames
            .partition_point(|frame| frame.first_entry <= place.entry)
            .checked_sub(1)
            .ok_or_else(outside)?;
        let frame = &pack.frames[number];
        let start = *pack.starts.get(place.entry as usize).ok_or_else(outside)? as usize;
        let is_last = place.entry + 1 == frame.first_entry + frame.header.entries;
        let end = match is_last {
            true => frame.header.plain_bytes as usize,
            false => pack.starts[place.entry as usize + 1] as usize,
        };
        let key = (place.pack, number as u32);
        let bytes = self
            .frames
            .get_or_insert_with(&key, || self.unpack(&pack, frame))?;
        let object = Object {
            frame: bytes,
            range: start..end,
        };
        if object_id(pack.kind, &object) != *id {
            self.frames.remove(&key);
            let detail = format!("the bytes of {id} are not what they were");
            return Err(Error::damaged(&pack.path, u64::from(frame.offset), detail));
        }
        Ok(object)
    }

    fn pack(&self, id: FileId, kind: PackKind) -> Result<Arc<CachedPack>> {
        self.packs.get_or_insert_with(&id, || {
            self.pack_events.count_miss();
            let OpenPack { path, file, footer } = OpenPack::find(&self.store, id, kind)?;
            let starts = footer.frames.iter().flat_map(|frame| {
                let first = frame.first_entry as usize;
                let objects = &footer.objects[first..first + frame.header.entries as usize];
                objects.iter().scan(0, |end, object| {
                    let start = *end;
                    *end += object.len_bytes;
                    Some(start)
                })
            });
            let starts = starts.collect();
            let name = path.display().to_string();
            Ok(Arc::new(CachedPack {
                path,
                kind,
                file: self.pages.register(&name, file, footer.pack.file_bytes)?,
                frames: footer.frames,
                starts,
            }))
        })
    }

    /// The plain bytes of a frame.
    fn unpack(&self, pack: &CachedPack, frame: &FramePlace) -> Result<Arc<[u8]>> {
        self.frame_events.count_miss();
        let start = u64::from(frame.offset) + frame.header.payload_offset();
        let stored_bytes = u64::from(frame.header.stored_bytes);
        let mut plain = Vec::new();
        let mut unpack = |payload: &[u8]| {
            DECOMPRESSOR
                .with_borrow_mut(|it| it.unpack(&frame.header, payload, &mut plain))
                .map_err(|detail| Error::damaged(&pack.path, u64::from(frame.offset), detail))
        };
        // It may share a page with its neighbours at both ends.
        match stored_bytes + 2 * PAGE_BYTES as u64 <= self.pinned_bytes_max {
            true => unpack(&pack.file.pin(start..start + stored_bytes)?)?,
            false => {
                let mut payload = vec![0; stored_bytes as usize];
                pack.file.read_into(start, &mut payload)?;
                unpack(&payload)?;
            }
        }
        Ok(plain.into())
    }

    /// How the caches did so far.
    pub fn counters(&self) -> CacheCounters {
        let warm = self.pages.counters();
        let frames = &self.frames;
        let packs = &self.packs;
        CacheCounters {
            hot: (self.frame_events).counters(frames.hits(), frames.weight(), frames.capacity()),
            warm: TierCounters {
                hits: warm.hits,
                misses: warm.misses,
                evictions: warm.evictions,
                bytes: warm.resident_bytes as u64,
                budget_bytes: warm.budget_bytes as u64,
            },
            tables: (self.pack_events).counters(packs.hits(), packs.weight(), packs.capacity()),
        }
    }
}

thread_local! {
    /// Contexts take longer to make than a small frame to unpack.
    static DECOMPRESSOR: std::cell::RefCell<Decompressor> = std::cell::RefCell::default();
}

impl NodeSource for Objects {
    fn node(&self, id: &ObjectId) -> Result<Arc<[u8]>> {
        let object = self.read(id, PackKind::Tree)?;
        Ok(object[..].into())
    }
}
