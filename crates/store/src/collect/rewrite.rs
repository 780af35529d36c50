//! Copies what is needed of sparse packs to new ones.
//!
//! Objects are read as everybody reads them, so each is held against its id, in the order in which they lie in the old pack. What was
//! copied of a pack that then turns out to be damaged stays copied: it is there twice, until the next `gc`.

use std::collections::BTreeMap;

use super::plan::Plan;
use crate::Result;
use crate::index::{PackEntry, PackKind};
use crate::pack::frame::Compressor;
use crate::pack::write::{PackWriter, SealedPack};
use crate::progress::StoreProgress;
use crate::store::Store;

/// New packs, of which each kind of objects has its own.
struct Copy<'s> {
    store: &'s Store,
    compressor: Compressor,
    open: BTreeMap<PackKind, PackWriter>,
    sealed: Vec<SealedPack>,
}

/// Rewrites what `plan` says, and tells it what could not be. On return the new packs are durable, and no index knows them.
pub(super) fn rewrite(
    store: &Store,
    plan: &mut Plan,
    progress: &StoreProgress,
) -> Result<Vec<SealedPack>> {
    let settings = store.settings();
    let threshold = settings.compression_threshold_bytes;
    let mut copy = Copy {
        store,
        compressor: Compressor::new(settings.compression, threshold),
        open: BTreeMap::new(),
        sealed: Vec::new(),
    };
    let sparse = plan.sparse();
    progress.expect(sparse.len() as u64, plan.sparse_bytes());
    for pack in sparse {
        let copied = plan.live_ids(&pack).map(|ids| -> Result<_> {
            for id in ids {
                store.cancel().check()?;
                let object = match store.objects().read(&id, pack.kind) {
                    Ok(object) => object,
                    Err(error) => return Ok(Err(error)),
                };
                copy.put(&pack, |writer, compressor| {
                    writer.put(id, &object, compressor)
                })?;
                progress.done(0, object.len() as u64);
            }
            Ok(Ok(()))
        });
        match copied {
            Ok(Ok(Ok(()))) => {}
            // A failure to write ends it all, one to read ends it for this pack.
            Ok(Err(error)) => return Err(error),
            Ok(Ok(Err(error))) | Err(error) => plan.spare(pack.id, &error),
        }
        progress.done(1, 0);
    }
    let sealed = copy.finish()?;
    plan.bytes_written = sealed.iter().map(|it| it.pack.file_bytes).sum();
    Ok(sealed)
}

impl Copy<'_> {
    /// Lets `put` put an object of `pack` into a new pack.
    fn put(
        &mut self,
        pack: &PackEntry,
        put: impl FnOnce(&mut PackWriter, &mut Compressor) -> Result<()>,
    ) -> Result<()> {
        let mut writer = match self.open.remove(&pack.kind) {
            Some(writer) => writer,
            None => {
                let (disk, folder) = (self.store.disk(), self.store.folder().to_owned());
                PackWriter::new(disk, folder, pack.kind)?
            }
        };
        put(&mut writer, &mut self.compressor)?;
        match writer.is_full() {
            true => self.sealed.push(writer.seal(&mut self.compressor)?),
            false => drop(self.open.insert(pack.kind, writer)),
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<SealedPack>> {
        for writer in std::mem::take(&mut self.open).into_values() {
            self.sealed.push(writer.seal(&mut self.compressor)?);
        }
        if !self.sealed.is_empty() {
            let packs = self.store.folder().join("packs");
            self.store.disk().sync_folder(&packs)?;
        }
        Ok(self.sealed)
    }
}
