//! Rows in, rows out: what `filter`, `select`, `head`, `sample` and `convert` share.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use tamis_contract::report::text;
use tamis_engine::control::Progress;
use tamis_engine::human;
use tamis_engine::sink::Sink;
use tamis_engine::source::Source;
use tamis_formats::sniff::{self, Format};
use tamis_process::rows::{Query, RowFormat, Written, write_rows};
use tamis_process::table::Table;

use crate::progress::Display;
use crate::table::TypeArgs;
use crate::{Context, Error, Exit, Result, output};

/// Where rows go, and as what.
#[derive(Clone, Debug, Args)]
pub(crate) struct RowsOutput {
    /// Where the rows go, `-` for standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    output: PathBuf,

    #[command(flatten)]
    format: FormatArgs,
}

/// What rows are written as.
#[derive(Clone, Debug, Args)]
pub(crate) struct FormatArgs {
    /// Format of the output [default: by its name, else that of the input]
    #[arg(long, value_enum, value_name = "FORMAT")]
    output_format: Option<OutputFormat>,
}

/// Formats by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    /// Comma-separated values
    Csv,
    /// Tab-separated values
    Tsv,
    /// One JSON object a line
    #[value(alias = "ndjson")]
    Jsonl,
    /// A JSON array of objects
    Json,
}

impl RowsOutput {
    /// Writes the rows that `query` asks for.
    pub(crate) fn write(
        &self,
        inputs: &[PathBuf],
        options: &TypeArgs,
        query: Query,
        context: &Context<'_>,
    ) -> Result<Exit> {
        self.format
            .write(inputs, &self.output, options, query, context)
    }
}

impl FormatArgs {
    /// Writes the rows that `query` asks for to `path`.
    pub(crate) fn write(
        &self,
        inputs: &[PathBuf],
        path: &Path,
        options: &TypeArgs,
        query: Query,
        context: &Context<'_>,
    ) -> Result<Exit> {
        refuse_replacing(inputs, path)?;
        self.refuse_unwritable(path)?;
        let query = Query {
            format: self.of(path),
            ..query
        };
        let sources = options.sources(inputs, context)?;
        let sources: Vec<&dyn Source> = sources.iter().map(AsRef::as_ref).collect();
        let progress = Progress::new();
        let table_options = options.table_options(context, &progress)?;
        let start = Instant::now();
        let display = Display::start(context.globals, &progress);
        // What stands in a file that never appeared has not been written.
        let is_file = !output::is_stdout(path) && (path.is_file() || !path.exists());
        let open_sink = || open_sink(path);
        let result = Table::open(sources, table_options.clone()).and_then(|mut table| {
            let written = write_rows(&mut table, &query, is_file, &open_sink)?;
            Ok((written, table.notes().to_vec()))
        });
        drop(display);
        let (written, notes) = result?;
        let elapsed = start.elapsed();
        notes.iter().for_each(|note| context.printer.say(note));
        tell(&written, is_file, elapsed, context);
        if context.globals.perf {
            let performance = written.scanned.performance(&table_options, elapsed);
            context
                .printer
                .performance(&performance, written.scanned.rows);
        }
        Ok(Exit::Good)
    }

    /// Fails for a file whose name tells a format that rows are not written in.
    fn refuse_unwritable(&self, path: &Path) -> Result<()> {
        let named = sniff::format_of_name(&path.to_string_lossy());
        match named.filter(|_| self.output_format.is_none() && self.of(path).is_none()) {
            None => Ok(()),
            Some(format) => Err(Error::Usage {
                message: format!("`{}`: rows cannot be written as {format}", path.display()),
                hint: Some(
                    "`--output-format` says what to write: csv, tsv, jsonl, json".to_owned(),
                ),
            }),
        }
    }

    /// The format that was asked for, or that the output's name tells.
    pub(crate) fn of(&self, path: &Path) -> Option<RowFormat> {
        match self.output_format {
            Some(OutputFormat::Csv) => Some(RowFormat::Delimited { delimiter: b',' }),
            Some(OutputFormat::Tsv) => Some(RowFormat::Delimited { delimiter: b'\t' }),
            Some(OutputFormat::Jsonl) => Some(RowFormat::JsonLines),
            Some(OutputFormat::Json) => Some(RowFormat::JsonArray),
            None if path
                .extension()
                .is_some_and(|extension| extension == "json") =>
            {
                Some(RowFormat::JsonArray)
            }
            None => match sniff::format_of_name(&path.to_string_lossy())? {
                Format::Delimited { delimiter } => Some(RowFormat::Delimited { delimiter }),
                Format::JsonLines => Some(RowFormat::JsonLines),
                _ => None,
            },
        }
    }
}

/// The sink for `path`, for those who open it when they know that they need it.
pub(crate) fn open_sink(path: &Path) -> tamis_engine::Result<Box<dyn Sink>> {
    match output::open(path) {
        Ok(sink) => Ok(sink),
        Err(Error::Engine(error)) => Err(error),
        Err(other) => unreachable!("opening a sink fails in the engine alone: {other}"),
    }
}

/// Fails if writing to `path` would replace an input.
pub(crate) fn refuse_replacing(inputs: &[PathBuf], path: &Path) -> Result<()> {
    match inputs.iter().find(|input| output::replaces(path, input)) {
        None => Ok(()),
        Some(input) => Err(Error::Usage {
            message: format!(
                "the output would replace `{}`, which is read",
                input.display()
            ),
            hint: Some("write to another file and move it".to_owned()),
        }),
    }
}

/// Says what was written, and what was not; a pipe hears only the latter.
pub(crate) fn tell(
    written: &Written,
    is_file: bool,
    elapsed: std::time::Duration,
    context: &Context<'_>,
) {
    if written.malformed > 0 {
        context.printer.say(&format!(
            "{} left out: a check tells what is wrong with them",
            text::counted(written.malformed, "malformed record"),
        ));
    }
    if written.failed > 0 {
        context.printer.say(&format!(
            "{} could not be computed and are null: a division by zero, a number out of range, or a text that is none",
            text::counted(written.failed, "value"),
        ));
    }
    if is_file {
        context.printer.say(&format!(
            "{} of {}; {} in {} ({})",
            human::count(written.rows),
            text::counted(written.scanned.rows, "row"),
            human::bytes(written.scanned.bytes),
            human::duration(elapsed),
            human::byte_rate(written.scanned.bytes, elapsed),
        ));
    }
}
