//! Sources from what Python code hands in.
//!
//! | given | read as |
//! |---|---|
//! | `str`, `os.PathLike` | a file, by position (never mapped: the fault handler belongs to the process, and so to its host) |
//! | `"-"`, `sys.stdin` | the bytes of `sys.stdin` |
//! | `bytes`, `bytearray`, `memoryview` | memory, unpacked if need be; `bytes` is not copied |
//! | an object with `read1` or `read` | a stream; text is encoded as UTF-8 |
//! | an iterator | a stream of its `bytes`, cut wherever they are; `str` may be text or paths, and is neither |
//! | a `list` or `tuple` of these | several inputs, in order |
//!
//! File objects and iterators ([`crate::reader`]) are asked on the thread that called us ([`crate::detached`]), so an
//! exception they raise is the one that the call ends in.

use std::io::Cursor;
use std::path::PathBuf;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyByteArray, PyBytes, PyIterator, PyList, PyMemoryView, PyString, PyTuple};
use tamis_engine::source::{FileSource, Io, MemorySource, ReadOptions, ReaderSource, Source};
use tamis_formats::sniff::{Format, format_of_name};

use crate::detached::Caller;
use crate::reader::{Asked, Pace, PyReader};

/// How gzip (RFC 1952), zstd (RFC 8878) and lz4 frames begin. No text does: none of these is UTF-8 or printable.
const COMPRESSED_MAGIC: [&[u8]; 3] = [b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"];

/// What inputs are called that have no name.
const BYTES_NAME: &str = "<bytes>";
const FILE_NAME: &str = "<file>";
const ITERATOR_NAME: &str = "<iterator>";

/// The sources behind `given`, in order.
///
/// # Errors
/// `TypeError` for what is no input, `ValueError` for a list without any: no files must not pass for good ones.
pub(crate) fn sources(given: &Bound<'_, PyAny>, caller: &Caller) -> PyResult<Vec<Box<dyn Source>>> {
    if given.is_instance_of::<PyList>() || given.is_instance_of::<PyTuple>() {
        if given.is_empty()? {
            return Err(PyValueError::new_err(
                "there are no inputs: the list is empty",
            ));
        }
        return given.try_iter()?.map(|one| source(&one?, caller)).collect();
    }
    Ok(vec![source(given, caller)?])
}

/// The source behind one input.
///
/// # Errors
/// `TypeError` for what is no input.
pub(crate) fn source(given: &Bound<'_, PyAny>, caller: &Caller) -> PyResult<Box<dyn Source>> {
    paced_source(given, Pace::Any, caller).map(|(source, _)| source)
}

/// The source behind one input that comes at its own pace, and the Python object that it asks, if it does.
///
/// # Errors
/// `TypeError` for what is no input.
pub(crate) fn paced_source(
    given: &Bound<'_, PyAny>,
    pace: Pace<'_>,
    caller: &Caller,
) -> PyResult<(Box<dyn Source>, Option<Asked>)> {
    let py = given.py();
    let options = ReadOptions {
        io: Io::Read,
        cancel: caller.cancel().clone(),
        live: matches!(pace, Pace::Live(_)),
        ..ReadOptions::default()
    };
    if let Ok(bytes) = given.cast::<PyBytes>() {
        return Ok((memory(PyBackedBytes::from(bytes.clone()), options), None));
    }
    if given.is_instance_of::<PyByteArray>() || given.is_instance_of::<PyMemoryView>() {
        // They may change while we read them, so this is a copy.
        let bytes: Vec<u8> = py.get_type::<PyBytes>().call1((given,))?.extract()?;
        return Ok((memory(bytes, options), None));
    }
    let stdin = py.import("sys")?.getattr("stdin")?;
    if is_dash(given) || given.is(&stdin) && !stdin.is_none() {
        // What Python's own buffer already holds is part of it, so the descriptor alone will not do.
        let bytes = stdin.getattr_opt("buffer")?.unwrap_or(stdin);
        let reader = PyReader::of_file(&bytes, pace, caller)?
            .ok_or_else(|| PyTypeError::new_err("there is no standard input"))?;
        return Ok(reader.into_source("-", options));
    }
    if let Some(path) = path(given)? {
        return Ok((Box::new(FileSource::new(path, options)), None));
    }
    if let Some(reader) = PyReader::of_file(given, pace, caller)? {
        let name = given.getattr_opt("name")?;
        let name = name.and_then(|name| name.extract::<String>().ok());
        let name = name.unwrap_or_else(|| FILE_NAME.to_owned());
        return Ok(reader.into_source(name, options));
    }
    if let Ok(iterator) = given.cast::<PyIterator>() {
        let reader = PyReader::of_iterator(iterator, pace, caller);
        return Ok(reader.into_source(ITERATOR_NAME, options));
    }
    let class = given.get_type();
    let expected = match given.is_instance_of::<PyList>() || given.is_instance_of::<PyTuple>() {
        true => "one input",
        false => "a path, bytes, a file object, an iterator of bytes, or a list of these",
    };
    Err(PyTypeError::new_err(format!(
        "expected {expected}, not `{}`",
        class.name()?
    )))
}

/// The path that `given` is; `None` if it is something else, or stands for standard input.
pub(crate) fn path(given: &Bound<'_, PyAny>) -> PyResult<Option<PathBuf>> {
    if is_dash(given) || !given.is_instance_of::<PyString>() && !given.hasattr("__fspath__")? {
        return Ok(None);
    }
    // It may be bytes in the end: names of files need not be text.
    let path = given
        .py()
        .import("os")?
        .call_method1("fsdecode", (given,))?;
    path.extract().map(Some)
}

fn is_dash(given: &Bound<'_, PyAny>) -> bool {
    given.cast::<PyString>().is_ok_and(|text| text == "-")
}

/// Bytes in memory: a stream if they are compressed, as a file with the same bytes would be.
fn memory(
    bytes: impl AsRef<[u8]> + Send + Sync + 'static,
    options: ReadOptions,
) -> Box<dyn Source> {
    let is_compressed = |magic: &&[u8]| bytes.as_ref().starts_with(magic);
    if COMPRESSED_MAGIC.iter().any(is_compressed) {
        return Box::new(ReaderSource::new(BYTES_NAME, Cursor::new(bytes), options));
    }
    Box::new(MemorySource::new(BYTES_NAME, bytes))
}

/// The format that `word` means for these sources. `csv` leaves the delimiter to their names; where these tell different
/// ones, `None` has each input read by its own.
pub(crate) fn format(word: Option<&str>, sources: &[Box<dyn Source>]) -> PyResult<Option<Format>> {
    match word {
        None => Ok(None),
        Some("jsonl") => Ok(Some(Format::JsonLines)),
        Some("csv") => {
            let mut formats = sources.iter().map(|it| delimited_by_name(it.name()));
            let first = formats.next().unwrap_or(COMMAS);
            Ok(formats.all(|other| other == first).then_some(first))
        }
        Some(other) => Err(PyValueError::new_err(format!(
            "`format` is \"csv\" or \"jsonl\", not {other:?}"
        ))),
    }
}

const COMMAS: Format = Format::Delimited { delimiter: b',' };

fn delimited_by_name(name: &str) -> Format {
    match format_of_name(name) {
        Some(delimited @ Format::Delimited { .. }) => delimited,
        _ => COMMAS,
    }
}
