//! Commits and what names them: the branch, tags, and the list of those that are forgotten.
//!
//! A revision is
//! - `HEAD` or `main`: where the branch is;
//! - a tag's name;
//! - a commit's id, or at least four of its first digits;
//! - any of these with `~N` (its Nth ancestor) or `^` (its parent) behind it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::commit::{self, Commit};
use crate::disk::{SharedDisk, replace};
use crate::id::CommitId;
use crate::lock::{Role, Wait};
use crate::store::Store;
use crate::{Error, Result};

/// The only branch.
pub const BRANCH: &str = "main";
/// Another name of where the branch is.
pub const HEAD: &str = "HEAD";
/// Fewest digits of an id that are taken for one.
const DIGITS_MIN: usize = 4;

/// The commits of a store, and what they are called.
#[derive(Clone, Debug)]
pub struct Refs {
    disk: SharedDisk,
    store: PathBuf,
}

impl Refs {
    pub(crate) fn new(disk: SharedDisk, store: &Path) -> Refs {
        Refs {
            disk,
            store: store.to_owned(),
        }
    }

    /// Where the branch is; `None` before the first commit.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Io`].
    pub fn head(&self) -> Result<Option<CommitId>> {
        self.read_ref(&self.branch_path())
    }

    fn branch_path(&self) -> PathBuf {
        self.store.join("refs/heads").join(BRANCH)
    }

    fn tag_path(&self, name: &str) -> PathBuf {
        self.store.join("refs/tags").join(name)
    }

    fn read_ref(&self, path: &Path) -> Result<Option<CommitId>> {
        match fs::read(path) {
            Ok(bytes) => commit::decode_ref(&bytes)
                .map(Some)
                .map_err(|flaw| Error::damaged(path, flaw.byte_offset as u64, flaw.detail)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }

    /// All tags, sorted by name.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Io`].
    pub fn tags(&self) -> Result<Vec<(String, CommitId)>> {
        let folder = self.store.join("refs/tags");
        let mut tags = Vec::new();
        for name in names_in(&folder)? {
            if let Some(id) = self.read_ref(&folder.join(&name))? {
                tags.push((name, id));
            }
        }
        Ok(tags)
    }

    /// All commits that are there, forgotten ones too, sorted by id.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn commits(&self) -> Result<Vec<CommitId>> {
        let names = names_in(&self.store.join("commits"))?;
        Ok(names.iter().filter_map(|it| it.parse().ok()).collect())
    }

    /// Reads a commit.
    ///
    /// # Errors
    /// [`Error::LostCommit`] if it is damaged, or there is none of this id; [`Error::Io`].
    pub fn commit(&self, id: CommitId) -> Result<Commit> {
        self.read_commit(id).map_err(|error| match error {
            error if error.is_not_found() => self.lost(id, error),
            error @ (Error::Damaged { .. } | Error::BadObject { .. }) => self.lost(id, error),
            error => error,
        })
    }

    fn lost(&self, id: CommitId, source: Error) -> Error {
        Error::LostCommit {
            id,
            store: self.store.clone(),
            source: Box::new(source),
        }
    }

    /// Reads a commit that another was made from. `None` is the end of that line of history: the commit is one of those `forgotten`, and
    /// its file is gone. What was before it cannot be told.
    ///
    /// # Errors
    /// As [`commit`](Refs::commit).
    pub fn ancestor(&self, id: CommitId, forgotten: &BTreeSet<CommitId>) -> Result<Option<Commit>> {
        match self.has_commit(id) || !forgotten.contains(&id) {
            true => self.commit(id).map(Some),
            false => Ok(None),
        }
    }

    /// Reads a commit, and says of the file what is wrong with it.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::BadObject`], [`Error::Io`], also if there is none of this id.
    pub(crate) fn read_commit(&self, id: CommitId) -> Result<Commit> {
        let path = self.commit_path(id);
        let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
        if CommitId::of(&bytes) != id {
            return Err(Error::damaged(&path, 0, "it is not what its name says"));
        }
        Commit::decode(&bytes)
    }

    /// Whether there is a file of this commit.
    pub(crate) fn has_commit(&self, id: CommitId) -> bool {
        self.commit_path(id).exists()
    }

    fn commit_path(&self, id: CommitId) -> PathBuf {
        self.store.join("commits").join(id.to_string())
    }

    /// Makes a commit durable. Everything that it refers to must be so already.
    pub(crate) fn write_commit(&self, commit: &Commit) -> Result<CommitId> {
        let bytes = commit.encode();
        let id = CommitId::of(&bytes);
        self.replace(&self.commit_path(id), &bytes)?;
        Ok(id)
    }

    /// Says whether the branch is where somebody expects it. The caller holds the lock for publishing.
    ///
    /// # Errors
    /// [`Error::Moved`] if it is not, [`Error::Revision`] if it is gone.
    pub(crate) fn expect_head(&self, expected: Option<CommitId>) -> Result<()> {
        match self.head()? {
            found if found == expected => Ok(()),
            Some(found) => Err(Error::Moved {
                name: BRANCH.to_owned(),
                found,
            }),
            None => Err(no(BRANCH, "the branch is gone")),
        }
    }

    /// Moves the branch. The caller holds the lock for publishing.
    ///
    /// # Errors
    /// [`Error::Moved`] if it is not where it was `expected`.
    pub(crate) fn move_head(&self, expected: Option<CommitId>, to: CommitId) -> Result<()> {
        self.expect_head(expected)?;
        self.replace(&self.branch_path(), &commit::encode_ref(to))
    }

    /// Makes durable where the branch is found to be.
    pub(crate) fn settle_head(&self) -> Result<()> {
        Ok(self.disk.sync_folder(&self.store.join("refs/heads"))?)
    }

    /// Makes durable what is found to have a name or to be forgotten: whoever goes on from there, or says that there is nothing to do, counts on
    /// it, and a process that was killed may have left it so.
    pub(crate) fn settle(&self) -> Result<()> {
        self.settle_head()?;
        self.disk.sync_folder(&self.store.join("refs/tags"))?;
        Ok(self.disk.sync_folder(&self.store)?)
    }

    /// Gives a commit a name. The caller holds the lock for publishing.
    pub(crate) fn set_tag(&self, name: &str, to: CommitId) -> Result<()> {
        check_name(name)?;
        self.replace(&self.tag_path(name), &commit::encode_ref(to))
    }

    /// Takes a name away; whether it was there.
    pub(crate) fn remove_tag(&self, name: &str) -> Result<bool> {
        check_name(name)?;
        let path = self.tag_path(name);
        let was_there = path.exists();
        self.disk.remove(&path)?;
        self.disk.sync_folder(&self.store.join("refs/tags"))?;
        Ok(was_there)
    }

    /// Where a tag is.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Io`].
    pub fn tag(&self, name: &str) -> Result<Option<CommitId>> {
        match check_name(name) {
            Ok(()) => self.read_ref(&self.tag_path(name)),
            Err(_) => Ok(None),
        }
    }

    /// Commits whose files may go.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Io`].
    pub fn forgotten(&self) -> Result<BTreeSet<CommitId>> {
        let path = self.store.join("forgotten");
        match fs::read(&path) {
            Ok(bytes) => commit::decode_forgotten(&bytes)
                .map_err(|flaw| Error::damaged(&path, flaw.byte_offset as u64, flaw.detail)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(Error::io("read", &path)(error)),
        }
    }

    /// Replaces the list of forgotten commits. The caller holds the lock for publishing.
    pub(crate) fn set_forgotten(&self, ids: &BTreeSet<CommitId>) -> Result<()> {
        self.replace(
            &self.store.join("forgotten"),
            &commit::encode_forgotten(ids),
        )
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        Ok(replace(&self.disk, &self.store.join("tmp"), path, bytes)?)
    }

    /// The commit that a revision names, and what is in it; forgotten ones are refused.
    ///
    /// # Errors
    /// [`Error::Revision`], [`Error::Damaged`], [`Error::Io`].
    pub fn resolve(&self, revision: &str) -> Result<(CommitId, Commit)> {
        let forgotten = self.forgotten()?;
        let id = self.resolve_id(revision, &forgotten)?;
        if forgotten.contains(&id) {
            return Err(no(revision, "that commit was forgotten"));
        }
        Ok((id, self.commit(id)?))
    }

    fn resolve_id(&self, revision: &str, forgotten: &BTreeSet<CommitId>) -> Result<CommitId> {
        let end = revision.find(['~', '^']).unwrap_or(revision.len());
        let (name, steps) = revision.split_at(end);
        if name.is_empty() {
            return Err(no(revision, nameless(steps)));
        }
        let mut id = self.resolve_name(name)?;
        for _ in 0..ancestor_steps(revision, steps)? {
            let Some(commit) = self.ancestor(id, forgotten)? else {
                let reason = format!(
                    "history ends at {id}, which is forgotten, and of which no file is left"
                );
                return Err(no(revision, &reason));
            };
            id = *commit
                .parents
                .first()
                .ok_or_else(|| no(revision, "there are not so many commits before it"))?;
        }
        Ok(id)
    }

    fn resolve_name(&self, name: &str) -> Result<CommitId> {
        if name == HEAD || name == BRANCH {
            return self.head()?.ok_or_else(|| {
                no(
                    name,
                    "there is no commit yet; `tamis store commit` makes the first",
                )
            });
        }
        if let Some(id) = self.tag(name)? {
            return Ok(id);
        }
        let is_id = name.len() >= DIGITS_MIN && name.bytes().all(|it| it.is_ascii_hexdigit());
        if !is_id {
            return Err(no(name, "there is no tag of this name, and it is no id"));
        }
        let digits = name.to_ascii_lowercase();
        let ids = self.commits()?;
        let mut matching = ids.iter().filter(|id| id.to_string().starts_with(&digits));
        match (matching.next(), matching.next()) {
            (Some(id), None) => Ok(*id),
            (None, _) => Err(no(name, "no commit's id begins so")),
            (Some(_), Some(_)) => Err(no(name, "several commits' ids begin so; give more digits")),
        }
    }
}

impl Store {
    /// Gives a commit a name, for ever; the same again is no error.
    ///
    /// # Errors
    /// [`Error::Usage`] if the name cannot be one, or is another commit's; [`Error::Revision`] if the commit was forgotten;
    /// [`Error::LostCommit`] if there is no such commit; [`Error::Io`].
    pub fn tag(&self, name: &str, commit: CommitId) -> Result<()> {
        self.refs().commit(commit)?;
        let _lock = self.locks().exclusive(Role::Publish, Wait::Yes)?;
        if self.refs().forgotten()?.contains(&commit) {
            return Err(no(&commit.to_string(), "that commit was forgotten"));
        }
        match self.refs().tag(name)? {
            Some(known) if known == commit => self.refs().settle(),
            Some(known) => Err(Error::Usage {
                reason: format!(
                    "the tag `{name}` is at {known} already; it has to be removed there first"
                ),
            }),
            None => self.refs().set_tag(name, commit),
        }
    }

    /// Takes a tag away; whether it was there.
    ///
    /// # Errors
    /// [`Error::Usage`] if the name cannot be one; [`Error::Io`].
    pub fn untag(&self, name: &str) -> Result<bool> {
        let _lock = self.locks().exclusive(Role::Publish, Wait::Yes)?;
        self.refs().remove_tag(name)
    }
}

fn no(name: &str, reason: &str) -> Error {
    Error::Revision {
        name: name.to_owned(),
        reason: reason.to_owned(),
    }
}

/// What is missing where nothing stands before `steps`.
fn nameless(steps: &str) -> &'static str {
    match steps.as_bytes().first() {
        Some(b'~') => "a branch, a tag, an id or `HEAD` is missing before `~`",
        Some(_) => "a branch, a tag, an id or `HEAD` is missing before `^`",
        None => "it is empty",
    }
}

/// How many parents to go up for `~2^` and the like.
fn ancestor_steps(revision: &str, mut steps: &str) -> Result<u64> {
    let mut count = 0u64;
    while !steps.is_empty() {
        if let Some(rest) = steps.strip_prefix('^') {
            (count, steps) = (count.saturating_add(1), rest);
            continue;
        }
        let Some(rest) = steps.strip_prefix('~') else {
            return Err(no(revision, "behind the name there may be `~N` and `^`"));
        };
        let end = rest
            .find(|it: char| !it.is_ascii_digit())
            .unwrap_or(rest.len());
        let (digits, rest) = rest.split_at(end);
        let number = match digits {
            "" => 1,
            _ => digits
                .parse()
                .map_err(|_| no(revision, "there are not so many commits"))?,
        };
        (count, steps) = (count.saturating_add(number), rest);
    }
    Ok(count)
}

/// Refuses names that would be something else: a path, a revision, an option.
fn check_name(name: &str) -> Result<()> {
    let is_plain = |it: char| it.is_alphanumeric() || matches!(it, '.' | '_' | '-' | '+' | '@');
    let is_good = !name.is_empty()
        && name.len() <= 200
        && !name.starts_with(['.', '-', '@'])
        && name.chars().all(is_plain)
        && name != HEAD
        && name != BRANCH
        && !(name.len() >= DIGITS_MIN && name.bytes().all(|it| it.is_ascii_hexdigit()));
    match is_good {
        true => Ok(()),
        false => Err(Error::Usage {
            reason: format!(
                "`{name}` cannot be a tag: a name has letters, digits, `.`, `_`, `-`, `+` and `@`, does not begin with a mark, and is not `HEAD`, `main` or like an id"
            ),
        }),
    }
}

/// The names of the files in a folder, sorted; those that are not UTF-8 are none of ours.
pub(crate) fn names_in(folder: &Path) -> Result<Vec<String>> {
    let read = || -> std::io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.extend(entry?.file_name().into_string().ok());
        }
        names.sort();
        Ok(names)
    };
    read().map_err(Error::io("read", folder))
}
