//! Files of columns with types: Parquet and Arrow.

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema as ArrowSchema, SchemaRef, TimeUnit};
use std::sync::Arc;
use tamis_engine::sink::Sink;
use tamis_formats::arrow::build::{BatchBuilder, data_type};
use tamis_formats::arrow::write::{BatchFormat, BatchWriter};
use tamis_formats::sniff::Format;
use tamis_formats::vector::Vector;

use super::translation::Column;

/// Such files can be written.
pub(super) const ARE_BUILT_IN: bool = true;

/// Some rows.
pub(crate) type Rows = RecordBatch;

/// Writes such a file.
pub(super) type Writer = Box<dyn BatchWriter>;

/// The columns of a file of this format.
#[derive(Clone, Copy, Debug)]
pub(super) enum Schema<'c> {
    /// With the contract's types, or those of messages.
    Typed(Format, &'c [Column]),
    /// Those of arrays, as they are.
    Arrow(Format, &'c SchemaRef),
}

/// Begins a file.
pub(super) fn open(
    sink: Box<dyn Sink>,
    schema: Schema<'_>,
    threads: usize,
) -> tamis_engine::Result<Writer> {
    let (format, schema) = match schema {
        Schema::Typed(format, columns) => (format, typed(columns)),
        Schema::Arrow(format, schema) => (format, Arc::clone(schema)),
    };
    let written_as = BatchFormat::of(format).ok_or_else(|| tamis_engine::Error::Unsupported {
        input: sink.name().to_owned(),
        reason: format!("rows of columns cannot be written as {format}"),
    })?;
    written_as.writer(sink, &schema, threads)
}

pub(super) fn write(writer: &mut Writer, rows: &Rows) -> tamis_engine::Result<()> {
    writer.write(rows)
}

pub(super) fn finish(writer: Writer) -> tamis_engine::Result<u64> {
    writer.finish()
}

/// Collects rows of typed columns.
pub(super) struct Builder {
    inner: BatchBuilder,
    schema: SchemaRef,
    /// Columns of timestamps without a zone.
    local: Vec<usize>,
}

impl Builder {
    pub(super) fn new(columns: &[Column]) -> Builder {
        let is_local = |column: &Column| is_local(column);
        Builder {
            inner: BatchBuilder::new(
                columns
                    .iter()
                    .map(|column| (column.name.as_str(), column.ty)),
            ),
            schema: typed(columns),
            local: (0..columns.len())
                .filter(|&at| is_local(&columns[at]))
                .collect(),
        }
    }

    /// Appends the values of the rows whose bits are set.
    pub(super) fn add(
        &mut self,
        column: usize,
        vector: &Vector,
        bytes: &[u8],
        rows: &[u64],
    ) -> Result<(), tamis_formats::Error> {
        self.inner.add_chosen(column, vector, bytes, rows)
    }

    pub(super) fn finish(mut self) -> Result<Rows, tamis_formats::Error> {
        let batch = self.inner.finish()?;
        if self.local.is_empty() {
            return Ok(batch);
        }
        let rows = batch.num_rows();
        let mut arrays: Vec<ArrayRef> = batch.columns().to_vec();
        for &at in &self.local {
            let moments = arrays[at]
                .as_primitive::<TimestampMicrosecondType>()
                .clone();
            arrays[at] = Arc::new(moments.with_timezone_opt(None::<Arc<str>>));
        }
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(self.schema, arrays, &options);
        Ok(batch.expect("only zones are other than they were"))
    }
}

fn is_local(column: &Column) -> bool {
    let is_moment = matches!(data_type(column.ty), DataType::Timestamp(..));
    column.is_local && is_moment
}

/// The columns as Arrow has them.
fn typed(columns: &[Column]) -> SchemaRef {
    let fields = columns.iter().map(|column| {
        let ty = match is_local(column) {
            true => DataType::Timestamp(TimeUnit::Microsecond, None),
            false => data_type(column.ty),
        };
        Field::new(&column.name, ty, true)
    });
    Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()))
}
