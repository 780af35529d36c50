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

use std::collections::{HashMap, HashSet};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::Session;
use crate::Result;
use crate::commit::Commit;
use crate::entry::{Content, Entry};
use crate::history::{self, Record};
use crate::id::CommitId;
use crate::ingest::Ingest;
use crate::ingest::packer::Nodes;
use crate::lock::{Role, Wait};
use crate::staging::StampInfo;
use crate::tree::{self, Change, NodeRef, Totals, TreeWriter};

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
    /// What its chunks and nodes take in packs.
    pub stored_bytes: u64,
    /// How long it took.
    pub seconds: f64,
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
        let mut changes = 0;
        for change in self.staging.changes() {
            change?;
            changes += 1;
        }
        if changes == 0 && head.is_some() && !request.allows_empty {
            return Ok(None);
        }
        let mut ingest = Ingest::start(self.store)?;
        let (root, totals) = self.write_tree(&mut ingest)?;
        let added = self.since_last_commit();
        let stored_bytes = added.stored_bytes + ingest.settled_bytes();
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
            new_chunks: added.new_chunks,
            new_plain_bytes: added.new_plain_bytes,
        };
        let id = {
            let lock = self.store.locks().exclusive(Role::Publish, Wait::Yes)?;
            self.store.refs().expect_head(head)?;
            ingest.publish_locked(self.store, &lock)?;
            let id = self.store.refs().write_commit(&commit)?;
            self.store.refs().move_head(head, id)?;
            id
        };
        self.staging.committed(id)?;
        self.staging.sync()?;
        self.staging.compact()?;
        let committed = Committed {
            id,
            commit,
            changes,
            stored_bytes,
            seconds: start.elapsed().as_secs_f64(),
        };
        Record {
            commit: Some(id.to_string()),
            new_chunks: added.new_chunks,
            new_plain_bytes: added.new_plain_bytes,
            stored_bytes,
            files: changes,
            ..Record::new("commit", committed.seconds, None)
        }
        .append(self.store.folder());
        Ok(Some(committed))
    }

    /// Writes what is staged as a tree, durably.
    fn write_tree(&self, ingest: &mut Ingest) -> Result<(NodeRef, Totals)> {
        let mut nodes = ingest.nodes()?;
        let written = self.write_nodes(&mut nodes);
        nodes.finish();
        let tree = written?;
        ingest.settle()?;
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

    /// What was added since the last commit, as the history has it.
    fn since_last_commit(&self) -> Since {
        let records = history::read(self.store.folder());
        let later = records.iter().rev().take_while(|it| it.verb != "commit");
        let adds = later.filter(|it| it.verb == "add");
        adds.fold(Since::default(), |sum, record| Since {
            new_chunks: sum.new_chunks + record.new_chunks,
            new_plain_bytes: sum.new_plain_bytes + record.new_plain_bytes,
            stored_bytes: sum.stored_bytes + record.stored_bytes,
        })
    }

    /// Takes over what a commit holds that is not from here: it was pulled, or made of a check; or we were killed before the
    /// staging took note of our own. What is staged and not committed stays.
    pub(super) fn follow_head(&mut self) -> Result<()> {
        let head = self.store.refs().head()?;
        let known = self.staging.committed_id()?;
        let (Some(head), true) = (head, head != known) else {
            return Ok(());
        };
        // Whoever moved it may have been killed before that was durable; what is noted below will be.
        self.store.refs().settle_head()?;
        let root_of = |id| self.store.refs().commit(id).map(|it| it.root);
        // A commit that is gone cannot be told from none: everything then is taken over that is not staged otherwise.
        let old = known.and_then(|id| root_of(id).ok());
        let new = root_of(head)?;
        let mut files = HashSet::new();
        for difference in tree::diff(old, Some(new), self.store.objects()) {
            let difference = difference?;
            let path = difference.path;
            let (was, is) = match difference.change {
                Change::Added(is) => (None, Some(is)),
                Change::Removed(was) => (Some(was), None),
                Change::Changed { old, new } => (Some(old), Some(new)),
            };
            let staged = self.staging.find(&path)?;
            let is_untouched = match (&staged, &was) {
                (None, None) => true,
                (Some(staged), Some(was)) => staged.entry == was.entry,
                _ => false,
            };
            if !is_untouched {
                continue;
            }
            match is {
                Some(is) => {
                    let stamp =
                        StampInfo::unknown(is.link_to.as_deref().map(|first| (head, first)));
                    files.extend(is.link_to);
                    self.staging.put(&path, &is.entry, &stamp)?;
                }
                None => drop(self.staging.remove(&path)?),
            }
        }
        for first in files {
            if let Some(staged) = self.staging.find(&first)? {
                let stamp = StampInfo::unknown(Some((head, &first)));
                self.staging.put(&first, &staged.entry, &stamp)?;
            }
        }
        self.staging.committed(head)?;
        self.staging.sync()
    }
}

/// What was added since the last commit.
#[derive(Clone, Copy, Debug, Default)]
struct Since {
    new_chunks: u64,
    new_plain_bytes: u64,
    stored_bytes: u64,
}
