//! From one store to another: push, pull, and clone, of stores on disks that this machine has.
//!
//! 1. The commits that the branch and the tags of one store reach, and those of the other do not, are listed, oldest first
//!    ([`commits`]). If both have some that the other has not, nothing is done.
//! 2. For each of them, what its tree has that the tree before it has not is read ([`needed`]); what the target has in no pack is
//!    copied by all threads: unpacked, held against its id, and packed again.
//! 3. Packs are put into the index as they become many, and at the end.
//! 4. Commits are written, and made durable.
//! 5. Under one lock, whatever `gc` may have taken for garbage meanwhile is put into the index again, and then tags are set and the
//!    branch is moved: only now the commits count.
//!
//! *When may something be passed over?* An object that is in a pack of the target need not be copied, but nothing follows about what it
//! refers to: packs of an interrupted run may hold a folder and not what is in it, and so may those that `gc` has been at. What is below
//! a node is passed over only if the node is in the tree of a commit that the target's branch or tags reach and that is not forgotten,
//! or of one that this run has copied whole: such a tree is all there, since step 5 comes last.
//!
//! An interrupted run leaves packs. The next one adopts those that are complete, and so copies only what is missing.
//!
//! A forgotten commit goes as its file alone, if that is still there, and is forgotten there, too. One that is lost and not noted as
//! forgotten ends the run before anything is copied: `repair` notes it.

mod commits;
mod needed;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use tamis_engine::control::Cancel;
use tamis_engine::pipeline::Options;

use crate::history::Record;
use crate::id::{CommitId, FileId, ObjectId};
use crate::index::PackKind;
use crate::ingest::Ingest;
use crate::ingest::packer::{Packer, Work};
use crate::lock::{Role, Wait};
use crate::parallel::run_items;
use crate::progress::{Phase, StoreProgress};
use crate::settings::Settings;
use crate::store::Store;
use crate::tree::NodeRef;
use crate::{Error, Result};
use commits::Plan;
use needed::{Batch, Needed, Recorder};

/// Objects that are copied before their packs are put into the index: what is known of them until then takes about 100 bytes each.
const LEG_OBJECTS: u64 = 1 << 20;

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transferred {
    /// Commits that the target had not.
    pub commits: u64,
    /// Chunks that it had in no pack.
    pub chunks: u64,
    /// Folders and chunk lists that it had in no pack.
    pub nodes: u64,
    /// Length of these chunks.
    pub plain_bytes: u64,
    /// What the new packs take.
    pub stored_bytes: u64,
    /// Tags that the target had not.
    pub tags: u64,
    /// Tags that it has at another commit, where they stay.
    pub kept_tags: Vec<String>,
    /// Tags that it has not, and that stay away: it has forgotten what they are at.
    pub forgotten_tags: Vec<String>,
    /// Where its branch is now.
    pub head: Option<CommitId>,
    /// Whether both stores cut files alike. If not, a file that is added to both is stored twice when they meet: worth a warning.
    pub are_cut_alike: bool,
    /// How long it took.
    pub seconds: f64,
}

/// Brings `to` up to date with `from`.
///
/// # Errors
/// [`Error::Diverged`] if `to` has commits that `from` has not, while `from` has others; [`Error::Moved`] if somebody else moves its
/// branch meanwhile; [`Error::LostCommit`], [`Error::Missing`], [`Error::Damaged`] for what should be there; [`Error::Io`];
/// [`Interrupted`](tamis_engine::Error::Interrupted) once either store is cancelled.
pub fn push(from: &Store, to: &Store, progress: &StoreProgress) -> Result<Transferred> {
    transfer("push", from, to, progress)
}

/// Brings `into` up to date with `from`: the same as [`push`], as seen from the other side. A work tree stays as it is.
///
/// # Errors
/// As [`push`].
pub fn pull(into: &Store, from: &Store, progress: &StoreProgress) -> Result<Transferred> {
    transfer("pull", from, into, progress)
}

/// Makes a store at `to` that cuts files as the one at `from` does, and pulls all of that. If it was interrupted, [`pull`] goes on.
///
/// # Errors
/// [`Error::NoStore`], [`Error::Exists`], and as [`push`].
pub fn clone_store(
    from: &Path,
    to: &Path,
    settings: Settings,
    cancel: &Cancel,
    progress: &StoreProgress,
) -> Result<Transferred> {
    let from = Store::open(from, settings, cancel)?;
    // Before anything is made that would be in the way of the next attempt.
    commits::expect_history(&from)?;
    Store::init(to, from.format().chunks)?;
    let to = Store::open(to, settings, cancel)?;
    transfer("clone", &from, &to, progress)
}

fn transfer(verb: &str, from: &Store, to: &Store, progress: &StoreProgress) -> Result<Transferred> {
    let start = Instant::now();
    progress.enter(Phase::Discovery);
    to.adopt_packs()?;
    let plan = Plan::new(from, to)?;
    let mut run = Transfer {
        from,
        to,
        progress,
        ingest: Ingest::start(to)?,
        relied_on: HashSet::new(),
        done: Transferred {
            are_cut_alike: from.format().chunks == to.format().chunks,
            ..Transferred::default()
        },
    };
    progress.expect(plan.missing.len() as u64, 0);
    progress.enter(Phase::Processing);
    run.copy_trees(&plan)?;
    progress.enter(Phase::Writing);
    run.publish_packs()?;
    run.write_commits(&plan)?;
    run.move_refs(&plan)?;
    let mut done = run.done;
    done.seconds = start.elapsed().as_secs_f64();
    Record {
        commit: done.head.map(|it| it.to_string()),
        plain_bytes: done.plain_bytes,
        new_chunks: done.chunks,
        new_plain_bytes: done.plain_bytes,
        stored_bytes: done.stored_bytes,
        ..Record::new(verb, done.seconds)
    }
    .append(to.folder());
    Ok(done)
}

struct Transfer<'t> {
    from: &'t Store,
    to: &'t Store,
    progress: &'t StoreProgress,
    ingest: Ingest,
    /// Packs of the target that the new commits need.
    relied_on: HashSet<FileId>,
    done: Transferred,
}

impl Transfer<'_> {
    fn copy_trees(&mut self, plan: &Plan) -> Result<()> {
        let mut copied = HashSet::new();
        for (id, commit) in &plan.missing {
            if !plan.forgotten.contains(id) {
                let known = plan.known_tree(commit, &copied, self.from)?;
                self.copy_tree(known, commit.root)?;
                copied.insert(*id);
            }
            self.progress.done(1, 0);
        }
        Ok(())
    }

    /// Copies what is in a tree and not in one that the target has whole.
    fn copy_tree(&mut self, known: Option<NodeRef>, root: NodeRef) -> Result<()> {
        let from = self.from;
        let recorder = Recorder::new(from.objects());
        let mut needed = Needed::new(known, root, &recorder);
        while !needed.is_done() {
            self.copy_leg(&mut needed)?;
            let new = self.ingest.new_objects();
            if new.chunks + new.nodes >= LEG_OBJECTS {
                self.publish_packs()?;
            }
        }
        Ok(())
    }

    /// Copies until there is enough to be published, or nothing is left.
    fn copy_leg(&mut self, needed: &mut Needed<'_>) -> Result<()> {
        let (ingest, progress) = (&self.ingest, self.progress);
        let batches = std::iter::from_fn(|| {
            let new = ingest.new_objects();
            let batch = match new.chunks + new.nodes < LEG_OBJECTS {
                true => needed.next()?,
                false => return None,
            };
            if let Ok(batch) = &batch {
                progress.expect(0, batch.chunk_bytes);
            }
            Some(Ok(batch))
        });
        let options = Options {
            threads: self.to.settings().thread_count(),
            cancel: self.to.cancel().clone(),
            ..Options::default()
        };
        let copied = run_items(
            "the store",
            batches,
            &options,
            || (),
            |(), batch| self.copy_batch(&batch?),
            |chunk_bytes| {
                progress.done(0, chunk_bytes);
                progress.set_new_bytes(self.done.plain_bytes + ingest.new_objects().plain_bytes);
                Ok(())
            },
        );
        if copied.is_err() && self.ingest.has_failed() {
            // Then that is why.
            self.ingest.settle()?;
        }
        copied
    }

    fn copy_batch(&self, batch: &Batch) -> Result<u64> {
        self.from.cancel().check()?;
        if self.ingest.has_failed() {
            // The reason comes out when packs are settled; here it is enough not to go on.
            return Err(Error::Poisoned {
                path: self.to.folder().to_owned(),
            });
        }
        let mut chunks = self.ingest.chunks()?;
        for id in &batch.chunks {
            self.copy_object(id, PackKind::Data, self.ingest.data(), &mut chunks)?;
        }
        chunks.finish();
        let mut nodes = self.ingest.node_work()?;
        for id in &batch.nodes {
            self.copy_object(id, PackKind::Tree, self.ingest.tree(), &mut nodes)?;
        }
        nodes.finish();
        Ok(batch.chunk_bytes)
    }

    fn copy_object(
        &self,
        id: &ObjectId,
        kind: PackKind,
        packer: &Packer,
        at: &mut Work<'_>,
    ) -> Result<()> {
        if packer.knows(id, at)? {
            return Ok(());
        }
        // Held against its id when it is read, and named by its bytes when it is put.
        let object = self.from.objects().read(id, kind)?;
        let put = packer.put(&object, at)?;
        debug_assert_eq!(put, *id, "both stores name objects alike");
        Ok(())
    }

    /// Makes what was copied durable, and puts it into the index.
    fn publish_packs(&mut self) -> Result<()> {
        self.ingest.settle()?;
        let new = self.ingest.new_objects();
        self.done.chunks += new.chunks;
        self.done.plain_bytes += new.plain_bytes;
        self.done.nodes += new.nodes;
        self.done.stored_bytes += self.ingest.settled_bytes();
        let lock = self.to.locks().exclusive(Role::Publish, Wait::Yes)?;
        self.relied_on
            .extend(self.ingest.publish_locked(self.to, &lock)?);
        drop(lock);
        // From here on the index knows what was copied, so that nobody else needs to.
        self.ingest = Ingest::start(self.to)?;
        Ok(())
    }

    fn write_commits(&mut self, plan: &Plan) -> Result<()> {
        self.forget(plan)?;
        for (id, commit) in &plan.missing {
            self.to.cancel().check()?;
            // One that an interrupted run has left is what its id says.
            if self.to.refs().commit(*id).is_err() {
                let written = self.to.refs().write_commit(commit)?;
                debug_assert_eq!(written, *id, "a commit has one form");
            }
        }
        if !plan.missing.is_empty() {
            let folder = self.to.folder().join("commits");
            self.to.disk().sync_folder(&folder)?;
        }
        Ok(())
    }

    /// Forgets here what is forgotten there, before the commits come that have no tree.
    fn forget(&self, plan: &Plan) -> Result<()> {
        let refs = self.to.refs();
        let _lock = self.to.locks().exclusive(Role::Publish, Wait::Yes)?;
        refs.settle()?;
        let mut forgotten = refs.forgotten()?;
        let known = forgotten.len();
        let new = plan
            .forgotten
            .iter()
            .filter(|id| !plan.reached_there.contains(id));
        forgotten.extend(new);
        match forgotten.len() > known {
            true => refs.set_forgotten(&forgotten),
            false => Ok(()),
        }
    }

    /// Makes the commits count.
    fn move_refs(&mut self, plan: &Plan) -> Result<()> {
        let refs = self.to.refs();
        let _lock = self.to.locks().exclusive(Role::Publish, Wait::Yes)?;
        let mut forgotten = refs.forgotten()?;
        let mut newly = forgotten.difference(&plan.forgotten_there);
        if let Some(id) = newly.find(|id| plan.reached_there.contains(id)) {
            return Err(Error::Revision {
                name: id.to_string(),
                reason:
                    "it was forgotten while others were copied that need what it has; try again"
                        .to_owned(),
            });
        }
        self.to.publish_locked(&[], &self.relied_on)?;
        let known = forgotten.clone();
        // Of commits that nothing led to: their trees have been copied whole, and now something does.
        for (id, _) in &plan.missing {
            forgotten.remove(id);
        }
        forgotten.extend(&plan.forgotten);
        if forgotten != known {
            refs.set_forgotten(&forgotten)?;
        }
        for (name, id) in &plan.tags {
            match refs.tag(name)? {
                None if forgotten.contains(id) => self.done.forgotten_tags.push(name.clone()),
                None => {
                    refs.set_tag(name, *id)?;
                    self.done.tags += 1;
                }
                Some(known) if known == *id => {}
                Some(_) => self.done.kept_tags.push(name.clone()),
            }
        }
        if let Some(head) = plan.new_head {
            refs.move_head(plan.old_head, head)?;
        }
        self.done.commits = plan.missing.len() as u64;
        self.done.head = refs.head()?;
        Ok(())
    }
}
