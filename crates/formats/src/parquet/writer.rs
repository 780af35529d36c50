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
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, IntervalUnit, Schema, SchemaRef};
use arrow_select::concat::concat;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriter, compute_leaves,
};
use parquet::basic::{Compression as Codec, GzipLevel, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use tamis_engine::sink::Sink;

use super::message;
use super::nearest::{nearest, nearest_schema};
use super::options::{Compression, WriterOptions};
use super::repetition::repeats;
use crate::Error;
use crate::arrow::cut::Cutter;
use crate::arrow::write::{BatchWriter, Failure, SinkWrite, at_output};

/// Bytes of a row group, in memory: it ends here where rows are long.
const ROW_GROUP_BYTES: usize = 64 << 20;

/// Writes one file; see the module.
pub struct Writer {
    name: String,
    file: File,
    failed: Failure,
    /// As it is written.
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
type Encoded = Result<Vec<ArrowColumnChunk>, Error>;

impl Writer {
    /// A file with these columns, written into `sink`.
    ///
    /// # Errors
    /// [`Producer`](tamis_engine::Error::Producer) with [`Error::Unwritable`] for a type that Parquet does not have. The sink is first
    /// written to with the first row group.
    pub fn new(
        sink: Box<dyn Sink>,
        schema: &SchemaRef,
        options: WriterOptions,
    ) -> tamis_engine::Result<Writer> {
        let name = sink.name().to_owned();
        let (write, failed) = SinkWrite::new(sink);
        let schema = Arc::new(nearest_schema(schema));
        check(&schema).map_err(|error| failed.error(&name, error))?;
        Ok(Writer {
            name,
            file: File::Unopened(Box::new(write)),
            failed,
            schema,
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
                    .map_err(at_output)
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
            self.failed.error(&self.name, at_output(message))
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
            Err(at_output(text.unwrap_or("a row group cannot be encoded")))
        });
        self.append(encoded)
    }

    fn append(&mut self, encoded: Encoded) -> tamis_engine::Result<()> {
        let (file, _) = self.file(&[])?;
        let appended = encoded.and_then(|chunks| {
            let mut row_group = file.next_row_group().map_err(at_output)?;
            for chunk in chunks {
                let appended = chunk.append_to_row_group(&mut row_group);
                appended.map_err(at_output)?;
            }
            row_group.close().map(drop).map_err(at_output)
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
        let written = file.into_inner().map_err(at_output);
        let written = written.map_err(|error| self.failed.error(&self.name, error))?;
        written.finish()
    }
}

/// Fails with the column that cannot be written: the library says what is wrong, but not with which, and panics at some types.
fn check(schema: &SchemaRef) -> Result<(), Error> {
    let mut fields = schema.fields().iter();
    if let Some(field) = fields.find(|field| !is_known(field.data_type())) {
        return Err(unwritable(field, "Parquet has no such type".to_owned()));
    }
    let can_write = |schema: &SchemaRef| {
        let writer = ArrowWriter::try_new(io::sink(), Arc::clone(schema), None);
        let (_, factory) = writer.and_then(ArrowWriter::into_serialized_writer)?;
        factory.create_column_writers(0).map(drop)
    };
    let Err(error) = can_write(schema) else {
        return Ok(());
    };
    for field in schema.fields() {
        let alone = Arc::new(Schema::new(vec![Arc::clone(field)]));
        can_write(&alone).map_err(|error| unwritable(field, message(error)))?;
    }
    Err(at_output(error))
}

/// Whether the library can write a type, and all in it.
fn is_known(data_type: &DataType) -> bool {
    match data_type {
        DataType::Union(..) | DataType::Interval(IntervalUnit::MonthDayNano) => false,
        DataType::Struct(members) => {
            let mut members = members.iter();
            members.len() > 0 && members.all(|member| is_known(member.data_type()))
        }
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _)
        | DataType::RunEndEncoded(_, item) => is_known(item.data_type()),
        DataType::Dictionary(_, values) => is_known(values),
        _ => true,
    }
}

fn unwritable(field: &Field, message: String) -> Error {
    Error::Unwritable {
        column: field.name().clone(),
        data_type: field.data_type().to_string(),
        message,
    }
}

fn properties(
    options: &WriterOptions,
    schema: &SchemaRef,
    first: &[RecordBatch],
) -> Result<WriterProperties, Error> {
    let codec = match options.compression {
        Compression::None => Codec::UNCOMPRESSED,
        Compression::Snappy => Codec::SNAPPY,
        Compression::Lz4 => Codec::LZ4_RAW,
        Compression::Zstd(level) => Codec::ZSTD(ZstdLevel::try_new(level).map_err(at_output)?),
        Compression::Gzip(level) => Codec::GZIP(GzipLevel::try_new(level).map_err(at_output)?),
    };
    let mut properties = WriterProperties::builder()
        .set_compression(codec)
        // A row group is small enough to be skipped as a whole: an index of its pages would say little more.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_data_page_row_count_limit(options.row_group_rows)
        .set_created_by(concat!("Tamis ", env!("CARGO_PKG_VERSION")).to_owned());
    for (at, field) in schema.fields().iter().enumerate() {
        let is_sampled = !first.is_empty();
        if is_sampled && !repeats(&joined(first, at).map_err(|error| unwritable(field, error))?) {
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
    let writers = factory.create_column_writers(index).map_err(at_output)?;
    let mut writers = writers.into_iter();
    let mut chunks = Vec::with_capacity(writers.len());
    for (at, field) in schema.fields().iter().enumerate() {
        let encoded = encode_column(field, batches, at, &mut writers);
        let given = batches[0].schema_ref().field(at);
        chunks.extend(encoded.map_err(|message| unwritable(given, message))?);
    }
    Ok(chunks)
}

/// Encodes a column of the batches, which is as many in the file as it has leaves.
fn encode_column(
    field: &Field,
    batches: &[RecordBatch],
    at: usize,
    writers: &mut impl Iterator<Item = ArrowColumnWriter>,
) -> Result<Vec<ArrowColumnChunk>, String> {
    // In one array, since the library ends pages where arrays do: what is written must not depend on batches.
    let column = nearest(&joined(batches, at)?, field.data_type())?;
    let leaves = compute_leaves(field, &column).map_err(message)?;
    let chunks = leaves.iter().map(|leaf| {
        let mut writer = writers
            .next()
            .ok_or("a batch has other columns than the file")?;
        writer.write(leaf).map_err(message)?;
        writer.close().map_err(message)
    });
    chunks.collect()
}

#[cfg(test)]
mod tests;
