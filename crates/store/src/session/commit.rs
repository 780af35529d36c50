//! `commit`: what is staged becomes a version.
//!
//! Nothing durable points to something that is not:
//! 1. packs of chunks are durable since they were staged;
//! 2. nodes go into packs, which are made durable, and then the folder of packs;
//! 3. the index gets a segment that knows them;
//! 4. the commit is written;
//! 5. the branch is moved to it;
//! 6. only now anybody is told; and the staging takes note.
//!
//! Steps 3 to 5 are done under one lock for publishing: `gc`, which takes it as well, either sees the commit, or was there before,
//! and then step 3 takes out of the trash again what the new tree shares with nothing but garbage.
//!
//! A crash before step 5 leaves garbage, which `gc` removes; one after it leaves a staging that lags behind, which the
//! next session notices ([`Session::follow_head`]). That makes some eight `fsync`s for a commit, and none for a file.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Session;
use super::new_bytes::{Counter, NewBytes};
use crate::Result;
use crate::commit::Commit;
use crate::entry::{Content, Entry};
use crate::history::Record;
use crate::id::CommitId;
use crate::ingest::Ingest;
use crate::ingest::packer::Nodes;
use crate::lock::{Role, Wait};
use crate::perf::{Clock, Stage, Stages};
use crate::tree::{NodeRef, Totals, TreeWriter};

/// What a commit is to say of itself.
#[derive(Clone, Debug)]
pub struct CommitRequest {
    /// Why it is made.
    pub message: String,
    /// Who makes it.
    pub author: String,
    /// Minutes east of UTC where it is made.
    pub offset_minutes: i16,
    /// Make one even if nothing changed.
    pub allows_empty: bool,
}

/// A commit that was made.
#[derive(Clone, Debug)]
pub struct Committed {
    /// Its id.
    pub id: CommitId,
    /// What it says.
    pub commit: Commit,
    /// Paths that differ from the commit before.
    pub changes: u64,
    /// Where the time went.
    pub stages: Stages,
    /// How long it took.
    pub seconds: f64,
}

impl Committed {
    /// The stage that took longest. All but one work on one thread; the one that makes packs durable is another's.
    pub fn limited_by(&self) -> Stage {
        self.stages.limiting(1)
    }

    fn record(&self) -> Record {
        Record {
            commit: Some(self.id.to_string()),
            files: self.changes,
            new_chunks: self.commit.new_chunks,
            new_plain_bytes: self.commit.new_plain_bytes,
            stored_bytes: self.commit.stored_bytes,
            ..Record::new("commit", self.seconds).with_stages(&self.stages, 1)
        }
    }
}

impl Session<'_> {
    /// Commits what is staged; `None` if that is what the branch has already.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io), [`Error::Moved`](crate::Error::Moved) if another process has moved the branch meanwhile.
    pub fn commit(&mut self, request: &CommitRequest) -> Result<Option<Committed>> {
        let start = Instant::now();
        // What is staged follows this commit, wherever the branch may be by now.
        let head = self.staging.committed_id()?;
        let clock = Clock::default();
        let (changes, new) = clock.time(Stage::Compare, || self.compare())?;
        if changes == 0 && head.is_some() && !request.allows_empty {
            return Ok(None);
        }
        let mut ingest = Ingest::start(self.store)?;
        let (root, totals) = self.write_tree(&mut ingest, &clock)?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let commit = Commit {
            root,
            totals,
            parents: head.into_iter().collect(),
            time_ns: i64::try_from(now.as_nanos()).unwrap_or(i64::MAX),
            offset_minutes: request.offset_minutes,
            author: request.author.clone(),
            message: request.message.clone(),
            new_chunks: new.chunks,
            new_plain_bytes: new.plain_bytes,
            stored_bytes: new.stored_bytes + ingest.settled_bytes(),
        };
        let id = {
            let lock = self.store.locks().exclusive(Role::Publish, Wait::Yes)?;
            self.store.refs().expect_head(head)?;
            clock.time(Stage::Index, || ingest.publish_locked(self.store, &lock))?;
            clock.time(Stage::Branch, || {
                let id = self.store.refs().write_commit(&commit)?;
                self.store.refs().move_head(head, id).map(|()| id)
            })?
        };
        clock.time(Stage::Note, || self.note(id))?;
        let committed = Committed {
            id,
            commit,
            changes,
            stages: clock.stages(Stage::OF_COMMIT),
            seconds: start.elapsed().as_secs_f64(),
        };
        committed.record().append(self.store.folder());
        Ok(Some(committed))
    }

    /// How many paths are staged differently, and what is new of that.
    fn compare(&self) -> Result<(u64, NewBytes)> {
        let mut changes = 0;
        let mut counter = Counter::new(self.store, &self.staging)?;
        for change in self.staging.changes() {
            counter.count(&change?)?;
            changes += 1;
        }
        Ok((changes, counter.finish()))
    }

    /// Takes note of a commit of what is staged.
    fn note(&mut self, id: CommitId) -> Result<()> {
        self.staging.committed(id)?;
        self.staging.sync()?;
        self.staging.compact().map(drop)
    }

    /// Writes what is staged as a tree, durably.
    fn write_tree(&self, ingest: &mut Ingest, clock: &Clock) -> Result<(NodeRef, Totals)> {
        let start = Instant::now();
        let mut nodes = ingest.nodes()?;
        let written = self.write_nodes(&mut nodes);
        nodes.finish();
        let tree = written?;
        let elapsed = start.elapsed();
        ingest.settle()?;
        let packing = &ingest.tree().clock;
        let mut inner = Duration::ZERO;
        for stage in [Stage::Hash, Stage::Compress] {
            clock.add(stage, packing.spent(stage));
            inner += packing.spent(stage);
        }
        clock.add(Stage::Tree, elapsed.saturating_sub(inner));
        clock.add(Stage::Write, ingest.data().clock.spent(Stage::Write));
        Ok(tree)
    }

    fn write_nodes(&self, nodes: &mut Nodes<'_>) -> Result<(NodeRef, Totals)> {
        let mut tree = TreeWriter::new();
        let mut first_names: HashMap<(u64, u64), (Vec<u8>, Entry)> = HashMap::new();
        for item in self.staging.sorted()? {
            self.store.cancel().check()?;
            let (path, staged) = item?;
            let mut link_to = None;
            if staged.stamp.has_more_names && matches!(staged.entry.content, Content::File { .. }) {
                let file = (staged.stamp.device, staged.stamp.inode);
                // Names that were staged at different times may have been those of different files, or of one that changed.
                match first_names.get(&file) {
                    Some((first, entry)) if *entry == staged.entry => link_to = Some(first.clone()),
                    _ => drop(first_names.insert(file, (path.clone(), staged.entry.clone()))),
                }
            }
            tree.push(&path, &staged.entry, link_to.as_deref(), nodes)?;
        }
        tree.finish(nodes)
    }
}
