//! The result as bytes: CSV, JSON, or a table for people.

use tamis_engine::Result;
use tamis_engine::framing::Framing;
use tamis_engine::sink::Sink;
use tamis_formats::csv::{self, Dialect};
use tamis_formats::write::write_json_string;
use unicode_width::UnicodeWidthStr;

use super::aggregate::{Cell, cells_of};
use super::columns::ColumnOutput;
use crate::batches::BatchFormat;

/// How a result is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResultFormat {
    /// Fields between commas, with a header.
    #[default]
    Csv,
    /// A JSON array of objects, one a line.
    Json,
    /// One JSON object a line.
    JsonLines,
    /// Columns side by side, for people.
    Table,
    /// Columns: Parquet or Arrow.
    Batches(BatchFormat),
}

/// Rows of a [`ResultFormat::Table`] that its widths are taken from; later rows may stick out.
const WIDTH_ROWS: usize = 1000;

/// The widest that a column of a table is made.
const WIDTH_MAX: usize = 60;

/// Writes rows of cells.
pub(super) struct Output {
    to: To,
    format: ResultFormat,
    names: Vec<String>,
    /// Rows written.
    rows: u64,
    line: Vec<u8>,
    /// The first rows of a table, until their widths are known.
    held: Vec<Vec<(Cell, String)>>,
    widths: Vec<usize>,
}

/// Where rows go.
enum To {
    Bytes(Box<dyn Sink>),
    Columns(Box<ColumnOutput>),
}

impl Output {
    /// Begins a result that is written in columns.
    pub(super) fn in_columns(columns: ColumnOutput) -> Output {
        Output {
            to: To::Columns(Box::new(columns)),
            format: ResultFormat::default(),
            names: Vec::new(),
            rows: 0,
            line: Vec::new(),
            held: Vec::new(),
            widths: Vec::new(),
        }
    }

    /// Begins a result with these columns.
    pub(super) fn new(
        mut sink: Box<dyn Sink>,
        format: ResultFormat,
        names: Vec<String>,
    ) -> Result<Output> {
        let mut line = Vec::new();
        match format {
            ResultFormat::Csv if sink.begin_records(Framing::Quoted(Dialect::csv().quoting())) => {
                fields(names.iter().map(|name| Some(name.as_bytes())), &mut line);
                sink.write_all(&line)?;
            }
            ResultFormat::Json => sink.write_all(b"[")?,
            ResultFormat::JsonLines => {
                sink.begin_records(Framing::Lines);
            }
            ResultFormat::Csv | ResultFormat::Table | ResultFormat::Batches(_) => {}
        }
        Ok(Output {
            to: To::Bytes(sink),
            format,
            names,
            rows: 0,
            line,
            held: Vec::new(),
            widths: Vec::new(),
        })
    }

    /// Appends a row.
    pub(super) fn row(&mut self, cells: &[u8]) -> Result<()> {
        if let To::Columns(columns) = &mut self.to {
            return columns.row(cells);
        }
        self.line.clear();
        match self.format {
            ResultFormat::Csv => {
                let texts =
                    cells_of(cells).map(|(cell, text)| (cell != Cell::Null).then_some(text));
                fields(texts, &mut self.line);
            }
            ResultFormat::Json | ResultFormat::JsonLines => {
                if self.format == ResultFormat::Json {
                    let separator: &[u8] = if self.rows == 0 { b"\n" } else { b",\n" };
                    self.line.extend_from_slice(separator);
                }
                object(&self.names, cells, &mut self.line);
                if self.format == ResultFormat::JsonLines {
                    self.line.push(b'\n');
                }
            }
            ResultFormat::Table => return self.table_row(cells),
            ResultFormat::Batches(_) => {}
        }
        self.rows += 1;
        let line = std::mem::take(&mut self.line);
        let written = self.write(&line);
        self.line = line;
        written
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.to {
            To::Bytes(sink) => sink.write_all(bytes),
            To::Columns(_) => Ok(()),
        }
    }

    /// Ends the result.
    pub(super) fn finish(mut self) -> Result<()> {
        match self.format {
            ResultFormat::Csv | ResultFormat::JsonLines | ResultFormat::Batches(_) => {}
            ResultFormat::Json => {
                let end: &[u8] = if self.rows == 0 { b"]\n" } else { b"\n]\n" };
                self.write(end)?;
            }
            ResultFormat::Table => self.write_held()?,
        }
        match self.to {
            To::Bytes(sink) => sink.finish(),
            To::Columns(columns) => columns.finish(),
        }
    }

    fn table_row(&mut self, cells: &[u8]) -> Result<()> {
        let shown = |(cell, text): (Cell, &[u8])| {
            // A row is a line, whatever is in its texts.
            let text = String::from_utf8_lossy(text);
            (cell, text.replace(|it: char| it.is_control(), " "))
        };
        let row: Vec<_> = cells_of(cells).map(shown).collect();
        self.rows += 1;
        if self.rows as usize <= WIDTH_ROWS {
            self.held.push(row);
            return Ok(());
        }
        self.write_held()?;
        self.write_aligned(&row)
    }

    /// Writes the header and the rows that were held back, if that is not done yet.
    fn write_held(&mut self) -> Result<()> {
        if !self.widths.is_empty() {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        let width = |(at, name): (usize, &String)| {
            let texts = held.iter().map(|row| row[at].1.width());
            texts
                .chain([name.width()])
                .max()
                .unwrap_or(0)
                .min(WIDTH_MAX)
        };
        self.widths = self.names.iter().enumerate().map(width).collect();
        // A name stands where its values do.
        let header = self.names.iter().enumerate().map(|(at, name)| {
            let is_bare = |row: &Vec<(Cell, String)>| row[at].0 == Cell::Bare;
            let cell = if held.iter().any(is_bare) {
                Cell::Bare
            } else {
                Cell::Text
            };
            (cell, name.clone())
        });
        let header: Vec<_> = header.collect();
        self.write_aligned(&header)?;
        let rules = self
            .widths
            .iter()
            .map(|&width| (Cell::Text, "-".repeat(width)));
        let rules: Vec<_> = rules.collect();
        self.write_aligned(&rules)?;
        held.iter().try_for_each(|row| self.write_aligned(row))
    }

    fn write_aligned(&mut self, row: &[(Cell, String)]) -> Result<()> {
        let mut line = String::new();
        for (at, ((cell, text), &width)) in row.iter().zip(&self.widths).enumerate() {
            let gap = " ".repeat(width.saturating_sub(text.width()));
            line.push_str(if at == 0 { "" } else { "  " });
            match cell {
                Cell::Bare => line.extend([gap.as_str(), text]),
                Cell::Null | Cell::Text => line.extend([text, gap.as_str()]),
            }
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        self.write(line.as_bytes())
    }
}

/// A record of CSV; null is an empty field.
fn fields<'t>(texts: impl Iterator<Item = Option<&'t [u8]>>, out: &mut Vec<u8>) {
    let dialect = Dialect::csv();
    let mut count = 0;
    for text in texts {
        if count > 0 {
            out.push(dialect.delimiter);
        }
        count += 1;
        if let Some(text) = text {
            csv::write_field(text, &dialect, out);
        }
    }
    if count == 1 && out.is_empty() {
        // A record of one null would be a blank line, which is no record.
        out.extend_from_slice(b"\"\"");
    }
    out.push(b'\n');
}

fn object(names: &[String], cells: &[u8], out: &mut Vec<u8>) {
    let mut before = b'{';
    for (name, (cell, text)) in names.iter().zip(cells_of(cells)) {
        out.push(before);
        before = b',';
        write_json_string(name.as_bytes(), out);
        out.push(b':');
        match cell {
            Cell::Null => out.extend_from_slice(b"null"),
            Cell::Bare => out.extend_from_slice(text),
            Cell::Text => write_json_string(text, out),
        }
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use tamis_engine::sink::MemorySink;

    use super::super::aggregate::Cells;
    use super::*;

    fn written(format: ResultFormat, rows: &[(&str, Option<&str>)]) -> String {
        let (sink, output) = MemorySink::new("result");
        let names = vec!["name".to_owned(), "n".to_owned()];
        let mut result = Output::new(Box::new(sink), format, names).unwrap();
        for (name, number) in rows {
            let mut cells = Cells::default();
            cells.text(name.as_bytes());
            match number {
                Some(number) => cells.bare(number.as_bytes()),
                None => cells.null(),
            }
            result.row(cells.as_bytes()).unwrap();
        }
        result.finish().unwrap();
        String::from_utf8(output.bytes().unwrap()).unwrap()
    }

    #[test]
    fn every_format_has_its_form() {
        let rows = [
            ("a", Some("1")),
            ("say \"b\", c", None),
            ("é\n", Some("-20")),
        ];
        assert_eq!(
            written(ResultFormat::Csv, &rows),
            "name,n\na,1\n\"say \"\"b\"\", c\",\n\"é\n\",-20\n"
        );
        assert_eq!(
            written(ResultFormat::JsonLines, &rows),
            "{\"name\":\"a\",\"n\":1}\n{\"name\":\"say \\\"b\\\", c\",\"n\":null}\n{\"name\":\"é\\n\",\"n\":-20}\n"
        );
        assert_eq!(
            written(ResultFormat::Json, &rows[..2]),
            "[\n{\"name\":\"a\",\"n\":1},\n{\"name\":\"say \\\"b\\\", c\",\"n\":null}\n]\n"
        );
        assert_eq!(written(ResultFormat::Json, &[]), "[]\n");
        assert_eq!(
            written(ResultFormat::Table, &rows),
            "name          n\n----------  ---\na             1\nsay \"b\", c\né           -20\n"
        );
        assert_eq!(written(ResultFormat::Table, &[]), "name  n\n----  -\n");
    }
}
