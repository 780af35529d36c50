//! Objects on their way into packs: of what is added, of a tree that is committed, of what is written as a stream, and of what comes
//! from another store.
//!
//! ```text
//! bytes ──► id ──► known? ──► frame ──► full pack ──► sealer: durable ──► index
//!           (all threads; packer)                     (one thread)       (under a lock)
//! ```
//!
//! 1. Any number of threads put chunks and nodes ([`Ingest::chunks`], [`Ingest::nodes`]); full packs go to a thread that makes
//!    them durable ([`sealed`]).
//! 2. [`Ingest::settle`] makes the others durable, too. Then more can be put, and settled again.
//! 3. [`Ingest::publish_locked`] puts the packs into the index, under the lock under which the caller also makes something refer to
//!    them: before that, `gc` may take them for garbage, and after it not. Whoever has made durable before what refers to them
//!    calls [`Ingest::publish`].
//!
//! Dropped before that it leaves packs that nobody refers to, which whoever comes next adopts or collects.

pub(crate) mod packer;
pub(crate) mod sealed;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::id::FileId;
use crate::lock::Lock;
use crate::pack::write::SealedPack;
use crate::store::Store;
use crate::{Error, Result};
use packer::{Bench, Nodes, Packer, Packers, Serial, Work};
use sealed::Sealed;

/// Packs that are being filled, by any number of threads.
#[derive(Debug)]
pub(crate) struct Ingest {
    shared: Arc<Shared>,
    sealer: Option<Sealer>,
    /// Durable, and not in the index yet.
    packs: Vec<SealedPack>,
    /// Packs that must be in the index when something refers to what was put.
    relied_on: HashSet<FileId>,
}

#[derive(Debug)]
struct Shared {
    packers: Packers,
    sealed: Sealed,
}

/// The thread that makes full packs durable.
#[derive(Debug)]
struct Sealer {
    full: SyncSender<Bench>,
    thread: JoinHandle<()>,
}

/// What was put so far that the store had not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NewObjects {
    pub(crate) chunks: u64,
    /// Length of these chunks.
    pub(crate) plain_bytes: u64,
    pub(crate) nodes: u64,
}

impl Ingest {
    pub(crate) fn start(store: &Store) -> Result<Ingest> {
        let shared = Arc::new(Shared {
            packers: Packers::new(store),
            sealed: Sealed::default(),
        });
        Ok(Ingest {
            sealer: Some(Sealer::start(&shared)?),
            shared,
            packs: Vec::new(),
            relied_on: HashSet::new(),
        })
    }

    /// Where chunks are put.
    pub(crate) fn data(&self) -> &Packer {
        &self.shared.packers.data
    }

    /// Where nodes are put.
    pub(crate) fn tree(&self) -> &Packer {
        &self.shared.packers.nodes
    }

    /// A place for one thread to put chunks at.
    pub(crate) fn chunks(&self) -> Result<Work<'_>> {
        Work::new(self.data(), self.full())
    }

    /// A place for one thread to put nodes at.
    pub(crate) fn node_work(&self) -> Result<Work<'_>> {
        Work::new(self.tree(), self.full())
    }

    /// The same for whoever makes them.
    pub(crate) fn nodes(&self) -> Result<Nodes<'_>> {
        Nodes::new(self.tree(), self.full())
    }

    fn full(&self) -> &SyncSender<Bench> {
        let sealer = self.sealer.as_ref();
        &sealer.expect("there is one but in `settle`").full
    }

    /// Whether a pack could not be made durable: [`settle`](Ingest::settle) will say why.
    pub(crate) fn has_failed(&self) -> bool {
        self.shared.sealed.has_failed()
    }

    /// What was new so far.
    pub(crate) fn new_objects(&self) -> NewObjects {
        let (data, tree) = (&self.data().counts, &self.tree().counts);
        NewObjects {
            chunks: data.new_chunks.load(Ordering::Relaxed),
            plain_bytes: data.new_plain_bytes.load(Ordering::Relaxed),
            nodes: tree.new_chunks.load(Ordering::Relaxed),
        }
    }

    /// What is durable already.
    pub(crate) fn sealed(&self) -> &Sealed {
        &self.shared.sealed
    }

    /// The error that keeps packs from becoming durable, once.
    pub(crate) fn check(&self) -> Result<()> {
        self.shared.sealed.check()
    }

    /// Has a pack made durable before it is full, unless somebody works at it.
    pub(crate) fn seal_early(&self, serial: Serial) {
        if let Some(bench) = self.shared.packers.take_idle(serial) {
            // If nobody listens there has been an error, which is told of elsewhere.
            let _ = self.full().send(bench);
        }
    }

    /// Makes durable whatever was put; nobody may be putting. After an error, what is durable can be published still.
    pub(crate) fn settle(&mut self) -> Result<()> {
        let next = Sealer::start(&self.shared)?;
        if let Some(sealer) = self.sealer.replace(next) {
            for bench in self.shared.packers.take_all() {
                // If nobody listens, that comes out when the thread is joined.
                let _ = sealer.full.send(bench);
            }
            sealer.join()?;
        }
        self.packs.append(&mut self.shared.sealed.take_packs());
        self.relied_on.extend(self.shared.packers.take_reused());
        self.shared.sealed.check()
    }

    /// Length of the packs that are settled and not published.
    pub(crate) fn settled_bytes(&self) -> u64 {
        file_bytes_of(&self.packs)
    }

    /// The packs that are settled and not published.
    pub(crate) fn settled(&self) -> &[SealedPack] {
        &self.packs
    }

    /// The packs that are durable by now, of a run that goes on, to be [published](Ingest::publish_sealed).
    pub(crate) fn take_sealed(&self) -> Vec<SealedPack> {
        self.shared.sealed.take_packs()
    }

    /// Puts such packs into the index: what they rely on is looked after at the end of the run.
    pub(crate) fn publish_sealed(&self, store: &Store, packs: &[SealedPack]) -> Result<()> {
        store.publish(packs, &HashSet::new())?;
        self.shared.packers.forget(packs);
        Ok(())
    }

    /// Puts what is settled into the index, and what it relies on, if `gc` has taken that out meanwhile. What refers to it is durable.
    pub(crate) fn publish(&mut self, store: &Store) -> Result<()> {
        let packs = std::mem::take(&mut self.packs);
        store.publish(&packs, &std::mem::take(&mut self.relied_on))
    }

    /// As [`publish`](Ingest::publish), for a caller that has the lock for publishing, and lets something refer to it only then.
    /// Says which packs those are: as long as nothing refers to them, `gc` may take them out again.
    pub(crate) fn publish_locked(
        &mut self,
        store: &Store,
        _lock: &Lock,
    ) -> Result<HashSet<FileId>> {
        let packs = std::mem::take(&mut self.packs);
        let mut relied_on = std::mem::take(&mut self.relied_on);
        let new: Vec<FileId> = packs.iter().map(|it| it.pack.id).collect();
        store.publish_locked(&packs, &relied_on)?;
        relied_on.extend(new);
        Ok(relied_on)
    }
}

/// Length of these packs.
pub(crate) fn file_bytes_of(packs: &[SealedPack]) -> u64 {
    packs.iter().map(|it| it.pack.file_bytes).sum()
}

impl Drop for Ingest {
    fn drop(&mut self) {
        // Nothing may be written any more when this is gone. Whoever drops it unfinished has an error already.
        let _ = self.sealer.take().map(Sealer::join);
    }
}

impl Sealer {
    fn start(shared: &Arc<Shared>) -> Result<Sealer> {
        let (full, received) = sync_channel(2);
        let to_seal = shared.clone();
        let thread = std::thread::Builder::new()
            .name("sealer".to_owned())
            .spawn(move || to_seal.sealed.run(received, &to_seal.packers.data))
            .map_err(Error::io("start a thread for", shared.packers.data.store()))?;
        Ok(Sealer { full, thread })
    }

    /// Waits until all that was sent is durable.
    fn join(self) -> Result<()> {
        drop(self.full);
        self.thread.join().map_err(|_| {
            Error::Engine(tamis_engine::Error::Panicked {
                input: "the store".to_owned(),
                message: "the thread that makes packs durable panicked".to_owned(),
            })
        })
    }
}
