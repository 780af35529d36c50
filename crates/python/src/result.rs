//! What a check found, for Python: [`ValidationResult`].
//!
//! A result is a [`Report`] and nothing else: equality, JSON, pickles and texts are made from that, and whatever
//! validates ends in one. The errors become Python objects when they are first asked for.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple, PyType};
use tamis_contract::report::{Report, Sample, text};
use tamis_engine::human;

use crate::arrow::ErrorTable;
use crate::violation::{ValidationError, is_same};
use crate::{error, html};

/// Adds the class.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ValidationResult>()
}

/// The outcome of a validation: how many rows there are, how many are good, and what is wrong with the others.
///
/// Counts are exact. `errors` holds the first violations in input order, up to the validator's `max_errors`.
/// Two results are equal when their counts and errors are, whatever the inputs were called and however long it took.
#[pyclass(module = "tamis", frozen)]
pub(crate) struct ValidationResult {
    report: Arc<Report>,
    errors: PyOnceLock<Py<PyList>>,
}

impl From<Report> for ValidationResult {
    fn from(report: Report) -> ValidationResult {
        ValidationResult {
            report: Arc::new(report),
            errors: PyOnceLock::new(),
        }
    }
}

impl ValidationResult {
    /// The report this is made of.
    pub(crate) fn report(&self) -> &Report {
        &self.report
    }

    fn errors_that<'py>(
        &self,
        py: Python<'py>,
        is_wanted: impl Fn(&Sample) -> bool,
    ) -> PyResult<Bound<'py, PyList>> {
        let wanted = PyList::empty(py);
        for error in self.errors(py)? {
            if is_wanted(error.cast::<ValidationError>()?.get().sample()) {
                wanted.append(error)?;
            }
        }
        Ok(wanted)
    }

    /// A part of the report as Python's own dicts and lists.
    fn part<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.to_dict(py)?.get_item(name)
    }
}

#[pymethods]
impl ValidationResult {
    /// Rows read, good and bad. A CSV header, blank lines and comments are none.
    #[getter]
    fn total_rows(&self) -> u64 {
        self.report.rows.total
    }

    /// Rows that break no rule.
    #[getter]
    fn valid_count(&self) -> u64 {
        self.report.rows.valid
    }

    /// Rows that break at least one.
    #[getter]
    fn invalid_count(&self) -> u64 {
        self.report.rows.invalid
    }

    /// Violations in all, also those beyond `errors`: a row that breaks three rules counts three times.
    #[getter]
    fn error_count(&self) -> u64 {
        self.report.violations.total
    }

    /// The first violations in input order.
    #[getter]
    fn errors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let errors = self.errors.get_or_try_init(py, || {
            let errors = self
                .report
                .samples
                .iter()
                .cloned()
                .map(ValidationError::from);
            PyList::new(py, errors.collect::<Vec<_>>()).map(Bound::unbind)
        })?;
        // A copy: what the caller does to the list must not change the result.
        Ok(errors.bind(py).get_slice(0, usize::MAX))
    }

    /// Exact counts by rule, the most frequent first: `{"minimum": 812, "pattern": 200}`.
    #[getter(errors_by_rule)]
    fn counts_by_rule<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for count in &self.report.violations.by_rule {
            *counts.entry(&count.rule).or_default() += count.count;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        let dict = PyDict::new(py);
        for (rule, count) in counts {
            dict.set_item(rule, count)?;
        }
        Ok(dict)
    }

    /// Exact counts by column, then by rule; the column is None for rules about a record or the file.
    #[getter]
    fn errors_by_column<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let columns = PyDict::new(py);
        for count in &self.report.violations.by_rule {
            let rules = match columns.get_item(&count.column)? {
                Some(rules) => rules.cast_into::<PyDict>()?,
                None => {
                    let rules = PyDict::new(py);
                    columns.set_item(&count.column, &rules)?;
                    rules
                }
            };
            let before: u64 = match rules.get_item(&count.rule)? {
                Some(before) => before.extract()?,
                None => 0,
            };
            rules.set_item(&count.rule, before + count.count)?;
        }
        Ok(columns)
    }

    /// The contract's thresholds with what was measured, as in `to_dict()["metrics"]`.
    #[getter]
    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.part(py, "metrics")
    }

    /// The inputs: name, format, bytes, rows, rows_invalid.
    #[getter]
    fn inputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.part(py, "inputs")
    }

    /// How fast it went: seconds, records_per_second, bytes_per_second, peak_rss_bytes and more.
    #[getter]
    fn performance<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.part(py, "performance")
    }

    /// Rules that were checked on every row, or on the whole.
    #[getter]
    fn rules_checked(&self) -> u64 {
        self.report.rules_checked
    }

    /// Rules of the contract that were not checked: location, rule, reason.
    #[getter]
    fn rules_not_checked<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.part(py, "rules_not_checked")
    }

    /// Whether the data keeps the schema: no violation, and every threshold of the contract met.
    fn is_valid(&self) -> bool {
        self.report().passed
    }

    /// Share of good rows in percent; 0.0 without rows.
    fn success_rate(&self) -> f64 {
        let rows = &self.report.rows;
        match rows.total {
            0 => 0.0,
            total => rows.valid as f64 / total as f64 * 100.0,
        }
    }

    /// Those of `errors` that are about this column.
    fn get_errors_by_field<'py>(
        &self,
        py: Python<'py>,
        field: &str,
    ) -> PyResult<Bound<'py, PyList>> {
        self.errors_that(py, |sample| sample.column.as_deref() == Some(field))
    }

    /// Those of `errors` that break this rule.
    fn get_errors_by_rule<'py>(&self, py: Python<'py>, rule: &str) -> PyResult<Bound<'py, PyList>> {
        self.errors_that(py, |sample| sample.rule == rule)
    }

    /// The report for people, as `tamis check` prints it.
    fn summary(&self) -> String {
        text::to_string(&self.report)
    }

    /// Raises `tamis.ValidationFailed`, which holds this result, unless `is_valid()`.
    fn raise_for_errors(slf: Bound<'_, Self>) -> PyResult<()> {
        if slf.get().is_valid() {
            return Ok(());
        }
        let py = slf.py();
        Err(error::of_class(
            py,
            "ValidationFailed",
            &PyTuple::new(py, [slf])?,
        ))
    }

    /// The report as JSON text; its fields are described in docs/report.md.
    fn to_json(&self) -> String {
        self.report.to_json()
    }

    /// The report as dicts and lists, with the fields of `to_json()`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("json")?.call_method1("loads", (self.to_json(),))
    }

    /// Reads what `to_json()` wrote.
    ///
    /// Raises `tamis.FormatError` for anything else.
    #[classmethod]
    fn from_json(_class: &Bound<'_, PyType>, json: &Bound<'_, PyAny>) -> PyResult<Self> {
        let read = match json.cast::<PyBytes>() {
            Ok(bytes) => Report::from_json(bytes.as_bytes()),
            Err(_) => match json.cast::<PyString>()?.to_str() {
                Ok(text) => Report::from_json(text.as_bytes()),
                Err(error) => {
                    let error = format!("not a report: {}", error.value(json.py()));
                    return Err(error::format(json.py(), &error));
                }
            },
        };
        let refused = |error| error::format(json.py(), &format!("not a report: {error}"));
        read.map(Self::from).map_err(refused)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let from_json = slf.get_type().getattr("from_json")?;
        (from_json, (slf.get().to_json(),)).into_bound_py_any(slf.py())
    }

    fn __eq__(&self, other: &Self) -> bool {
        let (one, other) = (&*self.report, &*other.report);
        one.rows == other.rows
            && one.violations == other.violations
            && one.samples.len() == other.samples.len()
            && one
                .samples
                .iter()
                .zip(&other.samples)
                .all(|(one, other)| is_same(one, other))
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let rows = &self.report.rows;
        (rows.total, rows.invalid, self.report.violations.total).hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(&self) -> String {
        let Report {
            rows, violations, ..
        } = &*self.report;
        let verdict = if self.is_valid() { "valid" } else { "invalid" };
        let mut repr = format!(
            "<ValidationResult {verdict}: {}, {} valid, {} invalid",
            text::counted(rows.total, "row"),
            human::count(rows.valid),
            human::count(rows.invalid)
        );
        if violations.total > 0 {
            repr.push_str(", ");
            repr.push_str(&text::counted(violations.total, "error"));
        }
        repr.push('>');
        repr
    }

    /// The errors as a table for every library that takes Arrow data: `pyarrow.table(errors)`, `polars.DataFrame(errors)`,
    /// `pandas.DataFrame.from_arrow(errors)`, DuckDB. Columns: `input`, `row`, `line`, `byte_offset`, `column`, `rule`,
    /// `severity`, `value`, `message`.
    fn to_arrow(&self, py: Python<'_>) -> PyResult<ErrorTable> {
        ErrorTable::new(py, &self.report.samples)
    }

    fn _repr_html_(&self) -> String {
        html::page(self.report())
    }
}
