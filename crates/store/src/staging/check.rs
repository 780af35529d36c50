//! Holds a whole staging area against itself, for `verify` and `repair`.
//!
//! Whoever works with the staging trusts the table, and reads of the log what it needs. Here every record is read from front to back, where
//! it lies: the log is mapped and not copied, as everywhere.
//!
//! What is behind the last whole record may be what a kill or a power cut has left, or what somebody is writing at this moment.
//! It cannot be told from damage there, and costs nothing but what was never promised: a finding of its own, and no damage. Behind
//! every batch that was promised stands a checkpoint ([`scan`]), so nothing else can hide there.

use std::fmt;
use std::path::Path;

use super::latest::Latest;
use super::{Staging, log_path, scan, table_file, table_path};
use crate::codec::Flaw;
use crate::{Error, Result};

/// What is wrong with a staging area.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Why the log cannot be relied on.
    pub(crate) log: Option<String>,
    /// Why the table is of no use. It can be made again of the log.
    pub(crate) table: Option<String>,
    /// What is behind the last whole record of the log.
    pub(crate) tail: Option<String>,
}

/// Looks at all of the staging area in `folder`.
///
/// # Errors
/// [`Error::Io`] if it cannot be read; [`Error::Version`].
pub(crate) fn findings(folder: &Path) -> Result<Findings> {
    // Before the log: a writer may add to both meanwhile, and then a table of before fits a log of after.
    let table = table_file::read(&table_path(folder));
    let mut findings = Findings::default();
    let staging = match Staging::open(folder) {
        Ok(staging) => staging,
        Err(Error::Damaged {
            byte_offset,
            detail,
            ..
        }) => {
            findings.log = Some(format!("byte {byte_offset}: {detail}"));
            return Ok(findings);
        }
        Err(error) => return Err(error),
    };
    // One of the log before this one is none, which nobody looks at.
    findings.table = table.err().map(told);
    findings.log = staging.contradiction();
    let tail_bytes = staging.found_bytes - staging.len_bytes();
    if findings.log.is_none() && tail_bytes > 0 {
        findings.tail = Some(format!(
            "{}: byte {}: {tail_bytes} bytes are no whole record: a command is writing them, or was killed while it did, or they are \
             damaged; what is before them counts",
            log_path(folder).display(),
            staging.len_bytes()
        ));
    }
    Ok(findings)
}

fn told(flaw: Flaw) -> String {
    format!("byte {}: {}", flaw.byte_offset, flaw.detail)
}

impl Staging {
    /// Where the last whole record ends.
    fn len_bytes(&self) -> u64 {
        self.image.len_bytes()
    }

    /// What is wrong with the log, or with what is known of it.
    fn contradiction(&self) -> Option<String> {
        let read = self.image.view(|view| {
            scan::check(view, self.generation, self.table_covers)
                .map(|(_, end, latest)| (end, latest))
        });
        let (end, latest) = match read {
            Ok(read) => read,
            Err(flaw) => return Some(told(flaw)),
        };
        if end != self.len_bytes() {
            return Some(format!(
                "byte {end}: a record is damaged that was whole when the table was written"
            ));
        }
        let is_known = known(&latest) == known(&self.latest);
        (!is_known).then(|| "the table says something else than the log".to_owned())
    }
}

/// What must be the same in any table of a log, whatever the order of its slots.
fn known(latest: &Latest) -> impl PartialEq + fmt::Debug {
    let mut offsets: Vec<u64> = latest.table.offsets().collect();
    offsets.sort_unstable();
    (latest.live_count, latest.live_bytes, latest.mark, offsets)
}
