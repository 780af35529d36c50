//! Copies what is needed of sparse packs to new ones.
//!
//! Objects are read as everybody reads them, so each is held against its id, in the order in which they lie in the old pack. What was
//! copied of a pack that then turns out to be damaged stays copied: it is there twice, until the next `gc`.

use super::plan::Plan;
use crate::Result;
use crate::index::PackKind;
use crate::pack::roll::PackRoll;
use crate::pack::write::SealedPack;
use crate::progress::StoreProgress;
use crate::store::Store;

/// Rewrites what `plan` says, and tells it what could not be. On return the new packs are durable, and no index knows them.
pub(super) fn rewrite(
    store: &Store,
    plan: &mut Plan,
    progress: &StoreProgress,
) -> Result<Vec<SealedPack>> {
    let new = |kind| PackRoll::new(store.disk(), store.folder(), kind, store.settings());
    let (mut data, mut nodes) = (new(PackKind::Data), new(PackKind::Tree));
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
                match pack.kind {
                    PackKind::Data => data.put(id, &object)?,
                    PackKind::Tree => nodes.put(id, &object)?,
                }
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
    let mut sealed = data.finish()?;
    sealed.append(&mut nodes.finish()?);
    plan.bytes_written = sealed.iter().map(|it| it.pack.file_bytes).sum();
    Ok(sealed)
}
