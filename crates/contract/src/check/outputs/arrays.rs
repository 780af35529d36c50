//! Good and bad rows of Arrow's arrays: those of Parquet and Arrow files.
//!
//! A unit's arrays are kept until all of its rows are judged; then the good ones are picked out of them, array by array, and
//! stay what they are, or are written as lines. Bad ones become lines in any case.

use arrow_array::{Array, RecordBatch, StructArray};
use arrow_schema::SchemaRef;
use tamis_formats::Visitor;
use tamis_formats::arrow::file::BatchFile;
use tamis_formats::arrow::render::{RowWriter, as_declared, divide};
use tamis_formats::csv::Dialect;
use tamis_formats::file::Unit;
use tamis_formats::sniff::{self, Format};
use tamis_formats::write::Lines;

use super::Outputs;
use super::columns::Schema;
use super::good::unwritable;
use super::is_columnar;
use crate::check::CheckError;
use crate::check::part::Part;

/// What becomes of good rows.
#[derive(Debug)]
pub(crate) enum GoodArrays {
    Lines(RowWriter),
    Columns(Format, SchemaRef),
}

/// The arrays of a unit.
pub(crate) type Kept = Vec<StructArray>;

/// What becomes of the rows of a file.
pub(crate) struct Copier {
    /// The columns of good rows, if they are kept as arrays.
    columns: Option<SchemaRef>,
    good: Option<RowWriter>,
    bad: Option<RowWriter>,
}

impl GoodArrays {
    /// What the name of the file of good records asks for; CSV, if it says nothing.
    fn new(good: &str, file: &dyn BatchFile) -> Result<GoodArrays, CheckError> {
        let format = sniff::format_of_name(good).unwrap_or(Format::Delimited { delimiter: b',' });
        match Lines::of(format) {
            Some(lines) => Ok(GoodArrays::Lines(writer(file, lines)?)),
            None if is_columnar(format) => {
                let schema = SchemaRef::clone(file.schema());
                Ok(GoodArrays::Columns(format, schema))
            }
            None => Err(unwritable(good, format)),
        }
    }

    pub(super) fn schema(&self) -> Option<Schema<'_>> {
        match self {
            GoodArrays::Columns(format, schema) => Some(Schema::Arrow(*format, schema)),
            GoodArrays::Lines(_) => None,
        }
    }

    pub(super) fn lines(&self) -> Option<Lines> {
        match self {
            GoodArrays::Lines(writer) => Some(writer.lines()),
            GoodArrays::Columns(..) => None,
        }
    }

    pub(super) fn header(&self) -> Vec<u8> {
        match self {
            GoodArrays::Lines(writer) => writer.header(),
            GoodArrays::Columns(..) => Vec::new(),
        }
    }
}

fn writer(file: &dyn BatchFile, lines: Lines) -> Result<RowWriter, CheckError> {
    RowWriter::new(file.schema(), lines).map_err(|source| CheckError::Format {
        input: file.name().to_owned(),
        source,
    })
}

impl Copier {
    /// What is to be done with the rows of `file`, here and where they are judged; `None` if nobody wants them in this pass.
    ///
    /// # Errors
    /// [`CheckError::Output`] for a file of a format that the rows cannot be written in, [`CheckError::Format`] for columns
    /// that have no text.
    pub(crate) fn new(
        file: &dyn BatchFile,
        outputs: &Outputs<'_>,
    ) -> Result<Option<(Copier, Option<GoodArrays>)>, CheckError> {
        if !outputs.are_wanted() {
            return Ok(None);
        }
        let good = outputs.good_name().map(|good| GoodArrays::new(good, file));
        let good = good.transpose()?;
        let bad = outputs.bad_name().map(|name| {
            let lines = match sniff::format_of_name(name) {
                Some(Format::JsonLines | Format::JsonArray) => Lines::Json { is_element: false },
                Some(Format::Delimited { delimiter }) => Lines::Delimited(Dialect {
                    delimiter,
                    ..Dialect::csv()
                }),
                _ => Lines::Delimited(Dialect::csv()),
            };
            writer(file, lines)
        });
        let copier = Copier {
            columns: match &good {
                Some(GoodArrays::Columns(_, schema)) => Some(SchemaRef::clone(schema)),
                _ => None,
            },
            good: match &good {
                Some(GoodArrays::Lines(writer)) => Some(writer.clone()),
                _ => None,
            },
            bad: bad.transpose()?,
        };
        Ok(Some((copier, good)))
    }

    /// The dialect of bad rows; `None`: JSON.
    pub(crate) fn bad_dialect(&self) -> Option<Dialect> {
        match self.bad.as_ref()?.lines() {
            Lines::Delimited(dialect) => Some(dialect),
            Lines::Json { .. } => None,
        }
    }

    /// The line of names in front of bad rows; empty in JSON.
    pub(crate) fn bad_header(&self) -> Vec<u8> {
        self.bad.as_ref().map_or_else(Vec::new, RowWriter::header)
    }

    /// Reads a unit and keeps its arrays.
    ///
    /// # Errors
    /// As [`Unit::visit`].
    pub(crate) fn visit(
        &self,
        unit: Box<dyn Unit + '_>,
        visitor: &mut dyn Visitor,
        kept: &mut Kept,
    ) -> tamis_engine::Result<()> {
        unit.visit_keeping(visitor, kept).map(drop)
    }

    /// Puts the rows of `arrays` into `part`, which knows which are bad.
    ///
    /// # Errors
    /// [`ValueTooLong`](tamis_formats::Error::ValueTooLong), [`NotUtf8`](tamis_formats::Error::NotUtf8), and what is no
    /// JSON.
    pub(crate) fn copy(&self, part: &mut Part, arrays: &Kept) -> Result<(), tamis_formats::Error> {
        let good_rows = std::mem::take(&mut part.good_rows);
        let mut good_rows = good_rows.as_slice();
        let mut bad_lines = Vec::new();
        let mut bad_ends = Vec::new();
        let mut first = 0;
        for array in arrays {
            // A run that stops at its first bad row counts no row behind it.
            let len = array.len().min(part.totals.rows as usize - first);
            let mut is_good = vec![false; len];
            while let Some(run) = good_rows.first().filter(|run| run.start < first + len) {
                let here = run.start.max(first) - first..run.end.min(first + len) - first;
                is_good[here].fill(true);
                if run.end > first + len {
                    break;
                }
                good_rows = &good_rows[1..];
            }
            let [good, bad] = divide(&array.slice(0, len), is_good)?;
            if let Some(writer) = &self.bad {
                writer.for_each_row(&bad, &mut |line| {
                    bad_lines.extend_from_slice(line);
                    bad_ends.push(bad_lines.len());
                })?;
            }
            if let (Some(writer), Some(lines)) = (&self.good, &mut part.good) {
                writer.for_each_row(&good, &mut |line| lines.extend_from_slice(line))?;
            }
            if let Some(schema) = self.columns.as_ref().filter(|_| !good.is_empty()) {
                let good = as_declared(good, schema.fields())?;
                part.columns.push(RecordBatch::from(good));
            }
            first += len;
        }
        if let Some(bad) = &mut part.bad {
            for (record, end) in bad.records.iter_mut().zip(bad_ends) {
                record.bytes_end = end;
            }
            bad.bytes.extend_from_slice(&bad_lines);
        }
        Ok(())
    }
}
