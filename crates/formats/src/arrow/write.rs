//! What writers of record batches have in common, and which there are.

use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, io};

pub use arrow_array::RecordBatch;
pub use arrow_schema::{DataType, SchemaRef};
use tamis_engine::sink::Sink;

use super::region::producer;
use crate::sniff::Format;
use crate::{Error, ipc, parquet};

/// A format of record batches, with how it is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchFormat {
    /// A Parquet file.
    Parquet(parquet::Compression),
    /// An Arrow file or stream.
    Arrow(ipc::Container, ipc::Compression),
}

impl BatchFormat {
    /// The format as it is written when nobody says more; `None` for one that has no record batches.
    pub fn of(format: Format) -> Option<BatchFormat> {
        let arrow = |container| Some(BatchFormat::Arrow(container, ipc::Compression::default()));
        match format {
            Format::Parquet => Some(BatchFormat::Parquet(parquet::Compression::default())),
            Format::ArrowFile => arrow(ipc::Container::File),
            Format::ArrowStream => arrow(ipc::Container::Stream),
            _ => None,
        }
    }

    /// The same, packed otherwise.
    ///
    /// # Errors
    /// [`Error::OtherCodec`].
    pub fn packed(self, codec: parquet::Compression) -> Result<BatchFormat, Error> {
        use parquet::Compression::{Gzip, Lz4, None, Snappy, Zstd};
        let container = match self {
            BatchFormat::Parquet(_) => return Ok(BatchFormat::Parquet(codec)),
            BatchFormat::Arrow(container, _) => container,
        };
        let packed = match codec {
            None => ipc::Compression::None,
            Lz4 => ipc::Compression::Lz4,
            Zstd(1) => ipc::Compression::Zstd,
            Snappy | Zstd(_) | Gzip(_) => {
                return Err(Error::OtherCodec {
                    format: match container {
                        ipc::Container::File => Format::ArrowFile,
                        ipc::Container::Stream => Format::ArrowStream,
                    },
                    codec: codec.to_string(),
                    known: "none, lz4 and zstd without a level",
                });
            }
        };
        Ok(BatchFormat::Arrow(container, packed))
    }

    /// A file of that format with these columns, written into `sink`; up to so many threads encode it.
    ///
    /// # Errors
    /// Those of the sink, and [`Producer`](tamis_engine::Error::Producer) for a type that the format does not have.
    pub fn writer(
        self,
        sink: Box<dyn Sink>,
        schema: &SchemaRef,
        threads: usize,
    ) -> tamis_engine::Result<Box<dyn BatchWriter>> {
        Ok(match self {
            BatchFormat::Parquet(compression) => {
                let options = parquet::WriterOptions {
                    compression,
                    threads,
                    ..parquet::WriterOptions::default()
                };
                Box::new(parquet::Writer::new(sink, schema, options)?)
            }
            BatchFormat::Arrow(container, compression) => {
                Box::new(ipc::Writer::new(sink, schema, container, compression)?)
            }
        })
    }
}

/// Writes record batches of one schema into a file.
pub trait BatchWriter: Send {
    /// Appends the rows of `batch`.
    ///
    /// # Errors
    /// Those of the sink, and [`Producer`](tamis_engine::Error::Producer) for values that the format cannot hold.
    fn write(&mut self, batch: &RecordBatch) -> tamis_engine::Result<()>;

    /// Writes what is left and publishes the file; returns its size in bytes.
    ///
    /// # Errors
    /// As [`write`](BatchWriter::write).
    fn finish(self: Box<Self>) -> tamis_engine::Result<u64>;
}

/// A sink as the libraries' writers want it.
pub(crate) struct SinkWrite {
    sink: Box<dyn Sink>,
    bytes: u64,
    /// Why a write failed, kept past libraries that would make a text of it.
    failed: Failure,
}

/// The first failure of a sink.
#[derive(Clone, Default)]
pub(crate) struct Failure(Arc<Mutex<Option<tamis_engine::Error>>>);

impl Failure {
    /// What stopped the writer of `output`: the sink, or else `error`.
    pub(crate) fn error(&self, output: &str, error: Error) -> tamis_engine::Error {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failed.take().unwrap_or_else(|| producer(output, error))
    }
}

/// What a library says of an output as a whole.
pub(crate) fn at_output(error: impl fmt::Display) -> Error {
    Error::Damaged {
        place: "output".to_owned(),
        message: parquet::message(error),
    }
}

impl SinkWrite {
    pub(crate) fn new(sink: Box<dyn Sink>) -> (SinkWrite, Failure) {
        let failed = Failure::default();
        let write = SinkWrite {
            sink,
            bytes: 0,
            failed: failed.clone(),
        };
        (write, failed)
    }

    /// Publishes what was written, and says how much that is.
    pub(crate) fn finish(self) -> tamis_engine::Result<u64> {
        self.sink.finish()?;
        Ok(self.bytes)
    }
}

impl io::Write for SinkWrite {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sink.write_all(bytes).map_err(|error| {
            let mut failed = self.failed.0.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get_or_insert(error);
            io::Error::other("the output cannot be written")
        })?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
