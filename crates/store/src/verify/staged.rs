//! The staging: that its log is whole, and that what it refers to is there.

use tamis_engine::names::show_bytes;

use super::Report;
use super::trees::Trees;
use crate::Result;
use crate::entry::{Content, Entry};
use crate::id::ObjectId;
use crate::staging::{Staging, findings};
use crate::store::Store;

/// Opens the staging; none if it is damaged, which is then a problem.
pub(super) fn open(store: &Store, report: &mut Report) -> Option<Staging> {
    let folder = store.staging_folder();
    let log = folder.join("log");
    let findings = match findings(&folder) {
        Ok(findings) => findings,
        Err(error) => {
            report.take(&log, error);
            return None;
        }
    };
    if let Some(detail) = findings.table {
        let detail = format!("{detail}; the next `add` or `commit` makes it again");
        report.problem(&folder.join("table"), detail);
    }
    if let Some(note) = findings.tail {
        report.note(note);
    }
    if let Some(detail) = findings.log {
        report.problem(&log, detail);
        return None;
    }
    match Staging::open(&folder) {
        Ok(staging) => Some(staging),
        Err(error) => {
            report.take(&log, error);
            None
        }
    }
}

/// Whether an entry is staged by now as it was. It costs reading the table again, but is asked only where something is missing.
fn is_still_staged(store: &Store, path: &[u8], entry: &Entry) -> bool {
    let found = Staging::open(&store.staging_folder()).and_then(|it| it.find(path));
    // Who cannot tell takes it for staged.
    found.map_or(true, |found| found.is_some_and(|it| it.entry == *entry))
}

/// Checks that all chunks of what is staged are in the index, or will be.
pub(super) fn check(store: &Store, staging: &Staging, trees: &mut Trees<'_, '_>) -> Result<()> {
    let log = store.staging_folder().join("log");
    let sorted = match staging.sorted() {
        Ok(sorted) => sorted,
        Err(error) => {
            trees.report().take(&log, error);
            return Ok(());
        }
    };
    for item in sorted {
        match item {
            Err(error) => {
                trees.report().take(&log, error);
            }
            Ok((path, staged)) => {
                if let Content::File {
                    len_bytes, body, ..
                } = &staged.entry.content
                {
                    let what = format!("what is staged at `{}`", show_bytes(&path));
                    let excuse = |_: &ObjectId| !is_still_staged(store, &path, &staged.entry);
                    trees.check_body(&what, (body, *len_bytes), &excuse)?;
                }
            }
        }
    }
    match staging.committed_id() {
        Ok(_) => Ok(()),
        Err(error) => {
            trees.report().take(&log, error);
            Ok(())
        }
    }
}
