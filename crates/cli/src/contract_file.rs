//! Contracts named on the command line.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use tamis_contract::odcs::{self, Reading};

use crate::{Error, Result};

/// More than the reader takes, so that it sees, and says, that a file is too large.
const READ_BYTES_MAX: u64 = 16 << 20;

/// Reads the contract in `path`, or on standard input for `-`.
///
/// Its warnings are not printed: they are in the reading.
pub(crate) fn load(path: &Path) -> Result<Reading> {
    let bytes = read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(odcs::read(&path.display().to_string(), &bytes)?)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match path.as_os_str() == "-" {
        true => io::stdin()
            .lock()
            .take(READ_BYTES_MAX)
            .read_to_end(&mut bytes)?,
        false => File::open(path)?
            .take(READ_BYTES_MAX)
            .read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}
