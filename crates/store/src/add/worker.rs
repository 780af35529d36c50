//! What a thread does with bytes: name them, ask whether they are known, and pack them if not.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::file::Reads;
use crate::Result;
use crate::disk::SharedDisk;
use crate::id::{FileId, ObjectId};
use crate::index::inflight::{Claimed, InFlight};
use crate::index::{Index, PackKind};
use crate::pack::frame::Compressor;
use crate::pack::write::{PackWriter, SealedPack};
use crate::perf::{Clock, Stage};
use crate::settings::Settings;
use crate::tree::NodeSink;

/// The number of a pack that is being filled: what is not durable yet is known by it.
pub(crate) type Serial = u32;

/// Takes chunks from all threads and packs those that are new.
#[derive(Debug)]
pub(crate) struct Packer {
    disk: SharedDisk,
    store: PathBuf,
    settings: Settings,
    kind: PackKind,
    index: Arc<Index>,
    /// Chunks met in this run, and the pack that each is in.
    in_flight: InFlight,
    /// Benches at which nobody works at the moment.
    shelf: Mutex<Vec<Bench>>,
    serials: Arc<AtomicU32>,
    /// Packs of before that hold what was met.
    reused: Mutex<HashSet<FileId>>,
    pub(crate) clock: Clock,
    pub(crate) counts: Counts,
    /// How whoever has files reads them.
    pub(crate) reads: Reads,
}

/// What a run has met so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) chunks: AtomicU64,
    pub(crate) plain_bytes: AtomicU64,
    pub(crate) new_chunks: AtomicU64,
    pub(crate) new_plain_bytes: AtomicU64,
}

/// A pack that is being filled, and what is needed to fill it.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) serial: Serial,
    pub(crate) writer: PackWriter,
    pub(crate) compressor: Compressor,
}

impl Packer {
    pub(crate) fn new(
        disk: SharedDisk,
        store: PathBuf,
        settings: Settings,
        kind: PackKind,
        index: Arc<Index>,
        serials: Arc<AtomicU32>,
    ) -> Packer {
        Packer {
            disk,
            store,
            settings,
            kind,
            index,
            in_flight: InFlight::default(),
            shelf: Mutex::default(),
            serials,
            reused: Mutex::default(),
            clock: Clock::default(),
            counts: Counts::default(),
            reads: Reads::new(settings.buffer_bytes),
        }
    }

    pub(crate) fn disk(&self) -> &SharedDisk {
        &self.disk
    }

    pub(crate) fn store(&self) -> &Path {
        &self.store
    }

    /// Packs of before that what was put in relies on.
    pub(crate) fn take_reused(&self) -> HashSet<FileId> {
        std::mem::take(&mut *self.reused.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets what was met of these packs, which the index knows now. From now on they are packs of before: `gc` may take them out of
    /// the index as long as nothing durable refers to them, and the end of the run looks after that.
    pub(crate) fn forget(&self, packs: &[SealedPack]) {
        let reused = self.reused.lock();
        reused
            .unwrap_or_else(PoisonError::into_inner)
            .extend(packs.iter().map(|it| it.pack.id));
        for object in packs.iter().flat_map(|it| &it.objects) {
            self.in_flight.remove(&object.id);
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Vec<Bench>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one thread to pack at, until it is given back.
    pub(crate) fn take_bench(&self) -> Result<Bench> {
        match self.shelf().pop() {
            Some(bench) => Ok(bench),
            None => self.new_bench(),
        }
    }

    fn new_bench(&self) -> Result<Bench> {
        let settings = &self.settings;
        Ok(Bench {
            serial: self.serials.fetch_add(1, Ordering::Relaxed),
            writer: PackWriter::new(&self.disk, self.store.clone(), self.kind)?,
            compressor: Compressor::new(settings.compression, settings.compression_threshold_bytes),
        })
    }

    /// The bench with this pack, if nobody works at it.
    pub(crate) fn take_idle(&self, serial: Serial) -> Option<Bench> {
        let mut shelf = self.shelf();
        let place = shelf.iter().position(|it| it.serial == serial)?;
        Some(shelf.swap_remove(place))
    }

    pub(crate) fn give_back(&self, bench: Bench) {
        self.shelf().push(bench);
    }

    /// All benches, when nobody works any more.
    pub(crate) fn take_all(&self) -> Vec<Bench> {
        std::mem::take(&mut *self.shelf())
    }

    /// Whether an object is in the store already, or in a pack of this run; the pack is then relied on.
    pub(crate) fn knows(&self, id: &ObjectId, at: &mut Work<'_>) -> Result<bool> {
        if let Some(place) = self.index.find(id)? {
            at.reused.insert(place.pack);
            return Ok(true);
        }
        let serial = self.in_flight.find(id);
        serial.into_iter().for_each(|serial| at.depend_on(serial));
        Ok(serial.is_some())
    }

    /// Sees to it that a chunk is in the store: already, or in a pack of this run.
    pub(crate) fn put(&self, chunk: &[u8], at: &mut Work<'_>) -> Result<ObjectId> {
        let id = self
            .clock
            .time(Stage::Hash, || crate::pack::object_id(self.kind, chunk));
        self.counts.chunks.fetch_add(1, Ordering::Relaxed);
        self.counts
            .plain_bytes
            .fetch_add(chunk.len() as u64, Ordering::Relaxed);
        if let Some(place) = self.index.find(&id)? {
            at.reused.insert(place.pack);
            return Ok(id);
        }
        match self.in_flight.claim(id, at.bench.serial) {
            Claimed::Known(serial) => at.depend_on(serial),
            Claimed::New => {
                at.depend_on(at.bench.serial);
                self.counts.new_chunks.fetch_add(1, Ordering::Relaxed);
                self.counts
                    .new_plain_bytes
                    .fetch_add(chunk.len() as u64, Ordering::Relaxed);
                let bench = &mut at.bench;
                self.clock.time(Stage::Compress, || {
                    bench.writer.put(id, chunk, &mut bench.compressor)
                })?;
                if at.bench.writer.is_full() {
                    self.replace_full(at)?;
                }
            }
        }
        Ok(id)
    }

    /// Sends a full pack away to be made durable, and begins another.
    fn replace_full(&self, at: &mut Work<'_>) -> Result<()> {
        let full = std::mem::replace(&mut at.bench, self.new_bench()?);
        // Nobody listens after a failure, which is told of elsewhere.
        let _ = at.full.send(full);
        Ok(())
    }
}

/// A thread at work on a task.
#[derive(Debug)]
pub(crate) struct Work<'w> {
    packer: &'w Packer,
    bench: Bench,
    full: &'w SyncSender<Bench>,
    /// Packs of this run that hold what was met.
    pub(crate) serials: Vec<Serial>,
    /// Packs of before that hold what was met.
    reused: HashSet<FileId>,
}

impl<'w> Work<'w> {
    /// Takes a bench; full packs go to `full`.
    pub(crate) fn new(packer: &'w Packer, full: &'w SyncSender<Bench>) -> Result<Work<'w>> {
        Ok(Work {
            packer,
            bench: packer.take_bench()?,
            full,
            serials: Vec::new(),
            reused: HashSet::new(),
        })
    }

    fn depend_on(&mut self, serial: Serial) {
        // Neighbours are in the same pack nearly always.
        if self.serials.last() != Some(&serial) && !self.serials.contains(&serial) {
            self.serials.push(serial);
        }
    }

    /// Gives the bench back; which packs of this run were needed.
    pub(crate) fn finish(self) -> Vec<Serial> {
        if !self.reused.is_empty() {
            let reused = self.packer.reused.lock();
            reused
                .unwrap_or_else(PoisonError::into_inner)
                .extend(self.reused);
        }
        self.packer.give_back(self.bench);
        self.serials
    }
}

/// Nodes on their way into packs.
#[derive(Debug)]
pub(crate) struct Nodes<'w>(Work<'w>);

impl<'w> Nodes<'w> {
    pub(crate) fn new(packer: &'w Packer, full: &'w SyncSender<Bench>) -> Result<Nodes<'w>> {
        Ok(Nodes(Work::new(packer, full)?))
    }

    /// Which packs of this run hold them.
    pub(crate) fn finish(self) -> Vec<Serial> {
        self.0.finish()
    }
}

impl NodeSink for Nodes<'_> {
    fn put_node(&mut self, bytes: &[u8]) -> Result<ObjectId> {
        let packer = self.0.packer;
        packer.put(bytes, &mut self.0)
    }
}
