//! File objects and iterators of Python as readers.
//!
//! A [`PyReader`] belongs to a run, which reads on threads of its own. What it asks is a [`Pull`], on the thread that
//! called us; what that gives stays where Python has it, and is copied once, into the reader's buffer.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyBlockingIOError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyByteArray, PyBytes, PyIterator, PyMemoryView, PyString};
use tamis_engine::control::Progress;
use tamis_engine::source::{ReadOptions, ReaderSource, Source, TRICKLE_BYTES};

use crate::detached::Caller;

/// Characters asked of a text file at once; a binary one is asked for as much as the reader wants.
const TEXT_CHARACTERS: usize = 256 << 10;
/// Items of an iterator are gathered up to this size, so that few of them cross threads one by one...
const GATHERED_BYTES: usize = 256 << 10;
/// ... but not for longer than this: a live one may take its time.
const GATHERED_FOR: Duration = Duration::from_millis(20);
/// Checking [`TRICKLE_BYTES`] takes less than a millisecond. The bytes of a header that is not complete are not taken in at all.
const SETTLED_IN: Duration = Duration::from_millis(50);

/// Whether what a slow input has given so far is wanted while it is waited for.
#[derive(Clone, Copy)]
pub(crate) enum Pace<'a> {
    Any,
    /// It is, and this says how much of it the run has taken in.
    Live(&'a Progress),
}

/// What a source asks for its bytes, for Python's garbage collector to see.
pub(crate) struct Asked(Arc<Pull>);

/// How to get the next bytes of a Python object.
enum Pull {
    /// Call this with a size; the end is an empty answer.
    Read { method: Py<PyAny> },
    /// Ask for the next item; an empty one is not the end.
    Iterator {
        iterator: Py<PyIterator>,
        /// What it raised after items that are still to be checked.
        failed: Mutex<Option<PyErr>>,
    },
}

/// Bytes that a Python object gave, where they lie.
enum Given {
    Bytes(PyBackedBytes),
    Text(PyBackedStr),
    Copied(Vec<u8>),
}

impl Given {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Given::Bytes(bytes) => bytes,
            Given::Text(text) => text.as_bytes(),
            Given::Copied(bytes) => bytes,
        }
    }

    /// What a file object read, which may be text.
    fn read(object: Bound<'_, PyAny>) -> PyResult<Given> {
        if let Ok(text) = object.cast::<PyString>() {
            return Ok(Given::Text(PyBackedStr::try_from(text.clone())?));
        }
        Given::bytes(object)?.map_err(|class| {
            PyTypeError::new_err(format!("the file object gave `{class}`, not bytes or text"))
        })
    }

    /// An item of an iterator. Text could be lines as well as names of files, and whoever meant the files must not get an answer
    /// about their names.
    fn item(object: Bound<'_, PyAny>) -> PyResult<Given> {
        let is_text = object.is_instance_of::<PyString>();
        let hint = match is_text {
            true => ": encode it if it is text, or give a list if these are paths",
            false if object.hasattr("__fspath__")? => ": if these are paths, give a list of them",
            false => "",
        };
        Given::bytes(object)?.map_err(|class| {
            PyTypeError::new_err(format!("the iterator gave `{class}`, not bytes{hint}"))
        })
    }

    /// What is like `bytes`, or else the name of its class.
    fn bytes(object: Bound<'_, PyAny>) -> PyResult<Result<Given, String>> {
        let object = match object.cast_into::<PyBytes>() {
            Ok(bytes) => return Ok(Ok(Given::Bytes(bytes.into()))),
            Err(error) => error.into_inner(),
        };
        if object.is_instance_of::<PyByteArray>() || object.is_instance_of::<PyMemoryView>() {
            let bytes = object.py().get_type::<PyBytes>().call1((object,))?;
            return Ok(Ok(Given::Copied(bytes.extract()?)));
        }
        Ok(Err(object.get_type().name()?.to_string()))
    }
}

/// A file object or an iterator as a Rust reader.
pub(crate) struct PyReader {
    pull: Arc<Pull>,
    caller: Caller,
    given: Option<Given>,
    position: usize,
    given_bytes: u64,
    /// For a live input: how much has been taken in.
    taken: Option<Progress>,
}

impl PyReader {
    fn new(pull: Pull, pace: Pace<'_>, caller: &Caller) -> PyReader {
        PyReader {
            pull: Arc::new(pull),
            caller: caller.clone(),
            given: None,
            position: 0,
            given_bytes: 0,
            taken: match pace {
                Pace::Any => None,
                Pace::Live(progress) => Some(progress.clone()),
            },
        }
    }

    /// A source of this name, and what it asks.
    pub(crate) fn into_source(
        self,
        name: impl Into<String>,
        options: ReadOptions,
    ) -> (Box<dyn Source>, Option<Asked>) {
        let asked = Asked(Arc::clone(&self.pull));
        (
            Box::new(ReaderSource::new(name, self, options)),
            Some(asked),
        )
    }

    /// A reader over an iterator.
    pub(crate) fn of_iterator(
        iterator: &Bound<'_, PyIterator>,
        pace: Pace<'_>,
        caller: &Caller,
    ) -> PyReader {
        let pull = Pull::Iterator {
            iterator: iterator.clone().unbind(),
            failed: Mutex::new(None),
        };
        PyReader::new(pull, pace, caller)
    }

    /// A reader over a file object; `None` if it is none.
    pub(crate) fn of_file(
        object: &Bound<'_, PyAny>,
        pace: Pace<'_>,
        caller: &Caller,
    ) -> PyResult<Option<PyReader>> {
        // `read` of a buffered pipe waits until it has all it was asked for, `read1` gives what there is.
        for name in ["read1", "read"] {
            let method = object
                .getattr_opt(name)?
                .filter(|method| method.is_callable());
            if let Some(method) = method {
                let pull = Pull::Read {
                    method: method.unbind(),
                };
                return Ok(Some(PyReader::new(pull, pace, caller)));
            }
        }
        Ok(None)
    }

    /// Asking a slow input for more can keep the thread that also takes results; let it have first what comes of
    /// the bytes before.
    fn settle(&self) {
        let last_bytes = self
            .given
            .as_ref()
            .map_or(0, |given| given.as_bytes().len());
        let Some(taken) = &self.taken else { return };
        let started = Instant::now();
        while last_bytes < TRICKLE_BYTES
            && taken.snapshot().raw_bytes < self.given_bytes
            && started.elapsed() < SETTLED_IN
            && !self.caller.cancel().is_cancelled()
        {
            thread::sleep(Duration::from_micros(100));
        }
    }
}

impl Asked {
    /// Shows the object to the collector. The reader's own hold on it is this one.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &*self.0 {
            Pull::Read { method } => visit.call(method),
            Pull::Iterator { iterator, .. } => visit.call(iterator),
        }
    }
}

impl Pull {
    /// The next bytes; `None` at the end.
    fn next(&self, py: Python<'_>, wanted: usize) -> PyResult<Option<Given>> {
        match self {
            Pull::Read { method } => {
                let given = method.bind(py).call1((wanted.max(TEXT_CHARACTERS),))?;
                if given.is_none() {
                    let text =
                        "the file object has no data now: it must not be in non-blocking mode";
                    return Err(PyBlockingIOError::new_err(text));
                }
                let given = Given::read(given)?;
                Ok(Some(given).filter(|given| !given.as_bytes().is_empty()))
            }
            Pull::Iterator { iterator, failed } => {
                if let Some(raised) = lock(failed).take() {
                    return Err(raised);
                }
                let (gathered, raised) = gather(iterator.bind(py));
                match (gathered, raised) {
                    (None, Some(raised)) => Err(raised),
                    (gathered, raised) => {
                        *lock(failed) = raised;
                        Ok(gathered)
                    }
                }
            }
        }
    }
}

/// As many items as come without waiting long, which may be no bytes at all; `None` at the end; and what was raised after
/// them.
fn gather(iterator: &Bound<'_, PyIterator>) -> (Option<Given>, Option<PyErr>) {
    let started = Instant::now();
    let mut gathered = Vec::new();
    let mut is_end = true;
    let mut raised = None;
    for item in iterator.clone() {
        let item = match item.and_then(Given::item) {
            Ok(item) => item,
            Err(error) => {
                raised = Some(error);
                break;
            }
        };
        if gathered.is_empty() && item.as_bytes().len() >= GATHERED_BYTES {
            return (Some(item), None);
        }
        gathered.extend_from_slice(item.as_bytes());
        // Of empty items too: one written in C would never let anybody look for Ctrl-C.
        if gathered.len() >= GATHERED_BYTES || started.elapsed() >= GATHERED_FOR {
            is_end = false;
            break;
        }
    }
    let gathered = (!is_end || !gathered.is_empty()).then_some(Given::Copied(gathered));
    (gathered, raised)
}

fn lock(failed: &Mutex<Option<PyErr>>) -> MutexGuard<'_, Option<PyErr>> {
    failed.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Read for PyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(given) = &self.given {
                let left = &given.as_bytes()[self.position..];
                if !left.is_empty() {
                    let count = left.len().min(buffer.len());
                    buffer[..count].copy_from_slice(&left[..count]);
                    self.position += count;
                    return Ok(count);
                }
            }
            self.settle();
            let (pull, wanted) = (Arc::clone(&self.pull), buffer.len());
            self.position = 0;
            self.given = self
                .caller
                .call(move |py| pull.next(py, wanted))
                .map_err(io::Error::other)?;
            match &self.given {
                None => return Ok(0),
                Some(given) => self.given_bytes += given.as_bytes().len() as u64,
            }
        }
    }
}
