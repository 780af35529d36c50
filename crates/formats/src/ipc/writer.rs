//! Arrow files and streams.
//!
//! Batches are joined until they are worth a message. They are written as they lie in memory, but for what lies behind their last
//! row ([`tidy`]); with a codec their buffers are packed one by one, on the thread that writes.

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::concat::concat_batches;
use tamis_engine::sink::Sink;

use super::tidy::tidy;
use crate::arrow::cut::Cutter;
use crate::arrow::write::{BatchWriter, Failure, SinkWrite, at_output};

/// Rows of a message (what pyarrow's Feather has).
const BATCH_ROWS: usize = 64 << 10;

/// Bytes of a message: it ends here where rows are long.
const BATCH_BYTES: usize = 64 << 20;

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
    cutter: Cutter,
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
            inner: inner.map_err(|error| failed.error(&name, at_output(error)))?,
            schema: SchemaRef::clone(schema),
            name,
            failed,
            cutter: Cutter::new(BATCH_ROWS, BATCH_BYTES),
        })
    }
}

impl Inner {
    /// Writes rows as one message.
    fn write(&mut self, schema: &SchemaRef, rows: &[RecordBatch]) -> Result<(), ArrowError> {
        if rows.is_empty() {
            return Ok(());
        }
        let batch = concat_batches(schema, rows)?;
        let columns = batch.columns().iter().cloned().map(tidy);
        let columns = columns.collect::<Result<_, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let schema = SchemaRef::clone(schema);
        let batch = RecordBatch::try_new_with_options(schema, columns, &options)?;
        match self {
            Inner::File(writer) => writer.write(&batch),
            Inner::Stream(writer) => writer.write(&batch),
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
        let Writer {
            schema,
            inner,
            cutter,
            ..
        } = self;
        let written = cutter.push(batch, |group| inner.write(schema, &group));
        written.map_err(|error| self.failed.error(&self.name, at_output(error)))
    }

    fn finish(self: Box<Self>) -> tamis_engine::Result<u64> {
        let Writer {
            name,
            schema,
            mut inner,
            failed,
            mut cutter,
        } = *self;
        let written = inner.write(&schema, &cutter.take());
        let written = written.and_then(|()| inner.finish());
        let written = written.map_err(|error| failed.error(&name, at_output(error)))?;
        written.finish()
    }
}
