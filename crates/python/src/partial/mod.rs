//! A check in parts, for Python: ranges, scans and partials that can be pickled; [`steps`] makes and uses them.
//!
//! The classes are values of the contract crate with a thin face; pickles are their serialised forms, which carry a
//! version and a checksum (`docs/partial.md`).

mod steps;

use std::hash::{DefaultHasher, Hash, Hasher};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use tamis_contract::check;
use tamis_contract::report::text;
use tamis_engine::human;

use crate::error;

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
            "<Partial: {}, {} invalid, of {} and {}>",
            text::counted(self.rows(), "row"),
            human::count(self.rows_invalid()),
            text::counted(ranges, "range"),
            text::counted(self.chunks(), "chunk")
        )
    }
}
