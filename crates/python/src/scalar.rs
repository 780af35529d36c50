//! Python values as the judge takes them.
//!
//! Text stays text, which is read as the column's type, as in CSV; numbers are numbers, moments their ISO 8601 text.
//! Exact types are looked for first, in the order of their frequency: that is what makes a record cheap. Everything
//! else takes the long way: subclasses, `Decimal`, dates, and whatever says that it is an integer or a float.

use pyo3::PyTypeInfo;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple, PyType};
use tamis_contract::check::Scalar;

/// Classes of the standard library that values are instances of.
pub(crate) struct Classes {
    date: Py<PyType>,
    time: Py<PyType>,
    decimal: Py<PyType>,
}

/// A value that could be read, or a text that is no Unicode text.
pub(crate) enum Read<T> {
    Value(T),
    /// A `str` with surrogates; what can be shown of it.
    NotUnicode(String),
}

impl Classes {
    /// Looks them up.
    pub(crate) fn new(py: Python<'_>) -> PyResult<Classes> {
        let class = |module: &str, name: &str| -> PyResult<Py<PyType>> {
            Ok(py
                .import(module)?
                .getattr(name)?
                .cast_into::<PyType>()?
                .unbind())
        };
        Ok(Classes {
            date: class("datetime", "date")?,
            time: class("datetime", "time")?,
            decimal: class("decimal", "Decimal")?,
        })
    }

    /// Calls `read` with the value.
    ///
    /// # Errors
    /// What the value's own code raises.
    #[inline]
    pub(crate) fn with_scalar<T>(
        &self,
        value: &Bound<'_, PyAny>,
        read: impl FnOnce(Scalar<'_>) -> T,
    ) -> PyResult<Read<T>> {
        if let Ok(text) = value.cast_exact::<PyString>() {
            return with_text(text, read);
        }
        let scalar = if let Ok(number) = value.cast_exact::<PyFloat>() {
            Scalar::Float(number.value())
        } else if value.is_none() {
            Scalar::Null
        } else if let Ok(number) = value.cast_exact::<PyInt>()
            && let Ok(number) = number.extract::<i64>()
        {
            Scalar::Integer(number)
        } else if let Ok(value) = value.cast_exact::<PyBool>() {
            Scalar::Boolean(value.is_true())
        } else {
            return self.with_other(value, read);
        };
        Ok(Read::Value(read(scalar)))
    }

    #[inline(never)]
    fn with_other<T>(
        &self,
        value: &Bound<'_, PyAny>,
        read: impl FnOnce(Scalar<'_>) -> T,
    ) -> PyResult<Read<T>> {
        let py = value.py();
        if let Ok(text) = value.cast::<PyString>() {
            return with_text(text, read);
        }
        if let Ok(number) = value.cast::<PyFloat>() {
            return Ok(Read::Value(read(Scalar::Float(number.value()))));
        }
        if let Ok(number) = value.cast::<PyInt>() {
            return self.with_integer(number, read);
        }
        if value.is_instance(self.date.bind(py))? || value.is_instance(self.time.bind(py))? {
            let text = value.call_method0("isoformat")?;
            return Ok(Read::Value(read(Scalar::String(
                &text.str()?.to_string_lossy(),
            ))));
        }
        if value.is_instance(self.decimal.bind(py))? {
            return Ok(Read::Value(read(Scalar::Number(
                &value.str()?.to_string_lossy(),
            ))));
        }
        if value.cast::<PyList>().is_ok() || value.cast::<PyTuple>().is_ok() {
            return Ok(Read::Value(read(Scalar::Array(
                &value.repr()?.to_string_lossy(),
            ))));
        }
        if value.cast::<PyMapping>().is_ok() {
            return Ok(Read::Value(read(Scalar::Object(
                &value.repr()?.to_string_lossy(),
            ))));
        }
        // Two of NumPy that say nothing of themselves.
        let class = value.get_type();
        if class.module()?.to_str()? == "numpy" {
            match class.name()?.to_str()? {
                "bool" | "bool_" => {
                    return Ok(Read::Value(read(Scalar::Boolean(value.is_truthy()?))));
                }
                "datetime64" => {
                    return Ok(Read::Value(read(Scalar::String(
                        &value.str()?.to_string_lossy(),
                    ))));
                }
                _ => {}
            }
        }
        // Numbers of NumPy and others; their classes answer for what they are.
        if class.hasattr("__index__")?
            && let Some(number) = converted::<PyInt>(value)?
        {
            return self.with_integer(&number, read);
        }
        if class.hasattr("__float__")?
            && let Some(number) = converted::<PyFloat>(value)?
        {
            return Ok(Read::Value(read(Scalar::Float(number.value()))));
        }
        Ok(Read::Value(read(Scalar::Object(
            &value.repr()?.to_string_lossy(),
        ))))
    }

    fn with_integer<T>(
        &self,
        number: &Bound<'_, PyInt>,
        read: impl FnOnce(Scalar<'_>) -> T,
    ) -> PyResult<Read<T>> {
        if let Ok(number) = number.extract::<i64>() {
            return Ok(Read::Value(read(Scalar::Integer(number))));
        }
        // `str` of an `int` has a limit of some thousand digits, `Decimal` has none; and neither asks a subclass.
        let digits = self.decimal.bind(number.py()).call1((number,))?;
        Ok(Read::Value(read(Scalar::Number(
            &digits.str()?.to_string_lossy(),
        ))))
    }
}

/// A number of Python for a value that says it can be one; `None` if it then raises a `TypeError`, as arrays of NumPy do.
fn converted<'py, T: PyTypeInfo>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, T>>> {
    let py = value.py();
    match py.get_type::<T>().call1((value,)) {
        Ok(number) => Ok(Some(number.cast_into::<T>()?)),
        Err(error) if error.is_instance_of::<PyTypeError>(py) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a text that is the value.
#[inline]
fn with_text<T>(
    text: &Bound<'_, PyString>,
    read: impl FnOnce(Scalar<'_>) -> T,
) -> PyResult<Read<T>> {
    Ok(match text.to_str() {
        Ok(text) => Read::Value(read(Scalar::Text(text))),
        Err(_) => Read::NotUnicode(text.to_string_lossy().into_owned()),
    })
}

/// The name of a key, for people.
pub(crate) fn key_name(key: &Bound<'_, PyAny>) -> PyResult<String> {
    let text = match key.cast::<PyString>() {
        Ok(text) => text.clone(),
        Err(_) => key.repr()?,
    };
    Ok(text.to_string_lossy().into_owned())
}

/// The value that some keys lead to, from one dict into the next; `None` if something on the way is missing.
pub(crate) fn at_path<'py>(
    record: &Bound<'py, PyDict>,
    path: &[Py<PyString>],
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = record.py();
    let Some((first, rest)) = path.split_first() else {
        return Ok(Some(record.clone().into_any()));
    };
    let mut value = record.get_item(first.bind(py))?;
    for key in rest {
        let Some(Ok(members)) = value.map(Bound::cast_into::<PyDict>) else {
            return Ok(None);
        };
        value = members.get_item(key.bind(py))?;
    }
    Ok(value)
}
