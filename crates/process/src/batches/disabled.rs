//! Takes the place of [`enabled`](self) in builds without Parquet and Arrow: there is no such output, and the types say so.

use tamis_engine::sink::Sink;
use tamis_formats::Block;
use tamis_formats::file::RecordFile;
use tamis_formats::sniff::Format;
use tamis_formats::vector::{Type, Vector};

use crate::Result;

/// What there is none of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Never {}

/// Formats of columns: this build has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchFormat(Never);

/// There is none.
///
/// # Errors
/// Never.
pub fn batch_format(
    _: Format,
    _: Option<&str>,
) -> std::result::Result<Option<BatchFormat>, String> {
    Ok(None)
}

#[derive(Debug)]
pub(crate) struct Batch(Never);

#[derive(Debug)]
pub(crate) struct Stored(Never);

#[derive(Debug)]
pub(crate) struct Target(Never);

#[derive(Debug)]
pub(crate) struct Gatherer(Never);

pub(crate) struct Output(Never);

#[expect(dead_code, reason = "there is nobody to read what is not gathered")]
pub(crate) enum From<'v> {
    Vector(&'v Vector, &'v [u8]),
    Origin(usize),
}

pub(crate) fn stored(_: &dyn RecordFile) -> Vec<Stored> {
    Vec::new()
}

pub(crate) fn has_arrays(_: &dyn RecordFile) -> bool {
    false
}

impl Target {
    pub(crate) fn new<'c>(
        format: BatchFormat,
        _: impl Iterator<Item = (&'c String, Type, Option<&'c Stored>)>,
    ) -> Target {
        match format.0 {}
    }

    pub(crate) fn move_rows(&mut self) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn gatherer(&self) -> Gatherer {
        match self.0 {}
    }

    pub(crate) fn encode(
        &self,
        _: &mut Gatherer,
        _: &mut Vec<u8>,
        _: &mut Vec<usize>,
    ) -> std::result::Result<(), tamis_formats::Error> {
        match self.0 {}
    }

    pub(crate) fn open(&self, _: Box<dyn Sink>, _: usize) -> Output {
        match self.0 {}
    }
}

impl Gatherer {
    pub(crate) fn add<'v>(
        &mut self,
        _: &Block<'_>,
        _: &[u64],
        _: impl Fn(usize) -> From<'v>,
    ) -> std::result::Result<(), tamis_formats::Error> {
        match self.0 {}
    }

    pub(crate) fn finish(&mut self) -> std::result::Result<Vec<Batch>, tamis_formats::Error> {
        match self.0 {}
    }
}

impl Output {
    pub(crate) fn write(&mut self, _: &[Batch], _: u64) -> tamis_engine::Result<()> {
        match self.0 {}
    }

    pub(crate) fn write_rows<'r>(
        &mut self,
        _: impl IntoIterator<Item = &'r [u8]>,
    ) -> tamis_engine::Result<()> {
        match self.0 {}
    }

    pub(crate) fn finish(self) -> tamis_engine::Result<()> {
        match self.0 {}
    }
}
