//! Parquet files, row groups encoded in parallel.
//!
//! ```text
//! batches ─ cut at row groups ─► encoders, one row group each ─ in order ─► file
//! ```
//!
//! Encoding and compressing is nearly all of the work, and a row group knows nothing of the others; so each goes to a thread
//! of its own, and the thread that writes appends what comes back, in order. No more row groups are under way than
//! there are threads: that bounds the memory, together with the rows of a row group.
//! A column of a row group has its encoder while it is encoded and no longer: they take some 20 kB each, and tables may have
//! ten thousand columns.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, FieldRef, IntervalUnit, Schema, SchemaRef};
use arrow_select::concat::concat;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowWriter, ArrowWriterOptions, compute_leaves,
};
use parquet::basic::{Compression as Codec, GzipLevel, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
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
}

/// The file, whose first row group says which columns are written with a dictionary.
enum File {
    Unopened(Box<SinkWrite>),
    Open(Box<SerializedFileWriter<SinkWrite>>, Arc<Vec<bool>>),
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
        })
    }

    /// The open file, and which columns have a dictionary; opens it, if need be, as it suits its `first` rows.
    fn file(
        &mut self,
        first: &[RecordBatch],
    ) -> tamis_engine::Result<(&mut SerializedFileWriter<SinkWrite>, &Arc<Vec<bool>>)> {
        if let File::Unopened(_) = self.file
            && let File::Unopened(write) = std::mem::replace(&mut self.file, File::Failed)
        {
            let opened = dictionaries(&self.schema, first).and_then(|dictionaries| {
                let properties = properties(&self.options)?.build();
                ArrowWriter::try_new(*write, Arc::clone(&self.schema), Some(properties))
                    .and_then(ArrowWriter::into_serialized_writer)
                    .map(|(file, _)| File::Open(Box::new(file), Arc::new(dictionaries)))
                    .map_err(at_output)
            });
            self.file = opened.map_err(|error| self.failed.error(&self.name, error))?;
        }
        match &mut self.file {
            File::Open(file, dictionaries) => Ok((file, dictionaries)),
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
        let dictionaries = Arc::clone(self.file(&batches)?.1);
        let (schema, options) = (Arc::clone(&self.schema), self.options.clone());
        let encode = move || encode(&schema, &options, &dictionaries, &batches);
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
    schema.fields().iter().try_for_each(|field| {
        let encoders = encoders(field, WriterProperties::default());
        encoders
            .map_err(|error| unwritable(field, message(error)))
            .map(drop)
    })
}

/// What encodes a column, one for each of its leaves.
fn encoders(
    field: &FieldRef,
    properties: WriterProperties,
) -> Result<Vec<ArrowColumnWriter>, ParquetError> {
    let alone = Arc::new(Schema::new(vec![Arc::clone(field)]));
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(true);
    let writer = ArrowWriter::try_new_with_options(io::sink(), alone, options);
    let (_, factory) = writer.and_then(ArrowWriter::into_serialized_writer)?;
    factory.create_column_writers(0)
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

fn properties(options: &WriterOptions) -> Result<WriterPropertiesBuilder, Error> {
    let codec = match options.compression {
        Compression::None => Codec::UNCOMPRESSED,
        Compression::Snappy => Codec::SNAPPY,
        Compression::Lz4 => Codec::LZ4_RAW,
        Compression::Zstd(level) => Codec::ZSTD(ZstdLevel::try_new(level).map_err(at_output)?),
        Compression::Gzip(level) => Codec::GZIP(GzipLevel::try_new(level).map_err(at_output)?),
    };
    Ok(WriterProperties::builder()
        .set_compression(codec)
        // A row group is small enough to be skipped as a whole: an index of its pages would say little more.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_data_page_row_count_limit(options.row_group_rows)
        .set_created_by(concat!("Tamis ", env!("CARGO_PKG_VERSION")).to_owned()))
}

/// Which columns are written with a dictionary, as it suits these rows.
fn dictionaries(schema: &SchemaRef, first: &[RecordBatch]) -> Result<Vec<bool>, Error> {
    let fields = schema.fields().iter().enumerate();
    let dictionaries = fields.map(|(at, field)| {
        let is_sampled = !first.is_empty();
        let column = || joined(first, at).map_err(|error| unwritable(field, error));
        Ok(!is_sampled || repeats(&column()?))
    });
    dictionaries.collect()
}

/// A column of several batches.
fn joined(batches: &[RecordBatch], column: usize) -> Result<ArrayRef, String> {
    let arrays = batches.iter().map(|batch| batch.column(column).as_ref());
    concat(&arrays.collect::<Vec<_>>()).map_err(message)
}

/// Encodes the rows of one row group.
fn encode(
    schema: &SchemaRef,
    options: &WriterOptions,
    dictionaries: &[bool],
    batches: &[RecordBatch],
) -> Encoded {
    let mut chunks = Vec::with_capacity(dictionaries.len());
    let columns = schema.fields().iter().zip(dictionaries).enumerate();
    for (at, (field, &has_dictionary)) in columns {
        let properties = properties(options)?.set_dictionary_enabled(has_dictionary);
        let encoded = encode_column(field, properties.build(), batches, at);
        let given = batches[0].schema_ref().field(at);
        chunks.extend(encoded.map_err(|message| unwritable(given, message))?);
    }
    Ok(chunks)
}

/// Encodes a column of the batches, which is as many in the file as it has leaves.
fn encode_column(
    field: &FieldRef,
    properties: WriterProperties,
    batches: &[RecordBatch],
    at: usize,
) -> Result<Vec<ArrowColumnChunk>, String> {
    // In one array, since the library ends pages where arrays do: what is written must not depend on batches.
    let column = nearest(&joined(batches, at)?, field.data_type())?;
    let leaves = compute_leaves(field, &column).map_err(message)?;
    let encoders = encoders(field, properties).map_err(message)?;
    let chunks = encoders
        .into_iter()
        .zip(&leaves)
        .map(|(mut encoder, leaf)| {
            encoder.write(leaf).map_err(message)?;
            encoder.close().map_err(message)
        });
    chunks.collect()
}

#[cfg(test)]
mod tests;
