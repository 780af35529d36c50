//! A check in parts, for Python: ranges, scans and partials that can be pickled, and what makes and uses them.
//!
//! The classes are values of the contract crate with a thin face; pickles are their serialised forms, which carry a
//! version and a checksum (`docs/partial.md`). A range names its input: whoever is given one opens the file of that
//! path, unless it is told another source.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use tamis_contract::check::{self, KeyFiles, Streams};
use tamis_engine::source::{FileSource, Io, ReadOptions, Source};

use crate::check::{Check, Teller};
use crate::detached::Desk;
use crate::result::ValidationResult;
use crate::{error, source};

/// Adds the classes.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<InputRange>()?;
    module.add_class::<Scan>()?;
    module.add_class::<PlannedRange>()?;
    module.add_class::<Partial>()
}

/// A class around a value that travels as bytes: pickled, compared and hashed by them.
macro_rules! travelling {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[pyclass(module = "tamis._tamis", frozen)]
        pub(crate) struct $name(check::$name);

        #[pymethods]
        impl $name {
            /// Reads what `to_bytes` gave, on this machine or another.
            #[staticmethod]
            fn from_bytes(py: Python<'_>, bytes: &[u8]) -> PyResult<$name> {
                let read = check::$name::from_bytes(bytes);
                read.map($name).map_err(|error| error::of_partial(py, &error))
            }

            /// The value as bytes: JSON with a version and a checksum.
            fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
                PyBytes::new(py, &self.0.to_bytes())
            }

            fn __reduce__<'py>(this: &Bound<'py, $name>) -> PyResult<Bound<'py, PyTuple>> {
                let read = this.get_type().getattr("from_bytes")?;
                (read, (this.get().to_bytes(this.py()),)).into_pyobject(this.py())
            }

            fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
                other.cast::<$name>().is_ok_and(|other| self.0 == other.get().0)
            }

            fn __hash__(&self) -> u64 {
                let mut hasher = DefaultHasher::new();
                self.0.to_bytes().hash(&mut hasher);
                hasher.finish()
            }
        }
    };
}

travelling! {
    /// A byte range of an input; nobody knows yet whether it begins inside quotes.
    InputRange
}
travelling! {
    /// What a range does to quotes, whatever comes before it.
    Scan
}
travelling! {
    /// A range that can be checked by itself, on any machine.
    PlannedRange
}
travelling! {
    /// What checking some records gave: counts and the first errors. Adds up with others.
    Partial
}

/// The getters of both kinds of range.
macro_rules! range_getters {
    ($name:ident, $this:ident => $range:expr) => {
        #[pymethods]
        impl $name {
            /// Name of the input, usually a path.
            #[getter]
            fn input(&self) -> &str {
                let $this = &self.0;
                $range.input_name()
            }

            /// Place of the input among those that were split, from 0.
            #[getter]
            fn input_index(&self) -> u32 {
                let $this = &self.0;
                $range.input_index()
            }

            /// Place of the range in its input, from 0.
            #[getter]
            fn ordinal(&self) -> u32 {
                let $this = &self.0;
                $range.ordinal()
            }

            /// First byte, and the byte behind the last one.
            #[getter]
            fn byte_range(&self) -> (u64, u64) {
                let $this = &self.0;
                let bytes = $range.byte_range();
                (bytes.start, bytes.end)
            }

            /// Whether it is all of an input that cannot be read from the middle.
            #[getter]
            fn is_stream(&self) -> bool {
                let $this = &self.0;
                $range.is_stream()
            }

            fn __repr__(&self) -> String {
                let (start, end) = self.byte_range();
                let bytes = match self.is_stream() {
                    true => "all of it".to_owned(),
                    false => format!("bytes {start} to {end}"),
                };
                let (class, ordinal) = (stringify!($name), self.ordinal());
                format!("<{class} {ordinal} of {}: {bytes}>", self.input())
            }
        }
    };
}

range_getters!(InputRange, range => range);
range_getters!(PlannedRange, planned => planned.range());

#[pymethods]
impl PlannedRange {
    /// Identifies the plan that the range belongs to.
    #[getter]
    fn plan(&self) -> &str {
        self.0.plan()
    }
}

#[pymethods]
impl Partial {
    /// This partial and `other` as one. Chunks without a place come in the order in which they are merged.
    fn merge(&self, py: Python<'_>, other: &Partial) -> PyResult<Partial> {
        let (one, other) = (self.0.clone(), other.0.clone());
        let merged = py.detach(|| one.merge(other));
        merged
            .map(Partial)
            .map_err(|error| error::of_partial(py, &error))
    }

    /// Rows in it, good and bad.
    #[getter]
    fn rows(&self) -> u64 {
        self.0.rows()
    }

    /// Bad rows in it; duplicates are found when partials are reduced.
    #[getter]
    fn rows_invalid(&self) -> u64 {
        self.0.rows_invalid()
    }

    /// Identifies the plan it belongs to; None if it has no place.
    #[getter]
    fn plan(&self) -> Option<&str> {
        self.0.plan()
    }

    /// The ranges in it: index of the input, first ordinal, and the ordinal behind the last one.
    #[getter]
    fn ranges(&self) -> Vec<(u32, u32, u32)> {
        let ranges = self.0.ranges();
        ranges
            .map(|(input, ordinals)| (input, ordinals.start, ordinals.end))
            .collect()
    }

    /// Chunks without a place in it.
    #[getter]
    fn chunks(&self) -> u64 {
        self.0.chunks()
    }

    fn __repr__(&self) -> String {
        let ranges: u64 = self
            .0
            .ranges()
            .map(|(_, ordinals)| u64::from(ordinals.end) - u64::from(ordinals.start))
            .sum();
        format!(
            "<Partial: {} rows, {} invalid, of {ranges} ranges and {} chunks>",
            self.rows(),
            self.rows_invalid(),
            self.chunks()
        )
    }
}

#[pymethods]
impl Check {
    /// Raises `tamis.UnsupportedError` if a check in parts needs a folder that all machines share, and there is none.
    fn require_shared_folder(&self, py: Python<'_>) -> PyResult<()> {
        let required = self.rules().require_shared_folder(&self.options());
        required.map_err(|error| error::of_partial(py, &error))
    }

    /// Divides inputs into ranges of about `chunk_bytes`. What cannot be read from the middle is one range, or is
    /// refused with `streams=False`.
    #[pyo3(signature = (sources, *, chunk_bytes, format=None, streams=true))]
    fn split(
        &self,
        py: Python<'_>,
        sources: &Bound<'_, PyAny>,
        chunk_bytes: u64,
        format: Option<&str>,
        streams: bool,
    ) -> PyResult<Vec<InputRange>> {
        let mut options = self.options();
        let mut desk = Desk::new(options.cancel.clone());
        let sources = source::sources(sources, desk.caller())?;
        options.format = source::format(format, &sources)?;
        let inputs: Vec<&dyn Source> = sources.iter().map(AsRef::as_ref).collect();
        let streams = match streams {
            true => Streams::OneRange,
            false => Streams::Refuse,
        };
        let work = || self.rules().split(&inputs, chunk_bytes, streams, &options);
        let ranges = desk.run(py, |_| Ok(()), work)?;
        let ranges = ranges.map_err(|error| error::of_check(py, &error))?;
        Ok(ranges.into_iter().map(InputRange).collect())
    }

    /// Reads a range and says what it does to quotes. `source`: its input, if that is not the file of that name.
    #[pyo3(signature = (range, *, source=None))]
    fn scan(
        &self,
        py: Python<'_>,
        range: &InputRange,
        source: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Scan> {
        let options = self.options();
        let mut desk = Desk::new(options.cancel.clone());
        let source = input(range.0.input_name(), source, &desk)?;
        let work = || self.rules().scan(source.as_ref(), &range.0, &options);
        let scan = desk.run(py, |_| Ok(()), work)?;
        scan.map(Scan).map_err(|error| error::of_check(py, &error))
    }

    /// Finds out how each range begins. Ranges and scans may come in any order.
    fn plan(
        &self,
        py: Python<'_>,
        ranges: Vec<PyRef<'_, InputRange>>,
        scans: Vec<PyRef<'_, Scan>>,
    ) -> PyResult<Vec<PlannedRange>> {
        let ranges: Vec<_> = ranges.iter().map(|range| range.0.clone()).collect();
        let scans: Vec<_> = scans.iter().map(|scan| scan.0.clone()).collect();
        let planned = py.detach(|| self.rules().plan(&ranges, &scans));
        let planned = planned.map_err(|error| error::of_check(py, &error))?;
        Ok(planned.into_iter().map(PlannedRange).collect())
    }

    /// Checks the records that start in a planned range. `source`: its input, if that is not the file of that name.
    #[pyo3(signature = (range, *, source=None, progress=None))]
    fn map_range(
        &self,
        py: Python<'_>,
        range: &PlannedRange,
        source: Option<&Bound<'_, PyAny>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Partial> {
        let options = self.options();
        let mut desk = Desk::new(options.cancel.clone());
        let source = input(range.0.range().input_name(), source, &desk)?;
        let mut teller = Teller::new(progress, options.progress.clone());
        let work = || self.rules().map_range(source.as_ref(), &range.0, &options);
        let partial = desk.run(py, |py| teller.tell_if_due(py), work)?;
        let partial = partial.map_err(|error| error::of_check(py, &error))?;
        teller.tell(py)?;
        Ok(Partial(partial))
    }

    /// Checks all records of a source as a chunk without a place.
    #[pyo3(signature = (source, *, format=None))]
    fn map_source(
        &self,
        py: Python<'_>,
        source: &Bound<'_, PyAny>,
        format: Option<&str>,
    ) -> PyResult<Partial> {
        let mut options = self.options();
        let mut desk = Desk::new(options.cancel.clone());
        let sources = [source::source(source, desk.caller())?];
        options.format = source::format(format, &sources)?;
        let [source] = &sources;
        let work = || self.rules().map_source(source.as_ref(), &options);
        let partial = desk.run(py, |_| Ok(()), work)?;
        partial
            .map(Partial)
            .map_err(|error| error::of_check(py, &error))
    }

    /// The result of all records behind `partials`. `remove_keys`: their files of keys are of no use any more.
    #[pyo3(signature = (partials, *, remove_keys=true))]
    fn reduce(
        &self,
        py: Python<'_>,
        partials: Vec<PyRef<'_, Partial>>,
        remove_keys: bool,
    ) -> PyResult<ValidationResult> {
        let options = self.options();
        let mut desk = Desk::new(options.cancel.clone());
        let partials: Vec<_> = partials.iter().map(|partial| partial.0.clone()).collect();
        let key_files = match remove_keys {
            true => KeyFiles::Remove,
            false => KeyFiles::Keep,
        };
        let work = || self.rules().reduce(partials, &options, key_files);
        let report = desk.run(py, |_| Ok(()), work)?;
        let report = report.map_err(|error| error::of_check(py, &error))?;
        Ok(report.into())
    }
}

/// The input of a range: what the caller says, or the file of its name.
fn input(name: &str, given: Option<&Bound<'_, PyAny>>, desk: &Desk) -> PyResult<Box<dyn Source>> {
    if let Some(given) = given {
        return source::source(given, desk.caller());
    }
    let options = ReadOptions {
        io: Io::Read,
        cancel: desk.caller().cancel().clone(),
        ..ReadOptions::default()
    };
    Ok(Box::new(FileSource::new(PathBuf::from(name), options)))
}
