//! Rows in columns: what outputs in Parquet and Arrow are made of.

use std::sync::Arc;

use tamis_engine::sink::Sink;
use tamis_formats::arrow::gather::{passed_as, stored_as};
use tamis_formats::arrow::row::RowCodec;
use tamis_formats::arrow::write::{BatchWriter, SchemaRef};
use tamis_formats::file::RecordFile;
use tamis_formats::sniff::Format;
use tamis_formats::vector::Type;

use crate::{Error, Result};

pub use tamis_formats::arrow::write::BatchFormat;

/// The format of columns that goes by this name, packed with `codec` (`none`, `snappy`, `lz4`, `zstd:3`, `gzip`) or as it
/// usually is; `None` for a format without columns, or one that this build cannot write.
///
/// # Errors
/// What is wrong with the codec.
pub fn batch_format(
    format: Format,
    codec: Option<&str>,
) -> std::result::Result<Option<BatchFormat>, String> {
    let Some(found) = BatchFormat::of(format) else {
        return Ok(None);
    };
    match codec {
        None => Ok(Some(found)),
        Some(codec) => match found.packed(codec.parse()?) {
            Ok(packed) => Ok(Some(packed)),
            Err(error) => Err(error.to_string()),
        },
    }
}

pub(crate) use tamis_formats::arrow::gather::{From, Gatherer};
/// How a file stores a column.
pub(crate) use tamis_formats::arrow::write::DataType as Stored;
/// Some rows in columns.
pub(crate) use tamis_formats::arrow::write::RecordBatch as Batch;

/// How a file stores its columns, if it is made of arrays.
pub(crate) fn stored(file: &dyn RecordFile) -> Vec<Stored> {
    file.data_types()
}

/// Whether a file is made of arrays.
pub(crate) fn has_arrays(file: &dyn RecordFile) -> bool {
    file.batches().is_some()
}

/// The columns of an output.
#[derive(Debug)]
pub(crate) struct Target {
    format: BatchFormat,
    columns: Vec<(String, Type, Stored)>,
    /// Makes bytes of rows, for those who move them one by one.
    codec: Option<Arc<RowCodec>>,
}

impl Target {
    /// Columns with these names, no two of them alike, and types, and with how they are stored where they come from.
    pub(crate) fn new<'c>(
        format: BatchFormat,
        columns: impl Iterator<Item = (&'c String, Type, Option<&'c Stored>)>,
    ) -> Target {
        let columns = columns.map(|(name, ty, stored)| {
            let stored = stored.map_or_else(|| stored_as(ty), passed_as);
            (name.clone(), ty, stored)
        });
        Target {
            format,
            columns: columns.collect(),
            codec: None,
        }
    }

    /// Has rows moved one by one, as bytes.
    pub(crate) fn move_rows(&mut self) -> Result<()> {
        let codec = RowCodec::new(self.gatherer().schema());
        let codec = codec.map_err(|source| Error::Unwritable { source })?;
        self.codec = Some(Arc::new(codec));
        Ok(())
    }

    /// Collects rows.
    pub(crate) fn gatherer(&self) -> Gatherer {
        Gatherer::new(self.columns.iter().cloned())
    }

    /// Appends the rows of batches to `bytes`, and where each ends to `ends`, if rows are moved one by one.
    pub(crate) fn encode(
        &self,
        gatherer: &mut Gatherer,
        bytes: &mut Vec<u8>,
        ends: &mut Vec<usize>,
    ) -> std::result::Result<(), tamis_formats::Error> {
        let Some(codec) = &self.codec else {
            return Ok(());
        };
        let batches = gatherer.finish()?;
        batches
            .iter()
            .try_for_each(|batch| codec.encode(batch, bytes, ends))
    }

    /// An output into `sink`, encoded by that many threads.
    pub(crate) fn open(&self, sink: Box<dyn Sink>, threads: usize) -> Output {
        Output {
            format: self.format,
            schema: self.gatherer().schema().clone(),
            codec: self.codec.clone(),
            threads,
            name: sink.name().to_owned(),
            state: State::Unwritten(sink),
        }
    }
}

/// An output under way. Nothing is written before the first row or the end, so that a run that fails early has written nothing.
pub(crate) struct Output {
    format: BatchFormat,
    schema: SchemaRef,
    codec: Option<Arc<RowCodec>>,
    threads: usize,
    name: String,
    state: State,
}

enum State {
    Unwritten(Box<dyn Sink>),
    Open(Box<dyn BatchWriter>),
    /// It could not be begun.
    Failed,
}

impl Output {
    fn writer(&mut self) -> tamis_engine::Result<&mut dyn BatchWriter> {
        if let State::Unwritten(_) = self.state
            && let State::Unwritten(sink) = std::mem::replace(&mut self.state, State::Failed)
        {
            let writer = self.format.writer(sink, &self.schema, self.threads)?;
            self.state = State::Open(writer);
        }
        match &mut self.state {
            State::Open(writer) => Ok(writer.as_mut()),
            State::Unwritten(_) | State::Failed => {
                unreachable!("who has seen an error does not go on writing")
            }
        }
    }

    /// Writes the first `rows_max` rows of the batches.
    pub(crate) fn write(&mut self, batches: &[Batch], rows_max: u64) -> tamis_engine::Result<()> {
        let mut left = rows_max;
        for batch in batches {
            let rows = left.min(batch.num_rows() as u64);
            if rows > 0 {
                self.writer()?.write(&batch.slice(0, rows as usize))?;
            }
            left -= rows;
        }
        Ok(())
    }

    /// Writes rows that were moved one by one.
    pub(crate) fn write_rows<'r>(
        &mut self,
        rows: impl IntoIterator<Item = &'r [u8]>,
    ) -> tamis_engine::Result<()> {
        let codec = self.codec.as_ref();
        let codec = codec.expect("it is known that rows are moved one by one");
        let batch = codec.decode(rows);
        let batch = batch.map_err(|source| tamis_engine::Error::Producer {
            input: self.name.clone(),
            source: Box::new(source),
        })?;
        self.writer()?.write(&batch)
    }

    /// Publishes the output.
    pub(crate) fn finish(mut self) -> tamis_engine::Result<()> {
        self.writer()?;
        match self.state {
            State::Open(writer) => writer.finish().map(drop),
            State::Unwritten(_) | State::Failed => Ok(()),
        }
    }
}
