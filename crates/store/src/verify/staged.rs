//! The staging: that its log is whole, and that what it refers to is there.

use super::Report;
use super::trees::Trees;
use crate::Result;
use crate::entry::Content;
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

/// Checks that all chunks of what is staged are in the index.
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
                    let what = format!("what is staged at {}", path.escape_ascii());
                    trees.check_body(&what, body, *len_bytes)?;
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
