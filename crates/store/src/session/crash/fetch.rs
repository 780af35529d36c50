//! A store that takes over what others have, and forgets some of it: what is cloned, pulled and pushed to it arrives whole or not at all.

use std::path::Path;

use nix::libc::{EIO, ENOSPC};
use tamis_engine::control::Cancel;
use tempfile::TempDir;

use super::{
    Fault, Life, Progress, Told, add, collect, commit, init, open, settings, tag, try_all,
};
use crate::Result;
use crate::disk::SharedDisk;
use crate::disk::lossy::LossyDisk;
use crate::id::CommitId;
use crate::progress::StoreProgress;
use crate::session::crash::trees::{Trees, temporary_folder};
use crate::store::Store;
use crate::transfer::{pull, push};

/// A store that others take from: it does not change.
struct Neighbour {
    folder: TempDir,
    told: Told,
}

/// A store that grows, as it was at three moments; at the last one it has forgotten a commit that the earlier ones have not.
struct Beside([Neighbour; 3]);

impl Neighbour {
    /// A copy of the store in `folder`, which has told this.
    fn of(folder: &Path, told: &Told) -> Neighbour {
        let copy = temporary_folder();
        let disk = LossyDisk::new(copy.path()).shared();
        let mut copied = Told::default();
        init(&disk, copy.path(), &mut copied).expect("there is room");
        let from = open(&disk, folder).expect("it opens");
        let to = open(&disk, copy.path()).expect("it opens");
        push(&from, &to, &StoreProgress::default()).expect("it is empty");
        Neighbour {
            folder: copy,
            told: Told {
                commits: told.commits.clone(),
                forgotten: told.forgotten.clone(),
                tag: told.tag,
                ..copied
            },
        }
    }

    fn store(&self) -> Result<Store> {
        Store::open(self.folder.path(), settings(), &Cancel::new())
    }

    /// What it has that is not known to have been taken over.
    fn news(&self, told: &Told) -> Vec<(CommitId, usize)> {
        let commits = self.told.commits.iter().copied();
        let is_new = |id| !told.commits.iter().any(|known| known.0 == id);
        commits.filter(|it| is_new(it.0)).collect()
    }
}

impl Beside {
    fn new(trees: &Trees) -> Beside {
        let folder = temporary_folder();
        let (path, disk) = (folder.path(), LossyDisk::new(folder.path()).shared());
        let mut told = Told::default();
        init(&disk, path, &mut told).expect("there is room");
        let grow = |told: &mut Told, tree| {
            add(&disk, path, trees, tree, told).expect("there is room");
            commit(&disk, path, trees, told).expect("there is room");
        };
        grow(&mut told, 0);
        let early = Neighbour::of(path, &told);
        grow(&mut told, 1);
        tag(&disk, path, &mut told).expect("there is room");
        grow(&mut told, 2);
        let late = Neighbour::of(path, &told);
        grow(&mut told, 1);
        let gone = told.last().expect("there are some");
        grow(&mut told, 0);
        forget(&disk, path, gone, &mut told).expect("the branch is elsewhere");
        Beside([early, late, Neighbour::of(path, &told)])
    }
}

/// Takes over what a neighbour has.
fn fetch(disk: &SharedDisk, folder: &Path, from: &Neighbour, told: &mut Told) -> Result<()> {
    let news = from.news(told);
    let is_settled = told.staged == told.commits.last().map(|it| it.1);
    told.staged = None;
    told.in_progress = Some(Progress::Fetch(news.clone()));
    let store = open(disk, folder)?;
    pull(&store, &from.store()?, &StoreProgress::default())?;
    told.in_progress = None;
    told.commits.extend(news);
    told.forgotten.extend(&from.told.forgotten);
    told.tag = from.told.tag;
    // The next who changes what is staged finds the branch elsewhere, and follows it; but what was staged meanwhile stays.
    let newest = told.commits.last().map(|it| it.1);
    told.staged = newest.filter(|_| is_settled);
    Ok(())
}

fn forget(disk: &SharedDisk, folder: &Path, id: CommitId, told: &mut Told) -> Result<()> {
    told.commits.retain(|it| it.0 != id);
    open(disk, folder)?.forget_commits(&[id])?;
    told.forgotten.insert(id);
    Ok(())
}

impl Life for Beside {
    fn live(&self, disk: &SharedDisk, folder: &Path, trees: &Trees, told: &mut Told) -> Result<()> {
        let [early, late, last] = &self.0;
        init(disk, folder, told)?;
        fetch(disk, folder, early, told)?;
        fetch(disk, folder, late, told)?;
        collect(disk, folder)?;
        fetch(disk, folder, last, told)?;
        let newest = told.last().expect("it was fetched");
        add(disk, folder, trees, 3, told)?;
        commit(disk, folder, trees, told)?;
        forget(disk, folder, newest, told)?;
        collect(disk, folder)
    }

    fn resume(&self, disk: &SharedDisk, folder: &Path, told: &mut Told) -> Result<()> {
        let [.., last] = &self.0;
        let is_staged_here = told.staged == Some(3);
        let is_behind = match told.last() {
            Some(id) => last.told.commits.iter().any(|it| it.0 == id),
            None => true,
        };
        if is_behind && !is_staged_here {
            fetch(disk, folder, last, told)?;
        }
        Ok(())
    }
}

fn try_all_beside(fault: impl Fn(u64) -> Fault) {
    let trees = Trees::new();
    try_all(&Beside::new(&trees), &trees, fault);
}

#[test]
fn a_power_cut_leaves_what_was_fetched_whole() {
    try_all_beside(Fault::Death);
}

#[test]
fn a_full_disk_leaves_what_was_fetched_whole() {
    try_all_beside(|operations| Fault::Refusal(operations, ENOSPC));
}

#[test]
fn a_failing_disk_leaves_what_was_fetched_whole() {
    try_all_beside(|operations| Fault::Refusal(operations, EIO));
}
