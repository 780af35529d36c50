//! What the data folder says of a topic: `DATA/topics/NAME.json`.
//!
//! Nobody may guess what a damaged one said: too few partitions, and logs that have records would be taken for those of a topic that is about
//! to be deleted. So what cannot be is an error, and nothing is touched.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{PARTITIONS_MAX, Settings};
use crate::batch::{HEADER_BYTES, Header};
use crate::json_file::{self, damaged};
use crate::{Error, Result};

pub(super) const VERSION: u32 = 1;

/// The file of a topic.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TopicFile {
    pub(super) version: u32,
    pub(super) id: Uuid,
    pub(super) partitions: usize,
    pub(super) settings: Settings,
}

impl TopicFile {
    /// Reads it; `None`: it is not there.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Damaged`] if it says what no topic can be.
    pub(super) fn read(path: &Path) -> Result<Option<TopicFile>> {
        let Some(file) = json_file::read::<TopicFile>(path)? else {
            return Ok(None);
        };
        if file.version != VERSION {
            let detail = format!("version {}, and {VERSION} is known", file.version);
            return Err(damaged(path, detail));
        }
        if !(1..=PARTITIONS_MAX).contains(&file.partitions) {
            let count = file.partitions;
            let detail = format!("{count} partitions: 1 to {PARTITIONS_MAX} are possible");
            return Err(damaged(path, detail));
        }
        Ok(Some(file))
    }

    /// Checks that the log of a partition that the file at `path` does not know of was not used: its topic was about to be given it.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Damaged`] if it has records.
    pub(super) fn check_unused(path: &Path, log: &Path) -> Result<()> {
        match has_records(log)? {
            false => Ok(()),
            true => Err(damaged(
                path,
                format!(
                    "it says fewer partitions than there are: `{}` has records (mend the number, or move that folder away)",
                    log.display()
                ),
            )),
        }
    }
}

/// Whether a batch begins where a segment of a log does.
fn has_records(folder: &Path) -> Result<bool> {
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path();
        if path.extension().is_some_and(|it| it == "log") && begins_with_batch(&path)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn begins_with_batch(path: &Path) -> Result<bool> {
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    let mut header = [0; HEADER_BYTES];
    match file.read_exact(&mut header) {
        Ok(()) => Ok(Header::read(&header).is_ok()),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}
