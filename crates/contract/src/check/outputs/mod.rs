//! Where good and bad records go.
//!
//! ```text
//!                    worker                                                   merge
//! text, messages ──► raw records ────────────────────────────────────────► file of the same format
//!                └─► blocks, their good rows translated (translation) ──┬─► lines
//! Arrow's arrays ──► their good rows, as they are or as lines (arrays) ─┴─► record batches, to a writer of columns
//! ```
//!
//! The name of the file of good records says what they become: what the input is (or nothing known), and they are copied byte
//! for byte; another format, and they are written in it. Text gets columns of the contract's types
//! ([`translation`]); arrays keep theirs. Bad records are lines of text in any case, each with its row and its reasons
//! ([`bad`]).
//!
//! Nothing is there before all of it is: both files appear when the run has come to its end.

#[cfg_attr(feature = "parquet", path = "arrays.rs")]
#[cfg_attr(not(feature = "parquet"), path = "no_arrays.rs")]
pub(crate) mod arrays;
#[cfg_attr(feature = "parquet", path = "columns.rs")]
#[cfg_attr(not(feature = "parquet"), path = "no_columns.rs")]
pub(crate) mod columns;
mod good;
mod misfit;
#[cfg(test)]
mod tests;
mod translation;

use tamis_engine::sink::Sink;
use tamis_formats::sniff::{self, Format};

use super::batches::Batcher;
use super::merge::Tally;
use super::worker::Pass;
use super::{CheckError, bad};
use crate::report::{OutputKind, OutputReport};
pub(crate) use good::GoodRows;
use good::LineFile;
pub(crate) use misfit::Misfit;
pub(crate) use translation::{Translation, Translator};

/// Where good and bad records go, if anywhere.
#[derive(Default)]
pub(crate) struct Outputs<'a> {
    good: Option<Good>,
    bad: Option<Bad>,
    /// What the first input was, which the others must be as well.
    first: Option<First>,
    /// Records will go to files in a pass to come.
    is_rehearsal: bool,
    /// A good record that cannot be written.
    failed: Option<CheckError>,
    /// Where the rows go batch by batch, if anywhere.
    pub(crate) batches: Option<Batcher<'a>>,
}

/// The file of good records.
struct Good {
    name: String,
    /// `None`: it could not be opened.
    file: Option<GoodFile>,
}

enum GoodFile {
    Lines(LineFile),
    Columns(columns::Writer),
}

/// The file of bad records.
struct Bad {
    sink: Box<dyn Sink>,
    bytes: u64,
}

/// What records of several inputs must have in common to be written into one file.
#[derive(Debug, PartialEq)]
pub(crate) enum First {
    /// Text below this header, if any.
    Text(Vec<u8>),
    /// Messages of one type.
    Messages,
    /// Arrays with these columns.
    #[cfg(feature = "parquet")]
    Arrays(arrow_schema::Fields),
}

impl<'a> Outputs<'a> {
    /// # Errors
    /// [`CheckError::Output`] for a name that asks for what cannot be written.
    pub(crate) fn new(
        good: Option<Box<dyn Sink>>,
        bad: Option<Box<dyn Sink>>,
    ) -> Result<Self, CheckError> {
        if let Some(sink) = &bad
            && let Some(format) = sniff::format_of_name(sink.name())
            && is_columnar(format)
        {
            return Err(CheckError::Output {
                output: sink.name().to_owned(),
                reason: format!(
                    "bad records are written with their reasons as lines of text, not as {format}: name the file `.csv` or `.jsonl`"
                ),
            });
        }
        Ok(Outputs {
            good: good.map(|sink| Good {
                name: sink.name().to_owned(),
                file: Some(GoodFile::Lines(LineFile::new(sink))),
            }),
            bad: bad.map(|sink| Bad { sink, bytes: 0 }),
            ..Outputs::default()
        })
    }

    /// The same, and rows go there batch by batch.
    pub(crate) fn in_batches(self, batches: Batcher<'a>) -> Self {
        Outputs {
            batches: Some(batches),
            ..self
        }
    }

    /// For a first pass, which takes keys and writes nothing.
    pub(crate) fn rehearsal(&self) -> Outputs<'a> {
        Outputs {
            is_rehearsal: self.are_wanted(),
            ..Outputs::default()
        }
    }

    /// Whether records go to files in this pass.
    pub(crate) fn are_wanted(&self) -> bool {
        self.good.is_some() || self.bad.is_some()
    }

    /// Whether they do in this pass or in another, so that inputs must be cut in pieces that can be held in memory.
    #[cfg_attr(
        not(feature = "parquet"),
        expect(dead_code, reason = "only arrays are cut otherwise for it")
    )]
    pub(crate) fn are_expected(&self) -> bool {
        self.are_wanted() || self.is_rehearsal
    }

    /// Whether bad records go to a file in this pass.
    pub(crate) fn wants_bad(&self) -> bool {
        self.bad.is_some()
    }

    /// The name of the file of bad records.
    #[cfg(feature = "parquet")]
    pub(crate) fn bad_name(&self) -> Option<&str> {
        self.bad.as_ref().map(|bad| bad.sink.name())
    }

    /// The name of the file of good records, if they go to one in this pass.
    pub(crate) fn good_name(&self) -> Option<&str> {
        self.good.as_ref().map(|good| good.name.as_str())
    }

    /// Begins an input: writes what stands in front of the rows of the first, `header` in text.
    ///
    /// # Errors
    /// [`CheckError::HeadersDiffer`] for records that would not fit below those of the inputs before it; what opening a
    /// writer of columns gives.
    pub(crate) fn start_input(
        &mut self,
        input: &str,
        first: First,
        header: &[u8],
        pass: &Pass<'_>,
        threads: usize,
    ) -> Result<(), CheckError> {
        if !self.are_wanted() {
            return Ok(());
        }
        let is_first = match &self.first {
            None => true,
            Some(before) if *before == first => false,
            Some(_) => {
                return Err(CheckError::HeadersDiffer {
                    input: input.to_owned(),
                });
            }
        };
        let is_text = matches!(first, First::Text(_));
        if is_first {
            if let Some(bad) = &mut self.bad
                && bad.sink.begin_records(bad::framing(pass))
            {
                bad.write(&bad::header(header, pass))?;
            }
            self.first = Some(first);
        }
        match &mut self.good {
            Some(good) => good.start_input(is_first, is_text, header, pass, threads),
            None => Ok(()),
        }
    }

    /// Appends good records.
    pub(crate) fn write_good(&mut self, bytes: &[u8], line_end: u8) -> tamis_engine::Result<()> {
        match &mut self.good {
            Some(Good {
                file: Some(GoodFile::Lines(lines)),
                ..
            }) => lines.write(bytes, line_end),
            _ => Ok(()),
        }
    }

    /// Appends good rows as record batches.
    pub(crate) fn write_columns(&mut self, rows: &[columns::Rows]) -> tamis_engine::Result<()> {
        match &mut self.good {
            Some(Good {
                file: Some(GoodFile::Columns(writer)),
                ..
            }) => rows
                .iter()
                .try_for_each(|rows| columns::write(writer, rows)),
            _ => Ok(()),
        }
    }

    /// Appends bad records.
    pub(crate) fn write_bad(&mut self, bytes: &[u8]) -> tamis_engine::Result<()> {
        self.bad.as_mut().map_or(Ok(()), |bad| bad.write(bytes))
    }

    /// A good record of `input` cannot be written: nothing is, and the run may end.
    pub(crate) fn fail(&mut self, input: &str, misfit: &Misfit) {
        self.failed = Some(CheckError::Output {
            output: self.good_name().unwrap_or_default().to_owned(),
            reason: misfit.describe(input),
        });
    }

    /// What has kept records from being written, if anything has.
    ///
    /// # Errors
    /// [`CheckError::Output`].
    pub(crate) fn failure(&mut self) -> Result<(), CheckError> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Publishes both files, and says what is in them.
    pub(crate) fn finish(self, tally: &Tally) -> tamis_engine::Result<Vec<OutputReport>> {
        let mut reports = Vec::new();
        if let Some(good) = self.good {
            let bytes = match good.file {
                Some(GoodFile::Lines(lines)) => lines.finish()?,
                Some(GoodFile::Columns(writer)) => columns::finish(writer)?,
                None => 0,
            };
            reports.push(OutputReport {
                kind: OutputKind::Good,
                name: good.name,
                rows: tally.totals.rows - tally.invalid,
                bytes,
            });
        }
        if let Some(bad) = self.bad {
            reports.push(OutputReport {
                kind: OutputKind::Bad,
                name: bad.sink.name().to_owned(),
                rows: tally.invalid,
                bytes: bad.bytes,
            });
            bad.sink.finish()?;
        }
        Ok(reports)
    }
}

impl Good {
    fn start_input(
        &mut self,
        is_first: bool,
        is_text: bool,
        header: &[u8],
        pass: &Pass<'_>,
        threads: usize,
    ) -> Result<(), CheckError> {
        let (rows, line_end) = (&pass.good, pass.line_end);
        let framing = bad::framing(pass);
        if is_first
            && let Some(schema) = rows.schema()
            && let Some(GoodFile::Lines(lines)) = self.file.take()
        {
            let writer = columns::open(lines.into_sink(), schema, threads)?;
            self.file = Some(GoodFile::Columns(writer));
        }
        match &mut self.file {
            Some(GoodFile::Lines(lines)) if is_first => {
                lines.begin(rows, header, (framing, line_end))?
            }
            Some(GoodFile::Lines(lines)) if is_text => lines.go_on(rows, line_end)?,
            _ => {}
        }
        Ok(())
    }
}

impl Bad {
    fn write(&mut self, bytes: &[u8]) -> tamis_engine::Result<()> {
        self.bytes += bytes.len() as u64;
        self.sink.write_all(bytes)
    }
}

/// Whether a format has columns with types, and no lines.
pub(crate) fn is_columnar(format: Format) -> bool {
    matches!(
        format,
        Format::Parquet | Format::ArrowFile | Format::ArrowStream
    )
}
