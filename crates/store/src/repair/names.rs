//! The small files: format, commits, the list of forgotten ones, branch and tags.
//!
//! Rot falls upon single bits, and each of these files has a hash over all of it. So one wrong bit is found by trying them all, which takes
//! milliseconds, and gives back a commit that nothing else could.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::Repair;
use crate::chunker::Parameters;
use crate::commit::{Commit, decode_forgotten, decode_ref, encode_ref};
use crate::disk::{Disk, replace};
use crate::format::Format;
use crate::id::CommitId;
use crate::refs::{BRANCH, names_in};
use crate::store::{FOLDERS, Store, new_number};
use crate::verify::gone_on_purpose;
use crate::{Error, Result};

/// Longer files are not tried bit by bit: that takes as many hashes of their length as they have bits.
const MENDED_BYTES_MAX: usize = 16 << 10;

/// What `bytes` were before one bit of them fell over, if `is_right` knows them.
pub(super) fn mend_bit(bytes: &[u8], is_right: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    if bytes.len() > MENDED_BYTES_MAX {
        return None;
    }
    let mut bytes = bytes.to_vec();
    for place in 0..bytes.len() * 8 {
        let bit = 1 << (place % 8);
        bytes[place / 8] ^= bit;
        if is_right(&bytes) {
            return Some(bytes);
        }
        bytes[place / 8] ^= bit;
    }
    None
}

/// Makes what every store has, in a folder that looks like one.
pub(super) fn make_folders(folder: &Path, disk: &dyn Disk) -> Result<()> {
    if !folder.join("packs").is_dir() && !folder.join("format").is_file() {
        return Err(Error::NoStore {
            path: folder.to_owned(),
        });
    }
    for name in FOLDERS {
        disk.create_folder(&folder.join(name))?;
    }
    let lock = folder.join("lock");
    if !lock.exists() {
        disk.sync(&disk.create(&lock)?, &lock)?;
    }
    Ok(disk.sync_folder(folder)?)
}

impl Repair<'_> {
    /// Sees to it that the format can be read.
    pub(super) fn mend_format(&mut self) -> Result<()> {
        let error = match Format::read(&self.folder) {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        let path = self.folder.join("format");
        let bytes = fs::read(&path).unwrap_or_default();
        if let Some(mended) = mend_bit(&bytes, |bytes| Format::decode(bytes).is_ok()) {
            self.note("one bit of the file `format` was wrong");
            return self.aside.replace(&path, &bytes, &mended);
        }
        match error {
            Error::NoStore { .. } | Error::Damaged { .. } => {}
            // What a newer version made is not for us to mend.
            error => return Err(error),
        }
        self.aside.take(&path)?;
        self.note(
            "the file `format` is lost; a new one says that chunks are cut by the default sizes, so files may be stored anew if this store was made with others",
        );
        let format = Format {
            chunks: Parameters::default(),
            number: new_number(),
        };
        format.write(&self.aside.disk, &self.folder)
    }

    /// Moves commits aside that are not what their names say, or puts them right.
    pub(super) fn mend_commits(&mut self) -> Result<()> {
        let folder = self.folder.join("commits");
        for name in names_in(&folder)? {
            let Ok(id) = name.parse::<CommitId>() else {
                continue;
            };
            let path = folder.join(&name);
            let bytes = fs::read(&path).unwrap_or_default();
            if CommitId::of(&bytes) == id && Commit::decode(&bytes).is_ok() {
                continue;
            }
            match mend_bit(&bytes, |bytes| CommitId::of(bytes) == id) {
                Some(mended) => {
                    self.note(format!("one bit of the commit {id} was wrong"));
                    self.aside.replace(&path, &bytes, &mended)?;
                }
                None => {
                    self.lose(id);
                    self.aside.take(&path)?;
                }
            }
        }
        Ok(())
    }

    /// Branch, tags, and the list of forgotten commits.
    pub(super) fn mend_names(&mut self, store: &Store) -> Result<()> {
        let mut commits = Vec::new();
        for id in store.refs().commits()? {
            commits.push((id, store.refs().commit(id)?));
        }
        let mut forgotten = self.mend_forgotten(store, &commits)?;
        self.result
            .lost_commits
            .retain(|id| !forgotten.contains(id));
        self.mend_history(store, &commits, &mut forgotten)?;
        self.mend_branch(store, &commits, &forgotten)?;
        let folder = self.folder.join("refs/tags");
        for name in names_in(&folder)? {
            let there = |id| commits.iter().any(|(found, _)| *found == id);
            self.mend_ref(&folder.join(&name), there, &format!("the tag `{name}`"))?;
        }
        let lost = self.result.lost_commits.clone();
        lost.iter()
            .for_each(|id| self.note(format!("the commit {id} is lost")));
        Ok(())
    }

    /// Notes commits that are lost among the forgotten ones, so that the history of those made from them ends there.
    fn mend_history(
        &mut self,
        store: &Store,
        commits: &[(CommitId, Commit)],
        forgotten: &mut BTreeSet<CommitId>,
    ) -> Result<()> {
        let there: HashSet<_> = commits.iter().map(|(id, _)| *id).collect();
        let known = forgotten.len();
        for (id, commit) in commits {
            for parent in commit.parents.iter().filter(|it| !there.contains(it)) {
                if forgotten.insert(*parent) {
                    self.lose(*parent);
                    self.note(format!(
                        "the commit {id} was made from {parent}, which is lost and counts as forgotten now: history ends there"
                    ));
                }
            }
        }
        match forgotten.len() > known {
            true => store.refs().set_forgotten(forgotten),
            false => Ok(()),
        }
    }

    fn mend_forgotten(
        &mut self,
        store: &Store,
        commits: &[(CommitId, Commit)],
    ) -> Result<BTreeSet<CommitId>> {
        let error = match store.refs().forgotten() {
            Ok(forgotten) => return Ok(forgotten),
            Err(error) => error,
        };
        let path = self.folder.join("forgotten");
        let bytes = fs::read(&path).unwrap_or_default();
        if let Some(mended) = mend_bit(&bytes, |bytes| decode_forgotten(bytes).is_ok()) {
            self.note("one bit of the list of forgotten commits was wrong");
            self.aside.replace(&path, &bytes, &mended)?;
            return store.refs().forgotten();
        }
        self.aside.take(&path)?;
        let gone = gone_on_purpose(store, commits);
        self.note(format!(
            "the list of forgotten commits is lost ({error}); the {} whose trees are gone are taken to be forgotten",
            gone.len()
        ));
        if !gone.is_empty() {
            store.refs().set_forgotten(&gone)?;
        }
        Ok(gone)
    }

    fn mend_branch(
        &mut self,
        store: &Store,
        commits: &[(CommitId, Commit)],
        forgotten: &BTreeSet<CommitId>,
    ) -> Result<()> {
        let path = self.folder.join("refs/heads").join(BRANCH);
        let there = |id| commits.iter().any(|(found, _)| *found == id);
        self.mend_ref(&path, there, "the branch")?;
        if store.refs().head()?.is_some() {
            return Ok(());
        }
        let parents: HashSet<_> = commits.iter().flat_map(|it| &it.1.parents).collect();
        let tips = commits
            .iter()
            .filter(|(id, _)| !parents.contains(id) && !forgotten.contains(id));
        let Some((id, _)) = tips.max_by_key(|(id, commit)| (commit.time_ns, *id)) else {
            return Ok(());
        };
        self.note(format!(
            "the branch is at {id} now: the newest commit that no other was made from"
        ));
        let drafts = self.folder.join("tmp");
        Ok(replace(&self.aside.disk, &drafts, &path, &encode_ref(*id))?)
    }

    /// Moves a ref aside that names no commit, or puts it right.
    fn mend_ref(
        &mut self,
        path: &Path,
        there: impl Fn(CommitId) -> bool,
        what: &str,
    ) -> Result<()> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            // Not to be read, maybe to be moved.
            Err(_) => Vec::new(),
        };
        match decode_ref(&bytes) {
            Ok(id) if there(id) => return Ok(()),
            Ok(id) => {
                self.lose(id);
                self.note(format!("{what} was at {id}, which is lost"));
            }
            Err(_) => match mend_bit(&bytes, |bytes| decode_ref(bytes).is_ok_and(&there)) {
                Some(mended) => {
                    self.note(format!("one bit of {what} was wrong"));
                    return self.aside.replace(path, &bytes, &mended);
                }
                None => self.note(format!("{what} was damaged")),
            },
        }
        self.aside.take(path)
    }
}
