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
    /// Those of them that the source has forgotten, and those before them of which it has no file any more.
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
    /// [`Error::Diverged`]; [`Error::LostCommit`], [`Error::Io`] for commits that cannot be read.
    pub(super) fn new(from: &Store, to: &Store) -> Result<Plan> {
        let (here, there) = (History::of(from)?, History::of(to)?);
        let (head, old_head) = (here.refs.head()?, there.refs.head()?);
        let tags = here.refs.tags()?;
        let reached_there = there.reached(old_head, &there.refs.tags()?)?;
        let new_head = head.filter(|it| Some(*it) != old_head);
        let new_head = match new_head {
            // The target is ahead: there is nothing for it.
            Some(head) if there.reaches(old_head, head)? => None,
            new_head => new_head,
        };
        if let (Some(from_head), Some(to_head)) = (new_head, old_head)
            && !here.reaches(Some(from_head), to_head)?
        {
            return Err(Error::Diverged {
                to: to.folder().to_owned(),
                from: from.folder().to_owned(),
            });
        }
        let starts = new_head.into_iter().chain(tags.iter().map(|(_, id)| *id));
        let Missing { commits, ends } = here.missing(starts, &reached_there)?;
        let ids = commits.iter().map(|(id, _)| *id);
        let forgotten = ids.filter(|id| here.forgotten.contains(id));
        let ends = ends.into_iter().filter(|id| !there.refs.has_commit(*id));
        Ok(Plan {
            forgotten: forgotten.chain(ends).collect(),
            missing: commits,
            forgotten_there: there.forgotten,
            forgotten_here: here.forgotten,
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
            let Some(before) = from.refs().ancestor(id, &self.forgotten_here)? else {
                return Ok(None);
            };
            let is_there = self.reached_there.contains(&id) && !self.forgotten_there.contains(&id);
            if copied.contains(&id) || is_there && !self.forgotten_here.contains(&id) {
                return Ok(Some(before.root));
            }
            next = before.parents.first().copied();
        }
        Ok(None)
    }
}

/// That all commits which the branch and the tags reach are there, or given up.
///
/// # Errors
/// As [`Plan::new`].
pub(super) fn expect_history(store: &Store) -> Result<()> {
    let history = History::of(store)?;
    let (head, tags) = (history.refs.head()?, history.refs.tags()?);
    history.reached(head, &tags).map(drop)
}

/// What a walk of the source finds that the target has not.
#[derive(Debug, Default)]
struct Missing {
    /// Commits, each behind those it was made from.
    commits: Vec<(CommitId, Commit)>,
    /// Where lines of history end before their first commit.
    ends: Vec<CommitId>,
}

/// The commits of a store. A line of history ends where a commit has none before it, or where one is forgotten and has no file any more.
struct History<'s> {
    refs: &'s Refs,
    forgotten: BTreeSet<CommitId>,
}

impl<'s> History<'s> {
    fn of(store: &'s Store) -> Result<History<'s>> {
        let refs = store.refs();
        let forgotten = refs.forgotten()?;
        Ok(History { refs, forgotten })
    }

    fn commit(&self, id: CommitId) -> Result<Option<Commit>> {
        self.refs.ancestor(id, &self.forgotten)
    }

    /// All commits that the branch and the tags reach, and that have files.
    fn reached(
        &self,
        head: Option<CommitId>,
        tags: &[(String, CommitId)],
    ) -> Result<HashSet<CommitId>> {
        let mut next: Vec<_> = head.into_iter().chain(tags.iter().map(|it| it.1)).collect();
        let mut reached = HashSet::new();
        let mut ends = HashSet::new();
        while let Some(id) = next.pop() {
            if !reached.insert(id) {
                continue;
            }
            match self.commit(id)? {
                Some(commit) => next.extend(commit.parents),
                None => {
                    ends.insert(id);
                }
            }
        }
        reached.retain(|id| !ends.contains(id));
        Ok(reached)
    }

    /// Whether `wanted` is `from`, or one of the commits that it was made from.
    fn reaches(&self, from: Option<CommitId>, wanted: CommitId) -> Result<bool> {
        let mut next: Vec<_> = from.into_iter().collect();
        let mut seen = HashSet::new();
        let mut is_cut = false;
        while let Some(id) = next.pop() {
            if id == wanted {
                return Ok(true);
            }
            if seen.insert(id) {
                match self.commit(id)? {
                    Some(commit) => next.extend(commit.parents),
                    None => is_cut = true,
                }
            }
        }
        // What was before the end cannot be told: a commit that is here is taken for one of those, or nobody could push to a copy of
        // before any more.
        Ok(is_cut && self.refs.has_commit(wanted))
    }

    /// What `starts` reach without going through `known`.
    fn missing(
        &self,
        starts: impl Iterator<Item = CommitId>,
        known: &HashSet<CommitId>,
    ) -> Result<Missing> {
        let mut missing = Missing::default();
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
                    let commit = self.commit(id)?;
                    let parents = commit.iter().flat_map(|it| &it.parents);
                    next.extend(parents.filter(|it| !opened.contains_key(it)));
                    if commit.is_none() {
                        missing.ends.push(id);
                    }
                    opened.insert(id, commit);
                }
                Some(commit) => {
                    let commit = commit.take().map(|commit| (id, commit));
                    missing.commits.extend(commit);
                    next.pop();
                }
            }
        }
        Ok(missing)
    }
}
