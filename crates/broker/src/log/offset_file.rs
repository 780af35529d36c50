//! Two offsets of a log that stand in files of their own: where it begins, and up to where it is compacted.
//!
//! ```text
//! start-offset, clean-offset    the offset in digits, a space, the CRC-32C of the digits in eight hexadecimal ones, a newline
//! ```
//!
//! Nobody may guess where a log began: records would be hidden, or come back. Up to where it is compacted may be forgotten.

use std::fs;
use std::io;
use std::path::Path;

use crc_fast::{CrcAlgorithm, checksum};

use crate::disk::{Disk, replace};
use crate::{Error, Result};

/// The file that holds the first offset there is, once records before it were deleted.
const START_FILE: &str = "start-offset";

/// The file that holds the first offset that was not compacted, once something was.
const CLEAN_FILE: &str = "clean-offset";

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
    match fs::read(&path) {
        Ok(bytes) => match parse_offset(&bytes) {
            Some(offset) => Ok(Some(offset)),
            None => Err(Error::Damaged {
                path,
                byte_offset: 0,
                detail: "it should hold an offset and its checksum".to_owned(),
            }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", &path)(error)),
    }
}

/// What a file says that holds an offset. Other digits would hide records, or bring them back, so there is a checksum.
fn offset_line(offset: i64) -> String {
    let digits = offset.to_string();
    let crc = checksum(CrcAlgorithm::Crc32Iscsi, digits.as_bytes()) as u32;
    format!("{digits} {crc:08x}\n")
}

/// Reads it; `None`: it is another one than [`offset_line`] makes.
fn parse_offset(bytes: &[u8]) -> Option<i64> {
    let (digits, _) = std::str::from_utf8(bytes).ok()?.split_once(' ')?;
    let offset = digits.parse().ok()?;
    (offset >= 0 && offset_line(offset).as_bytes() == bytes).then_some(offset)
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
    let line = offset_line(offset);
    replace(disk, &folder.join(START_FILE), line.as_bytes())
}

/// Writes the first offset that was not compacted.
pub(super) fn write_clean(disk: &dyn Disk, folder: &Path, offset: i64) -> Result<()> {
    let line = offset_line(offset);
    replace(disk, &folder.join(CLEAN_FILE), line.as_bytes())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::disk::RealDisk;

    #[test]
    fn no_flipped_bit_is_taken_for_another_offset() {
        let folder = TempDir::new().expect("a folder");
        assert_eq!(read_start(folder.path()).expect("it is not there"), None);
        write_start(&RealDisk, folder.path(), 123).expect("it is written");
        assert_eq!(read_start(folder.path()).expect("it is whole"), Some(123));
        let path = folder.path().join(START_FILE);
        let bytes = fs::read(&path).expect("it is there");
        assert_eq!(bytes, b"123 107b2fb2\n");
        for at in 0..bytes.len() {
            fs::write(&path, &bytes[..at]).expect("it is cut");
            read_start(folder.path()).expect_err("it is cut");
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                fs::write(&path, flipped).expect("it is written");
                read_start(folder.path()).expect_err("it is damaged");
            }
        }
    }
}
