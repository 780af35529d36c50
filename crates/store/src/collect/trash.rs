//! `trash/`: packs that nothing refers to, until their time of grace is over.
//!
//! A file's time of modification says when it came there. No index knows what is in it; whoever finds that it is needed moves it
//! back.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::mark::Marker;
use crate::id::{FileId, ObjectId};
use crate::index::{PackEntry, PackKind};
use crate::lock::{Role, Wait};
use crate::pack;
use crate::pack::open::{OpenPack, PackFile};
use crate::pack::write::SealedPack;
use crate::session::known_packs;
use crate::store::Store;
use crate::{Error, Result};

/// A pack in the trash.
#[derive(Clone, Debug)]
pub(super) struct Trashed {
    pub(super) file: PackFile,
    pub(super) file_bytes: u64,
    /// How long it has been there.
    pub(super) age: Duration,
}

/// What became of the trash.
#[derive(Debug, Default)]
pub(super) struct Emptied {
    pub(super) freed_bytes: u64,
    pub(super) left_bytes: u64,
    /// Why nothing was deleted of what could have been.
    pub(super) postponed: Option<String>,
}

/// Everything in the trash of the store at `folder`.
pub(super) fn list(folder: &Path) -> Result<Vec<Trashed>> {
    list_folder(&folder.join("trash"))
}

/// The packs in a folder.
pub(super) fn list_folder(folder: &Path) -> Result<Vec<Trashed>> {
    let mut trashed = Vec::new();
    for (path, file_bytes, age) in files_in(folder)? {
        if let Some(file) = PackFile::named(path) {
            trashed.push(Trashed {
                file,
                file_bytes,
                age,
            });
        }
    }
    Ok(trashed)
}

/// Which pack of the trash has an object, of all objects that are there. This takes 100 bytes of memory for each: it is for when something
/// is missed.
pub(super) fn contents(folder: &Path) -> Result<HashMap<ObjectId, FileId>> {
    let mut contents = HashMap::new();
    for trashed in list(folder)? {
        // One that cannot be read has nothing to give.
        if let Ok(pack) = trashed.file.open() {
            let objects = pack.footer.objects.iter();
            contents.extend(objects.map(|it| (it.id, trashed.file.id)));
        }
    }
    Ok(contents)
}

/// A pack of the trash.
pub(super) fn read(folder: &Path, id: FileId) -> Option<SealedPack> {
    let trashed = list(folder).ok()?.into_iter().find(|it| it.file.id == id)?;
    trashed.file.open().ok().map(OpenPack::into_sealed)
}

/// Moves packs that no index knows any more to the trash.
pub(super) fn move_in(store: &Store, packs: &[PackEntry]) -> Result<()> {
    let trash = store.folder().join("trash");
    for &PackEntry { id, kind, .. } in packs {
        let path = pack::path(store.folder(), id, kind);
        match store.disk().touch(&path).map_err(Error::from) {
            Err(error) if error.is_not_found() => continue,
            touched => touched?,
        }
        let trashed = trash.join(pack::file_name(id, kind));
        store.disk().rename(&path, &trashed)?;
    }
    store.disk().sync_folder(&trash)?;
    Ok(store.disk().sync_folder(&store.folder().join("packs"))?)
}

/// Deletes what has been in the trash, or in `tmp/`, for as long as `grace`, if nobody else uses the store.
pub(super) fn empty(store: &Store, marker: &mut Marker<'_>, grace: Duration) -> Result<Emptied> {
    let left = |postponed| -> Result<Emptied> {
        let trash = list(store.folder())?;
        Ok(Emptied {
            freed_bytes: 0,
            left_bytes: trash.iter().map(|it| it.file_bytes).sum(),
            postponed,
        })
    };
    let is_due = list(store.folder())?.iter().any(|it| it.age >= grace);
    if !is_due && stale_drafts(store.folder(), grace)?.is_empty() {
        return left(None);
    }
    let alone = || {
        let user = store.user().upgrade()?;
        // Who changes the staging has this, also where it is not as a user of the store (`repair`).
        let staging = store.locks().exclusive(Role::Staging, Wait::No)?;
        // The latter is let go of first: who waits for the former wants it next, and does not wait.
        Ok((staging, user))
    };
    let _alone = match alone() {
        Ok(locks) => locks,
        Err(Error::Locked { doing, .. }) => {
            let why = "the next `gc` deletes what is in the trash: another process";
            return left(Some(format!("{why} {doing}")));
        }
        Err(error) => return Err(error),
    };
    let _lock = store.locks().exclusive(Role::Publish, Wait::Yes)?;
    marker.look_locked()?;
    let freed_bytes = delete(store, grace, marker.missing_chunks() > 0)?;
    let mut emptied = left(None)?;
    emptied.freed_bytes = freed_bytes;
    Ok(emptied)
}

/// Deletes what is due; whoever calls this knows that nothing in the trash is needed. Returns what it took.
fn delete(store: &Store, grace: Duration, something_is_missing: bool) -> Result<u64> {
    let index = store.objects().index();
    index.refresh()?;
    let known: HashSet<FileId> = known_packs(index);
    let mut freed_bytes = 0;
    for trashed in list(store.folder())? {
        let path = pack::path(store.folder(), trashed.file.id, trashed.file.kind);
        // No step leaves such a thing, but it is easily told.
        if known.contains(&trashed.file.id) && !path.exists() {
            store.disk().rename(&trashed.file.path, &path)?;
            store.disk().sync_folder(&store.folder().join("packs"))?;
            continue;
        }
        // What is missing may be in a pack whose table cannot be read.
        let may_have_it = || trashed.file.open().is_err();
        if trashed.age < grace || (something_is_missing && may_have_it()) {
            continue;
        }
        store.disk().remove(&trashed.file.path)?;
        freed_bytes += trashed.file_bytes;
    }
    for (path, file_bytes) in stale_drafts(store.folder(), grace)? {
        store.disk().remove(&path)?;
        freed_bytes += file_bytes;
    }
    store.disk().sync_folder(&store.folder().join("trash"))?;
    Ok(freed_bytes)
}

/// What stale drafts take.
pub(super) fn stale_bytes(folder: &Path, grace: Duration) -> Result<u64> {
    let drafts = stale_drafts(folder, grace)?;
    Ok(drafts.iter().map(|(_, bytes)| bytes).sum())
}

/// What lies in `tmp/` for as long as `grace`, and how long it is.
fn stale_drafts(folder: &Path, grace: Duration) -> Result<Vec<(PathBuf, u64)>> {
    let files = files_in(&folder.join("tmp"))?.into_iter();
    let stale = files.filter(|(_, _, age)| *age >= grace);
    Ok(stale.map(|(path, bytes, _)| (path, bytes)).collect())
}

/// Whether a pack in `packs/` was written, or moved there, a shorter time ago than `grace`.
pub(super) fn is_young(folder: &Path, id: FileId, grace: Duration) -> bool {
    let kinds = [PackKind::Data, PackKind::Tree];
    let found = kinds.map(|kind| fs::metadata(pack::path(folder, id, kind)));
    let metadata = found.into_iter().flatten().next();
    let age = metadata.and_then(|it| it.modified().ok()).map(age_of);
    age.is_some_and(|age| age < grace)
}

/// The files in a folder, with lengths and ages; what is gone meanwhile is left out.
fn files_in(folder: &Path) -> Result<Vec<(PathBuf, u64, Duration)>> {
    let read = || -> io::Result<Vec<_>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_file() {
                let age = age_of(metadata.modified()?);
                files.push((entry.path(), metadata.len(), age));
            }
        }
        files.sort();
        Ok(files)
    };
    read().map_err(Error::io("read", folder))
}

fn age_of(modified: SystemTime) -> Duration {
    // A clock that was set back makes it younger than it is, which harms nothing.
    SystemTime::now()
        .duration_since(modified)
        .unwrap_or_default()
}
