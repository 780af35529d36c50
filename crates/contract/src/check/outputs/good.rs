//! What becomes of good rows where they are found, and the file of those that are text.

use tamis_engine::framing::Framing;
use tamis_engine::sink::Sink;
use tamis_formats::input::Shape;
use tamis_formats::sniff::{self, Format};
use tamis_formats::write::Lines;

use super::arrays::GoodArrays;
use super::columns::Schema;
use super::{Translation, is_columnar};
use crate::check::CheckError;
use crate::check::compile::Compiled;
use crate::check::layout::Layout;

/// What becomes of good rows.
#[derive(Debug, Default)]
pub(crate) enum GoodRows {
    /// Nobody wants them.
    #[default]
    Unwanted,
    /// Their records are copied, byte for byte.
    Records,
    /// Their records become JSON lines or elements: JSON is copied, messages are shown.
    Json(Lines),
    /// Their fields are written as another format.
    Translated(Box<Translation>),
    /// They are numbered, for whoever has the arrays they lie in and makes this of them.
    #[cfg_attr(
        not(feature = "parquet"),
        expect(dead_code, reason = "there are no arrays")
    )]
    Numbered(GoodArrays),
}

impl GoodRows {
    /// Those of an input of text, for a file called `good`.
    pub(crate) fn of_text(
        good: Option<&str>,
        input: &str,
        compiled: &Compiled,
        shape: &Shape,
        layout: &Layout,
    ) -> Result<GoodRows, CheckError> {
        let Some(good) = good else {
            return Ok(GoodRows::Unwanted);
        };
        let Some(format) = sniff::format_of_name(good) else {
            return Ok(GoodRows::Records);
        };
        Ok(match (format, shape) {
            (Format::Delimited { delimiter }, Shape::Csv { dialect, .. })
                if delimiter == dialect.delimiter || are_called_alike(input, format) =>
            {
                GoodRows::Records
            }
            (Format::JsonLines, Shape::Jsonl) => GoodRows::Records,
            (Format::JsonArray, Shape::Jsonl) => GoodRows::Json(Lines::Json { is_element: true }),
            _ => {
                let translation = Translation::of_text(good, format, compiled, shape, layout)?;
                GoodRows::Translated(Box::new(translation))
            }
        })
    }

    /// Those of messages, which have a schema of their own: its columns, for a file that is not JSON, are `columns`.
    pub(crate) fn of_messages(
        good: Option<&str>,
        columns: &[tamis_formats::file::FileColumn],
        places: &mut dyn FnMut(usize) -> usize,
    ) -> Result<GoodRows, CheckError> {
        let Some(good) = good else {
            return Ok(GoodRows::Unwanted);
        };
        Ok(match sniff::format_of_name(good) {
            None | Some(Format::Protobuf) => GoodRows::Records,
            Some(Format::JsonLines) => GoodRows::Json(Lines::Json { is_element: false }),
            Some(Format::JsonArray) => GoodRows::Json(Lines::Json { is_element: true }),
            Some(format) => {
                let translation = Translation::of_messages(good, format, columns, places)?;
                GoodRows::Translated(Box::new(translation))
            }
        })
    }

    /// Whether they are wanted in any form.
    pub(crate) fn are_wanted(&self) -> bool {
        !matches!(self, GoodRows::Unwanted)
    }

    /// The columns of the file, if it is one of columns.
    pub(super) fn schema(&self) -> Option<Schema<'_>> {
        match self {
            GoodRows::Translated(translation) => translation.schema(),
            GoodRows::Numbered(arrays) => arrays.schema(),
            _ => None,
        }
    }

    /// The lines of the file, where they are not those of the input.
    fn lines(&self) -> Option<Lines> {
        match self {
            GoodRows::Json(lines) => Some(*lines),
            GoodRows::Translated(translation) => translation.lines(),
            GoodRows::Numbered(arrays) => arrays.lines(),
            GoodRows::Unwanted | GoodRows::Records => None,
        }
    }

    /// What stands in front of the rows, where it is not the header of the input.
    fn header(&self) -> Vec<u8> {
        match self {
            GoodRows::Translated(translation) => translation.header(),
            GoodRows::Numbered(arrays) => arrays.header(),
            _ => Vec::new(),
        }
    }
}

/// Whether an input has a name that says it is of this format, or a name that says nothing of columns between delimiters.
/// Then `good.csv` is what the input is, whatever its delimiter.
fn are_called_alike(input: &str, format: Format) -> bool {
    match sniff::format_of_name(input) {
        Some(named @ Format::Delimited { .. }) => named == format,
        _ => format == Format::Delimited { delimiter: b',' },
    }
}

/// The error for a file that cannot be of this format.
pub(super) fn unwritable(good: &str, format: Format) -> CheckError {
    let reason = match is_columnar(format) {
        true => {
            format!("this build cannot write {format}: build it with the cargo feature `parquet`")
        }
        false => format!("records of another format cannot be written as {format}"),
    };
    CheckError::Output {
        output: good.to_owned(),
        reason,
    }
}

/// A file of lines, or of one JSON array.
pub(super) struct LineFile {
    sink: Box<dyn Sink>,
    bytes: u64,
    /// The last record lacked its terminator.
    is_open: bool,
    array: Option<Array>,
}

/// How far an array has come.
#[derive(Clone, Copy, PartialEq)]
enum Array {
    Empty,
    Begun,
}

impl LineFile {
    pub(super) fn new(sink: Box<dyn Sink>) -> LineFile {
        LineFile {
            sink,
            bytes: 0,
            is_open: false,
            array: None,
        }
    }

    pub(super) fn into_sink(self) -> Box<dyn Sink> {
        self.sink
    }

    /// Writes what stands in front of the first row; `header` is that of the input.
    pub(super) fn begin(
        &mut self,
        rows: &GoodRows,
        header: &[u8],
        (framing, line_end): (Framing, u8),
    ) -> tamis_engine::Result<()> {
        let framing = match rows.lines() {
            None => framing,
            Some(Lines::Delimited(dialect)) => Framing::Quoted(dialect.quoting()),
            Some(Lines::Json { .. }) => Framing::Lines,
        };
        if !self.sink.begin_records(framing) {
            return Ok(());
        }
        match rows.lines() {
            None => self.write(header, line_end),
            Some(Lines::Json { is_element: true }) => {
                self.array = Some(Array::Empty);
                self.put(b"[")
            }
            Some(_) => self.put(&rows.header()),
        }
    }

    /// Begins a later input of text.
    pub(super) fn go_on(&mut self, rows: &GoodRows, line_end: u8) -> tamis_engine::Result<()> {
        match self.is_open && matches!(rows, GoodRows::Records) {
            true => self.write(&[line_end], line_end),
            false => Ok(()),
        }
    }

    /// Appends rows.
    pub(super) fn write(&mut self, bytes: &[u8], line_end: u8) -> tamis_engine::Result<()> {
        let Some(last) = bytes.last() else {
            return Ok(());
        };
        self.is_open = *last != line_end;
        match self.array {
            Some(Array::Empty) => {
                self.array = Some(Array::Begun);
                // No comma in front of the first.
                self.put(&bytes[1..])
            }
            _ => self.put(bytes),
        }
    }

    fn put(&mut self, bytes: &[u8]) -> tamis_engine::Result<()> {
        self.bytes += bytes.len() as u64;
        self.sink.write_all(bytes)
    }

    /// Publishes the file; its size in bytes.
    pub(super) fn finish(mut self) -> tamis_engine::Result<u64> {
        match self.array {
            None => {}
            Some(Array::Empty) => self.put(b"]\n")?,
            Some(Array::Begun) => self.put(b"\n]\n")?,
        }
        self.sink.finish()?;
        Ok(self.bytes)
    }
}
