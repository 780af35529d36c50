//! The steps of a check in parts, as methods of [`Check`].
//!
//! A range names its input: whoever is given one opens the file of that path, unless it is told another source.

use std::path::PathBuf;

use pyo3::prelude::*;
use tamis_contract::check::{self, ChunkColumns, KeyFiles, RowsInput, Streams};
use tamis_engine::source::{FileSource, Io, ReadOptions, Source};

use super::{InputRange, Partial, PlannedRange, Scan};
use crate::check::{Check, Teller};
use crate::detached::Desk;
use crate::result::ValidationResult;
use crate::rows::Rows;
use crate::{arrow, error, rows, source};

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

    /// Checks rows that Python holds, Arrow data or an iterable of dicts, as a chunk without a place.
    ///
    /// `judges_columns=False`: the data is a part of a table, and another part's columns are held to the contract.
    #[pyo3(signature = (data, *, judges_columns=true))]
    fn map_rows(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        judges_columns: bool,
    ) -> PyResult<Partial> {
        let options = self.options();
        let mut desk = Desk::new(options.cancel.clone());
        let rules = self.rules();
        let partial = match arrow::import(data)? {
            Some(batches) => {
                let (name, format) = (arrow::NAME, "arrow");
                let schema = batches.schema.clone();
                let input = RowsInput { name, format };
                let columns = match judges_columns {
                    true => ChunkColumns::Judged,
                    false => ChunkColumns::JudgedElsewhere,
                };
                let work = || rules.map_arrow(input, &schema, batches, columns, &options);
                desk.run(py, |_| Ok(()), work)?
            }
            None => {
                let (name, format) = (rows::NAME, "rows");
                let batches = Rows::new(data, rules, desk.caller())?;
                let work = || rules.map_rows(RowsInput { name, format }, batches, &options);
                desk.run(py, |_| Ok(()), work)?
            }
        };
        partial
            .map(Partial)
            .map_err(|error| error::of_check(py, &error))
    }

    /// The result of all records behind `partials`, an iterable. They are merged as they come, so that few of them are in
    /// memory. `remove_keys`: their files of keys are of no use any more.
    #[pyo3(signature = (partials, *, remove_keys=true))]
    fn reduce(
        &self,
        py: Python<'_>,
        partials: &Bound<'_, PyAny>,
        remove_keys: bool,
    ) -> PyResult<ValidationResult> {
        let options = self.options();
        let mut desk = Desk::new(options.cancel.clone());
        let mut raised = None;
        let partials = partials.try_iter()?.map_while(|partial| {
            let partial =
                partial.and_then(|partial| Ok(partial.cast::<Partial>()?.get().0.clone()));
            partial.map_err(|error| raised = Some(error)).ok()
        });
        let merged = check::Partial::merge_all(partials);
        if let Some(raised) = raised {
            return Err(raised);
        }
        let merged = merged.map_err(|error| error::of_partial(py, &error))?;
        let key_files = match remove_keys {
            true => KeyFiles::Remove,
            false => KeyFiles::Keep,
        };
        let work = || self.rules().reduce([merged], &options, key_files);
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
