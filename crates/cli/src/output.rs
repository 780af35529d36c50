//! Where output goes: a name from the command line to a sink.

use std::path::Path;

use tamis_engine::sink::{FileSink, Sink, StdoutSink};

use crate::Result;

/// The sink for `path`: standard output for `-`, else a file that appears when it is finished.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Sink>> {
    if is_stdout(path) {
        Ok(Box::new(StdoutSink::new()?))
    } else {
        Ok(FileSink::create(path)?)
    }
}

/// Writes a whole file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut sink = open(path)?;
    sink.write_all(bytes)?;
    Ok(sink.finish()?)
}

/// Whether `path` is the name of standard output.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}
