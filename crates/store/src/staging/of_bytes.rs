//! Asks a log and a table that are in no file whatever can be asked of a staging: for fuzzing.

use std::path::{Path, PathBuf};

use super::image::Image;
use super::{LogRead, Staging, read_all, scan, table_file};
use crate::Result;

/// Reads a staging of these bytes as `status` and `commit` do: paths in order, each of them looked up, what changed, and what would be gone
/// if nothing were there. Returns how many paths are staged.
///
/// # Errors
/// When the log is damaged. A table that does not fit is no error.
pub fn check_staging(log: &[u8], table: &[u8]) -> Result<usize> {
    let staging = of_bytes(log, table)?;
    staging.committed_id()?;
    let mut count = 0;
    for item in staging.sorted()? {
        let (path, staged) = item?;
        // A table may lead to a record that another slot, or none, leads to by its path.
        if staging.find(&path)?.as_ref() == Some(&staged) {
            count += 1;
        }
    }
    staging.changes().try_for_each(|change| change.map(drop))?;
    staging.roll().missing(&[Vec::new()])?;
    Ok(count)
}

fn of_bytes(log: &[u8], table: &[u8]) -> Result<Staging> {
    let log_path = PathBuf::from("a log");
    let mut image = Image::of_memory(log.to_vec());
    let table = table_file::decode(table, table.len() as u64).ok();
    let (
        generation,
        LogRead {
            latest, start, end, ..
        },
    ) = read_all(&image, table, &log_path)?;
    image.cut(end);
    Ok(Staging {
        folder: Path::new("").to_owned(),
        log_path,
        generation,
        image,
        found_bytes: log.len() as u64,
        latest,
        table_covers: if start > scan::HEADER_BYTES { start } else { 0 },
        writer: None,
    })
}
