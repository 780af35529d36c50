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
use std::convert::Infallible;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;
use std::thread::JoinHandle;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use arrow_select::concat::concat;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowRowGroupWriterFactory, ArrowWriter, compute_leaves,
};
use parquet::basic::{Compression as Codec, GzipLevel, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use tamis_engine::sink::Sink;

use super::message;
use super::repetition::repeats;
use crate::arrow::cut::Cutter;
use crate::arrow::write::{BatchWriter, Failure, SinkWrite};

/// Rows of a row group: enough that its columns compress well and their metadata weighs nothing, few enough that some are in
/// memory at a time, and that each reader's thread finds one (DuckDB writes 122,880).
pub const ROW_GROUP_ROWS: usize = 128 << 10;

/// Bytes of a row group, in memory: it ends here where rows are long.
const ROW_GROUP_BYTES: usize = 64 << 20;

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

impl fmt::Display for Compression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Compression::None => formatter.write_str("none"),
            Compression::Snappy => formatter.write_str("snappy"),
            Compression::Lz4 => formatter.write_str("lz4"),
            Compression::Zstd(level) => write!(formatter, "zstd:{level}"),
            Compression::Gzip(level) => write!(formatter, "gzip:{level}"),
        }
    }
}

impl FromStr for Compression {
    type Err = String;

    /// `none`, `snappy`, `lz4`, `zstd`, `zstd:3`, `gzip`, `gzip:9`.
    fn from_str(text: &str) -> Result<Compression, String> {
        let (codec, level) = match text.split_once(':') {
            Some((codec, level)) => (codec, Some(level)),
            None => (text, None),
        };
        let level = |default: u32, known: RangeInclusive<u32>| match level {
            None => Ok(default),
            Some(level) => level
                .parse()
                .ok()
                .filter(|level| known.contains(level))
                .ok_or_else(|| {
                    let (first, last) = (known.start(), known.end());
                    format!("`{codec}` has levels from {first} to {last}")
                }),
        };
        match (codec, text == codec) {
            ("none", true) => Ok(Compression::None),
            ("snappy", true) => Ok(Compression::Snappy),
            ("lz4", true) => Ok(Compression::Lz4),
            ("zstd", _) => Ok(Compression::Zstd(level(1, 1..=22)? as i32)),
            ("gzip", _) => Ok(Compression::Gzip(level(6, 0..=9)?)),
            _ => Err("expected none, snappy, lz4, zstd or gzip, the last two perhaps with a level: `zstd:9`".to_owned()),
        }
    }
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
    file: File,
    failed: Failure,
    schema: SchemaRef,
    options: WriterOptions,
    cutter: Cutter,
    /// Row groups under way, in order.
    encoders: VecDeque<JoinHandle<Encoded>>,
    row_groups: usize,
}

/// The file, whose first row group says how columns are best encoded.
enum File {
    Unopened(Box<SinkWrite>),
    Open(
        Box<SerializedFileWriter<SinkWrite>>,
        Arc<ArrowRowGroupWriterFactory>,
    ),
    /// It could not be opened.
    Failed,
}

/// The column chunks of a row group, or what is wrong.
type Encoded = Result<Vec<ArrowColumnChunk>, String>;

impl Writer {
    /// A file with these columns, written into `sink`.
    ///
    /// # Errors
    /// [`Producer`](tamis_engine::Error::Producer) for a type that Parquet does not have. The sink is first written to with the first
    /// row group.
    pub fn new(
        sink: Box<dyn Sink>,
        schema: &SchemaRef,
        options: WriterOptions,
    ) -> tamis_engine::Result<Writer> {
        let name = sink.name().to_owned();
        let (write, failed) = SinkWrite::new(sink);
        let converted = ArrowSchemaConverter::new().convert(schema);
        converted.map_err(|error| failed.error(&name, message(error)))?;
        Ok(Writer {
            name,
            file: File::Unopened(Box::new(write)),
            failed,
            schema: Arc::clone(schema),
            cutter: Cutter::new(options.row_group_rows, ROW_GROUP_BYTES),
            options,
            encoders: VecDeque::new(),
            row_groups: 0,
        })
    }

    /// The open file, and what makes encoders; opens it, if need be, as it suits its `first` rows.
    fn file(
        &mut self,
        first: &[RecordBatch],
    ) -> tamis_engine::Result<(
        &mut SerializedFileWriter<SinkWrite>,
        &Arc<ArrowRowGroupWriterFactory>,
    )> {
        if let File::Unopened(_) = self.file
            && let File::Unopened(write) = std::mem::replace(&mut self.file, File::Failed)
        {
            let opened = properties(&self.options, &self.schema, first).and_then(|properties| {
                ArrowWriter::try_new(*write, Arc::clone(&self.schema), Some(properties))
                    .and_then(ArrowWriter::into_serialized_writer)
                    .map_err(message)
            });
            let (file, factory) = opened.map_err(|error| self.failed.error(&self.name, error))?;
            self.file = File::Open(Box::new(file), Arc::new(factory));
        }
        match &mut self.file {
            File::Open(file, factory) => Ok((file, factory)),
            File::Unopened(_) | File::Failed => {
                unreachable!("who has seen an error does not go on writing")
            }
        }
    }

    /// Sends rows to an encoder, as a row group.
    fn encode(&mut self, batches: Vec<RecordBatch>) -> tamis_engine::Result<()> {
        if batches.is_empty() {
            return Ok(());
        }
        let factory = Arc::clone(self.file(&batches)?.1);
        let schema = Arc::clone(&self.schema);
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
        let (file, _) = self.file(&[])?;
        let appended = encoded.and_then(|chunks| {
            let mut row_group = file.next_row_group().map_err(message)?;
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
        let mut full = Vec::new();
        let cut = self.cutter.push(batch, |group| {
            full.push(group);
            Ok::<(), Infallible>(())
        });
        let Ok(()) = cut;
        full.into_iter().try_for_each(|group| self.encode(group))
    }

    fn finish(mut self: Box<Self>) -> tamis_engine::Result<u64> {
        let left = self.cutter.take();
        self.encode(left)?;
        while !self.encoders.is_empty() {
            self.append_next()?;
        }
        self.file(&[])?;
        let File::Open(file, _) = self.file else {
            unreachable!("it has just been opened")
        };
        let written = file.into_inner().map_err(message);
        let written = written.map_err(|error| self.failed.error(&self.name, error))?;
        written.finish()
    }
}

fn properties(
    options: &WriterOptions,
    schema: &SchemaRef,
    first: &[RecordBatch],
) -> Result<WriterProperties, String> {
    let codec = match options.compression {
        Compression::None => Codec::UNCOMPRESSED,
        Compression::Snappy => Codec::SNAPPY,
        Compression::Lz4 => Codec::LZ4_RAW,
        Compression::Zstd(level) => Codec::ZSTD(ZstdLevel::try_new(level).map_err(message)?),
        Compression::Gzip(level) => Codec::GZIP(GzipLevel::try_new(level).map_err(message)?),
    };
    let mut properties = WriterProperties::builder()
        .set_compression(codec)
        // A row group is small enough to be skipped as a whole: an index of its pages would say little more.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_data_page_row_count_limit(options.row_group_rows)
        .set_created_by(concat!("Tamis ", env!("CARGO_PKG_VERSION")).to_owned());
    for (at, field) in schema.fields().iter().enumerate() {
        if !first.is_empty() && !repeats(&joined(first, at)?) {
            let path = ColumnPath::new(vec![field.name().clone()]);
            properties = properties.set_column_dictionary_enabled(path, false);
        }
    }
    Ok(properties.build())
}

/// A column of several batches.
fn joined(batches: &[RecordBatch], column: usize) -> Result<ArrayRef, String> {
    let arrays = batches.iter().map(|batch| batch.column(column).as_ref());
    concat(&arrays.collect::<Vec<_>>()).map_err(message)
}

/// Encodes the rows of one row group.
fn encode(
    factory: &ArrowRowGroupWriterFactory,
    schema: &SchemaRef,
    batches: &[RecordBatch],
    index: usize,
) -> Encoded {
    let mut writers = factory
        .create_column_writers(index)
        .map_err(message)?
        .into_iter();
    let mut chunks = Vec::new();
    for (at, field) in schema.fields().iter().enumerate() {
        // In one array, since the library ends pages where arrays do: what is written must not depend on batches.
        let column = joined(batches, at)?;
        for leaf in compute_leaves(field, &column).map_err(message)? {
            let mut writer = writers
                .next()
                .ok_or("a batch has other columns than the file")?;
            writer.write(&leaf).map_err(message)?;
            chunks.push(writer.close().map_err(message)?);
        }
    }
    Ok(chunks)
}
