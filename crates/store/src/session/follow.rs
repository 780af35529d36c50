//! What the staging does when the branch is not where it last saw it: it was pulled to, a check has written to it, or we were killed
//! before we took note of our own commit.
//!
//! 1. What the branch changed is taken over, where nothing else is staged.
//! 2. What is staged and not committed is put aside: its paths are staged as the branch has them.
//! 3. The staging notes that the branch holds what is staged now.
//! 4. What was put aside is staged again, and so it is a change since that commit.
//!
//! All of it counts as a whole ([`begin_whole`](crate::staging::Staging::begin_whole)): a staging that lost what it put aside would look like one in which nothing was staged.

use std::collections::HashSet;

use super::Session;
use crate::Result;
use crate::id::{CommitId, FileId};
use crate::staging::{Change, StampInfo};
use crate::tree::{self, Child, NodeRef, lookup};

impl Session<'_> {
    /// Takes over what a commit holds that is not from here. What is staged and not committed stays.
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
        let staged: Vec<Change> = self.staging.changes().collect::<Result<_>>()?;
        let packs: Vec<FileId> = self.staging.packs_since_commit()?.into_iter().collect();
        self.staging.begin_whole()?;
        let mut first_names = HashSet::new();
        self.take_over(head, old, new, &mut first_names)?;
        let mut aside = Vec::new();
        for change in staged {
            let held = lookup(new, &change.path, self.store.objects())?;
            let held_entry = held.as_ref().map(|child| &child.entry);
            if held_entry != change.now.as_ref().map(|staged| &staged.entry) {
                self.stage_held(head, &change.path, held, &mut first_names)?;
                aside.push(change);
            }
        }
        self.tell_first_names(head, &first_names)?;
        self.staging.committed(head)?;
        for Change { path, now, .. } in aside {
            match now {
                Some(staged) => self.staging.put(&path, &staged.entry, &staged.stamp)?,
                None => drop(self.staging.remove(&path)?),
            }
        }
        self.staging.note_packs(&packs)?;
        self.staging.sync()
    }

    /// Stages what differs between two trees, except where something else is staged than the old one has.
    fn take_over(
        &mut self,
        head: CommitId,
        old: Option<NodeRef>,
        new: NodeRef,
        first_names: &mut HashSet<Vec<u8>>,
    ) -> Result<()> {
        for difference in tree::diff(old, Some(new), self.store.objects()) {
            let difference = difference?;
            let path = difference.path;
            let (was, is) = match difference.change {
                tree::Change::Added(is) => (None, Some(is)),
                tree::Change::Removed(was) => (Some(was), None),
                tree::Change::Changed { old, new } => (Some(old), Some(new)),
            };
            let staged = self.staging.find(&path)?;
            let is_untouched = match (&staged, &was) {
                (None, None) => true,
                (Some(staged), Some(was)) => staged.entry == was.entry,
                _ => false,
            };
            if is_untouched {
                self.stage_held(head, &path, is, first_names)?;
            }
        }
        Ok(())
    }

    /// Stages what a commit holds at a path.
    fn stage_held(
        &mut self,
        commit: CommitId,
        path: &[u8],
        held: Option<Child>,
        first_names: &mut HashSet<Vec<u8>>,
    ) -> Result<()> {
        let Some(held) = held else {
            return self.staging.remove(path).map(drop);
        };
        let stamp = StampInfo::unknown(held.link_to.as_deref().map(|first| (commit, first)));
        first_names.extend(held.link_to);
        self.staging.put(path, &held.entry, &stamp)
    }

    /// Says of the first names of files that there are more.
    fn tell_first_names(&mut self, commit: CommitId, first_names: &HashSet<Vec<u8>>) -> Result<()> {
        for first in first_names {
            if let Some(staged) = self.staging.find(first)? {
                let stamp = StampInfo::unknown(Some((commit, first)));
                self.staging.put(first, &staged.entry, &stamp)?;
            }
        }
        Ok(())
    }
}
