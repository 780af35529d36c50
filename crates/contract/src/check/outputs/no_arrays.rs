//! Good and bad rows of Arrow's arrays, in a build without Parquet and Arrow: there are none.

use tamis_formats::Visitor;
use tamis_formats::csv::Dialect;
use tamis_formats::file::Unit;
use tamis_formats::write::Lines;

use super::columns::Schema;
use crate::check::part::Part;

/// What becomes of good rows.
#[derive(Debug)]
pub(crate) enum GoodArrays {}

/// What becomes of the rows of a file.
pub(crate) enum Copier {}

/// The arrays of a unit.
#[derive(Debug, Default)]
pub(crate) struct Kept {}

impl GoodArrays {
    pub(super) fn schema(&self) -> Option<Schema<'_>> {
        match *self {}
    }

    pub(super) fn lines(&self) -> Option<Lines> {
        match *self {}
    }

    pub(super) fn header(&self) -> Vec<u8> {
        match *self {}
    }
}

impl Copier {
    pub(crate) fn bad_dialect(&self) -> Option<Dialect> {
        match *self {}
    }

    pub(crate) fn bad_header(&self) -> Vec<u8> {
        match *self {}
    }

    pub(crate) fn visit(
        &self,
        _unit: Box<dyn Unit + '_>,
        _visitor: &mut dyn Visitor,
        _kept: &mut Kept,
    ) -> tamis_engine::Result<()> {
        match *self {}
    }

    pub(crate) fn copy(&self, _part: &mut Part, _kept: &Kept) -> Result<(), tamis_formats::Error> {
        match *self {}
    }
}
