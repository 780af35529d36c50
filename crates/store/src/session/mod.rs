//! A store that is open for changing what the next commit will hold.
//!
//! Opening takes the lock for it, and looks after what a process before us may have left: complete packs that no index knows are
//! adopted, by reading their footers. So an `add` that was killed goes on where it was. Most likely they are of such, and what it staged is
//! there: whoever adopts packs, `gc` and `push` too, first notes them in the staging as made since the last commit, unless somebody is
//! changing that at the moment, who has done so.

mod commit;
#[cfg(test)]
mod crash;
mod follow;
mod new_bytes;
#[cfg(test)]
mod tests;
mod unstage;

pub use commit::{CommitRequest, Committed};

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::chunker::Chunker;
use crate::id::FileId;
use crate::index::{Index, PackEntry, PackKind};
use crate::lock::{Lock, Role, Wait};
use crate::pack;
use crate::pack::open::{OpenPack, PackFile};
use crate::pack::write::SealedPack;
use crate::staging::Staging;
use crate::store::Store;
use crate::walk::Root;
use crate::{Error, Result};

/// The one process that changes the staging.
#[derive(Debug)]
pub struct Session<'s> {
    store: &'s Store,
    staging: Staging,
    root: Arc<Root>,
    chunker: Arc<Chunker>,
    _lock: Arc<Lock>,
}

impl<'s> Session<'s> {
    /// Opens `store` for changes to what the next commit holds of `work_tree`.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process has done so; [`Error::Damaged`], [`Error::Io`].
    pub fn open(store: &'s Store, work_tree: &Path) -> Result<Session<'s>> {
        let lock = store.lock_staging()?;
        Session::open_locked(store, work_tree, Arc::new(lock))
    }

    /// As [`open`](Session::open), for a caller that has the lock for the staging, and may keep it.
    pub(crate) fn open_locked(
        store: &'s Store,
        work_tree: &Path,
        lock: Arc<Lock>,
    ) -> Result<Session<'s>> {
        let mut session = Session {
            staging: store.staging_for_writing()?,
            root: Arc::new(Root::open(work_tree, store.folder())?),
            chunker: Arc::new(Chunker::new(store.format().chunks)?),
            store,
            _lock: lock,
        };
        session.follow_head()?;
        if !store.orphans()?.is_empty() {
            let _lock = store.locks().exclusive(Role::Publish, Wait::Yes)?;
            store.adopt_into(Some(&mut session.staging))?;
        }
        Ok(session)
    }

    /// The store itself.
    pub fn store(&self) -> &'s Store {
        self.store
    }

    /// What is staged.
    pub fn staging(&self) -> &Staging {
        &self.staging
    }

    pub(crate) fn staging_mut(&mut self) -> &mut Staging {
        &mut self.staging
    }

    /// The work tree.
    pub fn root(&self) -> &Root {
        &self.root
    }

    pub(crate) fn root_handle(&self) -> Arc<Root> {
        self.root.clone()
    }

    pub(crate) fn chunker(&self) -> Arc<Chunker> {
        self.chunker.clone()
    }

    /// Says in the staging which packs were made for it. To be called, and made durable, before they are published: what is in
    /// the index and not named there counts as there from before.
    pub(crate) fn note_packs(&mut self, packs: &[SealedPack]) -> Result<()> {
        let ids: Vec<FileId> = packs.iter().map(|it| it.pack.id).collect();
        self.staging.note_packs(&ids)
    }
}

impl Store {
    /// Puts new packs into the index, and those of `reused` that `gc` has taken out of it meanwhile.
    ///
    /// The caller has made durable whatever refers to them: `gc` looks at that under the same lock.
    pub(crate) fn publish(&self, packs: &[SealedPack], reused: &HashSet<FileId>) -> Result<()> {
        if packs.is_empty() && reused.is_empty() {
            return Ok(());
        }
        let _lock = self.locks().exclusive(Role::Publish, Wait::Yes)?;
        self.publish_locked(packs, reused)
    }

    /// As [`publish`](Store::publish), for a caller that holds the lock for publishing: until it lets go, nothing that it relies
    /// on can be taken out of the index, so what refers to these packs may also be written between this and that.
    pub(crate) fn publish_locked(
        &self,
        packs: &[SealedPack],
        reused: &HashSet<FileId>,
    ) -> Result<()> {
        let index = self.objects().index();
        index.refresh()?;
        let known = known_packs(index);
        let mut rescued = Vec::new();
        let mut new = Vec::new();
        for sealed in packs {
            let PackEntry { id, kind, .. } = sealed.pack;
            if known.contains(&id) {
                continue;
            }
            // `gc` may have adopted it, and dropped it, before anything referred to it.
            match pack::path(self.folder(), id, kind).exists() {
                true => new.push(sealed),
                false => rescued.push(self.rescue(id)?),
            }
        }
        for &id in reused.difference(&known) {
            rescued.push(self.rescue(id)?);
        }
        for SealedPack { pack, objects } in new.into_iter().chain(&rescued) {
            index.add_fresh(*pack, objects.iter().map(|it| it.id));
        }
        index.publish()?;
        Ok(())
    }

    /// A pack that the index does not know any more: out of the trash, if it is there already.
    fn rescue(&self, id: FileId) -> Result<SealedPack> {
        for kind in [PackKind::Data, PackKind::Tree] {
            let file = PackFile::of(self.folder(), id, kind);
            if !file.path.exists() {
                let trashed = PackFile::trashed(self.folder(), id, kind);
                if !trashed.path.exists() {
                    continue;
                }
                self.disk().rename(&trashed.path, &file.path)?;
                self.disk().sync_folder(&self.folder().join("packs"))?;
            }
            return file.open().map(OpenPack::into_sealed);
        }
        let path = pack::path(self.folder(), id, PackKind::Data);
        let detail = "it is gone, and what was added relies on it";
        Err(Error::damaged(&path, 0, detail))
    }

    /// Packs that are complete, and in no index: of an `add` that was killed.
    fn orphans(&self) -> Result<Vec<PackFile>> {
        self.orphans_of(self.objects().index())
    }

    fn orphans_of(&self, index: &Index) -> Result<Vec<PackFile>> {
        let known = known_packs(index);
        let folder = self.folder().join("packs");
        let read = || -> std::io::Result<Vec<_>> {
            let mut orphans = Vec::new();
            for entry in fs::read_dir(&folder)? {
                let file = PackFile::named(entry?.path());
                orphans.extend(file.filter(|it| !known.contains(&it.id)));
            }
            Ok(orphans)
        };
        read().map_err(Error::io("read", &folder))
    }

    /// Puts complete packs that nobody knows into the index. One that cannot be read is left for `verify` to report.
    /// Returns what it adopted.
    pub(crate) fn adopt_packs(&self) -> Result<Vec<FileId>> {
        if self.orphans()?.is_empty() {
            return Ok(Vec::new());
        }
        let _lock = self.locks().exclusive(Role::Publish, Wait::Yes)?;
        self.adopt_packs_locked()
    }

    /// As [`adopt_packs`](Store::adopt_packs), for a caller that holds the lock for publishing. Returns what it adopted.
    pub(crate) fn adopt_packs_locked(&self) -> Result<Vec<FileId>> {
        self.objects().index().refresh()?;
        if self.orphans()?.is_empty() {
            return Ok(Vec::new());
        }
        // Out of turn, so it must not be waited for.
        let lock = match self.locks().exclusive(Role::Staging, Wait::No) {
            Ok(lock) => Some(lock),
            // Whoever has it has adopted what was there, and notes what it makes itself.
            Err(Error::Locked { .. }) => None,
            Err(error) => return Err(error),
        };
        let staging = lock.as_ref().map(|_| self.staging_for_writing());
        match staging.transpose() {
            Ok(mut staging) => self.adopt_into(staging.as_mut()),
            // What is new of the next commit cannot be told then, but it cannot be made before `repair` either.
            Err(Error::Damaged { .. }) => self.adopt_into(None),
            Err(error) => Err(error),
        }
    }

    /// Adopts packs, for a caller that holds the lock for publishing: they are noted in the staging if it is his, durably, then put into
    /// the index.
    fn adopt_into(&self, staging: Option<&mut Staging>) -> Result<Vec<FileId>> {
        // What `gc` has just dropped is no orphan: it moves such packs away under the same lock.
        self.objects().index().refresh()?;
        let packs = self.read_orphans(self.objects().index())?;
        if packs.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<FileId> = packs.iter().map(|it| it.pack.id).collect();
        if let Some(staging) = staging {
            staging.note_packs(&ids)?;
            staging.sync()?;
        }
        // Their names may not be durable yet, and the index that has them soon is.
        self.disk().sync_folder(&self.folder().join("packs"))?;
        self.publish_locked(&packs, &HashSet::new())?;
        Ok(ids)
    }

    /// The lock for the staging, which is not waited for if somebody has it who is at work. Who adopts packs has it for a moment, and the one
    /// for publishing as well: with that the answer is a true one.
    fn lock_staging(&self) -> Result<Lock> {
        let take = || self.locks().exclusive(Role::Staging, Wait::No);
        let refused = match take() {
            Err(error @ Error::Locked { .. }) => error,
            taken => return taken,
        };
        match self.locks().exclusive(Role::Publish, Wait::Briefly) {
            Ok(_publish) => take(),
            Err(Error::Locked { .. }) => Err(refused),
            Err(error) => Err(error),
        }
    }

    /// The staging, for a caller that holds its lock.
    fn staging_for_writing(&self) -> Result<Staging> {
        Staging::open_for_writing_on(self.disk(), &self.staging_folder())
    }

    /// Packs that are complete and that `index` does not know, as far as they can be read.
    pub(crate) fn read_orphans(&self, index: &Index) -> Result<Vec<SealedPack>> {
        let orphans = self.orphans_of(index)?;
        let packs = orphans.iter().filter_map(|file| file.open().ok());
        Ok(packs.map(OpenPack::into_sealed).collect())
    }
}

pub(crate) fn known_packs(index: &Index) -> HashSet<FileId> {
    index.known_packs().iter().map(|pack| pack.id).collect()
}
