//! Commits, and the small files that name them.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use tamis_engine::names::show;

use super::{Hurt, Report};
use crate::commit::Commit;
use crate::history;
use crate::id::CommitId;
use crate::pack::open::PackFile;
use crate::staging::Staging;
use crate::store::Store;

/// What names say.
pub(super) struct Names {
    /// Commits whose trees should be there.
    pub(super) commits: Vec<(CommitId, Commit)>,
}

/// Reads all of them, and looks for what no command left on purpose.
pub(super) fn check(store: &Store, report: &mut Report) -> Names {
    let commits = check_commits(store, report);
    let there: HashSet<CommitId> = commits.iter().map(|(id, _)| *id).collect();
    // Behind the commits: who pushes makes known what is forgotten before what was made from it.
    let forgotten = forgotten(store, &commits, report);
    check_parents(store, &commits, &forgotten, report);
    check_refs(store, &there, report);
    check_manifest(store, &there, report);
    note_leftovers(store, report);
    let mut commits = commits;
    commits.retain(|(id, _)| !forgotten.contains(id));
    Names { commits }
}

fn check_commits(store: &Store, report: &mut Report) -> Vec<(CommitId, Commit)> {
    let folder = store.folder().join("commits");
    let mut commits = Vec::new();
    for name in names_in(&folder, report) {
        let path = folder.join(&name);
        let Ok(id) = name.parse::<CommitId>() else {
            report.note(format!("`{}` is no commit", show(&path)));
            continue;
        };
        match store.refs().read_commit(id) {
            Ok(commit) => commits.push((id, commit)),
            Err(error) => {
                let problem = report.take(&path, error);
                report.hurt(problem, whole(id));
            }
        }
    }
    commits
}

fn whole(commit: CommitId) -> Hurt {
    Hurt {
        commit: Some(commit),
        path: Vec::new(),
    }
}

/// What a commit was made from is there, or given up, which is worth knowing.
fn check_parents(
    store: &Store,
    commits: &[(CommitId, Commit)],
    forgotten: &BTreeSet<CommitId>,
    report: &mut Report,
) {
    let mut told = HashSet::new();
    for (id, commit) in commits {
        for parent in &commit.parents {
            let path = store.folder().join("commits").join(parent.to_string());
            // One that is there and damaged was told of.
            if path.exists() || !told.insert(*parent) {
                continue;
            }
            if forgotten.contains(parent) {
                report.note(format!(
                    "the history of {id} ends at {parent}, which is forgotten, and of which no file is left"
                ));
            } else {
                let detail = format!("it is gone, and the commit {id} was made from it");
                let problem = report.problem(&path, detail);
                report.hurt(problem, whole(*parent));
            }
        }
    }
}

fn check_refs(store: &Store, there: &HashSet<CommitId>, report: &mut Report) {
    let branch = store.folder().join("refs/heads").join(crate::refs::BRANCH);
    // It may have come after the others were listed.
    let is_there = |id: &CommitId| there.contains(id) || store.refs().commit(*id).is_ok();
    match store.refs().head() {
        Ok(Some(id)) if !is_there(&id) => {
            let problem = report.problem(&branch, format!("it is at {id}, which cannot be read"));
            report.hurt(problem, whole(id));
        }
        Ok(None) if !there.is_empty() && was_anywhere(store) => {
            report.problem(&branch, "it is gone, and there are commits");
        }
        Ok(None) if !there.is_empty() => {
            report.note(
                "there are commits of a first one, or a first transfer, that was cut off"
                    .to_owned(),
            );
        }
        Ok(_) => {}
        Err(error) => {
            report.take(&branch, error);
        }
    }
    let folder = store.folder().join("refs/tags");
    for name in names_in(&folder, report) {
        let path = folder.join(&name);
        match store.refs().tag(&name) {
            Ok(Some(id)) if !is_there(&id) => {
                let detail = format!("it is at {id}, which cannot be read");
                let problem = report.problem(&path, detail);
                report.hurt(problem, whole(id));
            }
            Ok(Some(_)) => {}
            Ok(None) => report.note(format!("`{}` is no tag", show(&path))),
            Err(error) => {
                report.take(&path, error);
            }
        }
    }
}

/// Looks for the list of the index's segments: it is there before any commit is. Without it all packs are as if nobody had put them in yet.
fn check_manifest(store: &Store, there: &HashSet<CommitId>, report: &mut Report) {
    let manifest = store.folder().join("index/manifest");
    if !there.is_empty() && !manifest.exists() {
        report.problem(
            &manifest,
            "it is gone, and there are commits; `repair` makes it again",
        );
    }
}

/// Whether the branch ever was at a commit. Two tell of it afterwards: the staging, which follows it, and the history.
fn was_anywhere(store: &Store) -> bool {
    let followed = Staging::open(&store.staging_folder()).and_then(|it| it.committed_id());
    let records = history::read(store.folder());
    !matches!(followed, Ok(None)) || records.iter().any(|it| it.commit.is_some())
}

/// Commits whose trees need not be there.
fn forgotten(
    store: &Store,
    commits: &[(CommitId, Commit)],
    report: &mut Report,
) -> BTreeSet<CommitId> {
    match store.refs().forgotten() {
        Ok(forgotten) => forgotten,
        Err(error) => {
            report.take(&store.folder().join("forgotten"), error);
            // The best guess, so that what is gone on purpose is not told of as damage.
            gone_on_purpose(store, commits)
        }
    }
}

/// Commits whose root is in no pack: forgotten, most likely.
pub(crate) fn gone_on_purpose(store: &Store, commits: &[(CommitId, Commit)]) -> BTreeSet<CommitId> {
    let index = store.objects().index();
    let is_gone = |commit: &Commit| matches!(index.find(&commit.root.id), Ok(None));
    let gone = commits.iter().filter(|(_, commit)| is_gone(commit));
    gone.map(|(id, _)| *id).collect()
}

/// What lies around, and counts for nothing.
fn note_leftovers(store: &Store, report: &mut Report) {
    let drafts = names_in(&store.folder().join("tmp"), report).len();
    if drafts > 0 {
        report.note(format!(
            "{drafts} half-written files are in `tmp/`; `gc` removes them"
        ));
    }
    let known: HashSet<_> = store
        .objects()
        .index()
        .known_packs()
        .iter()
        .map(|pack| pack.id)
        .collect();
    let folder = store.folder().join("packs");
    for name in names_in(&folder, report) {
        match PackFile::named(folder.join(&name)) {
            None => report.note(format!("`packs/{name}` is no pack")),
            Some(file) if !known.contains(&file.id) => {
                let state = match file.open() {
                    Ok(_) => "the next `add` puts it in".to_owned(),
                    Err(error) => error.to_string(),
                };
                report.note(format!("the pack `packs/{name}` is in no index; {state}"));
            }
            Some(_) => {}
        }
    }
}

/// The names in a folder, sorted; a folder that cannot be read is a problem.
fn names_in(folder: &Path, report: &mut Report) -> Vec<String> {
    match crate::refs::names_in(folder) {
        Ok(names) => names,
        Err(error) => {
            report.take(folder, error);
            Vec::new()
        }
    }
}
