//! The staging: made again if its log is damaged, and no longer trusted with what is lost.

use std::collections::HashSet;
use std::sync::Arc;

use tamis_engine::names::show;

use super::Repair;
use crate::add::AddOptions;
use crate::entry::{Body, Content};
use crate::id::{CommitId, ObjectId};
use crate::lock::Lock;
use crate::session::Session;
use crate::staging::{Remains, Staging, StampInfo, findings, remains};
use crate::store::Store;
use crate::tree::{Found, references_of_body, walk};
use crate::{Error, Result};

/// The way out.
const AGAIN: &str = "what was staged and not committed has to be added again (`tamis store add`)";

impl Repair<'_> {
    /// Sees to it that the staging can be read.
    pub(super) fn mend_staging(&mut self, store: &Store) -> Result<()> {
        let folder = store.staging_folder();
        let findings = findings(&folder);
        if findings.as_ref().is_ok_and(|it| it.table.is_some()) {
            self.aside.take(&folder.join("table"))?;
        }
        match findings.map(|it| it.log) {
            Ok(None) => return Ok(()),
            Ok(Some(detail)) => {
                self.note(format!("the log of what is staged was damaged ({detail})"));
            }
            Err(error @ Error::Version { .. }) => return Err(error),
            Err(error) => {
                self.note(format!(
                    "the log of what is staged cannot be read ({error})"
                ));
            }
        }
        self.make_staging(store)
    }

    /// A new staging of what the branch holds, as far as it can be read.
    fn make_staging(&mut self, store: &Store) -> Result<()> {
        let folder = store.staging_folder();
        match remains(&folder) {
            Ok(remains) => self.tell_unstaged(remains),
            Err(_) => self.note(format!("nothing can be told of what was staged; {AGAIN}")),
        }
        for name in ["log", "table"] {
            self.aside.take(&folder.join(name))?;
        }
        Staging::create_on(store.disk(), &folder)?;
        let Some(head) = store.refs().head()? else {
            return Ok(());
        };
        let mut staging = Staging::open_for_writing_on(store.disk(), &folder)?;
        stage_commit(store, head, &mut staging)?;
        staging.committed(head)?;
        staging.sync()
    }

    /// Says what is not staged any more.
    fn tell_unstaged(&mut self, remains: Remains) {
        let Remains {
            paths,
            log_bytes,
            bad_bytes,
        } = remains;
        let mut note = format!("the log of what was staged, of {log_bytes} bytes, was set aside");
        if bad_bytes > 0 {
            note.push_str(&format!("; {bad_bytes} of them cannot be read"));
        }
        self.note(match paths.is_empty() {
            true => {
                format!("{note}, and the others tell of nothing that was not committed; {AGAIN}")
            }
            false => format!("{note}; {AGAIN}"),
        });
        self.result.unstaged = paths.into_iter().collect();
    }

    /// Staged files that need what is lost are read again by the next `add`, whatever their stamps say. Which they are.
    pub(super) fn distrust_staged(
        &mut self,
        store: &Store,
        lost: &HashSet<ObjectId>,
    ) -> Result<Vec<Vec<u8>>> {
        if lost.is_empty() {
            return Ok(Vec::new());
        }
        let mut hurt = Vec::new();
        let mut staging = Staging::open_for_writing_on(store.disk(), &store.staging_folder())?;
        for item in staging.sorted()? {
            let (path, staged) = item?;
            if let Content::File {
                len_bytes, body, ..
            } = &staged.entry.content
                && needs(store, body, *len_bytes, lost)
            {
                hurt.push((path, staged));
            }
        }
        for (path, staged) in &hurt {
            let stamp = StampInfo {
                is_trusted: false,
                ..staged.stamp
            };
            staging.put(path, &staged.entry, &stamp)?;
        }
        staging.sync()?;
        Ok(hurt.into_iter().map(|(path, _)| path).collect())
    }

    /// A staging that cannot follow the branch, since what it would have to read is lost, would keep everybody from adding.
    pub(super) fn follow_head(&mut self, store: &Store, lock: &Arc<Lock>) -> Result<()> {
        // Any folder will do: nothing is looked for in it.
        match Session::open_locked(store, &self.folder, lock.clone()) {
            Ok(_) => Ok(()),
            Err(
                error @ (Error::Missing { .. } | Error::BadObject { .. } | Error::Damaged { .. }),
            ) => {
                self.note(format!(
                    "what is staged was made again from the branch ({error})"
                ));
                self.make_staging(store)
            }
            Err(error) => Err(error),
        }
    }

    /// Stores again what is lost and in the work tree.
    pub(super) fn add_again(
        &mut self,
        store: &Store,
        hurt: &[Vec<u8>],
        lock: &Arc<Lock>,
    ) -> Result<()> {
        let Some(work_tree) = &self.options.work_tree else {
            return Ok(());
        };
        if hurt.is_empty() {
            return Ok(());
        }
        let mut session = Session::open_locked(store, work_tree, lock.clone())?;
        let added = session.add(hurt, &AddOptions::default())?;
        self.note(format!(
            "files added again from `{}`: {} of {}",
            show(work_tree),
            hurt.len() - added.failures.len().min(hurt.len()),
            hurt.len()
        ));
        Ok(())
    }
}

/// Whether a file needs any of these objects, or cannot be read to find out.
fn needs(store: &Store, body: &Body, len_bytes: u64, lost: &HashSet<ObjectId>) -> bool {
    let mut is_hurt = false;
    let walked = references_of_body(body, len_bytes, store.objects(), &mut |id, _| {
        is_hurt |= lost.contains(id);
        Ok(!is_hurt)
    });
    is_hurt || walked.is_err()
}

/// Stages what can be read of a commit's tree. Nobody takes these stamps for those of files.
fn stage_commit(store: &Store, commit: CommitId, staging: &mut Staging) -> Result<()> {
    let root = store.refs().commit(commit)?.root;
    let whole = || walk(b"", root, store.objects()).flatten();
    let firsts: HashSet<Vec<u8>> = whole().filter_map(|it| it.child.link_to).collect();
    for Found { path, child } in whole() {
        store.cancel().check()?;
        let first = child.link_to.as_ref().unwrap_or(&path);
        let file = firsts.contains(first).then_some((commit, &first[..]));
        let stamp = StampInfo::unknown(file);
        staging.put(&path, &child.entry, &stamp)?;
    }
    Ok(())
}
