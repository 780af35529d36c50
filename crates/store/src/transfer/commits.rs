//! Which commits one store has that the other has not.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::commit::Commit;
use crate::id::CommitId;
use crate::refs::Refs;
use crate::store::Store;
use crate::tree::NodeRef;
use crate::{Error, Result};

/// What is to be done.
#[derive(Debug)]
pub(super) struct Plan {
    /// Commits that the target has not, each behind those it was made from.
    pub(super) missing: Vec<(CommitId, Commit)>,
    /// Those of them that the source has forgotten.
    pub(super) forgotten: BTreeSet<CommitId>,
    /// All that the source has forgotten: it may not have their trees.
    forgotten_here: BTreeSet<CommitId>,
    /// All that the target has forgotten.
    pub(super) forgotten_there: BTreeSet<CommitId>,
    /// All that the target's branch and tags reach.
    pub(super) reached_there: HashSet<CommitId>,
    /// The source's tags.
    pub(super) tags: Vec<(String, CommitId)>,
    /// Where the target's branch is.
    pub(super) old_head: Option<CommitId>,
    /// Where it is to go, if it is to go anywhere.
    pub(super) new_head: Option<CommitId>,
}

impl Plan {
    /// Compares two stores.
    ///
    /// # Errors
    /// [`Error::Diverged`]; [`Error::Io`], [`Error::Damaged`] for commits that cannot be read.
    pub(super) fn new(from: &Store, to: &Store) -> Result<Plan> {
        let (here, there) = (from.refs(), to.refs());
        let (head, old_head) = (here.head()?, there.head()?);
        let tags = here.tags()?;
        let reached_there = reached(there, old_head, &there.tags()?)?;
        let new_head = head.filter(|it| Some(*it) != old_head);
        let is_ahead = |it: &CommitId| reaches(there, old_head, *it);
        let new_head = match new_head {
            // The target is ahead: there is nothing for it.
            Some(head) if reached_there.contains(&head) && is_ahead(&head)? => None,
            new_head => new_head,
        };
        if let (Some(from_head), Some(to_head)) = (new_head, old_head)
            && !reaches(here, Some(from_head), to_head)?
        {
            return Err(Error::Diverged {
                to: to.folder().to_owned(),
                from: from.folder().to_owned(),
            });
        }
        let starts = head.into_iter().chain(tags.iter().map(|(_, id)| *id));
        let missing = missing(here, starts, &reached_there)?;
        let forgotten_here = here.forgotten()?;
        let is_forgotten = |id: &CommitId| forgotten_here.contains(id);
        let ids = missing.iter().map(|(id, _)| *id);
        Ok(Plan {
            forgotten: ids.filter(is_forgotten).collect(),
            missing,
            forgotten_there: there.forgotten()?,
            forgotten_here,
            reached_there,
            tags,
            old_head,
            new_head,
        })
    }

    /// The tree of the nearest commit before this one that both stores have whole; `copied` are those that this run has copied.
    pub(super) fn known_tree(
        &self,
        commit: &Commit,
        copied: &HashSet<CommitId>,
        from: &Store,
    ) -> Result<Option<NodeRef>> {
        let mut next = commit.parents.first().copied();
        while let Some(id) = next {
            let before = from.refs().commit(id)?;
            let is_there = self.reached_there.contains(&id) && !self.forgotten_there.contains(&id);
            if copied.contains(&id) || is_there && !self.forgotten_here.contains(&id) {
                return Ok(Some(before.root));
            }
            next = before.parents.first().copied();
        }
        Ok(None)
    }
}

/// All commits that the branch and the tags reach.
fn reached(
    refs: &Refs,
    head: Option<CommitId>,
    tags: &[(String, CommitId)],
) -> Result<HashSet<CommitId>> {
    let mut next: Vec<_> = head.into_iter().chain(tags.iter().map(|it| it.1)).collect();
    let mut reached = HashSet::new();
    while let Some(id) = next.pop() {
        if reached.insert(id) {
            next.extend(refs.commit(id)?.parents);
        }
    }
    Ok(reached)
}

/// Whether `wanted` is `from`, or one of the commits that it was made from.
fn reaches(refs: &Refs, from: Option<CommitId>, wanted: CommitId) -> Result<bool> {
    let mut next: Vec<_> = from.into_iter().collect();
    let mut seen = HashSet::new();
    while let Some(id) = next.pop() {
        if id == wanted {
            return Ok(true);
        }
        if seen.insert(id) {
            next.extend(refs.commit(id)?.parents);
        }
    }
    Ok(false)
}

/// What `starts` reach without going through `known`, each commit behind its parents.
fn missing(
    refs: &Refs,
    starts: impl Iterator<Item = CommitId>,
    known: &HashSet<CommitId>,
) -> Result<Vec<(CommitId, Commit)>> {
    let mut missing = Vec::new();
    // A commit comes twice: first its parents are put above it, then it is taken.
    let mut opened: HashMap<CommitId, Option<Commit>> = HashMap::new();
    let mut next: Vec<_> = starts.collect();
    while let Some(&id) = next.last() {
        if known.contains(&id) {
            next.pop();
            continue;
        }
        match opened.get_mut(&id) {
            None => {
                let commit = refs.commit(id)?;
                let parents = commit.parents.iter();
                next.extend(parents.filter(|it| !opened.contains_key(it)));
                opened.insert(id, Some(commit));
            }
            Some(commit) => {
                missing.extend(commit.take().map(|commit| (id, commit)));
                next.pop();
            }
        }
    }
    Ok(missing)
}
