//! What is needed: all that the roots refer to, marked as often as somebody wants to know.
//!
//! The first look goes through everything; a later one costs what came since: commits that were not walked yet, and the staging if
//! its log has changed. It stops wherever it meets a node that was marked before.
//!
//! An object that is in none of the marked segments came later, or its pack was dropped. If the index as it is now does not
//! have it either, it is looked for in packs that no index knows, and then in the trash; a pack that has it is published again.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use super::trash;
use crate::entry::Content;
use crate::id::{CommitId, FileId, ObjectId};
use crate::lock::{Role, Wait};
use crate::marks::{Mark, Marks};
use crate::objects::Objects;
use crate::staging::{Staged, Staging};
use crate::store::Store;
use crate::tree::{Reference, references, references_of_body};
use crate::{Error, Result};

/// Whether packs that turn out to be needed are published again, or only looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Real,
    None,
}

/// Marks what is needed.
#[derive(Debug)]
pub(super) struct Marker<'c> {
    store: &'c Store,
    objects: &'c Objects,
    effect: Effect,
    marks: Marks,
    /// What is needed and in no marked segment, or in a pack that was dropped.
    unmarked: HashSet<ObjectId>,
    /// Chunks that are nowhere.
    missing: HashSet<ObjectId>,
    walked: HashSet<CommitId>,
    /// Commits whose parents are known to be there, or given up.
    linked: HashSet<CommitId>,
    log: Option<LogStamp>,
    looks: u32,
    dropped: HashSet<FileId>,
    /// Packs in which a later look marked something new.
    needed: HashSet<FileId>,
    /// During a look: whether the lock for publishing is held by whoever asked for it.
    is_locked: bool,
    has_adopted: bool,
    trash: Option<HashMap<ObjectId, FileId>>,
}

/// How the log of the staging looked: it grows, is cut, or is replaced.
type LogStamp = (u64, u64, SystemTime);

impl<'c> Marker<'c> {
    /// Nothing is marked yet of what `objects` knows now.
    pub(super) fn new(store: &'c Store, objects: &'c Objects, effect: Effect) -> Marker<'c> {
        Marker {
            store,
            objects,
            effect,
            marks: Marks::new(objects.index()),
            unmarked: HashSet::new(),
            missing: HashSet::new(),
            walked: HashSet::new(),
            linked: HashSet::new(),
            log: None,
            looks: 0,
            dropped: HashSet::new(),
            needed: HashSet::new(),
            is_locked: false,
            has_adopted: false,
            trash: None,
        }
    }

    /// Marks all that is needed now.
    ///
    /// # Errors
    /// [`Error::Missing`] for a node that is nowhere, [`Error::LostCommit`], and whatever keeps one from being read.
    pub(super) fn look(&mut self) -> Result<()> {
        // What was there when the last look needed it may be elsewhere now.
        (self.has_adopted, self.trash) = (false, None);
        self.expect_history()?;
        for id in self.roots()? {
            let commit = self.store.refs().commit(id)?;
            let objects = self.objects;
            references(commit.root, objects, &mut |id, reference| {
                self.mark(id, reference)
            })?;
            self.walked.insert(id);
        }
        self.look_at_staging()?;
        self.looks += 1;
        Ok(())
    }

    /// As [`look`](Marker::look), for a caller that holds the lock for publishing.
    pub(super) fn look_locked(&mut self) -> Result<()> {
        self.is_locked = true;
        let looked = self.look();
        self.is_locked = false;
        looked
    }

    /// A commit that is lost and not given up ends it: what it held would be taken for garbage, and its file may come back.
    fn expect_history(&mut self) -> Result<()> {
        let refs = self.store.refs();
        let mut commits = refs.commits()?;
        commits.retain(|id| !self.linked.contains(id));
        // Behind the commits: who pushes makes known what is forgotten before what was made from it.
        let forgotten = refs.forgotten()?;
        for id in commits {
            let commit = match refs.commit(id) {
                Err(_) if forgotten.contains(&id) => continue,
                commit => commit?,
            };
            for parent in commit.parents {
                if !refs.has_commit(parent) && !forgotten.contains(&parent) {
                    refs.commit(parent)?;
                }
            }
            self.linked.insert(id);
        }
        Ok(())
    }

    /// Commits whose trees are needed and that were not walked yet.
    fn roots(&self) -> Result<Vec<CommitId>> {
        let refs = self.store.refs();
        let forgotten = refs.forgotten()?;
        let mut roots = refs.commits()?;
        roots.retain(|id| !forgotten.contains(id));
        roots.extend(refs.head()?);
        roots.extend(refs.tags()?.into_iter().map(|(_, id)| id));
        // The next session compares the branch with it, and `unstage` goes back to it. It need not be there.
        let staging = Staging::open(&self.store.staging_folder())?.committed_id()?;
        roots.extend(staging.filter(|id| refs.has_commit(*id)));
        roots.retain(|id| !self.walked.contains(id));
        roots.sort_unstable();
        roots.dedup();
        Ok(roots)
    }

    fn look_at_staging(&mut self) -> Result<()> {
        let folder = self.store.staging_folder();
        // Before it is read: what comes later changes it again.
        let log = stamp(&folder.join("log"))?;
        if self.log == Some(log) {
            return Ok(());
        }
        let staging = Staging::open(&folder)?;
        for item in staging.sorted()? {
            self.mark_staged(&item?.1)?;
        }
        for change in staging.changes() {
            if let Some(before) = change?.before {
                self.mark_staged(&before)?;
            }
        }
        self.log = Some(log);
        Ok(())
    }

    fn mark_staged(&mut self, staged: &Staged) -> Result<()> {
        match &staged.entry.content {
            Content::File {
                body, len_bytes, ..
            } => references_of_body(body, *len_bytes, self.objects, &mut |id, reference| {
                self.mark(id, reference)
            }),
            Content::Folder | Content::Link { .. } => Ok(()),
        }
    }

    /// Marks an object; whether it is worth going into.
    fn mark(&mut self, id: &ObjectId, reference: Reference) -> Result<bool> {
        if !matches!(reference, Reference::Chunk { .. }) {
            self.store.cancel().check()?;
        }
        match self.marks.mark(id)? {
            Mark::Known => Ok(false),
            Mark::New if self.looks == 0 => Ok(true),
            Mark::New => match self.marks.find(id)? {
                Some(place) if !self.dropped.contains(&place.pack) => {
                    self.needed.insert(place.pack);
                    Ok(true)
                }
                _ => self.require(id, reference),
            },
            Mark::Absent => self.require(id, reference),
        }
    }

    /// Sees to it that the index has an object; whether it is worth going into.
    fn require(&mut self, id: &ObjectId, reference: Reference) -> Result<bool> {
        if !self.unmarked.insert(*id) {
            return Ok(false);
        }
        if self.is_known(id)? || self.find_elsewhere(id)? {
            return Ok(true);
        }
        match reference {
            // Nothing is below it: what it takes with it is itself.
            Reference::Chunk { .. } => {
                self.missing.insert(*id);
                Ok(false)
            }
            Reference::Folder | Reference::List => Err(Error::Missing {
                what: "node",
                id: *id,
            }),
        }
    }

    fn is_known(&self, id: &ObjectId) -> Result<bool> {
        Ok(self.objects.index().find(id)?.is_some())
    }

    /// Publishes a pack that has the object and that the index does not know, if there is one.
    fn find_elsewhere(&mut self, id: &ObjectId) -> Result<bool> {
        if !self.has_adopted {
            // Once a look: what it needs was complete before it began.
            self.has_adopted = true;
            self.adopt()?;
            if self.is_known(id)? {
                return Ok(true);
            }
        }
        if self.trash.is_none() {
            self.trash = Some(trash::contents(self.store.folder())?);
        }
        let Some(&pack) = self.trash.as_ref().and_then(|it| it.get(id)) else {
            return Ok(false);
        };
        self.publish_again(pack)?;
        self.is_known(id)
    }

    fn adopt(&self) -> Result<()> {
        self.objects.index().refresh()?;
        match self.effect {
            Effect::None => Ok(()), // A rehearsal has read them before.
            Effect::Real => {
                let _lock = self.lock()?;
                self.store.adopt_packs_locked().map(drop)
            }
        }
    }

    fn publish_again(&self, pack: FileId) -> Result<()> {
        if self.effect == Effect::Real {
            let _lock = self.lock()?;
            return self.store.publish_locked(&[], &HashSet::from([pack]));
        }
        if let Some(sealed) = trash::read(self.store.folder(), pack) {
            let ids = sealed.objects.iter().map(|it| it.id);
            self.objects.index().add_fresh(sealed.pack, ids);
        }
        Ok(())
    }

    /// The lock for publishing, if whoever asked for this look does not hold it.
    fn lock(&self) -> Result<Option<crate::lock::Lock>> {
        match self.is_locked {
            true => Ok(None),
            false => {
                let lock = self.store.locks().exclusive(Role::Publish, Wait::Yes);
                lock.map(Some)
            }
        }
    }

    pub(super) fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Whether an object that is in no marked segment is needed.
    pub(super) fn is_needed(&self, id: &ObjectId) -> bool {
        self.unmarked.contains(id)
    }

    /// Packs in which a later look found something that the first did not.
    pub(super) fn needed(&self) -> &HashSet<FileId> {
        &self.needed
    }

    /// Whatever was in these packs and is needed later must be somewhere else.
    pub(super) fn note_dropped(&mut self, packs: HashSet<FileId>) {
        self.dropped.extend(packs);
    }

    pub(super) fn missing_chunks(&self) -> u64 {
        self.missing.len() as u64
    }
}

fn stamp(log: &Path) -> Result<LogStamp> {
    let io = |error| Error::io("read", log)(error);
    let metadata = fs::metadata(log).map_err(io)?;
    let modified = metadata.modified().map_err(io)?;
    Ok((metadata.ino(), metadata.len(), modified))
}
