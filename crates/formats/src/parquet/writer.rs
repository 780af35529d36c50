//! Parquet files, row groups encoded in parallel.
//!
//! ```text
//! batches ─ cut at row groups ─► encoders, one row group each ─ in order ─► file
//! ```
//!
//! Encoding and compressing is nearly all of the work, and a row group knows nothing of the others; so each goes to a thread
//! of its own, and the thread that writes appends what comes back, in order. No more row groups are under way than
//! there are threads: that bounds the memory, together with the rows of a row group.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowRowGroupWriterFactory, ArrowWriter, compute_leaves,
};
use parquet::basic::{Compression as Codec, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use tamis_engine::sink::Sink;

use super::message;
use crate::arrow::write::{BatchWriter, Failure, SinkWrite};

/// Rows of a row group: enough that its columns compress well and their metadata weighs nothing, few enough that some are in
/// memory at a time, and that each reader's thread finds one (DuckDB writes 122,880).
pub const ROW_GROUP_ROWS: usize = 128 << 10;

/// How pages are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// Snappy: what most files have; quick, and large.
    Snappy,
    /// LZ4 blocks.
    Lz4,
    /// Zstandard with a level from 1 to 22.
    Zstd(i32),
    /// Deflate with a level from 0 to 9: slow; for readers that know nothing else.
    Gzip(u32),
}

impl Default for Compression {
    /// Zstandard of level 1: about as quick as snappy and a third smaller.
    fn default() -> Compression {
        Compression::Zstd(1)
    }
}

/// How a file is written.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// How pages are packed.
    pub compression: Compression,
    /// Rows of a row group, at least 1.
    pub row_group_rows: usize,
    /// Threads that encode; with one, whoever writes encodes.
    pub threads: usize,
}

impl Default for WriterOptions {
    fn default() -> WriterOptions {
        WriterOptions {
            compression: Compression::default(),
            row_group_rows: ROW_GROUP_ROWS,
            threads: 1,
        }
    }
}

/// Writes one file; see the module.
pub struct Writer {
    name: String,
    file: SerializedFileWriter<SinkWrite>,
    failed: Failure,
    factory: Arc<ArrowRowGroupWriterFactory>,
    schema: SchemaRef,
    options: WriterOptions,
    /// Rows of the row group that is being filled.
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    /// Row groups under way, in order.
    encoders: VecDeque<JoinHandle<Encoded>>,
    row_groups: usize,
}

/// The column chunks of a row group, or what is wrong.
type Encoded = Result<Vec<ArrowColumnChunk>, String>;

impl Writer {
    /// A file with these columns, written into `sink`.
    ///
    /// # Errors
    /// [`Producer`](tamis_engine::Error::Producer) for a type that Parquet does not have; those of the sink.
    pub fn new(
        sink: Box<dyn Sink>,
        schema: &SchemaRef,
        options: WriterOptions,
    ) -> tamis_engine::Result<Writer> {
        let name = sink.name().to_owned();
        let (write, failed) = SinkWrite::new(sink);
        let properties = properties(&options).map_err(|error| failed.error(&name, error))?;
        let opened = ArrowWriter::try_new(write, Arc::clone(schema), Some(properties))
            .and_then(ArrowWriter::into_serialized_writer);
        let (file, factory) = opened.map_err(|error| failed.error(&name, message(error)))?;
        Ok(Writer {
            name,
            file,
            failed,
            factory: Arc::new(factory),
            schema: Arc::clone(schema),
            options,
            pending: Vec::new(),
            pending_rows: 0,
            encoders: VecDeque::new(),
            row_groups: 0,
        })
    }

    /// Sends the rows that are there to an encoder, as a row group.
    fn end_row_group(&mut self) -> tamis_engine::Result<()> {
        let batches = std::mem::take(&mut self.pending);
        self.pending_rows = 0;
        if batches.is_empty() {
            return Ok(());
        }
        let (factory, schema) = (Arc::clone(&self.factory), Arc::clone(&self.schema));
        let index = self.row_groups;
        self.row_groups += 1;
        let encode = move || encode(&factory, &schema, &batches, index);
        if self.options.threads <= 1 {
            return self.append(encode());
        }
        if self.encoders.len() >= self.options.threads {
            self.append_next()?;
        }
        let encoder = std::thread::Builder::new().spawn(encode);
        let encoder = encoder.map_err(|error| {
            let message = format!("no thread can be started: {error}");
            self.failed.error(&self.name, message)
        })?;
        self.encoders.push_back(encoder);
        Ok(())
    }

    /// Waits for the first of the row groups under way, and appends it.
    fn append_next(&mut self) -> tamis_engine::Result<()> {
        let Some(encoder) = self.encoders.pop_front() else {
            return Ok(());
        };
        let encoded = encoder.join().unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            Err(text.unwrap_or("a row group cannot be encoded").to_owned())
        });
        self.append(encoded)
    }

    fn append(&mut self, encoded: Encoded) -> tamis_engine::Result<()> {
        let appended = encoded.and_then(|chunks| {
            let mut row_group = self.file.next_row_group().map_err(message)?;
            for chunk in chunks {
                chunk.append_to_row_group(&mut row_group).map_err(message)?;
            }
            row_group.close().map(drop).map_err(message)
        });
        appended.map_err(|error| self.failed.error(&self.name, error))
    }
}

impl BatchWriter for Writer {
    fn write(&mut self, batch: &RecordBatch) -> tamis_engine::Result<()> {
        let mut first = 0;
        while first < batch.num_rows() {
            let room = self.options.row_group_rows.max(1) - self.pending_rows;
            let rows = room.min(batch.num_rows() - first);
            self.pending.push(batch.slice(first, rows));
            self.pending_rows += rows;
            first += rows;
            if rows == room {
                self.end_row_group()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> tamis_engine::Result<u64> {
        self.end_row_group()?;
        while !self.encoders.is_empty() {
            self.append_next()?;
        }
        let written = self.file.into_inner().map_err(message);
        let written = written.map_err(|error| self.failed.error(&self.name, error))?;
        written.finish()
    }
}

fn properties(options: &WriterOptions) -> Result<WriterProperties, String> {
    let codec = match options.compression {
        Compression::None => Codec::UNCOMPRESSED,
        Compression::Snappy => Codec::SNAPPY,
        Compression::Lz4 => Codec::LZ4_RAW,
        Compression::Zstd(level) => Codec::ZSTD(ZstdLevel::try_new(level).map_err(message)?),
        Compression::Gzip(level) => Codec::GZIP(GzipLevel::try_new(level).map_err(message)?),
    };
    Ok(WriterProperties::builder()
        .set_compression(codec)
        .set_created_by(concat!("Tamis ", env!("CARGO_PKG_VERSION")).to_owned())
        .build())
}

/// Encodes the rows of one row group.
fn encode(
    factory: &ArrowRowGroupWriterFactory,
    schema: &SchemaRef,
    batches: &[RecordBatch],
    index: usize,
) -> Encoded {
    let mut writers = factory.create_column_writers(index).map_err(message)?;
    for batch in batches {
        let mut writers = writers.iter_mut();
        for (field, column) in schema.fields().iter().zip(batch.columns()) {
            for leaf in compute_leaves(field, column).map_err(message)? {
                let writer = writers
                    .next()
                    .ok_or("a batch has other columns than the file")?;
                writer.write(&leaf).map_err(message)?;
            }
        }
    }
    let chunks = writers.into_iter().map(|writer| writer.close());
    chunks.collect::<Result<_, _>>().map_err(message)
}
