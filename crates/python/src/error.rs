//! Our errors as exceptions of `tamis.errors`.
//!
//! The classes are defined in Python, where users read them; they are looked up by name when one is needed, which is
//! seldom. Messages are those of the Rust errors; where they name options of the command, ours name what Python has
//! instead. What the system said becomes an `OSError` in Python's
//! own manner: `errno`, `strerror`, `filename`.

use std::io;

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tamis_contract::check::{CheckError, PartialError};

/// An exception of `tamis.errors`, by its name.
pub(crate) fn of_class(py: Python<'_>, class: &str, arguments: &Bound<'_, PyTuple>) -> PyErr {
    let made = py
        .import("tamis.errors")
        .and_then(|module| module.getattr(class))
        .and_then(|class| class.call1(arguments));
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

fn with_message(py: Python<'_>, class: &str, message: &str) -> PyErr {
    match PyTuple::new(py, [in_python(message)]) {
        Ok(arguments) => of_class(py, class, &arguments),
        Err(error) => error,
    }
}

/// A message with its hints in the words of this package: `` `--memory` `` is the argument `` `memory` `` here, and an
/// encoding is declared to `open`, whose text files every validator takes.
pub(crate) fn in_python(message: &str) -> String {
    let message = message
        .replace("`--memory`", "`memory`")
        .replace("`--missing-values ", "`tamis infer --missing-values ");
    match message.split_once("`--encoding ") {
        Some((before, hint)) => {
            let (encoding, after) = hint.split_once('`').unwrap_or((hint, ""));
            format!("{before}`open(path, encoding=\"{encoding}\")`{after}")
        }
        None => message,
    }
}

/// `tamis.SchemaError`.
pub(crate) fn schema(py: Python<'_>, message: &str) -> PyErr {
    with_message(py, "SchemaError", message)
}

/// `tamis.FormatError`.
pub(crate) fn format(py: Python<'_>, message: &str) -> PyErr {
    with_message(py, "FormatError", message)
}

/// `tamis.UnsupportedError`.
pub(crate) fn unsupported(py: Python<'_>, message: &str) -> PyErr {
    with_message(py, "UnsupportedError", message)
}

/// `tamis.InputError`.
#[cfg(feature = "kafka")]
pub(crate) fn input(py: Python<'_>, message: &str) -> PyErr {
    with_message(py, "InputError", message)
}

/// `tamis.BrokerError`.
pub(crate) fn broker(py: Python<'_>, message: &str) -> PyErr {
    with_message(py, "BrokerError", message)
}

/// `tamis.InternalError`.
pub(crate) fn internal(py: Python<'_>, message: &str) -> PyErr {
    with_message(py, "InternalError", message)
}

/// What a check could not go on for.
pub(crate) fn of_check(py: Python<'_>, error: &CheckError) -> PyErr {
    match error {
        CheckError::Engine(error) => of_engine(py, error),
        CheckError::Unchecked { .. } => unsupported(
            py,
            &format!("{error} (hint: `unchecked=\"allow\"` checks all the others)"),
        ),
        CheckError::Format {
            source: tamis_formats::Error::UnsupportedType { .. },
            ..
        } => unsupported(py, &error.to_string()),
        CheckError::Format { .. } => format(py, &error.to_string()),
        CheckError::Partial(error) => of_partial(py, error),
        _ => unsupported(py, &error.to_string()),
    }
}

/// What is wrong with ranges and partials.
pub(crate) fn of_partial(py: Python<'_>, error: &PartialError) -> PyErr {
    let class = match error {
        PartialError::NoSharedFolder { .. } | PartialError::FailFast => "UnsupportedError",
        PartialError::Keys { .. } => "InputError",
        _ => "PartialError",
    };
    with_message(py, class, &error.to_string())
}

/// What the engine could not go on for.
pub(crate) fn of_engine(py: Python<'_>, error: &tamis_engine::Error) -> PyErr {
    use tamis_engine::Error;
    let message = error.to_string();
    match error {
        Error::Open { input, source } => of_system(py, source, None, input, &message),
        Error::Read {
            input,
            byte_offset,
            source,
        } => {
            let place = format!("cannot read at byte {byte_offset}");
            of_system(py, source, Some(&place), input, &message)
        }
        Error::Write { output, source } => {
            of_system(py, source, Some("cannot write"), output, &message)
        }
        Error::ClosedPipe { .. } | Error::Changed { .. } | Error::Producer { .. } => {
            with_message(py, "InputError", &message)
        }
        Error::Corrupt { .. }
        | Error::Expansion { .. }
        | Error::Encoding { .. }
        | Error::RecordTooLong { .. } => format(py, &message),
        // A run is cancelled by an exception, which is then raised instead of this.
        Error::Interrupted => PyKeyboardInterrupt::new_err(()),
        Error::Panicked { .. } => internal(py, &message),
        _ => unsupported(py, &message),
    }
}

/// What inference could not go on for.
pub(crate) fn of_process(py: Python<'_>, error: &tamis_process::Error) -> PyErr {
    use tamis_process::Error;
    match error {
        Error::Engine(error) => of_engine(py, error),
        Error::Format { .. } => format(py, &error.to_string()),
        _ => unsupported(py, &error.to_string()),
    }
}

/// An `OSError` with Python's own words for the number.
fn of_system(
    py: Python<'_>,
    source: &io::Error,
    place: Option<&str>,
    filename: &str,
    message: &str,
) -> PyErr {
    let Some(number) = source.raw_os_error() else {
        return with_message(py, "InputError", message);
    };
    let class = match source.kind() {
        io::ErrorKind::NotFound => "InputNotFoundError",
        _ => "InputError",
    };
    let arguments = || {
        let words: String = py
            .import("os")?
            .call_method1("strerror", (number,))?
            .extract()?;
        let words = match place {
            Some(place) => format!("{place}: {words}"),
            None => words,
        };
        (number, words, filename)
            .into_bound_py_any(py)?
            .cast_into::<PyTuple>()
            .map_err(PyErr::from)
    };
    match arguments() {
        Ok(arguments) => of_class(py, class, &arguments),
        Err(error) => error,
    }
}
