//! Copies what is needed of sparse packs to new ones.
//!
//! Objects are read as everybody reads them, so each is held against its id, in the order in which they lie in the old pack. What was
//! copied of a pack that then turns out to be damaged stays copied: it is there twice, until the next `gc`.
//!
//! That is done in rounds, each of which is published before the next: until then, what is in new packs takes a hundred bytes of memory
//! for each object, and the old packs their place on the disk.

use super::plan::Plan;
use crate::Result;
use crate::index::{PackEntry, PackKind};
use crate::pack::roll::PackRoll;
use crate::pack::write::SealedPack;
use crate::progress::StoreProgress;
use crate::store::Store;

/// Objects that are copied before their packs are published; in tests so few that there are several rounds.
const ROUND_OBJECTS: u64 = if cfg!(test) { 16 } else { 2 << 20 };

/// A rewriting that goes on.
pub(super) struct Rewrite<'s> {
    store: &'s Store,
    progress: &'s StoreProgress,
    /// What was sparse when it began, and was not come to yet.
    left: std::vec::IntoIter<PackEntry>,
    data: PackRoll<'s>,
    nodes: PackRoll<'s>,
    /// Objects of this round.
    objects: u64,
}

impl<'s> Rewrite<'s> {
    /// Of what `plan` says.
    pub(super) fn new(store: &'s Store, plan: &Plan, progress: &'s StoreProgress) -> Rewrite<'s> {
        let sparse = plan.sparse();
        progress.expect(sparse.len() as u64, plan.sparse_bytes());
        let new = |kind| PackRoll::new(store.disk(), store.folder(), kind, store.settings());
        Rewrite {
            store,
            progress,
            left: sparse.into_iter(),
            data: new(PackKind::Data),
            nodes: new(PackKind::Tree),
            objects: 0,
        }
    }

    /// Whether there is nothing left to be copied.
    pub(super) fn is_done(&self) -> bool {
        self.left.len() == 0
    }

    /// Copies packs until that is enough for a round, and tells `plan` which were, and which could not be. The new packs are durable, and
    /// no index knows them.
    pub(super) fn round(&mut self, plan: &mut Plan) -> Result<Vec<SealedPack>> {
        self.objects = 0;
        while self.objects < ROUND_OBJECTS
            && let Some(pack) = self.left.next()
        {
            if plan.is_sparse(&pack) {
                match self.copy(&pack, plan)? {
                    Ok(()) => plan.note_rewritten(&pack),
                    Err(error) => plan.spare(pack.id, &error),
                }
            }
            self.progress.done(1, 0);
        }
        let mut sealed = self.data.finish()?;
        sealed.append(&mut self.nodes.finish()?);
        plan.bytes_written += sealed.iter().map(|it| it.pack.file_bytes).sum::<u64>();
        Ok(sealed)
    }

    /// Copies what is needed of a pack. A failure to write ends it all, one to read ends it for this pack.
    fn copy(&mut self, pack: &PackEntry, plan: &Plan) -> Result<Result<()>> {
        let ids = match plan.live_ids(pack) {
            Ok(ids) => ids,
            Err(error) => return Ok(Err(error)),
        };
        for id in ids {
            self.store.cancel().check()?;
            let object = match self.store.objects().read(&id, pack.kind) {
                Ok(object) => object,
                Err(error) => return Ok(Err(error)),
            };
            match pack.kind {
                PackKind::Data => self.data.put(id, &object)?,
                PackKind::Tree => self.nodes.put(id, &object)?,
            }
            self.objects += 1;
            self.progress.done(0, object.len() as u64);
        }
        Ok(Ok(()))
    }
}
