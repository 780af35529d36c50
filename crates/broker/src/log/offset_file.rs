//! Two offsets of a log that stand in files of their own: where it begins, and up to where it is compacted.
//!
//! Nobody may guess where a log began: records would be hidden, or come back. Up to where it is compacted may be forgotten.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::disk::Disk;
use crate::{Error, Result, json_file};

/// The file that holds the first offset there is, once records before it were deleted.
const START_FILE: &str = "start-offset.json";

/// The file that holds the first offset that was not compacted, once something was.
const CLEAN_FILE: &str = "clean-offset.json";

/// What both hold.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OffsetFile {
    offset: i64,
}

/// The first offset there is; `None`: nothing was deleted.
///
/// # Errors
/// [`Error::Io`]; [`Error::Damaged`].
pub(super) fn read_start(folder: &Path) -> Result<Option<i64>> {
    read_offset(folder, START_FILE)
}

/// The offset that a file of a log holds, if it is there.
fn read_offset(folder: &Path, name: &str) -> Result<Option<i64>> {
    let path = folder.join(name);
    match json_file::read::<OffsetFile>(&path)? {
        Some(OffsetFile { offset }) if offset < 0 => {
            Err(json_file::damaged(&path, format!("{offset} is no offset")))
        }
        found => Ok(found.map(|it| it.offset)),
    }
}

/// The first offset that was not compacted; 0, and so all of them, if nobody knows.
pub(super) fn read_clean(folder: &Path) -> Result<i64> {
    match read_offset(folder, CLEAN_FILE) {
        Err(Error::Damaged { path, .. }) => {
            tracing::warn!(file = %path.display(), "is damaged and not used");
            Ok(0)
        }
        read => Ok(read?.unwrap_or(0)),
    }
}

/// Writes the first offset there is.
pub(super) fn write_start(disk: &dyn Disk, folder: &Path, offset: i64) -> Result<()> {
    json_file::write(disk, &folder.join(START_FILE), &OffsetFile { offset })
}

/// Writes the first offset that was not compacted.
pub(super) fn write_clean(disk: &dyn Disk, folder: &Path, offset: i64) -> Result<()> {
    json_file::write(disk, &folder.join(CLEAN_FILE), &OffsetFile { offset })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::disk::RealDisk;

    #[test]
    fn damage_is_no_other_offset() {
        let folder = TempDir::new().expect("a folder");
        assert_eq!(read_start(folder.path()).expect("it is not there"), None);
        assert_eq!(read_clean(folder.path()).expect("it is not there"), 0);
        for offset in [123, -1] {
            write_start(&RealDisk, folder.path(), offset).expect("it is written");
            write_clean(&RealDisk, folder.path(), offset).expect("it is written");
            match offset {
                0.. => assert_eq!(
                    read_start(folder.path()).expect("it is whole"),
                    Some(offset)
                ),
                _ => assert!(read_start(folder.path()).is_err()),
            }
            // Nobody has to know it.
            let clean = read_clean(folder.path()).expect("it may be missing");
            assert_eq!(clean, offset.max(0));
        }
    }
}
