//! Contracts named on the command line.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use tamis_contract::odcs::{self, Reading};
use tamis_engine::source::{ReadOptions, peek};

use crate::{Context, Error, Result, stores};

/// More than the reader takes, so that it sees, and says, that a file is too large.
const READ_BYTES_MAX: u64 = 16 << 20;

/// Reads the contract in `path`, which may be in a store, or on standard input for `-`.
///
/// Its warnings are not printed: they are in the reading.
pub(crate) fn load(path: &Path, context: &Context<'_>) -> Result<Reading> {
    let bytes = match stores::is_meant(path) {
        true => read_stored(path, context)?,
        false => read(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?,
    };
    Ok(odcs::read(&path.display().to_string(), &bytes)?)
}

fn read_stored(path: &Path, context: &Context<'_>) -> Result<Vec<u8>> {
    let options = ReadOptions {
        unpack: false,
        ..ReadOptions::default()
    };
    let source = stores::source(path, options, context.globals, context.cancel)?;
    Ok(peek(source.open()?, READ_BYTES_MAX as usize)?.head)
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
