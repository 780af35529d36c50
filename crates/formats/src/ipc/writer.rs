//! Arrow files and streams.
//!
//! Batches are joined until they are worth a message. They are written as they lie in memory; with a codec their
//! buffers are packed one by one, on the thread that writes.

use arrow_array::RecordBatch;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::concat::concat_batches;
use tamis_engine::sink::Sink;

use crate::arrow::write::{BatchWriter, Failure, SinkWrite};
use crate::parquet::message;

/// Rows of a message (what pyarrow's Feather has).
const BATCH_ROWS: usize = 64 << 10;

/// What messages are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// With a footer at the end: readable from any place.
    File,
    /// One after the other, for pipes.
    Stream,
}

/// How buffers are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all: readers map the file and decode nothing.
    #[default]
    None,
    /// LZ4 frames.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// Writes one file or stream; see the module.
pub struct Writer {
    name: String,
    schema: SchemaRef,
    inner: Inner,
    failed: Failure,
    pending: Vec<RecordBatch>,
    pending_rows: usize,
}

enum Inner {
    File(FileWriter<SinkWrite>),
    Stream(StreamWriter<SinkWrite>),
}

impl Writer {
    /// A file or stream with these columns, written into `sink`.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn new(
        sink: Box<dyn Sink>,
        schema: &SchemaRef,
        container: Container,
        compression: Compression,
    ) -> tamis_engine::Result<Writer> {
        let name = sink.name().to_owned();
        let (write, failed) = SinkWrite::new(sink);
        let codec = match compression {
            Compression::None => None,
            Compression::Lz4 => Some(CompressionType::LZ4_FRAME),
            Compression::Zstd => Some(CompressionType::ZSTD),
        };
        let options = IpcWriteOptions::default().try_with_compression(codec);
        let inner = options.and_then(|options| match container {
            Container::File => {
                FileWriter::try_new_with_options(write, schema, options).map(Inner::File)
            }
            Container::Stream => {
                StreamWriter::try_new_with_options(write, schema, options).map(Inner::Stream)
            }
        });
        Ok(Writer {
            inner: inner.map_err(|error| failed.error(&name, message(error)))?,
            schema: SchemaRef::clone(schema),
            name,
            failed,
            pending: Vec::new(),
            pending_rows: 0,
        })
    }

    fn write_pending(&mut self) -> tamis_engine::Result<()> {
        let batches = std::mem::take(&mut self.pending);
        self.pending_rows = 0;
        let written = match batches.as_slice() {
            [] => Ok(()),
            [batch] => self.inner.write(batch),
            batches => {
                concat_batches(&self.schema, batches).and_then(|batch| self.inner.write(&batch))
            }
        };
        written.map_err(|error| self.failed.error(&self.name, message(error)))
    }
}

impl Inner {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        match self {
            Inner::File(writer) => writer.write(batch),
            Inner::Stream(writer) => writer.write(batch),
        }
    }

    fn finish(self) -> Result<SinkWrite, ArrowError> {
        match self {
            Inner::File(writer) => writer.into_inner(),
            Inner::Stream(writer) => writer.into_inner(),
        }
    }
}

impl BatchWriter for Writer {
    fn write(&mut self, batch: &RecordBatch) -> tamis_engine::Result<()> {
        if batch.num_rows() > 0 {
            self.pending_rows += batch.num_rows();
            self.pending.push(batch.clone());
        }
        match self.pending_rows >= BATCH_ROWS {
            true => self.write_pending(),
            false => Ok(()),
        }
    }

    fn finish(mut self: Box<Self>) -> tamis_engine::Result<u64> {
        self.write_pending()?;
        let written = self.inner.finish();
        let written = written.map_err(|error| self.failed.error(&self.name, message(error)))?;
        written.finish()
    }
}
