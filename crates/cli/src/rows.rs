//! Rows in, rows out: what `filter`, `select`, `head`, `sample` and `convert` share.

mod follow;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use tamis_contract::report::text;
use tamis_engine::control::Progress;
use tamis_engine::human;
use tamis_engine::sink::Sink;
use tamis_engine::source::Source;
use tamis_formats::sniff::{self, Format};
use tamis_process::rows::{BatchFormat, Query, RowFormat, Take, Written, batch_format, write_rows};
use tamis_process::table::Table;

use crate::follow::{FollowArgs, Results};
use crate::progress::Display;
use crate::table::{TableArgs, TypeArgs};
use crate::{Context, Error, Exit, Result, output, topics};

/// Where rows go, and as what.
#[derive(Clone, Debug, Args)]
pub(crate) struct RowsOutput {
    /// Where the rows go, `-` for standard output
    #[arg(long, short, value_name = "FILE", default_value = "-", value_parser = output::file())]
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

    /// How Parquet and Arrow are packed: none, snappy, lz4, zstd, gzip, the last two perhaps with a level (`zstd:9`) [default: zstd:1
    /// for Parquet, none for Arrow]
    #[arg(long, value_name = "CODEC")]
    compression: Option<String>,
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
    /// A Parquet file
    Parquet,
    /// An Arrow file (IPC, Feather version 2)
    #[value(alias = "feather")]
    Arrow,
    /// A stream of Arrow record batches
    ArrowStream,
}

impl RowsOutput {
    /// Writes the rows that `query` asks for.
    pub(crate) fn write(
        &self,
        table: &TableArgs,
        query: Query,
        context: &Context<'_>,
    ) -> Result<Exit> {
        let TableArgs { inputs, options } = table;
        self.format
            .write(inputs, &self.output, options, query, context)
    }

    /// The same of a topic that may be followed.
    pub(crate) fn write_or_follow(
        &self,
        table: &TableArgs,
        query: Query,
        follow: FollowArgs,
        context: &Context<'_>,
    ) -> Result<Exit> {
        let TableArgs { inputs, options } = table;
        let names = (inputs.as_slice(), self.output.as_path());
        self.format
            .write_or_follow(names, options, query, follow, context)
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
        if let Take::First(_) = query.take {
            let topics = &context.globals.topics;
            topics.keep("more may have been read than was written");
        }
        let query = Query {
            format: self.of(path)?,
            ..query
        };
        let sources = options.sources(inputs, context)?;
        let sources: Vec<&dyn Source> = sources.iter().map(AsRef::as_ref).collect();
        let progress = Progress::new();
        let table_options = options.table_options(context, &progress)?;
        let start = Instant::now();
        let display = Display::start(context.globals, &progress);
        // What stands in a file that never appeared has not been written.
        let is_file = output::appears_whole(path);
        let open_sink = sink_opener(path, context)?;
        let result = Table::open(sources, table_options.clone()).and_then(|mut table| {
            let written = write_rows(&mut table, &query, is_file, &open_sink)?;
            Ok((written, table.notes().to_vec()))
        });
        drop(display);
        let (written, notes) = result.map_err(|error| options.located(error))?;
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

    /// The same of a topic that may be followed.
    pub(crate) fn write_or_follow(
        &self,
        (inputs, path): (&[PathBuf], &Path),
        options: &TypeArgs,
        query: Query,
        follow: FollowArgs,
        context: &Context<'_>,
    ) -> Result<Exit> {
        let results = Results::OnTheWay;
        follow.run(inputs, results, context, |context| match follow.is_on() {
            true => self.follow((inputs, path), options, query, context),
            false => self.write(inputs, path, options, query, context),
        })
    }

    /// The format that was asked for, or that the output's name tells.
    ///
    /// # Errors
    /// For a name that tells what rows are not written as, and for bytes that a terminal would show.
    pub(crate) fn of(&self, path: &Path) -> Result<Option<RowFormat>> {
        if topics::is_meant(path) {
            return self.of_messages(path).map(Some);
        }
        let format = match self.output_format {
            Some(format) => Some(format.into()),
            None => sniff::format_of_name(&path.to_string_lossy()),
        };
        let row_format = match format {
            None => None,
            Some(Format::Delimited { delimiter }) => Some(RowFormat::Delimited { delimiter }),
            Some(Format::JsonLines) => Some(RowFormat::JsonLines),
            Some(Format::JsonArray) => Some(RowFormat::JsonArray),
            Some(format) => Some(RowFormat::Batches(self.batches(format, path)?)),
        };
        match row_format {
            Some(RowFormat::Batches(_)) => refuse_terminal(path)?,
            _ => refuse_compression(self.compression.as_deref())?,
        }
        refuse_packed(path)?;
        Ok(row_format)
    }

    /// The same of the messages of a topic: JSON, unless something else is said.
    fn of_messages(&self, path: &Path) -> Result<RowFormat> {
        refuse_compression(self.compression.as_deref())?;
        let csv = RowFormat::Delimited { delimiter: b',' };
        match (self.output_format, topics::says_csv(path)?) {
            (None | Some(OutputFormat::Csv), Some(true)) | (Some(OutputFormat::Csv), None) => {
                Ok(csv)
            }
            (Some(OutputFormat::Tsv), None | Some(true)) => {
                Ok(RowFormat::Delimited { delimiter: b'\t' })
            }
            (None | Some(OutputFormat::Jsonl), None | Some(false)) => Ok(RowFormat::JsonLines),
            _ => Err(Error::Usage {
                message: format!(
                    "`{}`: each record is a message, a JSON object or a CSV record",
                    topics::shown(path)
                ),
                hint: Some("`--output-format` is `jsonl`, `csv` or `tsv` for topics".to_owned()),
            }),
        }
    }

    fn batches(&self, format: Format, path: &Path) -> Result<BatchFormat> {
        let found = batch_format(format, self.compression.as_deref());
        let found = found.map_err(|message| Error::Usage {
            message: format!("`--compression`: {message}"),
            hint: None,
        })?;
        found.ok_or_else(|| Error::Usage {
            message: format!("`{}`: rows cannot be written as {format}", path.display()),
            hint: Some(format!(
                "`--output-format` says what to write: {}",
                OutputFormat::names()
            )),
        })
    }
}

impl OutputFormat {
    /// Those that there are, for messages.
    fn names() -> String {
        let names = OutputFormat::value_variants().iter();
        let names = names.filter_map(|it| Some(it.to_possible_value()?.get_name().to_owned()));
        names.collect::<Vec<_>>().join(", ")
    }
}

impl From<OutputFormat> for Format {
    fn from(format: OutputFormat) -> Format {
        match format {
            OutputFormat::Csv => Format::Delimited { delimiter: b',' },
            OutputFormat::Tsv => Format::Delimited { delimiter: b'\t' },
            OutputFormat::Jsonl => Format::JsonLines,
            OutputFormat::Json => Format::JsonArray,
            OutputFormat::Parquet => Format::Parquet,
            OutputFormat::Arrow => Format::ArrowFile,
            OutputFormat::ArrowStream => Format::ArrowStream,
        }
    }
}

/// Fails for a codec where nothing is packed.
pub(crate) fn refuse_compression(codec: Option<&str>) -> Result<()> {
    match codec {
        None => Ok(()),
        Some(codec) => Err(Error::Usage {
            message: format!("`--compression {codec}` is for outputs in Parquet and Arrow"),
            hint: Some("pipe other formats through `zstd` or `gzip`".to_owned()),
        }),
    }
}

/// Fails if bytes that are no text would go to a terminal.
pub(crate) fn refuse_terminal(path: &Path) -> Result<()> {
    match output::is_terminal(path) {
        false => Ok(()),
        true => Err(Error::Usage {
            message: "Parquet and Arrow are not for terminals".to_owned(),
            hint: Some("write to a file with `-o FILE`, or into a pipe".to_owned()),
        }),
    }
}

/// Fails for a name that tells a packed file, since none is written.
pub(crate) fn refuse_packed(path: &Path) -> Result<()> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension {
        Some("gz" | "gzip" | "zst" | "zstd" | "lz4" | "bz2" | "xz") => Err(Error::Usage {
            message: format!("`{}`: files are not written packed", path.display()),
            hint: Some("write to standard output and pipe it through `zstd` or `gzip`".to_owned()),
        }),
        _ => Ok(()),
    }
}

/// Opens the sink for `path` when it is needed; a topic at once, so that a cluster that is away is told before anything is read.
pub(crate) fn sink_opener<'a>(
    path: &'a Path,
    context: &'a Context<'_>,
) -> Result<impl Fn() -> tamis_engine::Result<Box<dyn Sink>> + 'a> {
    let opened = match topics::is_meant(path) {
        true => Some(output::open_records(path, context)?),
        false => None,
    };
    let opened = Cell::new(opened);
    Ok(move || match opened.take() {
        Some(sink) => Ok(sink),
        None => output::open_file(path),
    })
}

/// Fails if writing to `path` would replace an input.
pub(crate) fn refuse_replacing(inputs: &[PathBuf], path: &Path) -> Result<()> {
    match inputs.iter().find(|input| output::replaces(path, input)) {
        None => Ok(()),
        Some(input) => Err(Error::Usage {
            message: format!(
                "the output would replace `{}`, which is read",
                topics::shown(input)
            ),
            hint: Some("write to another file and move it".to_owned()),
        }),
    }
}

/// Says how many records were left out, and how many values could not be computed.
pub(crate) fn tell_missing(malformed: u64, failed: u64, context: &Context<'_>) {
    if malformed > 0 {
        context.printer.say(&format!(
            "{} left out: a check tells what is wrong with them",
            text::counted(malformed, "malformed record"),
        ));
    }
    if failed > 0 {
        let are = if failed == 1 { "is" } else { "are" };
        context.printer.say(&format!(
            "{} could not be computed and {are} null: a division by zero, a number out of range, or a text that is none",
            text::counted(failed, "value"),
        ));
    }
}

/// Says what was written, and what was not; a pipe hears only the latter.
pub(crate) fn tell(
    written: &Written,
    is_file: bool,
    elapsed: std::time::Duration,
    context: &Context<'_>,
) {
    tell_missing(written.malformed, written.failed, context);
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
