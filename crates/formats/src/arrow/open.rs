//! Opening files of record batches.

use tamis_engine::Error as EngineError;
use tamis_engine::source::Opened;

use super::file::BatchFile;
use super::records::BatchRecords;
use crate::file::RecordFile;
use crate::ipc::{IpcFile, IpcStream};
use crate::parquet::ParquetFile;
use crate::sniff::Format;

/// The records of an opened input; `None` for a format that is not one of Arrow's arrays.
///
/// # Errors
/// When the file is damaged or cannot be read; [`Unsupported`](EngineError::Unsupported) for Parquet that comes as a stream.
pub(crate) fn open(
    format: Format,
    opened: Opened,
) -> tamis_engine::Result<Option<Box<dyn RecordFile>>> {
    let file: Box<dyn BatchFile> = match (format, opened) {
        (Format::Parquet, Opened::Random(access)) => Box::new(ParquetFile::open(access)?),
        (Format::Parquet, Opened::Stream(mut stream)) => {
            let reason = match stream.read(&mut [0])? {
                0 => "it is empty: no Parquet file is",
                _ => {
                    "Parquet is read from its end, so it cannot come from a pipe or be \
                     compressed as a whole: save it to a file, unpacked"
                }
            };
            return Err(EngineError::Unsupported {
                input: stream.name().to_owned(),
                reason: reason.to_owned(),
            });
        }
        (Format::ArrowFile, Opened::Random(access)) => Box::new(IpcFile::open(access)?),
        // What is in front of the footer is a stream.
        (Format::ArrowFile | Format::ArrowStream, opened) => Box::new(IpcStream::open(opened)?),
        _ => return Ok(None),
    };
    Ok(Some(Box::new(BatchRecords::new(file))))
}
