//! A compiled check for Python: rules and options together, for any number of runs.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tamis_contract::check::{self, BatchOptions, CheckOptions, RowsInput, Unchecked};
#[cfg(feature = "kafka")]
use tamis_contract::model::CsvFacts;
use tamis_engine::control::{Cancel, Progress, Snapshot};
use tamis_engine::source::Source;

use crate::contract::Contract;
use crate::detached::Desk;
use crate::result::ValidationResult;
use crate::rows::Rows;
use crate::stream::{self, StreamOptions, ValidationStream};
use crate::{arrow, error, rows, source};

/// Progress is told no more often than this.
const TELL: Duration = Duration::from_millis(100);

/// Each thread has buffers of its own; `tamis.validator` refuses more.
const THREADS_MAX: usize = 1024;

/// Adds the class.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Check>()
}

/// The rules of a contract, compiled, and how they are to be checked. Can be used by several threads at once.
#[pyclass(module = "tamis._tamis", frozen)]
pub(crate) struct Check {
    rules: Arc<check::Check>,
    options: CheckOptions,
    /// What the contract says of CSV.
    #[cfg(feature = "kafka")]
    csv: CsvFacts,
}

#[pymethods]
impl Check {
    #[new]
    #[pyo3(signature = (contract, *, threads=None, max_errors=1000, memory_bytes=200_000_000, spill_dir=None, allow_unchecked=false))]
    fn new(
        py: Python<'_>,
        contract: &Contract,
        threads: Option<usize>,
        max_errors: usize,
        memory_bytes: usize,
        spill_dir: Option<PathBuf>,
        allow_unchecked: bool,
    ) -> PyResult<Check> {
        let unchecked = match allow_unchecked {
            true => Unchecked::Allow,
            false => Unchecked::Refuse,
        };
        let rules = check::Check::compile(contract.model(), contract.object(), unchecked)
            .map_err(|error| error::of_check(py, &error))?;
        let defaults = CheckOptions::default();
        Ok(Check {
            rules: Arc::new(rules),
            #[cfg(feature = "kafka")]
            csv: contract.object().csv.clone(),
            options: CheckOptions {
                threads: threads.unwrap_or(defaults.threads).clamp(1, THREADS_MAX),
                samples_max: max_errors,
                memory_bytes,
                spill_dir,
                ..defaults
            },
        })
    }

    /// Checks these inputs as one run. `progress` is called with a dict about ten times a second, and at the end.
    #[pyo3(signature = (sources, *, format=None, progress=None))]
    fn run(
        &self,
        py: Python<'_>,
        sources: &Bound<'_, PyAny>,
        format: Option<&str>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<ValidationResult> {
        let mut options = self.options();
        let mut desk = Desk::new(options.cancel.clone());
        let sources = source::sources(sources, desk.caller())?;
        options.format = source::format(format, &sources)?;
        let inputs: Vec<&dyn Source> = sources.iter().map(AsRef::as_ref).collect();
        let mut teller = Teller::new(progress, options.progress.clone());
        let rules = self.rules();
        let work = || rules.run(&inputs, &options, None, None);
        let report = desk.run(py, |py| teller.tell_if_due(py), work)?;
        let report = report.map_err(|error| error::of_check(py, &error))?;
        teller.tell_end(py)?;
        Ok(report.into())
    }

    /// Checks rows that Python holds: Arrow data, or an iterable of dicts. `progress` is called as by `run`.
    #[pyo3(signature = (data, *, progress=None))]
    fn run_rows(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<ValidationResult> {
        let options = self.options();
        let mut desk = Desk::new(options.cancel.clone());
        let mut teller = Teller::new(progress, options.progress.clone());
        let rules = self.rules();
        let watch = |py: Python<'_>| teller.tell_if_due(py);
        let report = match arrow::import(data)? {
            Some(batches) => {
                let (name, format) = (arrow::NAME, "arrow");
                let schema = batches.schema.clone();
                let work =
                    || rules.run_arrow(RowsInput { name, format }, &schema, batches, &options);
                desk.run(py, watch, work)?
            }
            None => {
                let (name, format) = (rows::NAME, "rows");
                let batches = Rows::new(data, rules, desk.caller())?;
                let work = || rules.run_rows(RowsInput { name, format }, batches, &options);
                desk.run(py, watch, work)?
            }
        };
        let report = report.map_err(|error| error::of_check(py, &error))?;
        teller.tell(py)?;
        Ok(report.into())
    }

    /// Checks one input and hands out a result for every `rows` of its rows, in a stream of its own.
    #[pyo3(signature = (source, *, rows, format=None, progress=None, follow=false, max_wait=None))]
    fn batches(
        &self,
        source: &Bound<'_, PyAny>,
        rows: NonZero<u64>,
        format: Option<String>,
        progress: Option<Py<PyAny>>,
        follow: bool,
        max_wait: Option<f64>,
    ) -> PyResult<ValidationStream> {
        let batches = BatchOptions {
            rows,
            samples_max: self.options.samples_max,
            max_wait: max_wait.map(stream::seconds).transpose()?,
        };
        let options = StreamOptions {
            batches,
            follow,
            format,
            progress,
        };
        ValidationStream::start(self, source, options)
    }

    /// Number of rules that are checked.
    #[getter]
    fn rules_checked(&self) -> usize {
        self.rules().rules_checked()
    }

    /// Worker threads.
    #[getter]
    fn threads(&self) -> usize {
        self.options.threads
    }
}

impl Check {
    /// The compiled rules.
    pub(crate) fn rules(&self) -> &Arc<check::Check> {
        &self.rules
    }

    /// What the contract says of CSV.
    #[cfg(feature = "kafka")]
    pub(crate) fn csv(&self) -> &CsvFacts {
        &self.csv
    }

    /// How many samples a report lists.
    #[cfg(feature = "kafka")]
    pub(crate) fn samples_max(&self) -> usize {
        self.options.samples_max
    }

    /// The options of one run, with a cancellation and counters of its own.
    pub(crate) fn options(&self) -> CheckOptions {
        CheckOptions {
            cancel: Cancel::new(),
            progress: Progress::new(),
            ..self.options.clone()
        }
    }
}

/// Calls a Python function with how far a run has come.
pub(crate) struct Teller {
    callback: Option<Py<PyAny>>,
    progress: Progress,
    started: Instant,
    told: Instant,
}

impl Teller {
    /// Tells `callback`, if there is one.
    pub(crate) fn new(callback: Option<Py<PyAny>>, progress: Progress) -> Teller {
        let now = Instant::now();
        Teller {
            callback,
            progress,
            started: now,
            told: now,
        }
    }

    /// Shows the callback to Python's garbage collector.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.callback)
    }

    /// Tells, unless that was done a moment ago.
    pub(crate) fn tell_if_due(&mut self, py: Python<'_>) -> PyResult<()> {
        if self.told.elapsed() < TELL {
            return Ok(());
        }
        self.tell(py)
    }

    /// Tells how far the run is: `rows`, `bytes` (read, as stored), `total_bytes` (None if unknown), `violations`,
    /// `elapsed` (seconds).
    pub(crate) fn tell(&mut self, py: Python<'_>) -> PyResult<()> {
        self.tell_of(py, self.progress.snapshot())
    }

    /// Tells that all is read. What lies before the first record counts only now.
    pub(crate) fn tell_end(&mut self, py: Python<'_>) -> PyResult<()> {
        let mut end = self.progress.snapshot();
        end.raw_bytes = end.raw_bytes.max(end.raw_bytes_total);
        self.tell_of(py, end)
    }

    fn tell_of(&mut self, py: Python<'_>, now: Snapshot) -> PyResult<()> {
        self.told = Instant::now();
        let Some(callback) = &self.callback else {
            return Ok(());
        };
        let total_bytes = Some(now.raw_bytes_total).filter(|&total| total > 0);
        let info = PyDict::new(py);
        info.set_item("rows", now.records)?;
        info.set_item("bytes", now.raw_bytes)?;
        info.set_item("total_bytes", total_bytes)?;
        info.set_item("violations", now.violations)?;
        info.set_item("elapsed", self.started.elapsed().as_secs_f64())?;
        callback.call1(py, (info,)).map(drop)
    }
}
