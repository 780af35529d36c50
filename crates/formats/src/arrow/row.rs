//! Rows of record batches as bytes: for those who move rows about one by one, in memory or on disk.
//!
//! ```text
//! RecordBatch ─ encode ─► row | row | ...  ─ sort, sample, spill ─► decode ─► RecordBatch
//! ```
//!
//! The bytes are those of the crate `arrow-row`, which has them for every type that a row can have.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_row::{RowConverter, SortField};
use arrow_schema::SchemaRef;

use crate::Error;
use crate::parquet::message;

/// Makes bytes of rows, and rows of bytes, of one schema.
#[derive(Debug)]
pub struct RowCodec {
    schema: SchemaRef,
    converter: RowConverter,
}

impl RowCodec {
    /// For rows of `schema`.
    ///
    /// # Errors
    /// [`Error::NotRows`] for a column that cannot be moved row by row.
    pub fn new(schema: &SchemaRef) -> Result<RowCodec, Error> {
        let sort_field = |data_type: &arrow_schema::DataType| SortField::new(data_type.clone());
        for field in schema.fields() {
            if !RowConverter::supports_fields(&[sort_field(field.data_type())]) {
                return Err(Error::NotRows {
                    column: field.name().clone(),
                    data_type: field.data_type().to_string(),
                });
            }
        }
        let fields = schema.fields().iter();
        let fields = fields.map(|field| sort_field(field.data_type()));
        Ok(RowCodec {
            schema: Arc::clone(schema),
            converter: RowConverter::new(fields.collect())
                .expect("all types were found to be supported"),
        })
    }

    /// Appends the rows of `batch` to `bytes`, and where each ends to `ends`.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a batch of another schema.
    pub fn encode(
        &self,
        batch: &RecordBatch,
        bytes: &mut Vec<u8>,
        ends: &mut Vec<usize>,
    ) -> Result<(), Error> {
        let rows = self.converter.convert_columns(batch.columns());
        for row in &rows.map_err(damaged)? {
            bytes.extend_from_slice(row.as_ref());
            ends.push(bytes.len());
        }
        Ok(())
    }

    /// The rows that these bytes are, which [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// [`Error::Damaged`] for texts that are no UTF-8, since they were on disk meanwhile.
    ///
    /// # Panics
    /// If the bytes are no rows of the schema.
    pub fn decode<'r>(
        &self,
        rows: impl IntoIterator<Item = &'r [u8]>,
    ) -> Result<RecordBatch, Error> {
        let parser = self.converter.parser();
        let rows = rows.into_iter().map(|row| parser.parse(row));
        let arrays = self.converter.convert_rows(rows).map_err(damaged)?;
        RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(damaged)
    }
}

fn damaged(error: arrow_schema::ArrowError) -> Error {
    Error::Damaged {
        place: "rows".to_owned(),
        message: message(error),
    }
}
