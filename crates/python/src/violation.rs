//! A violation, for Python: [`ValidationError`].
//!
//! It is a [`Sample`] of a report with a thin face. Equality leaves out the name of the input, as that of results does.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use tamis_contract::model::Severity;
use tamis_contract::report::Sample;

use crate::error;

/// Adds the class.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ValidationError>()
}

/// Rules that a header breaks. An error of another one is about a row, even where nobody can say which.
const HEADER_RULES: [&str; 3] = ["missingColumn", "extraColumn", "duplicateColumn"];

/// One violation. `row` counts from 1 and is None for a fault of the header; `line` is the physical line the record
/// begins on, as an editor shows it; `byte_offset` is that of the record's first byte.
#[pyclass(module = "tamis", frozen)]
#[derive(Clone)]
pub(crate) struct ValidationError {
    sample: Sample,
}

impl From<Sample> for ValidationError {
    fn from(sample: Sample) -> ValidationError {
        ValidationError { sample }
    }
}

impl ValidationError {
    /// What it is made of.
    pub(crate) fn sample(&self) -> &Sample {
        &self.sample
    }
}

#[pymethods]
impl ValidationError {
    #[new]
    #[pyo3(signature = (row, line, byte_offset, column, rule, value, message, *, severity="error", input=""))]
    #[expect(clippy::too_many_arguments, reason = "as many as an error has parts")]
    fn new(
        py: Python<'_>,
        row: Option<u64>,
        line: Option<u64>,
        byte_offset: Option<u64>,
        column: Option<String>,
        rule: String,
        value: Option<String>,
        message: String,
        severity: &str,
        input: &str,
    ) -> PyResult<ValidationError> {
        let severity = [Severity::Info, Severity::Warning, Severity::Error]
            .into_iter()
            .find(|known| known.name() == severity)
            .ok_or_else(|| error::format(py, &format!("no severity is called `{severity}`")))?;
        Ok(ValidationError::from(Sample {
            input: input.to_owned(),
            row,
            line,
            byte_offset,
            column,
            rule,
            severity,
            value,
            message,
        }))
    }

    /// Number of the record in its input, from 1; None for a fault of the header or the file.
    #[getter]
    fn row(&self) -> Option<u64> {
        self.sample.row
    }

    /// `row - 1`, for those who count from 0.
    #[getter]
    fn row_index(&self) -> Option<u64> {
        self.sample.row.and_then(|row| row.checked_sub(1))
    }

    /// Physical line the record begins on, from 1.
    #[getter]
    fn line(&self) -> Option<u64> {
        self.sample.line
    }

    /// The record's first byte, from the start of the (decompressed) input.
    #[getter]
    fn byte_offset(&self) -> Option<u64> {
        self.sample.byte_offset
    }

    /// The column; None for a rule about the record or the file.
    #[getter]
    fn column(&self) -> Option<&str> {
        self.sample.column.as_deref()
    }

    /// The same as `column`.
    #[getter]
    fn field(&self) -> Option<&str> {
        self.column()
    }

    /// The rule's word: `required`, `type`, `minimum`, `pattern`, ...
    #[getter]
    fn rule(&self) -> &str {
        &self.sample.rule
    }

    /// The value as text, at most 200 characters; None when it is null or the fault is no value.
    #[getter]
    fn value(&self) -> Option<&str> {
        self.sample.value.as_deref()
    }

    /// What was expected, for people.
    #[getter]
    fn message(&self) -> &str {
        &self.sample.message
    }

    /// `error`, `warning` or `info`; the last two make no row bad.
    #[getter]
    fn severity(&self) -> &'static str {
        self.sample.severity.name()
    }

    /// Name of the input.
    #[getter]
    fn input(&self) -> &str {
        &self.sample.input
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let Sample {
            input,
            row,
            line,
            byte_offset,
            column,
            rule,
            severity,
            value,
            message,
        } = &slf.get().sample;
        let keywords = PyDict::new(py);
        keywords.set_item("severity", severity.name())?;
        keywords.set_item("input", input)?;
        let class = py.import("functools")?.getattr("partial")?;
        let class = class.call((slf.get_type(),), Some(&keywords))?;
        (
            class,
            (row, line, byte_offset, column, rule, value, message),
        )
            .into_bound_py_any(py)
    }

    fn __eq__(&self, other: &Self) -> bool {
        is_same(&self.sample, &other.sample)
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.sample.row, &self.sample.column, &self.sample.rule).hash(&mut hasher);
        hasher.finish()
    }

    fn __str__(&self) -> String {
        let Sample {
            row,
            column,
            rule,
            message,
            value,
            ..
        } = &self.sample;
        let place = match row {
            Some(row) => Some(format!("row {row}")),
            None if HEADER_RULES.contains(&rule.as_str()) => Some("header".to_owned()),
            // A row of a table that has no order.
            None => None,
        };
        let column = column.as_ref().map(|column| format!("`{column}`"));
        let place: Vec<String> = place.into_iter().chain(column).collect();
        let mut text = match place.is_empty() {
            true => message.clone(),
            false => format!("{}: {message}", place.join(", ")),
        };
        if let Some(value) = value {
            write!(text, " (found `{value}`)").expect("a string takes everything");
        }
        text
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let repr = |value: Option<&str>| match value {
            None => Ok("None".to_owned()),
            Some(text) => PyString::new(py, text).repr()?.extract::<String>(),
        };
        let number = |number: Option<u64>| number.map_or("None".to_owned(), |n| n.to_string());
        Ok(format!(
            "ValidationError(row={}, line={}, byte_offset={}, column={}, rule={}, value={}, message={})",
            number(self.sample.row),
            number(self.sample.line),
            number(self.sample.byte_offset),
            repr(self.column())?,
            repr(Some(self.rule()))?,
            repr(self.value())?,
            repr(Some(self.message()))?,
        ))
    }
}

/// Whether two violations are the same, whatever their inputs are called.
pub(crate) fn is_same(one: &Sample, other: &Sample) -> bool {
    let Sample {
        input: _,
        row,
        line,
        byte_offset,
        column,
        rule,
        severity,
        value,
        message,
    } = one;
    (row, line, byte_offset, severity)
        == (&other.row, &other.line, &other.byte_offset, &other.severity)
        && (column, rule, value, message)
            == (&other.column, &other.rule, &other.value, &other.message)
}
