//! Files of columns with types, in a build without Parquet and Arrow: there are none.

use tamis_engine::sink::Sink;
use tamis_formats::sniff::Format;
use tamis_formats::vector::Vector;

use super::translation::Column;

/// Whether such files can be written.
pub(super) const ARE_BUILT_IN: bool = false;

/// Some rows.
#[derive(Debug)]
pub(crate) enum Rows {}

/// Writes such a file.
pub(super) enum Writer {}

/// The columns of a file of this format.
#[derive(Clone, Copy, Debug)]
pub(super) enum Schema<'c> {
    /// With the contract's types.
    Typed(Format, &'c [Column]),
}

pub(super) fn open(
    sink: Box<dyn Sink>,
    Schema::Typed(format, columns): Schema<'_>,
    _threads: usize,
) -> tamis_engine::Result<Writer> {
    Err(tamis_engine::Error::Unsupported {
        input: sink.name().to_owned(),
        reason: format!("{} columns cannot be written as {format}", columns.len()),
    })
}

pub(super) fn write(_writer: &mut Writer, rows: &Rows) -> tamis_engine::Result<()> {
    match *rows {}
}

pub(super) fn finish(writer: Writer) -> tamis_engine::Result<u64> {
    match writer {}
}

/// Collects rows of typed columns.
pub(super) enum Builder {}

impl Builder {
    pub(super) fn new(_columns: &[Column]) -> Builder {
        unreachable!("nothing is translated into what is not built in")
    }

    pub(super) fn add(
        &mut self,
        _column: usize,
        _vector: &Vector,
        _bytes: &[u8],
        _rows: &[u64],
    ) -> Result<(), tamis_formats::Error> {
        match *self {}
    }

    pub(super) fn finish(self) -> Result<Rows, tamis_formats::Error> {
        match self {}
    }
}
