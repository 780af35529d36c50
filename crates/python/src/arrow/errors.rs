//! The errors of a result as an Arrow table: what `ValidationResult.to_arrow` returns.

use std::sync::Arc;

use arrow_array::ffi::FFI_ArrowSchema;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{ArrayRef, LargeStringArray, RecordBatch, RecordBatchIterator, UInt64Array};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use tamis_contract::report::{Sample, text};

use super::{SCHEMA, STREAM};
use crate::error;

/// Adds the class.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ErrorTable>()
}

/// A table of errors, for every library that takes Arrow data by the PyCapsule interface: `pyarrow.table(errors)`,
/// `polars.DataFrame(errors)`, `pandas.DataFrame.from_arrow(errors)`, DuckDB.
///
/// Columns: `input`, `row`, `line`, `byte_offset`, `column`, `rule`, `severity`, `value`, `message`. Texts have 64-bit offsets
/// (`large_string`): all of a column's together may be more than 2 GiB.
#[pyclass(module = "tamis._tamis", frozen)]
pub(crate) struct ErrorTable {
    batch: RecordBatch,
}

impl ErrorTable {
    /// A table of these errors.
    ///
    /// # Errors
    /// `tamis.InternalError` if Arrow will not have it.
    pub(crate) fn new(py: Python<'_>, samples: &[Sample]) -> PyResult<ErrorTable> {
        let texts = |text: fn(&Sample) -> Option<&str>| -> ArrayRef {
            Arc::new(LargeStringArray::from_iter(samples.iter().map(text)))
        };
        let numbers = |number: fn(&Sample) -> Option<u64>| -> ArrayRef {
            Arc::new(UInt64Array::from_iter(samples.iter().map(number)))
        };
        let columns = vec![
            texts(|sample| Some(&sample.input)),
            numbers(|sample| sample.row),
            numbers(|sample| sample.line),
            numbers(|sample| sample.byte_offset),
            texts(|sample| sample.column.as_deref()),
            texts(|sample| Some(&sample.rule)),
            texts(|sample| Some(sample.severity.name())),
            texts(|sample| sample.value.as_deref()),
            texts(|sample| Some(&sample.message)),
        ];
        let batch = RecordBatch::try_new(Arc::new(schema()), columns);
        let batch = batch.map_err(|error| internal(py, &error))?;
        Ok(ErrorTable { batch })
    }
}

fn schema() -> Schema {
    let text = |name, is_nullable| Field::new(name, DataType::LargeUtf8, is_nullable);
    let number = |name| Field::new(name, DataType::UInt64, true);
    Schema::new(vec![
        text("input", false),
        number("row"),
        number("line"),
        number("byte_offset"),
        text("column", true),
        text("rule", false),
        text("severity", false),
        text("value", true),
        text("message", false),
    ])
}

fn internal(py: Python<'_>, error: &ArrowError) -> PyErr {
    error::internal(py, &error.to_string())
}

#[pymethods]
impl ErrorTable {
    /// The table as an Arrow stream. `requested_schema` asks for other types, which a producer need not have; this
    /// one has not.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let batches = [Ok(self.batch.clone())];
        let reader = RecordBatchIterator::new(batches, self.batch.schema());
        PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(reader)), STREAM)
    }

    /// The types of the columns.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(self.batch.schema().as_ref());
        let schema = schema.map_err(|error| internal(py, &error))?;
        PyCapsule::new_with_value(py, schema, SCHEMA)
    }

    /// Names of the columns.
    #[getter]
    fn column_names(&self) -> Vec<String> {
        let schema = self.batch.schema();
        schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    }

    fn __len__(&self) -> usize {
        self.batch.num_rows()
    }

    fn __repr__(&self) -> String {
        let errors = text::counted(self.batch.num_rows() as u64, "error");
        format!("<ErrorTable: {errors}>")
    }
}
