//! Records one by one: [`LineProcessor`].
//!
//! Nothing is buffered and no thread is started. A dict is looked up column by column, its values judged where they
//! lie, and nothing is allocated for a good one but what is returned. Text and bytes go through the parsers of files.
//!
//! One wheel for every CPython from 3.11 on (abi3) has its price here, because the value of a float, the flags of a
//! class and the items of a list are calls then and not fields: 0.24 us for a good record of four fields and 0.56 for a
//! bad one, where a wheel for one version takes 0.22 and 0.51.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyIterator, PyList, PyString, PyTuple};
use tamis_contract::check::{BrokenRule, Check, CheckError, RecordCheck, Scalar, Unchecked};
use tamis_contract::report::Sample;

use crate::contract::Contract;
use crate::error;
use crate::scalar::{Classes, Read, at_path, key_name};
use crate::violation::ValidationError;

/// Adds the classes.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<LineProcessor>()?;
    module.add_class::<ProcessedLines>()
}

/// Checks records one by one: what a request handler or a consumer of a queue needs.
///
/// A record is a dict, or text: a JSON object if it begins with `{`, else one CSV record with the schema's columns in
/// their order. Rules about all records together (`unique`, thresholds of a contract) are refused with `SchemaError`,
/// unless `unchecked="allow"` leaves them out. It keeps no state and may be used by several threads at once.
///
/// >>> from tamis import Field, LineProcessor, Schema
/// >>> processor = LineProcessor(Schema({"id": Field(str, required=True), "n": Field(int, max=9)}))
/// >>> processor.process_line({"id": "a", "n": 3})
/// (True, [])
/// >>> is_valid, errors = processor.process_line('{"id": "a", "n": 10}')
/// >>> print(*errors)
/// row 1, `n`: must be at most 9 (found `10`)
#[pyclass(module = "tamis", frozen)]
pub(crate) struct LineProcessor {
    schema: Py<PyAny>,
    allows_unchecked: bool,
    check: RecordCheck,
    columns: Vec<Column>,
    /// Keys at the root that are columns; looked at where others are refused.
    keys: HashSet<String>,
    classes: Classes,
}

/// Where in a dict a column is.
struct Column {
    path: Vec<Py<PyString>>,
    /// It is the first column that is a key of the record itself, by this name.
    is_key: bool,
}

/// How often `process_many` looks for Ctrl-C: about every millisecond.
const ROWS_BETWEEN_SIGNALS: u64 = 1024;

/// What is wrong with a record, by rule.
type Found = Vec<(BrokenRule, Sample)>;

#[pymethods]
impl LineProcessor {
    #[new]
    #[pyo3(signature = (schema, *, unchecked="error"))]
    fn new(schema: &Bound<'_, PyAny>, unchecked: &str) -> PyResult<LineProcessor> {
        let py = schema.py();
        let rest = match unchecked {
            "error" => Unchecked::Refuse,
            "allow" => Unchecked::Allow,
            other => {
                let message = format!("`unchecked` is \"error\" or \"allow\", not {other:?}");
                return Err(PyValueError::new_err(message));
            }
        };
        let contract = schema.getattr("_contract").ok();
        let contract = contract.and_then(|contract| contract.cast_into::<Contract>().ok());
        let Some(contract) = contract else {
            let message = format!("expected a Schema, not `{}`", schema.get_type().name()?);
            return Err(PyTypeError::new_err(message));
        };
        let contract = contract.get();
        let check = Check::compile(contract.model(), contract.object(), rest)
            .map_err(|error| error::of_check(py, &error))?;
        let check = RecordCheck::new(&check, rest).map_err(|error| match error {
            CheckError::NeedsAllRecords { .. } => {
                let hint = "hint: `unchecked=\"allow\"` checks all the others";
                error::schema(py, &format!("{error} ({hint})"))
            }
            other => error::of_check(py, &other),
        })?;
        let mut keys = HashSet::new();
        let columns = check.columns().map(|path| Column {
            is_key: path.len() == 1 && keys.insert(path[0].clone()),
            path: path
                .iter()
                .map(|key| PyString::intern(py, key).unbind())
                .collect(),
        });
        let columns = columns.collect();
        Ok(LineProcessor {
            schema: schema.clone().unbind(),
            allows_unchecked: rest == Unchecked::Allow,
            columns,
            keys,
            check,
            classes: Classes::new(py)?,
        })
    }

    /// Whether a record is good, and what is wrong with it.
    ///
    /// Returns `(is_valid, errors)`; `errors` is a list of `ValidationError`, empty for a good record. Their row is 1.
    /// Warnings of a contract are errors in the list and leave the record valid.
    ///
    /// Raises `TypeError` for what is no dict, str or bytes.
    #[pyo3(signature = (record, /))]
    fn process_line<'py>(&self, record: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        self.process(record, 1)
    }

    /// `process_line` for each record of an iterable, as an iterator; the row of an error is the place of its record, from 1.
    #[pyo3(signature = (records, /))]
    fn process_many(slf: &Bound<'_, Self>, records: &Bound<'_, PyAny>) -> PyResult<ProcessedLines> {
        // Iterables too, but of characters, numbers and keys.
        let is_record = records.is_instance_of::<PyString>()
            || records.is_instance_of::<PyBytes>()
            || records.is_instance_of::<PyByteArray>()
            || records.is_instance_of::<PyDict>();
        if is_record {
            let message = format!(
                "expected an iterable of records, not one `{}`",
                records.get_type().name()?
            );
            return Err(PyTypeError::new_err(message));
        }
        Ok(ProcessedLines {
            processor: slf.clone().unbind(),
            records: records.try_iter()?.unbind(),
            rows: AtomicU64::new(0),
        })
    }

    /// The schema it was made of.
    #[getter]
    fn schema(&self, py: Python<'_>) -> Py<PyAny> {
        self.schema.clone_ref(py)
    }

    fn __getnewargs_ex__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
        let keywords = PyDict::new(py);
        let unchecked = if self.allows_unchecked {
            "allow"
        } else {
            "error"
        };
        keywords.set_item("unchecked", unchecked)?;
        Ok((PyTuple::new(py, [self.schema.bind(py)])?, keywords))
    }

    /// A schema of a subclass may hold the processor.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.schema)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("LineProcessor({})", self.schema.bind(py).repr()?))
    }
}

impl LineProcessor {
    #[inline]
    fn process<'py>(&self, record: &Bound<'py, PyAny>, row: u64) -> PyResult<Bound<'py, PyTuple>> {
        let py = record.py();
        let dict = record.cast_exact::<PyDict>();
        let samples = match dict.or_else(|_| record.cast::<PyDict>()) {
            Ok(record) => {
                let found = self.judge_dict(record)?;
                if found.is_empty() {
                    return answer(py, true, PyList::empty(py));
                }
                found.into_iter().map(|(_, sample)| sample).collect()
            }
            Err(_) => self.judge_text(record)?,
        };
        let is_valid = !samples.iter().any(RecordCheck::makes_bad);
        let row = Some(row);
        let errors = samples
            .into_iter()
            .map(|sample| ValidationError::from(Sample { row, ..sample }));
        answer(py, is_valid, PyList::new(py, errors)?)
    }

    /// What is wrong with a dict, in the order of rules.
    #[inline]
    fn judge_dict(&self, record: &Bound<'_, PyDict>) -> PyResult<Found> {
        let mut found = Found::new();
        let mut keys = 0;
        let mut together = self.check.new_row();
        for (index, column) in self.columns.iter().enumerate() {
            let value = at_path(record, &column.path)?;
            let Some(value) = value else {
                self.judge(index, Scalar::Missing, &mut found);
                continue;
            };
            keys += usize::from(column.is_key);
            let read = self.classes.with_scalar(&value, |scalar| {
                self.judge(index, scalar, &mut found);
                let row = together.as_mut();
                row.map_or(Ok(()), |row| self.check.note(row, index, scalar))
            })?;
            match read {
                Read::Value(noted) => {
                    noted.map_err(|error| error::of_check(record.py(), &error))?
                }
                Read::NotUnicode(shown) => found.push(self.check.not_unicode(index, &shown)),
            }
        }
        if let Some(row) = together {
            let judged = self.check.judge_row(row);
            found.extend(judged.map_err(|error| error::of_check(record.py(), &error))?);
        }
        if self.check.refuses_extra_keys() && keys < record.len() {
            self.find_extra_keys(record, &mut found)?;
        }
        found.sort_by_key(|(rule, _)| *rule);
        Ok(found)
    }

    #[inline]
    fn judge(&self, column: usize, value: Scalar<'_>, found: &mut Found) {
        self.check.judge(column, value, |rule| {
            found.push((rule, self.check.sample(rule, value)));
        });
    }

    #[inline(never)]
    fn find_extra_keys(&self, record: &Bound<'_, PyDict>, found: &mut Found) -> PyResult<()> {
        // A copy of the keys: the name of one may be made by Python code, which may change the dict.
        for key in record.keys() {
            let name = key_name(&key)?;
            if !key.is_instance_of::<PyString>() || !self.keys.contains(&name) {
                found.push(self.check.extra_key(&name));
            }
        }
        Ok(())
    }

    #[inline(never)]
    fn judge_text(&self, record: &Bound<'_, PyAny>) -> PyResult<Vec<Sample>> {
        let py = record.py();
        let judged = if let Ok(text) = record.cast::<PyString>() {
            match text.to_str() {
                Ok(text) => self.check.judge_line(text.as_bytes()),
                // Surrogates as the bytes they would be, which are no UTF-8.
                Err(_) => {
                    let bytes = text.call_method1("encode", ("utf-8", "surrogatepass"))?;
                    self.check.judge_line(bytes.cast::<PyBytes>()?.as_bytes())
                }
            }
        } else if let Ok(bytes) = record.cast::<PyBytes>() {
            self.check.judge_line(bytes.as_bytes())
        } else if let Ok(bytes) = record.cast::<PyByteArray>() {
            self.check.judge_line(&bytes.to_vec())
        } else {
            let class = record.get_type();
            let message = format!("a record is a dict, str or bytes, not `{}`", class.name()?);
            return Err(PyTypeError::new_err(message));
        };
        judged.map_err(|error| error::of_check(py, &error))
    }
}

#[inline]
fn answer<'py>(
    py: Python<'py>,
    is_valid: bool,
    errors: Bound<'py, PyList>,
) -> PyResult<Bound<'py, PyTuple>> {
    (is_valid, errors).into_pyobject(py)
}

/// What `LineProcessor.process_many` returns.
#[pyclass(module = "tamis._tamis", frozen)]
pub(crate) struct ProcessedLines {
    processor: Py<LineProcessor>,
    records: Py<PyIterator>,
    rows: AtomicU64,
}

#[pymethods]
impl ProcessedLines {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// The records may come from a generator that holds this iterator.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.processor)?;
        visit.call(&self.records)
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let Some(record) = self.records.bind(py).clone().next() else {
            return Ok(None);
        };
        let row = self.rows.fetch_add(1, Ordering::Relaxed) + 1;
        // What consumes this may be written in C as well, and then nobody else looks.
        if row.is_multiple_of(ROWS_BETWEEN_SIGNALS) {
            py.check_signals()?;
        }
        self.processor.get().process(&record?, row).map(Some)
    }
}
