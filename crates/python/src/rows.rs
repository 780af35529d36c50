//! Rows that Python holds: dicts, one after the other.
//!
//! Whoever calls us owns them, so they are read on the calling thread, some thousand at a time, and become text in
//! columns of ours; these are checked on other threads meanwhile ([`crate::detached`]). Only the columns of the
//! contract are looked up.

use std::collections::HashSet;
use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyMapping, PyString};
use tamis_contract::check::{self, Scalar};
use tamis_formats::columns::Columns;
use tamis_formats::{self as formats, Kind};

use crate::detached::Caller;
use crate::error;
use crate::scalar::{Classes, Read, at_path, key_name};

/// What a check calls rows.
pub(crate) const NAME: &str = "<rows>";

/// Rows read at a time: enough that crossing threads costs nothing, few enough that Ctrl-C is noticed.
const BATCH_ROWS: usize = 4096;
/// Text read at a time, whatever the number of rows.
const BATCH_BYTES: usize = 4 << 20;

/// An iterable of dicts, as batches of columns.
pub(crate) struct Rows {
    reader: Arc<Reader>,
    caller: Caller,
}

/// What reads batches on the calling thread.
struct Reader {
    items: Py<PyIterator>,
    paths: Vec<Vec<Py<PyString>>>,
    /// Keys at the root that are columns, if others are refused.
    keys: Option<HashSet<String>>,
    classes: Classes,
    /// Items read before.
    read: std::sync::atomic::AtomicU64,
}

impl Rows {
    /// Rows of `data`, with the columns of `rules`.
    ///
    /// # Errors
    /// `TypeError` for what is no iterable.
    pub(crate) fn new(
        data: &Bound<'_, PyAny>,
        rules: &check::Check,
        caller: &Caller,
    ) -> PyResult<Rows> {
        let py = data.py();
        let is_one = data.cast::<PyMapping>().is_ok() || data.is_instance_of::<PyString>();
        let items = data.try_iter().ok().filter(|_| !is_one).ok_or_else(|| {
            let class = data.get_type();
            let name = class.name().map_or_else(|_| String::new(), |name| name.to_string());
            PyTypeError::new_err(format!(
                "expected a table (polars, pandas, pyarrow, DuckDB, ...) or an iterable of dicts, not `{name}`"
            ))
        })?;
        let keys = rules.refuses_extra_keys().then(|| {
            let roots = rules.paths().filter_map(|path| path.first());
            roots.cloned().collect()
        });
        let paths = rules.paths().map(|path| {
            let keys = path.iter().map(|key| PyString::intern(py, key).unbind());
            keys.collect()
        });
        Ok(Rows {
            reader: Arc::new(Reader {
                items: items.unbind(),
                paths: paths.collect(),
                keys,
                classes: Classes::new(py)?,
                read: Default::default(),
            }),
            caller: caller.clone(),
        })
    }
}

impl Iterator for Rows {
    type Item = tamis_engine::Result<Columns>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = Arc::clone(&self.reader);
        let batch = self.caller.call(move |py| reader.batch(py));
        match batch {
            Ok(batch) if batch.rows() == 0 => None,
            batch => Some(batch),
        }
    }
}

impl Reader {
    /// The next rows; none at the end.
    fn batch(&self, py: Python<'_>) -> PyResult<Columns> {
        use std::sync::atomic::Ordering;
        let mut batch = Columns::new(self.paths.len());
        let mut items = self.items.bind(py).clone();
        while batch.rows() < BATCH_ROWS && batch.len_bytes() < BATCH_BYTES {
            let Some(item) = items.next() else { break };
            let item = item?;
            let number = 1 + self.read.fetch_add(1, Ordering::Relaxed);
            let Ok(row) = item.cast::<PyDict>() else {
                let class = item.get_type();
                let message = format!("row {number} is no dict but `{}`", class.name()?);
                return Err(PyTypeError::new_err(message));
            };
            self.read_row(row, number, &mut batch)?;
            batch.end_row();
        }
        Ok(batch)
    }

    fn read_row(&self, row: &Bound<'_, PyDict>, number: u64, batch: &mut Columns) -> PyResult<()> {
        let py = row.py();
        for (column, path) in self.paths.iter().enumerate() {
            let read = at_path(row, path).and_then(|value| match value {
                None => Ok(Read::Value(Ok(()))),
                Some(value) => self
                    .classes
                    .with_scalar(&value, |scalar| put(batch.column(column), scalar)),
            });
            let place = || {
                let keys = path.iter().map(|key| key.bind(py).to_string_lossy());
                format!("row {number}, `{}`", keys.collect::<Vec<_>>().join("."))
            };
            let problem = match read {
                Ok(Read::Value(Ok(()))) => continue,
                Ok(Read::Value(Err(error))) => error.to_string(),
                Ok(Read::NotUnicode(shown)) => {
                    format!("`{shown}` has surrogates, so it is no Unicode text")
                }
                // The value's own code raised: its exception says what, a note says where.
                Err(raised) => {
                    raised.add_note(py, place())?;
                    return Err(raised);
                }
            };
            return Err(error::format(py, &format!("{}: {problem}", place())));
        }
        if let Some(keys) = &self.keys {
            // A copy of the keys: the name of one may be made by Python code, which may change the dict.
            for key in row.keys() {
                let name = key_name(&key)?;
                if !key.is_instance_of::<PyString>() || !keys.contains(&name) {
                    batch.extra_key(&name);
                }
            }
        }
        Ok(())
    }
}

fn put(values: &mut formats::columns::Values, scalar: Scalar<'_>) -> Result<(), formats::Error> {
    match scalar {
        Scalar::Missing => Ok(()),
        Scalar::Null => {
            values.null();
            Ok(())
        }
        Scalar::Text(text) => values.text(text),
        Scalar::String(text) => values.string(text),
        Scalar::Integer(number) => values.integer(number),
        Scalar::Number(text) => values.number(text),
        Scalar::Float(number) => values.float(number),
        Scalar::Boolean(value) => values.boolean(value),
        Scalar::Object(shown) => values.nested(Kind::Object, shown),
        Scalar::Array(shown) => values.nested(Kind::Array, shown),
    }
}
