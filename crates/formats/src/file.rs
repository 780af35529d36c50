//! Formats that are not lines of text: row groups, record batches, runs of messages.
//!
//! A [`RecordFile`] knows its columns and their types before the first record. It is divided into [`Unit`]s, which are
//! handed out in order and read by whichever thread has time; each gives its rows as [`Block`](crate::Block)s of the
//! wanted columns. That is all the pipeline needs to know of a format.

use std::fmt::Debug;

use tamis_engine::Error;

use crate::sniff::Format;
use crate::vector::Type;
use crate::{Totals, Visitor};

/// A column of a file that says what its columns are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileColumn {
    /// Its name; a member of a structure is `customer.city`.
    pub name: String,
    /// What its values are.
    pub ty: Type,
}

/// An opened file of records.
pub trait RecordFile: Debug + Send + Sync {
    /// What it is.
    fn format(&self) -> Format;

    /// Its columns.
    fn columns(&self) -> &[FileColumn];

    /// Structures whose members are columns, where it can be asked whether they are there: as columns that count on behind
    /// the others, each an object or missing.
    fn structures(&self) -> &[String] {
        &[]
    }

    /// How its bytes are read, for `--perf`: `mmap`, `read`, `stream`, ...
    fn backend(&self) -> &'static str {
        "read"
    }

    /// Its size as stored, if that is known.
    fn len_bytes(&self) -> Option<u64> {
        None
    }

    /// How many rows there are, if the file says.
    fn rows(&self) -> Option<u64>;

    /// The pieces of the file in the order of its rows, to be read as the columns that `wanted` lists.
    ///
    /// # Errors
    /// As [`Unit::visit`].
    fn units(&self, wanted: &[usize]) -> Result<Units<'_>, Error>;

    /// The same, where columns that are `passed` on as Arrow's arrays need no text; see [`Block::origin`](crate::Block::origin).
    ///
    /// # Errors
    /// As [`units`](Self::units).
    fn units_passing(&self, wanted: &[usize], passed: &[bool]) -> Result<Units<'_>, Error> {
        let _ = passed;
        self.units(wanted)
    }

    /// Whether records lie in the file one behind the other, as bytes that can be copied and [shown](Self::show_record).
    fn has_records(&self) -> bool {
        false
    }

    /// Writes a record of the file as JSON: an object, or a string for one that cannot be read. `record` is what
    /// [`Block::record`](crate::Block::record) says or a [`Malformed`](crate::Malformed) holds; formats without records that
    /// lie anywhere have no such.
    fn show_record(&self, record: &[u8], out: &mut Vec<u8>) {
        let _ = (record, out);
    }

    /// Checks at the end of a pass that the file is what was opened.
    ///
    /// # Errors
    /// [`Error::Changed`].
    fn verify(&self) -> Result<(), Error> {
        Ok(())
    }

    /// The file as one of Arrow's arrays, if it is: for whoever knows more of its columns than their names.
    #[cfg(feature = "parquet")]
    fn batches(&self) -> Option<&dyn crate::arrow::file::BatchFile> {
        None
    }

    /// What the columns are to Arrow, if the file is one of arrays; else none.
    #[cfg(feature = "parquet")]
    fn data_types(&self) -> Vec<arrow_schema::DataType> {
        Vec::new()
    }
}

/// The pieces of a file, in order.
pub type Units<'f> = Box<dyn Iterator<Item = Result<Box<dyn Unit + 'f>, Error>> + Send + 'f>;

/// Some rows of a file, not yet read.
pub trait Unit: Send {
    /// Bytes of the file that stand for these rows, for progress.
    fn len_bytes(&self) -> u64;

    /// Where the bytes of its blocks begin in the file (after decompression), if its records lie somewhere.
    fn byte_offset(&self) -> Option<u64> {
        None
    }

    /// Bytes that are read for the wanted columns, decompressed: what is to be told as checked.
    fn plain_bytes(&self) -> u64 {
        self.len_bytes()
    }

    /// Reads the rows and hands them to `visitor`, as blocks whose columns are the wanted ones in the order asked for.
    ///
    /// # Errors
    /// [`Error::Producer`] for a file that is damaged or lies about itself, [`Error::Read`] and [`Error::Changed`].
    fn visit(self: Box<Self>, visitor: &mut dyn Visitor) -> Result<Totals, Error>;

    /// The same, and keeps the arrays that the rows lie in, if they lie in any: with all columns of the file, where these were
    /// asked for.
    ///
    /// # Errors
    /// As [`visit`](Unit::visit).
    #[cfg(feature = "parquet")]
    fn visit_keeping(
        self: Box<Self>,
        visitor: &mut dyn Visitor,
        arrays: &mut Vec<arrow_array::StructArray>,
    ) -> Result<Totals, Error> {
        let _ = arrays;
        self.visit(visitor)
    }
}
