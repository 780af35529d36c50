//! Records of one input, by its format: of CSV without the header, blank lines and comments; malformed ones count.

use tamis_engine::pipeline::{self, Flow, Options};
use tamis_engine::source::Source;
use tamis_formats::csv::{self, Dialect, read_header};
use tamis_formats::file::RecordFile;
use tamis_formats::input::{Input, OpenError, Records, Shape, open_any};
use tamis_formats::{Block, Malformed, Visitor, jsonl};

use super::{CountOptions, Counted};
use crate::{Error, Result};

/// How many records `source` has. What was decided about it without being told is noted in `counted`.
pub(super) fn count(
    source: &dyn Source,
    options: &CountOptions,
    counted: &mut Counted,
) -> Result<u64> {
    let opened = open_any(source, &options.format).map_err(|error| match error {
        OpenError::Engine(error) => Error::Engine(error),
        OpenError::Format(error) => Error::Records {
            input: source.name().to_owned(),
            source: error,
        },
    });
    match opened? {
        Input::Text(records) => {
            let name = source.name();
            let notes = records.notes.iter();
            counted
                .notes
                .extend(notes.map(|note| format!("`{name}`: {note}")));
            count_lines(*records, counted, options)
        }
        Input::File(file) => count_rows(source.name(), file.as_ref(), options),
    }
}

fn count_lines(records: Records, counted: &mut Counted, options: &CountOptions) -> Result<u64> {
    let run_options = Options {
        start: records.start,
        ..run_options(options)
    };
    let mut count = 0;
    let shape = &records.shape;
    let outcome = pipeline::run(
        records.opened,
        shape.framing(),
        &run_options,
        || None,
        |parser: &mut Option<Parser>, chunk| {
            let at_end = chunk.at_end;
            let parser = parser.get_or_insert_with(|| Parser::new(shape, chunk.bytes, options));
            Ok(match parser {
                Parser::Csv(parser) => parser.parse(chunk.bytes, at_end, &mut Nobody).rows,
                Parser::Jsonl(parser) => parser.parse(chunk.bytes, at_end, &mut Nobody).rows,
            })
        },
        |rows| {
            count += rows;
            options.progress.add_records(rows);
            Ok(Flow::Continue)
        },
    )?;
    counted.note_backend(outcome.backend);
    counted.stages += outcome.stages;
    Ok(count)
}

/// Formats that are made of something else than lines.
fn count_rows(name: &str, file: &dyn RecordFile, options: &CountOptions) -> Result<u64> {
    if let Some(rows) = file.rows() {
        return Ok(rows);
    }
    let mut count = 0;
    pipeline::run_items(
        name,
        file.units(&[])?,
        &run_options(options),
        || (),
        |(), unit| Ok(unit.visit(&mut Nobody)?.rows),
        |rows| {
            count += rows;
            Ok(Flow::Continue)
        },
    )?;
    file.verify()?;
    Ok(count)
}

fn run_options(options: &CountOptions) -> Options {
    Options {
        threads: options.threads,
        chunk_bytes: options.chunk_bytes,
        record_bytes_max: options.record_bytes_max,
        kernel: options.kernel,
        cancel: options.cancel.clone(),
        progress: options.progress.clone(),
        ..Options::default()
    }
}

enum Parser {
    Csv(Box<csv::Parser>),
    Jsonl(Box<jsonl::Parser>),
}

impl Parser {
    /// A parser of records like those of `bytes`, which begin with one.
    fn new(shape: &Shape, bytes: &[u8], options: &CountOptions) -> Parser {
        match shape {
            Shape::Jsonl => Parser::Jsonl(Box::new(jsonl::Parser::new(&[], options.kernel))),
            Shape::Csv { dialect, header } => {
                // Records of another width count as well, but take longer.
                let width = match header {
                    Some(header) => header.names.len(),
                    None => width_of_first(bytes, dialect),
                };
                Parser::Csv(Box::new(csv::Parser::new(
                    *dialect,
                    width.max(1),
                    options.kernel,
                )))
            }
        }
    }
}

fn width_of_first(bytes: &[u8], dialect: &Dialect) -> usize {
    read_header(bytes, true, dialect).map_or(1, |first| first.names.len())
}

/// Whoever only counts looks at nothing.
struct Nobody;

impl Visitor for Nobody {
    fn block(&mut self, _block: &Block<'_>) {}

    fn malformed(&mut self, _record: &Malformed<'_>) {}
}
